//! A client's connection that does not wait for ever: neither for one that stops reading, nor
//! for one that has nothing to say.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Connections at once; more wait until one is closed.
const MAX_CONNECTIONS: usize = 512;

pub(super) struct BoundedListener {
    listener: TcpListener,
    places: Arc<Semaphore>,
    patience: Duration,
}

impl BoundedListener {
    pub(super) fn new(listener: TcpListener, patience: Duration) -> Self {
        Self {
            listener,
            places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            patience,
        }
    }
}

impl Listener for BoundedListener {
    type Io = TimedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TimedStream, SocketAddr) {
        let place = loop {
            if let Ok(place) = self.places.clone().acquire_owned().await {
                break place;
            }
        };
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let _ = stream.set_nodelay(true);
        (TimedStream::new(stream, self.patience, place), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// What a request knows of its connection.
#[derive(Debug, Clone, Default)]
pub(super) struct ConnectionState(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicUsize,
    flushes: AtomicU64,
    waits_for_flush: AtomicBool,
}

impl ConnectionState {
    /// A request is in progress until this is dropped: silence is not held against the client.
    pub(super) fn busy(&self) -> BusyGuard {
        self.0.requests.fetch_add(1, Ordering::SeqCst);
        BusyGuard(self.clone())
    }

    /// How often everything that was to be sent has been sent.
    pub(super) fn flushes(&self) -> u64 {
        self.0.flushes.load(Ordering::SeqCst)
    }

    /// Whether that has happened since. If not, the task that polls is woken when it has.
    pub(super) fn flushed_since(&self, mark: u64) -> bool {
        self.0.waits_for_flush.store(true, Ordering::SeqCst);
        self.flushes() > mark
    }
}

impl Connected<IncomingStream<'_, BoundedListener>> for ConnectionState {
    fn connect_info(stream: IncomingStream<'_, BoundedListener>) -> Self {
        stream.io().line.clone()
    }
}

pub(super) struct BusyGuard(ConnectionState);

impl Drop for BusyGuard {
    fn drop(&mut self) {
        self.0.0.requests.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) struct TimedStream {
    stream: TcpStream,
    line: ConnectionState,
    patience: Duration,
    reading: Pin<Box<Sleep>>,
    writing: Option<Pin<Box<Sleep>>>,
    _place: OwnedSemaphorePermit,
}

impl TimedStream {
    fn new(stream: TcpStream, patience: Duration, place: OwnedSemaphorePermit) -> Self {
        Self {
            stream,
            line: ConnectionState::default(),
            patience,
            reading: Box::pin(tokio::time::sleep(patience)),
            writing: None,
            _place: place,
        }
    }

    fn later(&self) -> Instant {
        Instant::now() + self.patience
    }

    /// Whether a client without a request has been silent for too long.
    fn is_forgotten(&mut self, context: &mut Context<'_>) -> bool {
        while self.reading.as_mut().poll(context).is_ready() {
            if self.line.0.requests.load(Ordering::SeqCst) == 0 {
                return true;
            }
            let later = self.later();
            self.reading.as_mut().reset(later);
        }
        false
    }

    /// What a write came to; one that is stuck for too long ends the connection.
    fn written<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.writing = None;
            let later = self.later();
            self.reading.as_mut().reset(later);
            return outcome;
        }
        let patience = self.patience;
        let timer = self
            .writing
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(timed_out("the client does not read its response")))
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if outcome.is_ready() {
            let later = self.later();
            self.reading.as_mut().reset(later);
        } else if self.is_forgotten(context) {
            return Poll::Ready(Err(timed_out("nothing came from the client")));
        }
        outcome
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, data);
        self.written(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, data);
        self.written(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        let state = &self.line.0;
        state.flushes.fetch_add(1, Ordering::SeqCst);
        if state.waits_for_flush.swap(false, Ordering::SeqCst) {
            // Whoever waits is polled by the same task.
            context.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
