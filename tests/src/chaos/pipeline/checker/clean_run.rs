//! A run in which nothing went wrong, made by hand, to plant faults into.

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, OrderId, PortfolioId};
use tapeline_model::records::{AccountEvent, AccountEventKind, AccountMatter, Fill, Quote};
use tapeline_processors::market::Market;
use tapeline_processors::risk::Risk;

use super::*;
use crate::chaos::pipeline::feed::{FedRecord, id_of};
use crate::chaos::pipeline::segments::OffsetState;
use crate::samples;

pub(super) const TIME: Micros = Micros(1_795_251_600_000_000);

pub(super) fn fill(number: u32) -> Event<'static> {
    let holder = (AccountId::new("a"), PortfolioId::new("p"));
    Event::Fill(Fill {
        order_id: OrderId::new("o"),
        price: "10".parse().unwrap(),
        quantity: format!("{number}.5").parse().unwrap(),
        ..samples::fill(&format!("f{number}"), holder, "S", TIME, "test")
    })
}

pub(super) fn deposit(number: u32) -> Event<'static> {
    Event::Account(AccountEvent {
        event_id: format!("m{number}"),
        portfolio: PortfolioId::new("p"),
        account: AccountId::new("a"),
        kind: AccountEventKind::Deposit,
        amount: format!("{number}").parse().unwrap(),
        currency: "USD".to_owned(),
        matter: AccountMatter::Cash,
        symbol: None,
        quantity: None,
        price: None,
        ratio_new: None,
        ratio_old: None,
        event_time: TIME,
        ingest_time: TIME,
        source: "test".to_owned(),
    })
}

pub(super) fn quote(number: u32) -> Event<'static> {
    Event::Quote(Quote {
        symbol: "S".into(),
        venue: "V".into(),
        seq: number.into(),
        bid_price: format!("{number}").parse().unwrap(),
        ask_price: format!("{number}.5").parse().unwrap(),
        bid_size: "1".parse().unwrap(),
        ask_size: "1".parse().unwrap(),
        event_time: Micros(TIME.0 + i64::from(number)),
        ingest_time: TIME,
        source: "test".into(),
    })
}

/// A run in which nothing went wrong: what the pipeline leaves, each record in its table.
pub(super) struct Run(pub(super) Observed);

impl Run {
    pub(super) fn clean() -> Self {
        let accounts = BTreeMap::from([(AccountId::new("a"), PortfolioId::new("p"))]);
        let mut run = Self(Observed {
            accounts,
            ..Observed::default()
        });
        let mut market = Market::default();
        let mut risk = Risk::new(oracle_settings(&run.0));
        for number in 1..=5 {
            let made = run.feed(&mut market, &quote(number));
            assert!(made.is_empty());
            run.put_all(outputs(&mut market, None), Some(&mut risk));
            for event in [fill(number), deposit(number)] {
                let made = run.feed(&mut risk, &event);
                run.put_all(made, None);
                run.put_all(outputs(&mut risk, None), None);
            }
        }
        run
    }

    pub(super) fn feed(
        &mut self,
        processor: &mut dyn Processor,
        event: &Event<'_>,
    ) -> Vec<Event<'static>> {
        let fed = FedRecord {
            id: id_of(event).unwrap(),
            acknowledged: true,
        };
        self.0.fed.entry(event.topic()).or_default().push(fed);
        let offset = self.put(event);
        let origin = Origin {
            topic: event.topic(),
            partition: 0,
            offset: offset as u64,
        };
        outputs(processor, Some((origin, event)))
    }

    pub(super) fn put_all(&mut self, events: Vec<Event<'static>>, mut reader: Option<&mut Risk>) {
        for event in events {
            let offset = self.put(&event);
            let origin = Origin {
                topic: event.topic(),
                partition: 0,
                offset: offset as u64,
            };
            if let Some(risk) = reader.as_deref_mut() {
                outputs(risk, Some((origin, &event)));
            }
        }
    }

    /// Adds a committed record and its row.
    pub(super) fn put(&mut self, event: &Event<'_>) -> i64 {
        let mut value = Vec::new();
        event.encode(&mut value).unwrap();
        self.put_value(event.topic(), value)
    }

    pub(super) fn put_value(&mut self, topic: Topic, value: Vec<u8>) -> i64 {
        let states = self.0.states.entry((topic, 0)).or_default();
        let offset = states.end;
        states.of.insert(offset, OffsetState::Committed);
        // A marker lies between two records.
        states.end += 2;
        let seen = CommittedRecord {
            partition: 0,
            offset,
            value,
        };
        self.0.topics.entry(topic).or_default().push(seen);
        self.0.rows.entry(topic).or_default().insert((0, offset), 1);
        offset
    }

    pub(super) fn topic(&mut self, topic: Topic) -> &mut Vec<CommittedRecord> {
        self.0.topics.get_mut(&topic).unwrap()
    }

    /// Takes a record out of a topic as if it had never been written.
    pub(super) fn remove(&mut self, topic: Topic, index: usize) {
        let seen = self.topic(topic).remove(index);
        self.0.rows.get_mut(&topic).unwrap().remove(&seen.place());
        let states = self.0.states.get_mut(&(topic, 0)).unwrap();
        states.of.remove(&seen.offset);
    }

    /// Writes a record of a topic once more, at its end.
    pub(super) fn repeat(&mut self, topic: Topic, index: usize) {
        let value = self.topic(topic)[index].value.clone();
        let event = Event::decode(topic, Some(&value)).unwrap();
        self.put(&event);
    }

    /// Two records trade their places.
    pub(super) fn swap(&mut self, topic: Topic, index: usize) {
        let all = self.topic(topic);
        let value = std::mem::take(&mut all[index].value);
        all[index].value = std::mem::replace(&mut all[index + 1].value, value);
    }

    /// Counts in the order lost, duplicated, reordered, aborted visible, diverged.
    #[track_caller]
    pub(super) fn finds(&self, expected: [u64; 5]) {
        let found = check(&self.0);
        let counts = [
            found.lost,
            found.duplicated,
            found.reordered,
            found.aborted_visible,
            found.diverged,
        ];
        assert_eq!(counts, expected, "{:#?}", found.notes);
        assert_eq!(found.never_ended, 0, "{:#?}", found.notes);
        let total: u64 = counts.iter().sum();
        assert_eq!(found.notes.is_empty(), total == 0, "each is told in words");
    }
}
