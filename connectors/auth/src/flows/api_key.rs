//! A key and its secret with every request, as Alpaca has it: there is no session to open, so the
//! account is asked for.

use std::sync::Arc;

use reqwest::RequestBuilder;
use serde::Deserialize;
use tapeline_model::Micros;
use tapeline_model::records::LoginCategory;
use tapeline_secrets::Secret;

use super::Credentials;
use super::http::{Http, HttpAnswer};
use crate::account_facts::{AccountFact, Budget, FactKind, plain};
use crate::address::BadAddress;
use crate::challenge::Challenge;
use crate::environment::Environment;
use crate::flow::{Flow, FlowFuture, Proof, Reply};
use crate::refusal::Refusal;
use crate::saved_state::Validity;
use crate::session::Session;

const ACCOUNT: &str = "/v2/account";
/// Where the same keys open market data.
const DATA_HOST: &str = "data.alpaca.markets";
const NEWEST_QUOTE: &str = "/v2/stocks/AAPL/quotes/latest";
const KEY: &str = "APCA-API-KEY-ID";
const SECRET: &str = "APCA-API-SECRET-KEY";

pub struct ApiKey {
    http: Http,
    credentials: Credentials,
}

/// Any of it may be missing: fields come and go.
#[derive(Deserialize)]
struct Account {
    status: Option<String>,
    account_blocked: Option<bool>,
    trading_blocked: Option<bool>,
    trade_suspended_by_user: Option<bool>,
    shorting_enabled: Option<bool>,
}

impl Account {
    fn is_active(&self) -> Option<bool> {
        let status = self.status.as_deref()?;
        Some(matches!(status, "ACTIVE" | "ACCOUNT_UPDATED"))
    }

    fn status(&self) -> AccountFact {
        match (self.is_active(), self.status.as_deref()) {
            (Some(true), _) => AccountFact::well(FactKind::Account, "active"),
            (_, Some(status)) => AccountFact::not_well(FactKind::Account, plain(status)),
            (_, None) => {
                AccountFact::not_well(FactKind::Version, "the account has no status any more")
            }
        }
    }

    fn permissions(&self) -> AccountFact {
        let about = FactKind::Permissions;
        let is_blocked = self.account_blocked == Some(true) || self.trading_blocked == Some(true);
        if is_blocked {
            return AccountFact::not_well(
                about,
                "the venue takes no orders: the account is blocked",
            );
        }
        if self.trade_suspended_by_user == Some(true) {
            return AccountFact::not_well(
                about,
                "orders are suspended in the account's own settings",
            );
        }
        let shorts = match self.shorting_enabled {
            Some(true) => "orders pass, short sales too",
            Some(false) => "orders pass, short sales do not",
            None => "orders pass",
        };
        AccountFact::well(about, shorts)
    }
}

impl ApiKey {
    pub fn new(
        address: &str,
        credentials: Credentials,
        environment: &Environment,
    ) -> Result<Self, BadAddress> {
        let http = Http::new(address, environment)?;
        Ok(Self { http, credentials })
    }

    async fn ask(&self) -> Result<(), Refusal> {
        let (account, _) = self.account().await?;
        match account.is_active() {
            Some(true) => Ok(()),
            Some(false) => Err(LoginCategory::Forbidden.into()),
            None => Err(LoginCategory::ChangedApi.into()),
        }
    }

    async fn account(&self) -> Result<(Account, Option<Budget>), Refusal> {
        let answer = self.send(self.http.get(ACCOUNT)).await?;
        if !answer.is_fine() {
            return Err(answer.refusal(LoginCategory::BadCredentials));
        }
        let account = answer.json::<Account>().ok_or(LoginCategory::ChangedApi)?;
        Ok((account, answer.budget))
    }

    async fn send(&self, request: RequestBuilder) -> Result<HttpAnswer, Refusal> {
        let (key, secret) = self.credentials.get().await?;
        self.http.send(signed(request, &key, &secret)).await
    }

    async fn facts(&self) -> Result<Vec<AccountFact>, Refusal> {
        let (account, budget) = self.account().await?;
        let mut facts = vec![account.status(), account.permissions()];
        facts.extend(self.market_data().await?);
        facts.extend(budget.map(Budget::fact));
        Ok(facts)
    }

    /// None where that was not said.
    async fn market_data(&self) -> Result<Option<AccountFact>, Refusal> {
        let Some(newest) = self.http.beside(DATA_HOST, NEWEST_QUOTE, "feed=sip") else {
            return Ok(None);
        };
        let answer = self.send(newest).await?;
        let found = match answer.status {
            200 => "of all exchanges, as it happens",
            // A subscription of its own, which nobody has to have.
            402 | 403 => "of one exchange, or late: the subscription has no more",
            _ => return Ok(None),
        };
        Ok(Some(AccountFact::well(FactKind::MarketData, found)))
    }
}

fn signed(request: RequestBuilder, key: &Secret, secret: &Secret) -> RequestBuilder {
    request
        .header(KEY, key.expose())
        .header(SECRET, secret.expose())
}

impl Flow for ApiKey {
    fn open<'a>(&'a self, _: &'a str) -> FlowFuture<'a, Reply> {
        Box::pin(async move {
            self.ask().await?;
            Ok(Reply::Session(Session {
                token: Arc::new(Secret::new("")),
                renewal: None,
                until: Validity::default(),
            }))
        })
    }

    fn prove<'a>(&'a self, _: &'a str, _: &'a Challenge, _: Proof<'a>) -> FlowFuture<'a, Reply> {
        Box::pin(async { Err(LoginCategory::ChangedApi.into()) })
    }

    fn renew<'a>(&'a self, _: &'a Session) -> FlowFuture<'a, Reply> {
        Box::pin(async { Err(LoginCategory::Expired.into()) })
    }

    fn probe<'a>(&'a self, _: &'a Session) -> FlowFuture<'a, ()> {
        Box::pin(async move {
            self.ask().await.map_err(|refusal| match refusal.category {
                // The key was taken back, or another has its place.
                LoginCategory::BadCredentials => LoginCategory::Expired.into(),
                _ => refusal,
            })
        })
    }

    fn account_facts<'a>(&'a self, _: &'a Session) -> FlowFuture<'a, Vec<AccountFact>> {
        Box::pin(self.facts())
    }

    fn look_up_again(&self) -> FlowFuture<'_, ()> {
        Box::pin(self.credentials.look_up_again())
    }

    fn venue_time(&self, now: Micros) -> Micros {
        self.http.venue_time(now)
    }
}
