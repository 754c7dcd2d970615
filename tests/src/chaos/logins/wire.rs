//! The way between a machine and the venue, with its weather.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request as Asking, Response as Answer, StatusCode};
use reqwest::{Request, Response};
use tapeline_auth::{Category, Lost, Transport, Travelling};
use tapeline_rehearsal::{Book, Venue};
use tokio::time::sleep;
use tower::ServiceExt as _;

use super::clock::Time;
use super::logbook::{Asked, Entry, Exchange, Logbook};
use crate::chaos::random::Random;

/// With this, a challenge that was met is named.
const ANSWERED: &str = "x-robinhood-challenge-response-id";
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
    pub(super) venue: Venue,
    pub(super) router: Router,
    pub(super) time: Time,
    pub(super) logbook: Logbook,
    weather: Arc<Mutex<Weather>>,
    random: Arc<Mutex<Random>>,
}

/// What a request meets before the venue.
enum Met {
    Nothing,
    Dropped,
    Said(Category, Answer<Body>),
}

impl Road {
    pub(super) fn new(venue: Venue, time: Time, logbook: Logbook, random: Random) -> Self {
        Self {
            router: venue.router(),
            venue,
            time,
            logbook,
            weather: Arc::default(),
            random: Arc::new(Mutex::new(random)),
        }
    }

    pub(super) fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chance(&self, low: u64, high: u64) -> u64 {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        random.between(low, high)
    }

    async fn travel(&self) {
        sleep(Duration::from_millis(self.chance(5, 400))).await;
    }

    fn meets(&self) -> Met {
        let now = self.time.now();
        let is_dropped = self.chance(0, 1) == 0;
        let mut weather = self.weather();
        if weather.forbidden > 0 {
            weather.forbidden -= 1;
            return Met::Said(Category::Forbidden, says(StatusCode::FORBIDDEN, "no"));
        }
        if weather.pages > 0 {
            weather.pages -= 1;
            let page = says(StatusCode::OK, "<title>We will be back</title>");
            return Met::Said(Category::ChangedApi, page);
        }
        if now < weather.too_many_until {
            let mut answer = says(StatusCode::TOO_MANY_REQUESTS, "");
            answer.headers_mut().insert("retry-after", 20.into());
            return Met::Said(Category::RateLimited, answer);
        }
        if now < weather.down_until {
            let answer = says(StatusCode::SERVICE_UNAVAILABLE, "");
            return Met::Said(Category::VenueDown, answer);
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

    async fn send(&self, machine: usize, request: Request) -> Result<Response, Lost> {
        let request = in_parts(request);
        let mut noted = Exchange {
            machine,
            asked: request.asked,
            sent: self.time.now(),
            ended: 0,
            code: request.code.clone(),
            is_behind: request.request.headers().contains_key(ANSWERED),
            truth: None,
            is_counted: false,
            is_opened: false,
        };
        // Noted also when the machine ends before the answer.
        let noting = Noting {
            road: self,
            noted: &mut noted,
        };
        self.travel().await;
        let answer = match self.meets() {
            Met::Dropped => {
                noting.noted.truth = Some(Category::Network);
                if self.chance(0, 1) == 0 {
                    return Err(Lost::Unsent);
                }
                sleep(NOTICED_AFTER).await;
                return Err(Lost::Unanswered);
            }
            Met::Said(category, answer) => {
                noting.noted.truth = Some(category);
                answer
            }
            Met::Nothing => {
                let answer = self.ask(&request, noting.noted).await;
                if self.loses_answer() {
                    noting.noted.truth = Some(Category::Network);
                    sleep(NOTICED_AFTER).await;
                    return Err(Lost::Unanswered);
                }
                answer
            }
        };
        self.travel().await;
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, LONGEST)
            .await
            .map_err(|_| Lost::Unanswered)?;
        Ok(Response::from(Answer::from_parts(parts, body)))
    }

    /// Asks the venue, and sees in its book what it made of it.
    async fn ask(&self, request: &Parts, noted: &mut Exchange) -> Answer<Body> {
        let before = self.venue.book();
        let asking = request.asking();
        let answered = self.router.clone().oneshot(asking).await;
        let Ok(answer) = answered;
        let after = self.venue.book();
        noted.is_opened = after.opened > before.opened || after.renewed > before.renewed;
        noted.is_counted = after.wrong > before.wrong;
        noted.truth = truth(request.asked, &before, &after, answer.status());
        answer
    }
}

/// What a venue that writes everything down says was wrong.
fn truth(asked: Asked, before: &Book, after: &Book, status: StatusCode) -> Option<Category> {
    if before.locked {
        return Some(Category::Locked);
    }
    let is_wrong = after.wrong > before.wrong;
    match asked {
        Asked::Proof if is_wrong => Some(Category::MfaFailed),
        Asked::Login if is_wrong && after.codes.len() > before.codes.len() => {
            Some(Category::MfaFailed)
        }
        Asked::Login if is_wrong => Some(Category::BadCredentials),
        Asked::Renewal | Asked::Other if status == StatusCode::UNAUTHORIZED => {
            Some(Category::Expired)
        }
        _ => None,
    }
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

struct Parts {
    asked: Asked,
    code: Option<String>,
    request: Request,
}

fn in_parts(request: Request) -> Parts {
    let body = request.body().and_then(|body| body.as_bytes());
    let text = String::from_utf8_lossy(body.unwrap_or_default()).into_owned();
    let field = |name: &str| {
        let start = format!("{name}=");
        let mut fields = text.split('&');
        fields.find_map(|field| field.strip_prefix(&start).map(str::to_owned))
    };
    let path = request.url().path();
    let code = field("mfa_code").or_else(|| field("response"));
    let asked = match path {
        "/oauth2/token/" if field("grant_type").as_deref() == Some("refresh_token") => {
            Asked::Renewal
        }
        "/oauth2/token/" => Asked::Login,
        _ if code.is_some() => Asked::Proof,
        _ => Asked::Other,
    };
    Parts {
        asked,
        code,
        request,
    }
}

impl Parts {
    fn asking(&self) -> Asking<Body> {
        let mut asking = Asking::builder()
            .method(self.request.method().clone())
            .uri(self.request.url().as_str());
        for (name, value) in self.request.headers() {
            asking = asking.header(name, value);
        }
        let body = self.request.body().and_then(|body| body.as_bytes());
        asking
            .body(Body::from(body.unwrap_or_default().to_vec()))
            .unwrap_or_default()
    }
}

fn says(status: StatusCode, text: &'static str) -> Answer<Body> {
    let mut answer = Answer::new(Body::from(text));
    *answer.status_mut() = status;
    answer
}

/// A machine's end of the road.
pub(super) struct Wire {
    pub(super) road: Road,
    pub(super) machine: usize,
}

impl Transport for Wire {
    fn send(&self, request: Request) -> Travelling<'_> {
        Box::pin(self.road.send(self.machine, request))
    }
}
