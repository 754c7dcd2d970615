//! How far prices may move before limits must be evaluated again.
//!
//! Prices move all the time, and hardly ever is a level crossed. After each evaluation
//! it is known between which sums every grade and every high stays as it is; while
//! the sums are in between, there is nothing to do.

use tapeline_model::Micros;
use tapeline_model::money::Money;
use tapeline_model::records::Grade;

use super::limit::{Levels, Limit};
use super::limit_state::{Graded, LimitState};
use super::measure::Value;
use super::plan::Plan;
use super::rules::{Basis, PriceEffect};
use super::snapshot::{BEYOND_ALL, Known, Sums, leverage};
use super::tracks::Track;
use super::window::Highs;

/// Until when, and between which sums, there is nothing to do.
#[derive(Debug, Clone, Copy, Default)]
pub struct QuietRange {
    pub(super) until: Micros,
    pub(super) quiet: Quiet,
}

impl QuietRange {
    /// Whether these sums can change nothing. No is never wrong, only dearer.
    pub fn contains(&self, whole: &Sums, now: Micros) -> bool {
        now < self.until && self.quiet.contain(whole)
    }
}

/// None where it cannot be derived from the sums of the portfolio.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quiet(Option<Bounds>);

#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    marked: OpenInterval,
    realised: OpenInterval,
    gross: OpenInterval,
    net: OpenInterval,
    used: OpenInterval,
    leverage: Option<OpenInterval>,
}

/// Both ends are outside.
#[derive(Debug, Clone, Copy)]
struct OpenInterval {
    low: Money,
    high: Money,
}

impl Default for OpenInterval {
    fn default() -> Self {
        Self {
            low: BEYOND_ALL.negated(),
            high: BEYOND_ALL,
        }
    }
}

impl OpenInterval {
    /// The equities at which what is lost from `from` is in between.
    fn under(self, from: Money) -> Self {
        Self {
            low: minus(from, self.high),
            high: minus(from, self.low),
        }
    }

    /// The equities at which what is gained since `start` is in between.
    fn over(self, start: Money) -> Self {
        Self {
            low: minus(start, self.low.negated()),
            high: minus(start, self.high.negated()),
        }
    }

    fn narrow(&mut self, other: Self) {
        self.low = self.low.max(other.low);
        self.high = self.high.min(other.high);
    }

    fn has(&self, value: Known) -> bool {
        value.is_ok_and(|value| self.low < value && value < self.high)
    }
}

impl Quiet {
    /// As things stand after an evaluation, of which `value_of` knows the value of each limit.
    pub fn after(
        plan: &Plan,
        state: &LimitState,
        sums: &Sums,
        value_of: impl Fn(&str) -> Option<Value>,
    ) -> Self {
        let mut bounds = Bounds::default();
        let whole = &state.whole;
        bounds.marked.high = above_highs(&whole.marked);
        bounds.realised.high = above_highs(&whole.realised);
        for planned in &plan.measured {
            let limit = &planned.limit;
            if !is_moved_by_prices(limit, state) {
                continue;
            }
            let known = value_of(&limit.name).and_then(Result::ok);
            let graded = state
                .grades
                .get(&limit.name)
                .and_then(|groups| groups.get(""));
            let bounded = match (known, &limit.levels) {
                (Some(value), Some(levels)) => {
                    bounds.narrow(limit, sums, value, unchanged(levels, graded))
                }
                _ => None,
            };
            if bounded.is_none() {
                return Self(None);
            }
        }
        Self(Some(bounds))
    }

    pub fn contain(&self, sums: &Sums) -> bool {
        self.0.as_ref().is_some_and(|bounds| {
            bounds.marked.has(sums.equity)
                && bounds.realised.has(sums.realised_equity)
                && bounds.gross.has(sums.gross)
                && bounds.net.has(sums.net.map(Money::abs))
                && bounds.used.has(sums.buying_power_used)
                && bounds
                    .leverage
                    .is_none_or(|between| between.has(leverage(sums.gross, sums.equity)))
        })
    }
}

impl Bounds {
    /// None where the limit's value cannot be derived from the sums of the portfolio.
    fn narrow(
        &mut self,
        limit: &Limit,
        sums: &Sums,
        value: Money,
        unchanged: OpenInterval,
    ) -> Option<()> {
        if limit.scope.account.is_some() || limit.scope.is_of_positions() {
            return None;
        }
        match limit.rule.quiet() {
            PriceEffect::Loss(basis) => {
                let (own, equity) = self.of(basis, sums);
                own.narrow(unchanged.under(value.checked_add(equity.ok()?).ok()?));
            }
            PriceEffect::Gain(basis) => {
                let (own, equity) = self.of(basis, sums);
                own.narrow(unchanged.over(equity.ok()?.checked_sub(value).ok()?));
            }
            PriceEffect::Gross => self.gross.narrow(unchanged),
            PriceEffect::Net => self.net.narrow(unchanged),
            PriceEffect::BuyingPower => self.used.narrow(unchanged),
            PriceEffect::Leverage => self.leverage.get_or_insert_default().narrow(unchanged),
            PriceEffect::None | PriceEffect::Relief | PriceEffect::Unbounded => return None,
        }
        Some(())
    }

    fn of(&mut self, basis: Basis, sums: &Sums) -> (&mut OpenInterval, Known) {
        match basis {
            Basis::Marked => (&mut self.marked, sums.equity),
            Basis::Realised => (&mut self.realised, sums.realised_equity),
        }
    }
}

/// The values with which a limit keeps its grade, so that nothing is decided.
fn unchanged(levels: &Levels, graded: Option<&Graded>) -> OpenInterval {
    let all = OpenInterval::default();
    let warn = levels.warn.unwrap_or(levels.breach);
    match graded {
        None => OpenInterval {
            high: warn.at,
            ..all
        },
        Some(graded) if graded.grade == Grade::Breach => OpenInterval {
            low: levels.breach.until,
            high: graded
                .set_aside
                .and_then(|value| value.checked_add(levels.margin()).ok())
                .unwrap_or(all.high),
        },
        Some(_) => OpenInterval {
            low: warn.until,
            high: levels.breach.at,
        },
    }
}

/// What happens without a new price comes as an event, or by the time.
fn is_moved_by_prices(limit: &Limit, state: &LimitState) -> bool {
    match limit.rule.quiet() {
        PriceEffect::None => false,
        PriceEffect::Relief => state.grades.contains_key(&limit.name),
        PriceEffect::Loss(_)
        | PriceEffect::Gain(_)
        | PriceEffect::Gross
        | PriceEffect::Net
        | PriceEffect::BuyingPower
        | PriceEffect::Leverage
        | PriceEffect::Unbounded => true,
    }
}

/// A new high must be noted; an equal one is none.
fn above_highs(track: &Track) -> Money {
    let days = track.days.values().filter_map(|day| day.high);
    let windows = track.windows.values().filter_map(Highs::newest);
    let highs = track.high.into_iter().chain(days).chain(windows);
    let smallest = Money::from_raw(1).unwrap_or_default();
    let lowest = highs.min().unwrap_or(BEYOND_ALL);
    minus(lowest, smallest.negated())
}

/// What does not fit is as far as can be.
fn minus(one: Money, other: Money) -> Money {
    let most = BEYOND_ALL.raw();
    let raw = one.raw().saturating_sub(other.raw()).clamp(-most, most);
    Money::from_raw(raw).unwrap_or_default()
}
