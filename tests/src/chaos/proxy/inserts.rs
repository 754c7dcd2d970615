//! What a proxy before the store sees of inserts, and does to them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What can be done to the next insert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    /// The store takes it, and its answer does not arrive.
    LoseAnswer,
    /// The connection ends in the middle of its rows.
    CutRequest,
    /// The store takes it, and its answer comes late.
    SlowAnswer,
}

/// What was seen since the start.
#[derive(Default)]
pub(crate) struct Inserts {
    in_flight: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    /// Refused since the disk is full.
    without_space: AtomicU64,
    armed: [AtomicU64; 3],
    done: [AtomicU64; 3],
    late_by_ms: AtomicU64,
    spoils: AtomicBool,
    spoilt: AtomicU64,
}

/// What to do with a piece that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceAction {
    Pass,
    PassAfter(Duration),
    /// So many bytes go through, and both sides are closed.
    CutAfter(usize),
}

const FULL: [&str; 3] = [
    "No space left on device",
    "NOT_ENOUGH_SPACE",
    "X-ClickHouse-Exception-Code: 243",
];

impl Inserts {
    /// Sent, and not answered yet.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }

    pub(crate) fn without_space(&self) -> u64 {
        self.without_space.load(Ordering::SeqCst)
    }

    /// Does this to the next insert that it can be done to.
    pub(crate) fn arm(&self, harm: Harm) {
        self.armed[harm as usize].fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn disarm(&self, harm: Harm) {
        self.armed[harm as usize].store(0, Ordering::SeqCst);
    }

    /// How often it was done.
    pub(crate) fn done(&self, harm: Harm) -> u64 {
        self.done[harm as usize].load(Ordering::SeqCst)
    }

    /// Answers that come late do so by this.
    pub(crate) fn late_by(&self, late: Duration) {
        let late = late.as_millis() as u64;
        self.late_by_ms.store(late, Ordering::SeqCst);
    }

    /// Gives each insert a token of its own, as a sink would whose ranges are never the same, and
    /// tells whoever looks for rows of a range that there are none.
    pub(crate) fn spoil_retries(&self, on: bool) {
        self.spoils.store(on, Ordering::SeqCst);
    }

    /// Whether it is to be done now; then it counts as done.
    fn takes(&self, harm: Harm) -> bool {
        let armed = &self.armed[harm as usize];
        let taken = armed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
        if taken.is_ok() {
            self.done[harm as usize].fetch_add(1, Ordering::SeqCst);
        }
        taken.is_ok()
    }
}

/// The inserts of one connection, which come one after the other.
pub(super) struct Conversation<'a> {
    inserts: &'a Inserts,
    inserting: AtomicBool,
    cutting: AtomicBool,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(inserts: &'a Inserts) -> Self {
        Self {
            inserts,
            inserting: AtomicBool::new(false),
            cutting: AtomicBool::new(false),
        }
    }

    pub(super) fn client_sends(&self, piece: &mut [u8]) -> PieceAction {
        let begins = is_insert(piece);
        let spoils = self.inserts.spoils.load(Ordering::SeqCst);
        if spoils && !begins {
            blind(piece);
        }
        if begins {
            if spoils {
                let number = self.inserts.spoilt.fetch_add(1, Ordering::SeqCst);
                spoil(piece, number);
            }
            if !self.inserting.swap(true, Ordering::SeqCst) {
                self.inserts.in_flight.fetch_add(1, Ordering::SeqCst);
            }
            let cuts = self.inserts.takes(Harm::CutRequest);
            self.cutting.store(cuts, Ordering::SeqCst);
        }
        if !self.cutting.load(Ordering::SeqCst) {
            return PieceAction::Pass;
        }
        let rows_at = if begins { head(piece).len() } else { 0 };
        match piece.len() - rows_at {
            0 => PieceAction::Pass,
            rows => PieceAction::CutAfter(rows_at + rows / 2),
        }
    }

    pub(super) fn server_sends(&self, piece: &[u8]) -> PieceAction {
        if !self.answered() {
            return PieceAction::Pass;
        }
        let inserts = self.inserts;
        if !piece.starts_with(b"HTTP/1.1 200") {
            inserts.refused.fetch_add(1, Ordering::SeqCst);
            let said = String::from_utf8_lossy(piece);
            if FULL.iter().any(|words| said.contains(words)) {
                inserts.without_space.fetch_add(1, Ordering::SeqCst);
            }
            return PieceAction::Pass;
        }
        inserts.accepted.fetch_add(1, Ordering::SeqCst);
        if inserts.takes(Harm::LoseAnswer) {
            return PieceAction::CutAfter(0);
        }
        if inserts.takes(Harm::SlowAnswer) {
            let late = inserts.late_by_ms.load(Ordering::SeqCst);
            return PieceAction::PassAfter(Duration::from_millis(late));
        }
        PieceAction::Pass
    }

    /// True if an insert was under way, which is not any more.
    fn answered(&self) -> bool {
        let inserting = self.inserting.swap(false, Ordering::SeqCst);
        if inserting {
            self.inserts.in_flight.fetch_sub(1, Ordering::SeqCst);
        }
        inserting
    }
}

impl Drop for Conversation<'_> {
    fn drop(&mut self) {
        self.answered();
    }
}

/// A request up to its body.
fn head(piece: &[u8]) -> &[u8] {
    let end = piece.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(piece, |end| &piece[..end + 4])
}

/// Whether a piece begins a request that inserts rows: its query is in the URL.
fn is_insert(piece: &[u8]) -> bool {
    let line = first_line(piece);
    if !line.starts_with(b"POST ") {
        return false;
    }
    let line = String::from_utf8_lossy(line).to_ascii_uppercase();
    ["INSERT%20INTO", "INSERT+INTO"]
        .iter()
        .any(|word| line.contains(word))
}

fn first_line(piece: &[u8]) -> &[u8] {
    let line = piece.split(|byte| *byte == b'\r').next();
    line.unwrap_or_default()
}

/// Writes a number over the begin of the token.
fn spoil(piece: &mut [u8], number: u64) {
    const NAME: &[u8] = b"insert_deduplication_token=";
    let line = first_line(piece);
    let found = line.windows(NAME.len()).position(|name| name == NAME);
    let Some(at) = found.map(|at| at + NAME.len()) else {
        return;
    };
    let digits = format!("{number:06}");
    if let Some(token) = piece.get_mut(at..at + digits.len()) {
        token.copy_from_slice(digits.as_bytes());
    }
}

/// Leaves the sink's look at the rows of a range without any, in as many bytes.
fn blind(piece: &mut [u8]) {
    const LOOK: &[u8] = b"SELECT DISTINCT _offset";
    const END: &[u8] = b"ORDER BY offset";
    let find = |what: &[u8]| piece.windows(what.len()).position(|found| found == what);
    if let (Some(_), Some(at)) = (find(LOOK), find(END)) {
        piece[at..at + END.len()].copy_from_slice(b"LIMIT 0        ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSERT: &[u8] = b"POST /?query=INSERT+INTO+fills&insert_deduplication_token=broker.fills%3A0%3A1-2 HTTP/1.1\r\nA: b\r\n\r\n";

    #[test]
    fn an_insert_is_in_flight_until_it_is_answered_or_its_connection_ends() {
        let inserts = Inserts::default();
        let talk = Conversation::new(&inserts);
        talk.client_sends(&mut b"POST /?query=SELECT+1 HTTP/1.1\r\n\r\n".to_vec());
        assert_eq!(inserts.in_flight(), 0);
        talk.client_sends(&mut INSERT.to_vec());
        assert_eq!(inserts.in_flight(), 1);
        talk.server_sends(b"HTTP/1.1 500 \r\nX-ClickHouse-Exception-Code: 243\r\n\r\n");
        assert_eq!((inserts.in_flight(), inserts.refused()), (0, 1));
        assert_eq!((inserts.without_space(), inserts.accepted()), (1, 0));
        talk.client_sends(&mut INSERT.to_vec());
        drop(talk);
        assert_eq!(inserts.in_flight(), 0);
    }

    #[test]
    fn a_request_is_cut_within_its_rows() {
        let inserts = Inserts::default();
        let talk = Conversation::new(&inserts);
        inserts.arm(Harm::CutRequest);
        assert_eq!(talk.client_sends(&mut INSERT.to_vec()), PieceAction::Pass);
        assert_eq!(talk.client_sends(&mut [0; 100]), PieceAction::CutAfter(50));
        let at_once = [INSERT, &[0; 8]].concat();
        inserts.arm(Harm::CutRequest);
        let cut = Conversation::new(&inserts).client_sends(&mut at_once.clone());
        assert_eq!(cut, PieceAction::CutAfter(INSERT.len() + 4));
        assert_eq!(inserts.done(Harm::CutRequest), 2);
    }

    #[test]
    fn an_answer_is_late_by_what_was_asked_for() {
        let inserts = Inserts::default();
        let talk = Conversation::new(&inserts);
        inserts.late_by(Duration::from_secs(3));
        inserts.arm(Harm::SlowAnswer);
        talk.client_sends(&mut INSERT.to_vec());
        let late = talk.server_sends(b"HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(late, PieceAction::PassAfter(Duration::from_secs(3)));
    }

    #[test]
    fn spoilt_tokens_are_all_different_and_as_long_as_before() {
        let inserts = Inserts::default();
        inserts.spoil_retries(true);
        let talk = Conversation::new(&inserts);
        let (mut first, mut second) = (INSERT.to_vec(), INSERT.to_vec());
        talk.client_sends(&mut first);
        talk.client_sends(&mut second);
        assert_ne!(first, second);
        assert_eq!(first.len(), INSERT.len());
        assert!(String::from_utf8(second).unwrap().contains("token=000001"));
        let mut look =
            b"SELECT DISTINCT _offset AS offset FROM t ORDER BY offset FORMAT X".to_vec();
        talk.client_sends(&mut look);
        let look = String::from_utf8(look).unwrap();
        assert!(look.ends_with("FROM t LIMIT 0         FORMAT X"), "{look}");
    }
}
