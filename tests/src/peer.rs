//! A server of others that tests talk to. It ends with the test, however that ends.

use std::net::TcpStream;
use std::time::Duration;

use tapeline_local::{ChildProcess, ChildSpec};
use tempfile::TempDir;

use crate::{eventually, program};

const LISTENS_WITHIN: Duration = Duration::from_secs(90);

pub struct Peer {
    // Before the folder that it writes to.
    _child: ChildProcess,
    _folder: TempDir,
}

impl Peer {
    /// Started, and listening on these ports of this machine.
    #[track_caller]
    pub fn start(name: &'static str, command: &[&str], ports: &[u16]) -> Self {
        let folder = program::scratch();
        let log = folder.path().join("log");
        let started = ChildProcess::start(&ChildSpec {
            name,
            binary: &program::path(),
            command: command.iter().map(Into::into).collect(),
            output: log.clone(),
            log,
            run_dir: folder.path(),
            grace: Duration::from_secs(5),
        });
        let mut child = started.unwrap();
        for port in ports {
            eventually(name, LISTENS_WITHIN, || {
                child.check().unwrap();
                TcpStream::connect(("127.0.0.1", *port)).ok()
            });
        }
        Self {
            _child: child,
            _folder: folder,
        }
    }
}
