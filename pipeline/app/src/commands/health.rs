use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::cli::Health;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

const WITHIN: Duration = Duration::from_secs(3);

/// Exit code 0 when the role on this machine says it is well, 1 otherwise.
pub(super) fn run(config: &Config, arguments: &Health) -> Result<(), Failure> {
    let mut address: SocketAddr = config.telemetry.listen.parse().map_err(Failure::external)?;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let path = if arguments.live {
        "/health/live"
    } else {
        "/health/ready"
    };
    let answer = ask(address, path)
        .map_err(|error| Failure::CheckFailed(format!("nothing answers on {address}: {error}")))?;
    let body = answer
        .split("\r\n\r\n")
        .nth(1)
        .unwrap_or_default()
        .trim()
        .to_owned();
    if answer.starts_with("HTTP/1.1 200") {
        console::line(body);
        Ok(())
    } else {
        Err(Failure::CheckFailed(body))
    }
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, WITHIN)?;
    stream.set_read_timeout(Some(WITHIN))?;
    stream.set_write_timeout(Some(WITHIN))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    // An answer of a health check is short; anything longer is somebody else.
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    Ok(answer)
}
