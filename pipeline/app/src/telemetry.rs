//! Logs to standard error, metrics and health over HTTP.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, Telemetry};
use crate::failure::Failure;

pub(crate) fn init_logs(telemetry: &Telemetry) {
    let filter: Targets = telemetry.log.parse().unwrap_or_default();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let layer = match telemetry.log_format {
        LogFormat::Text => layer.compact().boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    // A second initialisation only happens in tests, and changes nothing.
    let _already = tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .try_init();
}

type Check = Box<dyn Fn() -> bool + Send + Sync>;

/// What `/health/ready` asks. Alive is who answers at all.
#[derive(Clone, Default)]
pub(crate) struct Health(Arc<Mutex<Vec<(String, Check)>>>);

impl Health {
    pub fn add(
        &self,
        part: impl Into<String>,
        is_ready: impl Fn() -> bool + Send + Sync + 'static,
    ) {
        self.lock().push((part.into(), Box::new(is_ready)));
    }

    /// The parts that are not ready.
    pub fn waiting_for(&self) -> Vec<String> {
        let parts = self.lock();
        let not_ready = parts.iter().filter(|(_, is_ready)| !is_ready());
        not_ready.map(|(name, _)| name.clone()).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(String, Check)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until the process ends; the returned address has the real port.
pub(crate) async fn serve(listen: &str, health: Health) -> Result<SocketAddr, Failure> {
    let metrics = recorder()?;
    let app = Router::new()
        .route("/metrics", get(move || async move { metrics.render() }))
        .route("/health/live", get(|| async { "alive\n" }))
        .route("/health/ready", get(ready))
        .with_state(health);
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .map_err(|error| {
            Failure::Usage(format!(
                "metrics cannot be served on {listen}: {error}; \
             set telemetry.listen to another address, or port 0 for any free one"
            ))
        })?;
    let address = listener.local_addr().map_err(Failure::external)?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

async fn ready(State(health): State<Health>) -> (StatusCode, String) {
    let waiting = health.waiting_for();
    if waiting.is_empty() {
        (StatusCode::OK, "ready\n".to_owned())
    } else {
        let text = format!("waiting for {}\n", waiting.join(", "));
        (StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

/// One recorder a process.
fn recorder() -> Result<PrometheusHandle, Failure> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let buckets = [
        0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0,
    ];
    let records = [1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0];
    let of_records = Matcher::Suffix("_records".to_owned());
    let handle = PrometheusBuilder::new()
        .set_buckets(&buckets)
        .and_then(|builder| builder.set_buckets_for_metric(of_records, &records))
        .and_then(PrometheusBuilder::install_recorder)
        .map_err(Failure::external)?;
    Ok(HANDLE.get_or_init(|| handle).clone())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn ready_means_every_part_is() {
        let health = Health::default();
        let flag = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&flag);
        health.add("sink", move || seen.load(Ordering::Relaxed));
        health.add("risk", || true);
        let (status, text) = ready(State(health.clone())).await;
        assert_eq!(
            (status, text.as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "waiting for sink\n")
        );
        flag.store(true, Ordering::Relaxed);
        assert_eq!(ready(State(health)).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn a_port_in_use_is_named_with_its_key() {
        let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let failure = serve(&address, Health::default()).await.unwrap_err();
        assert_eq!(failure.code(), 2);
        let text = failure.to_string();
        assert!(
            text.contains(&address) && text.contains("telemetry.listen"),
            "{text}"
        );
    }
}
