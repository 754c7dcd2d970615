//! How much may be held, in money.

#![deny(clippy::wildcard_enum_match_arm)]

use tapeline_model::money::Money;
use tapeline_model::reasons::Reason;

use super::Family;
use super::effects::{Needed, OrderEffect, PriceEffect, Requirements, TimeEffect};
use super::info::{Gate, Grouping, OF_ACCOUNTS, OF_ALL, OF_STRATEGIES, RuleInfo, Unit};
use crate::limits::measure::{Measurement, NO_SECTOR, Value, Values, sum, whole};
use crate::limits::plan::Planned;
use crate::limits::scope::Scope;
use crate::limits::snapshot::{BEYOND_ALL, HeldPosition, leverage};
use crate::limits::wording::Measured;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExposureRule {
    Gross,
    Net,
    Symbol,
    Sector,
    Currency,
    Leverage,
    BuyingPower,
}

rules! { Exposure(ExposureRule):
    Gross "gross_exposure" "Gross exposure": "the values of all positions, shorts counted positive, added up",
        keys [], for OF_ALL, Money, Whole, Projected, GrossExposureBreached,
        example [name "gross", portfolio "growth", breach "400000", action "alert"],
        read |_| Some(ExposureRule::Gross);
    Net "net_exposure" "Net exposure": "the values of all positions, shorts counted negative, added up; its size, whichever side it is on",
        keys [], for OF_ALL, Money, Whole, Projected, NetExposureBreached,
        example [name "net", breach "100000", action "alert"],
        read |_| Some(ExposureRule::Net);
    Symbol "symbol_exposure" "Exposure to a symbol": "the gross value of the positions in each symbol",
        keys [], for OF_ALL, Money, Symbol, Projected, SymbolExposureBreached,
        example [name "each-symbol", breach "50000", action "alert"],
        read |_| Some(ExposureRule::Symbol);
    Sector "sector_exposure" "Exposure to a sector": "the gross value of the positions in each sector; those without a sector count as one",
        keys [], for OF_STRATEGIES, Money, Sector, Projected, SectorExposureBreached,
        example [name "each-sector", breach "150000", action "alert"],
        read |_| Some(ExposureRule::Sector);
    Currency "currency_exposure" "Exposure in a currency": "the gross value of the positions in each currency",
        keys [], for OF_STRATEGIES, Money, Currency, Projected, CurrencyExposureBreached,
        example [name "each-currency", breach "200000", action "alert"],
        read |_| Some(ExposureRule::Currency);
    Leverage "leverage" "Leverage": "gross exposure over equity; without equity, any exposure is beyond every level",
        keys [], for OF_ACCOUNTS, Times, Whole, Projected, LeverageBreached,
        example [name "leverage", account "alpha-1", warn "1.8", breach "2", action "reducing"],
        read |_| Some(ExposureRule::Leverage);
    BuyingPower "buying_power" "Buying power used": "the values of all positions, shorts counted positive, added up, as of gross exposure: what a broker reports of it is not read yet",
        keys [], for OF_ACCOUNTS, Money, Whole, Projected, BuyingPowerBreached,
        example [name "buying-power", account "alpha-1", breach "180000", action "alert"],
        read |_| Some(ExposureRule::BuyingPower);
}

impl Family for ExposureRule {
    fn info(&self) -> &'static RuleInfo {
        self.row()
    }

    fn mode(&self) -> String {
        match self {
            Self::Gross
            | Self::Net
            | Self::Symbol
            | Self::Sector
            | Self::Currency
            | Self::Leverage
            | Self::BuyingPower => String::new(),
        }
    }

    fn values(&self, measurement: &Measurement<'_>, planned: &Planned) -> Values {
        let scope = &planned.limit.scope;
        match self {
            Self::Gross => whole(gross(measurement, scope)),
            Self::Net => whole(net(measurement, scope).map(Money::abs)),
            Self::Symbol => by(measurement, scope, |held| held.symbol.as_str()),
            Self::Sector => by(measurement, scope, |held| held.sector.unwrap_or(NO_SECTOR)),
            Self::Currency => by(measurement, scope, |held| held.currency),
            Self::Leverage => whole(
                measurement
                    .sums(scope)
                    .and_then(|sums| Ok(leverage(sums.gross, sums.equity)?)),
            ),
            Self::BuyingPower => whole(
                measurement
                    .sums(scope)
                    .and_then(|sums| Ok(sums.buying_power_used?)),
            ),
        }
    }

    fn phrase(&self, measured: &Measured<'_>) -> String {
        let Measured {
            group,
            value,
            currency,
        } = measured;
        match self {
            Self::Gross => format!("holds {value} {currency} gross"),
            Self::Net => format!("holds {value} {currency} net"),
            Self::Symbol => format!("holds {value} {currency} of {group}"),
            Self::Sector => format!("holds {value} {currency} in the sector {group}"),
            Self::Currency => format!("holds {value} {currency} in positions kept in {group}"),
            Self::Leverage if *value == BEYOND_ALL => {
                "has no equity that could carry what it holds".to_owned()
            }
            Self::Leverage => format!("holds {value} times its equity"),
            Self::BuyingPower => format!("uses {value} {currency} of its buying power"),
        }
    }

    fn quiet(&self) -> PriceEffect {
        match self {
            Self::Gross => PriceEffect::Gross,
            Self::Net => PriceEffect::Net,
            Self::Leverage => PriceEffect::Leverage,
            Self::BuyingPower => PriceEffect::BuyingPower,
            Self::Symbol | Self::Sector | Self::Currency => PriceEffect::Unbounded,
        }
    }

    fn passing(&self) -> TimeEffect {
        match self {
            Self::Gross
            | Self::Net
            | Self::Symbol
            | Self::Sector
            | Self::Currency
            | Self::Leverage
            | Self::BuyingPower => TimeEffect::None,
        }
    }

    fn plan(&self) -> Needed<'_> {
        Needed::Measured(match self {
            Self::Gross | Self::Net | Self::Leverage | Self::BuyingPower => Requirements::NONE,
            Self::Symbol | Self::Sector | Self::Currency => Requirements::POSITIONS,
        })
    }

    fn projection(&self) -> OrderEffect {
        match self {
            Self::Net => OrderEffect::EitherWay,
            Self::Gross
            | Self::Symbol
            | Self::Sector
            | Self::Currency
            | Self::Leverage
            | Self::BuyingPower => OrderEffect::Largest,
        }
    }
}

fn gross(measurement: &Measurement<'_>, scope: &Scope) -> Value {
    if !scope.is_of_positions() {
        return Ok(measurement.sums(scope)?.gross?);
    }
    let values = measurement.positions(scope).map(|held| held.market_value);
    Ok(sum(values.map(|value| value.map(Money::abs)))?)
}

fn net(measurement: &Measurement<'_>, scope: &Scope) -> Value {
    if !scope.is_of_positions() {
        return Ok(measurement.sums(scope)?.net?);
    }
    Ok(sum(measurement
        .positions(scope)
        .map(|held| held.market_value))?)
}

/// The gross value of each group.
fn by<'s>(
    measurement: &'s Measurement<'_>,
    scope: &'s Scope,
    group: impl Fn(&HeldPosition<'s>) -> &'s str,
) -> Values {
    measurement.grouped(
        scope,
        |held| (group(held), held.market_value.map(Money::abs)),
        |one, other| sum([one, other]),
    )
}
