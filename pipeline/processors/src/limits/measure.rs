//! What a limit measures, in a snapshot and in what was counted.

use std::collections::BTreeMap;

use tapeline_model::Micros;
use tapeline_model::money::Money;

use super::limit::Limit;
use super::limit_state::LimitState;
use super::plan::Planned;
use super::rules::{Basis, TimeEffect};
use super::scope::Scope;
use super::snapshot::{HeldPosition, Known, Snapshot, Sums};
use super::tracks::{Track, Tracks};
use crate::ledger::Missing;

/// Why a limit has no value. It is then neither within nor breached.
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

/// By group; one without a name for the rules that have none.
pub(super) type Values = Vec<(String, Value)>;

/// The group of a position that belongs to no sector.
pub const NO_SECTOR: &str = "(none)";

pub(super) struct Measurement<'a> {
    pub snapshot: &'a Snapshot<'a>,
    pub state: &'a LimitState,
    pub now: Micros,
}

pub(super) fn whole(value: Value) -> Values {
    vec![(String::new(), value)]
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

impl Measurement<'_> {
    /// A value for each group that has no narrower limit.
    pub fn values(&self, planned: &Planned) -> Values {
        let mut groups = planned.limit.rule.values(self, planned);
        groups.retain(|(group, _)| !planned.excluded.contains(group));
        groups
    }

    /// When time alone changes one of these values.
    pub fn wakes_at(&self, planned: &Planned, values: &[(String, Value)]) -> Option<Micros> {
        let limit = &planned.limit;
        match limit.rule.passing() {
            TimeEffect::Falls(window) => {
                let counts = self.state.counts.get(&limit.name)?;
                counts.falls_at(window, self.now)
            }
            TimeEffect::Grows => {
                let known = values.iter().filter_map(|(_, value)| value.ok());
                known
                    .filter_map(|value| grows_beyond(limit, value, self.now))
                    .min()
            }
            TimeEffect::None => None,
        }
    }

    pub fn sums(&self, scope: &Scope) -> Result<&Sums, Unknown> {
        match &scope.account {
            Some(account) => self
                .snapshot
                .accounts
                .get(account)
                .ok_or(Unknown::NoAccount),
            None => Ok(&self.snapshot.whole),
        }
    }

    fn tracks(&self, scope: &Scope) -> Result<&Tracks, Unknown> {
        match &scope.account {
            Some(account) => self.state.accounts.get(account).ok_or(Unknown::NoAccount),
            None => Ok(&self.state.whole),
        }
    }

    /// The equity now, and the points it is compared with.
    pub fn equity(&self, scope: &Scope, basis: Basis) -> Result<(Money, &Track), Unknown> {
        let sums = self.sums(scope)?;
        let equity = match basis {
            Basis::Marked => sums.equity,
            Basis::Realised => sums.realised_equity,
        };
        Ok((equity?, self.tracks(scope)?.of(basis)))
    }

    /// What positions have in common, and what each adds to it.
    pub fn grouped<'s>(
        &'s self,
        scope: &'s Scope,
        part: impl Fn(&'s HeldPosition<'s>) -> (&'s str, Known),
        add: impl Fn(Known, Known) -> Known,
    ) -> Values {
        let mut groups: BTreeMap<&str, Known> = BTreeMap::new();
        for held in self.positions(scope) {
            let (group, value) = part(held);
            let sum = groups.entry(group).or_insert(Ok(Money::ZERO));
            *sum = add(*sum, value);
        }
        let named = groups.into_iter();
        named
            .map(|(group, value)| (group.to_owned(), value.map_err(Unknown::from)))
            .collect()
    }

    pub fn age(&self, since: Micros) -> Money {
        seconds(self.now.since(since))
    }

    /// What is open and belongs to the scope.
    pub fn positions<'s>(&'s self, scope: &'s Scope) -> impl Iterator<Item = &'s HeldPosition<'s>> {
        self.snapshot
            .positions
            .iter()
            .filter(|held| !held.quantity.is_zero())
            .filter(move |held| scope.covers(&held.activity()))
    }
}

pub(super) fn minus(one: Money, other: Money) -> Value {
    one.checked_sub(other)
        .map_err(|e| Unknown::Missing(Missing::from(e)))
}

pub(super) fn sum(parts: impl IntoIterator<Item = Known>) -> Known {
    parts.into_iter().try_fold(Money::ZERO, |sum, part| {
        sum.checked_add(part?).map_err(Missing::from)
    })
}

/// When a value that grows with time goes beyond the next level.
fn grows_beyond(limit: &Limit, value: Money, now: Micros) -> Option<Micros> {
    let levels = limit.levels.as_ref()?;
    let warn = levels.warn.map(|warn| warn.at);
    let ahead = warn.into_iter().chain([levels.breach.at]);
    let next = ahead.filter(|level| *level >= value).min()?;
    let left = micros(next).saturating_sub(micros(value));
    // A level itself is still allowed.
    Some(Micros(now.0.saturating_add(left).saturating_add(1)))
}
