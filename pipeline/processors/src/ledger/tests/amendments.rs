//! Busts, corrections and fee reports.

use super::*;

#[test]
fn a_bust_rebuilds_the_position_as_if_the_fill_never_was() {
    let flipped = [buy("1", "100 @ 10 fee 1"), sell("2", "150 @ 12 fee 2")];
    let mut position = averaged(&flipped);
    // 100 × 2 − 3 = 197
    assert_eq!(shown(&position), "-50 @ 12, realised 197, fees 3");
    // without the purchase all 150 are short, and its fee is back
    assert_eq!(position.apply(&bust("1")), Ok(changed()));
    assert_eq!(shown(&position), "-150 @ 12, realised -2, fees 2");
    assert_eq!(position.apply(&bust("1")), Ok(Applied::Repeated));
    // the fill itself may be replayed and stays void
    assert_eq!(position.apply(&flipped[0]), Ok(Applied::Repeated));
    assert_eq!(shown(&position), "-150 @ 12, realised -2, fees 2");
}

#[test]
fn voids_are_cumulative() {
    let mut position = averaged(&[buy("1", "10 @ 5 fee 1")]);
    // 3 of 10 undone, 0.3 of the fee returned
    assert_eq!(
        position.apply(&bust_part("1", "3", Some("0.3"))),
        Ok(changed())
    );
    assert_eq!(shown(&position), "7 @ 5, realised -0.7, fees 0.7");
    // 5 in all, not 8
    let five = bust_part("1", "5", Some("0.5"));
    assert_eq!(position.apply(&five), Ok(changed()));
    assert_eq!(shown(&position), "5 @ 5, realised -0.5, fees 0.5");
    let before = position.clone();
    assert_eq!(position.apply(&five), Ok(Applied::Repeated));
    let stale = bust_part("1", "3", Some("0.3"));
    assert_eq!(position.apply(&stale), Ok(Applied::Superseded));
    for too_much in [
        bust_part("1", "11", None),
        bust_part("1", "6", Some("1.5")),
        bust_part("1", "6", Some("-0.1")),
    ] {
        assert_eq!(position.apply(&too_much), Err(LedgerError::OverVoid));
    }
    assert_eq!(position, before);
    // all of it; the broker keeps 0.2 of the fee
    assert_eq!(
        position.apply(&bust_part("1", "10", Some("0.8"))),
        Ok(changed())
    );
    assert_eq!(shown(&position), "0 @ -, realised -0.2, fees 0.2");
}

#[test]
fn a_partial_bust_that_tells_no_fee_keeps_the_fee() {
    let mut position = averaged(&[buy("1", "10 @ 5 fee 1")]);
    position.apply(&bust_part("1", "4", None)).unwrap();
    assert_eq!(shown(&position), "6 @ 5, realised -1, fees 1");
    position.apply(&bust_part("1", "10", None)).unwrap();
    assert_eq!(position.totals(), &PositionTotals::default());
}

#[test]
fn a_bust_may_come_before_its_fill() {
    let mut position = averaged(&[]);
    let half = bust_part("1", "5", None);
    assert_eq!(position.apply(&half), Ok(Applied::Held));
    assert_eq!(position.apply(&half), Ok(Applied::Repeated));
    assert_eq!(position.apply(&buy("1", "10 @ 5")), Ok(changed()));
    assert_eq!(shown(&position), "5 @ 5, realised 0, fees 0");
    assert_eq!(position.apply(&bust_part("1", "7", None)), Ok(changed()));
    assert_eq!(shown(&position), "3 @ 5, realised 0, fees 0");
    // a bust that cannot be true of its fill: neither counts
    assert_eq!(
        position.apply(&bust_part("2", "9", None)),
        Ok(Applied::Held)
    );
    assert_eq!(
        position.apply(&buy("2", "8 @ 5")),
        Err(LedgerError::OverVoid)
    );
    assert_eq!(shown(&position), "3 @ 5, realised 0, fees 0");
}

#[test]
fn a_correction_counts_even_after_the_close() {
    // in truth bought at 11: 100 × (12 − 11) = 100
    let closed = [buy("1", "100 @ 10 fee 1"), sell("2", "100 @ 12")];
    let mut position = averaged(&closed);
    assert_eq!(shown(&position), "0 @ -, realised 199, fees 1");
    let correction = correct_at(3, "1", Side::Buy, "100 @ 11 fee ?");
    assert_eq!(position.apply(&correction), Ok(changed()));
    assert_eq!(shown(&position), "0 @ -, realised 99, fees 1");
    // in truth 90: 90 × 1 = 90 and 10 short at 12
    let again = correct_at(4, "1", Side::Buy, "90 @ 11 fee 2");
    assert_eq!(position.apply(&again), Ok(changed()));
    assert_eq!(shown(&position), "-10 @ 12, realised 88, fees 2");
    let before = position.clone();
    assert_eq!(position.apply(&correction), Ok(Applied::Superseded));
    assert_eq!(position.apply(&again), Ok(Applied::Repeated));
    // what was reported first, and what is true now, may both be told again
    assert_eq!(position.apply(&closed[0]), Ok(Applied::Repeated));
    assert_eq!(
        position.apply(&buy("1", "90 @ 11 fee 2")),
        Ok(Applied::Repeated)
    );
    assert_eq!(
        position.apply(&buy("1", "95 @ 11 fee 2")),
        Err(LedgerError::Conflicting)
    );
    assert_eq!(position, before);
}

#[test]
fn a_correction_may_turn_the_side() {
    // sold, not bought: 5 short at 10
    let mut position = averaged(&[buy("1", "5 @ 10")]);
    position
        .apply(&correct_at(2, "1", Side::Sell, "5 @ 10"))
        .unwrap();
    assert_eq!(shown(&position), "-5 @ 10, realised 0, fees 0");
}

#[test]
fn a_correction_below_what_is_void_is_refused() {
    let mut position = averaged(&[buy("1", "10 @ 10"), bust_part("1", "6", None)]);
    let before = position.clone();
    assert_eq!(
        position.apply(&correct_at(2, "1", Side::Buy, "5 @ 10")),
        Err(LedgerError::OverVoid)
    );
    assert_eq!(position, before);
}

#[test]
fn fees_are_corrected_after_the_close() {
    // 10 × (12 − 10) − 1 − 1 = 18; in truth the first fee was 3: 16
    let closed = [buy("1", "10 @ 10 fee 1"), sell("2", "10 @ 12 fee 1")];
    let mut position = averaged(&closed);
    assert_eq!(shown(&position), "0 @ -, realised 18, fees 2");
    assert_eq!(position.apply(&fee_report("1", 5, "3")), Ok(changed()));
    assert_eq!(shown(&position), "0 @ -, realised 16, fees 4");
    // an older report does not replace a newer one
    assert_eq!(
        position.apply(&fee_report("1", 4, "2")),
        Ok(Applied::Superseded)
    );
    // a correction that is older than the fee report changes the price only:
    // 10 × (12 − 11) − 4 = 6; a newer one brings its own fee: 10 − 1.5 = 8.5
    position
        .apply(&correct_at(4, "1", Side::Buy, "10 @ 11 fee 9"))
        .unwrap();
    assert_eq!(shown(&position), "0 @ -, realised 6, fees 4");
    position
        .apply(&correct_at(6, "1", Side::Buy, "10 @ 11 fee 0.5"))
        .unwrap();
    assert_eq!(shown(&position), "0 @ -, realised 8.5, fees 1.5");
}

#[test]
fn a_fee_report_may_come_before_its_fill() {
    let mut position = averaged(&[]);
    assert_eq!(position.apply(&fee_report("1", 1, "2")), Ok(Applied::Held));
    position.apply(&buy("1", "1 @ 10 fee ?")).unwrap();
    assert_eq!(shown(&position), "1 @ 10, realised -2, fees 2");
}

#[test]
fn a_bust_of_a_fill_before_a_split_is_in_old_shares() {
    // 10 + 6 before a 2-for-1 split, 4 of the 6 undone: (10 + 2) × 2 = 24
    let events = [
        buy_at(1, "1", "10 @ 10"),
        buy_at(2, "2", "6 @ 10"),
        split("s", 3, 2, 1, None),
        bust_part("2", "4", None),
    ];
    assert_eq!(shown(&averaged(&events)), "24 @ 5, realised 0, fees 0");
}
