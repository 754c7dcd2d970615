use tapeline_model::money::Quantity;
use tapeline_model::records::{LedgerFill, Lot, StateBook, StatePortfolio};

use super::*;

#[test]
fn restored_state_goes_on_as_if_nothing_had_happened() {
    let script = |harness: &mut RiskHarness| {
        harness.deposit("a1", "one", "1000");
        harness.deposit("b", "two", "500");
        harness.mark("S", "10");
        harness.buy("a1", "one", "S", "50", "10");
        harness.buy("b", "two", "T", "5", "7");
        harness.mark("S", "12");
    };
    let mut original = RiskHarness::new();
    script(&mut original);
    let log = original.changelog();

    let mut restored = RiskHarness::new();
    restored.put_back(&log).unwrap();
    restored.offset = original.offset;
    for portfolio in ["one", "two"] {
        assert_eq!(restored.equity_of(portfolio), original.equity_of(portfolio));
    }

    for harness in [&mut original, &mut restored] {
        harness.commit();
        harness.changelog();
    }
    for price in ["9", "9.9", "3"] {
        let (a, b) = (original.mark("S", price), restored.mark("S", price));
        assert_eq!(a.alerts, b.alerts);
        assert_eq!(a.verdicts, b.verdicts);
        assert_eq!(original.changelog(), restored.changelog());
    }
}

/// A book as releases before the ledger left it: 10 bought for 1,000 long ago, at a profit of
/// 30 after 2 of fees since then; then 5 bought at 110 for a fee of 1, and 4 sold at 120 that
/// were busted.
fn former_book() -> StateBook {
    let quantity = |text: &str| text.parse::<Quantity>().unwrap();
    let fill = |id: &str, side, count: &str, price: &str, fee: Option<&str>, voided| LedgerFill {
        exec_id: ExecId::new(id),
        side,
        price: price.parse().unwrap(),
        quantity: quantity(count),
        fee: fee.map(|fee| fee.parse().unwrap()),
        voided,
        amended: false,
    };
    StateBook {
        base: Lot {
            quantity: quantity("10"),
            cost: "1000".parse().unwrap(),
            realised: "30".parse().unwrap(),
            fees: "2".parse().unwrap(),
            unknown_fees: 1,
        },
        fills: vec![
            fill("e1", Side::Buy, "5", "110", Some("1"), false),
            fill("e2", Side::Sell, "4", "120", None, true),
        ],
        currency: "USD".into(),
    }
}

#[test]
fn positions_of_a_former_release_go_on_to_the_last_digit() {
    let mut harness = RiskHarness::new();
    let key = BookKey {
        account: AccountId::new("a1"),
        symbol: Symbol::new("S"),
    };
    harness.risk.holdings.books.put(key.clone(), former_book());
    let state = StatePortfolio {
        cash_flow: "5000".parse().unwrap(),
        high_water: "5100".parse().unwrap(),
        recent_events: vec!["d-old".into()],
        ..StatePortfolio::default()
    };
    harness
        .risk
        .holdings
        .portfolios
        .put(PortfolioId::new("one"), state);
    harness.risk.restored().unwrap();
    assert!(
        harness.risk.holdings.books.is_empty() || harness.risk.holdings.books.get(&key).is_none()
    );

    harness.mark("S", "120");
    // 15 cost 1,550 and are worth 1,800; 30 − 1 is realised: 5,000 + 29 + 250
    assert_eq!(harness.equity_of("one").as_deref(), Some("5279"));
    let mut repeated = deposit("a1", "one", "77", "d-old");
    repeated.event_time = Micros(9);
    harness.take(Event::Account(repeated)).unwrap();
    assert_eq!(
        harness.equity_of("one").as_deref(),
        Some("5279"),
        "counted long ago"
    );

    let mut bust = fill("a1", "one", "S", "5", "110");
    bust.kind = FillKind::Bust;
    bust.exec_id = ExecId::new("b1");
    bust.ref_exec_id = Some(ExecId::new("e1"));
    let told = harness.take(Event::Fill(bust)).unwrap();
    let position = &told.positions[0];
    assert_eq!(position.quantity.to_string(), "10");
    assert_eq!(position.average_price.unwrap().to_string(), "100");
    assert_eq!(position.realised.to_string(), "30");
    assert_eq!(position.unknown_fees, 1);
}
