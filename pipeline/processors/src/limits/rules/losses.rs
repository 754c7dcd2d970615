//! How far equity may fall, and how far it may rise.

#![deny(clippy::wildcard_enum_match_arm)]

use tapeline_model::money::Money;
use tapeline_model::reasons::Reason;

use super::effects::{Needed, OrderEffect, PriceEffect, Requirements, TimeEffect};
use super::info::{Gate, Grouping, OF_ACCOUNTS, RuleInfo, Unit};
use super::{Basis, Family, Window};
use crate::limits::definition::Reader;
use crate::limits::measure::{Measurement, Unknown, Value, Values, minus, whole};
use crate::limits::plan::Planned;
use crate::limits::scope::Scope;
use crate::limits::window::Highs;
use crate::limits::wording::Measured;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LossRule {
    Drawdown { mode: DrawdownMode, basis: Basis },
    Daily { calendar: String, basis: Basis },
    MaxProfit { calendar: String, basis: Basis },
}

/// From where a drawdown is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrawdownMode {
    /// From the equity at the start.
    Static,
    /// From the highest equity ever.
    Trailing,
    /// From the highest equity since the exchange's day began.
    Session { calendar: String },
    /// From the highest equity in a length of time up to now.
    Rolling { window: Window },
}

rules! { Loss(LossRule):
    Drawdown "max_drawdown" "Drawdown": "how far equity is below the point that `mode` names",
        keys ["mode", "basis", "calendar", "window"], for OF_ACCOUNTS,
        Money, Whole, ByGuard, DrawdownBreached,
        example [name "drawdown", mode "trailing", basis "marked", portfolio "growth", warn "4000", breach "5000", action "halted"],
        read |reader| {
            let (mode, basis) = (DrawdownMode::read(reader), reader.basis());
            Some(LossRule::Drawdown { mode: mode?, basis: basis? })
        };
    Daily "daily_loss" "Daily loss": "equity at the day's open less equity now",
        keys ["basis", "calendar"], for OF_ACCOUNTS,
        Money, Whole, ByGuard, DailyLossBreached,
        example [name "day", basis "marked", warn "1500", breach "2000", action "reducing"],
        read |reader| {
            let (calendar, basis) = (reader.calendar(), reader.basis());
            Some(LossRule::Daily { calendar: calendar?, basis: basis? })
        };
    MaxProfit "max_profit" "Profit target": "equity now less equity at the day's open",
        keys ["basis", "calendar"], for OF_ACCOUNTS,
        Money, Whole, ByGuard, ProfitTargetReached,
        example [name "target", basis "realised", portfolio "growth", breach "3000", action "reducing"],
        read |reader| {
            let (calendar, basis) = (reader.calendar(), reader.basis());
            Some(LossRule::MaxProfit { calendar: calendar?, basis: basis? })
        };
}

impl Family for LossRule {
    fn info(&self) -> &'static RuleInfo {
        self.row()
    }

    fn mode(&self) -> String {
        match self {
            Self::Drawdown { mode, basis } => match mode {
                DrawdownMode::Static => format!("static-{basis}"),
                DrawdownMode::Trailing => format!("trailing-{basis}"),
                DrawdownMode::Session { calendar } => format!("session-{calendar}-{basis}"),
                DrawdownMode::Rolling { window } => format!("rolling-{window}-{basis}"),
            },
            Self::Daily { calendar, basis } | Self::MaxProfit { calendar, basis } => {
                format!("{calendar}-{basis}")
            }
        }
    }

    fn values(&self, measurement: &Measurement<'_>, planned: &Planned) -> Values {
        let scope = &planned.limit.scope;
        whole(match self {
            Self::Drawdown { mode, basis } => {
                mode.drawdown(measurement, scope, *basis, &planned.window)
            }
            Self::Daily { calendar, basis } => {
                gain(measurement, scope, calendar, *basis).map(Money::negated)
            }
            Self::MaxProfit { calendar, basis } => gain(measurement, scope, calendar, *basis),
        })
    }

    fn phrase(&self, measured: &Measured<'_>) -> String {
        match self {
            Self::Drawdown { mode, basis } => mode.phrase(measured, *basis),
            Self::Daily { basis, .. } => gained(measured.value.negated(), measured, *basis),
            Self::MaxProfit { basis, .. } => gained(measured.value, measured, *basis),
        }
    }

    fn quiet(&self) -> PriceEffect {
        match self {
            Self::Drawdown { basis, .. } | Self::Daily { basis, .. } => PriceEffect::Loss(*basis),
            Self::MaxProfit { basis, .. } => PriceEffect::Gain(*basis),
        }
    }

    fn passing(&self) -> TimeEffect {
        match self {
            // Days and windows end when the watch rolls.
            Self::Drawdown { .. } | Self::Daily { .. } | Self::MaxProfit { .. } => TimeEffect::None,
        }
    }

    fn plan(&self) -> Needed<'_> {
        let of_equity = Requirements {
            equity_points: true,
            ..Requirements::NONE
        };
        Needed::Measured(match self {
            Self::Drawdown { mode, .. } => Requirements {
                calendar: mode.calendar(),
                window: mode.window(),
                ..of_equity
            },
            Self::Daily { calendar, .. } | Self::MaxProfit { calendar, .. } => Requirements {
                calendar: Some(calendar),
                ..of_equity
            },
        })
    }

    fn projection(&self) -> OrderEffect {
        match self {
            Self::Drawdown { .. } | Self::Daily { .. } | Self::MaxProfit { .. } => {
                OrderEffect::None
            }
        }
    }
}

impl DrawdownMode {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let text = reader.definition.mode.as_deref().unwrap_or_default();
        let mode = match text {
            "static" => Self::Static,
            "trailing" => Self::Trailing,
            "session" => Self::Session {
                calendar: reader.calendar()?,
            },
            "rolling" => Self::Rolling {
                window: reader.window()?,
            },
            _ => {
                let remedy = "must say from where the drawdown is counted: write `static` (from the start), \
                    `trailing` (from the highest ever), `session` (from the highest of the day) or \
                    `rolling` (from the highest of `window`)";
                reader.fault("mode", text, remedy);
                return None;
            }
        };
        let given = reader.definition;
        let unused = [
            ("calendar", &given.calendar, mode.calendar().is_none()),
            ("window", &given.window, mode.window().is_none()),
        ];
        for (key, value, is_unused) in unused {
            if let Some(value) = value
                && is_unused
            {
                let remedy = format!("means nothing in the mode {text}; leave it out");
                reader.fault(key, value, remedy);
            }
        }
        Some(mode)
    }

    fn calendar(&self) -> Option<&str> {
        match self {
            Self::Session { calendar } => Some(calendar),
            Self::Static | Self::Trailing | Self::Rolling { .. } => None,
        }
    }

    fn window(&self) -> Option<Window> {
        match self {
            Self::Rolling { window } => Some(*window),
            Self::Static | Self::Trailing | Self::Session { .. } => None,
        }
    }

    fn drawdown(
        &self,
        measurement: &Measurement<'_>,
        scope: &Scope,
        basis: Basis,
        window: &str,
    ) -> Value {
        let (equity, track) = measurement.equity(scope, basis)?;
        let from = match self {
            Self::Static => track.start,
            Self::Trailing => track.high,
            Self::Session { calendar } => track.days.get(calendar).ok_or(Unknown::NoSession)?.high,
            Self::Rolling { .. } => track.windows.get(window).and_then(Highs::high),
        };
        minus(from.ok_or(Unknown::NotMeasured)?, equity)
    }

    fn phrase(&self, measured: &Measured<'_>, basis: Basis) -> String {
        let from = match self {
            Self::Static => "its start".to_owned(),
            Self::Trailing => "its high".to_owned(),
            Self::Session { .. } => "its high of the day".to_owned(),
            Self::Rolling { window } => format!("its high of the last {window}"),
        };
        let side = if measured.value.is_negative() {
            "above"
        } else {
            "below"
        };
        let (value, currency) = (measured.value.abs(), measured.currency);
        format!("is {value} {currency} {side} {from}{}", suffix(basis))
    }
}

fn gain(measurement: &Measurement<'_>, scope: &Scope, calendar: &str, basis: Basis) -> Value {
    let (equity, track) = measurement.equity(scope, basis)?;
    let day = track.days.get(calendar).ok_or(Unknown::NoSession)?;
    minus(equity, day.start.ok_or(Unknown::NotMeasured)?)
}

fn gained(gain: Money, measured: &Measured<'_>, basis: Basis) -> String {
    let verb = if gain.is_negative() { "lost" } else { "gained" };
    let (value, currency) = (gain.abs(), measured.currency);
    format!(
        "has {verb} {value} {currency} since the day's open{}",
        suffix(basis)
    )
}

fn suffix(basis: Basis) -> &'static str {
    match basis {
        Basis::Marked => "",
        Basis::Realised => " without its open positions",
    }
}
