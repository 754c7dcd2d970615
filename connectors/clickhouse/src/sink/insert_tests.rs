use std::sync::mpsc::{Receiver, channel};

use tapeline_kafka::KafkaSettings;

use super::super::assembler::{Assembler, Limits};
use super::*;
use crate::rows;
use crate::testing::{FakeStore, Reply};

const TOPIC: Topic = Topic::MarketQuotes;
const LANE: LaneId = LaneId {
    topic: TOPIC,
    partition: 2,
};
const INSERT: &str = "INSERT INTO quotes";
const HELD: &str = "SELECT DISTINCT _offset";

/// Rows of offsets 10, 11 and 12, each a byte that is its offset.
fn work(careful: bool) -> Work {
    let limits = Limits {
        rows: 3,
        bytes: 1 << 20,
        age: Duration::ZERO,
        total_bytes: 1 << 20,
    };
    let mut assembler = Assembler::new(limits);
    let epoch = assembler.gain(LANE, Some(10), None);
    assembler.checked(LANE, epoch, careful.then_some(10));
    for offset in 10..13u8 {
        assembler.push(LANE, offset.into(), Duration::ZERO, |out| {
            out.push(offset);
            Ok(())
        });
    }
    let due = assembler.due(Duration::ZERO, false);
    assembler.begin(&due).remove(0)
}

fn inserter(store: Store) -> (Inserter, Receiver<Outcome>) {
    let (outcomes, received) = channel();
    let kafka = KafkaSettings {
        topic_prefix: "t1.".to_owned(),
        ..KafkaSettings::default()
    };
    let progress = SinkProgress::default();
    let inserter = Inserter {
        store,
        names: kafka.names(),
        suffix: "",
        permits: Arc::new(Semaphore::new(1)),
        gate: Gate::new(progress.clone()),
        progress,
        outcomes,
    };
    (inserter, received)
}

async fn run(fake: &FakeStore, work: Work) -> (Outcome, SinkProgress) {
    let (inserter, received) = inserter(fake.store());
    let progress = inserter.progress.clone();
    inserter.insert(work).await;
    (received.recv().unwrap(), progress)
}

fn rows_of(request: &crate::testing::Request) -> Vec<u8> {
    request
        .data
        .strip_prefix(rows::header(TOPIC))
        .unwrap()
        .to_vec()
}

fn stored_offsets(offsets: &[u64]) -> Reply {
    let rows: Vec<[u8; 8]> = offsets.iter().map(|offset| offset.to_le_bytes()).collect();
    Reply::table(
        &[("offset", "UInt64")],
        &rows.iter().map(<[u8; 8]>::as_slice).collect::<Vec<_>>(),
    )
}

#[tokio::test]
async fn an_insert_carries_its_token_and_what_keeps_it_one_block() {
    let fake = FakeStore::start().await;
    let (outcome, progress) = run(&fake, work(false)).await;
    assert!(
        matches!(outcome, Outcome::Inserted { lane: LANE, .. }),
        "{outcome:?}"
    );
    assert_eq!(
        (progress.rows(TOPIC), progress.ranges(), progress.retries()),
        (3, 1, 0)
    );
    let requests = fake.requests(INSERT);
    assert_eq!(requests.len(), 1);
    let request = &requests[0];
    assert_eq!(rows_of(request), [10, 11, 12]);
    for (name, value) in [
        ("insert_deduplication_token", "t1.market.quotes:2:10-12"),
        ("async_insert", "0"),
        ("max_block_size", "1000000"),
        ("max_insert_block_size", "1000000"),
        ("min_insert_block_size_rows", "1000000"),
        ("min_insert_block_size_bytes", "0"),
        ("database", "tapeline"),
    ] {
        assert_eq!(request.setting(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_after_the_insert_is_asked_for_again_with_the_same_token() {
    let fake = FakeStore::start().await;
    fake.reply(INSERT, [Reply::Vanish, Reply::Vanish]);
    // It is asked before each retry; that nothing is there may only mean: not yet.
    fake.reply(
        HELD,
        [
            stored_offsets(&[]),
            stored_offsets(&[]),
            stored_offsets(&[10, 11, 12]),
        ],
    );
    let (outcome, progress) = run(&fake, work(false)).await;
    assert!(matches!(outcome, Outcome::Inserted { .. }), "{outcome:?}");
    assert_eq!(
        (progress.rows(TOPIC), progress.retries(), progress.failing()),
        (3, 2, None)
    );
    let requests = fake.requests(INSERT);
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(
            request.setting("insert_deduplication_token"),
            Some("t1.market.quotes:2:10-12")
        );
        assert_eq!(rows_of(request), [10, 11, 12]);
    }
}

#[tokio::test]
async fn rows_that_a_killed_store_forgot_are_sent_again_under_another_token() {
    let fake = FakeStore::start().await;
    fake.reply(INSERT, [Reply::Vanish]);
    // It says yes each time, and has none, then one row, then two, then all.
    let seen: [&[u64]; 6] = [&[], &[10], &[10], &[10, 12], &[10, 12], &[10, 11, 12]];
    fake.reply(HELD, seen.map(stored_offsets));
    let (outcome, progress) = run(&fake, work(false)).await;
    assert!(matches!(outcome, Outcome::Inserted { .. }), "{outcome:?}");
    assert_eq!(progress.rows(TOPIC), 3);
    let inserts = fake.requests(INSERT);
    let sent: Vec<(Vec<u8>, Option<&str>)> = inserts
        .iter()
        .map(|request| {
            let token = request.setting("insert_deduplication_token");
            (rows_of(request), token)
        })
        .collect();
    let first = Some("t1.market.quotes:2:10-12");
    assert_eq!(
        sent[..2],
        [(vec![10, 11, 12], first), (vec![10, 11, 12], first)]
    );
    assert_eq!(sent[2], (vec![11, 12], Some("t1.market.quotes:2:10-12/2")));
    assert_eq!(sent[3], (vec![11], Some("t1.market.quotes:2:10-12/3")));
    assert_eq!(sent.len(), 4);
}

#[tokio::test]
async fn rows_that_are_never_kept_are_not_sent_for_ever() {
    let fake = FakeStore::start().await;
    fake.reply(INSERT, [Reply::Vanish]);
    fake.reply(
        HELD,
        (0..20).map(|_| stored_offsets(&[])).collect::<Vec<_>>(),
    );
    let (outcome, _) = run(&fake, work(false)).await;
    assert!(matches!(outcome, Outcome::Inserted { .. }), "{outcome:?}");
    assert_eq!(fake.requests(INSERT).len(), 1 + TURNS as usize);
}

#[tokio::test]
async fn a_store_that_is_full_or_busy_is_waited_for_and_nothing_is_dropped() {
    let fake = FakeStore::start().await;
    fake.reply(
        INSERT,
        [Reply::Code(243), Reply::Code(252), Reply::Code(241)],
    );
    let nothing_yet = (0..3).map(|_| stored_offsets(&[]));
    fake.reply(HELD, nothing_yet.chain([stored_offsets(&[10, 11, 12])]));
    let (outcome, progress) = run(&fake, work(false)).await;
    assert!(matches!(outcome, Outcome::Inserted { .. }), "{outcome:?}");
    assert_eq!((progress.rows(TOPIC), progress.retries()), (3, 3));
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_not_waited_for_for_ever() {
    let fake = FakeStore::start().await;
    fake.reply(INSERT, [Reply::Hang]);
    fake.reply(HELD, [stored_offsets(&[]), stored_offsets(&[10, 11, 12])]);
    let mut settings = fake.settings();
    settings.insert_timeout = Duration::from_millis(200);
    let (inserter, received) = inserter(Store::connect(&settings).unwrap());
    inserter.insert(work(false)).await;
    assert!(matches!(received.recv().unwrap(), Outcome::Inserted { .. }));
    assert_eq!(fake.requests(INSERT).len(), 2);
}

#[tokio::test]
async fn what_waiting_cannot_mend_is_told_at_once() {
    for code in [60, 117, 516] {
        let fake = FakeStore::start().await;
        fake.reply(INSERT, [Reply::Code(code)]);
        let (outcome, _) = run(&fake, work(false)).await;
        let Outcome::Failed(error) = outcome else {
            panic!("{code}: {outcome:?}")
        };
        assert!(!error.retryable(), "{error}");
        assert_eq!(fake.requests(INSERT).len(), 1, "{error}");
    }
}

#[tokio::test]
async fn with_care_only_what_the_store_does_not_hold_is_sent() {
    let fake = FakeStore::start().await;
    fake.reply(
        HELD,
        [stored_offsets(&[10, 12]), stored_offsets(&[10, 11, 12])],
    );
    let (outcome, progress) = run(&fake, work(true)).await;
    assert!(matches!(outcome, Outcome::Inserted { .. }), "{outcome:?}");
    assert_eq!(progress.rows(TOPIC), 1);
    let asked = fake.requests(HELD);
    assert!(
        asked[0]
            .sql
            .contains("FROM quotes WHERE _partition = 2 AND _offset BETWEEN 10 AND 12"),
        "{}",
        asked[0].sql
    );
    let inserts = fake.requests(INSERT);
    assert_eq!(rows_of(&inserts[0]), [11]);
    assert_eq!(
        inserts[0].setting("insert_deduplication_token"),
        Some("t1.market.quotes:2:10-12")
    );
}

#[tokio::test]
async fn with_care_a_range_that_is_there_is_not_sent_at_all() {
    let fake = FakeStore::start().await;
    fake.reply(HELD, [stored_offsets(&[10, 11, 12])]);
    let (outcome, progress) = run(&fake, work(true)).await;
    assert!(matches!(outcome, Outcome::Inserted { .. }), "{outcome:?}");
    assert_eq!((progress.rows(TOPIC), fake.requests(INSERT).len()), (0, 0));
}

#[tokio::test]
async fn the_check_tells_each_partition_how_far_the_store_is_once_it_answers() {
    let fake = FakeStore::start().await;
    let columns = [("partition", "UInt32"), ("reaches", "UInt64")];
    let row = [&1u32.to_le_bytes()[..], &99u64.to_le_bytes()].concat();
    fake.reply(
        "max(_offset)",
        [Reply::Vanish, Reply::table(&columns, &[&row])],
    );
    let (inserter, received) = inserter(fake.store());
    inserter.check(TOPIC, vec![(0, 7), (1, 8)]).await;
    let mut outcomes: Vec<(u32, u64, Option<u64>)> = received
        .try_iter()
        .map(|outcome| match outcome {
            Outcome::Checked {
                lane,
                epoch,
                reaches,
            } => (lane.partition, epoch, reaches),
            other => panic!("{other:?}"),
        })
        .collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, [(0, 7, None), (1, 8, Some(99))]);
}

#[tokio::test]
async fn rows_that_are_there_after_a_lost_answer_are_not_sent_again() {
    let fake = FakeStore::start().await;
    fake.reply(INSERT, [Reply::Vanish]);
    fake.reply(HELD, [stored_offsets(&[10, 11, 12])]);
    let (outcome, _) = run(&fake, work(false)).await;
    assert!(matches!(outcome, Outcome::Inserted { .. }), "{outcome:?}");
    assert_eq!(fake.requests(INSERT).len(), 1);
}

const VIOLATED_CONSTRAINT: u32 = 469;

#[tokio::test]
async fn a_row_that_the_store_refuses_stands_alone_and_the_others_are_in() {
    let fake = FakeStore::start().await;
    // The range, its halves 10 and 11-12, and the halves of the second.
    let bad = || Reply::Code(VIOLATED_CONSTRAINT);
    fake.reply(INSERT, [bad(), Reply::done(), bad(), Reply::done(), bad()]);
    let (outcome, progress) = run(&fake, work(false)).await;
    let Outcome::Inserted { refused, .. } = outcome else {
        panic!("{outcome:?}")
    };
    let offsets: Vec<u64> = refused.iter().map(|row| row.offset).collect();
    assert_eq!(offsets, [12]);
    assert!(refused[0].message.contains("469"), "{refused:?}");
    assert_eq!((progress.rows(TOPIC), progress.retries()), (2, 0));
    let sent: Vec<Vec<u8>> = fake.requests(INSERT).iter().map(rows_of).collect();
    assert_eq!(
        sent,
        [vec![10, 11, 12], vec![10], vec![11, 12], vec![11], vec![12]]
    );
    let inserts = fake.requests(INSERT);
    let token = inserts[3].setting("insert_deduplication_token");
    assert_eq!(token, Some("t1.market.quotes:2:11-11"));
}
