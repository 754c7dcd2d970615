//! Messages that may hold a code, and the one challenge they may be for.

use std::collections::VecDeque;

use tapeline_model::Micros;

use super::code::{Code, CodeSearch, Expected, find};

/// How many messages are known again. A sender's retries come within minutes.
const REMEMBERED: usize = 1024;
/// How many may wait for a challenge that is just being told.
const WAITING: usize = 16;

/// A text message or a mail, after it is known to come from where it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The same for a repetition of the same message.
    pub id: String,
    pub sender: String,
    pub received: Micros,
    pub text: String,
}

/// The challenge that waits for a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// What came before was for another challenge.
    pub asked: Micros,
    pub until: Micros,
    pub senders: Vec<String>,
    pub expected: Expected,
}

/// What became of a message. Only `Code` holds something secret, and does not show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageOutcome {
    Code(Code),
    /// Kept for a moment: the challenge may not have been told yet.
    Waits,
    Repeated,
    /// From a sender that is not listed.
    Stranger,
    /// Older than the challenge, or later than its end.
    OutOfTime,
    Foreign,
    Ambiguous,
    NoCode,
}

/// One account's: a code goes to one challenge, once.
#[derive(Default)]
pub struct Inbox {
    seen: VecDeque<String>,
    waiting: VecDeque<Message>,
    pending: Option<Pending>,
}

impl Inbox {
    /// A challenge begins; a message that came just before may be for it.
    pub fn expect(&mut self, pending: Pending) -> Option<Code> {
        self.pending = Some(pending);
        let waiting = std::mem::take(&mut self.waiting);
        let mut codes = waiting
            .into_iter()
            .filter_map(|message| match self.look(&message) {
                MessageOutcome::Code(code) => Some(code),
                _ => None,
            });
        codes.next()
    }

    /// The challenge is over, whatever came of it.
    pub fn close(&mut self) {
        self.pending = None;
        self.waiting.clear();
    }

    pub fn take(&mut self, message: Message) -> MessageOutcome {
        if self.seen.contains(&message.id) {
            return MessageOutcome::Repeated;
        }
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(message.id.clone());
        if self.pending.is_none() {
            if self.waiting.len() == WAITING {
                self.waiting.pop_front();
            }
            self.waiting.push_back(message);
            return MessageOutcome::Waits;
        }
        self.look(&message)
    }

    fn look(&mut self, message: &Message) -> MessageOutcome {
        let Some(pending) = &self.pending else {
            return MessageOutcome::OutOfTime;
        };
        if !pending.senders.contains(&message.sender) {
            return MessageOutcome::Stranger;
        }
        if message.received < pending.asked || message.received > pending.until {
            return MessageOutcome::OutOfTime;
        }
        match find(&message.text, &pending.expected) {
            CodeSearch::Code(code) => {
                self.pending = None;
                MessageOutcome::Code(code)
            }
            CodeSearch::Nothing => MessageOutcome::NoCode,
            CodeSearch::Foreign => MessageOutcome::Foreign,
            CodeSearch::Ambiguous => MessageOutcome::Ambiguous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, received: i64, text: &str) -> Message {
        Message {
            id: id.to_owned(),
            sender: "+100".to_owned(),
            received: Micros(received),
            text: text.to_owned(),
        }
    }

    fn pending(asked: i64) -> Pending {
        Pending {
            asked: Micros(asked),
            until: Micros(asked + 100),
            senders: vec!["+100".to_owned()],
            expected: Expected::of("broker.example"),
        }
    }

    #[test]
    fn a_code_is_handed_over_once() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.expect(pending(10)), None);
        let code = message("m1", 20, "code 123456");
        assert_eq!(
            inbox.take(code.clone()),
            MessageOutcome::Code(Code::new("123456"))
        );
        assert_eq!(inbox.take(code), MessageOutcome::Repeated);
        let second = message("m2", 21, "code 222222");
        assert_eq!(
            inbox.take(second),
            MessageOutcome::Waits,
            "the challenge has its code"
        );
    }

    #[test]
    fn what_came_before_the_challenge_is_not_for_it() {
        let mut inbox = Inbox::default();
        assert_eq!(
            inbox.take(message("old", 5, "code 111111")),
            MessageOutcome::Waits
        );
        assert_eq!(
            inbox.take(message("new", 11, "code 222222")),
            MessageOutcome::Waits
        );
        assert_eq!(inbox.expect(pending(10)), Some(Code::new("222222")));
        inbox.close();
        inbox.expect(pending(30));
        assert_eq!(
            inbox.take(message("early", 29, "code 1234")),
            MessageOutcome::OutOfTime
        );
        assert_eq!(
            inbox.take(message("late", 131, "code 1234")),
            MessageOutcome::OutOfTime
        );
    }

    #[test]
    fn strangers_forgeries_and_riddles_give_no_code() {
        let mut inbox = Inbox::default();
        inbox.expect(pending(10));
        let mut stranger = message("s", 20, "code 123456");
        stranger.sender = "+666".to_owned();
        assert_eq!(inbox.take(stranger), MessageOutcome::Stranger);
        let two = message("two", 20, "code 123456 or code 654321");
        assert_eq!(inbox.take(two), MessageOutcome::Ambiguous);
        let foreign = message("f", 20, "code 1\n@evil.example #123456");
        assert_eq!(inbox.take(foreign), MessageOutcome::Foreign);
        assert_eq!(
            inbox.take(message("n", 20, "hello")),
            MessageOutcome::NoCode
        );
        assert_eq!(
            inbox.take(message("y", 21, "code 77 88 4711")),
            MessageOutcome::Code(Code::new("4711"))
        );
    }

    #[test]
    fn nothing_piles_up() {
        let mut inbox = Inbox::default();
        for n in 0..5_000 {
            inbox.take(message(&n.to_string(), n, "code 123456"));
        }
        assert_eq!(
            (inbox.seen.len(), inbox.waiting.len()),
            (REMEMBERED, WAITING)
        );
    }
}
