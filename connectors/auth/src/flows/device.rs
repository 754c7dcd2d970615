//! Name, password and a device that the venue knows; a code when it does not. As Robinhood's
//! private interface has it, which is fragile: for research, and never depended on.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tapeline_model::Micros;
use tapeline_secrets::Secret;

use super::Credentials;
use super::http::{Answer, BadAddress, Http};
use crate::category::Category;
use crate::flow::{Answering, Challenge, Flow, Method, Proof, Reply, Wants};
use crate::login::{Refusal, Until};
use crate::mfa::Code;
use crate::outside::Outside;
use crate::policy::later;
use crate::session::Session;

const TOKEN: &str = "/oauth2/token/";
const USER: &str = "/user/";
const ANSWERED: &str = "X-ROBINHOOD-CHALLENGE-RESPONSE-ID";
const SESSION_SECONDS: &str = "86400";
/// What this venue's renewals are good for is not told; a refused one leads to a login.
const RENEWABLE: Duration = Duration::from_hours(24 * 30);

pub struct Device {
    http: Http,
    credentials: Credentials,
    client_id: String,
}

/// Every field may be missing: which are there says what the answer is.
#[derive(Deserialize)]
struct Words {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
    mfa_required: Option<bool>,
    mfa_type: Option<String>,
    challenge: Option<Asked>,
    verification_workflow: Option<serde_json::Value>,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct Asked {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    remaining_attempts: Option<u32>,
}

impl Device {
    pub fn new(
        address: &str,
        client_id: &str,
        credentials: Credentials,
        outside: &Outside,
    ) -> Result<Self, BadAddress> {
        Ok(Self {
            http: Http::new(address, outside)?,
            credentials,
            client_id: client_id.to_owned(),
        })
    }

    async fn log_in(
        &self,
        device: &str,
        code: Option<&Code>,
        answered: Option<&str>,
    ) -> Result<Answer, Refusal> {
        let (name, password) = self.credentials.get().await?;
        let mut form = vec![
            ("username", name.expose()),
            ("password", password.expose()),
            ("client_id", &self.client_id),
            ("grant_type", "password"),
            ("scope", "internal"),
            ("device_token", device),
            ("expires_in", SESSION_SECONDS),
        ];
        form.extend(code.map(|code| ("mfa_code", code.expose())));
        let mut request = self.http.post(TOKEN).form(&form);
        if let Some(id) = answered {
            request = request.header(ANSWERED, id);
        }
        self.http.send(request).await
    }

    async fn respond(
        &self,
        device: &str,
        challenge: &Challenge,
        code: &Code,
    ) -> Result<Reply, Refusal> {
        if challenge.id.is_empty() {
            let answer = self.log_in(device, Some(code), None).await?;
            return read(&answer, self.http.now(), Category::MfaFailed);
        }
        // The venue gave the id, but a path is not made of what it likes.
        if !challenge
            .id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return Err(Category::ChangedApi.into());
        }
        let path = format!("/challenge/{}/respond/", challenge.id);
        let request = self.http.post(&path).form(&[("response", code.expose())]);
        let answer = self.http.send(request).await?;
        if !answer.is_fine() {
            return Err(refused(&answer, Category::MfaFailed));
        }
        let answer = self.log_in(device, None, Some(&challenge.id)).await?;
        read(&answer, self.http.now(), Category::MfaFailed)
    }
}

/// What an answer to a login says; `wrong` is what it means that what was sent was wrong.
fn read(answer: &Answer, now: Micros, wrong: Category) -> Result<Reply, Refusal> {
    if let Some(words) = answer.json::<Words>() {
        if let (Some(token), true) = (words.access_token, answer.is_fine()) {
            let expires = words.expires_in.ok_or(Category::ChangedApi)?;
            return Ok(Reply::Session(Session {
                token: Arc::new(Secret::new(token)),
                until: Until {
                    expires: Some(later(now, Duration::from_secs(expires))),
                    renewable: words.refresh_token.as_ref().map(|_| later(now, RENEWABLE)),
                },
                renewal: words
                    .refresh_token
                    .map(|token| Arc::new(Secret::new(token))),
            }));
        }
        if words.mfa_required == Some(true) {
            return Ok(Reply::Challenge(Challenge {
                id: String::new(),
                method: method(words.mfa_type.as_deref().unwrap_or("app")),
                wants: Wants::Code,
                link: None,
                left: None,
            }));
        }
        if let Some(asked) = words
            .challenge
            .filter(|_| wrong == Category::BadCredentials)
        {
            return Ok(Reply::Challenge(Challenge {
                method: method(&asked.kind),
                id: asked.id,
                wants: Wants::Code,
                link: None,
                left: asked.remaining_attempts,
            }));
        }
        if words.verification_workflow.is_some() {
            return Err(Category::MfaRequired.into());
        }
    }
    Err(refused(answer, wrong))
}

fn refused(answer: &Answer, wrong: Category) -> Refusal {
    let words = answer.json::<Words>();
    let left = words
        .as_ref()
        .and_then(|words| words.challenge.as_ref()?.remaining_attempts);
    let is_explained =
        words.is_some_and(|words| words.detail.is_some() || words.challenge.is_some());
    match answer.status {
        400 if is_explained => Refusal {
            left,
            ..wrong.into()
        },
        _ => answer.refusal(wrong),
    }
}

fn method(kind: &str) -> Method {
    match kind {
        "app" => Method::Totp,
        "sms" => Method::Sms,
        "email" => Method::Email,
        _ => Method::Push,
    }
}

impl Flow for Device {
    fn open<'a>(&'a self, device: &'a str) -> Answering<'a, Reply> {
        Box::pin(async move {
            let answer = self.log_in(device, None, None).await?;
            read(&answer, self.http.now(), Category::BadCredentials)
        })
    }

    fn prove<'a>(
        &'a self,
        device: &'a str,
        challenge: &'a Challenge,
        proof: Proof<'a>,
    ) -> Answering<'a, Reply> {
        Box::pin(async move {
            match proof {
                Proof::Code(code) => self.respond(device, challenge, code).await,
                Proof::Approval => Err(Category::ChangedApi.into()),
            }
        })
    }

    fn renew<'a>(&'a self, session: &'a Session) -> Answering<'a, Reply> {
        Box::pin(async move {
            let renewal = session.renewal.as_ref().ok_or(Category::Expired)?;
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", renewal.expose()),
                ("client_id", &self.client_id),
                ("scope", "internal"),
            ];
            let answer = self.http.send(self.http.post(TOKEN).form(&form)).await?;
            match read(&answer, self.http.now(), Category::Expired)? {
                Reply::Session(session) => Ok(Reply::Session(session)),
                Reply::Challenge(_) => Err(Category::Expired.into()),
            }
        })
    }

    fn probe<'a>(&'a self, session: &'a Session) -> Answering<'a, ()> {
        Box::pin(async move {
            let request = self.http.get(USER).bearer_auth(session.token.expose());
            let answer = self.http.send(request).await?;
            if answer.is_fine() {
                return Ok(());
            }
            Err(answer.refusal(Category::Expired))
        })
    }

    fn look_up_again(&self) -> Answering<'_, ()> {
        Box::pin(self.credentials.look_up_again())
    }

    fn venue_time(&self, now: Micros) -> Micros {
        self.http.venue_time(now)
    }
}
