//! Where a mailbox is, and the way to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tapeline_secrets::http_client::is_loopback;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::imap_session::MailError;
use super::wire::Stream;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const PORT: u16 = 143;
const PORT_WITH_TLS: u16 = 993;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BadMailbox {
    #[error("the address must be like imaps://imap.example.org (imap:// for this machine only)")]
    NotImaps,
    #[error("the folder must have a name of plain letters, like INBOX")]
    BadFolder,
    #[error("the user must not be empty, nor have odd characters")]
    BadUser,
    #[error(
        "`{}` holds no certificate that can be read; it must be a PEM file",
        .0.display()
    )]
    BadAuthority(PathBuf),
    #[error("this machine's certificate authorities cannot be read; name one in a PEM file")]
    NoAuthorities,
}

impl BadMailbox {
    /// Which setting it is.
    pub fn key(&self) -> &'static str {
        match self {
            Self::NotImaps => "address",
            Self::BadFolder => "folder",
            Self::BadUser => "user",
            Self::BadAuthority(_) | Self::NoAuthorities => "authority",
        }
    }
}

#[derive(Clone)]
pub(super) struct MailServer {
    host: String,
    port: u16,
    /// None for this machine.
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// Whether mailboxes may be there. Opens no file.
pub(super) fn check(address: &str) -> Result<(), BadMailbox> {
    parse(address).map(drop)
}

impl MailServer {
    pub fn new(address: &str, authority: Option<&Path>) -> Result<Self, BadMailbox> {
        let (host, port, is_plain) = parse(address)?;
        let tls = if is_plain {
            None
        } else {
            let name = ServerName::try_from(host.clone()).map_err(|_| BadMailbox::NotImaps)?;
            Some((connector(authority)?, name))
        };
        Ok(Self { host, port, tls })
    }

    pub async fn connect(&self) -> Result<Box<dyn Stream>, MailError> {
        timeout(CONNECT_WITHIN, self.connected())
            .await
            .unwrap_or(Err(MailError::Unreachable))
    }

    async fn connected(&self) -> Result<Box<dyn Stream>, MailError> {
        let address = (self.host.as_str(), self.port);
        let stream = TcpStream::connect(address).await;
        let stream = stream.map_err(|_| MailError::Unreachable)?;
        let Some((connector, name)) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let secured = connector.connect(name.clone(), stream).await;
        Ok(Box::new(secured.map_err(|_| MailError::NotTrusted)?))
    }
}

/// Host, port, and whether it is this machine without TLS.
fn parse(address: &str) -> Result<(String, u16, bool), BadMailbox> {
    let url = Url::parse(address).map_err(|_| BadMailbox::NotImaps)?;
    let host = url.host_str().unwrap_or_default();
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none();
    let is_plain = url.scheme() == "imap" && is_loopback(host);
    if host.is_empty() || !is_bare || (url.scheme() != "imaps" && !is_plain) {
        return Err(BadMailbox::NotImaps);
    }
    let usual = if is_plain { PORT } else { PORT_WITH_TLS };
    let host = host.trim_matches(['[', ']']).to_owned();
    Ok((host, url.port().unwrap_or(usual), is_plain))
}

/// Trusts what this machine does, and the authority.
fn connector(authority: Option<&Path>) -> Result<TlsConnector, BadMailbox> {
    let mut extra = Vec::new();
    if let Some(path) = authority {
        let bad = || BadMailbox::BadAuthority(path.to_owned());
        let found = CertificateDer::pem_file_iter(path).map_err(|_| bad())?;
        extra = found.collect::<Result<Vec<_>, _>>().map_err(|_| bad())?;
        if extra.is_empty() {
            return Err(bad());
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra, provider.clone());
    let verifier = verifier.map_err(|_| BadMailbox::NoAuthorities)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| BadMailbox::NoAuthorities)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_go_over_tls_or_stay_on_this_machine() {
        for bad in [
            "",
            "imap.example.org",
            "imap://imap.example.org",
            "https://imap.example.org",
            "imaps://",
            "imaps://user:planted@imap.example.org",
            "imaps://imap.example.org/INBOX",
            "imap://127.0.0.1.example",
        ] {
            assert_eq!(check(bad), Err(BadMailbox::NotImaps), "{bad}");
        }
        let of = |address: &str| parse(address).unwrap();
        assert_eq!(
            of("imaps://imap.example.org"),
            ("imap.example.org".to_owned(), 993, false)
        );
        assert_eq!(
            of("imaps://127.0.0.1:1993/"),
            ("127.0.0.1".to_owned(), 1993, false)
        );
        assert_eq!(of("imap://[::1]"), ("::1".to_owned(), 143, true));
    }

    #[test]
    fn an_authority_that_cannot_be_read_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for path in [file.path(), Path::new("/nonexistent/ca.pem")] {
            let bad = MailServer::new("imaps://imap.example.org", Some(path)).err();
            assert_eq!(bad, Some(BadMailbox::BadAuthority(path.to_owned())));
        }
    }
}
