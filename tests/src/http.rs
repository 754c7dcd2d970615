//! Plain HTTP, as any program could speak it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(30);

/// Status and body of a GET.
pub fn get(base: &str, path: &str) -> std::io::Result<(u16, String)> {
    request("GET", base, path, "")
}

/// The answer of ClickHouse to a query, in its default format; panics on an error.
pub fn query(base: &str, database: &str, sql: &str) -> String {
    let (status, body) = request("POST", base, &format!("/?database={database}"), sql).unwrap();
    assert_eq!(status, 200, "{sql}\n{body}");
    body.trim_end().to_owned()
}

pub(crate) fn request(
    method: &str,
    base: &str,
    path: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    let host = base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(WITHIN))?;
    let length = body.len();
    // HTTP/1.0: the answer ends with the connection.
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or(0);
    Ok((status, body.to_owned()))
}
