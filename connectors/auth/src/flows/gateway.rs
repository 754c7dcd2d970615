//! A gateway on this machine in which a person logs in, each week anew. As IBKR's Client Portal
//! has it: nothing is sent that is secret, and what there is is only kept awake.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use tapeline_model::Micros;
use tapeline_model::records::LoginCategory;
use tapeline_secrets::Secret;

use super::http::{Http, HttpAnswer};
use crate::account_facts::{AccountFact, FactKind, plain};
use crate::address::BadAddress;
use crate::challenge::{Challenge, Method, Wants};
use crate::environment::Environment;
use crate::flow::{Approval, Flow, FlowFuture, Proof, Reply};
use crate::refusal::Refusal;
use crate::saved_state::Validity;
use crate::session::Session;

const STATUS: &str = "/v1/api/iserver/auth/status";
const ACCOUNTS: &str = "/v1/api/iserver/accounts";
const WAKE: &str = "/v1/api/iserver/auth/ssodh/init";
const LOGOUT: &str = "/v1/api/logout";
const TICKLE: &str = "/v1/api/tickle";
/// Who asks too often is not answered for so long.
const SHUT_FOR: Duration = Duration::from_mins(15);

pub struct Gateway {
    http: Http,
}

#[derive(Deserialize)]
struct StatusBody {
    authenticated: Option<bool>,
    connected: Option<bool>,
    competing: Option<bool>,
    #[serde(rename = "serverInfo")]
    server_info: Option<ServerInfo>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerInfo {
    server_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accounts {
    accounts: Vec<IgnoredAny>,
    is_paper: Option<bool>,
}

impl Accounts {
    fn permissions(&self) -> AccountFact {
        let (about, count) = (FactKind::Permissions, self.accounts.len());
        if count == 0 {
            return AccountFact::not_well(about, "the login opens no account for trading");
        }
        let money = match self.is_paper {
            Some(true) => " (paper)",
            _ => "",
        };
        AccountFact::well(
            about,
            format!("accounts that the login opens: {count}{money}"),
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Awake,
    /// Somebody is logged in, and the session rests, as it does each midnight.
    Resting,
    /// A person has to log in.
    Out,
}

impl Gateway {
    /// `environment` has to trust the gateway's certificate: see [`Environment::loopback`].
    pub fn new(address: &str, environment: &Environment) -> Result<Self, BadAddress> {
        let http = Http::new(address, environment)?;
        Ok(Self { http })
    }

    async fn begin(&self) -> Result<Reply, Refusal> {
        if self.awake().await? == Status::Awake {
            return Ok(Reply::Session(session(self.http.now())));
        }
        Ok(Reply::Challenge(Challenge {
            id: String::new(),
            method: Method::Browser,
            wants: Wants::Approval,
            link: Some(self.http.url("/").into()),
            left: None,
        }))
    }

    /// What it is, once what rests was woken.
    async fn awake(&self) -> Result<Status, Refusal> {
        let answer = self.http.ask(self.http.post(STATUS)).await?;
        if read(&answer)? != Status::Resting {
            return read(&answer);
        }
        // A session that a person has elsewhere is never taken from them.
        let asked = json!({"publish": true, "compete": false});
        let answer = self.http.ask(self.http.post_json(WAKE, &asked)).await?;
        read(&answer)
    }

    async fn facts(&self) -> Result<Vec<AccountFact>, Refusal> {
        let status = self.http.ask(self.http.post(STATUS)).await?;
        let accounts = self.http.ask(self.http.get(ACCOUNTS)).await?;
        for answer in [&status, &accounts] {
            if !answer.is_fine() {
                return Err(refused(answer));
            }
        }
        let version = status
            .json::<StatusBody>()
            .and_then(|words| words.server_info);
        let version = version.and_then(|info| info.server_version);
        let accounts = accounts
            .json::<Accounts>()
            .ok_or(LoginCategory::ChangedApi)?;
        let mut facts = vec![accounts.permissions()];
        facts.extend(version.map(|version| AccountFact::well(FactKind::Version, plain(&version))));
        Ok(facts)
    }

    async fn keep_awake(&self) -> Result<(), Refusal> {
        let answer = self.http.ask(self.http.post(TICKLE)).await?;
        if answer.status != 401 && !answer.is_fine() {
            return Err(refused(&answer));
        }
        match self.awake().await? {
            Status::Awake => Ok(()),
            Status::Resting | Status::Out => Err(LoginCategory::Expired.into()),
        }
    }
}

fn read(answer: &HttpAnswer) -> Result<Status, Refusal> {
    if answer.status == 401 {
        return Ok(Status::Out);
    }
    if !answer.is_fine() {
        return Err(refused(answer));
    }
    let words = answer
        .json::<StatusBody>()
        .ok_or(LoginCategory::ChangedApi)?;
    let is_awake = words.authenticated.ok_or(LoginCategory::ChangedApi)?;
    // A person works elsewhere with this account. To try again and again would throw them out,
    // or two of us at each other; so it stops until somebody says that it may go on.
    if words.competing == Some(true) {
        return Err(LoginCategory::Forbidden.into());
    }
    Ok(match (is_awake, words.connected) {
        (true, _) => Status::Awake,
        (false, Some(true)) => Status::Resting,
        (false, _) => Status::Out,
    })
}

fn refused(answer: &HttpAnswer) -> Refusal {
    let refusal = answer.refusal(LoginCategory::Expired);
    let shut = Some(SHUT_FOR).filter(|_| refusal.category == LoginCategory::RateLimited);
    Refusal {
        not_within: refusal.not_within.max(shut),
        ..refusal
    }
}

fn session(now: Micros) -> Session {
    Session {
        // The gateway knows who asks by where they ask from.
        token: Arc::new(Secret::new("")),
        renewal: None,
        until: Validity {
            expires: next_sunday(now),
            renewable: None,
        },
    }
}

/// 01:00 of a Sunday in New York, after now: when each login ends.
fn next_sunday(now: Micros) -> Option<Micros> {
    let new_york = TimeZone::get("America/New_York").ok()?;
    let today = Timestamp::from_microsecond(now.0).ok()?;
    let today = today.to_zoned(new_york.clone()).date();
    let at_one = |day: Date| {
        let time = day.at(1, 0, 0, 0).to_zoned(new_york.clone()).ok()?;
        Some(Micros(time.timestamp().as_microsecond()))
    };
    let ends_today = Some(today)
        .filter(|today| today.weekday() == Weekday::Sunday)
        .and_then(at_one)
        .filter(|end| *end > now);
    ends_today.or_else(|| at_one(today.nth_weekday(1, Weekday::Sunday).ok()?))
}

impl Flow for Gateway {
    fn open<'a>(&'a self, _: &'a str) -> FlowFuture<'a, Reply> {
        Box::pin(self.begin())
    }

    fn prove<'a>(
        &'a self,
        _: &'a str,
        _: &'a Challenge,
        proof: Proof<'a>,
    ) -> FlowFuture<'a, Reply> {
        Box::pin(async move {
            match proof {
                Proof::Approval => self.begin().await,
                Proof::Code(_) => Err(LoginCategory::ChangedApi.into()),
            }
        })
    }

    fn approval<'a>(&'a self, _: &'a Challenge) -> FlowFuture<'a, Approval> {
        Box::pin(async move {
            Ok(match self.awake().await? {
                Status::Awake => Approval::Given,
                Status::Resting | Status::Out => Approval::Pending,
            })
        })
    }

    fn renew<'a>(&'a self, _: &'a Session) -> FlowFuture<'a, Reply> {
        Box::pin(async { Err(LoginCategory::Expired.into()) })
    }

    fn probe<'a>(&'a self, _: &'a Session) -> FlowFuture<'a, ()> {
        Box::pin(self.keep_awake())
    }

    fn end<'a>(&'a self, _: &'a Session) -> FlowFuture<'a, bool> {
        Box::pin(async move { self.http.ask(self.http.post(LOGOUT)).await?.ended() })
    }

    fn account_facts<'a>(&'a self, _: &'a Session) -> FlowFuture<'a, Vec<AccountFact>> {
        Box::pin(self.facts())
    }

    fn look_up_again(&self) -> FlowFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn venue_time(&self, now: Micros) -> Micros {
        self.http.venue_time(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_ends_on_sunday_at_one_in_new_york() {
        for (now, end) in [
            ("2026-11-18T15:00:00Z", "2026-11-22T06:00:00Z"),
            ("2026-11-22T05:59:59Z", "2026-11-22T06:00:00Z"),
            ("2026-11-22T06:00:00Z", "2026-11-29T06:00:00Z"),
            // In summer, and over the night in which the clocks are set.
            ("2026-07-01T12:00:00Z", "2026-07-05T05:00:00Z"),
            ("2026-10-31T12:00:00Z", "2026-11-01T05:00:00Z"),
            ("2026-11-01T12:00:00Z", "2026-11-08T06:00:00Z"),
        ] {
            let micros = |text: &str| Micros(text.parse::<Timestamp>().unwrap().as_microsecond());
            assert_eq!(next_sunday(micros(now)), Some(micros(end)), "{now}");
        }
    }
}
