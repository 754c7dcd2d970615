//! A TCP proxy that cuts connections on demand or lets nothing through, and, before the store,
//! does harm to inserts.

mod inserts;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::failure::{Failure, Outcome};
use inserts::{Conversation, PieceAction};
pub(crate) use inserts::{Harm, Inserts};

const PIECE: usize = 64 * 1024;

#[derive(Default)]
struct ProxyState {
    connections: AtomicUsize,
    inserts: Inserts,
}

pub(crate) struct Proxy {
    port: u16,
    shared: Arc<ProxyState>,
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
        let shared = Arc::new(ProxyState::default());
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

    pub(crate) fn inserts(&self) -> &Inserts {
        &self.shared.inserts
    }
}

async fn accept(
    listener: TcpListener,
    target: u16,
    shared: Arc<ProxyState>,
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
    shared: &ProxyState,
    stalled: watch::Receiver<bool>,
) {
    let talk = Conversation::new(&shared.inserts);
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let there = pump(&mut from_client, &mut to_server, stalled.clone(), |piece| {
        talk.client_sends(piece)
    });
    let back = pump(&mut from_server, &mut to_client, stalled, |piece| {
        talk.server_sends(piece)
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
    mut fate: impl FnMut(&mut [u8]) -> PieceAction,
) {
    let mut buffer = vec![0; PIECE];
    loop {
        let piece = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => &mut buffer[..count],
        };
        if stalled.wait_for(|on| !on).await.is_err() {
            return;
        }
        match fate(piece) {
            PieceAction::Pass => {}
            PieceAction::PassAfter(late) => tokio::time::sleep(late).await,
            PieceAction::CutAfter(bytes) => {
                let _gone = to.write_all(&piece[..bytes]).await;
                return;
            }
        }
        if to.write_all(piece).await.is_err() {
            return;
        }
    }
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
        proxy.inserts().arm(Harm::LoseAnswer);
        let mut stream = connect();
        assert!(ask(&mut stream, "POST /?query=SELECT+1 HTTP/1.1\r\n\r\n") > 0);
        assert_eq!(ask(&mut stream, insert), 0);
        let lost = proxy.inserts().done(Harm::LoseAnswer);
        assert_eq!((served.load(Ordering::SeqCst), lost), (2, 1));
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
