//! How much may be held, in units and in number.

#![deny(clippy::wildcard_enum_match_arm)]

use tapeline_model::reasons::Reason;

use super::Family;
use super::effects::{Needed, OrderEffect, PriceEffect, Requirements, TimeEffect};
use super::info::{Gate, Grouping, OF_ALL, RuleInfo, Unit};
use crate::limits::measure::{Measurement, Values, count, sum, whole};
use crate::limits::plan::Planned;
use crate::limits::wording::Measured;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionRule {
    Size,
    Count,
}

rules! { Position(PositionRule):
    Size "position_size" "Position size": "the quantity held of each symbol, long or short",
        keys [], for OF_ALL, Units, Symbol, Projected, PositionSizeBreached,
        example [name "tsla", symbol "TSLA", breach "500", action "alert"],
        read |_| Some(PositionRule::Size);
    Count "position_count" "Number of positions": "open positions, one for each account and symbol",
        keys [], for OF_ALL, Count, Whole, Projected, PositionCountBreached,
        example [name "positions", strategy "trend", breach "10", action "alert"],
        read |_| Some(PositionRule::Count);
}

impl Family for PositionRule {
    fn info(&self) -> &'static RuleInfo {
        self.row()
    }

    fn mode(&self) -> String {
        match self {
            Self::Size | Self::Count => String::new(),
        }
    }

    fn values(&self, measurement: &Measurement<'_>, planned: &Planned) -> Values {
        let scope = &planned.limit.scope;
        match self {
            Self::Size => measurement.grouped(
                scope,
                |held| (held.symbol.as_str(), Ok(held.quantity.abs().into())),
                |one, other| sum([one, other]),
            ),
            Self::Count => whole(Ok(count(measurement.positions(scope).count() as i64))),
        }
    }

    fn phrase(&self, measured: &Measured<'_>) -> String {
        let Measured { group, value, .. } = measured;
        match self {
            Self::Size => format!("holds {value} units of {group}"),
            Self::Count => format!("has {value} open positions"),
        }
    }

    fn quiet(&self) -> PriceEffect {
        match self {
            Self::Size | Self::Count => PriceEffect::None,
        }
    }

    fn passing(&self) -> TimeEffect {
        match self {
            Self::Size | Self::Count => TimeEffect::None,
        }
    }

    fn plan(&self) -> Needed<'_> {
        Needed::Measured(match self {
            Self::Size | Self::Count => Requirements::POSITIONS,
        })
    }

    fn projection(&self) -> OrderEffect {
        match self {
            Self::Size | Self::Count => OrderEffect::Largest,
        }
    }
}
