use std::collections::BTreeMap;

use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::{Money, Price, Quantity, Rounding};

use super::Fees;

/// Settings of the broker of paper.
#[derive(Debug, Clone)]
pub struct PaperSettings {
    /// Every account there is, and the portfolio it belongs to.
    pub accounts: BTreeMap<AccountId, PortfolioId>,
    /// What each of them begins with.
    pub deposit: Money,
    /// Of the deposits, and of symbols that are not listed.
    pub currency: String,
    pub fees: Fees,
    pub instruments: BTreeMap<Symbol, Instrument>,
}

/// A symbol that is not a plain share in the currency of the deposits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrument {
    pub currency: String,
    /// How much one unit of the quantity stands for.
    pub multiplier: Quantity,
}

impl PaperSettings {
    pub fn currency_of(&self, symbol: &Symbol) -> &str {
        let instrument = self.instruments.get(symbol);
        instrument.map_or(&self.currency, |instrument| &instrument.currency)
    }

    pub fn multiplier(&self, symbol: &Symbol) -> Quantity {
        let instrument = self.instruments.get(symbol);
        instrument.map_or(Quantity::ONE, |instrument| instrument.multiplier)
    }

    /// None if it does not fit into a fill.
    pub(super) fn fee(&self, symbol: &Symbol, price: Price, quantity: Quantity) -> Option<Price> {
        let notional = price.value(quantity, self.multiplier(symbol), Rounding::HalfEven);
        let fee = self.fees.of(notional.ok()?, quantity)?;
        Price::try_from(fee.raw()).ok()
    }
}
