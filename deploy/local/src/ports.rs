//! Ports on loopback: checking one before a child needs it, choosing free ones.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::error::StackError;

/// Below the range that outgoing connections take theirs from, so that none is lost between
/// being chosen and being used.
const CHOICE: Range<u16> = 20_000..32_000;
const ATTEMPTS: usize = 200;

/// A port nobody listens on. Other users of this crate on the machine will not be given it
/// while the lease lives.
#[derive(Debug)]
pub struct PortLease {
    pub port: u16,
    _lock: Option<File>,
}

impl PortLease {
    /// `port`, or any free one when it is 0.
    pub fn take(port: u16, what: &'static str, key: &str) -> Result<Self, StackError> {
        if port == 0 {
            return Self::choose(what);
        }
        if is_free(port) {
            return Ok(Self { port, _lock: None });
        }
        Err(StackError::PortInUse {
            port,
            what,
            remedy: format!(
                "stop what listens there, or choose another port with {key} (0 takes any free one)"
            ),
        })
    }

    fn choose(what: &'static str) -> Result<Self, StackError> {
        // A folder a user: another one's locks could not be opened.
        let user = rustix::process::getuid().as_raw();
        let dir = std::env::temp_dir().join(format!("tapeline-ports-{user}"));
        std::fs::create_dir_all(&dir).map_err(StackError::io("cannot create", &dir))?;
        let span = u64::from(CHOICE.end - CHOICE.start);
        for _ in 0..ATTEMPTS {
            let random = std::hash::RandomState::new().build_hasher().finish();
            let port = CHOICE.start + (random % span) as u16;
            let path = dir.join(port.to_string());
            let lock = OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
                .map_err(StackError::io("cannot open", &path))?;
            if lock.try_lock().is_ok() && is_free(port) {
                return Ok(Self {
                    port,
                    _lock: Some(lock),
                });
            }
        }
        Err(StackError::PortInUse {
            port: 0,
            what,
            remedy: format!(
                "{ATTEMPTS} ports between {} and {} were tried and all are taken; name one",
                CHOICE.start, CHOICE.end
            ),
        })
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A free port for a test, leased until the process ends.
pub fn free_port() -> Result<u16, StackError> {
    let lease = PortLease::choose("a test")?;
    let port = lease.port;
    std::mem::forget(lease);
    Ok(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_port_is_named_with_its_remedy() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = PortLease::take(port, "Kafka", "--kafka-port")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&port.to_string()) && error.contains("--kafka-port"),
            "{error}"
        );
    }

    #[test]
    fn chosen_ports_are_not_given_twice() {
        let leases: Vec<_> = (0..20)
            .map(|_| PortLease::take(0, "x", "y").unwrap())
            .collect();
        let mut ports: Vec<_> = leases.iter().map(|lease| lease.port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 20);
    }
}
