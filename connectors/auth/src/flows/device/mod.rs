//! Name, password and a device that the venue knows; a second factor when it does not. As
//! Robinhood's private interface has it, which is fragile: for research, and never depended on.

mod answers;
mod workflow;

use serde::Deserialize;
use tapeline_model::Micros;
use tapeline_model::records::LoginCategory;

use self::answers::{SentRequest, VenueAnswer, is_id, read, refused};
use super::Credentials;
use super::http::{Http, HttpAnswer};
use crate::address::BadAddress;
use crate::challenge::Challenge;
use crate::environment::Environment;
use crate::flow::{Approval, Flow, FlowFuture, Proof, Reply};
use crate::mfa::Code;
use crate::refusal::Refusal;
use crate::session::Session;

const TOKEN: &str = "/oauth2/token/";
const REVOKE: &str = "/oauth2/revoke_token/";
const USER: &str = "/user/";
const ANSWERED: &str = "X-ROBINHOOD-CHALLENGE-RESPONSE-ID";
const SESSION_SECONDS: &str = "86400";

/// Whatever it holds: a page for people holds none.
#[derive(Deserialize)]
struct Thing {}

pub struct Device {
    http: Http,
    credentials: Credentials,
    client_id: String,
}

impl Device {
    pub fn new(
        address: &str,
        client_id: &str,
        credentials: Credentials,
        environment: &Environment,
    ) -> Result<Self, BadAddress> {
        Ok(Self {
            http: Http::new(address, environment)?,
            credentials,
            client_id: client_id.to_owned(),
        })
    }

    async fn log_in(
        &self,
        device: &str,
        code: Option<&Code>,
        answered: Option<&str>,
    ) -> Result<HttpAnswer, Refusal> {
        let (name, password) = self.credentials.get().await?;
        let mut form = vec![
            ("username", name.expose()),
            ("password", password.expose()),
            ("client_id", &self.client_id),
            ("grant_type", "password"),
            ("scope", "internal"),
            ("device_token", device),
            ("expires_in", SESSION_SECONDS),
            ("try_passkeys", "false"),
            ("token_request_path", "/login"),
        ];
        form.extend(code.map(|code| ("mfa_code", code.expose())));
        let mut request = self.http.post(TOKEN).form(&form);
        if let Some(id) = answered {
            request = request.header(ANSWERED, id);
        }
        self.http.send(request).await
    }

    async fn begin(&self, device: &str) -> Result<Reply, Refusal> {
        let answer = self.log_in(device, None, None).await?;
        match read(&answer, self.http.now(), SentRequest::Password)? {
            VenueAnswer::Reply(reply) => Ok(reply),
            VenueAnswer::Workflow(id) => {
                let challenge = workflow::begin(&self.http, device, &id).await?;
                Ok(Reply::Challenge(challenge))
            }
        }
    }

    async fn answer(
        &self,
        device: &str,
        challenge: &Challenge,
        proof: Proof<'_>,
    ) -> Result<Reply, Refusal> {
        let (inquiry, id) = match workflow::ids(challenge) {
            Some((inquiry, id)) => (Some(inquiry), id),
            None => (None, challenge.id.as_str()),
        };
        let (answer, sent) = match proof {
            Proof::Code(code) if id.is_empty() => {
                let answer = self.log_in(device, Some(code), None).await?;
                (answer, SentRequest::Proof)
            }
            Proof::Code(code) => {
                self.respond(id, code).await?;
                let answer = self.log_in_behind(device, id, inquiry).await?;
                (answer, SentRequest::Behind)
            }
            Proof::Approval => {
                let answer = self.log_in_behind(device, id, inquiry).await?;
                (answer, SentRequest::Behind)
            }
        };
        match read(&answer, self.http.now(), sent)? {
            VenueAnswer::Reply(reply) => Ok(reply),
            VenueAnswer::Workflow(_) => Err(LoginCategory::MfaFailed.into()),
        }
    }

    async fn respond(&self, id: &str, code: &Code) -> Result<(), Refusal> {
        if !is_id(id) {
            return Err(LoginCategory::ChangedApi.into());
        }
        let path = format!("/challenge/{id}/respond/");
        let request = self.http.post(&path).form(&[("response", code.expose())]);
        let answer = self.http.send(request).await?;
        if !answer.is_fine() {
            return Err(refused(&answer, SentRequest::Proof));
        }
        answer
            .json::<Thing>()
            .map(drop)
            .ok_or(LoginCategory::ChangedApi.into())
    }

    /// Once the challenge was met.
    async fn log_in_behind(
        &self,
        device: &str,
        challenge: &str,
        inquiry: Option<&str>,
    ) -> Result<HttpAnswer, Refusal> {
        if !is_id(challenge) {
            return Err(LoginCategory::ChangedApi.into());
        }
        if let Some(inquiry) = inquiry {
            workflow::go_on(&self.http, inquiry).await?;
            return self.log_in(device, None, None).await;
        }
        self.log_in(device, None, Some(challenge)).await
    }
}

impl Flow for Device {
    fn open<'a>(&'a self, device: &'a str) -> FlowFuture<'a, Reply> {
        Box::pin(self.begin(device))
    }

    fn prove<'a>(
        &'a self,
        device: &'a str,
        challenge: &'a Challenge,
        proof: Proof<'a>,
    ) -> FlowFuture<'a, Reply> {
        Box::pin(self.answer(device, challenge, proof))
    }

    fn approval<'a>(&'a self, challenge: &'a Challenge) -> FlowFuture<'a, Approval> {
        Box::pin(workflow::approval(&self.http, challenge))
    }

    fn renew<'a>(&'a self, session: &'a Session) -> FlowFuture<'a, Reply> {
        Box::pin(async move {
            let renewal = session.renewal.as_ref().ok_or(LoginCategory::Expired)?;
            let form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", renewal.expose()),
                ("client_id", &self.client_id),
                ("scope", "internal"),
            ];
            let answer = self.http.send(self.http.post(TOKEN).form(&form)).await?;
            match read(&answer, self.http.now(), SentRequest::Renewal)? {
                VenueAnswer::Reply(Reply::Session(session)) => Ok(Reply::Session(session)),
                _ => Err(LoginCategory::Expired.into()),
            }
        })
    }

    fn probe<'a>(&'a self, session: &'a Session) -> FlowFuture<'a, ()> {
        Box::pin(async move {
            let request = self.http.get(USER).bearer_auth(session.token.expose());
            let answer = self.http.send(request).await?;
            if !answer.is_fine() {
                return Err(answer.refusal(LoginCategory::Expired));
            }
            // A page that says that all is being repaired is no user.
            let user = answer.json::<Thing>();
            user.map(drop).ok_or(LoginCategory::ChangedApi.into())
        })
    }

    fn end<'a>(&'a self, session: &'a Session) -> FlowFuture<'a, bool> {
        Box::pin(async move {
            // The tokens of a login end together.
            let token = session.renewal.as_ref().unwrap_or(&session.token);
            let form = [
                ("client_id", self.client_id.as_str()),
                ("token", token.expose()),
            ];
            let answer = self.http.send(self.http.post(REVOKE).form(&form)).await?;
            answer.ended()
        })
    }

    fn look_up_again(&self) -> FlowFuture<'_, ()> {
        Box::pin(self.credentials.look_up_again())
    }

    fn venue_time(&self, now: Micros) -> Micros {
        self.http.venue_time(now)
    }
}
