//! What must be so while one trades: prices, sessions, reports, hours, lists.

#![deny(clippy::wildcard_enum_match_arm)]

use std::collections::BTreeSet;
use std::fmt;

use tapeline_model::ids::Symbol;
use tapeline_model::reasons::Reason;

use super::Family;
use super::effects::{Needed, OrderEffect, PriceEffect, Requirements, TimeEffect};
use super::info::{Gate, Grouping, OF_ACCOUNTS, OF_ALL, RuleInfo, Unit};
use crate::ledger::Missing;
use crate::limits::measure::{Measurement, Unknown, Values, seconds, whole};
use crate::limits::plan::Planned;
use crate::limits::scope::Scope;
use crate::limits::wording::Measured;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateRule {
    StalePrice,
    LostSession,
    Unreconciled,
    TradingHours { calendar: String },
    Restricted { symbols: BTreeSet<Symbol> },
}

rules! { State(StateRule):
    StalePrice "stale_price" "Stale price": "the age of the price of each symbol that is held",
        keys [], for OF_ALL, Seconds, Symbol, ByGuard, PriceStale,
        example [name "old-prices", warn "30", breach "120", action "reducing"],
        read |_| Some(StateRule::StalePrice);
    LostSession "lost_session" "Lost session": "for how long each account has had no session with its broker",
        keys [], for OF_ACCOUNTS, Seconds, Account, ByGuard, SessionLost,
        example [name "session", breach "60", action "reducing"],
        read |_| Some(StateRule::LostSession);
    Unreconciled "unreconciled" "Unreconciled": "for how long each account has differed from the broker's report",
        keys [], for OF_ACCOUNTS, Seconds, Account, ByGuard, Unreconciled,
        example [name "reconciliation", breach "60", action "reducing"],
        read |_| Some(StateRule::Unreconciled);
    TradingHours "trading_hours" "Trading hours": "whether the exchange is open; orders are refused while it is not",
        keys ["calendar"], for OF_ALL, Nothing, Whole, AtOnce, MarketClosed,
        example [name "hours", calendar "XNYS"],
        read |reader| Some(StateRule::TradingHours { calendar: reader.calendar()? });
    Restricted "restricted" "Restricted list": "whether the symbol is on the list; orders in it are refused, and lists of all scopes add up",
        keys ["symbols"], for OF_ALL, Nothing, Whole, AtOnce, RestrictedSymbol,
        example [name "not-these", symbols ["GME", "AMC"]],
        read |reader| Some(StateRule::Restricted { symbols: reader.symbols()? });
}

impl StateRule {
    pub(super) fn restricts(&self, symbol: &Symbol) -> bool {
        match self {
            Self::Restricted { symbols } => symbols.contains(symbol),
            Self::StalePrice
            | Self::LostSession
            | Self::Unreconciled
            | Self::TradingHours { .. } => false,
        }
    }

    pub(super) fn write_parameters(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TradingHours { calendar } => write!(f, ", calendar {calendar}"),
            Self::Restricted { symbols } => symbols
                .iter()
                .try_for_each(|symbol| write!(f, ", {symbol}")),
            Self::StalePrice | Self::LostSession | Self::Unreconciled => Ok(()),
        }
    }
}

impl Family for StateRule {
    fn info(&self) -> &'static RuleInfo {
        self.row()
    }

    fn mode(&self) -> String {
        match self {
            Self::StalePrice
            | Self::LostSession
            | Self::Unreconciled
            | Self::TradingHours { .. }
            | Self::Restricted { .. } => String::new(),
        }
    }

    fn values(&self, measurement: &Measurement<'_>, planned: &Planned) -> Values {
        let scope = &planned.limit.scope;
        match self {
            Self::StalePrice => price_ages(measurement, scope),
            Self::LostSession => lost_sessions(measurement, scope),
            Self::Unreconciled => unreconciled(measurement, scope),
            // They say yes or no.
            Self::TradingHours { .. } | Self::Restricted { .. } => whole(Err(Unknown::NotMeasured)),
        }
    }

    fn phrase(&self, measured: &Measured<'_>) -> String {
        let Measured { group, value, .. } = measured;
        match self {
            Self::StalePrice => format!("holds {group}, whose price is {value} s old"),
            Self::LostSession => format!("has had no session at account {group} for {value} s"),
            Self::Unreconciled => {
                format!("has differed from the broker's report of account {group} for {value} s")
            }
            Self::TradingHours { .. } | Self::Restricted { .. } => String::new(),
        }
    }

    fn quiet(&self) -> PriceEffect {
        match self {
            Self::StalePrice => PriceEffect::Relief,
            Self::LostSession
            | Self::Unreconciled
            | Self::TradingHours { .. }
            | Self::Restricted { .. } => PriceEffect::None,
        }
    }

    fn passing(&self) -> TimeEffect {
        match self {
            Self::StalePrice | Self::LostSession | Self::Unreconciled => TimeEffect::Grows,
            Self::TradingHours { .. } | Self::Restricted { .. } => TimeEffect::None,
        }
    }

    fn plan(&self) -> Needed<'_> {
        match self {
            Self::StalePrice => Needed::Measured(Requirements::POSITIONS),
            Self::LostSession | Self::Unreconciled => Needed::Measured(Requirements::NONE),
            Self::TradingHours { calendar } => Needed::Hours(calendar),
            Self::Restricted { .. } => Needed::Restriction,
        }
    }

    fn projection(&self) -> OrderEffect {
        match self {
            Self::StalePrice | Self::LostSession | Self::Unreconciled => OrderEffect::None,
            Self::TradingHours { .. } | Self::Restricted { .. } => OrderEffect::Permission,
        }
    }
}

/// Of the oldest price of each symbol.
fn price_ages(measurement: &Measurement<'_>, scope: &Scope) -> Values {
    measurement.grouped(
        scope,
        |held| {
            let age = held
                .price_time
                .map(|time| seconds(measurement.now.since(time)));
            (held.symbol.as_str(), age.ok_or(Missing::Price))
        },
        |oldest, age| oldest.and_then(|oldest| Ok(oldest.max(age?))),
    )
}

fn lost_sessions(measurement: &Measurement<'_>, scope: &Scope) -> Values {
    let lost = measurement.state.lost_sessions.iter();
    lost.filter(|(account, _)| scope.account.as_ref().is_none_or(|own| own == *account))
        .map(|(account, since)| (account.as_str().to_owned(), Ok(measurement.age(*since))))
        .collect()
}

/// Since the oldest difference that is still there.
fn unreconciled(measurement: &Measurement<'_>, scope: &Scope) -> Values {
    let differing = measurement.state.unreconciled.iter();
    differing
        .filter(|(account, _)| scope.account.as_ref().is_none_or(|own| own == *account))
        .filter_map(|(account, since)| {
            let oldest = since.values().min()?;
            Some((account.as_str().to_owned(), Ok(measurement.age(*oldest))))
        })
        .collect()
}
