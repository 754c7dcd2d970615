//! The way between a machine and the venue, with its weather.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Response as Answer, StatusCode};
use reqwest::{Request, Response};
use serde_json::Value;
use tapeline_auth::{LoginCategory, SendError, Sending, Transport};
use tokio::time::sleep;
use tower::ServiceExt as _;

use super::asked::{Parts, Seen};
use super::clock::Time;
use super::logbook::{Asked, Entry, Exchange, Logbook, Made};
use super::login_kind::LoginKind;
use super::person::Person;
use super::plant::{self, Planted};
use super::shared_random::SharedRandom;
use super::venue::AnyVenue;

/// Where Twilio is asked for its list.
pub(super) const TWILIO: &str = "twilio.example";
const LONGEST: usize = 1 << 20;
/// A connection that breaks is noticed after this, or at once.
const NOTICED_AFTER: Duration = Duration::from_secs(15);

/// What befalls requests, until when, or how many of them.
#[derive(Debug, Default)]
pub(super) struct Weather {
    pub(super) too_many_until: i64,
    pub(super) down_until: i64,
    pub(super) dropping_until: i64,
    pub(super) answers_lost: u32,
    pub(super) pages: u32,
    pub(super) forbidden: u32,
}

#[derive(Clone)]
pub(super) struct Road {
    pub(super) way: LoginKind,
    pub(super) venue: AnyVenue,
    pub(super) time: Time,
    pub(super) logbook: Logbook,
    pub(super) person: Person,
    pub(super) router: Router,
    pub(super) twilio: Router,
    pub(super) weather: Arc<Mutex<Weather>>,
    pub(super) chance: SharedRandom,
}

/// What a request meets before the venue.
enum Met {
    Nothing,
    Dropped,
    Said(LoginCategory, Answer<Bytes>),
}

impl Road {
    pub(super) fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn travel(&self) {
        self.chance.pause(5, 400).await;
    }

    fn meets(&self) -> Met {
        let now = self.time.now();
        let is_dropped = self.chance.hits(2);
        let mut weather = self.weather();
        if weather.forbidden > 0 {
            weather.forbidden -= 1;
            return Met::Said(LoginCategory::Forbidden, says(StatusCode::FORBIDDEN, "no"));
        }
        if weather.pages > 0 {
            weather.pages -= 1;
            let page = says(StatusCode::OK, "<title>We will be back</title>");
            return Met::Said(LoginCategory::ChangedApi, page);
        }
        if now < weather.too_many_until {
            let mut answer = says(StatusCode::TOO_MANY_REQUESTS, "");
            answer.headers_mut().insert("retry-after", 20.into());
            return Met::Said(LoginCategory::RateLimited, answer);
        }
        if now < weather.down_until {
            let answer = says(StatusCode::SERVICE_UNAVAILABLE, "");
            return Met::Said(LoginCategory::VenueDown, answer);
        }
        if now < weather.dropping_until && is_dropped {
            return Met::Dropped;
        }
        Met::Nothing
    }

    /// Whether the answer is lost that the venue gave.
    fn loses_answer(&self) -> bool {
        let mut weather = self.weather();
        let is_lost = weather.answers_lost > 0;
        weather.answers_lost -= u32::from(is_lost);
        is_lost
    }

    async fn send(&self, machine: usize, request: Request) -> Result<Response, SendError> {
        if request.url().host_str() == Some(TWILIO) {
            return self.send_to_twilio(request).await;
        }
        let parts = Parts::of(request);
        let mut noted = Exchange {
            machine,
            asked: parts.asked(self.way, self.logbook.is_in(machine)),
            sent: self.time.now(),
            ended: 0,
            code: parts.code.clone(),
            renewal: parts.renewal.clone(),
            is_behind: parts.is_behind(),
            truth: None,
            made: Made::Nothing,
            is_answered: false,
        };
        // Noted also when the machine ends before the answer.
        let noting = Noting {
            road: self,
            noted: &mut noted,
        };
        self.travel().await;
        // By now, what was told before is noted.
        let is_in = self.logbook.is_in(machine);
        noting.noted.asked = parts.asked(self.way, is_in);
        let answer = match self.meets() {
            Met::Dropped => {
                noting.noted.truth = Some(LoginCategory::Network);
                return Err(self.drops().await);
            }
            Met::Said(category, answer) => {
                let is_page = category == LoginCategory::ChangedApi;
                noting.noted.truth = Some(category).filter(|_| !is_page || !parts.is_touch());
                answer
            }
            Met::Nothing => {
                let answer = self.ask(&parts, is_in, noting.noted).await;
                if self.loses_answer() {
                    noting.noted.truth = Some(LoginCategory::Network);
                    sleep(NOTICED_AFTER).await;
                    return Err(SendError::Unanswered);
                }
                answer
            }
        };
        self.travel().await;
        noting.noted.is_answered = true;
        Ok(Response::from(answer))
    }

    /// Asks the venue, and sees in its ledger what it made of it.
    async fn ask(&self, parts: &Parts, is_in: bool, noted: &mut Exchange) -> Answer<Bytes> {
        if let Some(prompt) = parts.prompt() {
            self.person.sees_prompt(prompt);
        }
        let before = self.venue.ledger();
        let answer = answered(&self.router, parts).await;
        let after = self.venue.ledger();
        let words: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let is_taken = self.way == LoginKind::Key && noted.asked == Asked::Login;
        noted.made = match () {
            () if after.given > before.given => Made::Opened,
            () if is_taken && answer.status() == StatusCode::OK => Made::Opened,
            () if after.wrong > before.wrong => Made::Counted,
            () if words["error"] == "invalid_client" => Made::WrongClient,
            () => Made::Nothing,
        };
        let seen = Seen {
            asked: noted.asked,
            is_in,
            before,
            after,
            status: answer.status(),
            words: &words,
        };
        noted.truth = seen.truth(self.way, parts);
        answer
    }

    /// Nobody is told what is wrong there: codes come another way, or later.
    async fn send_to_twilio(&self, request: Request) -> Result<Response, SendError> {
        self.travel().await;
        let is_dropping = self.time.now() < self.weather().dropping_until;
        if is_dropping && self.chance.hits(2) {
            return Err(self.drops().await);
        }
        let answer = answered(&self.twilio, &Parts::of(request)).await;
        self.travel().await;
        Ok(Response::from(answer))
    }

    async fn drops(&self) -> SendError {
        if self.chance.hits(2) {
            return SendError::Unsent;
        }
        sleep(NOTICED_AFTER).await;
        SendError::Unanswered
    }
}

async fn answered(router: &Router, parts: &Parts) -> Answer<Bytes> {
    let Ok(answer) = router.clone().oneshot(parts.asking()).await;
    let (head, body) = answer.into_parts();
    let body = to_bytes(Body::new(body), LONGEST).await;
    Answer::from_parts(head, body.unwrap_or_default())
}

struct Noting<'a> {
    road: &'a Road,
    noted: &'a mut Exchange,
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        self.noted.ended = self.road.time.now();
        self.road.logbook.note(Entry::Exchange(self.noted.clone()));
    }
}

fn says(status: StatusCode, text: &'static str) -> Answer<Bytes> {
    let mut answer = Answer::new(Bytes::from_static(text.as_bytes()));
    *answer.status_mut() = status;
    answer
}

/// A machine's end of the road.
pub(super) struct Wire {
    pub(super) road: Road,
    pub(super) machine: usize,
    pub(super) planted: Planted,
}

impl Transport for Wire {
    fn send(&self, request: Request) -> Sending<'_> {
        Box::pin(async {
            let Some(again) = plant::sent_again(self.planted, &request) else {
                let request = plant::sent(self.planted, request);
                let answer = self.road.send(self.machine, request).await?;
                return plant::received(self.planted, answer).await;
            };
            let _forgotten = self.road.send(self.machine, request).await;
            self.road.send(self.machine, again).await
        })
    }
}
