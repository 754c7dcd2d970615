//! Two brokers: orders that are filled in parts at the market's prices, fees,
//! busts and corrections, and the cash that comes and goes.

mod amendments;
mod cash;
mod order;
mod reports;
mod strategy;

use tapeline_model::records::OrderStatus;

use crate::accounts::{ACCOUNTS, AccountIndex};
use crate::broker::amendments::Amendments;
use crate::broker::cash::Cash;
use crate::broker::order::{OpenOrder, Progress};
use crate::broker::reports::{Execution, Reporter, push_filled, push_order};
use crate::broker::strategy::{Positions, Strategy};
use crate::market::Market;
use crate::outbox::Outbox;
use crate::random::Random;

/// 0.4 s: all of the market is quoted.
const OPENING_ORDER_STEP: u64 = 80;
const ORDER_EVERY_STEPS: (i64, i64) = (40, 100);
const MAX_OPEN_ORDERS: usize = 32;
const REJECTED_ONE_IN: u64 = 25;
const REJECTIONS: [&str; 3] = [
    "not enough buying power",
    "the price is outside of the exchange's collar",
    "the symbol is halted",
];

#[derive(Debug, Clone)]
pub(crate) struct Broker {
    random: Random,
    strategy: Strategy,
    positions: Positions,
    open: Vec<OpenOrder>,
    reporter: Reporter,
    amendments: Amendments,
    cash: Cash,
    next_order_at: u64,
    /// The concentrated position was ordered.
    opened: bool,
}

impl Broker {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed, 4),
            strategy: Strategy::new(seed),
            positions: Positions::default(),
            open: Vec::new(),
            reporter: Reporter::default(),
            amendments: Amendments::new(seed),
            cash: Cash::default(),
            next_order_at: OPENING_ORDER_STEP,
            opened: false,
        }
    }

    /// Opening deposits, before anything else.
    pub(crate) fn open_accounts(&mut self, outbox: &mut Outbox<'_>) {
        self.cash.open_accounts(outbox);
    }

    pub(crate) fn step(&mut self, step: u64, market: &Market, outbox: &mut Outbox<'_>) {
        if !self.opened && step >= OPENING_ORDER_STEP {
            self.opened = true;
            let order = strategy::concentrated(step, market);
            self.accept(order, market, outbox);
        }
        if step >= self.next_order_at {
            let (soonest, latest) = ORDER_EVERY_STEPS;
            self.next_order_at = step + self.random.between(soonest, latest) as u64;
            self.place(step, market, outbox);
        }
        self.work(step, market, outbox);
        let positions = &mut self.positions;
        let reporter = &mut self.reporter;
        self.amendments
            .step(step, market, positions, reporter, outbox);
        self.cash.step(step, outbox);
    }

    /// One account sends one order.
    fn place(&mut self, step: u64, market: &Market, outbox: &mut Outbox<'_>) {
        let account = self.random.below(ACCOUNTS.len() as u64) as AccountIndex;
        if self.open.len() >= MAX_OPEN_ORDERS {
            return;
        }
        let Some(order) = self.strategy.decide(step, account, &self.positions, market) else {
            return;
        };
        let same = |o: &OpenOrder| (o.account, o.instrument) == (order.account, order.instrument);
        if self.open.iter().any(same) {
            return;
        }
        if self.random.one_in(REJECTED_ONE_IN) {
            let which = self.random.below(REJECTIONS.len() as u64) as usize;
            let order = order.numbered(self.reporter.number_order());
            let reason = Some(REJECTIONS[which]);
            push_order(&order, OrderStatus::Rejected, reason, market, outbox);
        } else {
            self.accept(order, market, outbox);
        }
    }

    fn accept(&mut self, order: OpenOrder, market: &Market, outbox: &mut Outbox<'_>) {
        let order = order.numbered(self.reporter.number_order());
        push_order(&order, OrderStatus::New, None, market, outbox);
        self.open.push(order);
    }

    /// Fills what is due.
    fn work(&mut self, step: u64, market: &Market, outbox: &mut Outbox<'_>) {
        let mut index = 0;
        while index < self.open.len() {
            let order = &mut self.open[index];
            if step < order.due {
                index += 1;
                continue;
            }
            let (bid, ask) = (market.bid(order.instrument), market.ask(order.instrument));
            let ended = match order.progress(step, bid, ask, &mut self.random) {
                Progress::Waiting => false,
                Progress::Canceled(reason) => {
                    push_order(order, OrderStatus::Canceled, Some(reason), market, outbox);
                    true
                }
                Progress::Filled { cents, quantity } => {
                    let fee = self.amendments.fee_of_fill(step, order, quantity);
                    let number = self.reporter.number_execution();
                    let execution = Execution::of(order, number, cents, quantity, fee);
                    self.positions.apply(&execution, 1);
                    push_filled(order, &execution, market, outbox);
                    self.amendments.remember(execution);
                    order.is_filled()
                }
            };
            if ended {
                self.open.swap_remove(index);
            } else {
                index += 1;
            }
        }
    }
}
