//! Where the codes that venues send come to: telephone numbers and mailboxes.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tapeline_auth::BackOff;
use tapeline_auth::mfa::Expected;
use tapeline_auth::mfa::mail::{MailLogin, MailboxSettings, Trust};
use tapeline_auth::mfa::sms::PollSettings;
use tapeline_secrets::ReferenceError;

use super::{Auth, Config, Fault, LoginAccount, Span};

/// Text messages come by Twilio: it posts them to the webhook, and is asked for what that misses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Twilio {
    /// AC…; empty for no text messages.
    pub account_sid: String,
    /// A reference to the account's token, with which webhooks are signed.
    pub token: String,
    /// An API key (SK…) to ask for messages with; empty for the account and its token.
    pub key: String,
    /// A reference to the key's secret.
    pub key_secret: String,
    /// Of Twilio's interface.
    pub address: String,
    /// The address of the webhook as Twilio is given it; empty for none: messages are then asked for.
    pub public_url: String,
    /// Where the webhook listens, without TLS: behind a proxy that has it.
    pub listen: String,
    /// Messages are asked for when the webhook brought none for so long ...
    pub head_start: Span,
    /// ... this often.
    pub poll_every: Span,
}

impl Default for Twilio {
    fn default() -> Self {
        Self {
            account_sid: String::new(),
            token: String::new(),
            key: String::new(),
            key_secret: String::new(),
            address: PollSettings::ADDRESS.to_owned(),
            public_url: String::new(),
            listen: "127.0.0.1:9465".to_owned(),
            head_start: Span(PollSettings::HEAD_START),
            poll_every: Span(PollSettings::EVERY),
        }
    }
}

/// A mailbox that codes come to. It is only read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailboxAccount {
    /// By which logins name it.
    pub name: String,
    /// imaps://…
    pub address: String,
    pub user: String,
    /// A reference to the password.
    #[serde(default)]
    pub password: String,
    /// A reference to a token of OAuth in its place, which others keep fresh.
    #[serde(default)]
    pub token: String,
    #[serde(default = "inbox")]
    pub folder: String,
    /// A PEM file with a further certificate authority.
    #[serde(default)]
    pub authority: Option<PathBuf>,
    /// The name under which its server writes `Authentication-Results`; what it says of a sender's
    /// signature (DKIM) then counts.
    #[serde(default)]
    pub server: String,
    /// Whether a mail is refused of which the server says nothing.
    #[serde(default)]
    pub signed_only: bool,
}

fn inbox() -> String {
    MailboxSettings::FOLDER.to_owned()
}

/// Codes in text messages. That they are answered without a person is for you to decide: a venue's
/// terms may forbid it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SmsCodes {
    /// The one they are sent to, like +15550100.
    pub number: String,
    /// Who sends them: numbers, short codes or names. No other is listened to.
    pub senders: Vec<String>,
    /// Whom a line `@host #code` must name; left out: the host of the venue's address.
    #[serde(default)]
    pub host: String,
}

/// Codes in mails. That they are answered without a person is for you to decide: a venue's terms
/// may forbid it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailCodes {
    /// One of `[[auth.mailboxes]]`.
    pub mailbox: String,
    /// Addresses that send them. No other is listened to.
    pub senders: Vec<String>,
    /// Whom a line `@host #code` must name; left out: the host of the venue's address.
    #[serde(default)]
    pub host: String,
}

impl Twilio {
    /// For what comes to a number.
    pub fn poll_settings(&self, number: &str) -> Result<PollSettings, ReferenceError> {
        let has_key = !self.key.is_empty();
        let secret = if has_key {
            &self.key_secret
        } else {
            &self.token
        };
        let has_webhook = !self.public_url.is_empty();
        Ok(PollSettings {
            address: self.address.clone(),
            account_sid: self.account_sid.clone(),
            key: has_key.then(|| self.key.clone()),
            secret: secret.parse()?,
            number: number.to_owned(),
            head_start: if has_webhook {
                self.head_start.0
            } else {
                self.poll_every.0
            },
            every: self.poll_every.0,
        })
    }

    fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if self.account_sid.is_empty() {
            return faults;
        }
        if !is_sid(&self.account_sid, "AC") {
            faults.push((
                "account_sid",
                "must be AC and 32 hexadecimal digits".to_owned(),
            ));
        }
        if !self.key.is_empty() && !is_sid(&self.key, "SK") {
            faults.push(("key", "must be SK and 32 hexadecimal digits".to_owned()));
        }
        if tapeline_auth::flows::check_address(&self.address).is_err() {
            faults.push(("address", format!("must be like {}", PollSettings::ADDRESS)));
        }
        if !self.public_url.is_empty()
            && tapeline_auth::flows::check_address(&self.public_url).is_err()
        {
            let message = "must be https://… as Twilio was given it, or empty for no webhook";
            faults.push(("public_url", message.to_owned()));
        }
        if self.listen.parse::<SocketAddr>().is_err() {
            faults.push((
                "listen",
                "must be an address like 127.0.0.1:9465".to_owned(),
            ));
        }
        if self.poll_every.0.as_millis() < 500 {
            faults.push(("poll_every", "must be at least 500ms".to_owned()));
        }
        faults
    }

    fn references(&self) -> Vec<(&'static str, &str)> {
        if self.account_sid.is_empty() {
            return Vec::new();
        }
        let mut found = vec![("token", self.token.as_str())];
        if !self.key.is_empty() {
            found.push(("key_secret", &self.key_secret));
        }
        found
    }
}

impl MailboxAccount {
    pub fn settings(&self) -> Result<MailboxSettings, ReferenceError> {
        let login = if self.token.is_empty() {
            MailLogin::Password(self.password.parse()?)
        } else {
            MailLogin::Token(self.token.parse()?)
        };
        Ok(MailboxSettings {
            address: self.address.clone(),
            authority: self.authority.clone(),
            user: self.user.clone(),
            login,
            folder: self.folder.clone(),
            trust: Trust {
                server: Some(self.server.clone()).filter(|server| !server.is_empty()),
                is_demanded: self.signed_only,
            },
            renew_every: MailboxSettings::RENEW_EVERY,
            look_every: MailboxSettings::LOOK_EVERY,
            back_off: BackOff::default(),
        })
    }

    fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if self.name.is_empty() {
            faults.push(("name", "must not be empty".to_owned()));
        }
        if self.password.is_empty() == self.token.is_empty() {
            let message = "give either a password or a token, as a reference";
            faults.push(("password", message.to_owned()));
        }
        if self.signed_only && self.server.is_empty() {
            let message = "must be named, or nothing that is said of a signature is believed";
            faults.push(("server", message.to_owned()));
        }
        let wrong = MailboxSettings::check(&self.address, &self.user, &self.folder);
        faults.extend(
            wrong
                .into_iter()
                .map(|fault| (fault.key(), fault.to_string())),
        );
        faults
    }

    fn reference(&self) -> Option<(&'static str, &str)> {
        let both = [("password", &self.password), ("token", &self.token)];
        let mut given = both.into_iter().filter(|(_, text)| !text.is_empty());
        given.next().map(|(key, text)| (key, text.as_str()))
    }
}

impl SmsCodes {
    /// A venue writes names as it likes; numbers have no spaces.
    pub fn senders(&self) -> Vec<String> {
        self.senders
            .iter()
            .map(|sender| sender.trim().to_owned())
            .collect()
    }

    fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let digits = self.number.strip_prefix('+').unwrap_or_default();
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || !(7..=15).contains(&digits.len()) {
            faults.push((
                "number",
                "must be like +15550100: with its country, no spaces".to_owned(),
            ));
        }
        if self.senders.is_empty() || self.senders.iter().any(|sender| sender.trim().is_empty()) {
            let message = "must name who sends codes, like [\"+15550199\", \"22395\"]";
            faults.push(("senders", message.to_owned()));
        }
        faults
    }
}

impl MailCodes {
    /// As senders are compared.
    pub fn senders(&self) -> Vec<String> {
        let senders = self.senders.iter();
        senders
            .map(|sender| sender.trim().to_ascii_lowercase())
            .collect()
    }

    fn faults(&self, mailboxes: &[MailboxAccount]) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if !mailboxes.iter().any(|mailbox| mailbox.name == self.mailbox) {
            let message = format!("`{}` is none of [[auth.mailboxes]]", self.mailbox);
            faults.push(("mailbox", message));
        }
        let is_address = |sender: &String| {
            let parts = sender.trim().split_once('@');
            parts.is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'))
        };
        if self.senders.is_empty() || !self.senders.iter().all(is_address) {
            let message = "must name addresses, like [\"no-reply@broker.example\"]";
            faults.push(("senders", message.to_owned()));
        }
        faults
    }
}

impl LoginAccount {
    /// What the codes of this account look like.
    pub fn expected(&self, host: &str) -> Expected {
        if !host.is_empty() {
            return Expected::of(host);
        }
        Expected::of(tapeline_auth::flows::host_of(&self.address).unwrap_or_default())
    }
}

impl Config {
    /// Every reference that leads to where codes come from, by key.
    pub(super) fn code_references(&self) -> Vec<(String, &str)> {
        let twilio = self.auth.twilio.references().into_iter();
        let mut found: Vec<(String, &str)> = twilio
            .map(|(key, text)| (format!("auth.twilio.{key}"), text))
            .collect();
        for (at, mailbox) in self.auth.mailboxes.iter().enumerate() {
            let reference = mailbox.reference();
            found
                .extend(reference.map(|(key, text)| (format!("auth.mailboxes[{at}].{key}"), text)));
        }
        found
    }
}

pub(super) fn faults(auth: &Auth, logins: &[LoginAccount]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut tell = |place: String, found: Vec<(&'static str, String)>| {
        let found = found.into_iter();
        faults.extend(found.map(|(key, message)| Fault::new(format!("{place}.{key}"), message)));
    };
    tell("auth.twilio".to_owned(), auth.twilio.faults());
    for (at, mailbox) in auth.mailboxes.iter().enumerate() {
        let mut found = mailbox.faults();
        if auth.mailboxes[..at]
            .iter()
            .any(|other| other.name == mailbox.name)
        {
            found.push(("name", format!("`{}` is listed twice", mailbox.name)));
        }
        tell(format!("auth.mailboxes[{at}]"), found);
    }
    for (at, login) in logins.iter().enumerate() {
        if let Some(sms) = &login.sms {
            let mut found = sms.faults();
            if auth.twilio.account_sid.is_empty() {
                let message = "text messages come by Twilio: fill in [auth.twilio]";
                found.push(("number", message.to_owned()));
            }
            tell(format!("logins[{at}].sms"), found);
        }
        if let Some(mail) = &login.mail {
            tell(format!("logins[{at}].mail"), mail.faults(&auth.mailboxes));
        }
        if let Some((key, other)) = shared_sender(login, &logins[..at]) {
            let message = format!(
                "`{}` gets codes from the same sender at the same place: nobody could tell whose a code is",
                other.account
            );
            tell(format!("logins[{at}].{key}"), vec![("senders", message)]);
        }
    }
    faults
}

fn shared_sender<'a>(
    login: &LoginAccount,
    others: &'a [LoginAccount],
) -> Option<(&'static str, &'a LoginAccount)> {
    let meet =
        |one: Vec<String>, other: Vec<String>| one.iter().any(|sender| other.contains(sender));
    others.iter().find_map(|other| {
        if let (Some(one), Some(two)) = (&login.sms, &other.sms)
            && one.number == two.number
            && meet(one.senders(), two.senders())
        {
            return Some(("sms", other));
        }
        let (one, two) = (login.mail.as_ref()?, other.mail.as_ref()?);
        let is_shared = one.mailbox == two.mailbox && meet(one.senders(), two.senders());
        is_shared.then_some(("mail", other))
    })
}

fn is_sid(text: &str, start: &str) -> bool {
    let rest = text.strip_prefix(start).unwrap_or_default();
    rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
