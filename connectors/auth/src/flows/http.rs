//! A request to a venue, and what the status of its answer means.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap};
use reqwest::{RequestBuilder, Url};
use serde::de::DeserializeOwned;
use tapeline_model::Micros;
use tapeline_model::records::LoginCategory;
use zeroize::Zeroizing;

use crate::account_facts::Budget;
use crate::address::{BadAddress, is_here};
use crate::environment::{Environment, SendError};
use crate::mfa::Skew;
use crate::refusal::Refusal;
use crate::retry_after::retry_after;

/// No answer to a login is longer.
const LONGEST_ANSWER: usize = 1 << 20;

pub(super) struct Http {
    base: Url,
    environment: Environment,
    skew: Mutex<Skew>,
}

pub(super) struct HttpAnswer {
    pub status: u16,
    pub not_within: Option<Duration>,
    pub budget: Option<Budget>,
    body: Zeroizing<Vec<u8>>,
}

impl Http {
    pub fn new(base: &str, environment: &Environment) -> Result<Self, BadAddress> {
        Ok(Self {
            base: crate::address::base(base)?,
            environment: environment.clone(),
            skew: Mutex::default(),
        })
    }

    pub fn now(&self) -> Micros {
        self.environment.now()
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.environment.requests.get(self.url(path))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.environment.requests.post(self.url(path))
    }

    pub fn post_json(&self, path: &str, body: &serde_json::Value) -> RequestBuilder {
        let kind = "application/json";
        self.post(path)
            .header(CONTENT_TYPE, kind)
            .body(body.to_string())
    }

    pub fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(path);
        url
    }

    /// At another host of the same venue; of a server of this machine, at itself. None where the
    /// address is none of that venue, and must not be sent what belongs there.
    pub fn beside(&self, host: &str, path: &str, query: &str) -> Option<RequestBuilder> {
        let mut url = self.url(path);
        url.set_query(Some(query));
        if !is_here(&self.base) {
            let domain = host.split_once('.').map_or(host, |(_, domain)| domain);
            let own = self.base.host_str()?;
            own.strip_suffix(domain)?.strip_suffix('.')?;
            url.set_host(Some(host)).ok()?;
        }
        Some(self.environment.requests.get(url))
    }

    pub async fn send(&self, request: RequestBuilder) -> Result<HttpAnswer, Refusal> {
        let unsent = || Refusal::from(LoginCategory::Network);
        let request = request.build().map_err(|_| unsent())?;
        let sent = self.now();
        let answer = self.environment.transport.send(request).await;
        let mut response = answer.map_err(|lost| match lost {
            SendError::Unsent => unsent(),
            SendError::Unanswered => Refusal::unseen(),
        })?;
        self.learn(response.headers(), sent);
        let status = response.status().as_u16();
        let not_within = retry_after(response.headers());
        let budget = budget(response.headers());
        let mut body = Zeroizing::new(Vec::new());
        while let Some(piece) = response.chunk().await.map_err(|_| Refusal::unseen())? {
            if body.len() + piece.len() > LONGEST_ANSWER {
                return Err(LoginCategory::ChangedApi.into());
            }
            body.extend_from_slice(&piece);
        }
        Ok(HttpAnswer {
            status,
            not_within,
            budget,
            body,
        })
    }

    /// Sends what no venue counts, whether its answer is seen or not.
    pub async fn ask(&self, request: RequestBuilder) -> Result<HttpAnswer, Refusal> {
        let answer = self.send(request).await;
        answer.map_err(|refusal| refusal.category.into())
    }

    pub fn venue_time(&self, now: Micros) -> Micros {
        let skew = self.skew.lock().unwrap_or_else(PoisonError::into_inner);
        skew.venue_time(now)
    }

    fn learn(&self, headers: &HeaderMap, sent: Micros) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| {
            jiff::fmt::rfc2822::DateTimeParser::new()
                .parse_timestamp(date)
                .ok()
        });
        if let Some(date) = date {
            let mut skew = self.skew.lock().unwrap_or_else(PoisonError::into_inner);
            skew.learn(date.as_second(), sent, self.now());
        }
    }
}

impl HttpAnswer {
    pub fn is_fine(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Of a request to end a session, which may have ended before.
    pub fn ended(&self) -> Result<bool, Refusal> {
        if self.is_fine() || self.status == 401 {
            return Ok(true);
        }
        Err(self.refusal(LoginCategory::Expired))
    }

    /// None where it has another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What a status means that the venue's own words do not explain. `unauthorized` is what a
    /// 401 says of the request it answers.
    pub fn refusal(&self, unauthorized: LoginCategory) -> Refusal {
        let category = match self.status {
            401 => unauthorized,
            403 => LoginCategory::Forbidden,
            408 | 425 => LoginCategory::Network,
            423 => LoginCategory::Locked,
            429 => LoginCategory::RateLimited,
            500..=599 => LoginCategory::VenueDown,
            _ => LoginCategory::ChangedApi,
        };
        Refusal {
            not_within: self.not_within,
            ..category.into()
        }
    }
}

fn budget(headers: &HeaderMap) -> Option<Budget> {
    let number = |name| headers.get(name)?.to_str().ok()?.trim().parse().ok();
    Some(Budget {
        limit: number("x-ratelimit-limit")?,
        left: number("x-ratelimit-remaining")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(address: &str) -> Result<Http, BadAddress> {
        Http::new(address, &Environment::system()?)
    }

    #[test]
    fn secrets_go_over_https_or_stay_on_this_machine() {
        for address in [
            "http://broker.example",
            "ftp://broker.example",
            "broker.example",
            "http://127.0.0.1.example",
        ] {
            assert!(
                matches!(http(address), Err(BadAddress::NotHttps)),
                "{address}"
            );
        }
        for address in [
            "https://broker.example",
            "http://127.0.0.1:8080",
            "http://localhost:1",
        ] {
            assert!(http(address).is_ok(), "{address}");
        }
    }

    /// Keys go to hosts of the venue they are of, and nowhere else.
    #[test]
    fn another_host_is_asked_beside_its_own_venue_alone() {
        let asked = |address: &str| {
            let request = http(address)
                .unwrap()
                .beside("data.v.example", "/q", "a=b")?;
            Some(request.build().unwrap().url().to_string())
        };
        let data = Some("https://data.v.example/q?a=b".to_owned());
        assert_eq!(asked("https://paper.v.example"), data);
        assert_eq!(asked("https://v.example"), None);
        assert_eq!(asked("https://otherv.example"), None);
        assert_eq!(asked("https://v.example.org"), None);
        let here = Some("http://127.0.0.1:1/q?a=b".to_owned());
        assert_eq!(asked("http://127.0.0.1:1"), here);
    }

    #[test]
    fn a_status_without_words_has_its_meaning() {
        let answer = |status| HttpAnswer {
            status,
            not_within: None,
            budget: None,
            body: Zeroizing::default(),
        };
        let means = |status| {
            answer(status)
                .refusal(LoginCategory::BadCredentials)
                .category
        };
        assert_eq!(means(401), LoginCategory::BadCredentials);
        assert_eq!(means(403), LoginCategory::Forbidden);
        assert_eq!(means(429), LoginCategory::RateLimited);
        assert_eq!(means(503), LoginCategory::VenueDown);
        assert_eq!(
            means(302),
            LoginCategory::ChangedApi,
            "redirects are not followed"
        );
        assert_eq!(means(200), LoginCategory::ChangedApi);
    }
}
