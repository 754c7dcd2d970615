//! What is stored, in the encoding that it will be stored in.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_avro_fast::schema::{LogicalType, SchemaMut};
use serde_avro_fast::ser::SerializerConfig;
use serde_avro_fast::{Schema, from_datum_slice, to_datum_vec};

use super::*;

/// Money reads and writes plain bytes, as with the catalog's schemas.
fn without_decimals(json: &str) -> &'static Schema {
    let mut schema: SchemaMut = json.parse().unwrap();
    for node in schema.nodes_mut() {
        if matches!(node.logical_type, Some(LogicalType::Decimal(_))) {
            node.logical_type = None;
        }
    }
    Box::leak(Box::new(schema.freeze().unwrap()))
}

fn through<T: Serialize + DeserializeOwned>(schema: &'static Schema, value: &T) -> T {
    let bytes = to_datum_vec(value, &mut SerializerConfig::new(schema)).unwrap();
    from_datum_slice(&bytes, schema).unwrap()
}

pub(super) fn restored(position: &Position) -> Position {
    thread_local! {
        static SCHEMA: &'static Schema = without_decimals(include_str!("position.avsc"));
    }
    SCHEMA.with(|schema| through(schema, position))
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

#[test]
fn a_stored_book_of_cash_comes_back_the_same() {
    let schema = without_decimals(include_str!("cash_book.avsc"));
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
    assert_eq!(through(schema, &cash), cash);
}
