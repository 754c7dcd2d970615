use tapeline_model::money::{Money, Price, Quantity, Rounding};

/// What a fill costs, in the currency of the instrument.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fees {
    /// For each share, coin or contract.
    pub per_unit: Price,
    /// Of what the fill is worth, in hundredths of a percent.
    pub bps: Quantity,
    /// What a fill costs at least.
    pub minimum: Money,
}

/// Basis points of the whole.
const WHOLE: i64 = 10_000 * 100_000_000;

impl Fees {
    /// None if it is larger than an amount can be.
    pub fn of(&self, notional: Money, quantity: Quantity) -> Option<Money> {
        let units = self.per_unit.notional(quantity, Rounding::HalfEven).ok()?;
        let whole = Quantity::from_raw(WHOLE)?;
        let share = notional.abs().share(self.bps, whole, Rounding::HalfEven);
        let sum = units.checked_add(share.ok()?).ok()?;
        Some(sum.max(self.minimum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_its_parts_and_at_least_the_minimum() {
        let fees = Fees {
            per_unit: "0.005".parse().unwrap(),
            bps: "1.5".parse().unwrap(),
            minimum: "1".parse().unwrap(),
        };
        let fee = |notional: &str, quantity: &str| {
            fees.of(notional.parse().unwrap(), quantity.parse().unwrap())
                .unwrap()
                .to_string()
        };
        // 0.5 for the shares and 1.5 of 10,000 of 20,000.
        assert_eq!(fee("20000", "100"), "3.5");
        assert_eq!(fee("-20000", "100"), "3.5");
        assert_eq!(fee("100", "1"), "1");
    }
}
