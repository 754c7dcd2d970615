//! The demo's accounts log in to venues on this machine, as others do to theirs.

mod folder;
mod telephone;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tapeline_demo::venue_accounts;
use tapeline_simulators::{CodeChannel, Factor, SecondFactor, Settings, Venue};
use tapeline_venue::Stop;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::codes::Codes;
use super::{LoginPart, Part, Parts, Start};
use crate::account_login::AccountLogin;
use crate::config::{Auth, Config, LoginAccount, Places, Span, Way};
use crate::failure::Failure;
use folder::Folder;
use telephone::Telephone;

const FOLDER: &str = "demo-logins";
const PROBE_EVERY: Duration = Duration::from_secs(5);
const NAME: &str = "name";
const PASSWORD: &str = "password";
const SEED: &str = "seed";
const SESSION_KEY: &str = "session-key";
const WORD: &str = "word";

/// How an account logs in, and what its venue does.
struct Plan {
    account: &'static str,
    way: Way,
    asks: SecondFactor,
    session: Duration,
    loses: Option<Losses>,
}

/// When a venue ends a session before its time.
struct Losses {
    first: Duration,
    every: Duration,
}

const PLANS: &[Plan] = &[
    Plan {
        account: "alpha-1",
        way: Way::Device,
        asks: SecondFactor::App,
        session: Duration::from_secs(60),
        loses: None,
    },
    Plan {
        account: "alpha-2",
        way: Way::Device,
        asks: SecondFactor::Workflow(Factor::Prompt),
        session: Duration::from_secs(75),
        loses: None,
    },
    Plan {
        account: "beta-1",
        way: Way::Device,
        asks: SecondFactor::Sent(CodeChannel::Email),
        session: Duration::from_secs(120),
        loses: Some(Losses {
            first: Duration::from_secs(20),
            every: Duration::from_secs(90),
        }),
    },
    Plan {
        account: "beta-2",
        way: Way::Key,
        asks: SecondFactor::Nothing,
        session: Duration::from_secs(3600),
        loses: None,
    },
];

/// Nothing, without the demo; and nothing of an account that somebody configured a login for.
pub(super) fn start(with: &Start<'_>) -> Result<Parts, Failure> {
    let mut parts = Parts::default();
    for plan in plans(with.config) {
        let (stop_sender, stop) = Stop::pair();
        let runtime = with.runtime.clone();
        let config = with.config.clone();
        let name = format!("login {}", plan.account);
        parts.add(Part::spawn(name, Some(stop_sender), move |_| {
            runtime.block_on(plan.run(config, stop))
        })?);
    }
    Ok(parts)
}

/// A demo that begins anew logs in anew.
pub(crate) fn forget(config: &Config) -> Result<(), Failure> {
    folder::remove(&config.local.data.join(FOLDER))
}

fn plans(config: &Config) -> impl Iterator<Item = &'static Plan> {
    let is_theirs = |plan: &&Plan| {
        let mut logins = config.logins.iter();
        logins.any(|login| login.account == plan.account)
    };
    let is_ours = move |plan: &&Plan| config.demo.enabled && !is_theirs(plan);
    PLANS.iter().filter(is_ours)
}

impl Plan {
    async fn run(&self, config: Config, stop: Stop) -> Result<(), Failure> {
        let folder = Folder::open(&config.local.data.join(FOLDER).join(self.account))?;
        let (telephone, on_code) = Telephone::pair();
        let settings = Settings {
            code_seconds: 30,
            on_code,
            on_session: {
                let folder = folder.clone();
                Arc::new(move |kept| folder.keep(kept))
            },
            ..Settings::default()
        };
        let venue = self.open(&folder, settings).await?;
        let config = self.configure(config, &folder, &venue.address)?;
        let Some(of) = AccountLogin::all(&config)?.pop() else {
            let account = self.account;
            let message = format!("the demo's account {account} is none of [[accounts]]");
            return Err(Failure::External(message));
        };
        let account = LoginPart {
            of,
            codes: Codes::default(),
            person: Some(Box::new(move || Box::new(telephone.clone()))),
        };
        tokio::select! {
            ended = account.run(stop) => ended,
            never = self.lose(&venue) => match never {},
        }
    }

    /// A venue that has this one account.
    async fn open(&self, folder: &Folder, settings: Settings) -> Result<Venue, Failure> {
        let [name, password, seed, word] = [NAME, PASSWORD, SEED, WORD].map(|n| folder.secret(n));
        let (name, password, seed, word) = (name?, password?, seed?, word?);
        let venue = Venue::start_with(settings).await;
        let venue = venue.map_err(|error| {
            Failure::External(format!("the demo's venue cannot listen here: {error}"))
        })?;
        venue.change(|book| {
            (book.name, book.password, book.seed, book.word) = (name, password, seed, word);
            book.asks = self.asks;
            book.session = self.session.as_secs();
            // Looked at twice, as somebody reaches for a telephone.
            book.workflow.approved_after = Some(1);
        });
        venue.restore(folder.kept());
        Ok(venue)
    }

    /// As if somebody had configured this login, and nothing else.
    fn configure(
        &self,
        mut config: Config,
        folder: &Folder,
        address: &str,
    ) -> Result<Config, Failure> {
        folder.secret(SESSION_KEY)?;
        config.auth = Auth {
            sessions: folder.path().to_owned(),
            session_key: folder.reference(SESSION_KEY),
            probe_every: Span(PROBE_EVERY),
            ..Auth::default()
        };
        config.secrets = Places::default();
        let totp = match self.asks {
            SecondFactor::App => folder.reference(SEED),
            _ => String::new(),
        };
        config.logins = vec![LoginAccount {
            account: self.account.to_owned(),
            venue: self.venue(),
            way: self.way,
            address: address.to_owned(),
            name: folder.reference(NAME),
            password: folder.reference(PASSWORD),
            totp,
            client_id: "tapeline".to_owned(),
            redirect: String::new(),
            sms: None,
            mail: None,
        }];
        Ok(config)
    }

    fn venue(&self) -> String {
        let mut all = venue_accounts().into_iter();
        let ours = all.find(|known| known.account.as_str() == self.account);
        ours.map(|known| known.venue).unwrap_or_default()
    }

    async fn lose(&self, venue: &Venue) -> Infallible {
        let Some(losses) = &self.loses else {
            return std::future::pending().await;
        };
        let mut times = interval_at(Instant::now() + losses.first, losses.every);
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            times.tick().await;
            venue.drop_session();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(config: &Config) -> Vec<&'static str> {
        plans(config).map(|plan| plan.account).collect()
    }

    #[test]
    fn each_account_of_the_demo_logs_in_and_only_in_the_demo() {
        let config = Config::default();
        assert!(accounts(&config).is_empty());
        let known = venue_accounts().into_iter();
        let known: Vec<String> = known.map(|known| known.account.to_string()).collect();
        assert_eq!(accounts(&config.with_demo()), known);
    }

    #[test]
    fn a_login_that_somebody_configured_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Folder::open(folder.path()).unwrap();
        let config = Config::default().with_demo();
        let theirs = PLANS[0].configure(config.clone(), &folder, "http://127.0.0.1:1");
        let config = Config {
            logins: theirs.unwrap().logins,
            ..config
        };
        assert_eq!(accounts(&config), ["alpha-2", "beta-1", "beta-2"]);
    }
}
