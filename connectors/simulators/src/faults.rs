//! What goes wrong between a venue and who asks it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Frame;
use serde_json::Value;

/// Longer answers than any venue here gives.
const LONGEST: usize = 1 << 20;
const PAGE: &str = "<!doctype html><title>Maintenance</title><p>We will be back soon.";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Instead of what was asked for; the venue does not take notice of the request.
    Says(StatusCode, Value),
    /// 429, to be asked again after so many seconds.
    TooMany(u64),
    /// A page for people.
    Page,
    /// The request is done, and its answer ends in the middle.
    Cut,
    /// The connection breaks before the request is done.
    Lost,
    /// The request is done, and the connection breaks before its answer.
    LostAnswer,
}

/// What happens to the next requests. Cheap to clone: all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    to_come: Arc<Mutex<VecDeque<(String, Fault)>>>,
}

impl Faults {
    /// To the next request that has no fault yet.
    pub fn next(&self, fault: Fault) {
        self.next_at("", fault);
    }

    /// To the next request whose path begins so.
    pub fn next_at(&self, path: &str, fault: Fault) {
        let mut to_come = self.to_come.lock().unwrap_or_else(PoisonError::into_inner);
        to_come.push_back((path.to_owned(), fault));
    }

    fn take(&self, path: &str) -> Option<Fault> {
        let mut to_come = self.to_come.lock().unwrap_or_else(PoisonError::into_inner);
        let at = to_come
            .iter()
            .position(|(begin, _)| path.starts_with(begin));
        to_come.remove(at?).map(|(_, fault)| fault)
    }
}

pub(crate) async fn inject(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let Some(fault) = faults.take(request.uri().path()) else {
        return next.run(request).await;
    };
    match fault {
        Fault::Says(status, value) => json_response(status, &value),
        Fault::TooMany(seconds) => {
            let mut answer = StatusCode::TOO_MANY_REQUESTS.into_response();
            answer
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
            answer
        }
        Fault::Page => ([(CONTENT_TYPE, "text/html")], PAGE).into_response(),
        Fault::Lost => broken(Bytes::new()),
        Fault::LostAnswer => {
            next.run(request).await;
            broken(Bytes::new())
        }
        Fault::Cut => {
            let body = next.run(request).await.into_body();
            let whole = axum::body::to_bytes(body, LONGEST).await;
            let whole = whole.unwrap_or_default();
            broken(whole.slice(..whole.len() / 2))
        }
    }
}

pub(crate) fn json_response(status: StatusCode, value: &Value) -> Response {
    let kind = [(CONTENT_TYPE, "application/json")];
    (status, kind, value.to_string()).into_response()
}

/// An answer after whose beginning the connection breaks; at once, if that is empty.
fn broken(beginning: Bytes) -> Response {
    Response::new(Body::new(Broken {
        is_sent: beginning.is_empty(),
        beginning: Some(beginning),
    }))
}

struct Broken {
    beginning: Option<Bytes>,
    is_sent: bool,
}

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(beginning) = self.beginning.take_if(|beginning| !beginning.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(beginning))));
        }
        if !self.is_sent {
            // What was begun goes out before the connection breaks.
            self.is_sent = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
    }
}
