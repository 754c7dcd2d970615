//! A result that is sent while the engine computes it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

use super::connection::{BusyGuard, ConnectionState};
use super::encoding::Compressor;
use super::exception::Exception;
use super::native::Framer;
use super::running_query::RunningQuery;

/// What is sent at once, and held at most twice while the client reads.
const PIECE: usize = 256 * 1024;

enum Piece {
    Data(Bytes),
    /// The query failed; these are its last words, behind them the connection breaks off.
    Broken(Bytes),
    End,
}

/// The rest of a result: of a running query, or of one that is done and has its result in a file.
pub(super) struct ResultStream {
    pub(super) running: Option<RunningQuery>,
    pub(super) source: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) framer: Option<Framer>,
    pub(super) compressor: Compressor,
    pub(super) version: String,
    /// What marks an exception in the data.
    pub(super) tag: String,
}

impl ResultStream {
    /// The response's body, which begins with `first` (framed already).
    pub(super) fn start(self, first: Vec<u8>, line: ConnectionState) -> StreamBody {
        let (sender, pieces) = mpsc::channel(1);
        tokio::spawn(self.pump(first, sender));
        StreamBody {
            pieces,
            _busy: line.busy(),
            line,
            broken_at: None,
        }
    }

    /// Ends early when nobody reads any more; dropping `running` then cancels the query.
    async fn pump(mut self, mut piece: Vec<u8>, sender: mpsc::Sender<Piece>) {
        // Turns of the loop: send what there is, read more, frame it.
        loop {
            if !piece.is_empty() {
                let packed = self.compressor.pack(piece);
                if !packed.is_empty() && sender.send(Piece::Data(packed)).await.is_err() {
                    return;
                }
            }
            piece = Vec::with_capacity(PIECE);
            let read = tokio::select! {
                () = sender.closed() => return,
                read = self.source.read_buf(&mut piece) => read,
            };
            match read {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    let error = Exception::internal(&format!("cannot read the result: {error}"));
                    return self.end(Err(error), sender).await;
                }
            }
            if let Some(framer) = &mut self.framer {
                piece = match framer.feed(&piece) {
                    Ok(framed) => framed,
                    Err(error) => return self.end(Err(error), sender).await,
                };
            }
        }
        let outcome = match &mut self.running {
            None => Ok(()),
            Some(running) => tokio::select! {
                () = sender.closed() => return,
                outcome = running.reply() => outcome.map(drop),
            },
        };
        self.end(outcome, sender).await;
    }

    async fn end(mut self, outcome: Result<(), Exception>, sender: mpsc::Sender<Piece>) {
        let mut last = Vec::new();
        let rest = self.framer.as_mut().map_or(Ok(Vec::new()), Framer::finish);
        let outcome = outcome.and_then(|()| {
            last.extend_from_slice(&self.compressor.pack(rest?));
            Ok(())
        });
        if let Err(error) = &outcome {
            last.extend_from_slice(
                &self
                    .compressor
                    .pack(error.in_data(&self.version, &self.tag)),
            );
        }
        last.extend_from_slice(&self.compressor.finish());
        let last = Bytes::from(last);
        // A client that has gone needs no end.
        if outcome.is_err() {
            let _ = sender.send(Piece::Broken(last)).await;
        } else if last.is_empty() || sender.send(Piece::Data(last)).await.is_ok() {
            let _ = sender.send(Piece::End).await;
        }
    }
}

pub(super) struct StreamBody {
    pieces: mpsc::Receiver<Piece>,
    line: ConnectionState,
    _busy: BusyGuard,
    /// How often the line had been flushed when the last words were handed over.
    broken_at: Option<u64>,
}

impl Body for StreamBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let broken = || Some(Err(io::Error::other("the query failed")));
        if let Some(mark) = self.broken_at {
            // What is not sent when the body fails never will be.
            return if self.line.flushed_since(mark) {
                Poll::Ready(broken())
            } else {
                Poll::Pending
            };
        }
        Poll::Ready(match ready!(self.pieces.poll_recv(context)) {
            Some(Piece::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Piece::Broken(data)) => {
                self.broken_at = Some(self.line.flushes());
                Some(Ok(Frame::data(data)))
            }
            Some(Piece::End) => None,
            None => broken(),
        })
    }
}
