//! What a portfolio, and each of several accounts of it, is worth.

use tapeline_model::money::{Money, Quantity, Rounding};
use tapeline_model::records::{Equity, GuardState, StatePortfolio};
use tapeline_model::{Event, Micros};

use super::accounts::{AccountIndex, PortfolioIndex, sum};
use super::position::is_stale;
use super::{NAME, Risk};
use crate::contract::Out;
use crate::ledger::{Line, Missing};

impl Risk {
    /// A portfolio of one account is told once: its account would say the same.
    pub(super) fn tell_equity(
        &self,
        portfolio: PortfolioIndex,
        event_time: Micros,
        now: Micros,
        out: &mut Out,
    ) {
        let lines: Vec<_> = self.accounts.lines(portfolio, &self.rates).collect();
        let nothing = StatePortfolio::default();
        let state = self.state(portfolio).unwrap_or(&nothing);
        let mut whole = self.figures(&lines, state.cash_flow, now);
        whole.portfolio = self.accounts.portfolio_id(portfolio).clone();
        whole.high_water = whole.equity.map(|_| state.high_water);
        let drawdown = |equity| state.high_water.checked_sub(equity).ok();
        whole.drawdown = whole.equity.and_then(drawdown);
        whole.event_time = event_time;
        if lines.len() > 1 {
            for line in &lines {
                let mut part = self.figures(std::slice::from_ref(line), Money::ZERO, now);
                part.portfolio = whole.portfolio.clone();
                part.account = Some(self.accounts.id(line.0).clone());
                part.event_time = event_time;
                // What was there before accounts were kept apart belongs to one of them.
                if !state.cash_flow.is_zero() {
                    (part.cash, part.equity, part.leverage) = (None, None, None);
                }
                out.emit(Event::Equity(part));
            }
        }
        out.emit(Event::Equity(whole));
    }

    fn figures(&self, lines: &[(AccountIndex, Line)], carried: Money, now: Micros) -> Equity {
        let line = &sum(lines.iter().map(|(_, line)| *line));
        let accounts = || lines.iter().map(|(account, _)| *account);
        let despite_fees = |amount: crate::ledger::Amount| {
            let known = amount.value_despite(Missing::Fee).ok();
            known.and_then(|known| known.checked_add(carried).ok())
        };
        let equity = despite_fees(line.equity());
        let unrealised = line.open.unrealised.value().ok();
        let gross = line.open.gross.value().ok();
        let realised = realised(line);
        let counted = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let ratio = |part: Option<Money>, whole: Option<Money>| {
            let whole = whole.filter(|whole| *whole > Money::ZERO)?;
            part?.times(whole, Rounding::HalfEven).ok()
        };
        Equity {
            portfolio: tapeline_model::ids::PortfolioId::new(""),
            cash_flow: cash_flow(equity, realised, unrealised)
                .unwrap_or_else(|| self.transferred(accounts(), carried)),
            realised,
            unrealised,
            equity,
            high_water: None,
            drawdown: None,
            missing_prices: counted(line.open.net.gaps(Missing::Price)),
            account: None,
            currency: self.settings.currency.to_string(),
            cash: despite_fees(line.booked.cash),
            gross,
            net: line.open.net.value().ok(),
            leverage: ratio(gross, equity),
            buying_power_used: ratio(gross, self.buying_power(lines)),
            stale_prices: self.stale_prices(accounts(), now),
            missing_rates: counted(line.equity().gaps(Missing::Rate)),
            unknown_costs: counted(line.booked.closed.gaps(Missing::Cost)),
            unknown_fees: counted(line.booked.fees.gaps(Missing::Fee)),
            guard: GuardState::Active,
            event_time: now,
            ingest_time: now,
            source: NAME.to_owned(),
        }
    }

    /// What the accounts may hold: their equity, times their leverage.
    fn buying_power(&self, lines: &[(AccountIndex, Line)]) -> Option<Money> {
        lines.iter().try_fold(Money::ZERO, |sum, (account, line)| {
            let equity = line.equity().value_despite(Missing::Fee).ok()?;
            let times = self.settings.leverage(self.accounts.id(*account)).get();
            let power = equity
                .share(times, Quantity::ONE, Rounding::HalfEven)
                .ok()?;
            sum.checked_add(power).ok()
        })
    }

    /// Deposits less withdrawals, as far as there are rates.
    fn transferred(&self, accounts: impl Iterator<Item = AccountIndex>, carried: Money) -> Money {
        let books = accounts.filter_map(|account| self.cash.get(self.accounts.id(account)));
        let moved = books.flat_map(|book| {
            let translated = |currency| self.rates.translate(book.transferred(currency), currency);
            book.currencies().filter_map(move |c| translated(c).ok())
        });
        moved.fold(carried, |sum, money| sum.checked_add(money).unwrap_or(sum))
    }

    fn stale_prices(&self, accounts: impl Iterator<Item = AccountIndex>, now: Micros) -> i32 {
        if self.settings.stale_after.is_none() {
            return 0;
        }
        let open = accounts.flat_map(|at| self.accounts.open(at));
        let stale = open.filter(|(_, holding)| {
            let time = holding.price.map(|valued| valued.time);
            time.is_some_and(|time| is_stale(time, now, self.settings.stale_after))
        });
        i32::try_from(stale.count()).unwrap_or(i32::MAX)
    }
}

/// All profit that no price can change any more, as far as it is known.
fn realised(line: &Line) -> Money {
    let booked = &line.booked;
    let closed = booked.closed.known().checked_sub(booked.fees.known());
    let all = closed.and_then(|closed| closed.checked_add(booked.income.known()));
    all.unwrap_or(Money::ZERO)
}

/// What was put in: whatever of the worth is not profit.
fn cash_flow(equity: Option<Money>, realised: Money, unrealised: Option<Money>) -> Option<Money> {
    let profit = realised.checked_add(unrealised?).ok()?;
    equity?.checked_sub(profit).ok()
}
