//! What holds for any sequence of reports.

use proptest::prelude::*;
use tapeline_model::money::{Price, Quantity};

use super::*;
use storage::restored;

#[derive(Debug, Clone)]
struct Trade {
    side: Side,
    quantity: i64,
    price: i64,
    fee: i128,
}

fn any_trade() -> impl Strategy<Value = Trade> {
    (
        any::<bool>(),
        1i64..100_000_000_000,
        -50_000_000_000i64..500_000_000_000,
        -1_000_000i128..1_000_000_000,
    )
        .prop_map(|(buys, quantity, price, fee)| Trade {
            side: if buys { Side::Buy } else { Side::Sell },
            quantity,
            price,
            fee,
        })
}

fn any_method() -> impl Strategy<Value = Method> {
    prop_oneof![Just(Method::Average), Just(Method::Fifo)]
}

fn any_terms() -> impl Strategy<Value = Terms> {
    let multiplier = prop_oneof![Just(100_000_000), 1i64..100_000_000_000];
    (any_method(), multiplier).prop_map(|(method, multiplier)| Terms {
        multiplier: Quantity::from_raw(multiplier).unwrap().try_into().unwrap(),
        ..shares(method)
    })
}

fn fill(n: usize, trade: &Trade) -> Event {
    let Event::Fill(mut fill) = fill_at(n as i64, &n.to_string(), trade.side, "1 @ 1") else {
        unreachable!()
    };
    fill.execution.quantity = Quantity::from_raw(trade.quantity)
        .unwrap()
        .try_into()
        .unwrap();
    fill.execution.price = Price::from_raw(trade.price).unwrap();
    fill.execution.fees = Fees::known([Charge {
        amount: Money::from_raw(trade.fee).unwrap(),
        currency: currency("USD"),
    }]);
    Event::Fill(fill)
}

fn fills(trades: &[Trade]) -> Vec<Event> {
    trades
        .iter()
        .enumerate()
        .map(|(n, trade)| fill(n, trade))
        .collect()
}

/// Price × quantity × multiplier in whole units of 10⁻⁸, half to even; every
/// product here fits an i128.
fn exact_value(price: i64, quantity: i128, terms: &Terms) -> i128 {
    const UNITS: i128 = 10_000_000_000_000_000;
    let product = i128::from(price) * quantity * i128::from(terms.multiplier.get().raw());
    let (whole, rest) = (product.div_euclid(UNITS), product.rem_euclid(UNITS));
    let is_odd = whole.rem_euclid(2) == 1;
    whole + i128::from(rest > UNITS / 2 || (rest == UNITS / 2 && is_odd))
}

fn signed(trade: &Trade) -> i128 {
    match trade.side {
        Side::Buy => trade.quantity.into(),
        Side::Sell => -i128::from(trade.quantity),
    }
}

fn at(price: i64) -> Prices {
    Prices {
        last: Some(Quoted {
            price: Price::from_raw(price).unwrap(),
            time: Micros(0),
        }),
        ..Prices::default()
    }
}

fn raw(amount: Amount) -> i128 {
    amount.value().unwrap().raw()
}

/// A trade that leaves nothing open.
fn closing(trades: &[Trade]) -> Option<Trade> {
    let open: i128 = trades.iter().map(signed).sum();
    (open != 0).then(|| Trade {
        side: if open > 0 { Side::Sell } else { Side::Buy },
        quantity: open.abs() as i64,
        price: 123_456_789,
        fee: 1,
    })
}

/// Anything a broker could say, true or not.
fn any_event() -> impl Strategy<Value = Event> {
    // Few, so that they meet; many, so that they settle.
    let small = prop_oneof![0i64..12, 0i64..400];
    let any_quantity = prop_oneof![
        Just("0.00000001"),
        Just("1"),
        Just("3.7"),
        Just("9999999999.99999999")
    ];
    let any_price = prop_oneof![
        Just("0"),
        Just("-2.5"),
        Just("10"),
        Just("9999999999.99999999")
    ];
    let any_fee = prop_oneof![
        Just("?"),
        Just("0"),
        Just("1"),
        Just("-1"),
        Just("999999999999999999999999999999")
    ];
    let execution = (
        any::<bool>(),
        any_quantity.clone(),
        any_price.clone(),
        any_fee,
    )
        .prop_map(|(buys, quantity, price, fee)| {
            let side = if buys { Side::Buy } else { Side::Sell };
            execution(side, &format!("{quantity} @ {price} fee {fee}"))
        });
    let part = prop::option::of(any_quantity.clone());
    let ratio = (1u32..5, prop_oneof![1u32..5, Just(u32::MAX)]);
    (
        0u8..8,
        small.clone(),
        small,
        execution,
        part,
        any_price,
        ratio,
    )
        .prop_map(
            |(kind, id, time, execution, part, price, (new, old))| match kind {
                0..=2 => Event::Fill(Fill {
                    exec_id: ExecId::new(id.to_string()),
                    order_id: OrderId::new((id % 3).to_string()),
                    currency: currency("USD"),
                    execution,
                    time: Micros(time),
                }),
                3 => {
                    let quantity = part.map(positive);
                    let returned = execution.fees.told().map(<[Charge]>::to_vec);
                    amend(
                        &id.to_string(),
                        time,
                        Amendment::Bust(Void { quantity, returned }),
                    )
                }
                4 => amend(
                    &id.to_string(),
                    time,
                    Amendment::Correction(currency("USD"), execution),
                ),
                5 => split(
                    &id.to_string(),
                    time,
                    new,
                    old,
                    (id % 2 == 0).then_some(price),
                ),
                6 => dividend(&id.to_string(), time, price),
                _ => opening(
                    time % 3,
                    part.unwrap_or("0"),
                    (id % 2 == 0).then_some(price),
                ),
            },
        )
}

proptest! {
    /// To the last digit: what was realised and what is not are the cash that
    /// flowed and what the position is worth.
    #[test]
    fn profit_is_cash_flow_plus_value(
        trades in prop::collection::vec(any_trade(), 1..150),
        terms in any_terms(),
        mark in -50_000_000_000i64..500_000_000_000,
    ) {
        let position = kept(terms, &fills(&trades));
        let valuation = position.value(&at(mark)).valuation();
        let flowed: i128 = trades
            .iter()
            .map(|trade| -exact_value(trade.price, signed(trade), &terms) - trade.fee)
            .sum();
        let open: i128 = trades.iter().map(signed).sum();
        prop_assert_eq!(i128::from(position.quantity().raw()), open);
        let value = exact_value(mark, open, &terms);
        prop_assert_eq!(raw(valuation.realised()) + raw(valuation.open.unrealised), flowed + value);
        prop_assert_eq!(raw(valuation.equity()), flowed + value);
    }

    #[test]
    fn margined_and_paid_in_full_come_to_the_same_equity(
        trades in prop::collection::vec(any_trade(), 1..100),
        terms in any_terms(),
        mark in -50_000_000_000i64..500_000_000_000,
    ) {
        let margined = Terms { settlement: Settlement::Margined, ..terms };
        let equity = |terms| raw(kept(terms, &fills(&trades)).value(&at(mark)).valuation().equity());
        prop_assert_eq!(equity(margined), equity(terms));
    }

    #[test]
    fn both_methods_agree_once_flat(mut trades in prop::collection::vec(any_trade(), 1..100)) {
        trades.extend(closing(&trades));
        let events = fills(&trades);
        let (average, fifo) = (averaged(&events), in_lots(&events));
        prop_assert!(average.quantity().is_zero());
        prop_assert_eq!(shown(&average), shown(&fifo));
    }

    #[test]
    fn busting_every_fill_returns_to_nothing(
        trades in prop::collection::vec(any_trade(), 1..OPEN_ENTRIES),
        terms in any_terms(),
        order in any::<u64>(),
    ) {
        let mut position = kept(terms, &fills(&trades));
        for n in 0..trades.len() as u64 {
            // A permutation, so that busts come in any order.
            let of = (n + order % trades.len() as u64) % trades.len() as u64;
            position.apply(&bust(&of.to_string())).unwrap();
        }
        prop_assert_eq!(position.totals(), &PositionTotals::default());
    }

    #[test]
    fn a_bust_and_a_fill_that_never_was_are_the_same(
        trades in prop::collection::vec(any_trade(), 2..OPEN_ENTRIES),
        terms in any_terms(),
        which in any::<prop::sample::Index>(),
    ) {
        let mut events = fills(&trades);
        let which = which.index(events.len());
        let mut busted = kept(terms, &events);
        busted.apply(&bust(&which.to_string())).unwrap();
        events.remove(which);
        let without = kept(terms, &events);
        prop_assert_eq!(busted.totals(), without.totals());
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(
        trades in prop::collection::vec(any_trade(), 1..OPEN_ENTRIES),
        terms in any_terms(),
        seed in prop::collection::vec(any::<u32>(), OPEN_ENTRIES),
    ) {
        let events = fills(&trades);
        let mut shuffled: Vec<(u32, &Event)> = seed.into_iter().zip(&events).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let shuffled: Vec<Event> = shuffled.into_iter().map(|(_, event)| event.clone()).collect();
        let (shuffled, in_order) = (kept(terms, &shuffled), kept(terms, &events));
        prop_assert_eq!(shuffled.totals(), in_order.totals());
    }

    #[test]
    fn the_order_of_independent_positions_does_not_matter(
        books in prop::collection::vec(prop::collection::vec(any_trade(), 1..20), 2..6),
        method in any_method(),
    ) {
        let positions = books.iter().map(|trades| kept(shares(method), &fills(trades)));
        let values: Vec<(PositionValue, PositionValue)> = positions
            .map(|position| (position.value(&Prices::default()), position.value(&at(1_000_000_000))))
            .collect();
        let mut forward = Totals::default();
        let mut backward = Totals::default();
        for (unpriced, priced) in &values {
            forward.replace(None, unpriced).unwrap();
            forward.replace(Some(unpriced), priced).unwrap();
        }
        for (unpriced, _) in values.iter().rev() {
            backward.replace(None, unpriced).unwrap();
        }
        for (unpriced, priced) in &values {
            backward.replace(Some(unpriced), priced).unwrap();
        }
        prop_assert_eq!(&forward, &backward);
        let equity: i128 = values.iter().map(|(_, priced)| raw(priced.valuation().equity())).sum();
        prop_assert_eq!(raw(forward.valuation(currency("USD")).equity()), equity);
    }

    #[test]
    fn splits_keep_the_cash_flow_identity(
        trades in prop::collection::vec(any_trade(), 1..20),
        terms in any_terms(),
        splits in prop::collection::vec((0i64..20, 1u32..8, 1u32..8, prop::option::of(-500i128..500)), 1..4),
        mark in 0i64..100_000_000_000,
    ) {
        let mut position = kept(terms, &fills(&trades));
        let mut flowed: i128 = trades
            .iter()
            .map(|trade| -exact_value(trade.price, signed(trade), &terms) - trade.fee)
            .sum();
        for (n, (time, new, old, cash)) in splits.into_iter().enumerate() {
            let Event::Split(mut event) = split(&n.to_string(), time, new, old, None) else {
                unreachable!()
            };
            event.cash_in_lieu = cash.and_then(Money::from_raw);
            position.apply(&Event::Split(event)).unwrap();
            flowed += cash.unwrap_or_default();
        }
        let valuation = position.value(&at(mark)).valuation();
        let value = exact_value(mark, position.quantity().raw().into(), &terms);
        prop_assert_eq!(raw(valuation.realised()) + raw(valuation.open.unrealised), flowed + value);
        prop_assert_eq!(raw(valuation.equity()), flowed + value);
    }

    /// No panic, no half change, and a stored copy goes the same way.
    #[test]
    fn whatever_comes_is_applied_whole_or_not_at_all(
        events in prop::collection::vec(any_event(), 1..400),
        terms in any_terms(),
        stored_every in 1usize..40,
    ) {
        let mut position = Position::new(terms);
        let mut copy = position.clone();
        for (n, event) in events.iter().enumerate() {
            let before = position.clone();
            let applied = position.apply(event);
            prop_assert_eq!(&copy.apply(event), &applied);
            let told = matches!(applied, Ok(Applied::Changed(_) | Applied::Held));
            prop_assert_eq!(position != before, told);
            if n % stored_every == 0 {
                copy = restored(&copy);
            }
            prop_assert_eq!(&copy, &position);
            let again = position.clone();
            if applied.is_ok() {
                let repeated = position.apply(event);
                prop_assert!(!matches!(repeated, Ok(Applied::Changed(_) | Applied::Held)), "{:?}", repeated);
                prop_assert_eq!(&position, &again);
            }
            let _worth = position.value(&at(Price::ZERO.raw()));
            let _average = position.average_price();
        }
    }
}
