//! Which addresses secrets may be sent to.

use reqwest::Url;
use tapeline_secrets::http_client::is_loopback;
use thiserror::Error;

/// Why an address cannot be used.
#[derive(Debug, Error)]
pub enum BadAddress {
    #[error("the venue's address must be https://… (http:// for this machine only)")]
    NotHttps,
    #[error(
        "the redirect must be https://127.0.0.1:PORT/…, as it is registered with the venue, without a query"
    )]
    NotARedirect,
    #[error("requests cannot be made: {0}")]
    NoClient(reqwest::Error),
}

/// The address of a server that secrets may be sent to.
pub(crate) fn base(address: &str) -> Result<Url, BadAddress> {
    let base = Url::parse(address).map_err(|_| BadAddress::NotHttps)?;
    if base.scheme() != "https" && !(base.scheme() == "http" && is_here(&base)) {
        return Err(BadAddress::NotHttps);
    }
    Ok(base)
}

/// Whether it is a server of this machine.
pub(crate) fn is_here(address: &Url) -> bool {
    address.host_str().is_some_and(is_loopback)
}
