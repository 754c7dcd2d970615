//! Text messages: through Twilio to the webhook of a machine, and into the list.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode};
use tapeline_simulators::{Clock, Hook, Twilio};
use tower::ServiceExt as _;

use super::carrier::Piece;
use super::shared_random::SharedRandom;

pub(super) const NUMBER: &str = "+15550100";
pub(super) const SENDER: &str = "+15550199";
pub(super) const PUBLIC: &str = "https://codes.example/sms";
const STRANGER: &str = "+15550666";
const NO_SIGNATURE: HeaderValue = HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAAAAAAA=");

#[derive(Clone)]
pub(super) struct Sms {
    pub(super) twilio: Twilio,
    chance: SharedRandom,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Where a machine takes messages, while a process of it runs.
    doors: [Option<Router>; 2],
    /// The machine that logs in; mostly, the public address leads there.
    leads_to: usize,
    /// The public address leads nowhere.
    is_away: bool,
    /// Answers that a webhook must not give.
    wrong_answers: Vec<String>,
}

impl Sms {
    pub(super) fn new(clock: Clock, chance: SharedRandom) -> Self {
        let twilio = Twilio::quiet();
        twilio.change(|book| {
            book.clock = clock;
            book.hook = Hook {
                public_url: PUBLIC.to_owned(),
                url: PUBLIC.to_owned(),
            };
        });
        Self {
            twilio,
            chance,
            state: Arc::default(),
        }
    }

    pub(super) fn open_door(&self, machine: usize, door: Option<Router>) {
        self.state().doors[machine] = door;
    }

    pub(super) fn lead_to(&self, machine: usize) {
        self.state().leads_to = machine;
    }

    /// Whether the public address leads nowhere from now on.
    pub(super) fn lead_away(&self, is_away: bool) {
        self.state().is_away = is_away;
    }

    pub(super) fn wrong_answers(&self) -> Vec<String> {
        self.state().wrong_answers.clone()
    }

    pub(super) async fn deliver(&self, piece: &Piece) {
        let from = if piece.is_from_venue() {
            SENDER
        } else {
            STRANGER
        };
        // What is forged comes from somebody else than Twilio, which does not list it.
        let message = if piece.is_genuine() {
            self.twilio.receive(from, NUMBER, &piece.text)
        } else {
            self.twilio.unlisted(from, NUMBER, &piece.text)
        };
        let mut request = self.twilio.request(&message);
        if !piece.is_genuine() {
            let headers = request.headers_mut();
            headers.insert("x-twilio-signature", NO_SIGNATURE);
        }
        let is_astray = self.chance.hits(8);
        for _ in 0..piece.times {
            if let Some(door) = self.door(is_astray) {
                let answer = door.oneshot(request.clone().map(Body::from)).await;
                let Ok(answer) = answer;
                self.look_at(answer.status(), piece.is_genuine());
            }
            self.chance.pause(10, 2_000).await;
        }
    }

    /// Of the machine that the public address leads to at the moment. One whose process is away
    /// has the other one behind the same address.
    fn door(&self, is_astray: bool) -> Option<Router> {
        let state = self.state();
        let machine = state.leads_to ^ usize::from(is_astray);
        let door = |machine: usize| state.doors[machine].clone();
        let found = door(machine).or_else(|| door(1 - machine));
        found.filter(|_| !state.is_away)
    }

    /// Forged messages are refused, and all others taken.
    fn look_at(&self, status: StatusCode, is_genuine: bool) {
        let expected = if is_genuine {
            StatusCode::OK
        } else {
            StatusCode::FORBIDDEN
        };
        if status != expected {
            let told = format!("the webhook answered {status} instead of {expected}");
            self.state().wrong_answers.push(told);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
