//! A TCP proxy that cuts connections on demand or lets nothing through, and, before the store,
//! loses answers.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::failure::{Failure, Outcome};

const PIECE: usize = 64 * 1024;

#[derive(Default)]
struct Shared {
    connections: AtomicUsize,
    /// Answers still to be lost.
    armed: AtomicU64,
    lost: AtomicU64,
}

pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    cuts: watch::Sender<u64>,
    stalled: watch::Sender<bool>,
}

impl Proxy {
    /// Listens on a free port and forwards to `target` on loopback.
    pub(crate) fn start(runtime: &tokio::runtime::Handle, target: u16) -> Outcome<Self> {
        let what = "starting a proxy";
        let port = tapeline_local::free_port().map_err(Failure::while_doing(what))?;
        let listener = runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
            .map_err(Failure::while_doing(what))?;
        let shared = Arc::new(Shared::default());
        let (cuts, seen) = watch::channel(0);
        let (stalled, holds) = watch::channel(false);
        runtime.spawn(accept(listener, target, Arc::clone(&shared), seen, holds));
        Ok(Self {
            port,
            shared,
            cuts,
            stalled,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection there is; says how many.
    pub(crate) fn cut(&self) -> usize {
        let open = self.shared.connections.load(Ordering::SeqCst);
        self.cuts.send_modify(|count| *count += 1);
        open
    }

    /// Connections stay open, and nothing goes through until this is taken back; then what was
    /// under way arrives, late.
    pub(crate) fn stall(&self, on: bool) {
        self.stalled.send_replace(on);
    }

    /// The next insert that the store accepts gets no answer.
    pub(crate) fn arm(&self) {
        self.shared.armed.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn disarm(&self) {
        self.shared.armed.store(0, Ordering::SeqCst);
    }

    pub(crate) fn answers_lost(&self) -> u64 {
        self.shared.lost.load(Ordering::SeqCst)
    }
}

async fn accept(
    listener: TcpListener,
    target: u16,
    shared: Arc<Shared>,
    cuts: watch::Receiver<u64>,
    stalled: watch::Receiver<bool>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let (shared, mut cuts) = (Arc::clone(&shared), cuts.clone());
        let stalled = stalled.clone();
        cuts.mark_unchanged();
        tokio::spawn(async move {
            let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else {
                return;
            };
            let _late = client.set_nodelay(true);
            let _late = server.set_nodelay(true);
            shared.connections.fetch_add(1, Ordering::SeqCst);
            tokio::select! {
                () = forward(client, server, &shared, stalled) => {}
                _ = cuts.changed() => {}
            }
            shared.connections.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Until one side closes, or an answer is lost: then both are closed by being dropped.
async fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    shared: &Shared,
    stalled: watch::Receiver<bool>,
) {
    let inserting = AtomicU64::new(0);
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let there = pump(&mut from_client, &mut to_server, stalled.clone(), |piece| {
        if is_insert(piece) {
            inserting.store(1, Ordering::SeqCst);
        }
        true
    });
    let back = pump(&mut from_server, &mut to_client, stalled, |piece| {
        if inserting.swap(0, Ordering::SeqCst) == 0 || !piece.starts_with(b"HTTP/1.1 200") {
            return true;
        }
        let take = |armed: u64| armed.checked_sub(1);
        let armed = &shared.armed;
        if armed
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
            .is_err()
        {
            return true;
        }
        shared.lost.fetch_add(1, Ordering::SeqCst);
        false
    });
    tokio::select! {
        () = there => {}
        () = back => {}
    }
}

async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut stalled: watch::Receiver<bool>,
    mut let_through: impl FnMut(&[u8]) -> bool,
) {
    let mut buffer = vec![0; PIECE];
    loop {
        let piece = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => &buffer[..count],
        };
        if stalled.wait_for(|on| !on).await.is_err() {
            return;
        }
        if !let_through(piece) || to.write_all(piece).await.is_err() {
            return;
        }
    }
}

/// Whether a piece begins a request that inserts rows: its query is in the URL.
fn is_insert(piece: &[u8]) -> bool {
    let line = piece
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    if !line.starts_with(b"POST ") {
        return false;
    }
    let line = String::from_utf8_lossy(line).to_ascii_uppercase();
    ["INSERT%20INTO", "INSERT+INTO"]
        .iter()
        .any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener as Plain;

    use super::*;

    /// Answers each request with 200, and counts them.
    fn store() -> (u16, Arc<AtomicUsize>) {
        let listener = Plain::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&served);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, mut buffer) = (stream.unwrap(), [0; 1000]);
                while matches!(stream.read(&mut buffer), Ok(count) if count > 0) {
                    counted.fetch_add(1, Ordering::SeqCst);
                    let _gone = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                }
            }
        });
        (port, served)
    }

    fn ask(stream: &mut std::net::TcpStream, request: &str) -> usize {
        stream.write_all(request.as_bytes()).unwrap();
        stream.read(&mut [0; 1000]).unwrap_or(0)
    }

    #[test]
    fn the_answer_to_an_accepted_insert_is_lost_and_no_other() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (port, served) = store();
        let proxy = Proxy::start(runtime.handle(), port).unwrap();
        let connect = || std::net::TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        let insert = "POST /?query=INSERT+INTO+fills HTTP/1.1\r\n\r\n";
        proxy.arm();
        let mut stream = connect();
        assert!(ask(&mut stream, "POST /?query=SELECT+1 HTTP/1.1\r\n\r\n") > 0);
        assert_eq!(ask(&mut stream, insert), 0);
        assert_eq!(
            (served.load(Ordering::SeqCst), proxy.answers_lost()),
            (2, 1)
        );
        assert!(ask(&mut connect(), insert) > 0, "only once");
    }

    #[test]
    fn a_cut_ends_what_is_open_and_lets_new_connections_in() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let proxy = Proxy::start(runtime.handle(), store().0).unwrap();
        let connect = || std::net::TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        let mut stream = connect();
        assert!(ask(&mut stream, "GET /ping HTTP/1.1\r\n\r\n") > 0);
        assert_eq!(proxy.cut(), 1);
        assert_eq!(stream.read(&mut [0; 10]).unwrap_or(0), 0);
        assert!(ask(&mut connect(), "GET /ping HTTP/1.1\r\n\r\n") > 0);
    }

    #[test]
    fn a_stall_keeps_connections_open_and_holds_back_what_goes_through() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let proxy = Proxy::start(runtime.handle(), store().0).unwrap();
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
        let soon = Some(std::time::Duration::from_millis(200));
        stream.set_read_timeout(soon).unwrap();
        proxy.stall(true);
        stream.write_all(b"GET /ping HTTP/1.1\r\n\r\n").unwrap();
        let silence = stream.read(&mut [0; 10]).unwrap_err();
        assert_eq!(silence.kind(), std::io::ErrorKind::WouldBlock);
        proxy.stall(false);
        stream.set_read_timeout(None).unwrap();
        assert!(stream.read(&mut [0; 10]).unwrap() > 0, "late, but there");
    }
}
