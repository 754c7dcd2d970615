//! Which accounts are logged in to, how, and where sessions are kept.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tapeline_processors::Share;
use tapeline_processors::logins::LoginSettings;

use super::codes::{MailCodes, MailboxAccount, SmsCodes, Twilio};
use super::{Config, Fault, Span, codes};

const GATEWAY_RESTS_AFTER: Duration = Duration::from_mins(5);

/// Where sessions are kept, always sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "SessionStore")]
pub(crate) enum SessionStoreKind {
    /// In a folder: for the processes of one machine.
    File,
    /// In a topic: for processes on several machines.
    Kafka,
    /// Nowhere else: each start logs in anew.
    Memory,
}

/// What all logins share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Auth {
    /// Who shares kept sessions.
    pub store: SessionStoreKind,
    /// Where `file` keeps sessions, each sealed in a file of its own.
    pub sessions: PathBuf,
    /// A reference to the key they are sealed with: 32 random bytes as base64.
    pub session_key: String,
    /// Keys of before, which still open what they sealed.
    pub former_keys: Vec<String>,
    /// A session is looked at this often.
    pub probe_every: Span,
    /// So many refusals in half an hour are risked, fewer than lock an account at its venue.
    pub most_refusals: u32,
    /// When the processor `logins` tells a person.
    pub alerts: LoginAlerts,
    /// Where codes in text messages come from.
    pub twilio: Twilio,
    /// Where codes in mails come to.
    pub mailboxes: Vec<MailboxAccount>,
}

impl Default for Auth {
    fn default() -> Self {
        let policy = tapeline_auth::Policy::default();
        Self {
            store: SessionStoreKind::File,
            sessions: PathBuf::from(".tapeline/sessions"),
            session_key: String::new(),
            former_keys: Vec::new(),
            probe_every: Span(policy.probe_every.unwrap_or_default()),
            most_refusals: policy.most_refusals,
            alerts: LoginAlerts::default(),
            twilio: Twilio::default(),
            mailboxes: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LoginAlerts {
    /// So many failed logins without one that succeeded between them ...
    pub failures_in_row: u32,
    /// ... or so many within the window.
    pub failures: u32,
    pub window: Span,
    /// So many refusals of a kind within the window: credentials or a session (401), ...
    pub unauthorised: u32,
    /// ... what is forbidden (403), ...
    pub forbidden: u32,
    /// ... too many requests (429).
    pub rate_limited: u32,
    /// A session is away for so long.
    pub away_warning: Span,
    pub away_critical: Span,
}

impl Default for LoginAlerts {
    fn default() -> Self {
        let defaults = LoginSettings::default();
        Self {
            failures_in_row: defaults.failures_in_row,
            failures: defaults.failures,
            window: span(defaults.window),
            unauthorised: defaults.unauthorised,
            forbidden: defaults.forbidden,
            rate_limited: defaults.rate_limited,
            away_warning: span(defaults.away_warning),
            away_critical: span(defaults.away_critical),
        }
    }
}

fn span(micros: i64) -> Span {
    Span(Duration::from_micros(micros.unsigned_abs()))
}

fn micros(span: Span) -> i64 {
    i64::try_from(span.0.as_micros()).unwrap_or(i64::MAX)
}

/// How a venue is logged in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// A key and its secret with every request, as Alpaca has it.
    Key,
    /// Name, password and a code, as Robinhood has it: unofficial, for research.
    Device,
    /// A person in a browser once a week, as Schwab has it.
    OAuth,
    /// A person at the page of a gateway on this machine once a week, as IBKR has it.
    Gateway,
}

impl Way {
    /// Whether only a person can open a session.
    pub fn needs_person(self) -> bool {
        matches!(self, Self::OAuth | Self::Gateway)
    }

    /// Whether it can be seen that a person logged in, without asking anything that is counted.
    pub fn sees_logins(self) -> bool {
        self == Self::Gateway
    }
}

/// One account that is logged in to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginAccount {
    /// One of `[[accounts]]`.
    pub account: String,
    pub venue: String,
    pub way: Way,
    /// Of the venue: https://…
    pub address: String,
    /// A reference to the name, the key, or the client's id. A gateway needs none.
    #[serde(default)]
    pub name: String,
    /// A reference to the password, or to the secret of the key or the client.
    #[serde(default)]
    pub password: String,
    /// A reference to the seed of codes by time. That codes are answered without a person is for
    /// you to decide: a venue's terms may forbid it.
    #[serde(default)]
    pub totp: String,
    /// Codes in text messages, answered without a person.
    #[serde(default)]
    pub sms: Option<SmsCodes>,
    /// Codes in mails, answered without a person.
    #[serde(default)]
    pub mail: Option<MailCodes>,
    /// What the venue knows this program as.
    #[serde(default)]
    pub client_id: String,
    /// Where the browser brings the code of OAuth: https://127.0.0.1:PORT/…, to the letter as it
    /// is registered with the venue.
    #[serde(default)]
    pub redirect: String,
}

impl LoginAccount {
    fn references(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let needs_secrets = self.way != Way::Gateway;
        let secrets = [("name", &self.name), ("password", &self.password)];
        let wanted = move |text: &str| needs_secrets || !text.is_empty();
        let secrets = secrets.into_iter().filter(move |(_, text)| wanted(text));
        let seed = Some(("totp", &self.totp)).filter(|(_, seed)| !seed.is_empty());
        let all = secrets.chain(seed);
        all.map(|(key, text)| (key, text.as_str()))
    }

    /// What its way needs, or has no use for.
    fn faults_of_way(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let mut useless = |key, text: &str, why: &str| {
            if !text.is_empty() {
                faults.push((key, format!("{why}; leave it out")));
            }
        };
        match self.way {
            Way::Key => useless("totp", &self.totp, "a key needs no code"),
            Way::Device => {}
            Way::OAuth => useless("totp", &self.totp, "the venue asks a person in a browser"),
            Way::Gateway => {
                let why = "a person logs in at the gateway's own page";
                useless("name", &self.name, why);
                useless("password", &self.password, why);
                useless("totp", &self.totp, why);
            }
        }
        for (key, is_given) in [("sms", self.sms.is_some()), ("mail", self.mail.is_some())] {
            let text = if is_given { key } else { "" };
            if self.way != Way::Device {
                useless(key, text, "codes are sent to those who log in by `device`");
            }
        }
        if self.way != Way::OAuth {
            useless("redirect", &self.redirect, "only `oauth` has a redirect");
        } else if let Err(wrong) = tapeline_auth::flows::check_redirect(&self.redirect) {
            faults.push(("redirect", wrong.to_string()));
        }
        faults
    }
}

impl Config {
    /// What the processor `logins` is told.
    pub fn login_settings(&self) -> LoginSettings {
        let alerts = &self.auth.alerts;
        LoginSettings {
            accounts: self.portfolios(),
            share: Share::ALL,
            failures_in_row: alerts.failures_in_row,
            failures: alerts.failures,
            window: micros(alerts.window),
            unauthorised: alerts.unauthorised,
            forbidden: alerts.forbidden,
            rate_limited: alerts.rate_limited,
            away_warning: micros(alerts.away_warning),
            away_critical: micros(alerts.away_critical),
        }
    }

    /// Every reference that logins need, by key.
    pub(super) fn login_references(&self) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        if !self.auth.session_key.is_empty() {
            found.push((
                "auth.session_key".to_owned(),
                self.auth.session_key.as_str(),
            ));
        }
        for (at, key) in self.auth.former_keys.iter().enumerate() {
            found.push((format!("auth.former_keys[{at}]"), key));
        }
        found.extend(self.code_references());
        for (at, login) in self.logins.iter().enumerate() {
            let of_one = login.references();
            found.extend(of_one.map(|(key, text)| (format!("logins[{at}].{key}"), text)));
        }
        found
    }
}

pub(super) fn faults(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    if config.auth.most_refusals == 0 {
        let message = "must be at least 1, and less than the venue locks an account at";
        faults.push(Fault::new("auth.most_refusals", message));
    }
    if !config.logins.is_empty() && config.auth.session_key.is_empty() {
        let message = "logins need a key to keep sessions with: a reference to 32 random bytes as base64 (openssl rand -base64 32)";
        faults.push(Fault::new("auth.session_key", message));
    }
    let needs_command = |login: &LoginAccount| login.way == Way::OAuth;
    if config.auth.store == SessionStoreKind::Memory && config.logins.iter().any(needs_command) {
        let message = "`memory` cannot be given the login that a person makes for `oauth`: write file, or kafka";
        faults.push(Fault::new("auth.store", message));
    }
    let every = config.auth.probe_every.0;
    let has_gateway = config.logins.iter().any(|login| login.way == Way::Gateway);
    if has_gateway && (every.is_zero() || every > GATEWAY_RESTS_AFTER) {
        let message = "a gateway has to be looked at every 5m at least, or its session rests";
        faults.push(Fault::new("auth.probe_every", message));
    }
    for fault in config.login_settings().faults() {
        let message = format!("`{}` {}", fault.value, fault.remedy);
        faults.push(Fault::new(format!("auth.alerts.{}", fault.key), message));
    }
    faults.extend(codes::faults(&config.auth, &config.logins));
    let mut seen = BTreeSet::new();
    for (at, login) in config.logins.iter().enumerate() {
        let mut fault = |key: &str, message: String| {
            faults.push(Fault::new(format!("logins[{at}].{key}"), message));
        };
        if !config
            .accounts
            .iter()
            .any(|account| account.id == login.account)
        {
            fault(
                "account",
                format!("`{}` is none of [[accounts]]", login.account),
            );
        }
        if !seen.insert(&login.account) {
            fault(
                "account",
                format!("`{}` has a login already", login.account),
            );
        }
        if login.venue.is_empty() {
            fault("venue", "must not be empty, like alpaca".to_owned());
        }
        if let Err(wrong) = tapeline_auth::flows::check_address(&login.address) {
            fault("address", wrong.to_string());
        }
        for (key, message) in login.faults_of_way() {
            fault(key, message);
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::load::parse_text;

    fn faults(login: &str) -> Vec<String> {
        faults_with("file", login)
    }

    fn faults_with(store: &str, login: &str) -> Vec<String> {
        let text = format!(
            "[auth]\nstore = '{store}'\nsession_key = 'secret://env/KEY'\nprobe_every = '10m'\n[[accounts]]\nid = 'a'\n\
             [[logins]]\naccount = 'a'\nvenue = 'v'\n{login}"
        );
        match parse_text(&text) {
            Ok(_) => Vec::new(),
            Err(error) => error.faults.iter().map(ToString::to_string).collect(),
        }
    }

    const SECRETS: &str = "name = 'secret://env/ID'\npassword = 'secret://env/SECRET'\n";

    #[test]
    fn each_way_takes_what_it_needs() {
        let oauth =
            "way = 'oauth'\naddress = 'https://v.example'\nredirect = 'https://127.0.0.1:8182/'\n";
        assert_eq!(faults(&format!("{oauth}{SECRETS}")), [""; 0]);
        assert_eq!(faults_with("kafka", &format!("{oauth}{SECRETS}")), [""; 0]);
        let forgetful = faults_with("memory", &format!("{oauth}{SECRETS}"));
        assert!(forgetful[0].starts_with("auth.store: "), "{forgetful:?}");
        let device = "way = 'device'\naddress = 'https://v.example'\nclient_id = 'c'\n";
        assert_eq!(
            faults_with("memory", &format!("{device}{SECRETS}")),
            [""; 0]
        );
        let gateway = "way = 'gateway'\naddress = 'https://127.0.0.1:5000'\n";
        let found = faults(gateway);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("auth.probe_every: ") && found[0].contains("5m"));
    }

    #[test]
    fn what_a_way_lacks_or_has_no_use_for_is_told_with_its_remedy() {
        let keys = |login: &str| -> Vec<String> {
            let found = faults(login);
            let key = |fault: &String| fault.split(": ").next().unwrap().to_owned();
            found.iter().map(key).collect()
        };
        let secrets = ["logins[0].name", "logins[0].password"];
        let oauth = "way = 'oauth'\naddress = 'https://v.example'\n";
        let found = keys(oauth);
        assert!(secrets.iter().all(|key| found.iter().any(|f| f == key)));
        assert!(found.iter().any(|key| key == "logins[0].redirect"));
        let wrong = format!("{oauth}{SECRETS}redirect = 'https://localhost/'\n");
        assert!(faults(&wrong)[0].contains("https://127.0.0.1:PORT/"));
        let gateway = "way = 'gateway'\naddress = 'https://127.0.0.1:5000'\n";
        let found = keys(&format!("{gateway}{SECRETS}"));
        assert_eq!(found[1..], secrets);
        let key = "way = 'key'\naddress = 'https://v.example'\nredirect = 'https://127.0.0.1:1/'\n";
        assert_eq!(keys(&format!("{key}{SECRETS}")), ["logins[0].redirect"]);
    }
}
