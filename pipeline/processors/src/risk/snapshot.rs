//! A portfolio as limits see it.

use std::collections::BTreeMap;

use tapeline_model::ids::{AccountId, PortfolioId};

use super::BookKey;
use super::accounts::{OpenPosition, PortfolioIndex};
use super::holdings::Holdings;
use super::trades::Trades;
use crate::limits::{HeldPosition, Plan, Snapshot, Sums};

/// Owns what a snapshot borrows.
pub(super) struct SnapshotParts<'a> {
    portfolio: &'a PortfolioId,
    currency: &'a str,
    whole: Sums,
    accounts: BTreeMap<AccountId, Sums>,
    positions: Vec<HeldPosition<'a>>,
}

impl<'a> SnapshotParts<'a> {
    /// With as much of it as these limits need.
    pub fn for_limits(
        holdings: &'a Holdings,
        trades: &'a Trades,
        portfolio: PortfolioIndex,
        plan: &Plan,
    ) -> Self {
        let mut parts = Self::bare(holdings, portfolio);
        if plan.needs_accounts() {
            parts.accounts = holdings.account_sums(portfolio);
        }
        if plan.needs_positions() {
            parts.positions = positions(holdings, trades, portfolio);
        }
        parts
    }

    /// With everything, as the judgement of an order needs it.
    pub fn whole(holdings: &'a Holdings, trades: &'a Trades, portfolio: PortfolioIndex) -> Self {
        Self {
            accounts: holdings.account_sums(portfolio),
            positions: positions(holdings, trades, portfolio),
            ..Self::bare(holdings, portfolio)
        }
    }

    fn bare(holdings: &'a Holdings, portfolio: PortfolioIndex) -> Self {
        Self {
            portfolio: holdings.accounts.portfolio_id(portfolio),
            currency: holdings.settings.currency.as_str(),
            whole: holdings.sums(portfolio),
            accounts: BTreeMap::new(),
            positions: Vec::new(),
        }
    }

    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            portfolio: self.portfolio,
            currency: self.currency,
            whole: self.whole,
            accounts: &self.accounts,
            positions: &self.positions,
        }
    }
}

fn positions<'a>(
    holdings: &'a Holdings,
    trades: &'a Trades,
    portfolio: PortfolioIndex,
) -> Vec<HeldPosition<'a>> {
    let held = |(account, open): (&'a AccountId, OpenPosition<'a>)| {
        let known = holdings.settings.instruments.get(open.symbol);
        let value = open.holding.market_value;
        let key = BookKey {
            account: account.clone(),
            symbol: open.symbol.clone(),
        };
        HeldPosition {
            account,
            symbol: open.symbol,
            sector: known.and_then(|instrument| instrument.sector.as_deref()),
            currency: open.currency.as_str(),
            strategy: trades.strategy(&key),
            quantity: open.quantity,
            market_value: value.and_then(|value| holdings.rates.translate(value, *open.currency)),
            price_time: open.holding.price.map(|valued| valued.time),
        }
    };
    holdings.accounts.held(portfolio).map(held).collect()
}
