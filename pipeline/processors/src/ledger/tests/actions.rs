//! Splits and dividends.

use super::*;

#[test]
fn a_split_between_partials_keeps_the_cost() {
    // 60 + 40 @ 50 = 5000; 4-for-1: 400 @ 12.5; 100 × (13 − 12.5) = 50
    let events = [
        buy_at(1, "1", "60 @ 50"),
        buy_at(2, "2", "40 @ 50"),
        split("s", 3, 4, 1, None),
        sell_at(4, "3", "100 @ 13"),
    ];
    for position in [averaged(&events), in_lots(&events)] {
        assert_eq!(shown(&position), "300 @ 12.5, realised 50, fees 0");
    }
    assert_eq!(lots(&in_lots(&events)), "140 for 1750, 160 for 2000");
    // a late fill from before the split is in old shares: (60 + 40 + 10) × 4 − 100
    let mut late = averaged(&events);
    late.apply(&buy_at(2, "0", "10 @ 50")).unwrap();
    assert_eq!(late.quantity().to_string(), "340");
}

#[test]
fn a_reverse_split_of_a_short() {
    // −100 @ 2 = −200; 1-for-10: −10 @ 20; bought back at 15: 10 × 5 = 50
    let events = [
        sell_at(1, "1", "100 @ 2"),
        split("s", 2, 1, 10, None),
        buy_at(3, "2", "10 @ 15"),
    ];
    assert_eq!(shown(&averaged(&events)), "0 @ -, realised 50, fees 0");
}

#[test]
fn a_fraction_stays_until_its_cash_is_told() {
    // 25 @ 6 = 150; 1-for-10: 2.5 @ 60
    let mut position = averaged(&[buy_at(1, "1", "25 @ 6"), split("s", 2, 1, 10, None)]);
    assert_eq!(shown(&position), "2.5 @ 60, realised 0, fees 0");
    // half a share paid with 33: 33 − 30 = 3
    let told = split("s", 2, 1, 10, Some("33"));
    assert_eq!(position.apply(&told), Ok(changed()));
    assert_eq!(shown(&position), "2 @ 60, realised 3, fees 0");
    // −150 + 33 = −117 of cash
    assert_eq!(
        text(
            position
                .value(&marked("60"))
                .valuation()
                .booked
                .cash
                .value()
        ),
        "-117"
    );
    assert_eq!(position.apply(&told), Ok(Applied::Repeated));
    let before_it_was_told = split("s", 2, 1, 10, None);
    assert_eq!(position.apply(&before_it_was_told), Ok(Applied::Repeated));
    for other in [split("s", 2, 1, 10, Some("34")), split("s", 2, 1, 5, None)] {
        assert_eq!(position.apply(&other), Err(LedgerError::Conflicting));
    }
}

#[test]
fn a_short_pays_for_its_fraction() {
    // −3 @ 10; 1-for-2: −1.5 @ 20; half a share bought back for 9: 10 − 9 = 1
    let events = [sell_at(1, "1", "3 @ 10"), split("s", 2, 1, 2, Some("-9"))];
    assert_eq!(shown(&averaged(&events)), "-1 @ 20, realised 1, fees 0");
}

#[test]
fn a_fraction_comes_from_the_oldest_lot() {
    // 5 @ 10 and 4 @ 40; 1-for-2: 2.5 for 50 and 2 for 160; 0.5 of the first cost 10,
    // paid with 25: 15 realised
    let events = [
        buy_at(1, "1", "5 @ 10"),
        buy_at(2, "2", "4 @ 40"),
        split("s", 3, 1, 2, Some("25")),
    ];
    let position = in_lots(&events);
    assert_eq!(lots(&position), "2 for 40, 2 for 160");
    assert_eq!(shown(&position), "4 @ 50, realised 15, fees 0");
}

#[test]
fn a_position_smaller_than_a_new_share_is_paid_out() {
    // 3 @ 4 = 12; 1-for-10: 0.3 of a share, paid with 10: −2
    let events = [buy_at(1, "1", "3 @ 4"), split("s", 2, 1, 10, Some("10"))];
    assert_eq!(shown(&averaged(&events)), "0 @ -, realised -2, fees 0");
    // less than the smallest quantity there is: what it cost is lost
    let dust = [buy_at(1, "1", "0.00000002 @ 5"), split("s", 2, 1, 10, None)];
    assert_eq!(
        shown(&averaged(&dust)),
        "0 @ -, realised -0.0000001, fees 0"
    );
}

#[test]
fn lots_add_up_after_a_split_that_does_not_divide() {
    // three lots of 1; 2-for-3 of 1, 2, 3 is 0.66666667, 1.33333333, 2
    let events = [
        buy_at(1, "1", "1 @ 3"),
        buy_at(2, "2", "1 @ 6"),
        buy_at(3, "3", "1 @ 9"),
        split("s", 4, 2, 3, None),
    ];
    assert_eq!(
        lots(&in_lots(&events)),
        "0.66666667 for 3, 0.66666666 for 6, 0.66666667 for 9"
    );
    // a lot that vanishes leaves its cost to its neighbour: 1-for-4 of
    // 0.00000001, 0.00000004 is 0 and 0.00000001
    let dust = [
        buy_at(1, "1", "0.00000001 @ 4"),
        buy_at(2, "2", "0.00000003 @ 4"),
        split("s", 3, 1, 4, None),
    ];
    assert_eq!(lots(&in_lots(&dust)), "0.00000001 for 0.00000016");
    // 0.00000004, 0.00000005 is 0.00000001 and the same: the second lot vanishes
    let dust = [
        buy_at(1, "1", "0.00000004 @ 4"),
        buy_at(2, "2", "0.00000001 @ 4"),
        split("s", 3, 1, 4, None),
    ];
    assert_eq!(lots(&in_lots(&dust)), "0.00000001 for 0.0000002");
}

#[test]
fn a_long_receives_a_dividend_and_a_short_pays_it() {
    // 100 × 0.24 = 24; what is sold after its time has no part in it
    let long = averaged(&[
        buy_at(1, "1", "100 @ 50"),
        dividend("d", 2, "0.24"),
        sell_at(3, "2", "100 @ 50"),
    ]);
    let valuation = long.value(&Prices::default()).valuation();
    assert_eq!(text(valuation.booked.income.value()), "24");
    assert_eq!(
        text(valuation.realised().value()),
        "0",
        "income is not realised"
    );
    assert_eq!(text(valuation.profit().value()), "24");
    assert_eq!(text(valuation.equity().value()), "24");
    // −30 × 0.5 = −15
    let short = averaged(&[sell_at(1, "1", "30 @ 50"), dividend("d", 2, "0.5")]);
    let valuation = short.value(&marked("50")).valuation();
    assert_eq!(text(valuation.booked.income.value()), "-15");
    assert_eq!(text(valuation.profit().value()), "-15");
}

#[test]
fn a_dividend_counts_once_and_follows_a_bust() {
    let mut position = averaged(&[
        buy_at(1, "1", "10 @ 5"),
        buy_at(1, "2", "10 @ 5"),
        dividend("d", 2, "1"),
    ]);
    assert_eq!(
        position.apply(&dividend("d", 2, "1")),
        Ok(Applied::Repeated)
    );
    assert_eq!(
        position.apply(&dividend("d", 2, "2")),
        Err(LedgerError::Conflicting)
    );
    position.apply(&bust("2")).unwrap();
    let valuation = position.value(&marked("5")).valuation();
    assert_eq!(text(valuation.booked.income.value()), "10");
}

#[test]
fn the_opening_contains_earlier_actions() {
    let mut position = averaged(&[opening(5, "10", None)]);
    assert_eq!(
        position.apply(&split("s", 5, 2, 1, None)),
        Err(LedgerError::BeforeOpening)
    );
}
