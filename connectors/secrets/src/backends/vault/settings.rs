use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backends::section::{Faults, ReferenceParser, Section, must_be_here};
use crate::http::fault_of_address;
use crate::reference::Reference;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Auth")]
pub enum VaultAuth {
    #[default]
    Token,
    AppRole,
    Kubernetes,
}

/// secret://vault/MOUNT/PATH#FIELD: HashiCorp Vault, KV engine version 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "VaultPlace")]
pub struct VaultSection {
    /// Like https://vault.example.org:8200; empty where there is none.
    pub address: String,
    pub namespace: String,
    pub auth: VaultAuth,
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

impl Default for VaultSection {
    fn default() -> Self {
        Self {
            address: String::new(),
            namespace: String::new(),
            auth: VaultAuth::default(),
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

impl Section for VaultSection {
    type Settings = VaultSettings;

    fn is_filled(&self) -> bool {
        !self.address.is_empty()
    }

    fn settings(&self, parser: &mut ReferenceParser) -> Option<VaultSettings> {
        if self.address.is_empty() {
            return None;
        }
        let mount = |usual: &str| match self.mount.as_str() {
            "" => usual.to_owned(),
            mount => mount.to_owned(),
        };
        let login = match self.auth {
            VaultAuth::Token => VaultLogin::Token(parser.wanted("vault.token", &self.token)),
            VaultAuth::AppRole => VaultLogin::AppRole {
                mount: mount("approle"),
                role_id: self.role_id.clone(),
                secret_id: parser.wanted("vault.secret_id", &self.secret_id),
                is_wrapped: self.wrapped,
            },
            VaultAuth::Kubernetes => VaultLogin::Kubernetes {
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

    fn references(&self) -> Vec<(&'static str, &str)> {
        let credential = match self.auth {
            VaultAuth::Token => ("vault.token", self.token.as_str()),
            VaultAuth::AppRole => ("vault.secret_id", self.secret_id.as_str()),
            VaultAuth::Kubernetes => return Vec::new(),
        };
        if self.is_filled() {
            vec![credential]
        } else {
            Vec::new()
        }
    }
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

impl VaultSettings {
    pub(crate) fn faults(&self, faults: &mut Faults) {
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
