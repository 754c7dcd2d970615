//! `tapeline auth`: what a person does about logins.

mod login;
mod sessions;
mod terminal;

use std::time::Duration;

use tapeline_auth::{FileShelf, Shelf};

use crate::cli;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;
use crate::roles::LoginOf;

/// What runs looks twice a second whether somebody wants the login.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(20);

pub(super) fn run(config: &Config, action: &cli::Auth) -> Result<(), Failure> {
    super::quiet_logs(config);
    match action {
        cli::Auth::Login { account } => super::block_on(login::run(config, account)),
        cli::Auth::Sessions(cli::AuthSessions::List { json }) => {
            super::block_on(sessions::list(config, *json))
        }
        cli::Auth::Sessions(cli::AuthSessions::Revoke { account }) => {
            super::block_on(sessions::revoke(config, account))
        }
    }
}

fn find(config: &Config, name: &str) -> Result<LoginOf, Failure> {
    let all = LoginOf::all(config)?;
    let names: Vec<String> = all.iter().map(|one| one.login.account.clone()).collect();
    let found = all.into_iter().find(|one| one.login.account == name);
    found.ok_or_else(|| {
        Failure::Usage(if names.is_empty() {
            format!("`{name}` has no login: the configuration has no [[logins]]")
        } else {
            format!(
                "`{name}` has no login; [[logins]] has: {}",
                names.join(", ")
            )
        })
    })
}

/// From the process that has it, if one does.
async fn shelf(of: &LoginOf) -> Result<Box<dyn Shelf>, Failure> {
    let (venue, account) = (&of.login.venue, &of.login.account);
    let asked = FileShelf::ask_for(&of.auth.sessions, venue, account, HANDED_OVER_WITHIN).await;
    Ok(Box::new(asked.map_err(Failure::outside)?))
}

/// The step goes to where those of what runs go. Without Kafka, the login still counts.
fn tell(of: &LoginOf, steps: Vec<tapeline_auth::Step>) {
    let told = of.publisher().and_then(|publisher| {
        let mut steps = (1..).zip(steps);
        steps.try_for_each(|(number, step)| of.put(&publisher, step, number))
    });
    if let Err(failure) = told {
        console::say(format!("auth.events was not told: {failure}"));
    }
}
