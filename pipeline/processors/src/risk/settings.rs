use std::collections::BTreeMap;

use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_model::money::Money;

/// What the risk processor is told before it starts.
#[derive(Debug, Clone, Default)]
pub struct RiskSettings {
    /// The currency every amount is kept in.
    pub currency: String,
    /// Every account there is, and the portfolio it belongs to.
    pub accounts: BTreeMap<AccountId, PortfolioId>,
    /// How far a portfolio's marked equity may fall below its high; no limit where none is set.
    pub max_drawdown: Option<Money>,
    /// The same for single portfolios.
    pub max_drawdown_of: BTreeMap<PortfolioId, Money>,
    /// SHA-256 of the configuration these come from; stands in each verdict.
    pub config_hash: String,
}

impl RiskSettings {
    pub fn max_drawdown(&self, portfolio: &str) -> Option<Money> {
        self.max_drawdown_of
            .get(portfolio)
            .copied()
            .or(self.max_drawdown)
    }
}
