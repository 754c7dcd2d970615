//! The names of all metrics of this crate. None ever has a value of a secret.

/// Counter {kind}: fetches from where secrets are, caches left out.
pub const FETCHES: &str = "tapeline_secret_fetches_total";
/// Counter {kind, category}: fetches that failed.
pub const FAILURES: &str = "tapeline_secret_failures_total";
/// Counter {kind}: questions answered with an old value, since fetching a new one failed.
pub const STALE: &str = "tapeline_secret_stale_total";
/// Counter {kind}: values that changed while they were in use.
pub const CHANGES: &str = "tapeline_secret_changes_total";
/// Gauge {reference}: how old the version in use is, when it was last looked at.
pub const VERSION_AGE_SECONDS: &str = "tapeline_secret_version_age_seconds";
/// Counter {method}: logins to Vault.
pub const VAULT_LOGINS: &str = "tapeline_secret_vault_logins_total";
/// Counter: renewals of Vault's token.
pub const VAULT_RENEWALS: &str = "tapeline_secret_vault_renewals_total";
