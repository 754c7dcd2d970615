//! Whether messages would reach us: one is sent to the public address, as Twilio would.

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use tapeline_secrets::Secret;
use thiserror::Error;
use uuid::Builder;

use super::webhook::NOTHING;
use crate::environment::Environment;
use crate::mfa::twilio::sign;

/// A sender that no list can hold, since lists hold numbers and names.
const SENDER: &str = "tapeline self-test";

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelfTestError {
    #[error("the public address of the webhook is none; write it as Twilio was given it")]
    NotAnAddress,
    #[error(
        "the public address of the webhook does not answer; look at its name, its proxy, and whether this program runs"
    )]
    Unreachable,
    #[error(
        "the webhook takes a signed message for a forgery; both sides need the same token and the same public address"
    )]
    Refused,
    #[error(
        "something else answers at the public address of the webhook (status {0}); look at what the proxy sends where"
    )]
    SomethingElse(u16),
}

/// Proves that the address leads here, and that both sides have one token.
pub async fn self_test(
    public_url: &str,
    token: &Secret,
    environment: &Environment,
) -> Result<(), SelfTestError> {
    let sid = new_sid();
    let fields = [
        ("Body", ""),
        ("From", SENDER),
        ("MessageSid", &sid),
        ("To", SENDER),
    ];
    let request = environment
        .requests
        .post(public_url)
        .header(
            "x-twilio-signature",
            sign(public_url, &fields, token.expose()),
        )
        .form(&fields)
        .build()
        .map_err(|_| SelfTestError::NotAnAddress)?;
    let answer = environment.transport.send(request).await;
    let answer = answer.map_err(|_| SelfTestError::Unreachable)?;
    let status = answer.status().as_u16();
    match status {
        200 if is_ours(answer).await => Ok(()),
        403 => Err(SelfTestError::Refused),
        status => Err(SelfTestError::SomethingElse(status)),
    }
}

async fn is_ours(mut answer: Response) -> bool {
    let is_xml = answer
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"text/xml"));
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() > NOTHING.len() {
            return false;
        }
    }
    is_xml && body == NOTHING.as_bytes()
}

/// As Twilio's are, and never the same twice.
fn new_sid() -> String {
    let mut bytes = [0; 16];
    let _filled = getrandom::fill(&mut bytes);
    let name = Builder::from_random_bytes(bytes).into_uuid();
    format!("SM{}", name.simple())
}
