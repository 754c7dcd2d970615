//! Where a person's browser brings the code of an OAuth login: a server on this machine for one
//! request.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use reqwest::Url;
use tapeline_secrets::Secret;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

use crate::address::BadAddress;
use crate::flows::oauth::redirect;
use crate::mfa::Code;

/// Browsers open a few at once; more than this wait for a place.
const MOST_CONNECTIONS: usize = 16;
/// For handshake and request together.
const ASKED_WITHIN: Duration = Duration::from_secs(10);
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
const LONGEST_HEAD: usize = 16 << 10;
const MOST_HEADERS: usize = 100;
/// When the machine has no place for another connection.
const REST: Duration = Duration::from_millis(100);

const DONE: &str = "You may close this window: the login goes on in the terminal.";
const NOTHING: &str = "There is nothing here.";

#[derive(Debug, Error)]
pub enum CallbackError {
    #[error("{0}")]
    BadAddress(#[from] BadAddress),
    #[error("port {port} of this machine cannot be opened for the login: {error}; end what has it")]
    Port { port: u16, error: io::Error },
    #[error("no certificate can be made for the login: {0}")]
    Certificate(String),
}

pub struct Callback {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    redirect: Arc<Url>,
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").finish_non_exhaustive()
    }
}

impl Callback {
    /// Opens the port of the redirect, with a certificate made for this once: the browser warns of
    /// it.
    pub async fn open(redirect: &str) -> Result<Self, CallbackError> {
        let mut redirect = self::redirect(redirect)?;
        let port = redirect.port().ok_or(BadAddress::NotARedirect)?;
        let acceptor = acceptor().map_err(|error| CallbackError::Certificate(error.to_string()))?;
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let taken = |error| CallbackError::Port { port, error };
        let listener = TcpListener::bind(here).await.map_err(taken)?;
        let bound = listener.local_addr().map_err(taken)?;
        // Port 0 takes a free one.
        let _has_host = redirect.set_port(Some(bound.port()));
        Ok(Self {
            listener,
            acceptor,
            redirect: Arc::new(redirect),
        })
    }

    /// Where it waits.
    pub fn redirect(&self) -> &str {
        self.redirect.as_str()
    }

    /// The whole address that the browser was sent to, for `Flow::prove`; none when it does not
    /// come in time. `state` is the challenge's id.
    pub async fn wait(self, state: &str, within: Duration) -> Option<Code> {
        timeout(within, self.serve(state)).await.ok()
    }

    async fn serve(self, state: &str) -> Code {
        let state = Arc::new(Secret::new(state));
        let mut visits = JoinSet::new();
        loop {
            tokio::select! {
                Some(visit) = visits.join_next() => {
                    if let Ok(Some(code)) = visit {
                        return code;
                    }
                }
                accepted = self.listener.accept(), if visits.len() < MOST_CONNECTIONS => {
                    let Ok((stream, _)) = accepted else {
                        sleep(REST).await;
                        continue;
                    };
                    let (acceptor, state) = (self.acceptor.clone(), state.clone());
                    let redirect = self.redirect.clone();
                    visits.spawn(async move { visit(acceptor, stream, &redirect, &state).await });
                }
            }
        }
    }
}

/// One request, and what it brought.
async fn visit(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    redirect: &Url,
    state: &Secret,
) -> Option<Code> {
    let asked = timeout(ASKED_WITHIN, asked(acceptor, stream)).await;
    let (mut stream, head) = asked.ok()??;
    let brought = brought(&head, redirect, state);
    let (status, says) = match brought {
        Some(_) => ("200 OK", DONE),
        None => ("404 Not Found", NOTHING),
    };
    // That the person does not see the page is no reason to lose the code.
    let _told = timeout(ANSWERED_WITHIN, answer(&mut stream, status, says)).await;
    brought
}

type ReceivedRequest = (TlsStream<TcpStream>, Zeroizing<Vec<u8>>);

async fn asked(acceptor: TlsAcceptor, stream: TcpStream) -> Option<ReceivedRequest> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    // With its room from the start, so that no copy of a code is left behind.
    let mut head = Zeroizing::new(Vec::with_capacity(LONGEST_HEAD));
    let mut piece = Zeroizing::new([0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut *piece).await.ok()?;
        if read == 0 || head.len() + read > LONGEST_HEAD {
            return None;
        }
        head.extend_from_slice(&piece[..read]);
    }
    Some((stream, head))
}

/// The address that was asked for, if it is ours and answers what was asked.
fn brought(head: &[u8], redirect: &Url, state: &Secret) -> Option<Code> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    request
        .parse(head)
        .ok()
        .filter(httparse::Status::is_complete)?;
    let target = request.path.filter(|path| path.starts_with('/'))?;
    if request.method != Some("GET") {
        return None;
    }
    let origin = redirect.origin().ascii_serialization();
    let address = Zeroizing::new(format!("{origin}{target}"));
    let asked = Url::parse(&address).ok()?;
    if asked.origin() != redirect.origin() || asked.path() != redirect.path() {
        return None;
    }
    let mut states = asked.query_pairs().filter(|(name, _)| name == "state");
    let (Some((_, given)), None) = (states.next(), states.next()) else {
        return None;
    };
    let is_ours = Secret::new(given).is_same(state);
    is_ours.then(|| Code::new(address.as_str()))
}

async fn answer(stream: &mut TlsStream<TcpStream>, status: &str, says: &str) -> io::Result<()> {
    let page = format!("<!doctype html><meta charset=utf-8><title>Tapeline</title><p>{says}");
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
         content-security-policy: default-src 'none'\r\nreferrer-policy: no-referrer\r\n\
         cache-control: no-store\r\nconnection: close\r\n\r\n",
        page.len()
    );
    stream.write_all((head + &page).as_bytes()).await?;
    stream.shutdown().await
}

fn acceptor() -> Result<TlsAcceptor, Box<dyn std::error::Error + Send + Sync>> {
    let key = KeyPair::generate()?;
    let params = CertificateParams::new(vec![Ipv4Addr::LOCALHOST.to_string()])?;
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(head: &[u8]) -> Option<String> {
        let redirect = redirect("https://127.0.0.1:8182/callback").unwrap();
        brought(head, &redirect, &Secret::new("s1")).map(|code| code.expose().to_owned())
    }

    #[test]
    fn the_address_with_our_state_is_taken_and_nothing_else() {
        let get = |target: &str| {
            let head = format!("GET {target} HTTP/1.1\r\nhost: 127.0.0.1:8182\r\n\r\n");
            read(head.as_bytes())
        };
        assert_eq!(
            get("/callback?code=c%40&state=s1").as_deref(),
            Some("https://127.0.0.1:8182/callback?code=c%40&state=s1")
        );
        for target in [
            "/favicon.ico",
            "/callback",
            "/callback?code=c&state=s2",
            "/callback?code=c&state=s1&state=s2",
            "/callback/../other?code=c&state=s1",
            "/other?code=c&state=s1",
            "//evil.example/callback?code=c&state=s1",
            "https://evil.example/callback?code=c&state=s1",
            "@evil.example/callback?code=c&state=s1",
            "*",
        ] {
            assert_eq!(get(target), None, "{target}");
        }
        assert_eq!(
            read(b"POST /callback?code=c&state=s1 HTTP/1.1\r\n\r\n"),
            None
        );
        assert_eq!(read(b"GET /callback?code=c&state=s1 HTTP/1.1\r\n"), None);
    }

    proptest! {
        #[test]
        fn any_request_is_read(head in prop::collection::vec(any::<u8>(), 0..200), target in "\\PC{0,60}") {
            prop_assert_eq!(read(&head), None);
            read(format!("GET {target} HTTP/1.1\r\n\r\n").as_bytes());
        }
    }
}
