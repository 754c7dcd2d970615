//! Prices, currencies, cash and sums over positions.

use super::*;

fn quoted(price: &str, time: i64) -> Quoted {
    Quoted {
        price: price.parse().unwrap(),
        time: Micros(time),
    }
}

fn euro_position(events: &[Event]) -> Position {
    let mut terms = shares(Method::Average);
    terms.currency = currency("EUR");
    let in_euro = |event: &Event| match event {
        Event::Fill(fill) => {
            let mut fill = fill.clone();
            fill.currency = currency("EUR");
            Event::Fill(fill)
        }
        other => other.clone(),
    };
    let events: Vec<Event> = events.iter().map(in_euro).collect();
    kept(terms, &events)
}

/// Base for one of the other currency.
fn rate(base: &str, other: &str) -> Rate {
    Rate {
        base: positive(base),
        other: positive(other),
        time: Micros(1),
    }
}

fn in_dollars(code: &str, base: &str, other: &str) -> Rates {
    let mut rates = Rates::into(currency("USD"));
    rates.set(currency(code), rate(base, other));
    rates
}

fn totals(values: &[PositionValue]) -> Totals {
    let mut totals = Totals::default();
    for value in values {
        totals.replace(None, value).unwrap();
    }
    totals
}

fn transfer(id: &str, time: i64, amount: &str) -> CashEvent {
    CashEvent {
        id: id.into(),
        kind: CashKind::Transfer,
        amount: money(amount),
        currency: currency("USD"),
        time: Micros(time),
    }
}

#[test]
fn a_position_is_valued_at_the_mark_then_at_its_side_then_at_the_last_trade() {
    let mut prices = Prices {
        mark: Some(quoted("10", 1)),
        bid: Some(quoted("9", 2)),
        ask: Some(quoted("11", 3)),
        last: Some(quoted("8", 4)),
    };
    let long = averaged(&[buy("1", "2 @ 7")]);
    let short = averaged(&[sell("1", "2 @ 7")]);
    let valued = |position: &Position, prices: &Prices| {
        let value = position.value(prices);
        let price = value.holding.price.map_or("no price".to_owned(), |v| {
            format!("{:?} {}", v.kind, v.time.0)
        });
        format!(
            "{price}: {}",
            text(value.valuation().open.unrealised.value())
        )
    };
    // 2 × (10 − 7), and the other way round
    assert_eq!(valued(&long, &prices), "Mark 1: 6");
    assert_eq!(valued(&short, &prices), "Mark 1: -6");
    prices.mark = None;
    // 2 × (9 − 7) for the long, 2 × (7 − 11) for the short
    assert_eq!(valued(&long, &prices), "Bid 2: 4");
    assert_eq!(valued(&short, &prices), "Ask 3: -8");
    (prices.bid, prices.ask) = (None, None);
    // 2 × (8 − 7)
    assert_eq!(valued(&long, &prices), "Last 4: 2");
    prices.last = None;
    assert_eq!(valued(&long, &prices), "no price: Price?");
    assert_eq!(valued(&averaged(&[]), &prices), "no price: 0");
}

#[test]
fn an_account_adds_up() {
    let long = averaged(&[
        buy("1", "100 @ 10 fee 1"),
        sell("2", "40 @ 12"),
        dividend("d", 2, "0.5"),
    ]);
    let short = averaged(&[sell("1", "20 @ 30 fee 2")]);
    let mut account = totals(&[long.value(&marked("11")), short.value(&marked("33"))]);
    let mut cash = CashBook::default();
    cash.apply(&transfer("in", 1, "5000")).unwrap();
    let before = Booked::default();
    let after = cash.booked(currency("USD"));
    account.rebook(currency("USD"), &before, &after).unwrap();
    let valuation = account.valuation(currency("USD"));
    // closed 40 × 2 = 80; fees 1 + 2; dividend 60 × 0.5 = 30;
    // unrealised 60 × 1 − 20 × 3 = 0; net 660 − 660, gross 1320;
    // cash 5000 − 1000 + 480 + 600 + 30 − 3 = 5107; equity the same, as net is 0
    let figures = [
        ("closed", valuation.booked.closed, "80"),
        ("fees", valuation.booked.fees, "3"),
        ("realised", valuation.realised(), "77"),
        ("income", valuation.booked.income, "30"),
        ("unrealised", valuation.open.unrealised, "0"),
        ("net", valuation.open.net, "0"),
        ("gross", valuation.open.gross, "1320"),
        ("cash", valuation.booked.cash, "5107"),
        ("equity", valuation.equity(), "5107"),
        ("profit", valuation.profit(), "107"),
    ];
    for (name, amount, expected) in figures {
        assert_eq!(text(amount.value()), expected, "{name}");
    }
}

#[test]
fn a_missing_price_is_missing_in_the_sum_and_leaves_with_its_position() {
    let priced = averaged(&[buy("1", "1 @ 10")]).value(&marked("12"));
    let other = averaged(&[buy("1", "2 @ 5")]);
    let unpriced = other.value(&Prices::default());
    let mut account = totals(&[priced.clone(), unpriced.clone()]);
    let valuation = account.valuation(currency("USD"));
    for amount in [
        valuation.open.unrealised,
        valuation.open.net,
        valuation.open.gross,
        valuation.equity(),
    ] {
        assert_eq!(amount.value(), Err(Missing::Price));
        assert_eq!(amount.gaps(Missing::Price), 1);
    }
    assert_eq!(
        text(valuation.booked.cash.value()),
        "-20",
        "cash needs no price"
    );
    let now_priced = other.value(&marked("6"));
    account
        .revalue(currency("USD"), &unpriced.holding, &now_priced.holding)
        .unwrap();
    // 2 + 2 × 1 = 4
    let valuation = account.valuation(currency("USD"));
    assert_eq!(text(valuation.open.unrealised.value()), "4");
    assert_eq!(account, totals(&[now_priced, priced]));
}

#[test]
fn futures_move_cash_by_their_profit_only() {
    let terms = Terms {
        multiplier: positive("50"),
        settlement: Settlement::Margined,
        ..shares(Method::Average)
    };
    // 1 × (5010 − 5000) × 50 = 500 in cash less 4 of fees; open 1 × 20 × 50 = 1000
    let position = kept(terms, &[buy("1", "2 @ 5000 fee 4"), sell("2", "1 @ 5010")]);
    let valuation = position.value(&marked("5020")).valuation();
    assert_eq!(text(valuation.booked.cash.value()), "496");
    assert_eq!(text(valuation.equity().value()), "1496");
    assert_eq!(text(valuation.open.net.value()), "251000");
    // margined without its cost, neither cash nor equity is known
    let unknown = kept(terms, &[opening(0, "2", None), sell("1", "1 @ 5010")]);
    let valuation = unknown.value(&marked("5020")).valuation();
    assert_eq!(valuation.booked.cash.value(), Err(Missing::Cost));
    assert_eq!(valuation.equity().value(), Err(Missing::Cost));
}

#[test]
fn another_currency_long_and_short() {
    // long 10 × (110 − 100) = 100 EUR, short 10 × (100 − 90) = 100 EUR; at 1.25: 125 USD
    let rates = in_dollars("EUR", "1.25", "1");
    let long = euro_position(&[buy("1", "10 @ 100")]).value(&marked("110"));
    let short = euro_position(&[sell("1", "10 @ 100")]).value(&marked("90"));
    for value in [&long, &short] {
        assert_eq!(text(value.valuation().open.unrealised.value()), "100");
        let base = totals(std::slice::from_ref(value)).translated(&rates);
        assert_eq!(text(base.open.unrealised.value()), "125");
        assert_eq!(text(base.equity().value()), "125");
    }
    // gross 1100 + 900 = 2000 EUR = 2500 USD; net 200 EUR = 250 USD
    let both = totals(&[long, short]).translated(&rates);
    assert_eq!(text(both.open.gross.value()), "2500");
    assert_eq!(text(both.open.net.value()), "250");
}

#[test]
fn a_rate_quoted_the_other_way_round_loses_nothing() {
    // 1,498,500 JPY at 149.85 JPY for a dollar are exactly 10,000 USD
    let rates = in_dollars("JPY", "1", "149.85");
    assert_eq!(
        rates.translate(money("1498500"), currency("JPY")),
        Ok(money("10000"))
    );
}

#[test]
fn a_rate_that_was_missing_at_the_fill_costs_nothing_later() {
    let position = euro_position(&[buy("1", "10 @ 100"), sell("2", "10 @ 104")]);
    let account = totals(&[position.value(&Prices::default())]);
    let without = account.translated(&Rates::into(currency("USD")));
    assert_eq!(without.realised().value(), Err(Missing::Rate));
    assert_eq!(without.equity().value(), Err(Missing::Rate));
    assert_eq!(
        text(without.open.gross.value()),
        "0",
        "nothing needs no rate"
    );
    // 40 EUR at 1.1
    let with = account.translated(&in_dollars("EUR", "1.1", "1"));
    assert_eq!(text(with.realised().value()), "44");
}

#[test]
fn foreign_fees_count_in_the_base() {
    let Event::Fill(mut fill) = buy("1", "1 @ 300") else {
        unreachable!()
    };
    fill.execution.fees = Fees::known([charge("0.01", "BNB")]);
    let value = averaged(&[Event::Fill(fill)]).value(&marked("300"));
    // 0.01 × 600 = 6
    let base = totals(&[value]).translated(&in_dollars("BNB", "600", "1"));
    assert_eq!(text(base.realised().value()), "-6");
    assert_eq!(text(base.equity().value()), "-6");
}

#[test]
fn deposits_and_withdrawals_move_equity_and_never_profit() {
    let value = averaged(&[buy("1", "10 @ 10")]).value(&marked("8"));
    let mut cash = CashBook::default();
    let mut account = totals(&[value]);
    let mut known = Booked::default();
    let mut seen = Vec::new();
    // −20 of profit throughout; equity 1000 − 20, then 400 less
    for event in [transfer("in", 1, "1000"), transfer("out", 2, "-400")] {
        assert_eq!(cash.apply(&event), Ok(changed()));
        let booked = cash.booked(currency("USD"));
        account.rebook(currency("USD"), &known, &booked).unwrap();
        known = booked;
        let sum = account.valuation(currency("USD"));
        seen.push((text(sum.equity().value()), text(sum.profit().value())));
    }
    let expected = [("980", "-20"), ("580", "-20")];
    assert_eq!(seen, expected.map(|(e, p)| (e.to_owned(), p.to_owned())));
    assert_eq!(cash.transferred(currency("USD")), money("600"));
}

#[test]
fn interest_and_account_fees_are_profit() {
    let mut cash = CashBook::default();
    for (id, kind, amount) in [
        ("1", CashKind::Income, "3"),
        ("2", CashKind::Income, "-1.5"),
        ("3", CashKind::Fee, "-10"),
    ] {
        let event = CashEvent {
            kind,
            ..transfer(id, 1, amount)
        };
        cash.apply(&event).unwrap();
        assert_eq!(cash.apply(&event), Ok(Applied::Repeated));
    }
    // 3 − 1.5 − 10 = −8.5
    let valuation = Valuation {
        booked: cash.booked(currency("USD")),
        ..Valuation::default()
    };
    assert_eq!(text(valuation.profit().value()), "-8.5");
    assert_eq!(text(valuation.booked.cash.value()), "-8.5");
}

#[test]
fn an_amount_too_large_is_missing_not_wrong() {
    let terms = Terms {
        multiplier: positive("9999999999"),
        ..shares(Method::Average)
    };
    // bought for −10³⁰ and worth 10³⁰: the difference does not fit 30 places
    let value = kept(terms, &[buy("1", "9999999999 @ -9999999999")]).value(&marked("9999999999"));
    assert_eq!(
        value.valuation().open.unrealised.value(),
        Err(Missing::TooLarge)
    );
    assert_eq!(value.valuation().equity().value(), Err(Missing::TooLarge));
}
