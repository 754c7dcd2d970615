use serde::Serialize;
use tapeline_auth::mfa::Factors;
use tapeline_auth::{LogoutOutcome, SessionStore, Step, Stored};
use tapeline_model::Micros;
use tapeline_model::records::AuthEventKind;

use crate::account_login::AccountLogin;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;
use crate::publish::now;
use crate::sessions::Lent;

#[derive(Serialize)]
struct Listed {
    account: String,
    venue: String,
    /// `session`, `renewable`, `ended`, `none` or `unreadable`.
    state: &'static str,
    expires: Option<String>,
    /// Until when it can be renewed without a login.
    renewable: Option<String>,
    /// What the venue may have counted lately, before it locks the account.
    refusals: usize,
}

pub(super) async fn list(config: &Config, json: bool) -> Result<(), Failure> {
    let mut listed = Vec::new();
    for of in AccountLogin::all(config)? {
        listed.push(look(&of).await?);
    }
    if json {
        return console::json(&listed);
    }
    if listed.is_empty() {
        console::line("the configuration has no logins");
        return Ok(());
    }
    let row = |one: Listed| {
        vec![
            one.account,
            one.venue,
            one.state.to_owned(),
            one.expires.unwrap_or_default(),
            one.renewable.unwrap_or_default(),
            one.refusals.to_string(),
        ]
    };
    let rows: Vec<_> = listed.into_iter().map(row).collect();
    let heading = [
        "ACCOUNT",
        "VENUE",
        "STATE",
        "UNTIL",
        "RENEWABLE UNTIL",
        "REFUSALS",
    ];
    console::table(&heading, &rows);
    Ok(())
}

async fn look(of: &AccountLogin) -> Result<Listed, Failure> {
    let (venue, account) = (&of.login.venue, &of.login.account);
    let sealed = of.sessions.peek().await?;
    let seal = of.seal().await?;
    let is_kept = sealed.is_some();
    let stored = sealed.and_then(|sealed| seal.open(&sealed));
    let until = stored
        .as_ref()
        .and_then(Stored::session)
        .map(|session| session.until);
    let is_ahead = |at: Option<Micros>| at.is_none_or(|at| at > now());
    let state = match until {
        Some(until) if is_ahead(until.expires) => "session",
        Some(until) if until.renewable.is_some_and(|at| at > now()) => "renewable",
        Some(_) => "ended",
        None if is_kept && stored.is_none() => "unreadable",
        None => "none",
    };
    let shown = |at: Option<Micros>| at.map(|at| at.to_string());
    Ok(Listed {
        account: account.clone(),
        venue: venue.clone(),
        state,
        expires: shown(until.and_then(|until| until.expires)),
        renewable: shown(until.and_then(|until| until.renewable)),
        refusals: stored.as_ref().map_or(0, Stored::refusals),
    })
}

pub(super) async fn revoke(config: &Config, name: &str) -> Result<(), Failure> {
    let of = super::find(config, name)?;
    let Lent {
        session_store,
        back,
    } = of.sessions.demand().await?;
    let ended = end(&of, session_store).await;
    back.wait().await;
    let venue = &of.login.venue;
    match ended? {
        None => Err(Failure::CheckFailed(format!("{name} has no session"))),
        Some(LogoutOutcome::Refused(category)) => Err(Failure::external(format!(
            "the session of {name} is forgotten here, and may go on at {venue} ({category}): log out there"
        ))),
        Some(LogoutOutcome::HasNoWay) => {
            console::line(format!(
                "the session of {name} is forgotten; {venue} has no way to end it, and it goes on \
                 there until it ends by itself"
            ));
            Ok(())
        }
        Some(LogoutOutcome::Ended) => {
            console::line(format!("the session of {name} is ended, at {venue} too"));
            Ok(())
        }
    }
}

async fn end(
    of: &AccountLogin,
    session_store: Box<dyn SessionStore>,
) -> Result<Option<LogoutOutcome>, Failure> {
    let cache = of.cache(session_store).await?;
    let made = of.driver(cache, Factors::default(), of.policy());
    let (mut driver, _nobody_listens) = made.await?;
    let at_venue = driver.end_session().await.map_err(Failure::external)?;
    // Told while others wait for the place, so that what they do is told behind it.
    if let Some(at_venue) = at_venue {
        super::tell(of, vec![ended_by_a_person(at_venue)]);
    }
    Ok(at_venue)
}

fn ended_by_a_person(at_venue: LogoutOutcome) -> Step {
    let detail = match at_venue {
        LogoutOutcome::Ended => "a person ended the session, at the venue too",
        LogoutOutcome::HasNoWay => {
            "a person ended the session; at the venue it goes on until it ends by itself"
        }
        LogoutOutcome::Refused(_) => {
            "a person ended the session; the venue did not, and it may go on"
        }
    };
    Step {
        kind: AuthEventKind::SessionLost,
        method: None,
        login: 0,
        attempt: 1,
        latency: None,
        category: None,
        expires: None,
        detail: detail.to_owned(),
        stopped: false,
    }
}
