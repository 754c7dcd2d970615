//! Sentences for a person.

use tapeline_model::Micros;
use tapeline_model::ids::AccountId;
use tapeline_model::records::LoginCategory;

use super::super::alerts::AlertKind;
use super::super::category::{RefusalKind, remedy_of};

const SECOND: i64 = 1_000_000;
/// As long as a name of the DNS.
const LONGEST: usize = 253;

/// Names from outside, without what a terminal or a page would take for more.
pub(super) fn plain(name: &str) -> String {
    let is_plain = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | ' ');
    name.chars().filter(is_plain).take(LONGEST).collect()
}

pub(super) struct LoginMessages<'a> {
    pub account: &'a AccountId,
    pub venue: &'a str,
}

impl LoginMessages<'_> {
    pub fn failed_in_row(&self, count: i32, category: Option<LoginCategory>) -> String {
        let Self { account, venue } = self;
        let logins = if count == 1 { "login" } else { "logins" };
        let why = why(category);
        format!("{count} {logins} of {account} at {venue} failed in a row{why}")
    }

    pub fn failed_within(
        &self,
        count: i32,
        window: i64,
        category: Option<LoginCategory>,
    ) -> String {
        let Self { account, venue } = self;
        let (within, why) = (span(window), why(category));
        format!(
            "{count} logins of {account} at {venue} failed within {within}, others between them did not{why}"
        )
    }

    pub fn refusals(&self, refused: RefusalKind, count: i32, window: i64) -> String {
        let Self { account, venue } = self;
        let (code, meaning, remedy) = (refused.code(), refused.meaning(), refused.remedy());
        let within = span(window);
        format!(
            "{venue} refused {account} {count} times within {within} for {meaning} ({code}): {remedy}"
        )
    }

    pub fn forbidden(&self) -> String {
        let Self { account, venue } = self;
        let remedy = remedy_of(LoginCategory::Forbidden);
        format!(
            "{venue} forbids {account} to go on (FORBIDDEN), and what it means by that is not known: {remedy}, then {}",
            self.log_in()
        )
    }

    pub fn locked(&self) -> String {
        let Self { account, venue } = self;
        format!(
            "logins of {account} at {venue} are held back, since the account is locked or would be by another failure (LOCKED): look at it at the venue's own site and check its credentials"
        )
    }

    pub fn changed_api(&self) -> String {
        let Self { account, venue } = self;
        let remedy = remedy_of(LoginCategory::ChangedApi);
        format!(
            "{venue} answered the login of {account} in a way that was never seen (CHANGED_API): {remedy}"
        )
    }

    pub fn new_host(&self, host: &str, known: &[String]) -> String {
        let Self { account, venue } = self;
        let known = known.join(", ");
        format!(
            "{account} was logged in to at {venue} from {host}, where no login came from before (but from {known}): if nobody moved it there, end its sessions at the venue and change its credentials"
        )
    }

    pub fn ends(&self, end: Micros, left: i64) -> String {
        let Self { account, venue } = self;
        if left <= 0 {
            return format!(
                "the session of {account} at {venue} ended at {end}: {}",
                self.log_in()
            );
        }
        let left = span(left);
        format!(
            "the session of {account} at {venue} ends in {left}, at {end}, and only a person can log in anew: {}",
            self.log_in()
        )
    }

    pub fn away(&self, since: Micros, long: i64) -> String {
        let Self { account, venue } = self;
        let long = span(long.max(0));
        format!(
            "no login of {account} at {venue} gave a session for {long}, since {since}: see why its logins fail, or {}",
            self.log_in()
        )
    }

    pub fn stopped(&self, category: Option<LoginCategory>) -> String {
        let Self { account, venue } = self;
        let code = category.map(|category| format!(" ({})", category.as_str()));
        let code = code.unwrap_or_default();
        // To log in is all there is to do about a session that ended.
        let first = category.filter(|category| *category != LoginCategory::Expired);
        let remedy = first.map(|category| format!("{}, then ", remedy_of(category)));
        let remedy = remedy.unwrap_or_default();
        format!(
            "no more logins of {account} at {venue} are tried by themselves{code}; a person is needed: {remedy}{}",
            self.log_in()
        )
    }

    pub fn resolved(&self, kind: AlertKind, level: i32) -> String {
        let Self { account, venue } = self;
        match kind {
            AlertKind::Failed => {
                format!("logins of {account} at {venue} succeed again, after {level} that failed")
            }
            AlertKind::Refused(refused) => format!(
                "{venue} refuses {account} less often for {} ({})",
                refused.meaning(),
                refused.code()
            ),
            AlertKind::Ends => format!("{account} has a new session at {venue}"),
            _ => format!("{account} has a session at {venue} again"),
        }
    }

    fn log_in(&self) -> String {
        format!("tapeline auth login {}", self.account)
    }
}

fn why(category: Option<LoginCategory>) -> String {
    category.map_or(String::new(), |category| {
        let (code, remedy) = (category.as_str(), remedy_of(category));
        format!(", the last one for {code}: {remedy}")
    })
}

/// `71 h 59 min`, `14 min` or `40 s`
fn span(micros: i64) -> String {
    let seconds = micros / SECOND;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
