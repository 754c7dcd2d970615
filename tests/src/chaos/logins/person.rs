//! The person of an account, who does what no program can: says yes in a browser, on a telephone,
//! and at the page of a gateway. Mostly in time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tapeline_auth::mfa::{Code, CodeFuture};
use tapeline_auth::{Challenge, LoginCategory, mfa};
use tapeline_model::Micros;
use tapeline_simulators::{Venue, gateway, oauth};
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::clock::Wrong;
use super::logbook::{Entry, Logbook};
use super::shared_random::SharedRandom;
use super::venue::AnyVenue;

/// As many characters as a hash has.
const OTHER: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What the person does wrong the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slip {
    Late,
    Never,
    Denies,
    /// Lets a prompt run out.
    RunsOut,
    /// Brings what belongs to another login,
    WrongState,
    /// or only its code.
    Foreign,
    /// Brings a code that somebody else has used.
    Used,
}

#[derive(Clone)]
pub(super) struct Person {
    venue: AnyVenue,
    chance: SharedRandom,
    logbook: Logbook,
    mind: Arc<Mutex<Mind>>,
}

#[derive(Default)]
struct Mind {
    slips: VecDeque<Slip>,
    /// The newest prompt that was seen.
    prompt: String,
    /// Of the links that were opened: secret, too.
    states: Vec<String>,
}

impl Person {
    pub(super) fn new(venue: AnyVenue, chance: SharedRandom, logbook: Logbook) -> Self {
        Self {
            venue,
            chance,
            logbook,
            mind: Arc::default(),
        }
    }

    pub(super) fn inject(&self, slip: Slip) {
        self.mind().slips.push_back(slip);
    }

    pub(super) fn calm(&self) {
        self.mind().slips.clear();
    }

    pub(super) fn states(&self) -> Vec<String> {
        self.mind().states.clone()
    }

    /// A prompt is on the telephone, perhaps since before.
    pub(super) fn sees_prompt(&self, id: &str) {
        let AnyVenue::Device(venue) = &self.venue else {
            return;
        };
        let slip = {
            let mut mind = self.mind();
            if mind.prompt == id {
                return;
            }
            id.clone_into(&mut mind.prompt);
            mind.slips.pop_front()
        };
        let (person, venue, id) = (self.clone(), venue.clone(), id.to_owned());
        if let Ok(world) = Handle::try_current() {
            world.spawn(async move { person.answers_prompt(&venue, &id, slip).await });
        }
    }

    async fn answers_prompt(&self, venue: &Venue, id: &str, slip: Option<Slip>) {
        match slip {
            Some(Slip::Never) => return,
            Some(Slip::Late) => self.chance.pause(125_000, 400_000).await,
            _ => self.chance.pause(2_000, 60_000).await,
        }
        let is_newest = self.mind().prompt == id;
        match slip {
            Some(Slip::Denies) if is_newest => venue.deny(),
            Some(Slip::RunsOut) if is_newest => venue.expire(),
            Some(Slip::Denies | Slip::RunsOut) => {}
            _ => venue.approve(),
        }
    }

    /// At the page of a gateway, in a while.
    pub(super) fn goes_to_the_page(&self) {
        let AnyVenue::Gateway(venue) = &self.venue else {
            return;
        };
        let slip = self.mind().slips.pop_front();
        let (person, venue) = (self.clone(), venue.clone());
        if let Ok(world) = Handle::try_current() {
            world.spawn(async move { person.logs_in_there(&venue, slip).await });
        }
    }

    async fn logs_in_there(&self, venue: &gateway::Venue, slip: Option<Slip>) {
        match slip {
            Some(Slip::Never) => return,
            Some(Slip::Late) => self.chance.pause(310_000, 500_000).await,
            _ => self.chance.pause(5_000, 100_000).await,
        }
        venue.log_in();
    }

    /// What is brought from a browser, and what is wrong with that before any venue sees it.
    async fn opens(
        &self,
        venue: &oauth::Venue,
        link: &str,
    ) -> (Option<String>, Option<LoginCategory>) {
        let slip = {
            let mut mind = self.mind();
            mind.states.extend(state_of(link));
            mind.slips.pop_front()
        };
        self.chance.pause(3_000, 90_000).await;
        let (said, wrong) = match slip {
            Some(Slip::Never) => return (None, Some(LoginCategory::MfaFailed)),
            Some(Slip::Denies) => (venue.deny(link), Some(LoginCategory::Forbidden)),
            Some(Slip::WrongState) => {
                let other = with_other(link, "state");
                (venue.approve(&other), Some(LoginCategory::MfaFailed))
            }
            Some(Slip::Foreign) => (venue.approve(&with_other(link, "code_challenge")), None),
            _ => (venue.approve(link), None),
        };
        match slip {
            Some(Slip::Late) => self.chance.pause(31_000, 90_000).await,
            Some(Slip::Used) => venue.use_up(),
            _ => self.chance.pause(500, 15_000).await,
        }
        let brought = said.ok();
        if wrong.is_none() && self.chance.hits(3) {
            let code = brought.and_then(|address| field(&address, "code").map(str::to_owned));
            return (code, wrong);
        }
        (brought, wrong)
    }

    fn mind(&self) -> MutexGuard<'_, Mind> {
        self.mind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The person in front of a terminal.
pub(super) struct AtTerminal {
    pub(super) person: Person,
    pub(super) machine: usize,
    pub(super) clock: Wrong,
}

impl mfa::Person for AtTerminal {
    fn code<'a>(&'a mut self, challenge: &'a Challenge, until: Micros) -> CodeFuture<'a> {
        Box::pin(async move {
            let AnyVenue::OAuth(venue) = &self.person.venue else {
                return None;
            };
            let link = challenge.link.as_deref()?;
            let (brought, wrong) = self.person.opens(venue, link).await;
            if brought.is_none() {
                let left = until.since(self.clock.now()).max(0).unsigned_abs();
                sleep(Duration::from_micros(left)).await;
            }
            self.person.logbook.note(Entry::Brought {
                machine: self.machine,
                at: self.clock.true_now(),
                truth: wrong,
            });
            brought.map(Code::new)
        })
    }

    fn approve(&mut self, _: &Challenge, _: Micros) {
        self.person.goes_to_the_page();
    }
}

fn state_of(link: &str) -> Option<String> {
    field(link, "state").map(str::to_owned)
}

/// As it stands there.
fn field<'a>(address: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = address.split_once('?')?;
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// The link of a login that is not ours.
fn with_other(link: &str, name: &str) -> String {
    let own = field(link, name).unwrap_or_default();
    link.replace(&format!("{name}={own}"), &format!("{name}={OTHER}"))
}
