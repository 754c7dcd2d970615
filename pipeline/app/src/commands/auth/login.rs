use std::time::Duration;

use tapeline_auth::Policy;
use tapeline_model::records::AuthEventKind;

use super::terminal::Terminal;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;
use crate::sessions::Lent;

/// A person has so long for what the venue asks.
const PATIENCE: Duration = Duration::from_mins(5);

pub(super) async fn run(config: &Config, name: &str) -> Result<(), Failure> {
    let of = super::find(config, name)?;
    let mut factors = of.factors().await?;
    factors.person = Some(Box::new(Terminal::open(&of.login.redirect).await?));
    let policy = Policy {
        code_within: PATIENCE,
        ..of.policy()
    };
    let Lent {
        session_store,
        back,
    } = of.sessions.demand().await?;
    let cache = of.cache(session_store).await?;
    let (driver, mut ends) = of.driver(cache, factors, policy).await?;
    let keeping = tokio::spawn(driver.anew().run());
    let mut steps = Vec::new();
    let mut outcome = Err(Failure::external("the login ended by itself"));
    while let Some(step) = ends.steps.recv().await {
        console::say(format!("{}: {}", step.kind, step.detail));
        let (kind, detail) = (step.kind, step.detail.clone());
        let is_stop = step.stopped;
        let expires = step.expires;
        steps.push(step);
        if kind == AuthEventKind::LoginSucceeded {
            let until = expires.map_or_else(String::new, |at| format!(", until {at}"));
            console::line(format!("{name} is logged in{until}"));
            outcome = Ok(());
            break;
        }
        if is_stop || kind == AuthEventKind::LoginFailed {
            outcome = Err(Failure::CheckFailed(format!(
                "{name} is not logged in: {detail}"
            )));
            break;
        }
    }
    // Told while others wait for the place, so that what they do is told behind it.
    super::tell(&of, steps);
    keeping.abort();
    // The account is free for what runs when this has ended.
    let _aborted = keeping.await;
    back.wait().await;
    outcome
}
