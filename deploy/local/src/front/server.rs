//! The server: routes, slots, responses, and the process around them.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request as HttpRequest, StatusCode, header,
};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use super::access::{Role, authenticate};
use super::connection::{BoundedListener, ConnectionState};
use super::encoding::{Body, Compressor, Spool};
use super::exception::Exception;
use super::formats::content_type;
use super::native::Framer;
use super::options::ClickHouseOptions;
use super::origin::{self, AllowedOrigin};
use super::request::{Request, SendMode, credentials, random_id, random_tag};
use super::result_pipe;
use super::result_stream::ResultStream;
use super::running_query::RunningQuery;
use super::state::Front;
use crate::engine::Counters;
use crate::supervise::complain;

/// A request may take as many times what a client may be silent.
const SLOWEST_REQUEST: u32 = 10;
/// A result is sent as soon as it is larger. Until then an error still has a status of its own.
const HELD_BACK: usize = 1024 * 1024;
/// What is kept on disk for a client that wants an error to have a status in any case.
const HELD_AT_MOST: usize = 4 * 1024 * 1024 * 1024;
/// Of a reader, who needs no password: a result may lie there as long as its client takes it slowly.
const HELD_FOR_READER: usize = 32 * 1024 * 1024;
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(6);

/// `--options FILE`: serves until SIGTERM. The file may hold passwords and is removed.
pub fn clickhouse_main(args: &[OsString]) -> ExitCode {
    let run = || -> Result<(), Box<dyn std::error::Error>> {
        let [flag, path] = args else {
            return Err("usage: --options FILE".into());
        };
        if flag != "--options" {
            return Err("usage: --options FILE".into());
        }
        let text = std::fs::read(path)?;
        std::fs::remove_file(path)?;
        run_server(serde_json::from_slice(&text)?)
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain("clickhouse", &error),
    }
}

fn run_server(options: ClickHouseOptions) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // A thread a query, and some to cancel queries with.
        .max_blocking_threads(options.max_queries + 8)
        .enable_all()
        .build()?;
    let front = Arc::new(Front::open(&options)?);
    let served = runtime.block_on(serve(front.clone(), options.listen));
    // A query that does not end is left behind: the store survives a kill.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if let Some(front) = Arc::into_inner(front) {
        drop(front);
    }
    served.map_err(Into::into)
}

async fn serve(front: Arc<Front>, listen: SocketAddr) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let listener = tokio::net::TcpListener::bind(listen).await?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut graceful = stopped.clone();
    let listener = BoundedListener::new(listener, front.silence);
    let app = Router::new()
        .fallback(answer)
        .with_state(front)
        .into_make_service_with_connect_info::<ConnectionState>();
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        let _ = graceful.wait_for(|stop| *stop).await;
    });
    let mut server = std::pin::pin!(async move { server.await });
    tokio::select! {
        ended = &mut server => return ended,
        _ = terminate.recv() => {}
    }
    let _ = stop.send(true);
    let _ = tokio::time::timeout(SHUTDOWN_LIMIT, server).await;
    Ok(())
}

/// Aborts the request's task when the connection it belongs to is gone.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn answer(
    State(front): State<Arc<Front>>,
    ConnectInfo(line): ConnectInfo<ConnectionState>,
    request: HttpRequest<HttpBody>,
) -> Response {
    let _busy = line.busy();
    // A task of its own, so that a panic is an answer (500) and not a dead connection.
    let task = tokio::spawn(route(front, line, request));
    let _abort = AbortOnDrop(task.abort_handle());
    task.await
        .unwrap_or_else(|_| (StatusCode::INTERNAL_SERVER_ERROR, "Internal error\n").into_response())
}

/// Before all else it is asked where the request comes from.
async fn route(
    front: Arc<Front>,
    line: ConnectionState,
    request: HttpRequest<HttpBody>,
) -> Response {
    let (parts, body) = request.into_parts();
    match origin::check(&parts, &front.origins) {
        Err(error) => refuse(&front, &error, &random_id()),
        Ok(None) => handle(front, line, parts, body).await,
        Ok(Some(page)) => {
            let mut response = match AllowedOrigin::preflight(&parts.method) {
                Some(response) => response,
                None => handle(front, line, parts, body).await,
            };
            page.allow(&mut response);
            response
        }
    }
}

async fn handle(
    front: Arc<Front>,
    line: ConnectionState,
    parts: Parts,
    body: HttpBody,
) -> Response {
    match (&parts.method, parts.uri.path()) {
        (&Method::OPTIONS, _) => StatusCode::NO_CONTENT.into_response(),
        (&Method::GET | &Method::HEAD, "/ping" | "/replicas_status") => plain("Ok.\n"),
        (&Method::GET | &Method::HEAD, "/") if parts.uri.query().unwrap_or_default().is_empty() => plain("Ok.\n"),
        (&Method::GET | &Method::HEAD | &Method::POST, "/") => {
            let mut query_id = random_id();
            match query(&front, line, &parts, body, &mut query_id).await {
                Ok(response) => response,
                Err(error) => refuse(&front, &error, &query_id),
            }
        }
        (_, path) => (
            StatusCode::NOT_FOUND,
            format!("There is no handle {path}\n\nUse / or /ping for health checks.\nOr /replicas_status for more sophisticated health checks.\nSend queries from your program with POST method or GET /?query=...\n"),
        )
            .into_response(),
    }
}

fn plain(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=UTF-8")], text).into_response()
}

async fn query(
    front: &Arc<Front>,
    line: ConnectionState,
    parts: &Parts,
    body: HttpBody,
    query_id: &mut String,
) -> Result<Response, Exception> {
    let who = credentials(parts)?;
    let user = authenticate(&front.users, &who.name, &who.password, who.anonymous)?.clone();
    let request = Request::read(parts)?;
    query_id.clone_from(&request.query_id);
    let mut compressor = Compressor::new(request.compress, request.response_encoding);
    let (revision, send_mode) = (request.revision, request.send_mode);
    let most_held = match user.role {
        Role::Reader => HELD_FOR_READER,
        Role::Admin | Role::Writer => HELD_AT_MOST,
    };

    let _request = front.slots.request(user.role).await?;
    let body = receive(front, body, front.limits.body_of(&user)).await?;
    let slot = front.slots.query(user.role).await?;
    let (writer, mut pipe) = result_pipe::pipe()?;
    let mut running = RunningQuery::start(front, user, request, body, slot, writer)?;
    let (first, file) = if send_mode == SendMode::WhenWhole {
        hold_all(front, &mut pipe, most_held).await?
    } else {
        let (first, ended) = hold_back(&mut pipe).await?;
        if !ended {
            let format = running.format();
            let headers = result_headers(front, query_id, format.as_deref());
            let framer = Framer::wanted(format.as_deref(), revision);
            let rest = (Some(running), Box::new(pipe) as Source);
            return flowing(front, headers, first, rest, framer, compressor, line);
        }
        (first, None)
    };
    let reply = running.reply().await?;
    let mut headers = result_headers(front, query_id, reply.format.as_deref());
    let mut framer = Framer::wanted(reply.format.as_deref(), revision);
    let plain = if first.is_empty() {
        reply.data
    } else {
        Bytes::from(first)
    };
    let length = file.as_ref().map_or(plain.len(), |(_, length)| *length);
    insert(
        &mut headers,
        HeaderName::from_static("x-clickhouse-summary"),
        &summary(&reply.counters, length),
    );
    if let Some((file, _)) = file {
        let rest = (None, Box::new(tokio::fs::File::from_std(file)) as Source);
        return flowing(front, headers, Vec::new(), rest, framer, compressor, line);
    }
    let plain = match &mut framer {
        Some(framer) => [framer.feed(&plain)?, framer.finish()?].concat().into(),
        None => plain,
    };
    if plain.is_empty() {
        return Ok((StatusCode::OK, headers).into_response());
    }
    announce(&mut headers, &compressor);
    let packed = [compressor.pack(plain.into()), compressor.finish()].concat();
    Ok((StatusCode::OK, headers, HttpBody::from(packed)).into_response())
}

type Source = Box<dyn tokio::io::AsyncRead + Send + Unpin>;

/// A response that begins before all of it is there.
fn flowing(
    front: &Front,
    mut headers: HeaderMap,
    first: Vec<u8>,
    (running, source): (Option<RunningQuery>, Source),
    mut framer: Option<Framer>,
    compressor: Compressor,
    line: ConnectionState,
) -> Result<Response, Exception> {
    let first = match &mut framer {
        Some(framer) => framer.feed(&first)?,
        None => first,
    };
    announce(&mut headers, &compressor);
    let tag = random_tag();
    insert(
        &mut headers,
        HeaderName::from_static("x-clickhouse-exception-tag"),
        &tag,
    );
    let stream = ResultStream {
        running,
        source,
        framer,
        compressor,
        version: front.version.clone(),
        tag,
    };
    let body = HttpBody::new(stream.start(first, line));
    Ok((StatusCode::OK, headers, body).into_response())
}

/// A whole result, in memory or, if it is large, in a file.
async fn hold_all(
    front: &Front,
    pipe: &mut Receiver,
    most: usize,
) -> Result<(Vec<u8>, Option<(std::fs::File, usize)>), Exception> {
    let mut spool = Spool::new(&front.spool, most);
    let mut piece = Vec::with_capacity(HELD_BACK);
    while pipe.read_buf(&mut piece).await.map_err(unreadable)? > 0 {
        spool.write(&piece).map_err(|error| match error.code {
            229 => Exception::new(
                396,
                "TOO_MANY_ROWS_OR_BYTES",
                &format!(
                    "the result is larger than {} MiB; ask without wait_end_of_query, so that it is sent as it comes",
                    most >> 20
                ),
            ),
            _ => error,
        })?;
        piece.clear();
    }
    Ok(match spool.finish()? {
        Body::Memory(bytes) => (bytes, None),
        Body::File(file, length) => (Vec::new(), Some((file, length))),
    })
}

fn unreadable(error: std::io::Error) -> Exception {
    Exception::internal(&format!("cannot read the result: {error}"))
}

/// The beginning of a result, and whether that is all of it.
async fn hold_back(pipe: &mut Receiver) -> Result<(Vec<u8>, bool), Exception> {
    let mut first = Vec::new();
    while first.len() < HELD_BACK {
        if pipe.read_buf(&mut first).await.map_err(unreadable)? == 0 {
            return Ok((first, true));
        }
    }
    Ok((first, false))
}

fn announce(headers: &mut HeaderMap, compressor: &Compressor) {
    if let Some(name) = compressor.name() {
        insert(headers, header::CONTENT_ENCODING, name);
    }
}

async fn receive(front: &Front, mut body: HttpBody, limit: usize) -> Result<Body, Exception> {
    let mut spool = Spool::new(&front.spool, limit);
    let silent = |_| {
        Exception::new(
            209,
            "SOCKET_TIMEOUT",
            "the rest of the request body did not come in time",
        )
    };
    let end = tokio::time::Instant::now() + front.silence * SLOWEST_REQUEST;
    while let Some(frame) = tokio::time::timeout_at(
        end.min(tokio::time::Instant::now() + front.silence),
        body.frame(),
    )
    .await
    .map_err(silent)?
    {
        let frame = frame.map_err(|error| {
            Exception::new(
                95,
                "CANNOT_READ_FROM_SOCKET",
                &format!("the request body broke off: {error}"),
            )
        })?;
        if let Ok(data) = frame.into_data() {
            spool.write(&data)?;
        }
    }
    spool.finish()
}

fn result_headers(front: &Front, query_id: &str, format: Option<&str>) -> HeaderMap {
    let mut headers = base_headers(query_id);
    insert(
        &mut headers,
        header::CONTENT_TYPE,
        content_type(format.unwrap_or("TabSeparated")),
    );
    if let Some(format) = format {
        insert(
            &mut headers,
            HeaderName::from_static("x-clickhouse-format"),
            format,
        );
    }
    insert(
        &mut headers,
        HeaderName::from_static("x-clickhouse-timezone"),
        &front.timezone,
    );
    headers
}

fn refuse(front: &Front, error: &Exception, query_id: &str) -> Response {
    let mut headers = base_headers(query_id);
    insert(
        &mut headers,
        header::CONTENT_TYPE,
        "text/plain; charset=UTF-8",
    );
    insert(
        &mut headers,
        HeaderName::from_static("x-clickhouse-exception-code"),
        &error.code.to_string(),
    );
    if error.status() == StatusCode::UNAUTHORIZED {
        insert(
            &mut headers,
            header::WWW_AUTHENTICATE,
            "Basic realm=\"ClickHouse server HTTP API\"",
        );
    }
    (error.status(), headers, error.body(&front.version)).into_response()
}

fn base_headers(query_id: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    insert(
        &mut headers,
        HeaderName::from_static("x-clickhouse-query-id"),
        query_id,
    );
    insert(
        &mut headers,
        HeaderName::from_static("x-clickhouse-server-display-name"),
        "tapeline",
    );
    headers
}

/// A value that cannot stand in a header is left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Numbers as strings, as the real server writes them.
fn summary(counters: &Counters, result_bytes: usize) -> String {
    format!(
        "{{\"read_rows\":\"{}\",\"read_bytes\":\"{}\",\"written_rows\":\"{}\",\"written_bytes\":\"{}\",\"result_rows\":\"{}\",\"result_bytes\":\"{result_bytes}\",\"elapsed_ns\":\"{}\"}}",
        counters.rows_read,
        counters.bytes_read,
        counters.rows_written,
        counters.bytes_written,
        counters.result_rows,
        (counters.elapsed_seconds * 1e9) as u64,
    )
}
