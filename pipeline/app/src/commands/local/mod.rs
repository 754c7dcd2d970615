//! Everything on one machine: the commands for the embedded stack and the demo. The feature
//! `local` builds them in; `without_local.rs` stands in their place otherwise.

mod alert_watch;
mod demo_desk;
mod doctor;
mod down;
mod up;

use std::ffi::OsString;
use std::process::ExitCode;

use tapeline_local::StackError;

use crate::failure::Failure;

pub(super) use doctor::{fetch, run as doctor};
pub(super) use down::run as down;
pub(super) use up::run as up;

/// What this process does as a child of the embedded stack, which needs no configuration.
pub(crate) fn run_child(arguments: &[OsString]) -> Option<ExitCode> {
    tapeline_local::local_main(arguments)
}

impl From<StackError> for Failure {
    fn from(error: StackError) -> Self {
        match error {
            StackError::PortInUse { .. } | StackError::DataInUse { .. } => {
                Self::Usage(error.to_string())
            }
            _ => Self::External(error.to_string()),
        }
    }
}
