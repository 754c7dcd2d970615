//! A broker of paper: fills what risk approved, at the next mark after that.
//!
//! An order is filled in whole and at once, however much the market offered: at the
//! ask or the bid, a limit order at its limit if it had to wait for the market. Only
//! a mark that is later than the approval counts, so nothing trades on a price that
//! it was decided on. Without an approval nothing happens. Buying power is not
//! looked at: that is what limits are for.

mod fees;
mod settings;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tapeline_model::ids::{AccountId, ExecId, OrderId, Symbol};
use tapeline_model::money::{Price, Quantity};
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{
    AccountEvent, AccountEventKind, AccountMatter, Fill, FillKind, Grade, Mark, MarkBasis, Order,
    OrderRequest, OrderStatus, Side, Verdict,
};
use tapeline_model::{Event, Micros, Origin};
use tapeline_processors::{Input, Out, Processor, StateStore};
use tapeline_schemas::topics::Topic;

pub use self::fees::Fees;
pub use self::settings::{Instrument, PaperSettings};

pub const NAME: &str = "paper";

/// Requests without a verdict, and orders that wait for the market.
const MAX_OPEN: usize = 10_000;
/// Ids of requests that are remembered, so that a repeated one is not filled twice.
const MAX_KNOWN: usize = 100_000;

pub struct Paper {
    settings: PaperSettings,
    /// In the order in which they came.
    unjudged: Vec<OrderRequest>,
    /// In the order in which they were approved.
    open: Vec<OpenOrder>,
    positions: BTreeMap<(AccountId, Symbol), Quantity>,
    known: BTreeSet<String>,
    known_order: VecDeque<String>,
    orders: u64,
}

struct OpenOrder {
    id: OrderId,
    request: OrderRequest,
    approved: Micros,
    /// A mark came that was not good enough.
    is_resting: bool,
}

impl Paper {
    pub fn new(settings: PaperSettings) -> Self {
        Self {
            settings,
            unjudged: Vec::new(),
            open: Vec::new(),
            positions: BTreeMap::new(),
            known: BTreeSet::new(),
            known_order: VecDeque::new(),
            orders: 0,
        }
    }

    /// What each account begins with.
    pub fn deposits(&self, time: Micros) -> Vec<Event<'static>> {
        let settings = &self.settings;
        let accounts = settings.accounts.iter();
        let deposit = |(account, portfolio): (&AccountId, _)| {
            Event::Account(AccountEvent {
                event_id: format!("{NAME}/{account}/deposit"),
                portfolio: Clone::clone(portfolio),
                account: account.clone(),
                kind: AccountEventKind::Deposit,
                amount: settings.deposit,
                currency: settings.currency.clone(),
                matter: AccountMatter::Cash,
                symbol: None,
                quantity: None,
                price: None,
                ratio_new: None,
                ratio_old: None,
                event_time: time,
                ingest_time: time,
                source: NAME.to_owned(),
            })
        };
        accounts.map(deposit).collect()
    }

    fn request(&mut self, request: &OrderRequest) -> Result<(), Refusal> {
        let id = &request.request_id;
        if self.known.contains(id) {
            return Ok(());
        }
        if !request.quantity.is_positive() {
            let message = format!(
                "request {id}: quantity {} is not above zero",
                request.quantity
            );
            return Err(Refusal::new(Reason::BadQuantity, message));
        }
        self.remember(id.clone());
        self.unjudged.push(request.clone());
        // Whoever judges has had the time for it.
        if self.unjudged.len() > MAX_OPEN {
            self.unjudged.remove(0);
        }
        Ok(())
    }

    fn remember(&mut self, id: String) {
        self.known.insert(id.clone());
        self.known_order.push_back(id);
        if self.known_order.len() > MAX_KNOWN
            && let Some(oldest) = self.known_order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    fn verdict(&mut self, verdict: &Verdict, now: Micros, out: &mut Out) {
        let Some(id) = &verdict.request_id else {
            return;
        };
        match verdict.grade {
            Grade::Approve => self.approve(id, now, out),
            Grade::Refuse => self.refuse(id, now, out),
            Grade::Pass | Grade::Warn | Grade::Breach | Grade::Reset => {}
        }
    }

    fn approve(&mut self, id: &str, now: Micros, out: &mut Out) {
        let Some(place) = self.unjudged.iter().position(|r| r.request_id == id) else {
            return;
        };
        let request = self.unjudged.remove(place);
        self.orders += 1;
        let open = OpenOrder {
            id: OrderId::new(format!("{NAME}-{}", self.orders)),
            request,
            approved: now,
            is_resting: false,
        };
        if self.open.len() == MAX_OPEN {
            let reason = format!("{MAX_OPEN} orders wait already");
            out.emit(open.report(OrderStatus::Rejected, Quantity::ZERO, Some(reason), now));
            return;
        }
        out.emit(open.report(OrderStatus::New, Quantity::ZERO, None, now));
        self.open.push(open);
    }

    /// Also what was approved before, as long as it is not filled.
    fn refuse(&mut self, id: &str, now: Micros, out: &mut Out) {
        self.unjudged.retain(|request| request.request_id != id);
        let is_it = |open: &mut OpenOrder| open.request.request_id == id;
        for open in self.open.extract_if(.., is_it) {
            let reason = Some("refused after it was approved".to_owned());
            out.emit(open.report(OrderStatus::Canceled, Quantity::ZERO, reason, now));
        }
    }

    fn mark(&mut self, mark: &Mark<'_>, now: Micros, out: &mut Out) {
        let mut waiting = std::mem::take(&mut self.open);
        let is_done = |open: &mut OpenOrder| match open.price(mark) {
            Some(price) => {
                self.fill(open, price, mark, now, out);
                true
            }
            None => false,
        };
        waiting.extract_if(.., is_done).for_each(drop);
        self.open = waiting;
    }

    fn fill(
        &mut self,
        open: &OpenOrder,
        price: Price,
        mark: &Mark<'_>,
        now: Micros,
        out: &mut Out,
    ) {
        let request = &open.request;
        let key = (request.account.clone(), request.symbol.clone());
        let held = self.positions.get(&key).copied().unwrap_or_default();
        let quantity = open.quantity(held);
        let after = match request.side {
            Side::Buy => held.checked_add(quantity),
            Side::Sell => held.checked_sub(quantity),
        };
        let fee = self.settings.fee(&request.symbol, price, quantity);
        let (Some(after), Some(fee), true) = (after, fee, quantity.is_positive()) else {
            let reason = if quantity.is_positive() {
                "the position or the fee would be larger than can be kept"
            } else {
                "there is no position to reduce"
            };
            let reason = Some(reason.to_owned());
            out.emit(open.report(OrderStatus::Canceled, Quantity::ZERO, reason, now));
            return;
        };
        if after.is_zero() {
            self.positions.remove(&key);
        } else {
            self.positions.insert(key, after);
        }
        let currency = self.settings.currency_of(&request.symbol).to_owned();
        out.emit(open.report(OrderStatus::Filled, quantity, None, mark.event_time));
        out.emit(Event::Fill(Fill {
            kind: FillKind::Fill,
            exec_id: ExecId::new(format!("{}-1", open.id)),
            ref_exec_id: None,
            order_id: open.id.clone(),
            portfolio: request.portfolio.clone(),
            account: request.account.clone(),
            symbol: request.symbol.clone(),
            side: request.side,
            price,
            quantity,
            fee: Some(fee),
            currency,
            fees: None,
            voided_quantity: None,
            strategy: request.strategy.clone(),
            event_time: mark.event_time,
            ingest_time: now,
            source: NAME.to_owned(),
        }));
    }
}

impl Processor for Paper {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inputs(&self) -> &'static [Input] {
        const INPUTS: &[Input] = &[
            Input::keyed(Topic::OrdersRequests),
            Input::keyed(Topic::RiskVerdicts),
            Input::broadcast(Topic::MarketMarks),
        ];
        INPUTS
    }

    fn outputs(&self) -> &'static [Topic] {
        &[
            Topic::BrokerOrders,
            Topic::BrokerFills,
            Topic::BrokerAccounts,
        ]
    }

    fn process(
        &mut self,
        _origin: Origin,
        event: &Event<'_>,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        match event {
            Event::Request(request) => return self.request(request),
            Event::Verdict(verdict) => self.verdict(verdict, now, out),
            Event::Mark(mark) => self.mark(mark, now, out),
            _ => {}
        }
        Ok(())
    }

    /// It lives as long as one backtest.
    fn stores(&mut self) -> Vec<&mut dyn StateStore> {
        Vec::new()
    }
}

impl OpenOrder {
    /// At which it is filled on this mark, if it is.
    fn price(&mut self, mark: &Mark<'_>) -> Option<Price> {
        let request = &self.request;
        if mark.symbol != request.symbol.as_str() || mark.event_time <= self.approved {
            return None;
        }
        let (market, only_other_side) = match request.side {
            Side::Buy => (mark.ask_price, mark.basis == MarkBasis::Bid),
            Side::Sell => (mark.bid_price, mark.basis == MarkBasis::Ask),
        };
        if only_other_side {
            return None;
        }
        let Some(limit) = request.limit_price else {
            return Some(market);
        };
        let is_reached = match request.side {
            Side::Buy => market <= limit,
            Side::Sell => market >= limit,
        };
        // What waited was there first, and gets what it asked for and not more.
        let price = if self.is_resting { limit } else { market };
        self.is_resting = true;
        is_reached.then_some(price)
    }

    /// What only reduces never turns a position round.
    fn quantity(&self, held: Quantity) -> Quantity {
        let request = &self.request;
        if !request.reduce_only {
            return request.quantity;
        }
        let opposite = match request.side {
            Side::Buy => held.negated(),
            Side::Sell => held,
        };
        if opposite.is_positive() {
            request.quantity.min(opposite)
        } else {
            Quantity::ZERO
        }
    }

    fn report(
        &self,
        status: OrderStatus,
        filled: Quantity,
        reason: Option<String>,
        time: Micros,
    ) -> Event<'static> {
        let request = &self.request;
        Event::Order(Order {
            order_id: self.id.clone(),
            portfolio: request.portfolio.clone(),
            account: request.account.clone(),
            symbol: request.symbol.clone(),
            side: request.side,
            status,
            quantity: request.quantity,
            filled_quantity: filled,
            limit_price: request.limit_price,
            reason,
            strategy: request.strategy.clone(),
            event_time: time,
            ingest_time: time,
            source: NAME.to_owned(),
        })
    }
}
