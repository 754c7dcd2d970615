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
mod progress;
mod query;
mod recording;
mod records;
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

use crate::cli::{Cli, Command, Local};
use crate::config::{Config, Source, load};
use crate::console;
use crate::failure::Failure;

pub(crate) use local::run_child;

pub(crate) fn run(cli: Cli) -> Result<(), Failure> {
    if cli.wide {
        console::show_wide();
    }
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
        Command::Records(action) => records::run(&config()?, &action),
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
