use std::fmt;

use tapeline_model::ids::{AccountId, PortfolioId, Symbol};

/// Whom a limit binds: whatever has all that is named here.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub portfolio: Option<PortfolioId>,
    pub account: Option<AccountId>,
    pub strategy: Option<String>,
    pub symbol: Option<Symbol>,
}

/// One thing that happens in a portfolio: an order, a cancel, a closed trade.
#[derive(Debug, Clone, Copy)]
pub struct Activity<'a> {
    pub account: &'a AccountId,
    pub symbol: &'a Symbol,
    pub strategy: Option<&'a str>,
}

impl Scope {
    /// A symbol is narrower than any scope without one; so is a strategy among those,
    /// then an account, then a portfolio.
    pub fn narrowness(&self) -> u8 {
        u8::from(self.symbol.is_some()) << 3
            | u8::from(self.strategy.is_some()) << 2
            | u8::from(self.account.is_some()) << 1
            | u8::from(self.portfolio.is_some())
    }

    pub fn is_in(&self, portfolio: &PortfolioId) -> bool {
        self.portfolio.as_ref().is_none_or(|own| own == portfolio)
    }

    /// The portfolio was compared before.
    pub fn covers(&self, activity: &Activity<'_>) -> bool {
        self.account
            .as_ref()
            .is_none_or(|own| own == activity.account)
            && self
                .symbol
                .as_ref()
                .is_none_or(|own| own == activity.symbol)
            && self
                .strategy
                .as_deref()
                .is_none_or(|own| Some(own) == activity.strategy)
    }

    /// Whether the accounts' own sums can be used.
    pub(super) fn is_of_positions(&self) -> bool {
        self.strategy.is_some() || self.symbol.is_some()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (
                "portfolio",
                self.portfolio.as_ref().map(PortfolioId::as_str),
            ),
            ("account", self.account.as_ref().map(AccountId::as_str)),
            ("strategy", self.strategy.as_deref()),
            ("symbol", self.symbol.as_ref().map(Symbol::as_str)),
        ];
        let mut lead = "";
        for (part, name) in parts {
            if let Some(name) = name {
                write!(f, "{lead}{part} {name}")?;
                lead = ", ";
            }
        }
        if lead.is_empty() {
            f.write_str("everything")?;
        }
        Ok(())
    }
}
