//! Whether all that a day of trading needs is there, before it begins.

mod codes;
mod logins;
mod records;
mod secrets;
mod systems;

use std::time::{Duration, Instant};

use serde::Serialize;
use tapeline_secrets::Secrets;

use crate::account_login::AccountLogin;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

/// A check that takes longer has failed.
const WITHIN: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Pass,
    /// It works, and a person should look at it.
    Warn,
    Fail,
}

/// What was seen, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Checked {
    pub name: String,
    pub outcome: Outcome,
    /// Nothing is traded without it.
    pub must: bool,
    pub ms: u128,
    pub found: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

/// An outcome without its circumstances.
pub(crate) struct Finding {
    outcome: Outcome,
    found: String,
    remedy: String,
}

impl Finding {
    fn pass(found: impl Into<String>) -> Self {
        Self::new(Outcome::Pass, found, "")
    }

    fn warn(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Outcome::Warn, found, remedy)
    }

    fn fail(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Outcome::Fail, found, remedy)
    }

    fn new(outcome: Outcome, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            outcome,
            found: found.into(),
            remedy: remedy.into(),
        }
    }

    fn of(self, name: impl Into<String>, must: bool, ms: u128) -> Checked {
        Checked {
            name: name.into(),
            outcome: self.outcome,
            must,
            ms,
            found: self.found,
            remedy: self.remedy,
        }
    }
}

impl Checked {
    pub fn is_blocking(&self) -> bool {
        self.must && self.outcome == Outcome::Fail
    }

    /// For a person, in one line.
    pub fn problem(&self) -> String {
        if self.remedy.is_empty() {
            return format!("{}: {}", self.name, self.found);
        }
        format!("{}: {}; {}", self.name, self.found, self.remedy)
    }
}

/// Notes how long a check takes, and ends one that takes too long.
async fn timed(
    name: impl Into<String>,
    must: bool,
    check: impl Future<Output = Finding>,
) -> Checked {
    let begun = Instant::now();
    let found = tokio::time::timeout(WITHIN, check).await;
    let found = found.unwrap_or_else(|_| {
        let text = format!("no answer within {} s", WITHIN.as_secs());
        Finding::fail(text, "see whether it is there and reachable")
    });
    found.of(name, must, begun.elapsed().as_millis())
}

/// What checks share, so that a place of secrets is asked once.
struct CheckContext<'a> {
    config: &'a Config,
    secrets: Result<Secrets, Failure>,
    /// None, where what they need is missing: that is told by other checks.
    logins: Vec<AccountLogin>,
}

impl<'a> CheckContext<'a> {
    fn of(config: &'a Config) -> Self {
        let logins = AccountLogin::all(config).unwrap_or_default();
        Self {
            config,
            secrets: config.secrets.open().map_err(Failure::from),
            logins,
        }
    }
}

/// What can be seen without asking a venue, Kafka or the store.
pub(crate) async fn at_start(config: &Config) -> Vec<Checked> {
    nearby(&CheckContext::of(config)).await
}

async fn nearby(context: &CheckContext<'_>) -> Vec<Checked> {
    let mut checked = secrets::all(context).await;
    checked.extend(logins::codes(context).await);
    checked.push(systems::disk(context.config).await);
    checked
}

/// Everything.
pub(crate) async fn all(config: &Config) -> Vec<Checked> {
    let context = CheckContext::of(config);
    let mut checked = nearby(&context).await;
    if !checked.iter().any(Checked::is_blocking) {
        checked.extend(logins::sessions(&context).await);
        checked.extend(codes::ways(&context).await);
    }
    let kafka = systems::kafka(config).await;
    let has_topics = kafka.outcome != Outcome::Fail;
    checked.push(kafka);
    if has_topics {
        checked.push(systems::schemas(config).await);
    }
    checked.push(systems::store(config).await);
    checked
}

/// As a table on standard output.
pub(crate) fn show(checked: &[Checked]) {
    let row = |checked: &Checked| {
        let mark = match checked.outcome {
            Outcome::Pass => "ok",
            Outcome::Warn => "WARN",
            Outcome::Fail => "FAILED",
        };
        vec![
            mark.to_owned(),
            checked.ms.to_string(),
            checked.name.clone(),
            checked.found.clone(),
        ]
    };
    let rows: Vec<_> = checked.iter().map(row).collect();
    console::table(&["", "MS", "CHECK", "FOUND"], &rows);
    for checked in checked.iter().filter(|checked| !checked.remedy.is_empty()) {
        console::line(format!("{}: {}", checked.name, checked.remedy));
    }
}
