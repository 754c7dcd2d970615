use std::sync::atomic::{AtomicU64, Ordering};

use tapeline_model::Event;
use tokio::sync::mpsc;

/// What a connector hands over: an event and its place in the connector's own
/// sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    pub seq: u64,
    pub event: Event<'static>,
}

/// The bounded way out of a connector.
#[derive(Debug)]
pub struct Feed {
    sender: mpsc::Sender<Outgoing>,
    last: AtomicU64,
}

/// The pipeline's end of a [`Feed`].
#[derive(Debug)]
pub struct FeedReceiver(mpsc::Receiver<Outgoing>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    #[error("the pipeline takes no more records: stop the connector")]
    Closed,
    /// The publisher would take it for a repetition and drop it: a silent loss.
    #[error("sequence number {seq} came after {last}: number the records upwards from 1")]
    NotIncreasing { seq: u64, last: u64 },
}

impl Feed {
    /// A feed that holds at most `capacity` records (at least one).
    pub fn channel(capacity: usize) -> (Self, FeedReceiver) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let last = AtomicU64::new(0);
        (Self { sender, last }, FeedReceiver(receiver))
    }

    /// Waits while the pipeline is behind. Dropped while it waits, it has handed
    /// nothing over.
    pub async fn publish(&self, seq: u64, event: Event<'static>) -> Result<(), FeedError> {
        let place = self.sender.reserve().await;
        let place = place.map_err(|_| FeedError::Closed)?;
        let last = self.last.fetch_max(seq, Ordering::Relaxed);
        if seq <= last {
            return Err(FeedError::NotIncreasing { seq, last });
        }
        place.send(Outgoing { seq, event });
        Ok(())
    }
}

impl FeedReceiver {
    /// Waits for at least one record and appends up to `limit` of them to `out`;
    /// 0 when the connector has ended and nothing is left.
    pub async fn next_many(&mut self, out: &mut Vec<Outgoing>, limit: usize) -> usize {
        self.0.recv_many(out, limit.max(1)).await
    }

    /// The same for a thread of its own, outside of any runtime.
    pub fn blocking_next_many(&mut self, out: &mut Vec<Outgoing>, limit: usize) -> usize {
        self.0.blocking_recv_many(out, limit.max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tapeline_model::Micros;
    use tapeline_model::ids::{AccountId, PortfolioId};
    use tapeline_model::money::Money;
    use tapeline_model::records::{AccountEvent, AccountEventKind, AccountMatter};
    use tokio::time::timeout;

    use super::*;

    fn event() -> Event<'static> {
        Event::Account(AccountEvent {
            event_id: "1".into(),
            portfolio: PortfolioId::new("p"),
            account: AccountId::new("a"),
            kind: AccountEventKind::Deposit,
            amount: Money::ZERO,
            currency: "USD".into(),
            matter: AccountMatter::Cash,
            symbol: None,
            quantity: None,
            price: None,
            ratio_new: None,
            ratio_old: None,
            event_time: Micros(0),
            ingest_time: Micros(0),
            source: "test".into(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_feed_makes_the_connector_wait() {
        let (feed, mut receiver) = Feed::channel(2);
        feed.publish(1, event()).await.unwrap();
        feed.publish(2, event()).await.unwrap();
        let waiting = timeout(Duration::from_secs(1), feed.publish(3, event()));
        assert!(waiting.await.is_err(), "no room, so it waits");

        let mut out = Vec::new();
        assert_eq!(receiver.next_many(&mut out, 10).await, 2);
        feed.publish(3, event()).await.unwrap();
        drop(feed);
        assert_eq!(receiver.next_many(&mut out, 10).await, 1);
        assert_eq!(receiver.next_many(&mut out, 10).await, 0, "ended");
        assert_eq!(out.iter().map(|o| o.seq).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_number_that_does_not_rise_is_refused() {
        let (feed, _receiver) = Feed::channel(4);
        feed.publish(5, event()).await.unwrap();
        let refused = feed.publish(5, event()).await.unwrap_err();
        assert_eq!(refused, FeedError::NotIncreasing { seq: 5, last: 5 });
        assert_eq!(feed.publish(6, event()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_closed_pipeline_is_told() {
        let (feed, receiver) = Feed::channel(1);
        drop(receiver);
        assert_eq!(feed.publish(1, event()).await, Err(FeedError::Closed));
    }
}
