//! While a code is wanted and the webhook brings none, Twilio is asked for it.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap};
use reqwest::{Response, Url};
use tapeline_model::Micros;
use tapeline_secrets::{Reference, Secrets};
use tokio::time::sleep;

use super::list::{Listed, Page, question, read};
use crate::address::{BadAddress, base};
use crate::environment::Environment;
use crate::metric_names as names;
use crate::mfa::code_router::CodeRouters;
use crate::mfa::inbox::Message;
use crate::mfa::message_metrics;
use crate::mfa::rate_limit::RateLimit;
use crate::mfa::skew::Skew;
use crate::retry_after::retry_after;

const LONGEST_ANSWER: usize = 1 << 20;
const MOST_PAGES: usize = 3;
/// Clocks differ, and what is too old is refused later.
const EARLIER: i64 = 120_000_000;
const LONGEST_PAUSE: Duration = Duration::from_mins(2);

/// Where the list is, and who asks for it how often.
#[derive(Debug, Clone)]
pub struct PollSettings {
    /// Of Twilio's interface.
    pub address: String,
    pub account_sid: String,
    /// An API key and its secret, or none for the account itself and its token.
    pub key: Option<String>,
    /// The account's token, or the key's secret.
    pub secret: Reference,
    pub number: String,
    /// So long only the webhook is relied on.
    pub head_start: Duration,
    pub every: Duration,
}

/// Asks for one number's messages.
pub struct Poll {
    settings: PollSettings,
    base: Url,
    environment: Environment,
    secrets: Secrets,
    code_routers: CodeRouters,
    /// How far Twilio's clock is from ours.
    skew: Skew,
    told: RateLimit,
    asks_again: RateLimit,
}

/// What a question came to.
enum Outcome {
    Fine,
    Refused,
    RateLimited(Duration),
    Failed,
}

impl PollSettings {
    pub const ADDRESS: &str = "https://api.twilio.com";
    pub const HEAD_START: Duration = Duration::from_secs(10);
    pub const EVERY: Duration = Duration::from_secs(3);
}

impl Poll {
    pub fn new(
        settings: PollSettings,
        secrets: Secrets,
        code_routers: CodeRouters,
        environment: &Environment,
    ) -> Result<Self, BadAddress> {
        Ok(Self {
            base: base(&settings.address)?,
            environment: environment.clone(),
            settings,
            secrets,
            code_routers,
            skew: Skew::default(),
            told: RateLimit::new(Duration::from_mins(1)),
            asks_again: RateLimit::new(Duration::from_mins(1)),
        })
    }

    /// Until it is dropped. Asks nobody while no code is wanted.
    pub async fn run(mut self) {
        let code_routers = self.code_routers.clone();
        loop {
            let since = code_routers.wanted().await;
            tokio::select! {
                () = code_routers.settled() => {}
                () = self.ask_on(since) => {}
            }
        }
    }

    async fn ask_on(&mut self, since: Micros) {
        sleep(self.settings.head_start).await;
        loop {
            let outcome = self.ask(since).await;
            let counter = metrics::counter!(names::SMS_QUESTIONS, "outcome" => outcome.word());
            counter.increment(1);
            self.report(&outcome);
            let pause = match outcome {
                Outcome::RateLimited(within) => within.clamp(self.settings.every, LONGEST_PAUSE),
                Outcome::Fine | Outcome::Refused | Outcome::Failed => self.settings.every,
            };
            sleep(pause).await;
        }
    }

    async fn ask(&mut self, since: Micros) -> Outcome {
        let not_before = Micros(self.skew.venue_time(since).0.saturating_sub(EARLIER));
        let settings = &self.settings;
        let mut next = question(
            &self.base,
            &settings.account_sid,
            &settings.number,
            not_before,
        );
        for _ in 0..MOST_PAGES {
            let Some(url) = next.take() else { break };
            match self.page(url).await {
                Ok(page) => {
                    for listed in page.messages {
                        self.hand_over(listed);
                    }
                    next = page.next;
                }
                Err(outcome) => return outcome,
            }
        }
        Outcome::Fine
    }

    async fn page(&mut self, url: Url) -> Result<Page, Outcome> {
        let mut response = self.send(&url, false).await?;
        if response.status().as_u16() == 401 && self.asks_again.turn().is_some() {
            response = self.send(&url, true).await?;
        }
        match response.status().as_u16() {
            200 => {}
            401 | 403 => return Err(Outcome::Refused),
            429 => {
                let within = retry_after(response.headers()).unwrap_or(LONGEST_PAUSE);
                return Err(Outcome::RateLimited(within));
            }
            _ => return Err(Outcome::Failed),
        }
        let body = body(response).await.ok_or(Outcome::Failed)?;
        read(&body, &url).ok_or(Outcome::Failed)
    }

    async fn send(&mut self, url: &Url, again: bool) -> Result<Response, Outcome> {
        let secret = &self.settings.secret;
        let found = if again {
            self.secrets.again(secret).await
        } else {
            self.secrets.get(secret).await
        };
        let found = found.map_err(|_| Outcome::Refused)?;
        let name = self
            .settings
            .key
            .as_ref()
            .unwrap_or(&self.settings.account_sid);
        let request = self.environment.requests.get(url.clone());
        let request = request.basic_auth(name, Some(found.secret.expose()));
        let request = request.build().map_err(|_| Outcome::Failed)?;
        let sent = self.environment.now();
        let answer = self.environment.transport.send(request).await;
        let response = answer.map_err(|_| Outcome::Failed)?;
        self.learn(response.headers(), sent);
        Ok(response)
    }

    fn learn(&mut self, headers: &HeaderMap, sent: Micros) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let parser = jiff::fmt::rfc2822::DateTimeParser::new();
        if let Some(date) = date.and_then(|date| parser.parse_timestamp(date).ok()) {
            self.skew
                .learn(date.as_second(), sent, self.environment.now());
        }
    }

    fn hand_over(&self, listed: Listed) {
        let message = Message {
            id: listed.sid,
            received: self.received(listed.second),
            sender: listed.from,
            text: listed.text,
        };
        let is_wanted = self.code_routers.since().is_some();
        let taken = self.code_routers.take(&message);
        message_metrics::note("sms", &taken, &message.sender, is_wanted);
    }

    /// By our clock, and at the end of its second: in doubt it came after the challenge.
    fn received(&self, second: i64) -> Micros {
        let now = self.environment.now();
        let ahead = self.skew.venue_time(now).since(now);
        let end = second.saturating_mul(1_000_000).saturating_add(999_999);
        Micros(end.saturating_sub(ahead).min(now.0))
    }

    fn report(&self, outcome: &Outcome) {
        let what = match outcome {
            Outcome::Fine => return,
            Outcome::Refused => "the key or token of Twilio is refused or cannot be had",
            Outcome::RateLimited(_) => "Twilio is asked too often",
            Outcome::Failed => "Twilio does not answer, or not as it should",
        };
        if let Some(more) = self.told.turn() {
            let number = &self.settings.number;
            tracing::warn!(
                number,
                more,
                "{what}; codes in text messages come by the webhook alone"
            );
        }
    }
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Refused => "refused",
            Self::RateLimited(_) => "rate_limited",
            Self::Failed => "failed",
        }
    }
}

async fn body(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.ok()? {
        if body.len() + piece.len() > LONGEST_ANSWER {
            return None;
        }
        body.extend_from_slice(&piece);
    }
    Some(body)
}
