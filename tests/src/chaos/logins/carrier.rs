//! Brings the codes that a venue sends, with all that can happen to a message on its way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tapeline_simulators::CodeChannel;
use tokio::runtime::Handle;

use super::mail::Mailbox;
use super::shared_random::SharedRandom;
use super::sms::Sms;

pub(super) const HOST: &str = "alpha.example";

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
    /// With one before it that its sender did not sign.
    Forged,
    /// With two codes in it.
    Riddle,
    /// A mail that is a page.
    Html,
    /// With a mail before it that names two senders.
    TwoSenders,
}

/// A message on its way.
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) guise: Guise,
    pub(super) times: u32,
}

/// How a message comes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guise {
    Plain,
    Html,
    /// From somebody else, who says so.
    Stranger,
    /// As from the venue.
    Forged,
    TwoSenders,
}

#[derive(Clone)]
pub(super) struct Carrier {
    pub(super) texts: Sms,
    pub(super) mail: Mailbox,
    chance: SharedRandom,
    mishaps: Arc<Mutex<VecDeque<Mishap>>>,
    /// Codes that nobody may send to the venue.
    baits: Arc<Mutex<Vec<String>>>,
}

impl Carrier {
    pub(super) fn new(texts: Sms, mail: Mailbox, chance: SharedRandom) -> Self {
        Self {
            texts,
            mail,
            chance,
            mishaps: Arc::default(),
            baits: Arc::default(),
        }
    }

    pub(super) fn inject(&self, mishap: Mishap) {
        lock(&self.mishaps).push_back(mishap);
    }

    /// What was to befall further messages does not.
    pub(super) fn calm(&self) {
        lock(&self.mishaps).clear();
    }

    pub(super) fn baits(&self) -> Vec<String> {
        lock(&self.baits).clone()
    }

    /// A venue sends a code; it arrives some seconds later, or does not.
    pub(super) fn send(&self, by: CodeChannel, code: &str) {
        let (carrier, code) = (self.clone(), code.to_owned());
        let mishap = lock(&self.mishaps).pop_front();
        if let Ok(world) = Handle::try_current() {
            world.spawn(async move { carrier.bring(by, &code, mishap).await });
        }
    }

    async fn bring(&self, by: CodeChannel, code: &str, mishap: Option<Mishap>) {
        self.chance.pause(500, 8_000).await;
        if mishap == Some(Mishap::Late) {
            self.chance.pause(90_000, 400_000).await;
        }
        for piece in self.pieces(code, mishap) {
            match by {
                CodeChannel::Sms => self.texts.deliver(&piece).await,
                CodeChannel::Email => self.mail.deliver(&piece).await,
            }
        }
    }

    /// What arrives, in its order.
    fn pieces(&self, code: &str, mishap: Option<Mishap>) -> Vec<Piece> {
        let own = Piece::own(code);
        match mishap {
            None | Some(Mishap::Late) => vec![own],
            Some(Mishap::Lost) => Vec::new(),
            Some(Mishap::Twice) => vec![Piece { times: 2, ..own }],
            Some(Mishap::Wrong) => vec![Piece::own(&self.digits())],
            Some(Mishap::Html) => vec![own.dressed(Guise::Html)],
            Some(Mishap::Foreign) => {
                let other = self.bait();
                let stranger = Piece::own(&other).dressed(Guise::Stranger);
                let bound = Piece {
                    text: format!("A code.\n@elsewhere.example #{other}"),
                    ..Piece::own(&other)
                };
                vec![stranger, bound, own]
            }
            Some(Mishap::Forged) => {
                let forged = Piece::own(&self.bait()).dressed(Guise::Forged);
                vec![forged, own]
            }
            Some(Mishap::TwoSenders) => {
                let forged = Piece::own(&self.bait()).dressed(Guise::TwoSenders);
                vec![forged, own]
            }
            Some(Mishap::Riddle) => {
                lock(&self.baits).push(code.to_owned());
                let text = format!("Your code is {code}, or is it {}?", self.bait());
                vec![Piece { text, ..own }]
            }
        }
    }

    fn bait(&self) -> String {
        let digits = self.digits();
        lock(&self.baits).push(digits.clone());
        digits
    }

    fn digits(&self) -> String {
        format!("{:06}", self.chance.between(0, 999_999))
    }
}

impl Piece {
    fn own(code: &str) -> Self {
        Self {
            text: format!("Your alpha code is {code}."),
            guise: Guise::Plain,
            times: 1,
        }
    }

    fn dressed(self, guise: Guise) -> Self {
        Self { guise, ..self }
    }

    pub(super) fn is_genuine(&self) -> bool {
        self.guise != Guise::Forged
    }

    pub(super) fn is_from_venue(&self) -> bool {
        self.guise != Guise::Stranger
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
