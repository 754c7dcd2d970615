//! May this order be sent? A pure function, and every reason against it.

use std::sync::Arc;

use tapeline_model::Micros;
use tapeline_model::money::{Money, Price};
use tapeline_model::reasons::Reason;
use tapeline_model::records::{GuardState, LimitAction, OrderRequest, Side};

use super::decision::distance;
use super::guard::GuardCause;
use super::limit::{Levels, Limit};
use super::measure::{NO_SECTOR, count};
use super::order_context::{Instrument, OrderContext};
use super::plan::Planned;
use super::projection::{PositionRange, TooLarge};
use super::rules::{Grouping, OrderEffect};
use super::scenarios::Scenarios;
use super::scope::Activity;
use super::wording::{Measured, projection, subject};

/// Approved if nothing is against it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    pub refusals: Vec<OrderRefusal>,
    /// What each limit that binds the order leaves, the order counted as filled.
    pub headroom: Vec<Headroom>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRefusal {
    pub reason: Reason,
    /// One sentence for a person.
    pub message: String,
    /// Where a limit is against it.
    pub limit: Option<Headroom>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headroom {
    pub limit: Arc<Limit>,
    pub group: String,
    pub value: Money,
    pub level: Money,
    pub distance: Money,
    pub unit: String,
}

impl Judgement {
    pub fn is_approved(&self) -> bool {
        self.refusals.is_empty()
    }

    /// The code for a verdict: the first that is against it.
    pub fn reason(&self) -> Reason {
        self.refusals
            .first()
            .map_or(Reason::WithinLimits, |refused| refused.reason)
    }

    pub fn refuses_for(&self, reason: Reason) -> bool {
        self.refusals.iter().any(|refused| refused.reason == reason)
    }
}

/// What brings a position closer to zero, and cannot flip it whatever other orders do, may
/// pass where a price, a rate, a session or a value is missing. All else may not.
pub fn judge(request: &OrderRequest, context: &OrderContext<'_>) -> Judgement {
    let reach = PositionRange::of(request, context);
    let reduces =
        request.quantity.is_positive() && reach.is_ok_and(|reach| reach.reduces(request.side));
    let mut check = OrderCheck {
        request,
        context,
        reduces,
        judgement: Judgement::default(),
    };
    check.ownership();
    check.quantity(reach);
    check.guard();
    check.state();
    check.prices();
    check.hours_and_rates();
    check.projected();
    check.unmoved_limits();
    check.judgement
}

struct OrderCheck<'a> {
    request: &'a OrderRequest,
    context: &'a OrderContext<'a>,
    reduces: bool,
    judgement: Judgement,
}

impl<'a> OrderCheck<'a> {
    fn refuse(&mut self, reason: Reason, message: String) {
        self.judgement.refusals.push(OrderRefusal {
            reason,
            message,
            limit: None,
        });
    }

    /// Only where it could raise an exposure.
    fn refuse_raising(&mut self, reason: Reason, message: String) {
        if !self.reduces {
            self.refuse(reason, message);
        }
    }

    fn activity(&self) -> Activity<'a> {
        Activity {
            account: &self.request.account,
            symbol: &self.request.symbol,
            strategy: self.request.strategy.as_deref(),
        }
    }

    fn ownership(&mut self) {
        let (request, context) = (self.request, self.context);
        let account = &request.account;
        match context.accounts.get(account) {
            None => {
                let message = format!("account {account} is unknown: add it under [[accounts]]");
                self.refuse(Reason::UnknownAccount, message);
            }
            Some(owner) if *owner != request.portfolio || owner != context.snapshot.portfolio => {
                let message = format!(
                    "account {account} belongs to portfolio {owner}, the request says {}",
                    request.portfolio
                );
                self.refuse(Reason::WrongPortfolio, message);
            }
            Some(_) => {}
        }
        if context.instrument.is_none() {
            let message = format!(
                "nothing is known of {}: neither its currency nor its multiplier",
                request.symbol
            );
            self.refuse(Reason::UnknownSymbol, message);
        }
        if let Some(limit) = context.plan.restriction_of(&self.activity()) {
            let message = format!(
                "{} is on the restricted list {}",
                request.symbol, limit.name
            );
            self.refuse(Reason::RestrictedSymbol, message);
        }
    }

    fn quantity(&mut self, reach: Result<PositionRange, TooLarge>) {
        let request = self.request;
        if !request.quantity.is_positive() {
            let message = format!("the quantity {} is not above zero", request.quantity);
            self.refuse(Reason::BadQuantity, message);
        }
        match reach {
            Err(TooLarge) => {
                let message =
                    "the position that it would lead to does not fit a quantity".to_owned();
                self.refuse(Reason::AmountOverflow, message);
            }
            Ok(reach) if request.reduce_only && !self.reduces => {
                let message = format!(
                    "it is reduce-only, but {} {} would not only reduce the {} held; with all open orders filled it could be {} to {}",
                    side(request.side),
                    request.quantity,
                    reach.held,
                    reach.low,
                    reach.high
                );
                self.refuse(Reason::ReduceOnlyWouldIncrease, message);
            }
            Ok(_) => {}
        }
    }

    fn guard(&mut self) {
        let guard = self.context.watch.guard();
        let cause = guard.causes().iter().max_by_key(|hold| hold.state);
        let cause = cause.map(GuardCause::sentence).unwrap_or_default();
        match guard.state() {
            GuardState::Halted => {
                self.refuse(Reason::GuardHalted, format!("trading is halted: {cause}"));
            }
            GuardState::Reducing => self.refuse_raising(
                Reason::GuardReducing,
                format!("only reducing positions is allowed: {cause}"),
            ),
            GuardState::Active => {}
        }
    }

    /// What must be known before anything is raised.
    fn state(&mut self) {
        let (request, context) = (self.request, self.context);
        let account = &request.account;
        if !context.watch.is_ready() {
            let message = "the limits were not measured since the start".to_owned();
            self.refuse_raising(Reason::StateNotReady, message);
        }
        if context.watch.has_lost_session(account) {
            let message = format!("account {account} has no session with its broker: log in again");
            self.refuse_raising(Reason::SessionLost, message);
        }
        if context.watch.is_unreconciled(account, &request.symbol) {
            let message = format!(
                "account {account} differs from its broker's report: compare both before trading {}",
                request.symbol
            );
            self.refuse_raising(Reason::Unreconciled, message);
        }
        if let Err(missing) = context.snapshot.whole.equity {
            let message = format!("the equity of {} is unknown: {missing}", request.portfolio);
            self.refuse_raising(Reason::EquityMissing, message);
        }
        match context
            .snapshot
            .accounts
            .get(account)
            .map(|sums| sums.equity)
        {
            Some(Ok(_)) => {}
            Some(Err(missing)) => {
                let message = format!("the equity of account {account} is unknown: {missing}");
                self.refuse_raising(Reason::EquityMissing, message);
            }
            None => {
                let message = format!("the equity of account {account} is unknown");
                self.refuse_raising(Reason::EquityMissing, message);
            }
        }
    }

    fn prices(&mut self) {
        let (request, context) = (self.request, self.context);
        let symbol = &request.symbol;
        let Some(instrument) = context.instrument else {
            return;
        };
        let one = Money::from(instrument.multiplier.get());
        if context.rates.translate(one, instrument.currency).is_err() {
            let message = format!(
                "{} has no rate into {}, so {symbol} cannot be measured",
                instrument.currency, context.snapshot.currency
            );
            self.refuse_raising(Reason::RateMissing, message);
        }
        if let (Some(bid), Some(ask)) = (context.prices.bid, context.prices.ask)
            && bid.price > ask.price
        {
            let message = format!(
                "the bid {} of {symbol} is above its ask {}",
                bid.price, ask.price
            );
            self.refuse_raising(Reason::QuotesCrossed, message);
        }
        let Some(market) = context.prices.for_closing(request.side == Side::Sell) else {
            let message = format!("{symbol} has no price");
            self.refuse_raising(Reason::PriceMissing, message);
            self.limit_price(&instrument, None);
            return;
        };
        if is_stale(market.time, context) {
            let message = format!(
                "the price of {symbol} is of {}, more than {} s old",
                market.time, context.policy.max_price_age_seconds
            );
            self.refuse_raising(Reason::PriceStale, message);
        }
        if !market.price.is_positive() && !instrument.may_be_negative {
            let message = format!(
                "{symbol} is priced at {}, and is no instrument that can be",
                market.price
            );
            self.refuse_raising(Reason::PriceAbsurd, message);
        }
        self.limit_price(&instrument, Some(market.price));
    }

    /// A wrong limit price is wrong for every order.
    fn limit_price(&mut self, instrument: &Instrument<'_>, market: Option<Price>) {
        let Some(limit) = self.request.limit_price else {
            return;
        };
        if !limit.is_positive() && !instrument.may_be_negative {
            let message = format!("the limit price {limit} is not above zero");
            self.refuse(Reason::PriceAbsurd, message);
        }
        let collar = self.context.policy.collar_percent;
        if let Some(market) = market
            && is_outside(limit, market, collar)
        {
            let message = format!(
                "the limit price {limit} is more than {collar} percent away from the market's {market}"
            );
            self.refuse(Reason::PriceOutsideCollar, message);
        }
    }

    /// Hours and rates bind every order.
    fn hours_and_rates(&mut self) {
        let context = self.context;
        let activity = self.activity();
        if let Some((limit, calendar)) = context.plan.hours_of(&activity) {
            let session = calendar.session_of(context.now);
            if !session.is_some_and(|session| session.is_open) {
                let opens = session.map_or_else(
                    || "its calendar does not reach this time".to_owned(),
                    |session| format!("it opens at {}", session.next_opens),
                );
                let message = format!(
                    "{} is not traded now ({}): {opens}",
                    activity.symbol, limit.name
                );
                self.refuse(Reason::MarketClosed, message);
            }
        }
        for planned in &context.plan.measured {
            let limit = &planned.limit;
            if let OrderEffect::OneMore(window) = limit.rule.projection()
                && limit.scope.covers(&activity)
                && let Some(levels) = &limit.levels
            {
                let counts = context.watch.state().counts.get(&limit.name);
                let sent = counts.map_or(0, |counts| counts.total(window, context.now));
                self.refuse_beyond(limit, levels, "", count(sent.saturating_add(1)));
            }
        }
    }

    fn projected(&mut self) {
        if self.context.instrument.is_none() || !self.request.quantity.is_positive() {
            return;
        }
        if let Ok(scenarios) = Scenarios::new(self.context, self.request) {
            let plan = self.context.plan;
            for planned in &plan.measured {
                if planned.limit.rule.projection().is_projected()
                    && planned.limit.scope.covers(&self.activity())
                {
                    self.project(planned, &scenarios);
                }
            }
        } else {
            let message = "what it would lead to does not fit an amount".to_owned();
            self.refuse_raising(Reason::AmountOverflow, message);
        }
    }

    fn project(&mut self, planned: &Planned, scenarios: &Scenarios<'_>) {
        let limit = &planned.limit;
        let Some(levels) = &limit.levels else { return };
        let group = self.group(limit.rule.info().grouping);
        if planned.excluded.contains(&group) {
            return;
        }
        let (before, after) = (
            scenarios.before.value(planned, &group),
            scenarios.after.value(planned, &group),
        );
        match after {
            Err(unknown) => {
                let message = format!(
                    "limit {} of {} cannot be measured: {unknown}",
                    limit.name,
                    subject(limit, self.context.snapshot.portfolio)
                );
                self.refuse_raising(Reason::ValueMissing, message);
            }
            Ok(after) if before.is_ok_and(|before| after <= before) => {
                self.note_headroom(limit, levels, &group, after);
            }
            Ok(after) => self.refuse_beyond(limit, levels, &group, after),
        }
    }

    /// The group of the order among those that a rule measures.
    fn group(&self, grouping: Grouping) -> String {
        let instrument = self.context.instrument.as_ref();
        match grouping {
            Grouping::Whole => String::new(),
            Grouping::Symbol => self.request.symbol.as_str().to_owned(),
            Grouping::Account => self.request.account.as_str().to_owned(),
            Grouping::Sector => {
                let sector = instrument.and_then(|instrument| instrument.sector);
                sector.unwrap_or(NO_SECTOR).to_owned()
            }
            Grouping::Currency => instrument
                .map(|instrument| instrument.currency.to_string())
                .unwrap_or_default(),
        }
    }

    /// Refuses what would be beyond the limit, and notes what is left.
    fn refuse_beyond(&mut self, limit: &Arc<Limit>, levels: &Levels, group: &str, value: Money) {
        let headroom = self.headroom(limit, levels, group, value);
        if value > levels.breach.at {
            let measured = Measured {
                group,
                value,
                currency: self.context.snapshot.currency,
            };
            self.judgement.refusals.push(OrderRefusal {
                reason: limit.rule.info().reason,
                message: projection(limit, levels, self.context.snapshot.portfolio, &measured),
                limit: Some(headroom.clone()),
            });
        }
        self.judgement.headroom.push(headroom);
    }

    fn note_headroom(&mut self, limit: &Arc<Limit>, levels: &Levels, group: &str, value: Money) {
        let headroom = self.headroom(limit, levels, group, value);
        self.judgement.headroom.push(headroom);
    }

    fn headroom(&self, limit: &Arc<Limit>, levels: &Levels, group: &str, value: Money) -> Headroom {
        let level = levels.breach.at;
        Headroom {
            limit: Arc::clone(limit),
            group: group.to_owned(),
            value,
            level,
            distance: distance(levels, value),
            unit: limit.unit().text(self.context.snapshot.currency),
        }
    }

    /// Where limits stand that an order does not move. Their breaches raise the guard; a limit
    /// that could raise it and cannot be measured is against whatever raises an exposure.
    fn unmoved_limits(&mut self) {
        let context = self.context;
        for planned in &context.plan.measured {
            let limit = &planned.limit;
            if limit.rule.projection() != OrderEffect::None || !limit.scope.covers(&self.activity())
            {
                continue;
            }
            let group = self.group(limit.rule.info().grouping);
            let (Some(levels), Some(status)) =
                (&limit.levels, context.watch.status(&limit.name, &group))
            else {
                continue;
            };
            match status.value {
                Ok(value) => self.note_headroom(limit, levels, &group, value),
                Err(_) if limit.action == LimitAction::Alert => {}
                Err(unknown) => {
                    let message = format!("limit {} cannot be measured: {unknown}", limit.name);
                    self.refuse_raising(Reason::ValueMissing, message);
                }
            }
        }
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buying",
        Side::Sell => "selling",
    }
}

fn is_stale(time: Micros, context: &OrderContext<'_>) -> bool {
    let most = i64::from(context.policy.max_price_age_seconds) * 1_000_000;
    context.now.since(time) > most
}

fn is_outside(limit: Price, market: Price, percent: u32) -> bool {
    let apart = (i128::from(limit.raw()) - i128::from(market.raw())).abs();
    apart * 100 > i128::from(percent) * i128::from(market.raw()).abs()
}
