//! In place of a telephone and a mailbox: what a venue sends arrives there after a while.

use std::sync::Arc;
use std::time::Duration;

use tapeline_auth::Challenge;
use tapeline_auth::mfa::{Code, CodeFuture, Person};
use tapeline_model::Micros;
use tapeline_simulators::OnCode;
use tokio::sync::watch;

/// As long as a message may take that comes soon.
const ARRIVES_AFTER: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(super) struct Telephone {
    newest: watch::Receiver<Option<String>>,
}

impl Telephone {
    /// With where a venue hands in what it sends.
    pub(super) fn pair() -> (Self, OnCode) {
        let (sender, newest) = watch::channel(None);
        let on_code: OnCode = Arc::new(move |_, code| {
            sender.send_replace(Some(code.to_owned()));
        });
        (Self { newest }, on_code)
    }
}

impl Person for Telephone {
    fn code<'a>(&'a mut self, _challenge: &'a Challenge, _until: Micros) -> CodeFuture<'a> {
        Box::pin(async {
            tokio::time::sleep(ARRIVES_AFTER).await;
            self.newest.borrow().clone().map(Code::new)
        })
    }

    /// The venue says by itself that somebody did.
    fn approve(&mut self, _challenge: &Challenge, _until: Micros) {}
}
