//! `tapeline auth`: what a person does about logins.

mod enrol;
mod login;
mod sessions;
mod terminal;

use crate::account_login::AccountLogin;
use crate::cli;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

pub(super) fn run(config: &Config, action: &cli::Auth) -> Result<(), Failure> {
    super::quiet_logs(config);
    match action {
        cli::Auth::Login { account } => super::block_on(login::run(config, account)),
        cli::Auth::Enrol(arguments) => enrol::run(config, arguments),
        cli::Auth::Sessions(cli::AuthSessions::List { json }) => {
            super::block_on(sessions::list(config, *json))
        }
        cli::Auth::Sessions(cli::AuthSessions::Revoke { account }) => {
            super::block_on(sessions::revoke(config, account))
        }
    }
}

fn find(config: &Config, name: &str) -> Result<AccountLogin, Failure> {
    let all = AccountLogin::all(config)?;
    let found = all.into_iter().find(|one| one.login.account == name);
    found.ok_or_else(|| nobody(config, name))
}

fn nobody(config: &Config, name: &str) -> Failure {
    let accounts = config.logins.iter().map(|login| login.account.as_str());
    let names = accounts.collect::<Vec<_>>().join(", ");
    Failure::Usage(if names.is_empty() {
        format!("`{name}` has no login: the configuration has no [[logins]]")
    } else {
        format!("`{name}` has no login; [[logins]] has: {names}")
    })
}

/// The step goes to where those of what runs go. Without Kafka, the login still counts.
fn tell(of: &AccountLogin, steps: Vec<tapeline_auth::Step>) {
    let told = of.publisher().and_then(|publisher| {
        let mut steps = (1..).zip(steps);
        steps.try_for_each(|(number, step)| of.put(&publisher, step, number))
    });
    if let Err(failure) = told {
        console::say(format!("auth.events was not told: {failure}"));
    }
}
