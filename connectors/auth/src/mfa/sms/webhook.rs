//! The address that Twilio posts incoming messages to.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http_body_util::LengthLimitError;
use tapeline_secrets::{Reference, Secrets};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Numbers;
use super::incoming::Incoming;
use super::seen::Seen;
use crate::environment::Clock;
use crate::metric_names as names;
use crate::mfa::inbox::Message;
use crate::mfa::message_metrics;
use crate::mfa::rate_limit::RateLimit;
use crate::mfa::twilio::{Signed, is_signed};

/// Takes messages, and answers nothing that anybody could learn from.
pub struct Webhook {
    /// As Twilio was given it: what proxies make of it on its way is not what was signed.
    public_url: String,
    secrets: Secrets,
    token: Reference,
    numbers: Numbers,
    clock: Clock,
    seen: Mutex<Seen>,
    places: Semaphore,
    /// A token that does not fit may have been rotated, but forgeries must not ask for it all day.
    asks_again: RateLimit,
    forged: RateLimit,
}

/// What Twilio takes as: nothing to do.
pub(super) const NOTHING: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#;
const LONGEST: usize = 64 << 10;
const READ_WITHIN: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 32;

/// Why a request brought no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    TooLarge,
    TooSlow,
    Broken,
    Forged,
    Malformed,
    Busy,
    /// The token cannot be had.
    NoToken,
}

impl Webhook {
    pub fn new(
        public_url: impl Into<String>,
        secrets: Secrets,
        token: Reference,
        numbers: Numbers,
        clock: Clock,
    ) -> Self {
        Self {
            public_url: public_url.into(),
            secrets,
            token,
            numbers,
            clock,
            seen: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
            asks_again: RateLimit::new(Duration::from_mins(1)),
            forged: RateLimit::new(Duration::from_mins(1)),
        }
    }

    /// At any path, since a proxy may change it.
    pub fn router(self) -> Router {
        let receives = post(receive).with_state(Arc::new(self));
        Router::new().fallback_service(receives)
    }

    async fn receive(&self, request: Request) -> Result<(), Refused> {
        let (head, body) = request.into_parts();
        let body = self.read(&head.headers, body).await?;
        let header = |name: &str| {
            let value = head.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default()
        };
        let content_type = header(CONTENT_TYPE.as_str());
        let signed = Signed {
            url: &self.signed_url(head.uri.query()),
            signature: header("x-twilio-signature"),
            body: &body,
            content_type,
        };
        self.check(&signed).await?;
        let incoming = Incoming::read(content_type, &body).ok_or(Refused::Malformed)?;
        self.hand_over(incoming, header("i-twilio-idempotency-token"));
        Ok(())
    }

    async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Bytes, Refused> {
        let length = headers
            .get(CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok());
        if length.is_some_and(|length| length.parse().is_ok_and(|length: usize| length > LONGEST)) {
            return Err(Refused::TooLarge);
        }
        let _place = self.places.try_acquire().map_err(|_| Refused::Busy)?;
        match timeout(READ_WITHIN, to_bytes(body, LONGEST)).await {
            Err(_) => Err(Refused::TooSlow),
            Ok(Err(error)) if is_too_long(&error) => Err(Refused::TooLarge),
            Ok(Err(_)) => Err(Refused::Broken),
            Ok(Ok(body)) => Ok(body),
        }
    }

    /// With the query of this request: the hash of a body may stand in it.
    fn signed_url(&self, query: Option<&str>) -> String {
        let Some(query) = query else {
            return self.public_url.clone();
        };
        let (start, _) = self
            .public_url
            .split_once('?')
            .unwrap_or((&self.public_url, ""));
        format!("{start}?{query}")
    }

    async fn check(&self, signed: &Signed<'_>) -> Result<(), Refused> {
        let lost = |error| {
            tracing::error!(%error, "text messages are refused, since the token that signs them cannot be had");
            Refused::NoToken
        };
        let token = self.secrets.get(&self.token).await.map_err(lost)?;
        if is_signed(signed, token.secret.expose()) {
            return Ok(());
        }
        if self.asks_again.turn().is_some()
            && let Ok(token) = self.secrets.again(&self.token).await
            && is_signed(signed, token.secret.expose())
        {
            return Ok(());
        }
        if let Some(more) = self.forged.turn() {
            tracing::warn!(
                more,
                "a request to the webhook was not signed by Twilio with our token for {}: a forgery, another token, or another address than Twilio was given",
                self.public_url
            );
        }
        Err(Refused::Forged)
    }

    fn hand_over(&self, incoming: Incoming, idempotency_token: &str) {
        let token = Some(idempotency_token).filter(|token| (1..=128).contains(&token.len()));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let are_new = seen.are_new([incoming.sid.as_str()].into_iter().chain(token));
        drop(seen);
        if !are_new {
            return message_metrics::count("sms", "repeated");
        }
        let Some(code_routers) = self.numbers.get(&incoming.to) else {
            return message_metrics::count("sms", "unknown_number");
        };
        let message = Message {
            id: incoming.sid,
            sender: incoming.from,
            received: (self.clock)(),
            text: incoming.text,
        };
        let is_wanted = code_routers.since().is_some();
        let taken = code_routers.take(&message);
        message_metrics::note("sms", &taken, &message.sender, is_wanted);
    }
}

async fn receive(State(webhook): State<Arc<Webhook>>, request: Request) -> Response {
    match webhook.receive(request).await {
        Ok(()) => ([(CONTENT_TYPE, "text/xml; charset=utf-8")], NOTHING).into_response(),
        Err(refused) => {
            let counter = metrics::counter!(names::WEBHOOK_REFUSED, "outcome" => refused.word());
            counter.increment(1);
            refused.status().into_response()
        }
    }
}

impl Refused {
    fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::Busy | Self::NoToken => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::Broken => "broken",
            Self::Forged => "forged",
            Self::Malformed => "malformed",
            Self::Busy => "busy",
            Self::NoToken => "no_token",
        }
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    error
        .source()
        .is_some_and(<dyn Error>::is::<LengthLimitError>)
}
