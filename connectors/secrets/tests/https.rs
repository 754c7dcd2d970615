//! Vault over HTTPS: its certificate is checked.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::CertifiedKey;
use support::{get, planted, secrets, without_cache};
use tapeline_secrets::{Category, SecretError, Settings, VaultLogin, VaultSettings};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Fits both questions: of the token about itself, and of the secret.
const ANSWER: &str = r#"{"data":{"ttl":0,"data":{"key":"canary"},"metadata":{"version":1}}}"#;

/// Its port, and the certificate that it shows.
async fn server(folder: &TempDir) -> (u16, PathBuf) {
    let names = vec!["localhost".to_owned()];
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(acceptor.clone(), stream));
        }
    });
    (port, ca)
}

/// One question a connection.
async fn answer(acceptor: TlsAcceptor, stream: TcpStream) -> Option<()> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        asked.push(stream.read_u8().await.ok()?);
    }
    let length = ANSWER.len();
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    let whole = head + ANSWER;
    stream.write_all(whole.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()
}

async fn ask(
    folder: &TempDir,
    address: String,
    ca: Option<PathBuf>,
) -> Result<String, SecretError> {
    let secrets = secrets(Settings {
        timing: without_cache(),
        vault: Some(VaultSettings {
            address,
            namespace: String::new(),
            login: VaultLogin::Token(planted(folder.path(), "token", "t")),
            ca,
        }),
        ..Settings::default()
    });
    get(&secrets, "secret://vault/kv/app#key").await
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (port, ca) = server(&folder).await;
    let address = format!("https://localhost:{port}");
    let got = ask(&folder, address.clone(), Some(ca.clone())).await;
    assert_eq!(got.unwrap(), "canary");

    let unknown = ask(&folder, address, None).await.unwrap_err();
    assert_eq!(unknown.category, Category::BadReference);
    assert!(unknown.remedy.contains("secrets.vault.ca"), "{unknown}");

    let other_name = format!("https://127.0.0.1:{port}");
    let other_name = ask(&folder, other_name, Some(ca)).await.unwrap_err();
    assert_eq!(other_name.category, Category::BadReference);
    assert!(other_name.what.contains("certificate"), "{other_name}");
}
