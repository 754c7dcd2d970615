//! One exchange over HTTP, bounded in time and size, without redirects.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::{Certificate, RequestBuilder, Url};
use zeroize::Zeroizing;

use crate::document::Document;
use crate::error::{Category, SecretError};
use crate::http_client::{HttpClient, Proxies, is_loopback};
use crate::secret::Secret;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// No secret is longer; a longer answer is none of ours.
const LONGEST_ANSWER: usize = 1 << 20;

pub(crate) struct Http {
    client: HttpClient,
}

pub(crate) struct Answer {
    pub status: u16,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    pub fn document(&self) -> Option<Document> {
        Document::parse(&self.body)
    }
}

impl Http {
    /// With the certificate authorities of this machine, and of `ca` (a PEM file).
    pub fn new(ca: Option<&Path>) -> Result<Self, SecretError> {
        let authorities = ca.map(certificates).transpose()?.unwrap_or_default();
        let client = HttpClient::new(ANSWER_WITHIN, Proxies::Never, &authorities);
        let client = client.map_err(|error| {
            SecretError::new(
                Category::BadReference,
                "HTTPS",
                format!("its client cannot be made: {}", cause(&error)),
                "see whether this machine has certificate authorities (ca-certificates)",
            )
        })?;
        Ok(Self { client })
    }

    pub fn get(&self, url: Url) -> RequestBuilder {
        self.client.get(url)
    }

    pub fn post(&self, url: Url, body: &[u8]) -> RequestBuilder {
        self.client.post(url).body(body.to_vec())
    }

    /// `whom` stands in errors.
    pub async fn send(&self, whom: &str, request: RequestBuilder) -> Result<Answer, SecretError> {
        let request = request.build().map_err(|e| unreachable(whom, &e))?;
        let response = self.client.execute(request).await;
        let mut response = response.map_err(|e| unreachable(whom, &e))?;
        let status = response.status().as_u16();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|e| unreachable(whom, &e))? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(SecretError::new(
                    Category::Damaged,
                    whom,
                    "the answer is longer than 1 MiB",
                    "see whether this is the right address",
                ));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body })
    }
}

/// A header that is not shown in logs.
pub(crate) fn hidden_header(whom: &str, secret: &Secret) -> Result<HeaderValue, SecretError> {
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
        SecretError::new(
            Category::WrongKey,
            whom,
            "the token has characters that no token has, such as a line end",
            "see what its reference leads to",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What is wrong with an address; plain HTTP only where nobody listens in between.
pub(crate) fn fault_of_address(address: &str) -> Option<String> {
    let Ok(url) = address.parse::<Url>() else {
        return Some("is no address like https://vault.example.org:8200".to_owned());
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Some("must not have a user or a password in it".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Some("must not have `?` or `#` in it".to_owned());
    }
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => None,
        ("http", Some(host)) if is_loopback(host) => None,
        ("http", _) => Some(
            "must begin with https://, since secrets would go over the network in plain text; \
             only an address of this machine may be http://"
                .to_owned(),
        ),
        _ => Some("must begin with https://".to_owned()),
    }
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, SecretError> {
    let bad = |what: String| {
        SecretError::new(
            Category::BadReference,
            path.display(),
            what,
            "name a PEM file of certificate authorities",
        )
    };
    let pem = std::fs::read(path).map_err(|error| bad(format!("cannot be read: {error}")))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(list) if !list.is_empty() => Ok(list),
        _ => Err(bad("holds no certificate".to_owned())),
    }
}

fn unreachable(whom: &str, error: &reqwest::Error) -> SecretError {
    if is_unproven(error) {
        return SecretError::new(
            Category::BadReference,
            whom,
            format!("its certificate cannot be trusted: {}", cause(error)),
            "see its address; name the file of its certificate authority, as secrets.vault.ca",
        );
    }
    let what = if error.is_timeout() {
        "no answer in time".to_owned()
    } else {
        format!("no answer: {}", cause(error))
    };
    SecretError::new(
        Category::Unreachable,
        whom,
        what,
        "see whether its address is right and it runs",
    )
}

/// The innermost reason: the outer ones only say that a request failed.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Whether a certificate is at fault, which does not mend itself.
fn is_unproven(error: &(dyn Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // What an I/O error was made of is not among its sources.
    let io = error.downcast_ref::<std::io::Error>();
    match io.and_then(std::io::Error::get_ref) {
        Some(inner) => is_unproven(inner),
        None => error.source().is_some_and(is_unproven),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for fine in [
            "https://vault.example.org:8200",
            "https://vault.example.org/prefix",
            "http://127.0.0.1:8200",
            "http://[::1]:8200",
            "http://localhost:8200/",
        ] {
            assert_eq!(fault_of_address(fine), None, "{fine}");
        }
        for (wrong, part) in [
            ("", "no address"),
            ("vault.example.org", "no address"),
            ("ftp://vault.example.org", "https://"),
            ("http://vault.example.org", "plain text"),
            ("http://localhost.example.org", "plain text"),
            ("https://user:x@vault.example.org", "password"),
            ("https://vault.example.org/?a=b", "`?`"),
        ] {
            let fault = fault_of_address(wrong).unwrap();
            assert!(fault.contains(part), "{wrong}: {fault}");
        }
    }

    #[test]
    fn a_token_with_a_line_end_is_not_shown() {
        let error = hidden_header("vault", &Secret::new("s.canary\n")).unwrap_err();
        assert_eq!(error.category, Category::WrongKey);
        assert!(!format!("{error} {error:?}").contains("canary"));
        let value = hidden_header("vault", &Secret::new("s.canary")).unwrap();
        assert!(!format!("{value:?}").contains("canary"));
    }
}
