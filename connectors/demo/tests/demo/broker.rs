use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tapeline_model::Event;
use tapeline_model::ids::{ExecId, OrderId};
use tapeline_model::money::{Price, Quantity};
use tapeline_model::records::{AccountEventKind, Fill, FillKind, Order, OrderStatus, Side};

use crate::{run, seconds_since_start};

#[derive(Default)]
struct Book {
    orders: BTreeMap<OrderId, Order>,
    filled: BTreeMap<OrderId, Quantity>,
    fills: BTreeMap<ExecId, Fill>,
    amended: BTreeSet<ExecId>,
}

impl Book {
    fn apply(&mut self, event: Event<'static>) {
        match event {
            Event::Order(order) => self.order(order),
            Event::Fill(fill) => self.fill(fill),
            _ => {}
        }
    }

    fn order(&mut self, order: Order) {
        use OrderStatus::{Canceled, Filled, New, PartiallyFilled, Rejected};
        let filled = self
            .filled
            .get(&order.order_id)
            .copied()
            .unwrap_or_default();
        assert_eq!(order.filled_quantity, filled, "{order:?}");
        assert!(filled <= order.quantity, "{order:?}");
        let before = self.orders.get(&order.order_id).map(|o| o.status);
        match order.status {
            New | Rejected => assert!(before.is_none() && filled.is_zero()),
            PartiallyFilled => assert!(filled.is_positive() && filled < order.quantity),
            Filled => assert_eq!(filled, order.quantity),
            Canceled => assert!(filled < order.quantity),
        }
        let reasoned = matches!(order.status, Canceled | Rejected);
        assert_eq!(order.reason.is_some(), reasoned, "{order:?}");
        let open = |status| matches!(status, New | PartiallyFilled);
        assert!(before.is_none_or(open), "an order that ended: {order:?}");
        self.orders.insert(order.order_id.clone(), order);
    }

    fn fill(&mut self, fill: Fill) {
        let order = &self.orders[&fill.order_id];
        assert_eq!(
            (&fill.account, &fill.symbol, fill.side),
            (&order.account, &order.symbol, order.side)
        );
        assert!(fill.quantity.is_positive() && fill.price.is_positive());
        assert_eq!(fill.currency, "USD");
        if let Some(amended) = &fill.ref_exec_id {
            assert_ne!(fill.kind, FillKind::Fill);
            let earlier = &self.fills[amended];
            assert_eq!(earlier.order_id, fill.order_id);
            assert!(self.amended.insert(amended.clone()), "amended once at most");
            return;
        }
        assert_eq!(fill.kind, FillKind::Fill);
        let within = order.limit_price.is_none_or(|limit| match fill.side {
            Side::Buy => fill.price <= limit,
            Side::Sell => fill.price >= limit,
        });
        assert!(within, "{fill:?} against {order:?}");
        let filled = self.filled.entry(fill.order_id.clone()).or_default();
        *filled = filled.checked_add(fill.quantity).unwrap();
        self.fills.insert(fill.exec_id.clone(), fill);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn orders_and_fills_agree(seed: u64) {
        let mut book = Book::default();
        for emission in run(seed, 45) {
            book.apply(emission.event);
        }
        let status = |wanted| book.orders.values().filter(|o| o.status == wanted).count();
        for wanted in [OrderStatus::Filled, OrderStatus::Canceled] {
            prop_assert!(status(wanted) > 0, "{wanted}");
        }
    }

    #[test]
    fn fills_come_often_enough(seed: u64) {
        let fills = fills(seed, 60).len();
        prop_assert!((240..900).contains(&fills), "{fills} in a minute");
    }
}

fn fills(seed: u64, seconds: u64) -> Vec<Fill> {
    let only_fills = |event| match event {
        Event::Fill(fill) => Some(fill),
        _ => None,
    };
    let events = run(seed, seconds)
        .into_iter()
        .map(|emission| emission.event);
    events.filter_map(only_fills).collect()
}

#[test]
fn every_status_comes_within_a_minute() {
    let seen: BTreeSet<&str> = run(1, 60)
        .into_iter()
        .filter_map(|emission| match emission.event {
            Event::Order(order) => Some(order.status.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(seen.len(), OrderStatus::ALL.len(), "{seen:?}");
}

#[test]
fn half_a_minute_holds_a_hundred_fills() {
    assert!(fills(1, 30).len() >= 100);
}

#[test]
fn busts_corrections_and_a_late_fee_come_within_20_seconds() {
    let fills = fills(1, 20);
    let of = |kind| fills.iter().filter(move |fill| fill.kind == kind);
    assert_eq!(of(FillKind::Bust).count(), 1);
    assert_eq!(of(FillKind::Correction).count(), 1);

    let unknown: Vec<&Fill> = of(FillKind::Fill).filter(|f| f.fee.is_none()).collect();
    assert_eq!(unknown.len(), 1);
    let correction = of(FillKind::Correction).next().unwrap();
    assert_eq!(correction.ref_exec_id.as_ref(), Some(&unknown[0].exec_id));
    assert!(correction.fee.is_some(), "the fee that was missing");
}

#[test]
fn fees_are_paid_and_rebates_received() {
    let fills = fills(1, 60);
    let some = |wanted: fn(&Fill) -> bool| fills.iter().any(wanted);
    assert!(some(|f| f.fee.is_some_and(Price::is_positive)));
    assert!(some(|f| f.fee.is_some_and(Price::is_negative)));
}

#[test]
fn opening_deposits_come_first_of_all() {
    use AccountEventKind::{Dividend, Fee, Withdrawal};
    let emissions = run(1, 61);
    for emission in &emissions[..4] {
        let Event::Account(deposit) = &emission.event else {
            panic!("{emission:?}");
        };
        assert_eq!(deposit.kind, AccountEventKind::Deposit);
        assert_eq!(deposit.amount, "100000".parse().unwrap());
    }
    let later = emissions[4..].iter().filter_map(|emission| {
        let Event::Account(event) = &emission.event else {
            return None;
        };
        Some((seconds_since_start(&emission.event), event.kind))
    });
    let expected = [(15, Dividend), (30, Fee), (45, Withdrawal), (60, Dividend)];
    assert!(later.eq(expected));
}
