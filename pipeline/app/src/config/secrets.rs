//! Secrets are references, looked up when they are needed, and this is where they
//! lead to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tapeline_secrets::{
    AgeSettings, AwsSettings, Kind, LocalSettings, Reference, SecretError, Settings, Timing,
    VaultLogin, VaultSettings, read_here,
};

use super::fault::Fault;
use super::secret_store::SecretStore;
use super::{Config, Span};

/// Where secrets are that references lead to, other than environment and files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Places {
    /// A secret that was looked up counts for so long.
    pub cache_for: Span,
    /// Secrets in use are looked at this often.
    pub poll_every: Span,
    /// While its place cannot be asked, an old secret counts for so long.
    pub stale_limit: Span,
    pub local: LocalPlace,
    pub vault: VaultPlace,
    pub aws: AwsPlace,
    pub age: AgePlace,
    #[serde(skip)]
    pub store: SecretStore,
}

impl Default for Places {
    fn default() -> Self {
        let timing = Timing::default();
        Self {
            cache_for: Span(timing.cache_for),
            poll_every: Span(timing.poll_every),
            stale_limit: Span(timing.stale_limit),
            local: LocalPlace::default(),
            vault: VaultPlace::default(),
            aws: AwsPlace::default(),
            age: AgePlace::default(),
            store: SecretStore::default(),
        }
    }
}

/// secret://local/NAME: an encrypted file of this machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LocalPlace {
    pub file: PathBuf,
    /// A reference to an environment variable or a file; empty where there is no such file.
    pub passphrase: String,
}

impl Default for LocalPlace {
    fn default() -> Self {
        Self {
            file: PathBuf::from("tapeline.secrets"),
            passphrase: String::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Auth {
    #[default]
    Token,
    AppRole,
    Kubernetes,
}

/// secret://vault/MOUNT/PATH#FIELD: HashiCorp Vault, KV engine version 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct VaultPlace {
    /// Like https://vault.example.org:8200; empty where there is none.
    pub address: String,
    pub namespace: String,
    pub auth: Auth,
    /// Where the method is mounted; empty for its own name.
    pub mount: String,
    /// For auth = "token"; a reference, as the other credentials.
    pub token: String,
    /// For auth = "approle".
    pub role_id: String,
    pub secret_id: String,
    /// The reference leads to a wrapping token in place of the secret_id.
    pub wrapped: bool,
    /// For auth = "kubernetes".
    pub role: String,
    /// The file of the service account's token.
    pub jwt: PathBuf,
    /// A PEM file of further certificate authorities; empty for those of this machine.
    pub ca: PathBuf,
}

impl Default for VaultPlace {
    fn default() -> Self {
        Self {
            address: String::new(),
            namespace: String::new(),
            auth: Auth::default(),
            mount: String::new(),
            token: String::new(),
            role_id: String::new(),
            secret_id: String::new(),
            wrapped: false,
            role: String::new(),
            jwt: PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount/token"),
            ca: PathBuf::new(),
        }
    }
}

/// secret://aws/NAME#FIELD: AWS Secrets Manager.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AwsPlace {
    /// Like eu-west-1; empty where it is not used.
    pub region: String,
    /// In place of the region's own.
    pub endpoint: String,
    pub access_key: String,
    pub secret_key: String,
    /// For credentials that end.
    pub session_token: String,
}

impl Default for AwsPlace {
    fn default() -> Self {
        Self {
            region: String::new(),
            endpoint: String::new(),
            access_key: "secret://env/AWS_ACCESS_KEY_ID".to_owned(),
            secret_key: "secret://env/AWS_SECRET_ACCESS_KEY".to_owned(),
            session_token: String::new(),
        }
    }
}

/// secret://age/PATH#FIELD and secret://sops/PATH#KEY/KEY: files that were encrypted with age,
/// and files of SOPS whose values were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AgePlace {
    /// A reference to what `age-keygen` writes; empty where there are no such files.
    pub identity: String,
}

/// Takes references out of texts, and notes what is wrong with them.
struct Parser(Vec<Fault>);

impl Parser {
    fn wanted(&mut self, key: &str, text: &str) -> Reference {
        text.parse().unwrap_or_else(|error| {
            let message = match text {
                "" => {
                    "must be secret://env/NAME, secret://file/PATH or secret://os/NAME".to_owned()
                }
                _ => ToString::to_string(&error),
            };
            self.0.push(Fault::new(format!("secrets.{key}"), message));
            Reference::nowhere()
        })
    }
}

impl Places {
    /// All faults at once. Pure: looks nothing up.
    pub fn settings(&self) -> Result<Settings, Vec<Fault>> {
        let mut parser = Parser(Vec::new());
        let settings = Settings {
            timing: Timing {
                cache_for: self.cache_for.0,
                poll_every: self.poll_every.0,
                stale_limit: self.stale_limit.0,
                ..Timing::default()
            },
            local: self.local.settings(&mut parser),
            vault: self.vault.settings(&mut parser),
            aws: self.aws.settings(&mut parser),
            age: self.age.settings(&mut parser),
        };
        let mut faults = parser.0;
        for (key, message) in settings.faults() {
            faults.push(Fault::new(format!("secrets.{key}"), message));
        }
        if faults.is_empty() {
            Ok(settings)
        } else {
            Err(faults)
        }
    }

    /// The credentials of the places themselves, by key, where they are used.
    pub(super) fn references(&self) -> Vec<(String, &str)> {
        let (local, vault, aws) = (&self.local, &self.vault, &self.aws);
        let has_aws = !aws.region.is_empty();
        let uses = |auth: Auth| !vault.address.is_empty() && vault.auth == auth;
        let all = [
            (true, "local.passphrase", &local.passphrase),
            (uses(Auth::Token), "vault.token", &vault.token),
            (uses(Auth::AppRole), "vault.secret_id", &vault.secret_id),
            (has_aws, "aws.access_key", &aws.access_key),
            (has_aws, "aws.secret_key", &aws.secret_key),
            (has_aws, "aws.session_token", &aws.session_token),
            (true, "age.identity", &self.age.identity),
        ];
        let used = all.into_iter().filter(|(is_used, _, _)| *is_used);
        used.map(|(_, key, text)| (format!("secrets.{key}"), text.as_str()))
            .collect()
    }

    fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Env | Kind::File | Kind::Os => true,
            Kind::Local => !self.local.passphrase.is_empty(),
            Kind::Vault => !self.vault.address.is_empty(),
            Kind::Aws => !self.aws.region.is_empty(),
            Kind::Age | Kind::Sops => !self.age.identity.is_empty(),
        }
    }
}

impl LocalPlace {
    fn settings(&self, parser: &mut Parser) -> Option<LocalSettings> {
        (!self.passphrase.is_empty()).then(|| LocalSettings {
            file: self.file.clone(),
            passphrase: parser.wanted("local.passphrase", &self.passphrase),
        })
    }
}

impl VaultPlace {
    fn settings(&self, parser: &mut Parser) -> Option<VaultSettings> {
        if self.address.is_empty() {
            return None;
        }
        let mount = |usual: &str| match self.mount.as_str() {
            "" => usual.to_owned(),
            mount => mount.to_owned(),
        };
        let login = match self.auth {
            Auth::Token => VaultLogin::Token(parser.wanted("vault.token", &self.token)),
            Auth::AppRole => VaultLogin::AppRole {
                mount: mount("approle"),
                role_id: self.role_id.clone(),
                secret_id: parser.wanted("vault.secret_id", &self.secret_id),
                is_wrapped: self.wrapped,
            },
            Auth::Kubernetes => VaultLogin::Kubernetes {
                mount: mount("kubernetes"),
                role: self.role.clone(),
                jwt: self.jwt.clone(),
            },
        };
        let ca = Some(self.ca.clone()).filter(|path| path != Path::new(""));
        Some(VaultSettings {
            address: self.address.clone(),
            namespace: self.namespace.clone(),
            login,
            ca,
        })
    }
}

impl AwsPlace {
    fn settings(&self, parser: &mut Parser) -> Option<AwsSettings> {
        if self.region.is_empty() {
            return None;
        }
        let token = Some(&self.session_token).filter(|text| !text.is_empty());
        Some(AwsSettings {
            region: self.region.clone(),
            endpoint: Some(self.endpoint.clone()).filter(|text| !text.is_empty()),
            access_key: parser.wanted("aws.access_key", &self.access_key),
            secret_key: parser.wanted("aws.secret_key", &self.secret_key),
            session_token: token.map(|text| parser.wanted("aws.session_token", text)),
        })
    }
}

impl AgePlace {
    fn settings(&self, parser: &mut Parser) -> Option<AgeSettings> {
        (!self.identity.is_empty()).then(|| AgeSettings {
            identity: parser.wanted("age.identity", &self.identity),
        })
    }
}

/// Of the section, and of every reference elsewhere.
pub(super) fn faults(config: &Config) -> Vec<Fault> {
    let places = &config.secrets;
    let mut faults = places.settings().err().unwrap_or_default();
    // Told in the order of their keys.
    for (key, text) in BTreeMap::from_iter(config.reference_texts()) {
        let wrong = fault_of_reference(places, text);
        faults.extend(wrong.map(|message| Fault::new(key, message)));
    }
    faults
}

/// What is wrong with a value that must be a reference. Never shows it.
fn fault_of_reference(places: &Places, value: &str) -> Option<String> {
    match value.parse::<Reference>() {
        Ok(reference) if places.has(reference.kind()) => None,
        Ok(reference) => {
            let (kind, section) = (reference.kind().name(), reference.kind().section());
            Some(format!(
                "nothing is configured for {kind}; fill in [secrets.{section}]"
            ))
        }
        Err(error) => Some(error.to_string()),
    }
}

/// Empty stays empty.
pub(super) fn resolve_reference(places: &Places, key: &str, value: &str) -> Result<String, Fault> {
    if value.is_empty() {
        return Ok(String::new());
    }
    let reference: Reference = value
        .parse()
        .map_err(|error: tapeline_secrets::ReferenceError| Fault::new(key, error.to_string()))?;
    if reference.is_here() {
        let secret = read_here(&reference);
        let secret = secret.map_err(|SecretError { what, remedy, .. }| {
            Fault::new(key, format!("{what}; {remedy}"))
        })?;
        return Ok(secret.expose().to_owned());
    }
    let lookup = places
        .lookup()
        .map_err(|faults| match faults.into_iter().next() {
            Some(fault) => fault,
            None => Fault::new(key, "the places of secrets cannot be used"),
        })?;
    let value = lookup.get(&reference);
    let value = value.map_err(|error| Fault::new(key, error.to_string()))?;
    Ok(value.secret.expose().to_owned())
}

pub(super) fn resolve_if_reference(
    places: &Places,
    key: &str,
    value: &str,
) -> Result<String, Fault> {
    if Reference::is_meant(value) {
        resolve_reference(places, key, value)
    } else {
        Ok(value.to_owned())
    }
}

#[cfg(test)]
mod tests;
