use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Role, Run};
use crate::config::{Config, with_demo};
use crate::console;
use crate::failure::Failure;
use crate::roles::{self, Parts, Start};
use crate::telemetry::{self, Health};

pub(super) fn run(config: Config, arguments: &Run) -> Result<(), Failure> {
    telemetry::init_logs(&config.telemetry);
    let config = with_demo(config, false)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::external)?;
    runtime.block_on(async {
        let health = Health::default();
        let address = telemetry::serve(&config.telemetry.listen, health.clone()).await?;
        console::say(format!("metrics and health on http://{address}"));
        let start = Start {
            config: &config,
            runtime: runtime.handle(),
            health: &health,
        };
        let mut parts = start_roles(&start, &arguments.role)?;
        let outcome = wait(&mut parts).await;
        let stopped = tokio::task::spawn_blocking(move || parts.stop()).await;
        outcome.and(stopped.map_err(Failure::external)?)
    })
}

fn start_roles(start: &Start<'_>, which: &[Role]) -> Result<Parts, Failure> {
    let mut parts = Parts::default();
    for role in which {
        parts.join(match role {
            Role::Connectors => roles::start_connectors(start)?,
            Role::Processors => roles::start_processors(start)?,
            Role::Sinks => roles::start_sinks(start)?,
        });
    }
    Ok(parts)
}

/// Until a signal comes or a part fails.
async fn wait(parts: &mut Parts) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let mut look = tokio::time::interval(std::time::Duration::from_millis(100));
    loop {
        tokio::select! {
            () = signals.wanted() => return Ok(()),
            _ = look.tick() => parts.check()?,
        }
    }
}

/// Ctrl-C and SIGTERM.
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    pub fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(Failure::external);
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    pub async fn wanted(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
