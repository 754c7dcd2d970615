use tapeline_model::reasons::{Reason, Refusal};
use tapeline_schemas::topics::Topic;

use super::*;

pub(super) const LANE: LaneId = LaneId {
    topic: Topic::MarketQuotes,
    partition: 1,
};
const OTHER: LaneId = LaneId {
    topic: Topic::Alerts,
    partition: 0,
};
pub(super) const LIMITS: Limits = Limits {
    rows: 5,
    bytes: 1 << 20,
    age: Duration::from_millis(100),
    total_bytes: 1 << 20,
};

pub(super) fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) fn push(assembler: &mut Assembler, lane: LaneId, offset: u64, now: Duration) {
    assembler.push(lane, offset, now, |out| {
        out.push(offset as u8);
        Ok(())
    });
}

/// An assembler that owns a fresh lane and has asked the store.
fn ready(committed: Option<u64>, replay: Option<u64>) -> (Assembler, u64) {
    let mut assembler = Assembler::new(LIMITS);
    let epoch = assembler.gain(LANE, committed, replay);
    assembler.checked(LANE, epoch, None);
    (assembler, epoch)
}

fn entry(lane: LaneId, offset: u64, end: Option<u64>) -> Entry {
    Entry { lane, offset, end }
}

fn offsets(work: &Work) -> Vec<u64> {
    work.sealed.offsets().collect()
}

#[test]
fn a_range_is_due_when_it_is_full() {
    let (mut assembler, _) = ready(Some(10), None);
    for offset in 10..14 {
        push(&mut assembler, LANE, offset, at(0));
    }
    assert_eq!(assembler.due(at(1), false), []);
    push(&mut assembler, LANE, 14, at(0));
    assert_eq!(assembler.due(at(1), false), [entry(LANE, 10, Some(14))]);
}

#[test]
fn a_range_is_due_when_it_is_old_and_takes_the_nearly_old_along() {
    let (mut assembler, _) = ready(Some(10), None);
    let epoch = assembler.gain(OTHER, None, None);
    assembler.checked(OTHER, epoch, None);
    push(&mut assembler, LANE, 12, at(0));
    push(&mut assembler, OTHER, 7, at(40));
    assert_eq!(assembler.due(at(99), false), []);
    let due = assembler.due(at(100), false);
    // It starts where the last one ended, or at the first record there is.
    assert_eq!(due, [entry(LANE, 10, Some(12)), entry(OTHER, 7, Some(7))]);
}

#[test]
fn a_flush_takes_what_is_there() {
    let (mut assembler, _) = ready(None, None);
    push(&mut assembler, LANE, 3, at(0));
    assert!(!assembler.is_drained());
    assert_eq!(assembler.due(at(0), true), [entry(LANE, 3, Some(3))]);
}

#[test]
fn nothing_begins_before_the_store_was_asked_or_while_a_range_is_under_way() {
    let mut assembler = Assembler::new(LIMITS);
    let epoch = assembler.gain(LANE, Some(0), None);
    for offset in 0..10 {
        push(&mut assembler, LANE, offset, at(0));
    }
    assert_eq!(assembler.due(at(500), false), []);
    assembler.checked(LANE, epoch, None);
    let due = assembler.due(at(500), false);
    assert_eq!(due, [entry(LANE, 0, Some(4))]);
    // A commit that failed is asked for again, unchanged.
    assert_eq!(assembler.due(at(900), false), due);
    assert_eq!(assembler.begin(&due).len(), 1);
    assert_eq!(assembler.due(at(900), false), []);
    assert_eq!(assembler.settled(), []);
    assembler.finished(LANE, epoch);
    // One commit ends the first range and begins the second.
    assert_eq!(assembler.due(at(900), false), [entry(LANE, 5, Some(9))]);
}

#[test]
fn what_is_done_is_settled_and_then_nothing_is_left() {
    let (mut assembler, epoch) = ready(Some(0), None);
    push(&mut assembler, LANE, 0, at(0));
    assert!(assembler.bytes() > 0);
    let due = assembler.due(at(0), true);
    assembler.begin(&due);
    assert!(
        assembler.bytes() > 0,
        "until it is in the store, it takes memory"
    );
    assembler.finished(LANE, epoch);
    assert_eq!(assembler.bytes(), 0);
    let settled = assembler.settled();
    assert_eq!(settled, [entry(LANE, 1, None)]);
    assembler.begin(&settled);
    assert_eq!(assembler.settled(), []);
    assert!(assembler.is_drained());
}

#[test]
fn a_begun_range_is_replayed_exactly_and_first() {
    let (mut assembler, epoch) = ready(Some(10), Some(13));
    for offset in [10, 12] {
        push(&mut assembler, LANE, offset, at(0));
        assert_eq!(
            assembler.due(at(5000), true),
            [],
            "neither its age nor a stop cuts a replay"
        );
    }
    assert!(
        assembler.pausable().is_empty(),
        "a paused replay would never end"
    );
    push(&mut assembler, LANE, 13, at(0));
    push(&mut assembler, LANE, 14, at(0));
    let due = assembler.due(at(0), false);
    assert_eq!(due, [entry(LANE, 10, Some(13))]);
    let works = assembler.begin(&due);
    assert!(works[0].sealed.replay);
    assert_eq!(offsets(&works[0]), [10, 12, 13]);
    assembler.finished(LANE, epoch);
    assert_eq!(assembler.due(at(1000), false), [entry(LANE, 14, Some(14))]);
}

#[test]
fn what_is_in_a_range_already_is_not_taken_again() {
    let (mut assembler, epoch) = ready(Some(10), None);
    for offset in [9, 10, 11] {
        push(&mut assembler, LANE, offset, at(0));
    }
    let due = assembler.due(at(0), true);
    assert_eq!(offsets(&assembler.begin(&due)[0]), [10, 11]);
    assembler.finished(LANE, epoch);
    push(&mut assembler, LANE, 11, at(0));
    assert_eq!(assembler.due(at(0), true), []);
}

#[test]
fn a_replay_ends_even_if_its_last_record_is_gone() {
    let (mut assembler, _) = ready(Some(10), Some(13));
    push(&mut assembler, LANE, 12, at(0));
    push(&mut assembler, LANE, 20, at(0));
    let due = assembler.due(at(0), false);
    assert_eq!(due, [entry(LANE, 10, Some(13))]);
    assert_eq!(offsets(&assembler.begin(&due)[0]), [12]);

    let (mut assembler, epoch) = ready(Some(10), Some(13));
    assembler.skipped(LANE, 40);
    let due = assembler.due(at(0), false);
    assert_eq!(assembler.begin(&due)[0].sealed.rows(), 0);
    assembler.finished(LANE, epoch);
    assert_eq!(assembler.settled(), [entry(LANE, 40, None)]);
}

#[test]
fn a_lost_lane_leaves_nothing_and_its_late_answers_mean_nothing() {
    let (mut assembler, old) = ready(Some(0), None);
    push(&mut assembler, LANE, 0, at(0));
    let due = assembler.due(at(0), true);
    assembler.begin(&due);
    assembler.lose(LANE);
    assert_eq!((assembler.bytes(), assembler.begin(&due).len()), (0, 0));
    let new = assembler.gain(LANE, Some(0), Some(0));
    assembler.checked(LANE, old, None);
    assembler.finished(LANE, old);
    push(&mut assembler, LANE, 0, at(0));
    assert_eq!(
        assembler.due(at(0), true),
        [],
        "only the new owner's check counts"
    );
    assembler.checked(LANE, new, None);
    assert_eq!(assembler.due(at(0), true), [entry(LANE, 0, Some(0))]);
}

#[test]
fn ranges_the_store_may_hold_are_inserted_with_care() {
    let mut assembler = Assembler::new(LIMITS);
    let epoch = assembler.gain(LANE, Some(0), None);
    assembler.checked(LANE, epoch, Some(7));
    let mut careful = Vec::new();
    for offset in 0..15 {
        push(&mut assembler, LANE, offset, at(0));
    }
    for _ in 0..3 {
        let due = assembler.due(at(0), false);
        careful.extend(assembler.begin(&due).iter().map(|work| work.careful));
        assembler.finished(LANE, epoch);
    }
    assert_eq!(careful, [true, true, false]);
}

#[test]
fn refused_records_go_with_their_range_and_unreadable_letters_vanish() {
    let (mut assembler, _) = ready(Some(0), None);
    assembler.push(LANE, 0, at(0), |_| {
        Err(Some(Refused {
            offset: 0,
            timestamp_ms: None,
            key: None,
            value: None,
            refusal: Refusal::new(Reason::Corrupt, "bad"),
        }))
    });
    assembler.push(LANE, 1, at(0), |_| Err(None));
    let due = assembler.due(at(0), true);
    let works = assembler.begin(&due);
    assert_eq!(due, [entry(LANE, 0, Some(1))]);
    assert_eq!(
        (works[0].sealed.rows(), works[0].sealed.refused.len()),
        (0, 1)
    );
}

#[test]
fn memory_is_bounded_by_pausing() {
    let mut assembler = Assembler::new(Limits {
        total_bytes: 2000,
        rows: 1000,
        ..LIMITS
    });
    let epoch = assembler.gain(LANE, Some(0), None);
    assembler.checked(LANE, epoch, None);
    let mut offset = 0;
    while !assembler.is_full() {
        push(&mut assembler, LANE, offset, at(0));
        offset += 1;
    }
    assert!(
        (2000..2100).contains(&assembler.bytes()),
        "{}",
        assembler.bytes()
    );
    assert!(!assembler.has_room());
    assert_eq!(assembler.pausable(), [LANE]);
    let due = assembler.due(at(0), true);
    assembler.begin(&due);
    assembler.finished(LANE, epoch);
    assert!(assembler.has_room());
}
