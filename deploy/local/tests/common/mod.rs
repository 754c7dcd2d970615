//! What the tests of this crate share.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tapeline_local::{FrontUser, Parts, Ports, Role, Stack, StackOptions, StoreLimits};

pub(crate) fn binary() -> PathBuf {
    env!("CARGO_BIN_EXE_tapeline-local").into()
}

pub(crate) fn options(data: &Path) -> StackOptions {
    StackOptions {
        binary: binary(),
        ports: Ports::ANY,
        heap_mb: 256,
        // What most tests ask is no matter of passwords; `attacks.rs` has the usual users.
        users: Some(vec![user("default", None, Role::Admin)]),
        ..StackOptions::new(data).unwrap()
    }
}

fn user(name: &str, password: Option<&str>, role: Role) -> FrontUser {
    FrontUser {
        name: name.into(),
        password: password.map(str::to_owned),
        role,
    }
}

/// An HTTP response, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as its framing says.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        self.text()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// One request on a connection of its own.
pub(crate) fn http(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut raw = Vec::new();
    let mut stream = request(port, method, path, headers, body);
    stream.read_to_end(&mut raw).unwrap();
    parse(&raw)
}

/// Sends a request and leaves the answer to whoever reads it.
pub(crate) fn request(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // The server may refuse and close before it has read everything.
    let _ = stream.write_all(body);
    stream
}

pub(crate) fn parse(raw: &[u8]) -> Answer {
    let end = raw
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("a complete head");
    let head = String::from_utf8_lossy(&raw[..end]).into_owned();
    let mut lines = head.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let chunked = headers
        .iter()
        .any(|(name, value)| name.eq_ignore_ascii_case("transfer-encoding") && value == "chunked");
    let body = &raw[end + 4..];
    let (body, complete) = if chunked {
        unchunk(body)
    } else {
        (body.to_vec(), true)
    };
    Answer {
        status,
        headers,
        body,
        complete,
    }
}

/// The data of all whole chunks, and whether the last one was there.
fn unchunk(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return (out, true);
        }
        let Some(chunk) = body.get(end + 2..end + 2 + size) else {
            break;
        };
        out.extend_from_slice(chunk);
        body = body.get(end + 4 + size..).unwrap_or_default();
    }
    (out, false)
}

/// Polls the list of running queries until one with this text is (or is not) there.
#[track_caller]
pub(crate) fn wait_for_query(port: u16, marker: &str, running: bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let sql = format!(
        "SELECT count() FROM system.processes WHERE query LIKE '%{marker}%' AND query NOT LIKE '%system.processes%'"
    );
    while (http(port, "POST", "/", &[], sql.as_bytes()).ok() != "0\n") != running {
        assert!(
            Instant::now() < deadline,
            "{marker}: expected running = {running}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The port of a store that all tests of one test program share. It ends with the program.
pub(crate) fn store_port() -> u16 {
    shared_store().0
}

/// That store's port and process id.
pub(crate) fn shared_store() -> (u16, u32) {
    static STORE: std::sync::OnceLock<(u16, u32)> = std::sync::OnceLock::new();
    *STORE.get_or_init(|| std::thread::spawn(start_store).join().unwrap())
}

fn start_store() -> (u16, u32) {
    let name = std::env::current_exe().unwrap();
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.file_stem().unwrap());
    let mut options = options(&data);
    options.parts = Parts::ClickHouse;
    options.fresh = true;
    options.users = Some(vec![
        user("default", None, Role::Admin),
        user("writer", Some("write-secret"), Role::Writer),
        user("reader", Some("read-secret"), Role::Reader),
    ]);
    options.store_origins = vec!["http://localhost:3000".into()];
    options.store = StoreLimits {
        max_body_mb: 16,
        ..StoreLimits::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stack = runtime.block_on(Stack::start(options)).unwrap();
    let store = (stack.ports().clickhouse, stack.clickhouse_pid().unwrap());
    // The supervisor stops it when this program ends.
    std::mem::forget((stack, runtime));
    store
}

pub(crate) fn select(sql: &str) -> String {
    http(store_port(), "POST", "/", &[], sql.as_bytes()).ok()
}

/// The answer is this ClickHouse exception with this status.
#[track_caller]
pub(crate) fn refused(answer: &Answer, code: u32, status: u16) {
    let text = answer.text();
    assert_eq!(answer.status, status, "{text}");
    assert_eq!(
        answer.header("X-ClickHouse-Exception-Code"),
        Some(code.to_string().as_str()),
        "{text}"
    );
    assert!(
        text.starts_with(&format!("Code: {code}. DB::Exception: ")),
        "{text}"
    );
    assert!(text.contains("(version 26."), "{text}");
}
