//! How much to ask for, in exact decimals. Everything is cut off, never rounded up.

use std::collections::BTreeMap;

use tapeline_model::money::{Money, Price, Quantity, Rounding};

use crate::signals::{OperandSettings, input_name};

/// Units of 10⁻⁸ in one.
const UNITS: i128 = 100_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sizing {
    pub how: How,
    pub lot: Quantity,
    pub multiplier: Quantity,
    pub max_quantity: Option<Quantity>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum How {
    Fixed(Quantity),
    /// Worth this fraction of the equity.
    Equity(Quantity),
    /// So that `ranges` average true ranges are worth the fraction `risk` of the equity.
    Volatility {
        risk: Quantity,
        ranges: Quantity,
        /// What the average true range is called among the inputs of a signal.
        input: String,
    },
}

/// Why there is no quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoSize {
    #[error("the equity {0} is not above zero")]
    Equity(Money),
    #[error("the price {0} is not above zero")]
    Price(Price),
    #[error("the signal has no usable {0}")]
    Range(String),
    #[error("what may be spent is less than one lot of {0}")]
    TooSmall(Quantity),
    #[error("the quantity is larger than its column can hold")]
    Overflow,
}

impl Sizing {
    pub fn quantity(
        &self,
        equity: Money,
        price: Price,
        inputs: &BTreeMap<String, f64>,
    ) -> Result<Quantity, NoSize> {
        if equity.is_zero() || equity.is_negative() {
            return Err(NoSize::Equity(equity));
        }
        if !price.is_positive() {
            return Err(NoSize::Price(price));
        }
        let wanted = match &self.how {
            How::Fixed(quantity) => i128::from(quantity.raw()),
            How::Equity(fraction) => self.worth(equity, *fraction, price)?,
            How::Volatility {
                risk,
                ranges,
                input,
            } => {
                let range = inputs.get(input).and_then(|range| exact(*range));
                let range = range.ok_or_else(|| NoSize::Range(input.clone()))?;
                let loss = i128::from(range.raw()) * i128::from(ranges.raw()) / UNITS;
                let loss = Price::try_from(loss).map_err(|_| NoSize::Overflow)?;
                if !loss.is_positive() {
                    return Err(NoSize::Range(input.clone()));
                }
                self.worth(equity, *risk, loss)?
            }
        };
        let most = self.max_quantity.map_or(i128::MAX, |max| max.raw().into());
        let lot = i128::from(self.lot.raw());
        let whole = wanted.min(most) / lot * lot;
        if whole == 0 {
            return Err(NoSize::TooSmall(self.lot));
        }
        Quantity::try_from(whole).map_err(|_| NoSize::Overflow)
    }

    /// How many units, at `price` for what each stands for, are worth a fraction of the
    /// equity.
    fn worth(&self, equity: Money, fraction: Quantity, price: Price) -> Result<i128, NoSize> {
        let whole = Quantity::try_from(UNITS).map_err(|_| NoSize::Overflow)?;
        let budget = equity
            .share(fraction, whole, Rounding::Truncate)
            .map_err(|_| NoSize::Overflow)?;
        let unit = price
            .notional(self.multiplier, Rounding::HalfEven)
            .map_err(|_| NoSize::Overflow)?;
        budget
            .raw()
            .checked_mul(UNITS)
            .and_then(|budget| budget.checked_div(unit.raw()))
            .ok_or(NoSize::Overflow)
    }
}

/// The average true range that sizes are scaled with.
pub(super) fn average_range(period: u32) -> OperandSettings {
    OperandSettings::indicator("atr", &[("period", f64::from(period))])
}

/// What it is called among the inputs of a signal.
pub(super) fn by_range(period: u32) -> Option<String> {
    input_name(&average_range(period))
}

/// A statistic becomes a decimal to the nearest 10⁻⁸; None of what is no number.
fn exact(value: f64) -> Option<Price> {
    let raw = (value * UNITS as f64).round();
    // Casting cuts off what is beyond the range, which is no price either.
    raw.is_finite()
        .then(|| Price::from_raw(raw as i64))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizing(how: How) -> Sizing {
        let one: Quantity = "1".parse().unwrap();
        Sizing {
            how,
            lot: one,
            multiplier: one,
            max_quantity: None,
        }
    }

    fn quantity(text: &str) -> Quantity {
        text.parse().unwrap()
    }

    fn size(sizing: &Sizing, equity: &str, price: &str, range: f64) -> Result<String, String> {
        let inputs = BTreeMap::from([("atr(period=14)".to_owned(), range)]);
        let (equity, price) = (equity.parse().unwrap(), price.parse().unwrap());
        let size = sizing.quantity(equity, price, &inputs);
        size.map(|q| q.to_string()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_fraction_of_the_equity_is_cut_to_whole_lots() {
        let mut sizing = sizing(How::Equity(quantity("0.1")));
        // 10 % of 100,000 is 10,000; at 189.12 that is 52.87…
        assert_eq!(size(&sizing, "100000", "189.12", 1.0).unwrap(), "52");
        sizing.lot = quantity("5");
        assert_eq!(size(&sizing, "100000", "189.12", 1.0).unwrap(), "50");
        sizing.multiplier = quantity("100");
        assert_eq!(
            size(&sizing, "100000", "189.12", 1.0).unwrap_err(),
            "what may be spent is less than one lot of 5"
        );
        sizing.lot = quantity("0.001");
        // 10,000 / 18,912 = 0.5287…
        assert_eq!(size(&sizing, "100000", "189.12", 1.0).unwrap(), "0.528");
        sizing.max_quantity = Some(quantity("0.5005"));
        assert_eq!(size(&sizing, "100000", "189.12", 1.0).unwrap(), "0.5");
    }

    #[test]
    fn the_wilder_the_market_the_less_is_bought() {
        let sizing = sizing(How::Volatility {
            risk: quantity("0.01"),
            ranges: quantity("2"),
            input: by_range(14).unwrap(),
        });
        // 1 % of 100,000 is 1,000; two ranges of 2.5 cost 5 a share.
        assert_eq!(size(&sizing, "100000", "50", 2.5).unwrap(), "200");
        assert_eq!(size(&sizing, "100000", "50", 5.0).unwrap(), "100");
        for range in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert!(size(&sizing, "100000", "50", range).is_err(), "{range}");
        }
    }

    #[test]
    fn nothing_is_bought_with_nothing_or_for_nothing() {
        let sizing = sizing(How::Fixed(quantity("10")));
        assert_eq!(size(&sizing, "1", "1", 1.0).unwrap(), "10");
        assert!(size(&sizing, "0", "1", 1.0).is_err());
        assert!(size(&sizing, "-1", "1", 1.0).is_err());
        assert!(size(&sizing, "1", "0", 1.0).is_err());
        assert!(size(&sizing, "1", "-1", 1.0).is_err());
    }

    #[test]
    fn what_outgrows_a_column_is_no_quantity() {
        let sizing = sizing(How::Equity(quantity("1")));
        let most = "9".repeat(30);
        assert!(size(&sizing, &most, "0.00000001", 1.0).is_err());
        assert!(size(&sizing, "99999999999", "0.00000001", 1.0).is_err());
    }
}
