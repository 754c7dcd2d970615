//! Fills: partials, flips, fees, order, repeats.

use super::*;

#[test]
fn increases_average_and_a_partial_reduction_keeps_the_average() {
    // (100 × 10 + 50 × 13) / 150 = 1650 / 150 = 11
    let opened = [buy("1", "100 @ 10"), buy("2", "50 @ 13")];
    assert_eq!(shown(&averaged(&opened)), "150 @ 11, realised 0, fees 0");
    // 30 × (12 − 11) = 30, then 20 × (10 − 11) = −20
    let reduced = [&opened[..], &[sell("3", "30 @ 12"), sell("4", "20 @ 10")]].concat();
    assert_eq!(shown(&averaged(&reduced)), "100 @ 11, realised 10, fees 0");
}

#[test]
fn first_in_first_out_closes_the_oldest_lots() {
    // sells 120: 100 × (12 − 10) = 200 and 20 × (12 − 13) = −20; 30 left at 13
    let events = [
        buy("1", "100 @ 10"),
        buy("2", "50 @ 13"),
        sell("3", "120 @ 12"),
    ];
    let position = in_lots(&events);
    assert_eq!(shown(&position), "30 @ 13, realised 180, fees 0");
    assert_eq!(lots(&position), "30 for 390");
    // at average cost the same sale brings 120 × (12 − 11) = 120
    assert_eq!(shown(&averaged(&events)), "30 @ 11, realised 120, fees 0");
}

#[test]
fn partials_on_the_short_side() {
    // (60 × 20 + 40 × 25) / 100 = 22; 50 × (22 − 18) = 200
    let events = [
        sell("1", "60 @ 20"),
        sell("2", "40 @ 25"),
        buy("3", "50 @ 18"),
    ];
    let position = averaged(&events);
    assert_eq!(shown(&position), "-50 @ 22, realised 200, fees 0");
    // lots: 50 of the 60 closed: 50 × (20 − 18) = 100; left 10 at 20 and 40 at 25:
    // (200 + 1000) / 50 = 24
    let position = in_lots(&events);
    assert_eq!(shown(&position), "-50 @ 24, realised 100, fees 0");
    assert_eq!(lots(&position), "-10 for -200, -40 for -1000");
}

#[test]
fn an_exact_close_leaves_nothing_open() {
    // 100 × (9.5 − 10) = −50
    let events = [buy("1", "100 @ 10"), sell("2", "100 @ 9.5")];
    for position in [averaged(&events), in_lots(&events)] {
        assert_eq!(shown(&position), "0 @ -, realised -50, fees 0");
        assert_eq!(lots(&position), "");
    }
}

#[test]
fn a_flip_realises_what_it_closes_and_opens_the_rest_at_its_price() {
    // 100 × (12 − 10) = 200, the other 50 are short at 12; the fee counts once
    let single = [buy("1", "100 @ 10"), sell("2", "150 @ 12 fee 1")];
    // back: 50 × (12 − 11) = 50, the other 20 are long at 11
    let double = [&single[..], &[buy("3", "70 @ 11")]].concat();
    for keep in [averaged, in_lots] {
        assert_eq!(shown(&keep(&single)), "-50 @ 12, realised 199, fees 1");
        assert_eq!(shown(&keep(&double)), "20 @ 11, realised 249, fees 1");
    }
}

#[test]
fn a_position_reopens_at_its_new_price_and_keeps_what_it_realised() {
    // 10 × (11 − 10) = 10, then 5 × (8 − 7) = 5 with 5 left at 7
    let events = [
        buy("1", "10 @ 10"),
        sell("2", "10 @ 11"),
        buy("3", "10 @ 7"),
        sell("4", "5 @ 8"),
    ];
    assert_eq!(shown(&averaged(&events)), "5 @ 7, realised 15, fees 0");
}

#[test]
fn negative_prices_are_prices() {
    // 2 × (−10 + 37.63) = 55.26
    let closed = [buy("1", "2 @ -37.63"), sell("2", "2 @ -10")];
    assert_eq!(shown(&averaged(&closed)), "0 @ -, realised 55.26, fees 0");
    // across zero: 3 × (4 + 1) = 15
    let across = [buy("1", "3 @ -1"), sell("2", "3 @ 4")];
    assert_eq!(shown(&in_lots(&across)), "0 @ -, realised 15, fees 0");
    // worth 2 × −5 = −10, cost 2 × −37.63 = −75.26, so it gained 65.26
    let valuation = averaged(&closed[..1]).value(&marked("-5")).valuation();
    assert_eq!(text(valuation.open.unrealised.value()), "65.26");
    assert_eq!(text(valuation.open.gross.value()), "10");
}

#[test]
fn an_option_expires_worthless() {
    let mut terms = shares(Method::Average);
    terms.multiplier = positive("100");
    // bought 2 × 1.35 × 100 = 270 with 1.30 of fees, sold at 0
    let position = kept(terms, &[buy("1", "2 @ 1.35 fee 1.3"), sell("2", "2 @ 0")]);
    assert_eq!(shown(&position), "0 @ -, realised -271.3, fees 1.3");
}

#[test]
fn the_multiplier_is_not_in_the_average_price() {
    let mut terms = shares(Method::Average);
    terms.multiplier = positive("50");
    // (1 × 5000 + 3 × 5010) / 4 = 5007.5; 2 × (5010 − 5007.5) × 50 = 250
    let events = [
        buy("1", "1 @ 5000"),
        buy("2", "3 @ 5010"),
        sell("3", "2 @ 5010"),
    ];
    let position = kept(terms, &events);
    assert_eq!(shown(&position), "2 @ 5007.5, realised 250, fees 0");
}

#[test]
fn several_fees_none_and_a_rebate() {
    let with_fees = |id: &str, fees: Vec<Charge>| {
        let Event::Fill(mut fill) = buy(id, "1 @ 10") else {
            unreachable!()
        };
        fill.execution.fees = Fees::known(fees);
        Event::Fill(fill)
    };
    let events = [
        // commission 1, exchange fee 0.02
        with_fees("1", vec![charge("1", "USD"), charge("0.02", "USD")]),
        with_fees("2", vec![]),
        with_fees("3", vec![charge("0", "USD")]),
        // paid by the venue
        with_fees("4", vec![charge("-0.25", "USD")]),
    ];
    // 1 + 0.02 − 0.25 = 0.77, realised at once although nothing was closed
    assert_eq!(
        shown(&averaged(&events)),
        "4 @ 10, realised -0.77, fees 0.77"
    );
}

#[test]
fn minus_one_is_a_rebate_and_unknown_is_unknown() {
    let rebate = averaged(&[buy("1", "1 @ 10 fee -1")]);
    assert_eq!(shown(&rebate), "1 @ 10, realised 1, fees -1");
    // two fills whose fees nobody told beside one of 0.5
    let events = [
        buy("1", "1 @ 10 fee 0.5"),
        buy("2", "1 @ 10 fee ?"),
        sell("3", "1 @ 12 fee ?"),
    ];
    let unknown = averaged(&events);
    assert_eq!(shown(&unknown), "1 @ 10, realised Fee?, fees Fee?");
    let valuation = unknown.value(&marked("12")).valuation();
    assert_eq!(
        text(valuation.booked.closed.value()),
        "2",
        "before fees it is known"
    );
    assert_eq!(valuation.booked.fees.known(), money("0.5"));
    assert_eq!(valuation.booked.fees.gaps(Missing::Fee), 2);
    assert_eq!(text(valuation.open.unrealised.value()), "2");
    assert_eq!(valuation.equity().value(), Err(Missing::Fee));
}

#[test]
fn fees_in_another_currency_stay_apart() {
    let Event::Fill(mut fill) = buy("1", "1 @ 300") else {
        unreachable!()
    };
    fill.execution.fees = Fees::known([charge("0.001", "BNB"), charge("0.1", "USD")]);
    let value = averaged(&[Event::Fill(fill)]).value(&marked("300"));
    assert_eq!(text(value.valuation().realised().value()), "-0.1");
    assert_eq!(value.elsewhere.len(), 1);
    let mut account = Totals::default();
    account.replace(None, &value).unwrap();
    let bnb = account.valuation(currency("BNB"));
    assert_eq!(text(bnb.realised().value()), "-0.001");
    assert_eq!(text(bnb.equity().value()), "-0.001");
}

#[test]
fn the_same_fill_counts_once_and_a_changed_one_is_refused() {
    let mut position = averaged(&[buy("1", "5 @ 10 fee 1")]);
    let before = position.clone();
    assert_eq!(
        position.apply(&buy("1", "5 @ 10 fee 1")),
        Ok(Applied::Repeated)
    );
    assert_eq!(
        position.apply(&buy_at(7, "1", "5 @ 10 fee ?")),
        Ok(Applied::Repeated)
    );
    for other in [
        buy("1", "6 @ 10 fee 1"),
        buy("1", "5 @ 11 fee 1"),
        buy("1", "5 @ 10 fee 2"),
        sell("1", "5 @ 10 fee 1"),
    ] {
        assert_eq!(position.apply(&other), Err(LedgerError::Conflicting));
    }
    assert_eq!(position, before);
}

#[test]
fn an_order_that_is_replayed_with_its_fills_counts_once() {
    let replayed = [order("10"), buy("1", "4 @ 10"), buy("2", "6 @ 11")];
    let mut position = averaged(&replayed);
    let before = position.clone();
    for event in &replayed {
        assert_eq!(position.apply(event), Ok(Applied::Repeated));
    }
    assert_eq!(position, before);
}

#[test]
fn a_repeated_fill_may_bring_the_fee_that_was_missing() {
    let mut position = averaged(&[buy("1", "5 @ 10 fee ?")]);
    assert_eq!(position.apply(&buy("1", "5 @ 10 fee 1")), Ok(changed()));
    assert_eq!(shown(&position), "5 @ 10, realised -1, fees 1");
    assert_eq!(
        position.apply(&buy("1", "5 @ 10 fee 1")),
        Ok(Applied::Repeated)
    );
    assert_eq!(
        position.apply(&buy("1", "5 @ 10 fee 2")),
        Err(LedgerError::Conflicting)
    );
}

#[test]
fn an_overfill_counts_and_is_flagged() {
    let beyond = |quantity: &str| {
        Applied::Changed(Change {
            late: None,
            overfilled: Some(quantity.parse().unwrap()),
        })
    };
    let mut position = averaged(&[order("10"), buy("1", "6 @ 10")]);
    // 6 + 4 = 10 is the order, 3 more are not
    assert_eq!(position.apply(&buy("2", "4 @ 10")), Ok(changed()));
    assert_eq!(position.apply(&buy("3", "3 @ 10")), Ok(beyond("3")));
    assert_eq!(position.quantity().to_string(), "13");
    assert_eq!(position.apply(&buy("3", "3 @ 10")), Ok(Applied::Repeated));
    // a bust of 2 of the first leaves 11, one too many
    assert_eq!(position.apply(&bust_part("1", "2", None)), Ok(beyond("1")));
    assert_eq!(position.apply(&bust("3")), Ok(changed()));
    // the order told after its fills: 4 + 4 = 8 of 5
    assert_eq!(position.apply(&order("5")), Ok(beyond("3")));
}

#[test]
fn a_leg_of_nothing_cannot_be_a_fill() {
    for nothing in ["0", "-1"] {
        let quantity: tapeline_model::money::Quantity = nothing.parse().unwrap();
        assert_eq!(Positive::try_from(quantity), Err(NotPositive(quantity)));
    }
}

#[test]
fn a_late_fill_counts_at_its_own_time() {
    // in time: buy 10 @ 10, buy 10 @ 20, sell 10 @ 30: 10 × (30 − 15) = 150
    let in_order = [
        buy_at(1, "1", "10 @ 10"),
        buy_at(2, "2", "10 @ 20"),
        sell_at(3, "3", "10 @ 30"),
    ];
    let mut position = averaged(&[in_order[0].clone(), in_order[2].clone()]);
    assert_eq!(shown(&position), "0 @ -, realised 200, fees 0");
    let late = Change {
        late: Some(Late::Reordered),
        overfilled: None,
    };
    assert_eq!(position.apply(&in_order[1]), Ok(Applied::Changed(late)));
    assert_eq!(shown(&position), "10 @ 15, realised 150, fees 0");
    assert_eq!(position.totals(), averaged(&in_order).totals());
}

#[test]
fn equal_times_count_in_the_order_of_arrival() {
    // the sale comes second: 10 × (12 − 10) = 20 and 10 left at 14;
    // had it come last, 10 × (12 − 12) = 0 with 10 left at 12
    let events = [
        buy_at(5, "b", "10 @ 10"),
        sell_at(5, "c", "10 @ 12"),
        buy_at(5, "a", "10 @ 14"),
    ];
    assert_eq!(shown(&averaged(&events)), "10 @ 14, realised 20, fees 0");
}

#[test]
fn a_local_hour_that_comes_twice_keeps_the_order_of_its_instants() {
    // 2026-11-01 in New York: 01:30 is 05:30 UTC, and an hour later 01:30 again
    let first = 1_793_511_000_000_000;
    let second = first + 3_600_000_000;
    let events = [
        sell_at(second, "2", "1 @ 12"),
        buy_at(first, "1", "1 @ 10"),
        buy_at(second, "3", "1 @ 11"),
    ];
    // 1 × (12 − 10) = 2, then one at 11
    assert_eq!(shown(&averaged(&events)), "1 @ 11, realised 2, fees 0");
}

#[test]
fn what_was_held_before_the_start_has_a_known_cost_or_none() {
    // 100 at 8: 40 × (10 − 8) = 80; the opening is no cash flow, the sale is 400
    let known = averaged(&[opening(1, "100", Some("8")), sell_at(2, "1", "40 @ 10")]);
    assert_eq!(shown(&known), "60 @ 8, realised 80, fees 0");
    let valuation = known.value(&marked("9")).valuation();
    assert_eq!(text(valuation.open.unrealised.value()), "60");
    assert_eq!(text(valuation.booked.cash.value()), "400");

    let events = [opening(1, "-100", None), buy_at(2, "1", "40 @ 10")];
    let unknown = averaged(&events);
    assert_eq!(shown(&unknown), "-60 @ Cost?, realised Cost?, fees 0");
    let valuation = unknown.value(&marked("9")).valuation();
    assert_eq!(valuation.open.unrealised.value(), Err(Missing::Cost));
    // −400 in cash and −60 × 9 = −540 of value need no cost
    assert_eq!(text(valuation.equity().value()), "-940");

    // told at last: 40 × (12 − 10) = 80
    let mut told = unknown;
    assert_eq!(told.apply(&opening(1, "-100", Some("12"))), Ok(changed()));
    assert_eq!(shown(&told), "-60 @ 12, realised 80, fees 0");
}

#[test]
fn first_in_first_out_knows_the_cost_of_what_came_after_the_start() {
    let events = [
        opening(1, "10", None),
        buy_at(2, "1", "10 @ 20"),
        sell_at(3, "2", "10 @ 21"),
    ];
    let position = in_lots(&events);
    assert_eq!(lots(&position), "10 for 200");
    let valuation = position.value(&marked("22")).valuation();
    assert_eq!(text(valuation.open.unrealised.value()), "20");
    assert_eq!(valuation.booked.closed.value(), Err(Missing::Cost));
    // at average cost, new shares among unknown ones are unknown too
    assert_eq!(lots(&averaged(&events)), "10 for ?");
}

#[test]
fn a_fill_from_before_the_opening_is_in_it() {
    let mut position = averaged(&[opening(5, "10", Some("8"))]);
    for time in [4, 5] {
        let early = buy_at(time, "1", "1 @ 10");
        assert_eq!(position.apply(&early), Err(LedgerError::BeforeOpening));
    }
    assert_eq!(position.apply(&buy_at(6, "1", "10 @ 10")), Ok(changed()));
    assert_eq!(shown(&position), "20 @ 9, realised 0, fees 0");
    assert_eq!(
        position.apply(&opening(5, "11", Some("8"))),
        Err(LedgerError::Conflicting)
    );
    assert_eq!(
        averaged(&[buy_at(5, "1", "1 @ 1")]).apply(&opening(5, "1", None)),
        Err(LedgerError::OpeningNotFirst)
    );
}

#[test]
fn a_hundred_fills_lose_no_digit() {
    // 100 × 0.1 @ 0.1 = 1 for 10 units, sold at 0.10000001: 10 × 0.00000001;
    // the fees of 0.00000001 each are a hundred times that
    let mut events: Vec<Event> = (0..100)
        .map(|n| buy_at(n, &n.to_string(), "0.1 @ 0.1 fee 0.00000001"))
        .collect();
    assert_eq!(
        shown(&averaged(&events)),
        "10 @ 0.1, realised -0.000001, fees 0.000001"
    );
    events.push(sell_at(100, "out", "10 @ 0.10000001"));
    for position in [averaged(&events), in_lots(&events)] {
        assert_eq!(
            shown(&position),
            "0 @ -, realised -0.0000009, fees 0.000001"
        );
    }
    // thirds: 100 × 1 @ 0.33333333 cost 33.333333, closed in three uneven parts at 0
    let mut thirds: Vec<Event> = (0..100)
        .map(|n| buy_at(n, &n.to_string(), "1 @ 0.33333333"))
        .collect();
    for (n, part) in ["33.33333333", "33.33333334", "33.33333333"]
        .iter()
        .enumerate()
    {
        thirds.push(sell_at(200, &format!("out {n}"), &format!("{part} @ 0")));
    }
    assert_eq!(
        shown(&averaged(&thirds)),
        "0 @ -, realised -33.333333, fees 0"
    );
}
