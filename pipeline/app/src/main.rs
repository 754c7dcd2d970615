//! The `tapeline` binary.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod account_login;
mod cli;
mod commands;
mod config;
mod console;
mod core_dumps;
mod failure;
mod preflight;
mod publish;
mod registry;
mod roles;
mod sessions;
mod store_audit;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

/// Processors hold millions of small objects, and touch them at random.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Err(error) = core_dumps::switch_off() {
        console::say(format!(
            "tapeline: core dumps cannot be switched off: {error}"
        ));
        return ExitCode::from(3);
    }
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    // Children of the embedded stack are this program again.
    if arguments.get(1).is_some_and(|word| word == "local")
        && let Some(code) = commands::run_child(&arguments[2..])
    {
        return code;
    }
    let cli = match cli::Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            let _printed = error.print();
            return ExitCode::from(code);
        }
    };
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console::complain(&failure);
            ExitCode::from(failure.code())
        }
    }
}
