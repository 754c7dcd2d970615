//! What the answers of a login by device say.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tapeline_model::Micros;
use tapeline_model::records::LoginCategory;
use tapeline_secrets::Secret;

use crate::challenge::{Challenge, Method, Wants};
use crate::flow::Reply;
use crate::flows::http::HttpAnswer;
use crate::policy::later;
use crate::refusal::Refusal;
use crate::saved_state::Validity;
use crate::session::Session;

/// What this venue's renewals are good for is not told; a refused one leads to a login.
const RENEWABLE: Duration = Duration::from_hours(24 * 30);

/// What was sent, and so what it means that it was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SentRequest {
    Password,
    Proof,
    Renewal,
    /// The credentials again, once the second factor was met.
    Behind,
}

#[derive(Debug)]
pub(super) enum VenueAnswer {
    Reply(Reply),
    /// The second factor is a workflow of this id.
    Workflow(String),
}

/// Every field may be missing: which are there says what the answer is.
#[derive(Deserialize)]
struct LoginBody {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
    mfa_required: Option<bool>,
    mfa_type: Option<String>,
    challenge: Option<SentChallenge>,
    verification_workflow: Option<Workflow>,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct SentChallenge {
    id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    remaining_attempts: Option<u32>,
}

#[derive(Deserialize)]
struct Workflow {
    id: String,
}

impl SentRequest {
    fn wrong(self) -> LoginCategory {
        match self {
            Self::Password | Self::Behind => LoginCategory::BadCredentials,
            Self::Proof => LoginCategory::MfaFailed,
            Self::Renewal => LoginCategory::Expired,
        }
    }
}

/// Of a request for a session.
pub(super) fn read(
    answer: &HttpAnswer,
    now: Micros,
    sent: SentRequest,
) -> Result<VenueAnswer, Refusal> {
    let Some(words) = answer.json::<LoginBody>() else {
        return Err(refused(answer, sent));
    };
    if words.access_token.is_some() && answer.is_fine() {
        return session(words, now).map(VenueAnswer::Reply);
    }
    // SentChallenge for a second factor again, what was sent did not do.
    if sent == SentRequest::Password {
        if let Some(challenge) = challenge(&words) {
            return challenge.map(|challenge| VenueAnswer::Reply(Reply::Challenge(challenge)));
        }
        if let Some(workflow) = words.verification_workflow {
            return Ok(VenueAnswer::Workflow(workflow.id));
        }
    }
    let asks_again = words.mfa_required == Some(true) || words.verification_workflow.is_some();
    if asks_again {
        return Err(match sent {
            SentRequest::Behind => LoginCategory::MfaFailed.into(),
            sent => sent.wrong().into(),
        });
    }
    Err(refused(answer, sent))
}

/// Of any other request.
pub(super) fn refused(answer: &HttpAnswer, sent: SentRequest) -> Refusal {
    let words = answer.json::<LoginBody>();
    let challenge = words.as_ref().and_then(|words| words.challenge.as_ref());
    let left = challenge.and_then(|challenge| challenge.remaining_attempts);
    let is_explained = words
        .as_ref()
        .is_some_and(|words| words.detail.is_some() || words.challenge.is_some());
    match answer.status {
        400 if sent == SentRequest::Behind && challenge.is_some() => Refusal {
            left,
            ..LoginCategory::MfaFailed.into()
        },
        400 if is_explained => Refusal {
            left,
            ..sent.wrong().into()
        },
        // A challenge that ended before its answer came.
        404 | 410 if sent == SentRequest::Proof => LoginCategory::MfaFailed.into(),
        _ => answer.refusal(sent.wrong()),
    }
}

/// The venue gives ids, but a path is not made of what it likes.
pub(super) fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=100).contains(&text.len()) && text.bytes().all(is_plain)
}

pub(super) fn method(kind: &str) -> Option<Method> {
    Some(match kind {
        "app" => Method::Totp,
        "sms" => Method::Sms,
        "email" => Method::Email,
        "prompt" => Method::Push,
        _ => return None,
    })
}

pub(super) fn wants(method: Method) -> Wants {
    match method {
        Method::Push => Wants::Approval,
        _ => Wants::Code,
    }
}

fn session(words: LoginBody, now: Micros) -> Result<Reply, Refusal> {
    let token = words.access_token.filter(|token| !token.is_empty());
    let (Some(token), Some(expires)) = (token, words.expires_in) else {
        return Err(LoginCategory::ChangedApi.into());
    };
    let renewal = words.refresh_token.filter(|token| !token.is_empty());
    Ok(Reply::Session(Session {
        token: Arc::new(Secret::new(token)),
        until: Validity {
            expires: Some(later(now, Duration::from_secs(expires))),
            renewable: renewal.as_ref().map(|_| later(now, RENEWABLE)),
        },
        renewal: renewal.map(|token| Arc::new(Secret::new(token))),
    }))
}

/// None where it asks for nothing more.
fn challenge(words: &LoginBody) -> Option<Result<Challenge, Refusal>> {
    let (id, kind, left) = match &words.challenge {
        Some(asked) => (
            asked.id.clone(),
            asked.kind.as_deref(),
            asked.remaining_attempts,
        ),
        None if words.mfa_required == Some(true) => {
            let kind = words.mfa_type.as_deref().unwrap_or("app");
            (String::new(), Some(kind), None)
        }
        None => return None,
    };
    let Some(method) = kind.and_then(method) else {
        return Some(Err(LoginCategory::ChangedApi.into()));
    };
    Some(Ok(Challenge {
        id,
        method,
        wants: wants(method),
        link: None,
        left,
    }))
}
