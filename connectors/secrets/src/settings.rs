use std::path::PathBuf;
use std::time::Duration;

use crate::http::fault_of_address;
use crate::reference::Reference;

/// Where secrets are and for how long they count. A kind of place that has no
/// settings here cannot be asked.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub timing: Timing,
    pub local: Option<LocalSettings>,
    pub vault: Option<VaultSettings>,
    pub aws: Option<AwsSettings>,
    pub age: Option<AgeSettings>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// A secret that was looked up is given again for so long.
    pub cache_for: Duration,
    /// Secrets that somebody watches are looked at this often.
    pub poll_every: Duration,
    /// While its place cannot be asked, an old secret is given for so long.
    pub stale_limit: Duration,
    /// A secret that was not accepted is fetched again at most this often.
    pub again_gap: Duration,
    /// After a failure its place is left alone for so long.
    pub failure_pause: Duration,
    /// The longest that one fetch may take, with its repetitions.
    pub fetch_within: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            cache_for: Duration::from_secs(5 * 60),
            poll_every: Duration::from_secs(60),
            stale_limit: Duration::from_secs(3600),
            again_gap: Duration::from_secs(5),
            failure_pause: Duration::from_secs(1),
            fetch_within: Duration::from_secs(40),
        }
    }
}

/// The encrypted file of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSettings {
    pub file: PathBuf,
    /// To an environment variable or a file.
    pub passphrase: Reference,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSettings {
    pub address: String,
    /// Empty for none.
    pub namespace: String,
    pub login: VaultLogin,
    /// A PEM file of further certificate authorities.
    pub ca: Option<PathBuf>,
}

/// How a token is got. References lead to environment variables or files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultLogin {
    Token(Reference),
    AppRole {
        /// Where the method is mounted, mostly `approle`.
        mount: String,
        role_id: String,
        secret_id: Reference,
        /// The reference leads to a wrapping token in place of the secret_id.
        is_wrapped: bool,
    },
    Kubernetes {
        /// Where the method is mounted, mostly `kubernetes`.
        mount: String,
        role: String,
        /// Read again at each login, since the cluster renews it.
        jwt: PathBuf,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSettings {
    pub region: String,
    /// In place of the region's own.
    pub endpoint: Option<String>,
    /// Credentials, as references to environment variables or files.
    pub access_key: Reference,
    pub secret_key: Reference,
    pub session_token: Option<Reference>,
}

/// For files that were encrypted with age.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgeSettings {
    /// To an environment variable or a file, as `age-keygen` writes it.
    pub identity: Reference,
}

impl Settings {
    /// What is wrong, by key. Pure: looks nothing up.
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = self.timing.faults();
        if let Some(local) = &self.local {
            if local.file.as_os_str().is_empty() {
                faults.push(("local.file", "must name a file".to_owned()));
            }
            must_be_here(&mut faults, "local.passphrase", &local.passphrase);
        }
        if let Some(vault) = &self.vault {
            vault.faults(&mut faults);
        }
        if let Some(aws) = &self.aws {
            aws.faults(&mut faults);
        }
        if let Some(age) = &self.age {
            must_be_here(&mut faults, "age.identity", &age.identity);
        }
        faults
    }
}

impl Timing {
    fn faults(&self) -> Vec<(&'static str, String)> {
        let day = Duration::from_secs(24 * 3600);
        let second = Duration::from_secs(1);
        let mut faults = Vec::new();
        if self.cache_for > day {
            faults.push(("cache_for", "must be at most 1day".to_owned()));
        }
        if !(second..=day).contains(&self.poll_every) {
            faults.push(("poll_every", "must be from 1s to 1day".to_owned()));
        }
        if self.stale_limit < self.cache_for || self.stale_limit > 7 * day {
            let message = "must be from secrets.cache_for to 7days".to_owned();
            faults.push(("stale_limit", message));
        }
        faults
    }
}

/// What opens other places must be on this machine, or looking up would never end.
fn must_be_here(
    faults: &mut Vec<(&'static str, String)>,
    key: &'static str,
    reference: &Reference,
) {
    if !reference.is_here() {
        let message = "must be secret://env/NAME or secret://file/PATH".to_owned();
        faults.push((key, message));
    }
}

impl VaultSettings {
    fn faults(&self, faults: &mut Vec<(&'static str, String)>) {
        if let Some(fault) = fault_of_address(&self.address) {
            faults.push(("vault.address", fault));
        }
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
        if !plain(&self.namespace) {
            faults.push(("vault.namespace", "has odd characters".to_owned()));
        }
        let odd_mount = |mount: &str| {
            let odd = |part: &str| part.is_empty() || part == "." || part == "..";
            mount.split('/').any(odd) || !plain(mount)
        };
        match &self.login {
            VaultLogin::Token(token) => must_be_here(faults, "vault.token", token),
            VaultLogin::AppRole {
                mount,
                role_id,
                secret_id,
                is_wrapped: _,
            } => {
                if odd_mount(mount) {
                    faults.push(("vault.mount", "must be like `approle`".to_owned()));
                }
                if role_id.is_empty() {
                    faults.push(("vault.role_id", "must not be empty".to_owned()));
                }
                must_be_here(faults, "vault.secret_id", secret_id);
            }
            VaultLogin::Kubernetes { mount, role, jwt } => {
                if odd_mount(mount) {
                    faults.push(("vault.mount", "must be like `kubernetes`".to_owned()));
                }
                if role.is_empty() {
                    faults.push(("vault.role", "must not be empty".to_owned()));
                }
                if jwt.as_os_str().is_empty() {
                    faults.push(("vault.jwt", "must name a file".to_owned()));
                }
            }
        }
    }
}

impl AwsSettings {
    /// Where requests go.
    pub(crate) fn address(&self) -> String {
        let own = || format!("https://secretsmanager.{}.amazonaws.com", self.region);
        self.endpoint.clone().unwrap_or_else(own)
    }

    fn faults(&self, faults: &mut Vec<(&'static str, String)>) {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.region.is_empty() || !self.region.chars().all(plain) {
            faults.push(("aws.region", "must be like eu-west-1".to_owned()));
        } else if let Some(fault) = fault_of_address(&self.address()) {
            faults.push(("aws.endpoint", fault));
        }
        must_be_here(faults, "aws.access_key", &self.access_key);
        must_be_here(faults, "aws.secret_key", &self.secret_key);
        if let Some(token) = &self.session_token {
            must_be_here(faults, "aws.session_token", token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_with_its_key() {
        assert_eq!(Settings::default().faults(), []);
        let remote: Reference = "secret://vault/kv/a#b".parse().unwrap();
        let settings = Settings {
            timing: Timing {
                cache_for: Duration::from_secs(7200),
                poll_every: Duration::ZERO,
                ..Timing::default()
            },
            local: Some(LocalSettings {
                file: PathBuf::new(),
                passphrase: remote.clone(),
            }),
            vault: Some(VaultSettings {
                address: "http://vault.example.org".to_owned(),
                namespace: "a b".to_owned(),
                login: VaultLogin::AppRole {
                    mount: "../sys".to_owned(),
                    role_id: String::new(),
                    secret_id: remote.clone(),
                    is_wrapped: false,
                },
                ca: None,
            }),
            aws: Some(AwsSettings {
                region: "Europe".to_owned(),
                endpoint: None,
                access_key: remote.clone(),
                secret_key: remote.clone(),
                session_token: Some(remote.clone()),
            }),
            age: Some(AgeSettings { identity: remote }),
        };
        let keys: Vec<&str> = settings.faults().into_iter().map(|(key, _)| key).collect();
        let expected = [
            "poll_every",
            "stale_limit",
            "local.file",
            "local.passphrase",
            "vault.address",
            "vault.namespace",
            "vault.mount",
            "vault.role_id",
            "vault.secret_id",
            "aws.region",
            "aws.access_key",
            "aws.secret_key",
            "aws.session_token",
            "age.identity",
        ];
        assert_eq!(keys, expected);
    }
}
