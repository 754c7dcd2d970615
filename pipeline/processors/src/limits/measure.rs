//! What a limit measures, in a picture and in what was counted.

use std::collections::BTreeMap;

use tapeline_model::Micros;
use tapeline_model::money::Money;

use super::limit::Limit;
use super::picture::{Held, Known, Picture, Sums, leverage};
use super::plan::Planned;
use super::rule::{Basis, DrawdownMode, Grouping, Rule};
use super::scope::Scope;
use super::state::StateLimits;
use super::tracks::{Track, Tracks};
use super::window::Highs;
use crate::ledger::Missing;

/// Why a limit has no standing. It is then neither kept nor breached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error("it was not measured since the start")]
    NotMeasured,
    #[error("nothing is known of the account")]
    NoAccount,
    #[error("the calendar does not reach this time")]
    NoSession,
}

pub type Value = Result<Money, Unknown>;

/// The group of a position that belongs to no sector.
pub const NO_SECTOR: &str = "(none)";

pub(super) struct Look<'a> {
    pub picture: &'a Picture<'a>,
    pub state: &'a StateLimits,
    pub now: Micros,
}

/// A number of something, as a verdict holds it.
pub(super) fn count(number: i64) -> Money {
    Money::from_raw(i128::from(number) * 100_000_000).unwrap_or_default()
}

pub(super) fn seconds(micros: i64) -> Money {
    Money::from_raw(i128::from(micros.max(0)) * 100).unwrap_or_default()
}

/// How many microseconds a level of seconds is.
pub(super) fn micros(level: Money) -> i64 {
    i64::try_from(level.raw() / 100).unwrap_or(i64::MAX)
}

impl Look<'_> {
    /// A value for each group; one group without a name for the rules that have none.
    pub fn values(&self, planned: &Planned) -> Vec<(String, Value)> {
        let limit = &planned.limit;
        if limit.rule.info().grouping == Grouping::Whole {
            return vec![(String::new(), self.whole(planned))];
        }
        let mut groups = match limit.rule {
            Rule::LostSession => self.lost_sessions(&limit.scope),
            Rule::Unreconciled => self.unreconciled(&limit.scope),
            _ => self.grouped(limit),
        };
        groups.retain(|(group, _)| !planned.excluded.contains(group));
        groups
    }

    fn whole(&self, planned: &Planned) -> Value {
        let limit = &planned.limit;
        let scope = &limit.scope;
        match &limit.rule {
            Rule::Drawdown { mode, basis } => self.drawdown(scope, mode, *basis, &planned.window),
            Rule::DailyLoss { calendar, basis } => {
                self.gain(scope, calendar, *basis).map(Money::negated)
            }
            Rule::MaxProfit { calendar, basis } => self.gain(scope, calendar, *basis),
            Rule::GrossExposure => self.gross(scope),
            Rule::NetExposure => Ok(self.net(scope)?.abs()),
            Rule::Leverage => {
                let sums = self.sums(scope)?;
                Ok(leverage(sums.gross, sums.equity)?)
            }
            Rule::BuyingPower => Ok(self.sums(scope)?.buying_power_used?),
            Rule::PositionCount => Ok(count(self.positions(scope).count() as i64)),
            Rule::OrderRate { window } | Rule::CancelRate { window } => {
                let counts = self.state.counts.get(&limit.name);
                Ok(count(
                    counts.map_or(0, |counts| counts.total(*window, self.now)),
                ))
            }
            Rule::LossStreak => Ok(count(
                self.state.streaks.get(&limit.name).copied().unwrap_or(0),
            )),
            // The others are grouped, or say yes or no.
            _ => Err(Unknown::NotMeasured),
        }
    }

    fn sums(&self, scope: &Scope) -> Result<&Sums, Unknown> {
        match &scope.account {
            Some(account) => self.picture.accounts.get(account).ok_or(Unknown::NoAccount),
            None => Ok(&self.picture.whole),
        }
    }

    fn tracks(&self, scope: &Scope) -> Result<&Tracks, Unknown> {
        match &scope.account {
            Some(account) => self.state.accounts.get(account).ok_or(Unknown::NoAccount),
            None => Ok(&self.state.whole),
        }
    }

    /// The equity now, and the points it is compared with.
    fn equity(&self, scope: &Scope, basis: Basis) -> Result<(Money, &Track), Unknown> {
        let sums = self.sums(scope)?;
        let equity = match basis {
            Basis::Marked => sums.equity,
            Basis::Realised => sums.realised_equity,
        };
        Ok((equity?, self.tracks(scope)?.of(basis)))
    }

    fn drawdown(&self, scope: &Scope, mode: &DrawdownMode, basis: Basis, window: &str) -> Value {
        let (equity, track) = self.equity(scope, basis)?;
        let from = match mode {
            DrawdownMode::Static => track.start,
            DrawdownMode::Trailing => track.high,
            DrawdownMode::Session { calendar } => {
                track.days.get(calendar).ok_or(Unknown::NoSession)?.high
            }
            DrawdownMode::Rolling { .. } => track.windows.get(window).and_then(Highs::high),
        };
        minus(from.ok_or(Unknown::NotMeasured)?, equity)
    }

    fn gain(&self, scope: &Scope, calendar: &str, basis: Basis) -> Value {
        let (equity, track) = self.equity(scope, basis)?;
        let day = track.days.get(calendar).ok_or(Unknown::NoSession)?;
        minus(equity, day.start.ok_or(Unknown::NotMeasured)?)
    }

    fn gross(&self, scope: &Scope) -> Value {
        if !scope.is_of_positions() {
            return Ok(self.sums(scope)?.gross?);
        }
        Ok(sum(self
            .positions(scope)
            .map(|held| held.market_value.map(Money::abs)))?)
    }

    fn net(&self, scope: &Scope) -> Value {
        if !scope.is_of_positions() {
            return Ok(self.sums(scope)?.net?);
        }
        Ok(sum(self.positions(scope).map(|held| held.market_value))?)
    }

    fn grouped(&self, limit: &Limit) -> Vec<(String, Value)> {
        let mut groups: BTreeMap<&str, Known> = BTreeMap::new();
        for held in self.positions(&limit.scope) {
            let (group, value) = self.part(&limit.rule, held);
            let entry = groups.entry(group).or_insert(Ok(Money::ZERO));
            *entry = match limit.rule {
                Rule::StalePrice => entry.and_then(|oldest| Ok(oldest.max(value?))),
                _ => sum([*entry, value]),
            };
        }
        let named = groups.into_iter();
        named
            .map(|(group, value)| (group.to_owned(), value.map_err(Unknown::from)))
            .collect()
    }

    /// The group a position belongs to, and what it adds.
    fn part<'h>(&self, rule: &Rule, held: &Held<'h>) -> (&'h str, Known) {
        let gross = held.market_value.map(Money::abs);
        match rule {
            Rule::SectorExposure => (held.sector.unwrap_or(NO_SECTOR), gross),
            Rule::CurrencyExposure => (held.currency, gross),
            Rule::PositionSize => (held.symbol.as_str(), Ok(held.quantity.abs().into())),
            Rule::StalePrice => {
                let age = held.price_time.map(|time| seconds(self.now.since(time)));
                (held.symbol.as_str(), age.ok_or(Missing::Price))
            }
            _ => (held.symbol.as_str(), gross),
        }
    }

    fn lost_sessions(&self, scope: &Scope) -> Vec<(String, Value)> {
        let lost = self.state.lost_sessions.iter();
        lost.filter(|(account, _)| scope.account.as_ref().is_none_or(|own| own == *account))
            .map(|(account, since)| (account.as_str().to_owned(), Ok(self.age(*since))))
            .collect()
    }

    /// Since the oldest difference that is still there.
    fn unreconciled(&self, scope: &Scope) -> Vec<(String, Value)> {
        let differing = self.state.unreconciled.iter();
        differing
            .filter(|(account, _)| scope.account.as_ref().is_none_or(|own| own == *account))
            .filter_map(|(account, since)| {
                let oldest = since.values().min()?;
                Some((account.as_str().to_owned(), Ok(self.age(*oldest))))
            })
            .collect()
    }

    fn age(&self, since: Micros) -> Money {
        seconds(self.now.since(since))
    }

    /// What is open and belongs to the scope.
    fn positions<'s>(&'s self, scope: &'s Scope) -> impl Iterator<Item = &'s Held<'s>> {
        self.picture
            .positions
            .iter()
            .filter(|held| !held.quantity.is_zero())
            .filter(move |held| scope.covers(&held.doing()))
    }
}

fn minus(one: Money, other: Money) -> Value {
    one.checked_sub(other)
        .map_err(|e| Unknown::Missing(Missing::from(e)))
}

pub(super) fn sum(parts: impl IntoIterator<Item = Known>) -> Known {
    parts.into_iter().try_fold(Money::ZERO, |sum, part| {
        sum.checked_add(part?).map_err(Missing::from)
    })
}

/// When a value that grows with time goes beyond the next level.
pub(super) fn grows_beyond(limit: &Limit, value: Money, now: Micros) -> Option<Micros> {
    let levels = limit.levels.as_ref()?;
    let warn = levels.warn.map(|warn| warn.at);
    let ahead = warn.into_iter().chain([levels.breach.at]);
    let next = ahead.filter(|level| *level >= value).min()?;
    let left = micros(next).saturating_sub(micros(value));
    // A level itself is still allowed.
    Some(Micros(now.0.saturating_add(left).saturating_add(1)))
}
