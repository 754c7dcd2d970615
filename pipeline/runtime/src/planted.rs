//! Exactly once, broken on purpose, so that a test can show that the chaos suite's checker would
//! notice. Compiled in with the feature `planted-faults` alone; `TAPELINE_PLANTED_FAULT` chooses.

use std::sync::LazyLock;
use std::time::Duration;

use tapeline_kafka::{TaskProducer, TxError};

/// Between the two halves of a commit: long, so that a kill falls in between.
const APART: Duration = Duration::from_millis(300);
/// Long enough for a frozen owner, whose task the group gave away, to be back and commit.
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

/// Whether a fault is planted: then nothing is repaired either.
pub(crate) fn is_broken() -> bool {
    PLANTED.is_some()
}

/// Called where a correct worker fences: before it reads anything.
pub(crate) fn fence_in_time(producer: &TaskProducer) -> Result<(), TxError> {
    match *PLANTED {
        Some(Fault::FenceLate) => Ok(()),
        _ => producer.fence(),
    }
}

/// Called after the changelog was read.
pub(crate) fn fence_late(producer: &TaskProducer) -> Result<(), TxError> {
    match *PLANTED {
        Some(Fault::FenceLate) => {
            std::thread::sleep(LATE);
            producer.fence()
        }
        _ => Ok(()),
    }
}

/// Called before the journal and the progress are written, after outputs and state.
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
