//! Limits: how far a portfolio may go, and who says stop. Pure values: a snapshot and
//! the time go in, decisions come out.
//!
//! # What a drawdown is
//!
//! People lost money because a "drawdown" was counted from another point than they
//! thought. Here the point has a name, and no limit is accepted without one. Equity
//! is 10,000 at the start, 12,000 last week, 11,000 when New York opens today, 11,300
//! at noon and 10,900 now:
//!
//! | Mode | Counted from | Drawdown now |
//! |---|---|---|
//! | static | the first equity known: 10,000 | −900, it is above |
//! | trailing | the highest equity ever: 12,000 | 1,100 |
//! | session | the highest equity since the exchange's day began: 11,300 | 400 |
//! | rolling 30d | the highest equity of the last 30 days: 12,000 | 1,100 |
//!
//! The **daily loss** is counted from the equity at the open: 11,000 − 10,900 = 100.
//!
//! Each has two bases. **Marked** is equity at the prices of the moment. **Realised**
//! is equity without what open positions gained or lost: cash, and positions at what
//! they cost. With 10,900 marked and an open loss of 300, realised equity is 11,200.
//!
//! Now 5,000 are paid in: equity is 15,900, and every point above moves up by 5,000,
//! too. All the drawdowns and the daily loss stay what they were ([`CapitalFlow`]).
//!
//! **Days.** A day lasts from one open to the next, in the exchange's own time. Its
//! first equity is the one right before the first change at or after the open
//! ([`Watch::rolls`]), so the jump at the open belongs to the new day, and what
//! happens over night to the old one.
//!
//! # Levels
//!
//! A level is the most that is allowed: only a value beyond it counts. A breach of
//! 2,000 with a release of 20 percent is over once the value is down to 1,600.
//!
//! Missing is missing: a limit whose value is unknown keeps its grade, its
//! [`LimitStatus`] says why, and [`judge()`] lets nothing pass that raises an exposure.
//!
//! # Which limit counts
//!
//! Of limits with the same rule and mode that measure the same, the narrowest counts:
//! symbol, strategy, account, portfolio, everything, in this order. What is measured
//! is part of it: a limit of an account measures the account, and does not lift the
//! limit of the portfolio it belongs to. Restricted lists add up.
//!
//! # The guard
//!
//! A breach with the action REDUCING or HALTED raises the [`Guard`], which stays up
//! whatever the value does; so does a person. Each command holds it by itself, each limit
//! and group by their first verdict; beyond 256, causes are merged into one. A person
//! resets it, with a name, a reason and all verdicts that hold it. A limit that is breached at the reset raises the guard again
//! when it was back within and is breached anew, or when its value got worse since by
//! as much as it must come back to be over: at a level of 2,000 and a release of 20
//! percent, a drawdown of 2,100 set aside is a breach again beyond 2,500.
//!
//! # How it is called
//!
//! The caller keeps a [`Watch`] for each portfolio and a [`Plan`] made of all limits.
//! Before it takes in a record behind [`Watch::rolls_at`], it evaluates the
//! snapshot as it is; then it takes in the record, reports orders, trades,
//! sessions and money that moved to the watch, and evaluates the new snapshot. Where only
//! prices changed and the portfolio is [`QuietRange`], it need not. Each [`Decision`] becomes a
//! verdict, whose id goes to [`Watch::latch`]. [`Watch::wake_at`] says when time alone
//! changes something. The state is stored when [`Watch::take_changed`] says so; after
//! a start nothing that raises an exposure passes until the first evaluation.
//!
//! The points of the portfolio are tracked from its first evaluation on, those of an
//! account from the first evaluation under a limit of that account.

mod calendar;
mod closures;
mod decision;
mod definition;
mod guard;
mod judge;
mod limit;
mod limit_change;
mod limit_state;
mod measure;
mod order_context;
mod plan;
mod projection;
mod quiet;
pub mod reference;
mod reports;
mod rules;
mod scenarios;
mod scope;
mod snapshot;
mod tracks;
mod watch;
mod window;
mod wording;

pub use calendar::{Calendar, CalendarError, Calendars, Closure, Closures, Hours, Session};
pub use decision::{Decision, LimitStatus, MeasuredLimit};
pub use definition::{DEFAULT_RELEASE, Fault, LimitDefinition, parse_all};
pub use guard::{Guard, GuardCause, GuardChange};
pub use judge::{Headroom, Judgement, OrderRefusal, judge};
pub use limit::{Level, Levels, Limit, Limits};
pub use limit_change::{LimitChange, list};
pub use limit_state::LimitState;
pub use measure::{NO_SECTOR, Unknown, Value};
pub use order_context::{Instrument, OpenOrders, OrderContext, Policy, RestingOrders};
pub use plan::{Plan, Plans};
pub use quiet::QuietRange;
pub use rules::{
    Basis, DrawdownMode, ExposureRule, Gate, Grouping, LossRule, PositionRule, RULES, RateRule,
    Rule, RuleInfo, StateRule, Unit, Window,
};
pub use scope::{Activity, Scope};
pub use snapshot::{CapitalFlow, HeldPosition, Known, Snapshot, Sums};
pub use watch::Watch;
pub(crate) use watch::earlier;

use tapeline_model::money::Rounding;

const ROUNDING: Rounding = Rounding::HalfEven;

#[cfg(test)]
pub(crate) mod tests;
