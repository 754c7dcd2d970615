//! Each counter is shown to find what it is there for, planted into a run that is otherwise clean.

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol, output_id};
use tapeline_model::records::{
    AccountEvent, AccountEventKind, AccountMatter, Alert, Fill, FillKind, Grade, GuardState,
    LimitAction, Outcome, Quote, Severity, Side, Verdict,
};
use tapeline_processors::market::Market;
use tapeline_processors::risk::Risk;

use super::*;
use crate::chaos::pipeline::feed::{Fed, id_of};
use crate::chaos::pipeline::segments::Fate;

const TIME: Micros = Micros(1_795_251_600_000_000);

fn fill(number: u32) -> Event<'static> {
    Event::Fill(Fill {
        kind: FillKind::Fill,
        exec_id: ExecId::new(format!("f{number}")),
        ref_exec_id: None,
        order_id: OrderId::new("o"),
        portfolio: PortfolioId::new("p"),
        account: AccountId::new("a"),
        symbol: Symbol::new("S"),
        side: Side::Buy,
        price: "10".parse().unwrap(),
        quantity: format!("{number}.5").parse().unwrap(),
        fee: None,
        currency: "USD".to_owned(),
        fees: None,
        voided_quantity: None,
        strategy: None,
        event_time: TIME,
        ingest_time: TIME,
        source: "test".to_owned(),
    })
}

fn deposit(number: u32) -> Event<'static> {
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

fn quote(number: u32) -> Event<'static> {
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
struct Run(Observed);

impl Run {
    fn clean() -> Self {
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

    fn feed(&mut self, processor: &mut dyn Processor, event: &Event<'_>) -> Vec<Event<'static>> {
        let fed = Fed {
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

    fn put_all(&mut self, events: Vec<Event<'static>>, mut reader: Option<&mut Risk>) {
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
    fn put(&mut self, event: &Event<'_>) -> i64 {
        let topic = event.topic();
        let fates = self.0.fates.entry((topic, 0)).or_default();
        let offset = fates.end;
        fates.of.insert(offset, Fate::Committed);
        // A marker lies between two records.
        fates.end += 2;
        let mut value = Vec::new();
        event.encode(&mut value).unwrap();
        let seen = Seen {
            partition: 0,
            offset,
            value,
        };
        self.0.topics.entry(topic).or_default().push(seen);
        self.0.rows.entry(topic).or_default().insert((0, offset), 1);
        offset
    }

    fn topic(&mut self, topic: Topic) -> &mut Vec<Seen> {
        self.0.topics.get_mut(&topic).unwrap()
    }

    /// Takes a record out of a topic as if it had never been written.
    fn remove(&mut self, topic: Topic, index: usize) {
        let seen = self.topic(topic).remove(index);
        self.0.rows.get_mut(&topic).unwrap().remove(&seen.place());
        let fates = self.0.fates.get_mut(&(topic, 0)).unwrap();
        fates.of.remove(&seen.offset);
    }

    /// Writes a record of a topic once more, at its end.
    fn repeat(&mut self, topic: Topic, index: usize) {
        let value = self.topic(topic)[index].value.clone();
        let event = Event::decode(topic, Some(&value)).unwrap();
        self.put(&event);
    }

    /// Two records trade their places.
    fn swap(&mut self, topic: Topic, index: usize) {
        let all = self.topic(topic);
        let value = std::mem::take(&mut all[index].value);
        all[index].value = std::mem::replace(&mut all[index + 1].value, value);
    }

    /// Counts in the order lost, duplicated, reordered, aborted visible, diverged.
    #[track_caller]
    fn finds(&self, expected: [u64; 5]) {
        let found = check(&self.0);
        let counts = [
            found.lost,
            found.duplicated,
            found.reordered,
            found.aborted_visible,
            found.diverged,
        ];
        assert_eq!(counts, expected, "{:#?}", found.notes);
        let total: u64 = counts.iter().sum();
        assert_eq!(found.notes.is_empty(), total == 0, "each is told in words");
    }
}

#[test]
fn a_clean_run_has_no_findings() {
    Run::clean().finds([0; 5]);
}

#[test]
fn an_acknowledged_record_that_kafka_does_not_hold_is_lost() {
    let mut run = Run::clean();
    let fed = Fed {
        id: "f99".to_owned(),
        acknowledged: true,
    };
    run.0.fed.get_mut(&Topic::BrokerFills).unwrap().push(fed);
    run.finds([1, 0, 0, 0, 0]);
    let all = run.0.fed.get_mut(&Topic::BrokerFills).unwrap();
    all.last_mut().unwrap().acknowledged = false;
    run.finds([0; 5]);
}

#[test]
fn a_fill_without_its_position_is_lost() {
    let mut run = Run::clean();
    run.remove(Topic::RiskPositions, 2);
    run.finds([1, 0, 0, 0, 0]);
}

#[test]
fn a_position_written_twice_is_a_duplicate() {
    let mut run = Run::clean();
    run.repeat(Topic::RiskPositions, 1);
    run.finds([0, 1, 0, 0, 0]);
}

#[test]
fn an_input_written_twice_is_a_duplicate() {
    let mut run = Run::clean();
    run.repeat(Topic::BrokerFills, 4);
    // The replay takes the second for a repeated report, so it has no position of its own.
    let found = check(&run.0);
    assert_eq!(found.duplicated, 1, "{:#?}", found.notes);
}

#[test]
fn positions_that_traded_places_are_reordered() {
    let mut run = Run::clean();
    run.swap(Topic::RiskPositions, 2);
    run.finds([0, 0, 1, 0, 0]);
}

#[test]
fn inputs_that_traded_places_are_reordered() {
    let mut run = Run::clean();
    run.swap(Topic::MarketQuotes, 2);
    let found = check(&run.0);
    assert_eq!(found.reordered, 1, "{:#?}", found.notes);
}

#[test]
fn a_fill_counted_twice_or_not_at_all_is_told_by_the_quantity() {
    for (times, expected) in [(1, [0, 1, 0, 0, 0]), (-1, [1, 0, 0, 0, 0])] {
        let mut run = Run::clean();
        // Fill 2 has the quantity 2.5: all positions from the third on are off by it.
        for index in 2..5 {
            let seen = &mut run.topic(Topic::RiskPositions)[index];
            let value = seen.value.clone();
            let Event::Position(mut position) =
                Event::decode(Topic::RiskPositions, Some(&value)).unwrap()
            else {
                panic!("no position");
            };
            let off = tapeline_model::money::Quantity::from_raw(times * 250_000_000).unwrap();
            position.quantity = position.quantity.checked_add(off).unwrap();
            Event::Position(position).encode(&mut seen.value).unwrap();
        }
        run.finds(expected);
    }
}

#[test]
fn a_position_caused_by_no_fill_is_foreign() {
    let mut run = Run::clean();
    let value = run.topic(Topic::RiskPositions)[4].value.clone();
    let Event::Position(mut position) = Event::decode(Topic::RiskPositions, Some(&value)).unwrap()
    else {
        panic!("no position");
    };
    position.cause_offset = 4711;
    run.put(&Event::Position(position));
    run.finds([0, 0, 0, 1, 0]);
}

#[test]
fn an_aborted_record_that_is_read_is_visible_and_a_committed_one_that_is_not_is_lost() {
    for fate in [Fate::Aborted, Fate::Open] {
        let mut run = Run::clean();
        let fates = run.0.fates.get_mut(&(Topic::RiskEquity, 0)).unwrap();
        fates.of.insert(2, fate);
        run.finds([0, 0, 0, 1, 0]);
    }
    let mut run = Run::clean();
    let fates = run.0.fates.get_mut(&(Topic::RiskEquity, 0)).unwrap();
    fates.of.insert(1_000, Fate::Committed);
    run.finds([1, 0, 0, 0, 0]);
}

#[test]
fn rows_are_counted_one_by_one() {
    let mut run = Run::clean();
    let rows = run.0.rows.get_mut(&Topic::BrokerFills).unwrap();
    rows.remove(&(0, 0));
    rows.insert((0, 2), 3);
    rows.insert((0, 1_000), 1);
    run.finds([1, 2, 0, 1, 0]);
}

#[test]
fn quotes_that_no_mark_counts_are_lost_and_a_mark_too_many_is_a_duplicate() {
    let mut run = Run::clean();
    run.remove(Topic::MarketMarks, 4);
    // Without the last mark the equity at the end is also another one.
    let found = check(&run.0);
    assert_eq!((found.lost, found.duplicated), (1, 0), "{:#?}", found.notes);
    let mut run = Run::clean();
    run.repeat(Topic::MarketMarks, 4);
    run.finds([0, 1, 0, 0, 0]);
}

#[test]
fn money_that_was_moved_twice_or_not_at_all_is_told_by_the_sum() {
    // The last deposit's equity is the last: without it the cash is one deposit short.
    let mut run = Run::clean();
    run.remove(Topic::RiskEquity, 9);
    run.finds([1, 0, 0, 0, 0]);
    // One deposit less in the topic: the pipeline counted one that is not there.
    let mut run = Run::clean();
    run.0.fed.get_mut(&Topic::BrokerAccounts).unwrap().pop();
    run.remove(Topic::BrokerAccounts, 4);
    let found = check(&run.0);
    assert_eq!((found.lost, found.duplicated), (0, 1), "{:#?}", found.notes);
}

#[test]
fn a_position_with_another_content_diverges() {
    let mut run = Run::clean();
    let seen = &mut run.topic(Topic::RiskPositions)[3];
    let value = seen.value.clone();
    let Event::Position(mut position) = Event::decode(Topic::RiskPositions, Some(&value)).unwrap()
    else {
        panic!("no position");
    };
    position.unknown_fees += 1;
    Event::Position(position).encode(&mut seen.value).unwrap();
    run.finds([0, 0, 0, 0, 1]);
}

/// A breach and its end, with their alerts, as risk writes them.
fn with_verdicts() -> Run {
    let mut run = Run::clean();
    for (number, outcome) in [(1, Outcome::Breach), (2, Outcome::Pass)] {
        let id = output_id("market.marks", 0, number, "verdict", 0);
        run.put(&Event::Verdict(Verdict {
            verdict_id: id,
            portfolio: PortfolioId::new("p"),
            rule: "max_drawdown".to_owned(),
            mode: String::new(),
            reason: String::new(),
            outcome,
            value: "1".parse().unwrap(),
            limit: "1".parse().unwrap(),
            distance: "0".parse().unwrap(),
            cause_topic: "market.marks".to_owned(),
            cause_partition: 0,
            cause_offset: number as i64,
            config_hash: String::new(),
            grade: Grade::Breach,
            scope: String::new(),
            action: LimitAction::None,
            guard: GuardState::Active,
            unit: String::new(),
            request_id: None,
            message: String::new(),
            marks: Vec::new(),
            limit_version: 0,
            limit_author: String::new(),
            limit_name: String::new(),
            group: String::new(),
            author: String::new(),
            overrides: Vec::new(),
            event_time: TIME,
            ingest_time: TIME,
            source: "risk".to_owned(),
        }));
        run.put(&alert("risk", "max_drawdown", number));
    }
    // Another processor's alert has no verdict, and one about an input has none.
    run.put(&alert("market", "max_drawdown", 3));
    run.put(&alert("risk", "hanging_transaction", 4));
    run
}

fn alert(source: &str, rule: &str, number: u64) -> Event<'static> {
    Event::Alert(Alert {
        alert_id: output_id("market.marks", 0, number, "alert", 0),
        key: "p/max_drawdown".to_owned(),
        subject: "p".to_owned(),
        rule: rule.to_owned(),
        severity: Severity::Warning,
        message: String::new(),
        value: None,
        limit: None,
        procedure: String::new(),
        cause_topic: "market.marks".to_owned(),
        cause_partition: 0,
        cause_offset: number as i64,
        event_time: TIME,
        ingest_time: TIME,
        source: source.to_owned(),
    })
}

#[test]
fn each_verdict_has_its_alert_in_the_same_order() {
    with_verdicts().finds([0; 5]);
    let mut run = with_verdicts();
    run.remove(Topic::Alerts, 0);
    run.finds([1, 0, 0, 0, 0]);
    let mut run = with_verdicts();
    run.swap(Topic::Alerts, 0);
    run.finds([0, 0, 1, 0, 0]);
    let mut run = with_verdicts();
    run.repeat(Topic::Alerts, 1);
    run.finds([0, 1, 0, 0, 0]);
    let mut run = with_verdicts();
    run.remove(Topic::RiskVerdicts, 1);
    run.finds([1, 0, 0, 0, 0]);
}
