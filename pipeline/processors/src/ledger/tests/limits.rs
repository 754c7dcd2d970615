//! Bounds: what is kept, what is settled, what is refused.

use super::*;

fn buys(count: usize) -> Vec<Event> {
    (0..count)
        .map(|n| buy_at(n as i64, &n.to_string(), "1 @ 10"))
        .collect()
}

fn refused(position: &mut Position, event: &Event) -> LedgerError {
    let before = position.clone();
    let refused = position.apply(event).unwrap_err();
    assert_eq!(*position, before, "refused, nothing changes");
    refused
}

#[test]
fn old_fills_settle_and_count_once_still() {
    let events = buys(OPEN_ENTRIES + 10);
    let mut position = averaged(&events);
    assert_eq!(
        position.quantity().to_string(),
        (OPEN_ENTRIES + 10).to_string()
    );
    assert_eq!(position.apply(&events[0]), Ok(Applied::Repeated));
    for amendment in [bust("9"), fee_report("9", 5, "1")] {
        assert_eq!(refused(&mut position, &amendment), LedgerError::Settled);
    }
    assert_eq!(position.apply(&bust("10")), Ok(changed()));
}

#[test]
fn a_fill_behind_what_is_settled_counts_and_says_so() {
    let mut position = averaged(&buys(OPEN_ENTRIES + 10));
    let late = Change {
        late: Some(Late::BehindSettled),
        overfilled: None,
    };
    let event = buy_at(3, "late", "1 @ 10");
    assert_eq!(position.apply(&event), Ok(Applied::Changed(late)));
    assert_eq!(position.apply(&event), Ok(Applied::Repeated));
    assert_eq!(
        position.quantity().to_string(),
        (OPEN_ENTRIES + 11).to_string()
    );
    let action = split("s", 3, 2, 1, None);
    assert_eq!(refused(&mut position, &action), LedgerError::TooOld);
    assert_eq!(
        refused(&mut position, &opening(0, "1", None)),
        LedgerError::OpeningNotFirst
    );
}

#[test]
fn what_may_be_a_forgotten_repeat_is_refused() {
    let mut position = averaged(&buys(OPEN_ENTRIES + REMEMBERED + 1));
    // the ids of the first fill alone are forgotten
    assert_eq!(refused(&mut position, &buys(1)[0]), LedgerError::TooOld);
    assert_eq!(position.apply(&buys(2)[1]), Ok(Applied::Repeated));
}

#[test]
fn a_fill_from_before_a_settled_split_would_be_in_other_units() {
    let mut events = vec![buy_at(0, "first", "1 @ 10"), split("s", 1, 2, 1, None)];
    events.extend((2..OPEN_ENTRIES as i64 + 2).map(|n| buy_at(n, &n.to_string(), "1 @ 5")));
    let mut position = averaged(&events);
    assert_eq!(
        refused(&mut position, &buy_at(1, "late", "1 @ 10")),
        LedgerError::TooOld
    );
}

#[test]
fn only_so_many_amendments_wait() {
    let mut position = averaged(&[]);
    for n in 0..HELD {
        assert_eq!(position.apply(&bust(&n.to_string())), Ok(Applied::Held));
    }
    let refusal = refused(&mut position, &bust("more"));
    assert_eq!(refusal, LedgerError::TooManyHeld { most: HELD });
    // its fill makes room
    position.apply(&buy("0", "1 @ 10")).unwrap();
    assert_eq!(position.apply(&bust("more")), Ok(Applied::Held));
}

#[test]
fn the_oldest_lots_become_one() {
    // 128 lots at 10 and one at 16; the oldest two: 2 for 20
    let mut events = buys(LOTS);
    events.push(buy_at(1000, "last", "1 @ 16"));
    let position = in_lots(&events);
    let lots = position.totals().lots();
    assert_eq!(lots.len(), LOTS);
    assert_eq!(lots[0].quantity.to_string(), "2");
    assert_eq!(lots[0].cost, Some(money("20")));
}

#[test]
fn overflow_is_refused() {
    let most = "9999999999.99999999";
    let too_large = LedgerError::Amount(tapeline_model::money::MoneyError::Overflow);
    let mut full = averaged(&[buy("1", &format!("{most} @ 1"))]);
    assert_eq!(refused(&mut full, &buy("2", "0.00000001 @ 1")), too_large);
    assert_eq!(refused(&mut full, &split("s", 2, 2, 1, None)), too_large);
    let terms = Terms {
        multiplier: positive(most),
        ..shares(Method::Average)
    };
    // bought for −10³⁰, sold for as much again: more than 30 places before the point
    let mut absurd = kept(terms, &[buy("1", &format!("{most} @ -{most}"))]);
    let sale = sell("2", &format!("{most} @ {most}"));
    assert_eq!(refused(&mut absurd, &sale), too_large);
    let mut taxed = averaged(&[buy("1", "1 @ 1 fee 999999999999999999999999999999")]);
    let again = buy("2", "1 @ 1 fee 999999999999999999999999999999");
    assert_eq!(refused(&mut taxed, &again), too_large);
}

#[test]
fn other_currencies_and_too_many_charges_are_refused() {
    let mut position = averaged(&[buy("1", "1 @ 10")]);
    let Event::Fill(mut fill) = buy("2", "1 @ 10") else {
        unreachable!()
    };
    fill.currency = currency("EUR");
    let wrong = LedgerError::WrongCurrency {
        found: currency("EUR"),
        kept_in: currency("USD"),
    };
    assert_eq!(refused(&mut position, &Event::Fill(fill.clone())), wrong);
    let change = Amendment::Correction(currency("EUR"), fill.execution.clone());
    assert_eq!(refused(&mut position, &amend("1", 2, change)), wrong);

    fill.currency = currency("USD");
    fill.execution.fees = Fees::known([charge("1", "USD"); 17]);
    let many = LedgerError::TooManyCharges { most: 16 };
    assert_eq!(refused(&mut position, &Event::Fill(fill)), many);
    let change = Amendment::Fees(vec![charge("1", "USD"); 17]);
    assert_eq!(refused(&mut position, &amend("1", 2, change)), many);
}

#[test]
fn a_cash_book_counts_each_event_once() {
    let event = |n: usize, code: &str| CashEvent {
        id: n.to_string(),
        kind: CashKind::Transfer,
        amount: money("1"),
        currency: currency(code),
        time: Micros(n as i64),
    };
    let mut cash = CashBook::default();
    for n in 0..=REMEMBERED {
        cash.apply(&event(n, "USD")).unwrap();
    }
    assert_eq!(cash.apply(&event(1, "USD")), Ok(Applied::Repeated));
    assert_eq!(cash.apply(&event(0, "USD")), Err(LedgerError::TooOld));
    assert_eq!(cash.transferred(currency("USD")).to_string(), "257");
    for n in 1..64 {
        cash.apply(&event(1000 + n, &format!("C{n}"))).unwrap();
    }
    assert_eq!(
        cash.apply(&event(2000, "ONEMORE")),
        Err(LedgerError::TooManyCurrencies { most: 64 })
    );
    let mut absurd = event(3000, "USD");
    absurd.amount = money("999999999999999999999999999999");
    assert!(matches!(cash.apply(&absurd), Err(LedgerError::Amount(_))));
    assert_eq!(cash.transferred(currency("USD")).to_string(), "257");
}

#[test]
fn currency_codes_are_short_and_visible() {
    for good in ["USD", "USDC.e", "1000SATS", "ABCDEFGHIJKL"] {
        assert_eq!(Currency::new(good).unwrap().as_str(), good);
    }
    for bad in ["", "ABCDEFGHIJKLM", "U D", "€"] {
        assert!(Currency::new(bad).is_err(), "{bad}");
    }
}
