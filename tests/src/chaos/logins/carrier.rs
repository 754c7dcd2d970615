//! Brings the codes that a venue sends as text messages: through Twilio to the webhook of a
//! machine, with all that can happen to a message on its way.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use tapeline_rehearsal::{Hook, Twilio};
use tokio::runtime::Handle;
use tokio::time::sleep;
use tower::ServiceExt as _;

use crate::chaos::random::Random;

pub(super) const NUMBER: &str = "+15550100";
pub(super) const SENDER: &str = "+15550199";
pub(super) const HOST: &str = "alpha.example";
pub(super) const PUBLIC: &str = "https://codes.example/sms";
const STRANGER: &str = "+15550666";

/// What happens to the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    Late,
    Lost,
    Twice,
    /// With other digits.
    Wrong,
    /// With a code of somebody else before it.
    Foreign,
    /// With one before it that nobody signed.
    Forged,
    /// With two codes in it.
    Riddle,
}

#[derive(Clone)]
pub(super) struct Carrier {
    twilio: Twilio,
    mishaps: Arc<Mutex<VecDeque<Mishap>>>,
    random: Arc<Mutex<Random>>,
    /// Where a machine takes messages, while a process of it runs.
    doors: Arc<Mutex<[Option<Router>; 2]>>,
    /// The machine that logs in; mostly, the public address leads there.
    leads_to: Arc<AtomicUsize>,
    /// Answers that a webhook must not give.
    wrong_answers: Arc<Mutex<Vec<String>>>,
}

impl Carrier {
    pub(super) fn new(random: Random) -> Self {
        let twilio = Twilio::quiet();
        let hook = Hook {
            public_url: PUBLIC.to_owned(),
            url: PUBLIC.to_owned(),
        };
        twilio.change(|book| book.hook = hook);
        Self {
            twilio,
            mishaps: Arc::default(),
            random: Arc::new(Mutex::new(random)),
            doors: Arc::default(),
            leads_to: Arc::default(),
            wrong_answers: Arc::default(),
        }
    }

    pub(super) fn befall(&self, mishap: Mishap) {
        lock(&self.mishaps).push_back(mishap);
    }

    pub(super) fn open_door(&self, machine: usize, door: Option<Router>) {
        lock(&self.doors)[machine] = door;
    }

    pub(super) fn lead_to(&self, machine: usize) {
        self.leads_to.store(machine, Ordering::Relaxed);
    }

    /// What was to befall further messages does not.
    pub(super) fn calm(&self) {
        lock(&self.mishaps).clear();
    }

    pub(super) fn wrong_answers(&self) -> Vec<String> {
        lock(&self.wrong_answers).clone()
    }

    /// A venue sends a code; it arrives some seconds later, or does not.
    pub(super) fn send(&self, code: &str) {
        let (carrier, code) = (self.clone(), code.to_owned());
        let mishap = lock(&self.mishaps).pop_front();
        if let Ok(world) = Handle::try_current() {
            world.spawn(async move { carrier.bring(&code, mishap).await });
        }
    }

    async fn bring(&self, code: &str, mishap: Option<Mishap>) {
        self.pause(500, 8_000).await;
        let text = format!("Your alpha code is {code}.");
        match mishap {
            None => self.deliver(SENDER, &text, 1, true).await,
            Some(Mishap::Lost) => {}
            Some(Mishap::Late) => {
                self.pause(90_000, 400_000).await;
                self.deliver(SENDER, &text, 1, true).await;
            }
            Some(Mishap::Twice) => self.deliver(SENDER, &text, 2, true).await,
            Some(Mishap::Wrong) => {
                let wrong = self.digits();
                let text = format!("Your alpha code is {wrong}.");
                self.deliver(SENDER, &text, 1, true).await;
            }
            Some(Mishap::Foreign) => {
                let other = self.digits();
                self.deliver(STRANGER, &format!("Your code is {other}."), 1, true)
                    .await;
                let bound = format!("A code.\n@elsewhere.example #{other}");
                self.deliver(SENDER, &bound, 1, true).await;
                self.deliver(SENDER, &text, 1, true).await;
            }
            Some(Mishap::Forged) => {
                let forged = format!("Your alpha code is {}.", self.digits());
                self.deliver(SENDER, &forged, 1, false).await;
                self.deliver(SENDER, &text, 1, true).await;
            }
            Some(Mishap::Riddle) => {
                let riddle = format!("Your code is {code}, or is it {}?", self.digits());
                self.deliver(SENDER, &riddle, 1, true).await;
            }
        }
    }

    /// To the machine that the public address leads to at the moment.
    async fn deliver(&self, from: &str, text: &str, times: u32, is_signed: bool) {
        let leads_to = self.leads_to.load(Ordering::Relaxed);
        let is_astray = self.chance(0, 7) == 0;
        let machine = if is_astray { 1 - leads_to } else { leads_to };
        let message = self.twilio.receive(from, NUMBER, text);
        let mut request = self.twilio.request(&message);
        if !is_signed {
            let mark = self.digits();
            if let Ok(forged) = format!("{mark}AAAAAAAAAAAAAAAAAAAAAA=").parse() {
                request.headers_mut().insert("x-twilio-signature", forged);
            }
        }
        for _ in 0..times {
            // A machine whose process is away has the other one behind the same address.
            let doors = lock(&self.doors).clone();
            let Some(door) = doors[machine]
                .clone()
                .or_else(|| doors[1 - machine].clone())
            else {
                return;
            };
            let answer = door.oneshot(request.clone().map(Body::from)).await;
            let Ok(answer) = answer;
            let expected = if is_signed {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            };
            if answer.status() != expected {
                lock(&self.wrong_answers).push(format!(
                    "the webhook answered {} instead of {expected}",
                    answer.status()
                ));
            }
            self.pause(10, 2_000).await;
        }
    }

    fn digits(&self) -> String {
        format!("{:06}", self.chance(0, 999_999))
    }

    fn chance(&self, low: u64, high: u64) -> u64 {
        lock(&self.random).between(low, high)
    }

    async fn pause(&self, low: u64, high: u64) {
        let milliseconds = self.chance(low, high);
        sleep(Duration::from_millis(milliseconds)).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
