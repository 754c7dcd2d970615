//! Plain HTTP, as any program could speak it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(30);
/// For what is heavy on purpose.
const HEAVY_WITHIN: Duration = Duration::from_mins(20);

/// Status and body of a GET.
pub fn get(base: &str, path: &str) -> std::io::Result<(u16, String)> {
    request("GET", base, path, "")
}

/// The answer of ClickHouse to a query that only reads, in its default format; panics on an error.
pub fn query(base: &str, database: &str, sql: &str) -> String {
    answered(
        ask(base, "X-ClickHouse-User: reader\r\n", database, sql),
        sql,
    )
}

/// The same as the user `default`.
pub fn query_as_default(base: &str, password: &str, database: &str, sql: &str) -> String {
    answered(ask(base, &login(password), database, sql), sql)
}

/// Status and body of what the user `default` asks.
pub(crate) fn ask_as_default(
    base: &str,
    password: &str,
    database: &str,
    sql: &str,
) -> std::io::Result<(u16, String)> {
    ask(base, &login(password), database, sql)
}

fn login(password: &str) -> String {
    format!("X-ClickHouse-User: default\r\nX-ClickHouse-Key: {password}\r\n")
}

fn ask(base: &str, headers: &str, database: &str, sql: &str) -> std::io::Result<(u16, String)> {
    let path = format!("/?database={database}");
    let (status, answer) = exchange("POST", base, &path, headers, sql.as_bytes(), WITHIN)?;
    let answer = String::from_utf8(answer).map_err(std::io::Error::other)?;
    Ok((status, answer))
}

fn answered(answer: std::io::Result<(u16, String)>, sql: &str) -> String {
    let (status, body) = answer.unwrap();
    assert_eq!(status, 200, "{sql}\n{body}");
    body.trim_end().to_owned()
}

/// The answer of ClickHouse in bytes, to a query with its data behind it, which may take minutes.
pub fn query_bytes(base: &str, password: &str, database: &str, body: &[u8]) -> Vec<u8> {
    let path = format!("/?database={database}");
    let headers = login(password);
    let (status, answer) = exchange("POST", base, &path, &headers, body, HEAVY_WITHIN).unwrap();
    let said = String::from_utf8_lossy(&answer[..answer.len().min(2000)]);
    assert_eq!(status, 200, "{said}");
    answer
}

/// Status and body of a POST with headers of its own.
pub fn post(base: &str, headers: &[(&str, &str)], body: &str) -> std::io::Result<(u16, String)> {
    let line = |(name, value): &(&str, &str)| format!("{name}: {value}\r\n");
    let headers = headers.iter().map(line).collect::<Vec<_>>().concat();
    let (status, answer) = exchange("POST", base, "/", &headers, body.as_bytes(), WITHIN)?;
    Ok((status, String::from_utf8_lossy(&answer).into_owned()))
}

pub(crate) fn request(
    method: &str,
    base: &str,
    path: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    let (status, answer) = exchange(method, base, path, "", body.as_bytes(), WITHIN)?;
    let answer = String::from_utf8(answer).map_err(std::io::Error::other)?;
    Ok((status, answer))
}

fn exchange(
    method: &str,
    base: &str,
    path: &str,
    headers: &str,
    body: &[u8],
    within: Duration,
) -> std::io::Result<(u16, Vec<u8>)> {
    const END_OF_HEAD: &[u8] = b"\r\n\r\n";
    let host = base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(within))?;
    let length = body.len();
    // HTTP/1.0: the answer ends with the connection.
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let ends = |window: &[u8]| window == END_OF_HEAD;
    let head = answer.windows(END_OF_HEAD.len()).position(ends);
    let body = head.map_or(answer.len(), |head| head + END_OF_HEAD.len());
    let status = String::from_utf8_lossy(&answer[..body])
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or(0);
    answer.drain(..body);
    Ok((status, answer))
}
