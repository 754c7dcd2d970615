//! Exactly once, broken on purpose, so that a test can show that the chaos suite's checker would
//! notice. Compiled in with the feature `planted-faults` alone; `TAPELINE_PLANTED_FAULT` chooses.

use std::sync::LazyLock;
use std::time::Duration;

use tapeline_kafka::{TaskProducer, TxError};

/// Between what belongs together: long, so that a kill falls in between.
const APART: Duration = Duration::from_millis(300);
/// From when the group gives the task of a frozen owner away until that one is back and commits.
const LATE: Duration = Duration::from_millis(4_500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Journal and progress are committed in a transaction of their own, after outputs and state.
    ProgressApart,
    /// The former owner is fenced only after the changelog was read.
    FenceLate,
}

static PLANTED: LazyLock<Option<Fault>> = LazyLock::new(|| {
    let wanted = std::env::var("TAPELINE_PLANTED_FAULT").ok()?;
    let fault = parse(&wanted);
    tracing::error!(wanted, ?fault, "this build is broken on purpose");
    fault
});

fn parse(name: &str) -> Option<Fault> {
    match name {
        "progress-apart" => Some(Fault::ProgressApart),
        "fence-late" => Some(Fault::FenceLate),
        _ => None,
    }
}

/// Then nothing mends what it breaks.
pub(crate) fn is_broken() -> bool {
    PLANTED.is_some()
}

/// Stands where the right worker fences: before it reads anything.
pub(crate) fn fence_in_time(producer: &TaskProducer) -> Result<(), TxError> {
    match *PLANTED {
        Some(Fault::FenceLate) => Ok(()),
        _ => producer.fence(),
    }
}

/// Stands behind the reading of the changelog.
pub(crate) fn fence_late(producer: &TaskProducer) -> Result<(), TxError> {
    match *PLANTED {
        Some(Fault::FenceLate) => {
            std::thread::sleep(LATE);
            producer.fence()
        }
        _ => Ok(()),
    }
}

/// Stands before the journal, which the progress follows: outputs and state are written by then.
pub(crate) fn before_journal(producer: &TaskProducer) -> Result<(), TxError> {
    if *PLANTED == Some(Fault::ProgressApart) {
        producer.commit()?;
        std::thread::sleep(APART);
        producer.begin()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_planted_by_a_name_that_is_not_known() {
        assert_eq!(parse("progress-apart"), Some(Fault::ProgressApart));
        assert_eq!(parse("fence-late"), Some(Fault::FenceLate));
        assert_eq!(parse(""), None);
    }
}
