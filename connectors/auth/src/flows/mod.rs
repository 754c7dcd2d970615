//! A file a venue's way to log in.

mod api_key;
mod device;
mod gateway;
mod http;
pub(crate) mod oauth;

use std::sync::Arc;

use tapeline_model::records::LoginCategory;
use tapeline_secrets::{Reference, Secret, Secrets};

use crate::address::base;
use crate::refusal::Refusal;

pub use crate::address::BadAddress;
pub use api_key::ApiKey;
pub use device::Device;
pub use gateway::Gateway;
pub use oauth::OAuth;

/// Whether secrets may be sent there.
pub fn check_address(address: &str) -> Result<(), BadAddress> {
    base(address).map(drop)
}

/// The name in an address.
pub fn host_of(address: &str) -> Option<String> {
    base(address).ok()?.host_str().map(str::to_owned)
}

/// Whether it is an address of this machine.
pub fn is_here(address: &str) -> bool {
    base(address).is_ok_and(|base| crate::address::is_here(&base))
}

/// Whether a browser may be sent there with a code.
pub fn check_redirect(address: &str) -> Result<(), BadAddress> {
    oauth::redirect(address).map(drop)
}

/// Two secrets that belong together: a name and a password, or a key and its secret.
pub struct Credentials {
    pub secrets: Secrets,
    pub name: Reference,
    pub password: Reference,
}

impl Credentials {
    async fn get(&self) -> Result<(Arc<Secret>, Arc<Secret>), Refusal> {
        let found = tokio::try_join!(
            self.secrets.get(&self.name),
            self.secrets.get(&self.password)
        );
        let (name, password) = found.map_err(|error| not_found(&error))?;
        Ok((name.secret, password.secret))
    }

    async fn look_up_again(&self) -> Result<(), Refusal> {
        let found = tokio::try_join!(
            self.secrets.again(&self.name),
            self.secrets.again(&self.password)
        );
        found.map(drop).map_err(|error| not_found(&error))
    }
}

/// A place of secrets that does not answer may do so again; a secret that is not there will not.
fn not_found(error: &tapeline_secrets::SecretError) -> Refusal {
    tracing::warn!(%error, "the credentials of a login were not found");
    match error.category {
        tapeline_secrets::Category::Unreachable => LoginCategory::Network.into(),
        _ => LoginCategory::BadCredentials.into(),
    }
}

#[cfg(test)]
mod tests;
