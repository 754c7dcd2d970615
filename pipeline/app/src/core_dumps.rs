//! A dump of this process's memory would hold what it knows of secrets.

use rustix::process::{Resource, Rlimit, setrlimit};

/// For whoever looks for a fault of this program.
const WANTED: &str = "TAPELINE_CORE_DUMPS";

/// Also for all that this process starts: Kafka and the engine hold records and passwords.
pub(crate) fn switch_off() -> std::io::Result<()> {
    if std::env::var_os(WANTED).is_some_and(|wanted| wanted == "1") {
        return Ok(());
    }
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    switch_off_at_handlers()
}

/// A handler that the kernel pipes dumps to (`kernel.core_pattern`) is not held by the limit.
#[cfg(target_os = "linux")]
fn switch_off_at_handlers() -> std::io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

#[cfg(not(target_os = "linux"))]
fn switch_off_at_handlers() -> std::io::Result<()> {
    Ok(())
}
