//! What each report did to a position, and the trades that fills close: the example of that
//! heading in `docs/numbers.md`.

use tapeline_model::records::ClosedTrade;

use super::*;

fn filled(
    harness: &mut RiskHarness,
    time: i64,
    side: Side,
    quantity: &str,
    price: &str,
) -> Position {
    let fill = Fill {
        exec_id: ExecId::new(format!("t{time}")),
        side,
        fee: Some("1".parse().unwrap()),
        strategy: Some(format!("s{time}")),
        event_time: Micros(time),
        ..fill("a1", "one", "S", quantity, price)
    };
    report(harness, fill)
}

fn changed(position: &Position) -> (String, String) {
    let text = |money: Option<Money>| money.unwrap().to_string();
    (text(position.realised_change), text(position.fees_change))
}

fn pair(realised: &str, fees: &str) -> (String, String) {
    (realised.to_owned(), fees.to_owned())
}

/// Bought 100 at 10 and 50 at 13: 150 at 11. Sold 60 at 12 and 90 at 14: on average at 13.20.
/// Two in price for each of 150 and four fees of one: 330 − 4.
#[test]
fn a_trade_lasts_until_its_position_is_flat() {
    let mut harness = RiskHarness::new();
    let first = filled(&mut harness, 10, Side::Buy, "100", "10");
    assert_eq!(changed(&first), pair("-1", "1"));
    assert_eq!(first.strategy.as_deref(), Some("s10"));
    assert_eq!(first.fill.unwrap().quantity.to_string(), "100");
    filled(&mut harness, 11, Side::Buy, "50", "13");
    let part = filled(&mut harness, 12, Side::Sell, "60", "12");
    assert_eq!(changed(&part), pair("59", "1"));
    assert_eq!(part.strategy.as_deref(), Some("s10"), "whoever opened it");
    assert_eq!(part.closed, None);
    let last = filled(&mut harness, 13, Side::Sell, "90", "14");
    assert_eq!(changed(&last), pair("269", "1"));
    let expected = ClosedTrade {
        side: Side::Buy,
        quantity: "150".parse().unwrap(),
        entry_price: "11".parse().unwrap(),
        exit_price: "13.2".parse().unwrap(),
        opened_at: Micros(10),
        result: Some("326".parse().unwrap()),
    };
    assert_eq!(last.closed.as_deref(), Some(&expected));
}

/// Of 150 sold at 12, 100 end what was bought at 10, and 50 begin a short that 50 at 11 end.
#[test]
fn a_flip_ends_one_trade_and_begins_another() {
    let mut harness = RiskHarness::new();
    filled(&mut harness, 10, Side::Buy, "100", "10");
    let flipped = filled(&mut harness, 11, Side::Sell, "150", "12");
    assert_eq!(
        flipped.strategy.as_deref(),
        Some("s10"),
        "of the one it ended"
    );
    let ended = flipped.closed.unwrap();
    assert_eq!(ended.quantity.to_string(), "100");
    assert_eq!(ended.result.unwrap().to_string(), "198");
    let back = filled(&mut harness, 12, Side::Buy, "50", "11");
    assert_eq!(back.strategy.as_deref(), Some("s11"));
    let ended = back.closed.unwrap();
    assert_eq!((ended.side, ended.opened_at), (Side::Sell, Micros(11)));
    assert_eq!(ended.entry_price.to_string(), "12");
    assert_eq!(ended.exit_price.to_string(), "11");
    assert_eq!(ended.result.unwrap().to_string(), "49");
}

/// Whatever is corrected, the changes add up to what was realised.
#[test]
fn changes_add_up_through_busts() {
    let mut harness = RiskHarness::new();
    let mut sum = Money::ZERO;
    let mut count = |position: Position| {
        sum = sum.checked_add(position.realised_change.unwrap()).unwrap();
        assert_eq!(sum, position.realised);
        position
    };
    count(filled(&mut harness, 10, Side::Buy, "100", "10"));
    count(filled(&mut harness, 11, Side::Sell, "100", "12"));
    let bust = Fill {
        kind: FillKind::Bust,
        ref_exec_id: Some(ExecId::new("t11")),
        exec_id: ExecId::new("b"),
        event_time: Micros(12),
        ..fill("a1", "one", "S", "100", "12")
    };
    let undone = count(report(&mut harness, bust));
    assert_eq!(undone.realised_change.unwrap().to_string(), "-199");
    assert_eq!((undone.fill, undone.closed), (None, None));
}

#[test]
fn what_is_known_of_a_trade_survives_a_restart() {
    let mut harness = RiskHarness::new();
    filled(&mut harness, 10, Side::Buy, "100", "10");
    let mut again = RiskHarness::new();
    again.put_back(&harness.changelog()).unwrap();
    let one = filled(&mut harness, 11, Side::Sell, "100", "12");
    let other = filled(&mut again, 11, Side::Sell, "100", "12");
    assert_eq!(one.closed, other.closed);
    assert!(one.closed.is_some());
}
