//! Mails: to the mailbox that the processes of both machines follow.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tapeline_auth::mfa::CodeRouters;
use tapeline_auth::mfa::mail::{Arrival, Trust};
use tapeline_model::Micros;

use super::carrier::{Guise, Piece};
use super::clock::{Time, Wrong};
use super::shared_random::SharedRandom;

pub(super) const SENDER: &str = "codes@alpha.example";
const STRANGER: &str = "codes@elsewhere.example";
/// Who signs what it found out about a sender.
const SERVER: &str = "mx.mine.example";
/// A mailbox is looked at so often while a code is wanted, in milliseconds.
const LOOKED_AT_EVERY: u64 = 5_000;

#[derive(Clone)]
pub(super) struct Mailbox {
    time: Time,
    chance: SharedRandom,
    trust: Trust,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    mail: u32,
    /// Whoever follows the mailbox on each machine, by that one's clock.
    followers: [Option<(CodeRouters, Wrong)>; 2],
}

impl Mailbox {
    /// What is believed of a mail, where nothing is broken.
    pub(super) fn trust() -> Trust {
        Trust {
            server: Some(SERVER.to_owned()),
            is_demanded: true,
        }
    }

    pub(super) fn new(time: &Time, chance: SharedRandom, trust: Trust) -> Self {
        Self {
            time: time.clone(),
            chance,
            trust,
            state: Arc::default(),
        }
    }

    pub(super) fn follow(&self, machine: usize, follower: Option<(CodeRouters, Wrong)>) {
        self.state().followers[machine] = follower;
    }

    pub(super) async fn deliver(&self, piece: &Piece) {
        for _ in 0..piece.times {
            let second = self.time.now().div_euclid(1_000_000);
            self.chance.pause(0, LOOKED_AT_EVERY).await;
            let (number, followers) = {
                let mut state = self.state();
                state.mail += 1;
                (state.mail, state.followers.clone())
            };
            let bytes = written(piece);
            for (code_routers, clock) in followers.iter().flatten() {
                let now = clock.now();
                let arrival = Arrival {
                    id: format!("codes {number}"),
                    bytes: &bytes,
                    second,
                    not_before: Some(Micros(now.0 - LOOKED_AT_EVERY as i64 * 1000)),
                    now,
                };
                arrival.hand_over(&self.trust, code_routers);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As the own mail server has it.
fn written(piece: &Piece) -> Vec<u8> {
    let from = if piece.is_from_venue() {
        SENDER
    } else {
        STRANGER
    };
    let found = if piece.is_genuine() { "pass" } else { "fail" };
    let domain = from.rsplit('@').next().unwrap_or_default();
    let mut head = format!(
        "Authentication-Results: {SERVER}; dkim={found} header.d={domain}\n\
         From: Alpha <{from}>\nSubject: your code\nMIME-Version: 1.0\n"
    );
    if piece.guise == Guise::TwoSenders {
        head = format!("{head}From: Alpha <{STRANGER}>\n");
    }
    let (kind, body) = if piece.guise == Guise::Html {
        let body = format!(
            "<html><style>b {{ width: 4321px }}</style><p>{}</p>",
            piece.text
        );
        ("html", body)
    } else {
        ("plain", piece.text.clone())
    };
    let mail = format!("{head}Content-Type: text/{kind}; charset=utf-8\n\n{body}\n");
    mail.replace('\n', "\r\n").into_bytes()
}
