use proptest::prelude::*;
use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol};

use super::*;

fn report(kind: FillKind, id: &str, side: Side, quantity: &str, price: &str, fee: &str) -> Fill {
    Fill {
        kind,
        exec_id: ExecId::new(id),
        ref_exec_id: None,
        order_id: OrderId::new("O"),
        portfolio: PortfolioId::new("p"),
        account: AccountId::new("a"),
        symbol: Symbol::new("S"),
        side,
        price: price.parse().unwrap(),
        quantity: quantity.parse().unwrap(),
        fee: (!fee.is_empty()).then(|| fee.parse().unwrap()),
        currency: "USD".into(),
        event_time: Micros(1),
        ingest_time: Micros(1),
        source: "test".into(),
    }
}

fn buy(id: &str, quantity: &str, price: &str) -> Fill {
    report(FillKind::Fill, id, Side::Buy, quantity, price, "0")
}

fn sell(id: &str, quantity: &str, price: &str) -> Fill {
    report(FillKind::Fill, id, Side::Sell, quantity, price, "0")
}

fn bust(id: &str, of: &str) -> Fill {
    Fill {
        ref_exec_id: Some(ExecId::new(of)),
        ..report(FillKind::Bust, id, Side::Buy, "1", "1", "0")
    }
}

fn correction(id: &str, of: &str, side: Side, quantity: &str, price: &str) -> Fill {
    Fill {
        ref_exec_id: Some(ExecId::new(of)),
        ..report(FillKind::Correction, id, side, quantity, price, "0")
    }
}

fn try_all(fills: &[Fill]) -> Result<Book, Refusal> {
    fills.iter().try_fold(Book::new("USD"), |book, fill| {
        Ok(match book.apply(fill)? {
            Applied::Changed(next) => next,
            Applied::Repeated => book,
        })
    })
}

/// quantity, average price, realised, fees
fn shown(fills: &[Fill]) -> String {
    let book = try_all(fills).unwrap();
    let average = book
        .average_price()
        .unwrap()
        .map_or("-".into(), |p| p.to_string());
    let lot = book.lot();
    format!(
        "{} @ {average}, {} realised, {} fees",
        lot.quantity, lot.realised, lot.fees
    )
}

#[test]
fn increases_average_and_reductions_keep_the_average() {
    // (100 × 10 + 50 × 13) / 150 = 11
    let opened = [buy("1", "100", "10"), buy("2", "50", "13")];
    assert_eq!(shown(&opened), "150 @ 11, 0 realised, 0 fees");
    // 30 × (12 − 11) = 30
    let reduced = [opened.to_vec(), vec![sell("3", "30", "12")]].concat();
    assert_eq!(shown(&reduced), "120 @ 11, 30 realised, 0 fees");
}

#[test]
fn an_exact_close_leaves_nothing_open() {
    // 100 × (9.5 − 10) = −50
    assert_eq!(
        shown(&[buy("1", "100", "10"), sell("2", "100", "9.5")]),
        "0 @ -, -50 realised, 0 fees"
    );
}

#[test]
fn a_flip_realises_the_closed_part_and_opens_the_rest_at_the_fill_price() {
    // 100 × (12 − 10) = 200, then 50 short at 12
    let flipped = [buy("1", "100", "10"), sell("2", "150", "12")];
    assert_eq!(shown(&flipped), "-50 @ 12, 200 realised, 0 fees");
    // back: 50 × (12 − 11) = 50, then 20 long at 11
    let twice = [flipped.to_vec(), vec![buy("3", "70", "11")]].concat();
    assert_eq!(shown(&twice), "20 @ 11, 250 realised, 0 fees");
}

#[test]
fn a_short_position_gains_when_the_price_falls() {
    // 40 × (20 − 18) = 80
    let fills = [sell("1", "100", "20"), buy("2", "40", "18")];
    assert_eq!(shown(&fills), "-60 @ 20, 80 realised, 0 fees");
    let book = try_all(&fills).unwrap();
    // 60 × (20 − 19) = 60
    let at_19 = book.unrealised(Some("19".parse().unwrap())).unwrap();
    assert_eq!(at_19, Some("60".parse().unwrap()));
    assert_eq!(
        book.unrealised(None).unwrap(),
        None,
        "a missing price is missing"
    );
}

#[test]
fn fees_rebates_and_unknown_fees() {
    let fee = |id: &str, fee: &str| report(FillKind::Fill, id, Side::Buy, "1", "10", fee);
    // paid 1, rebate 0.25, and one the broker did not tell
    let fills = [fee("1", "1"), fee("2", "-0.25"), fee("3", "")];
    assert_eq!(shown(&fills), "3 @ 10, -0.75 realised, 0.75 fees");
    assert_eq!(try_all(&fills).unwrap().lot().unknown_fees, 1);
}

#[test]
fn negative_prices_are_prices() {
    // bought at −37.63, sold at −10: 2 × (−10 + 37.63) = 55.26
    assert_eq!(
        shown(&[buy("1", "2", "-37.63"), sell("2", "2", "-10")]),
        "0 @ -, 55.26 realised, 0 fees"
    );
}

#[test]
fn a_bust_rebuilds_the_position_as_if_the_fill_never_was() {
    let fills = [
        buy("1", "100", "10"),
        sell("2", "150", "12"),
        bust("3", "1"),
    ];
    assert_eq!(shown(&fills), "-150 @ 12, 0 realised, 0 fees");
    let again = [fills.to_vec(), vec![bust("3", "1")]].concat();
    assert_eq!(shown(&again), shown(&fills));
}

#[test]
fn a_correction_replaces_the_fill_even_after_the_close() {
    let fills = [
        buy("1", "100", "10"),
        sell("2", "100", "12"),
        correction("3", "1", Side::Buy, "100", "11"),
    ];
    // 100 × (12 − 11) = 100
    assert_eq!(shown(&fills), "0 @ -, 100 realised, 0 fees");
    let first_again = [fills.to_vec(), vec![buy("1", "100", "10")]].concat();
    assert_eq!(
        shown(&first_again),
        shown(&fills),
        "the corrected report may be replayed"
    );
}

#[test]
fn the_same_report_counts_once_and_a_changed_one_is_refused() {
    assert_eq!(
        shown(&[buy("1", "5", "10"), buy("1", "5", "10")]),
        "5 @ 10, 0 realised, 0 fees"
    );
    let refusal = try_all(&[buy("1", "5", "10"), buy("1", "6", "10")]).unwrap_err();
    assert_eq!(refusal.reason, Reason::ConflictingFill);
}

#[test]
fn what_cannot_be_booked_is_refused_with_its_reason() {
    let reason = |fill: Fill| try_all(&[fill]).unwrap_err().reason;
    assert_eq!(reason(buy("1", "0", "10")), Reason::BadQuantity);
    assert_eq!(reason(buy("1", "-1", "10")), Reason::BadQuantity);
    assert_eq!(reason(bust("1", "9")), Reason::UnknownFill);
    let euro = Fill {
        currency: "EUR".into(),
        ..buy("1", "1", "1")
    };
    assert_eq!(reason(euro), Reason::WrongCurrency);
    let most = "9999999999.99999999";
    let refusal = try_all(&[buy("1", most, "1"), buy("2", most, "1")]).unwrap_err();
    assert_eq!(refusal.reason, Reason::AmountOverflow);
}

#[test]
fn old_fills_settle_and_the_book_stays_bounded() {
    let mut fills: Vec<Fill> = (0..OPEN_FILLS + 10)
        .map(|n| buy(&format!("{n}"), "1", "10"))
        .collect();
    let book = try_all(&fills).unwrap();
    assert_eq!(book.state().fills.len(), OPEN_FILLS);
    assert_eq!(
        book.lot().quantity.to_string(),
        (OPEN_FILLS + 10).to_string()
    );
    assert_eq!(Book::try_from(book.state().clone()).unwrap(), book);
    fills.push(bust("late", "0"));
    assert_eq!(try_all(&fills).unwrap_err().reason, Reason::UnknownFill);
}

fn any_fill() -> impl Strategy<Value = (bool, i64, i64, i64)> {
    (
        any::<bool>(),
        1i64..100_000_000_000,
        -50_000_000_000i64..500_000_000_000,
        -1_000_000i64..1_000_000_000,
    )
}

proptest! {
    /// Realised and unrealised together are the cash that flowed plus what the
    /// position is worth. Each notional is rounded at most twice in a flip.
    #[test]
    fn profit_is_cash_flow_plus_value(
        fills in prop::collection::vec(any_fill(), 1..150),
        mark in -50_000_000_000i64..500_000_000_000,
    ) {
        let mut book = Book::new("USD");
        let mut cash: i128 = 0;
        for (n, (is_buy, quantity, price, fee)) in fills.iter().enumerate() {
            let mut fill = buy(&n.to_string(), "1", "1");
            fill.side = if *is_buy { Side::Buy } else { Side::Sell };
            fill.quantity = Quantity::from_raw(*quantity).unwrap();
            fill.price = Price::from_raw(*price).unwrap();
            fill.fee = Price::from_raw(*fee);
            // In 10⁻¹⁶ units, so that the oracle never rounds.
            let flow = i128::from(*quantity) * i128::from(*price);
            cash += if *is_buy { -flow } else { flow } - i128::from(*fee) * 100_000_000;
            let Applied::Changed(next) = book.apply(&fill).unwrap() else { panic!("repeated") };
            book = next;
        }
        let mark = Price::from_raw(mark).unwrap();
        let unrealised = book.unrealised(Some(mark)).unwrap().unwrap();
        let profit = book.lot().realised.checked_add(unrealised).unwrap();
        let exact = cash + i128::from(book.lot().quantity.raw()) * i128::from(mark.raw());
        let rounding = 100_000_000 * (2 * fills.len() as i128 + 1);
        prop_assert!((profit.raw() * 100_000_000 - exact).abs() <= rounding);
    }

    #[test]
    fn busting_every_fill_returns_to_zero(fills in prop::collection::vec(any_fill(), 1..OPEN_FILLS)) {
        let mut reports = Vec::new();
        for (n, (is_buy, quantity, price, _)) in fills.iter().enumerate() {
            let mut fill = buy(&n.to_string(), "1", "1");
            fill.side = if *is_buy { Side::Buy } else { Side::Sell };
            fill.quantity = Quantity::from_raw(*quantity).unwrap();
            fill.price = Price::from_raw(*price).unwrap();
            reports.push(fill);
        }
        reports.extend((0..fills.len()).map(|n| bust(&format!("b{n}"), &n.to_string())));
        let book = try_all(&reports).unwrap();
        prop_assert_eq!(book.lot(), &Lot::default());
    }
}
