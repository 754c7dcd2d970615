//! How often something may happen.

#![deny(clippy::wildcard_enum_match_arm)]

use tapeline_model::reasons::Reason;

use super::effects::{Needed, OrderEffect, PriceEffect, Requirements, TimeEffect};
use super::info::{Gate, Grouping, OF_ALL, RuleInfo, Unit};
use super::{Family, Window};
use crate::limits::measure::{Measurement, Values, count, whole};
use crate::limits::plan::Planned;
use crate::limits::wording::Measured;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateRule {
    Orders { window: Window },
    Cancels { window: Window },
    LossStreak,
}

/// What is counted as it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::limits) enum Counted {
    Orders(Window),
    Cancels(Window),
    LosingTrades,
}

rules! { Rate(RateRule):
    Orders "order_rate" "Rate of orders": "orders in `window` up to now",
        keys ["window"], for OF_ALL, Count, Whole, AtOnce, OrderRateBreached,
        example [name "orders", window "1m", breach "60", action "halted"],
        read |reader| Some(RateRule::Orders { window: reader.window()? });
    Cancels "cancel_rate" "Rate of cancels": "cancels in `window` up to now",
        keys ["window"], for OF_ALL, Count, Whole, ByGuard, CancelRateBreached,
        example [name "cancels", window "1m", breach "60", action "alert"],
        read |reader| Some(RateRule::Cancels { window: reader.window()? });
    LossStreak "loss_streak" "Losing trades in a row": "closed trades since the last one that won, from flat to flat and after fees; one whose result is unknown counts as lost, one that came to nothing not at all",
        keys [], for OF_ALL, Count, Whole, ByGuard, LossStreakBreached,
        example [name "streak", strategy "trend", breach "5", action "reducing"],
        read |_| Some(RateRule::LossStreak);
}

impl RateRule {
    pub(super) fn counted(&self) -> Counted {
        match self {
            Self::Orders { window } => Counted::Orders(*window),
            Self::Cancels { window } => Counted::Cancels(*window),
            Self::LossStreak => Counted::LosingTrades,
        }
    }
}

impl Family for RateRule {
    fn info(&self) -> &'static RuleInfo {
        self.row()
    }

    fn mode(&self) -> String {
        match self {
            Self::Orders { window } | Self::Cancels { window } => window.to_string(),
            Self::LossStreak => String::new(),
        }
    }

    fn values(&self, measurement: &Measurement<'_>, planned: &Planned) -> Values {
        let limit = &planned.limit.name;
        whole(Ok(count(match self {
            Self::Orders { window } | Self::Cancels { window } => {
                let counts = measurement.state.counts.get(limit);
                counts.map_or(0, |counts| counts.total(*window, measurement.now))
            }
            Self::LossStreak => measurement.state.streaks.get(limit).copied().unwrap_or(0),
        })))
    }

    fn phrase(&self, measured: &Measured<'_>) -> String {
        let value = measured.value;
        match self {
            Self::Orders { window } => format!("sent {value} orders in {window}"),
            Self::Cancels { window } => format!("sent {value} cancels in {window}"),
            Self::LossStreak => format!("closed {value} trades in a row at a loss"),
        }
    }

    fn quiet(&self) -> PriceEffect {
        match self {
            Self::Orders { .. } | Self::Cancels { .. } | Self::LossStreak => PriceEffect::None,
        }
    }

    fn passing(&self) -> TimeEffect {
        match self {
            Self::Orders { window } | Self::Cancels { window } => TimeEffect::Falls(*window),
            Self::LossStreak => TimeEffect::None,
        }
    }

    fn plan(&self) -> Needed<'_> {
        Needed::Measured(match self {
            Self::Orders { .. } | Self::Cancels { .. } | Self::LossStreak => Requirements::NONE,
        })
    }

    fn projection(&self) -> OrderEffect {
        match self {
            Self::Orders { window } => OrderEffect::OneMore(*window),
            Self::Cancels { .. } | Self::LossStreak => OrderEffect::None,
        }
    }
}
