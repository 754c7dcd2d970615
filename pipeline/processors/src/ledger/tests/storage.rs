//! What is stored, in the encoding that it will be stored in.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tapeline_schemas::codec::{self, Record};

use super::*;
use crate::golden::assert_golden;

pub(super) fn restored<T: Serialize + DeserializeOwned + Record>(value: &T) -> T {
    let mut bytes = Vec::new();
    codec::encode(value, &mut bytes).unwrap();
    codec::decode(&bytes).unwrap()
}

/// Something in every place of the state.
fn eventful() -> Position {
    let mut events = vec![
        opening(0, "7", Some("3")),
        split("settled", 1, 3, 2, None),
        order("5"),
        bust("never reported"),
        correct_at(1, "neither", Side::Sell, "1 @ 2 fee ?"),
    ];
    events.extend((2..OPEN_ENTRIES as i64 + 8).map(|n| {
        let side = if n % 3 == 0 { Side::Sell } else { Side::Buy };
        fill_at(n, &n.to_string(), side, "1.5 @ 10.25 fee 0.1")
    }));
    events.extend([
        split("s", 50, 1, 3, Some("0.5")),
        dividend("d", 51, "0.01"),
        correct_at(60, "40", Side::Sell, "2 @ 9 fee ?"),
        fee_report("41", 60, "-0.2"),
        bust_part("42", "0.5", Some("0.05")),
        bust("43"),
        buy_at(90, "unknown fee", "1 @ 1 fee ?"),
    ]);
    in_lots(&events)
}

#[test]
fn a_stored_position_comes_back_the_same() {
    let position = eventful();
    assert_eq!(restored(&position), position);
    let empty = averaged(&[]);
    assert_eq!(restored(&empty), empty);
}

#[test]
fn a_restored_position_goes_on_the_same() {
    let mut position = eventful();
    let mut copy = restored(&position);
    for event in [
        bust("45"),
        fill_at(55, "late", Side::Sell, "4 @ 8 fee 1"),
        buy_at(91, "never reported", "3 @ 3"),
        bust("2"),
        order("1000"),
    ] {
        assert_eq!(copy.apply(&event), position.apply(&event));
        assert_eq!(copy, position);
    }
}

fn some_cash() -> CashBook {
    let mut cash = CashBook::default();
    for (id, kind, amount) in [
        ("1", CashKind::Transfer, "100.5"),
        ("2", CashKind::Income, "-0.25"),
        ("3", CashKind::Fee, "-7"),
    ] {
        let event = CashEvent {
            id: id.into(),
            kind,
            amount: money(amount),
            currency: currency("USD"),
            time: Micros(1),
        };
        cash.apply(&event).unwrap();
    }
    cash
}

#[test]
fn a_stored_book_of_cash_comes_back_the_same() {
    let cash = some_cash();
    assert_eq!(restored(&cash), cash);
}

#[test]
fn what_is_stored_keeps_its_bytes() {
    assert_golden(&averaged(&[
        opening(0, "7", Some("3")),
        order("5"),
        split("s", 1, 3, 2, Some("0.5")),
        fill_at(2, "1", Side::Sell, "1.5 @ 10.25 fee 0.1"),
        dividend("d", 3, "0.01"),
        bust_part("1", "0.5", Some("0.05")),
        correct_at(4, "later", Side::Sell, "1 @ 2 fee ?"),
    ]));
    assert_golden(&some_cash());
}
