//! What the tests of this crate share.
#![allow(dead_code)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tapeline_local::{FrontUser, Parts, Ports, Role, Stack, StackOptions, StoreLimits};

pub(crate) fn binary() -> PathBuf {
    env!("CARGO_BIN_EXE_tapeline-local").into()
}

pub(crate) fn options(data: &Path) -> StackOptions {
    StackOptions {
        binary: binary(),
        ports: Ports::ANY,
        heap_mb: 256,
        ..StackOptions::new(data).unwrap()
    }
}

/// An HTTP response, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
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
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw).unwrap();
    parse(&raw)
}

fn parse(raw: &[u8]) -> Answer {
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
    Answer {
        status,
        headers,
        body: if chunked {
            unchunk(body)
        } else {
            body.to_vec()
        },
    }
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        out.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
    out
}

/// The port of a store that all tests of one test program share. It ends with the program.
pub(crate) fn store_port() -> u16 {
    static PORT: std::sync::OnceLock<u16> = std::sync::OnceLock::new();
    *PORT.get_or_init(|| std::thread::spawn(start_store).join().unwrap())
}

fn start_store() -> u16 {
    let name = std::env::current_exe().unwrap();
    let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.file_stem().unwrap());
    let user = |name: &str, password: Option<&str>, role| FrontUser {
        name: name.into(),
        password: password.map(str::to_owned),
        role,
    };
    let mut options = options(&data);
    options.parts = Parts::ClickHouse;
    options.fresh = true;
    options.users = vec![
        user("default", None, Role::Admin),
        user("writer", Some("write-secret"), Role::Writer),
        user("reader", Some("read-secret"), Role::Reader),
    ];
    options.store = StoreLimits {
        max_body_mb: 16,
        ..StoreLimits::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stack = runtime.block_on(Stack::start(options)).unwrap();
    let port = stack.ports().clickhouse;
    // The supervisor stops it when this program ends.
    std::mem::forget((stack, runtime));
    port
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
