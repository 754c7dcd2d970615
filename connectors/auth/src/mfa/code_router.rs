//! The messages of one account on their way to whoever waits for a code.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::select_all;
use tapeline_model::Micros;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::code::Code;
use super::inbox::{Inbox, Message, MessageOutcome, Pending};

/// One account's messages. Clones share them.
#[derive(Clone, Default)]
pub struct CodeRouter {
    shared: Arc<Shared>,
}

/// The accounts that share a telephone number or a mailbox. Each has senders of its own, so a code
/// fits one of them.
#[derive(Debug, Clone, Default)]
pub struct CodeRouters(Vec<CodeRouter>);

#[derive(Default)]
struct Shared {
    /// One waits at a time.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    /// Since when a code is wanted.
    wanted: watch::Sender<Option<Micros>>,
}

#[derive(Default)]
struct State {
    inbox: Inbox,
    waits: Option<oneshot::Sender<Code>>,
}

impl CodeRouter {
    /// A code goes to whoever waits for it.
    pub fn take(&self, message: Message) -> MessageOutcome {
        let mut state = self.state();
        let taken = state.inbox.take(message);
        if let MessageOutcome::Code(code) = &taken
            && let Some(waits) = state.waits.take()
        {
            let _nobody_waits = waits.send(code.clone());
            self.shared.wanted.send_replace(None);
        }
        taken
    }

    /// The code for this challenge; None when it is over. Dropped, it ends the challenge.
    pub async fn code(&self, pending: Pending) -> Option<Code> {
        let micros = pending.until.since(pending.asked).max(0).unsigned_abs();
        let waiting = timeout(Duration::from_micros(micros), self.wait(pending));
        waiting.await.ok().flatten()
    }

    async fn wait(&self, pending: Pending) -> Option<Code> {
        let _turn = self.shared.turn.lock().await;
        let _open = Open(self);
        let told = {
            let mut state = self.state();
            let asked = pending.asked;
            if let Some(code) = state.inbox.expect(pending) {
                return Some(code);
            }
            let (waits, told) = oneshot::channel();
            state.waits = Some(waits);
            self.shared.wanted.send_replace(Some(asked));
            told
        };
        told.await.ok()
    }

    /// Since when a code is wanted, if one is.
    pub fn since(&self) -> Option<Micros> {
        *self.shared.wanted.borrow()
    }

    /// Waits until a code is wanted, and says since when.
    pub async fn wanted(&self) -> Micros {
        let mut wanted = self.shared.wanted.subscribe();
        loop {
            if let Some(since) = *wanted.borrow_and_update() {
                return since;
            }
            // Its sender lives as long as this.
            let _changed = wanted.changed().await;
        }
    }

    /// Waits until none is wanted.
    pub async fn settled(&self) {
        let mut wanted = self.shared.wanted.subscribe();
        while wanted.borrow_and_update().is_some() {
            let _changed = wanted.changed().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CodeRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeRouter")
            .field("since", &self.since())
            .finish_non_exhaustive()
    }
}

/// A challenge that ends with whoever waits.
struct Open<'a>(&'a CodeRouter);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.inbox.close();
        state.waits = None;
        self.0.shared.wanted.send_replace(None);
    }
}

impl CodeRouters {
    pub fn new(code_routers: impl IntoIterator<Item = CodeRouter>) -> Self {
        Self(code_routers.into_iter().collect())
    }

    pub fn add(&mut self, code_router: CodeRouter) {
        self.0.push(code_router);
    }

    /// What became of it at the account that it came closest to.
    pub fn take(&self, message: &Message) -> MessageOutcome {
        let mut closest = MessageOutcome::Stranger;
        for code_router in &self.0 {
            let taken = code_router.take(message.clone());
            if closeness(&taken) > closeness(&closest) {
                closest = taken;
            }
            if matches!(closest, MessageOutcome::Code(_)) {
                break;
            }
        }
        closest
    }

    /// Since when the first of them wants a code.
    pub fn since(&self) -> Option<Micros> {
        self.0.iter().filter_map(CodeRouter::since).min()
    }

    /// Since when the last of them wants a code.
    pub fn newest(&self) -> Option<Micros> {
        self.0.iter().filter_map(CodeRouter::since).max()
    }

    /// Waits until one of them wants a code, and says since when.
    pub async fn wanted(&self) -> Micros {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let waiting = self
            .0
            .iter()
            .map(|code_router| Box::pin(code_router.wanted()));
        select_all(waiting).await.0
    }

    /// Waits until none of them wants any.
    pub async fn settled(&self) {
        while self.since().is_some() {
            for code_router in &self.0 {
                code_router.settled().await;
            }
        }
    }
}

fn closeness(taken: &MessageOutcome) -> u8 {
    match taken {
        MessageOutcome::Code(_) => 7,
        MessageOutcome::Ambiguous => 6,
        MessageOutcome::Foreign => 5,
        MessageOutcome::NoCode => 4,
        MessageOutcome::OutOfTime => 3,
        MessageOutcome::Waits => 2,
        MessageOutcome::Repeated => 1,
        MessageOutcome::Stranger => 0,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::mfa::Expected;

    fn message(id: &str, received: i64, text: &str) -> Message {
        Message {
            id: id.to_owned(),
            sender: "+100".to_owned(),
            received: Micros(received),
            text: text.to_owned(),
        }
    }

    /// Open for a minute.
    fn pending(asked: i64, sender: &str) -> Pending {
        Pending {
            asked: Micros(asked),
            until: Micros(asked + 60_000_000),
            senders: vec![sender.to_owned()],
            expected: Expected::of("broker.example"),
        }
    }

    fn waiting(code_router: &CodeRouter, asked: i64) -> tokio::task::JoinHandle<Option<Code>> {
        let code_router = code_router.clone();
        tokio::spawn(async move { code_router.code(pending(asked, "+100")).await })
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_handed_the_code_once() {
        let code_router = CodeRouter::default();
        let first = waiting(&code_router, 10);
        assert_eq!(code_router.wanted().await, Micros(10));
        assert_eq!(
            code_router.take(message("w", 20, "hello")),
            MessageOutcome::NoCode
        );
        let taken = code_router.take(message("m", 20, "code 123456"));
        assert_eq!(taken, MessageOutcome::Code(Code::new("123456")));
        assert_eq!(code_router.since(), None, "nobody looks for it any more");
        assert_eq!(first.await.unwrap(), Some(Code::new("123456")));
        assert_eq!(
            code_router.take(message("m", 20, "code 123456")),
            MessageOutcome::Repeated,
            "a code is given once"
        );
        assert!(
            !format!(
                "{code_router:?} {:?}",
                CodeRouters::new([code_router.clone()])
            )
            .contains("123456")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_code_that_came_before_its_challenge_was_told_is_found() {
        let code_router = CodeRouter::default();
        assert_eq!(
            code_router.take(message("old", 5, "code 111111")),
            MessageOutcome::Waits
        );
        assert_eq!(
            code_router.take(message("new", 11, "code 222222")),
            MessageOutcome::Waits
        );
        let code = code_router.code(pending(10, "+100")).await;
        assert_eq!(code, Some(Code::new("222222")));
        assert_eq!(code_router.since(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_challenge_ends_by_its_time_and_with_whoever_waits() {
        let code_router = CodeRouter::default();
        let began = Instant::now();
        assert_eq!(code_router.code(pending(10, "+100")).await, None);
        assert_eq!(began.elapsed(), Duration::from_secs(60));

        let dropped = waiting(&code_router, 100);
        code_router.wanted().await;
        dropped.abort();
        code_router.settled().await;
        let late = code_router.take(message("late", 101, "code 123456"));
        assert_eq!(late, MessageOutcome::Waits, "no challenge is open");
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_waits_for_the_first_to_end() {
        let code_router = CodeRouter::default();
        let first = waiting(&code_router, 10);
        code_router.wanted().await;
        let second = waiting(&code_router, 1000);
        tokio::task::yield_now().await;
        code_router.take(message("a", 20, "code 111111"));
        assert_eq!(first.await.unwrap(), Some(Code::new("111111")));
        assert_eq!(code_router.wanted().await, Micros(1000));
        code_router.take(message("b", 1001, "code 222222"));
        assert_eq!(second.await.unwrap(), Some(Code::new("222222")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_number_of_several_accounts_serves_the_one_whose_sender_it_is() {
        let (one, other) = (CodeRouter::default(), CodeRouter::default());
        let code_routers = CodeRouters::new([one.clone(), other.clone()]);
        let first = tokio::spawn(async move { one.code(pending(10, "+999")).await });
        let second = waiting(&other, 5);
        other.wanted().await;
        code_routers.wanted().await;
        while code_routers.since() != Some(Micros(5)) {
            tokio::task::yield_now().await;
        }
        let taken = code_routers.take(&message("m", 20, "code 123456"));
        assert_eq!(taken, MessageOutcome::Code(Code::new("123456")));
        assert_eq!(second.await.unwrap(), Some(Code::new("123456")));
        assert_eq!(
            code_routers.since(),
            Some(Micros(10)),
            "the other still waits"
        );
        assert_eq!(first.await.unwrap(), None);
        code_routers.settled().await;
    }
}
