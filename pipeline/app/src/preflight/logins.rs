//! The second factors, the sessions and the clocks of the logins. Nothing here logs in: what a
//! venue may count is left to the role that keeps the sessions.

use std::sync::Arc;
use std::time::Instant;

use tapeline_auth::{
    AccountFact, Environment, FactKind, Flow, LoginCategory, Session, Stored, Validity,
};
use tapeline_model::Micros;
use tapeline_secrets::Secret;
use tokio::sync::OnceCell;

use super::{CheckContext, Checked, Finding, WITHIN, timed};
use crate::account_login::AccountLogin;
use crate::config::Way;
use crate::failure::Failure;
use crate::publish::now;
use crate::registry;

/// Codes of a clock that is further off may not count.
const WRONG_CLOCK: i64 = 25_000_000;
const ODD_CLOCK: i64 = 2_000_000;
const DAY: i64 = 24 * 3600 * 1_000_000;

/// Whether seeds yield codes.
pub(super) async fn codes(context: &CheckContext<'_>) -> Vec<Checked> {
    let mut checked = Vec::new();
    for of in &context.logins {
        if of.login.totp.is_empty() {
            continue;
        }
        let name = format!("codes of {}", of.login.account);
        let check = async {
            match of.factors().await {
                Ok(_) => Finding::pass("the seed yields codes"),
                Err(failure) => Finding::fail(failure.to_string(), "put the right seed there"),
            }
        };
        checked.push(timed(name, true, check).await);
    }
    checked
}

/// Whether sessions are alive, as far as that can be asked without a login.
pub(super) async fn sessions(context: &CheckContext<'_>) -> Vec<Checked> {
    let mut checked = Vec::new();
    for of in &context.logins {
        let visit = AccountVisit::to(of);
        let name = format!("login {}", of.login.account);
        checked.push(timed(name, false, session(&visit)).await);
        if of.login.way == Way::Device {
            let name = format!("device of {}", of.login.account);
            checked.push(timed(name, false, device(&visit)).await);
        }
        checked.extend(account_facts(&visit).await);
    }
    checked
}

/// What the checks of one account share, found by the first that wants it.
struct AccountVisit<'a> {
    of: &'a AccountLogin,
    stored: OnceCell<Option<Stored>>,
    flow: OnceCell<Box<dyn Flow>>,
}

impl<'a> AccountVisit<'a> {
    fn to(of: &'a AccountLogin) -> Self {
        Self {
            of,
            stored: OnceCell::new(),
            flow: OnceCell::new(),
        }
    }

    async fn stored(&self) -> Result<Option<&Stored>, Failure> {
        let stored = self.stored.get_or_try_init(|| self.of.peek()).await?;
        Ok(stored.as_ref())
    }

    async fn session(&self) -> Result<Option<Session>, Failure> {
        Ok(match self.of.login.way {
            // There is no session to keep: each request shows who asks.
            Way::Key | Way::Gateway => Some(nobodys()),
            Way::Device | Way::OAuth => self.stored().await?.and_then(Stored::session),
        })
    }

    async fn flow(&self) -> Result<&dyn Flow, Failure> {
        let make = || async {
            let environment = Environment::system().map_err(Failure::external)?;
            registry::flow(&self.of.login, self.of.secrets(), &environment)
        };
        Ok(&**self.flow.get_or_try_init(make).await?)
    }
}

/// Whether the venue knows this program from a login before.
async fn device(visit: &AccountVisit<'_>) -> Finding {
    match visit.stored().await {
        Ok(Some(stored)) if !stored.device.is_empty() => {
            Finding::pass("the same as at the logins before")
        }
        Ok(_) => Finding::warn(
            "a new one: the venue asks for a second factor",
            "see that a code or an approval can be given at the first login",
        ),
        Err(failure) => Finding::fail(failure.to_string(), "see [auth]"),
    }
}

/// What the venue says of the account. That it refuses is told by the look at the session.
async fn account_facts(visit: &AccountVisit<'_>) -> Vec<Checked> {
    let begun = Instant::now();
    let asked = tokio::time::timeout(WITHIN, facts(visit)).await;
    let ms = begun.elapsed().as_millis();
    let facts = asked
        .ok()
        .and_then(Result::ok)
        .flatten()
        .unwrap_or_default();
    let checked = |fact: AccountFact| {
        let found = match (fact.is_well, fact.kind) {
            (true, _) => Finding::pass(fact.found),
            (false, FactKind::Rate) => Finding::warn(fact.found, fact.kind.remedy()),
            (false, _) => Finding::fail(fact.found, fact.kind.remedy()),
        };
        let name = format!("{} of {}", fact.kind.as_str(), visit.of.login.account);
        found.of(name, false, ms)
    };
    facts.into_iter().map(checked).collect()
}

async fn facts(visit: &AccountVisit<'_>) -> Result<Option<Vec<AccountFact>>, Failure> {
    let Some(session) = visit.session().await? else {
        return Ok(None);
    };
    Ok(visit.flow().await?.account_facts(&session).await.ok())
}

async fn session(visit: &AccountVisit<'_>) -> Finding {
    match look(visit).await {
        Ok(found) => found,
        Err(failure) => Finding::fail(failure.to_string(), "see what it says"),
    }
}

async fn look(visit: &AccountVisit<'_>) -> Result<Finding, Failure> {
    let of = visit.of;
    let Some(session) = visit.session().await? else {
        return Ok(absent(of));
    };
    if session.until.expires.is_some_and(|at| at <= now()) {
        return Ok(ended(of, session.until));
    }
    let flow = visit.flow().await?;
    if let Err(refusal) = flow.probe(&session).await {
        return Ok(refused(of, refusal.category));
    }
    let off = (flow.venue_time(now()).0 - now().0).abs();
    if off > WRONG_CLOCK {
        let found = format!("the clock is {} s off the venue's", off / 1_000_000);
        return Ok(Finding::fail(found, "set this machine's clock by NTP"));
    }
    if off > ODD_CLOCK {
        let found = format!("alive; the clock is {} s off the venue's", off / 1_000_000);
        return Ok(Finding::warn(found, "set this machine's clock by NTP"));
    }
    Ok(alive(of, session.until))
}

fn nobodys() -> Session {
    Session {
        token: Arc::new(Secret::new("")),
        renewal: None,
        until: Validity::default(),
    }
}

fn by_hand(of: &AccountLogin) -> String {
    format!("tapeline auth login {}", of.login.account)
}

fn absent(of: &AccountLogin) -> Finding {
    if of.login.way.needs_person() {
        return Finding::fail("no session, and only a person can open one", by_hand(of));
    }
    Finding::warn(
        "no session yet: whether the credentials are right shows at the first login",
        "the role connectors logs in by itself",
    )
}

fn ended(of: &AccountLogin, until: Validity) -> Finding {
    let is_renewable = until.renewable.is_some_and(|at| at > now());
    if is_renewable || !of.login.way.needs_person() {
        return Finding::warn(
            "the session ended",
            "the role connectors renews it or logs in",
        );
    }
    Finding::fail(
        "the session ended, and only a person can open another",
        by_hand(of),
    )
}

fn refused(of: &AccountLogin, category: LoginCategory) -> Finding {
    let found = format!("the venue refuses: {category}");
    if category == LoginCategory::Expired
        && !of.login.way.needs_person()
        && of.login.way != Way::Key
    {
        return Finding::warn(found, "the role connectors logs in by itself");
    }
    Finding::fail(found, tapeline_auth::remedy_of(category))
}

fn alive(of: &AccountLogin, until: Validity) -> Finding {
    let end = until.renewable.or(until.expires);
    let soon = end.filter(|at| of.login.way.needs_person() && at.since(now()) < DAY);
    match soon {
        Some(at) => {
            let hours = Micros(at.0).since(now()) / (DAY / 24);
            Finding::warn(format!("alive; ends in {hours} h"), by_hand(of))
        }
        None => Finding::pass("the venue takes it"),
    }
}
