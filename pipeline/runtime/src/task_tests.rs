//! A log in memory takes what tasks write; crashes happen between any two
//! transactions; the oracle is one task that never crashed.

use proptest::prelude::*;
use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_model::records::{Mark, Quote};
use tapeline_processors::ledger::Currency;
use tapeline_processors::market::Market;
use tapeline_processors::risk::{Risk, RiskSettings};

use super::*;

type Bytes = Vec<u8>;

/// What one transaction wrote.
#[derive(Debug, Default, Clone, PartialEq)]
struct Transaction {
    outputs: Vec<(Topic, String, Bytes)>,
    changelog: Vec<(Bytes, Option<Bytes>)>,
}

fn seal(task: &mut Task, now: Micros) -> Transaction {
    let mut transaction = Transaction::default();
    task.seal(now, |write| {
        match write {
            Write::Output {
                topic, key, value, ..
            } => {
                transaction
                    .outputs
                    .push((topic, key.to_owned(), value.to_vec()));
            }
            Write::Journal { .. } | Write::Snapshot { .. } => {}
            Write::State { key, value } => {
                transaction
                    .changelog
                    .push((key.to_vec(), value.map(<[u8]>::to_vec)));
            }
        }
        Ok::<(), TaskError>(())
    })
    .unwrap();
    transaction
}

fn market() -> Task {
    Task::new(Box::new(Market::default()), SnapshotPolicy::default())
}

fn restored(mut task: Task, log: &[Transaction]) -> Task {
    for (key, value) in log.iter().flat_map(|t| &t.changelog) {
        task.restore(key, value.as_deref()).unwrap();
    }
    task.restored().unwrap();
    task
}

fn quote(symbol: &str, cents: i64, time: i64) -> Bytes {
    let quote = Event::Quote(Quote {
        symbol: symbol.to_owned().into(),
        venue: "XNAS".into(),
        seq: time,
        bid_price: cents.to_string().parse().unwrap(),
        ask_price: (cents + 1).to_string().parse().unwrap(),
        bid_size: "1".parse().unwrap(),
        ask_size: "1".parse().unwrap(),
        event_time: Micros(time),
        ingest_time: Micros(time),
        source: "test".into(),
    });
    let mut bytes = Vec::new();
    quote.encode(&mut bytes).unwrap();
    bytes
}

fn at(offset: u64) -> Origin {
    Origin {
        topic: Topic::MarketQuotes,
        partition: 2,
        offset,
    }
}

fn take(task: &mut Task, offset: u64, value: &[u8]) -> Result<Micros, Refusal> {
    let record = InputRecord {
        key: Some(b"key"),
        value: Some(value),
    };
    task.process(at(offset), record, Micros(1_000 + offset as i64))
}

#[test]
fn progress_comes_last_and_says_what_comes_next() {
    let mut task = market();
    take(&mut task, 7, &quote("A", 10, 1)).unwrap();
    assert!(task.is_dirty() && !task.is_urgent());
    let transaction = seal(&mut task, Micros(5));
    assert!(!task.is_dirty());
    assert_eq!(transaction.outputs.len(), 1);
    assert_eq!(transaction.changelog.last().unwrap().0, b"progress");
    let copy = restored(market(), &[transaction]);
    assert_eq!(copy.next_offset(Topic::MarketQuotes, 2), Some(8));
    assert_eq!(copy.next_offset(Topic::MarketQuotes, 1), None);
}

#[test]
fn a_refused_record_becomes_a_dead_letter_with_its_bytes_and_the_rest_flows_on() {
    let mut task = market();
    take(&mut task, 0, &quote("A", 10, 1)).unwrap();
    assert!(take(&mut task, 1, b"garbage").is_err());
    take(&mut task, 2, &quote("A", 12, 2)).unwrap();
    let transaction = seal(&mut task, Micros(5));
    let (topic, key, value) = &transaction.outputs[0];
    assert_eq!(
        (*topic, key.as_str()),
        (Topic::DeadLetters, "market.quotes")
    );
    let Event::DeadLetter(letter) = Event::decode(*topic, Some(value)).unwrap() else {
        panic!("no letter");
    };
    assert_eq!(letter.value.as_deref(), Some(&b"garbage"[..]));
    assert_eq!(letter.key.as_deref(), Some(&b"key"[..]));
    assert_eq!((letter.partition, letter.offset), (2, 1));
    assert_eq!(letter.reason, "NOT_FRAMED");
    let Event::Mark(Mark { price, quotes, .. }) =
        Event::decode(Topic::MarketMarks, Some(&transaction.outputs[1].2)).unwrap()
    else {
        panic!("no mark");
    };
    assert_eq!((price.to_string().as_str(), quotes), ("12.5", 2));
    assert_eq!(task.next_offset(Topic::MarketQuotes, 2), Some(3));
}

#[test]
fn whoever_takes_over_from_another_release_writes_a_snapshot_first() {
    let mut before = market();
    take(&mut before, 0, &quote("A", 10, 1)).unwrap();
    let mut log = vec![seal(&mut before, Micros(5))];
    let snapshots = |task: &mut Task, offset| {
        take(task, offset, &quote("A", 11, offset as i64)).unwrap();
        let mut count = 0;
        let journal = task.seal(Micros(6), |write| {
            count += usize::from(matches!(write, Write::Snapshot { .. }));
            Ok::<(), TaskError>(())
        });
        (count, journal.unwrap().logic)
    };
    let mut same = restored(market(), &log);
    assert_eq!(snapshots(&mut same, 1), (0, LOGIC.to_owned()));

    let progress = log[0].changelog.last_mut().unwrap();
    let mut record: Progress = codec::decode(progress.1.as_deref().unwrap()).unwrap();
    record.logic = "another".to_owned();
    codec::encode(&record, progress.1.as_mut().unwrap()).unwrap();
    let mut successor = restored(market(), &log);
    // The mark of A, and the record that closes the snapshot.
    assert_eq!(snapshots(&mut successor, 1), (2, LOGIC.to_owned()));
    assert_eq!(snapshots(&mut successor, 2).0, 0, "once");
}

#[test]
fn a_parked_record_becomes_a_dead_letter_and_an_alert_and_is_never_processed() {
    let mut task = market();
    let value = quote("A", 10, 1);
    let record = InputRecord {
        key: None,
        value: Some(&value),
    };
    task.park(at(4), record, Micros(9));
    assert!(task.is_urgent());
    assert_eq!(task.next_offset(Topic::MarketQuotes, 2), Some(5));
    let transaction = seal(&mut task, Micros(9));
    let topics: Vec<Topic> = transaction
        .outputs
        .iter()
        .map(|(topic, _, _)| *topic)
        .collect();
    assert_eq!(topics, [Topic::DeadLetters, Topic::Alerts], "and no mark");
    let Event::DeadLetter(letter) =
        Event::decode(Topic::DeadLetters, Some(&transaction.outputs[0].2)).unwrap()
    else {
        panic!("no letter");
    };
    assert_eq!((letter.reason.as_str(), letter.offset), ("PANICKED", 4));
    assert_eq!(letter.value, Some(value));
}

#[test]
fn a_changelog_of_a_newer_release_is_refused_by_name() {
    let error = market().restore(b"bars\0A", Some(b"x")).unwrap_err();
    assert!(error.to_string().contains("bars"), "{error}");
    assert!(market().restore(b"???", None).is_err());
    assert!(market().restore(b"progress", Some(b"x")).is_err());
    let settings = RiskSettings {
        accounts: [(AccountId::new("a"), PortfolioId::new("p"))].into(),
        ..RiskSettings::new(Currency::USD)
    };
    let risk = Task::new(Box::new(Risk::new(settings)), SnapshotPolicy::default());
    assert_eq!(risk.next_offset(Topic::BrokerFills, 0), None);
}

proptest! {
    /// Wherever it is cut into transactions and wherever it crashes, the task
    /// ends with the marks of one that read everything at once.
    #[test]
    fn crashes_and_commits_anywhere_leave_the_same_state(
        prices in prop::collection::vec((0..4usize, 1i64..1000), 1..60),
        cuts in prop::collection::vec(any::<bool>(), 60),
        crashes in prop::collection::vec(any::<bool>(), 60),
    ) {
        let symbols = ["A", "B", "C", "D"];
        let inputs: Vec<Bytes> = prices
            .iter()
            .enumerate()
            .map(|(n, (s, cents))| quote(symbols[*s], *cents, n as i64))
            .collect();

        let mut oracle = market();
        for (offset, value) in inputs.iter().enumerate() {
            take(&mut oracle, offset as u64, value).unwrap();
        }
        let expected = last_values(&[seal(&mut oracle, Micros(0))]);

        let mut log = Vec::new();
        let mut task = market();
        let mut offset = 0;
        let mut step = 0;
        while offset < inputs.len() {
            take(&mut task, offset as u64, &inputs[offset]).unwrap();
            offset += 1;
            // A crash loses what was not committed; reading goes on from the log.
            if crashes.get(step).copied().unwrap_or(false) {
                task = restored(market(), &log);
                offset = task.next_offset(Topic::MarketQuotes, 2).unwrap_or(0) as usize;
            } else if cuts.get(step).copied().unwrap_or(true) {
                log.push(seal(&mut task, Micros(0)));
            }
            step += 1;
        }
        log.push(seal(&mut task, Micros(0)));
        prop_assert_eq!(last_values(&log), expected);
    }
}

/// The newest value of each state key, as compaction would leave it.
fn last_values(log: &[Transaction]) -> BTreeMap<Bytes, Option<Bytes>> {
    log.iter()
        .flat_map(|t| t.changelog.iter().cloned())
        .filter(|(key, _)| key != b"progress")
        .collect()
}
