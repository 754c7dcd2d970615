//! In place of `local`, in a program that was built without that feature: whoever asks for the
//! embedded stack learns that it is not in here.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::cli::{DataFolder, Up};
use crate::config::{Source, not_built_in};
use crate::failure::Failure;

pub(crate) fn run_child(_arguments: &[OsString]) -> Option<ExitCode> {
    None
}

pub(super) fn up(_source: &Source, _arguments: Up) -> Result<(), Failure> {
    Err(not_built_in("tapeline up").into())
}

pub(super) fn down(_source: &Source, _arguments: DataFolder) -> Result<(), Failure> {
    Err(not_built_in("tapeline down").into())
}

pub(super) fn doctor(_source: &Source) -> Result<(), Failure> {
    Err(not_built_in("tapeline doctor").into())
}

pub(super) fn fetch() -> Result<(), Failure> {
    Err(not_built_in("tapeline local fetch").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_in_is_a_fault_of_who_asks_for_it() {
        for refused in [doctor(&Source::Usual), fetch()] {
            let failure = refused.unwrap_err();
            assert_eq!(failure.code(), 2);
            assert!(
                failure.to_string().contains("built without `local`"),
                "{failure}"
            );
        }
    }
}
