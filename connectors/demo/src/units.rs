//! The simulation counts in cents and whole shares; records hold decimals.

use tapeline_model::money::{Money, Price, Quantity};

pub(crate) const CENTS_PER_DOLLAR: i64 = 100;

const RAW_PER_CENT: i64 = 1_000_000;
/// Fees are counted in hundredths of a cent.
const RAW_PER_FEE_UNIT: i64 = 10_000;
const RAW_PER_SHARE: i64 = 100_000_000;

// Instruments end at 18,000 USD and orders at some thousand shares, so that no
// value comes near the end of decimal(18,8); the limits stand for what cannot be.

pub(crate) fn price(cents: i64) -> Price {
    Price::from_raw(cents * RAW_PER_CENT).unwrap_or_default()
}

pub(crate) fn fee(units: i64) -> Price {
    Price::from_raw(units * RAW_PER_FEE_UNIT).unwrap_or_default()
}

pub(crate) fn shares(count: i64) -> Quantity {
    Quantity::from_raw(count * RAW_PER_SHARE).unwrap_or_default()
}

pub(crate) fn money(cents: i64) -> Money {
    Money::from(price(cents))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_what_they_say() {
        assert_eq!(price(18_912), "189.12".parse().unwrap());
        assert_eq!(fee(-20), "-0.002".parse().unwrap());
        assert_eq!(shares(400), "400".parse().unwrap());
        assert_eq!(money(10_000_000), "100000".parse().unwrap());
    }
}
