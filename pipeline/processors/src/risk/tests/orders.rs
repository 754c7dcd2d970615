use super::*;

/// At most 12 of a symbol, open orders counted; two orders and one cancel a minute.
const SIZE: &str = r#"
    {name="size", rule="position_size", breach="12", action="alert"}
    {name="orders", rule="order_rate", window="1m", breach="2", action="alert"}
    {name="cancels", rule="cancel_rate", window="1m", breach="1", action="alert"}
"#;

fn harness() -> RiskHarness {
    desk_with(SIZE)
}

fn desk_with(lines: &str) -> RiskHarness {
    let mut harness = RiskHarness::with(RiskSettings {
        limits: limits(lines),
        ..settings()
    });
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    harness
}

fn report(harness: &mut RiskHarness, order: Order) -> Vec<String> {
    let said = harness.take(Event::Order(order)).unwrap();
    said.verdicts
        .iter()
        .map(|verdict| verdict.limit_name.clone())
        .collect()
}

fn ask(harness: &mut RiskHarness, side: Side, quantity: &str) -> Verdict {
    let asked = request("a1", "one", side, quantity);
    harness
        .take(Event::Request(asked))
        .unwrap()
        .verdicts
        .remove(0)
}

#[test]
fn open_orders_count_as_if_they_were_filled() {
    let mut harness = harness();
    let approved = ask(&mut harness, Side::Buy, "12");
    assert_eq!(
        (approved.grade, approved.outcome),
        (Grade::Approve, Outcome::Pass)
    );
    assert_eq!(
        (approved.request_id.as_deref(), approved.author.as_str()),
        (Some("r1"), "maria")
    );
    assert_eq!(
        approved.message,
        "BUY 12 S in a1 keeps within every limit; closest is size with 0 units left of 12"
    );

    report(&mut harness, order("o1", OrderStatus::New, "10", "0", 100));
    let refused = ask(&mut harness, Side::Buy, "3");
    assert_eq!(
        (refused.grade, refused.reason.as_str()),
        (Grade::Refuse, "POSITION_SIZE_BREACHED")
    );
    assert_eq!(
        (refused.value.to_string(), refused.limit.to_string()),
        ("13".into(), "12".into())
    );
    assert!(
        refused
            .message
            .contains("POSITION_SIZE_BREACHED: with this order"),
        "{}",
        refused.message
    );

    // 4 of 10 are filled, and 6 still open.
    report(
        &mut harness,
        order("o1", OrderStatus::PartiallyFilled, "10", "4", 110),
    );
    harness.buy("a1", "one", "S", "4", "10");
    assert_eq!(ask(&mut harness, Side::Buy, "3").value.to_string(), "13");
    report(
        &mut harness,
        order("o1", OrderStatus::Canceled, "10", "4", 120),
    );
    assert_eq!(ask(&mut harness, Side::Buy, "3").grade, Grade::Approve);
}

#[test]
fn a_late_report_does_not_open_an_order_again() {
    let size = SIZE.lines().nth(1).unwrap();
    let mut harness = desk_with(size);
    report(
        &mut harness,
        order("o1", OrderStatus::Filled, "10", "10", 120),
    );
    report(&mut harness, order("o1", OrderStatus::New, "10", "0", 100));
    assert_eq!(ask(&mut harness, Side::Buy, "12").grade, Grade::Approve);
    report(
        &mut harness,
        order("o2", OrderStatus::PartiallyFilled, "10", "4", 140),
    );
    report(&mut harness, order("o2", OrderStatus::New, "10", "0", 130));
    // 6 are open, not 10.
    assert_eq!(ask(&mut harness, Side::Buy, "6").grade, Grade::Approve);
}

#[test]
fn orders_and_cancels_are_counted_once_each() {
    let mut harness = harness();
    for (id, told) in [("o1", 0), ("o2", 0), ("o3", 1)] {
        assert_eq!(
            report(&mut harness, order(id, OrderStatus::New, "1", "0", 100)).len(),
            told,
            "{id}"
        );
    }
    // Told again, it is no order more.
    assert!(
        report(
            &mut harness,
            order("o3", OrderStatus::PartiallyFilled, "2", "1", 101)
        )
        .is_empty()
    );
    assert!(
        report(
            &mut harness,
            order("o1", OrderStatus::Canceled, "1", "0", 102)
        )
        .is_empty()
    );
    assert!(
        report(
            &mut harness,
            order("o1", OrderStatus::Canceled, "1", "0", 103)
        )
        .is_empty()
    );
    assert_eq!(
        report(
            &mut harness,
            order("o2", OrderStatus::Canceled, "1", "0", 104)
        ),
        ["cancels"]
    );
}

#[test]
fn ended_orders_are_remembered_in_bounded_number() {
    let mut harness = harness();
    for n in 0..300 {
        report(
            &mut harness,
            order(&format!("o{n}"), OrderStatus::Filled, "1", "1", 100 + n),
        );
    }
    assert_eq!(harness.risk.orders.store.sorted().len(), 256);
    let mut restored = RiskHarness::with(harness.risk.holdings.settings.clone());
    harness
        .risk
        .orders
        .store
        .dump(&mut |key, value| {
            restored
                .risk
                .orders
                .store
                .restore(key, Some(value))
                .unwrap();
        })
        .unwrap();
    restored.risk.restored().unwrap();
    for harness in [&mut harness, &mut restored] {
        report(harness, order("last", OrderStatus::Filled, "1", "1", 1000));
        let known = harness.risk.orders.store.sorted();
        let oldest = known.iter().map(|(_, order)| order.event_time.0).min();
        assert_eq!((known.len(), oldest), (256, Some(145)));
    }
}

#[test]
fn nonsense_is_refused() {
    let mut harness = harness();
    let negative = order("o", OrderStatus::New, "-1", "0", 100);
    let refusal = harness.take(Event::Order(negative)).err().unwrap();
    assert_eq!(refusal.reason, Reason::BadQuantity);
    let mut stranger = request("a1", "two", Side::Buy, "1");
    stranger.portfolio = PortfolioId::new("two");
    let said = harness.take(Event::Request(stranger)).unwrap();
    assert_eq!(said.verdicts[0].reason, "WRONG_PORTFOLIO");
    assert_eq!(said.verdicts[0].grade, Grade::Refuse);
    let mut unknown = request("a1", "one", Side::Buy, "1");
    unknown.symbol = Symbol::new("NONE");
    let said = harness.take(Event::Request(unknown)).unwrap();
    assert_eq!(said.verdicts[0].reason, "UNKNOWN_SYMBOL");
}
