//! Venues on sockets of this machine.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::http::header::DATE;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::serve::Listener;
use rcgen::CertifiedKey;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

use crate::clock::Clock;
use crate::faults::inject;
use crate::settings::Settings;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Faults, and the date by the venue's clock, around what it answers.
pub(crate) fn with_faults(router: Router, settings: &Settings) -> Router {
    router
        .layer(from_fn_with_state(settings.faults.clone(), inject))
        .layer(from_fn_with_state(settings.clock.clone(), add_date))
}

/// On a free port; its address.
pub(crate) async fn plain(router: Router) -> io::Result<String> {
    let listener = bind_loopback().await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

/// The same, with a certificate that nobody vouches for.
pub(crate) async fn self_signed(router: Router) -> io::Result<String> {
    let listener = bind_loopback().await?;
    let address = format!("https://{}", listener.local_addr()?);
    let acceptor = acceptor().map_err(io::Error::other)?;
    let listener = Tls { listener, acceptor };
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn bind_loopback() -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await
}

async fn add_date(State(clock): State<Clock>, request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    if let Some(date) = date(&clock) {
        answer.headers_mut().insert(DATE, date);
    }
    answer
}

fn date(clock: &Clock) -> Option<HeaderValue> {
    let now = jiff::Timestamp::from_second(clock.seconds()).ok()?;
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    let text = printer.timestamp_to_rfc9110_string(&now).ok()?;
    HeaderValue::try_from(text).ok()
}

fn acceptor() -> Result<TlsAcceptor, Box<dyn std::error::Error + Send + Sync>> {
    let names = vec!["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::try_from(signing_key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

struct Tls {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, from) = Listener::accept(&mut self.listener).await;
            let handshake = timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(stream)).await;
            if let Ok(Ok(stream)) = handshake {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
