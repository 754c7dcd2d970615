//! What the broker tells: the records of orders, fills and amendments.

use tapeline_model::Event;
use tapeline_model::ids::{ExecId, OrderId, Symbol};
use tapeline_model::records::{Fill, FillKind, Order, OrderStatus, Side};

use crate::NAME;
use crate::accounts::{ACCOUNTS, AccountIndex};
use crate::broker::order::OpenOrder;
use crate::market::{InstrumentIndex, Market};
use crate::outbox::Outbox;
use crate::units::{fee, price, shares};

pub(crate) const CURRENCY: &str = "USD";

/// A fill as it stands in the broker's books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Execution {
    pub(crate) number: u64,
    pub(crate) order: u64,
    pub(crate) account: AccountIndex,
    pub(crate) instrument: InstrumentIndex,
    pub(crate) side: Side,
    pub(crate) cents: i64,
    pub(crate) quantity: i64,
    /// In hundredths of a cent; `None` while the broker has not said.
    pub(crate) fee: Option<i64>,
}

impl Execution {
    pub(crate) fn of(
        order: &OpenOrder,
        number: u64,
        cents: i64,
        quantity: i64,
        fee: Option<i64>,
    ) -> Self {
        Self {
            number,
            order: order.number,
            account: order.account,
            instrument: order.instrument,
            side: order.side,
            cents,
            quantity,
            fee,
        }
    }
}

/// Numbers orders and executions in the order of their happening.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reporter {
    orders: u64,
    executions: u64,
}

impl Reporter {
    pub(crate) fn number_order(&mut self) -> u64 {
        self.orders += 1;
        self.orders
    }

    pub(crate) fn number_execution(&mut self) -> u64 {
        self.executions += 1;
        self.executions
    }

    /// A bust repeats the fill it voids; a correction says what it should have been.
    pub(crate) fn amended(
        &mut self,
        kind: FillKind,
        amended: &Execution,
        market: &Market,
        outbox: &mut Outbox<'_>,
    ) {
        let report = Execution {
            number: self.number_execution(),
            ..amended.clone()
        };
        push_fill(kind, &report, Some(amended.number), market, outbox);
    }
}

/// The fill, then what it made of its order.
pub(crate) fn push_filled(
    order: &OpenOrder,
    execution: &Execution,
    market: &Market,
    outbox: &mut Outbox<'_>,
) {
    push_fill(FillKind::Fill, execution, None, market, outbox);
    let status = if order.is_filled() {
        OrderStatus::Filled
    } else {
        OrderStatus::PartiallyFilled
    };
    push_order(order, status, None, market, outbox);
}

pub(crate) fn push_order(
    order: &OpenOrder,
    status: OrderStatus,
    reason: Option<&str>,
    market: &Market,
    outbox: &mut Outbox<'_>,
) {
    let account = &ACCOUNTS[order.account];
    outbox.push(Event::Order(Order {
        order_id: order_id(order.number),
        portfolio: account.portfolio_id(),
        account: account.account_id(),
        symbol: Symbol::new(market.name(order.instrument)),
        side: order.side,
        status,
        quantity: shares(order.quantity),
        filled_quantity: shares(order.filled),
        limit_price: order.limit.map(price),
        reason: reason.map(str::to_owned),
        strategy: None,
        event_time: outbox.now,
        ingest_time: outbox.now,
        source: NAME.to_owned(),
    }));
}

fn push_fill(
    kind: FillKind,
    execution: &Execution,
    amends: Option<u64>,
    market: &Market,
    outbox: &mut Outbox<'_>,
) {
    let account = &ACCOUNTS[execution.account];
    outbox.push(Event::Fill(Fill {
        kind,
        exec_id: exec_id(execution.number),
        ref_exec_id: amends.map(exec_id),
        order_id: order_id(execution.order),
        portfolio: account.portfolio_id(),
        account: account.account_id(),
        symbol: Symbol::new(market.name(execution.instrument)),
        side: execution.side,
        price: price(execution.cents),
        quantity: shares(execution.quantity),
        fee: execution.fee.map(fee),
        currency: CURRENCY.to_owned(),
        fees: None,
        voided_quantity: None,
        strategy: None,
        event_time: outbox.now,
        ingest_time: outbox.now,
        source: NAME.to_owned(),
    }));
}

fn order_id(number: u64) -> OrderId {
    OrderId::new(format!("DEMO-O-{number:06}"))
}

fn exec_id(number: u64) -> ExecId {
    ExecId::new(format!("DEMO-E-{number:06}"))
}
