//! A file a command.

mod alerts;
mod audit;
mod auth;
mod backtest;
mod backtest_files;
mod check;
mod deadletters;
mod health;
mod init;
#[cfg_attr(not(feature = "local"), path = "without_local.rs")]
mod local;
mod processor_tasks;
mod query;
mod recording;
mod reference;
mod replay;
mod risk;
mod run;
mod schemas;
mod secrets;
mod store;
mod tail;
mod tasks;
mod topics;

use std::io::{IsTerminal, Write};

use crate::cli::{Cli, Command, Local};
use crate::config::{Config, Source, load};
use crate::failure::Failure;

pub(crate) use local::run_child;

pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    let source = Source::from(cli.config);
    let config = || load(&source);
    match cli.command {
        Command::Up(arguments) => local::up(&source, arguments),
        Command::Down(arguments) => local::down(&source, arguments),
        Command::Run(arguments) => run::run(config()?, &arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Check(arguments) => check::run(&source, &arguments),
        Command::Doctor => local::doctor(&source),
        Command::Topics(action) => topics::run(&config()?, &action),
        Command::Store(action) => store::run(&config()?, &action),
        Command::Schemas(action) => schemas::run(&action),
        Command::Audit(arguments) => audit::run(&config()?, &arguments),
        Command::Query(arguments) => query::run(config, &arguments),
        Command::Replay(arguments) => replay::run(config()?, &arguments),
        Command::Recording(action) => recording::run(config, &action),
        Command::Tasks(action) => tasks::run(&config()?, &action),
        Command::Deadletters(action) => deadletters::run(&config()?, &action),
        Command::Risk(action) => risk::run(&config()?, action),
        Command::Alerts(action) => alerts::run(&config()?, &action),
        Command::Auth(action) => auth::run(&config()?, &action),
        Command::Secrets(action) => secrets::run(&config()?, &action),
        Command::Reference { page } => {
            reference::run(page);
            Ok(())
        }
        Command::Health(arguments) => health::run(&config()?, &arguments),
        Command::Completions { shell } => {
            init::completions(shell);
            Ok(())
        }
        Command::Man => init::manual(),
        Command::Local(Local::Fetch) => local::fetch(),
    }
}

/// For commands that ask the store a few questions and end.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::external)?
        .block_on(future)
}

/// Logs of commands that only print a result would be in its way.
pub(crate) fn quiet_logs(config: &Config) {
    let mut telemetry = config.telemetry.clone();
    if telemetry.log == "info" {
        "warn".clone_into(&mut telemetry.log);
    }
    crate::telemetry::init_logs(&telemetry);
}

/// Of work that takes long, for whoever sits in front of it.
pub(crate) fn show_progress(what: &str, done: u64, total: u64) {
    let mut terminal = std::io::stderr();
    if terminal.is_terminal() && total > 0 {
        let end = if done >= total { "\n" } else { "" };
        let _gone = write!(terminal, "\r{what} {done} of {total} records{end}");
    }
}
