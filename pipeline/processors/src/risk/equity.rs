//! What a portfolio, and each of several accounts of it, is worth.

use tapeline_model::money::{Money, Quantity, Rounding};
use tapeline_model::records::{Equity, GuardState, LimitStanding};
use tapeline_model::{Event, Micros};

use super::accounts::{AccountIndex, PortfolioIndex, sum};
use super::holdings::Holdings;
use super::position::is_stale;
use super::snapshot::SnapshotParts;
use super::{NAME, Risk};
use crate::contract::Out;
use crate::ledger::{Missing, Valuation};
use crate::limits::{MeasuredLimit, Watch};

/// More limits are not listed with a portfolio.
const STANDINGS: usize = 32;

impl Risk {
    /// A portfolio of one account has one record: its account would say the same.
    pub(super) fn emit_equity(
        &self,
        portfolio: PortfolioIndex,
        event_time: Micros,
        now: Micros,
        out: &mut Out,
    ) {
        let holdings = &self.holdings;
        let id = holdings.accounts.portfolio_id(portfolio);
        let watch = self.active_limits.watches.get(id);
        let guard = watch.map(|watch| watch.guard().state());
        let valuations: Vec<_> = holdings
            .accounts
            .valuations(portfolio, &holdings.rates)
            .collect();
        let legacy_cash = holdings.accounts.legacy_cash(portfolio);
        if valuations.len() > 1 {
            for valuation in &valuations {
                let mut part = holdings.figures(std::slice::from_ref(valuation), Money::ZERO, now);
                part.portfolio = id.clone();
                part.account = Some(holdings.accounts.id(valuation.0).clone());
                part.guard = guard.unwrap_or_default();
                part.event_time = event_time;
                // What was there before accounts were kept apart belongs to one of them.
                if !legacy_cash.is_zero() {
                    (part.cash, part.equity, part.leverage) = (None, None, None);
                }
                out.emit(Event::Equity(part));
            }
        }
        let mut whole = holdings.figures(&valuations, legacy_cash, now);
        whole.portfolio = id.clone();
        whole.event_time = event_time;
        if let Some(watch) = watch {
            let high = watch.high_water();
            whole.high_water = whole.equity.and(high);
            whole.drawdown = whole
                .equity
                .and_then(|equity| high?.checked_sub(equity).ok());
            whole.guard = watch.guard().state();
            whole.limits = self.limit_standings(portfolio, watch, now);
            let holds = watch.guard().causes().iter();
            whole.held_by = holds.map(|hold| hold.verdict_id.clone()).collect();
        }
        out.emit(Event::Equity(whole));
    }

    /// Where the limits of a portfolio stand, the nearest first.
    fn limit_standings(
        &self,
        portfolio: PortfolioIndex,
        watch: &Watch,
        now: Micros,
    ) -> Vec<LimitStanding> {
        let plan = self.active_limits.plan(portfolio);
        let parts = SnapshotParts::for_limits(&self.holdings, &self.trades, portfolio, &plan);
        let mut all = watch.measure_all(&plan, &parts.snapshot(), now);
        all.sort_by_key(|measured| std::cmp::Reverse(used(measured)));
        all.truncate(STANDINGS);
        let currency = self.holdings.settings.currency;
        all.into_iter()
            .map(|measured| LimitStanding {
                limit: measured.limit.name.clone(),
                rule: measured.limit.rule.name().to_owned(),
                grade: measured.grade,
                value: measured.value.ok(),
                level: measured.level,
                unit: measured.limit.unit().text(currency.as_str()),
                group: measured.group,
            })
            .collect()
    }
}

/// In millionths of the level; what is unknown comes first.
fn used(measured: &MeasuredLimit) -> i128 {
    let level = measured.level.raw().max(1);
    let part = |value: Money| value.raw().saturating_mul(1_000_000) / level;
    measured.value.map_or(i128::MAX, part)
}

impl Holdings {
    fn figures(
        &self,
        valuations: &[(AccountIndex, Valuation)],
        legacy_cash: Money,
        now: Micros,
    ) -> Equity {
        let valuation = &sum(valuations.iter().map(|(_, valuation)| *valuation));
        let accounts = || valuations.iter().map(|(account, _)| *account);
        let despite_fees = |amount: crate::ledger::Amount| {
            let known = amount.value_despite(Missing::Fee).ok();
            known.and_then(|known| known.checked_add(legacy_cash).ok())
        };
        let equity = despite_fees(valuation.equity());
        let unrealised = valuation.open.unrealised.value().ok();
        let gross = valuation.open.gross.value().ok();
        let realised = realised(valuation);
        let counted = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let ratio = |part: Option<Money>, whole: Option<Money>| {
            let whole = whole.filter(|whole| *whole > Money::ZERO)?;
            part?.times(whole, Rounding::HalfEven).ok()
        };
        Equity {
            portfolio: tapeline_model::ids::PortfolioId::new(""),
            cash_flow: cash_flow(equity, realised, unrealised)
                .unwrap_or_else(|| self.transferred(accounts(), legacy_cash)),
            realised,
            unrealised,
            equity,
            high_water: None,
            drawdown: None,
            missing_prices: counted(valuation.open.net.gaps(Missing::Price)),
            account: None,
            currency: self.settings.currency.to_string(),
            cash: despite_fees(valuation.booked.cash),
            gross,
            net: valuation.open.net.value().ok(),
            leverage: ratio(gross, equity),
            buying_power_used: ratio(gross, self.buying_power(valuations)),
            stale_prices: self.stale_prices(accounts(), now),
            missing_rates: counted(valuation.equity().gaps(Missing::Rate)),
            unknown_costs: counted(valuation.booked.closed.gaps(Missing::Cost)),
            unknown_fees: counted(valuation.booked.fees.gaps(Missing::Fee)),
            guard: GuardState::Active,
            limits: Vec::new(),
            held_by: Vec::new(),
            event_time: now,
            ingest_time: now,
            source: NAME.to_owned(),
        }
    }

    /// What the accounts may hold: their equity, times their leverage.
    fn buying_power(&self, valuations: &[(AccountIndex, Valuation)]) -> Option<Money> {
        valuations
            .iter()
            .try_fold(Money::ZERO, |sum, (account, valuation)| {
                let equity = valuation.equity().value_despite(Missing::Fee).ok()?;
                let times = self.settings.leverage(self.accounts.id(*account)).get();
                let power = equity
                    .share(times, Quantity::ONE, Rounding::HalfEven)
                    .ok()?;
                sum.checked_add(power).ok()
            })
    }

    /// Deposits less withdrawals, as far as there are rates.
    fn transferred(
        &self,
        accounts: impl Iterator<Item = AccountIndex>,
        legacy_cash: Money,
    ) -> Money {
        let books = accounts.filter_map(|account| self.cash.get(self.accounts.id(account)));
        let moved = books.flat_map(|book| {
            let translated = |currency| self.rates.translate(book.transferred(currency), currency);
            book.currencies().filter_map(move |c| translated(c).ok())
        });
        moved.fold(legacy_cash, |sum, money| {
            sum.checked_add(money).unwrap_or(sum)
        })
    }

    fn stale_prices(&self, accounts: impl Iterator<Item = AccountIndex>, now: Micros) -> i32 {
        if self.settings.stale_after.is_none() {
            return 0;
        }
        let open = accounts.flat_map(|at| self.accounts.open(at));
        let stale = open.filter(|open| {
            let time = open.holding.price.map(|valued| valued.time);
            time.is_some_and(|time| is_stale(time, now, self.settings.stale_after))
        });
        i32::try_from(stale.count()).unwrap_or(i32::MAX)
    }
}

/// All profit that no price can change any more, as far as it is known.
fn realised(valuation: &Valuation) -> Money {
    let booked = &valuation.booked;
    let closed = booked.closed.known().checked_sub(booked.fees.known());
    let all = closed.and_then(|closed| closed.checked_add(booked.income.known()));
    all.unwrap_or(Money::ZERO)
}

/// What was put in: whatever of the value is not profit.
fn cash_flow(equity: Option<Money>, realised: Money, unrealised: Option<Money>) -> Option<Money> {
    let profit = realised.checked_add(unrealised?).ok()?;
    equity?.checked_sub(profit).ok()
}
