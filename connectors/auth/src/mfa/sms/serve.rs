//! A server for the open internet: few connections, each for a short time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const CONNECTIONS: usize = 256;
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// A request and its answer; a connection serves one.
const DONE_WITHIN: Duration = Duration::from_secs(15);
const LONGEST_HEAD: usize = 16 << 10;
const ENDS_WITHIN: Duration = Duration::from_secs(3);
/// When the machine has no place for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Until told to stop. What was begun has a moment to end.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Some((stream, place)) => {
                connections.spawn(connection(stream, place, router.clone()));
            }
            None => sleep(PAUSE).await,
        }
    }
    drop(listener);
    let ending = async { while connections.join_next().await.is_some() {} };
    // What has not ended by then is cut off.
    let _ended = timeout(ENDS_WITHIN, ending).await;
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    let (stream, _) = listener.accept().await.ok()?;
    Some((stream, place))
}

async fn connection(stream: TcpStream, _place: OwnedSemaphorePermit, router: Router) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(LONGEST_HEAD)
        .keep_alive(false);
    let service = TowerToHyperService::new(router);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    // Whoever is slow, broken or gone is nobody's loss.
    let _ended = timeout(DONE_WITHIN, serving).await;
}
