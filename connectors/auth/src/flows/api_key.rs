//! A key and its secret with every request, as Alpaca has it: there is no session to open, so the
//! account is asked for.

use std::sync::Arc;

use reqwest::RequestBuilder;
use serde::Deserialize;
use tapeline_model::Micros;
use tapeline_secrets::Secret;

use super::Credentials;
use super::http::{BadAddress, Http};
use crate::category::Category;
use crate::flow::{Answering, Challenge, Flow, Proof, Reply};
use crate::login::{Refusal, Until};
use crate::outside::Outside;
use crate::session::Session;

const ACCOUNT: &str = "/v2/account";
const KEY: &str = "APCA-API-KEY-ID";
const SECRET: &str = "APCA-API-SECRET-KEY";

pub struct ApiKey {
    http: Http,
    credentials: Credentials,
}

#[derive(Deserialize)]
struct Account {
    status: Option<String>,
}

impl ApiKey {
    pub fn new(
        address: &str,
        credentials: Credentials,
        outside: &Outside,
    ) -> Result<Self, BadAddress> {
        let http = Http::new(address, outside)?;
        Ok(Self { http, credentials })
    }

    async fn ask(&self) -> Result<(), Refusal> {
        let (key, secret) = self.credentials.get().await?;
        let request = signed(self.http.get(ACCOUNT), &key, &secret);
        let answer = self.http.send(request).await?;
        if !answer.is_fine() {
            return Err(answer.refusal(Category::BadCredentials));
        }
        let account = answer.json::<Account>().ok_or(Category::ChangedApi)?;
        match account.status.as_deref() {
            Some("ACTIVE" | "ACCOUNT_UPDATED") => Ok(()),
            Some(_) => Err(Category::Forbidden.into()),
            None => Err(Category::ChangedApi.into()),
        }
    }
}

fn signed(request: RequestBuilder, key: &Secret, secret: &Secret) -> RequestBuilder {
    request
        .header(KEY, key.expose())
        .header(SECRET, secret.expose())
}

impl Flow for ApiKey {
    fn open<'a>(&'a self, _: &'a str) -> Answering<'a, Reply> {
        Box::pin(async move {
            self.ask().await?;
            Ok(Reply::Session(Session {
                token: Arc::new(Secret::new("")),
                renewal: None,
                until: Until::default(),
            }))
        })
    }

    fn prove<'a>(&'a self, _: &'a str, _: &'a Challenge, _: Proof<'a>) -> Answering<'a, Reply> {
        Box::pin(async { Err(Category::ChangedApi.into()) })
    }

    fn renew<'a>(&'a self, _: &'a Session) -> Answering<'a, Reply> {
        Box::pin(async { Err(Category::Expired.into()) })
    }

    fn probe<'a>(&'a self, _: &'a Session) -> Answering<'a, ()> {
        Box::pin(async move {
            self.ask().await.map_err(|refusal| match refusal.category {
                // The key was taken back, or another has its place.
                Category::BadCredentials => Category::Expired.into(),
                _ => refusal,
            })
        })
    }

    fn look_up_again(&self) -> Answering<'_, ()> {
        Box::pin(self.credentials.look_up_again())
    }

    fn venue_time(&self, now: Micros) -> Micros {
        self.http.venue_time(now)
    }
}
