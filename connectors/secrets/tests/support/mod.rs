//! A small server that answers as it is told, and remembers what it was asked.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value as Json;
use tapeline_secrets::{Reference, SecretError, Secrets, Settings, Timing, Value};

#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Json,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

type Answer = dyn Fn(&Asked) -> (u16, Json) + Send + Sync;

pub struct Server {
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub async fn start(answer: impl Fn(&Asked) -> (u16, Json) + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::default();
        let answer: Arc<Answer> = Arc::new(answer);
        let app = Router::new()
            .fallback(handle)
            .with_state((answer, Arc::clone(&asked)));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            asked,
            task,
        }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How often a path that ends so was asked for.
    pub fn count(&self, path: &str) -> usize {
        let asked = self.asked();
        asked
            .iter()
            .filter(|asked| asked.path.ends_with(path))
            .count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Shared = (Arc<Answer>, Arc<Mutex<Vec<Asked>>>);

async fn handle(
    State((answer, log)): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = Asked {
        method,
        path: uri.path().to_owned(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    log.lock().unwrap().push(asked.clone());
    let (status, body) = answer(&asked);
    let status = StatusCode::from_u16(status).unwrap();
    let elsewhere = [(header::LOCATION, "http://127.0.0.1:1/")];
    (status, elsewhere, body.to_string()).into_response()
}

/// Every question goes to its place.
pub fn without_cache() -> Timing {
    Timing {
        cache_for: Duration::ZERO,
        failure_pause: Duration::ZERO,
        stale_limit: Duration::ZERO,
        again_gap: Duration::ZERO,
        ..Timing::default()
    }
}

pub fn secrets(settings: Settings) -> Secrets {
    Secrets::new(&settings).unwrap()
}

pub fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

/// A file with a secret, and the reference to it.
pub fn planted(folder: &Path, name: &str, text: &str) -> Reference {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    reference(&format!("secret://file/{}", path.display()))
}

pub async fn get(secrets: &Secrets, text: &str) -> Result<String, SecretError> {
    exposed(secrets.get(&reference(text)).await)
}

pub fn exposed(outcome: Result<Value, SecretError>) -> Result<String, SecretError> {
    outcome.map(|value| value.secret.expose().to_owned())
}
