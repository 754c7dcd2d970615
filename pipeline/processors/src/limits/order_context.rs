//! What an order request is judged with.

use std::collections::BTreeMap;

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::Quantity;

use super::plan::Plan;
use super::snapshot::{Known, Snapshot};
use super::watch::Watch;
use crate::ledger::{Currency, Positive, Prices, Rates};

#[derive(Debug, Clone, Copy)]
pub struct OrderContext<'a> {
    /// Every account there is, and the portfolio it belongs to.
    pub accounts: &'a BTreeMap<AccountId, PortfolioId>,
    pub plan: &'a Plan,
    pub watch: &'a Watch,
    /// With all positions.
    pub snapshot: &'a Snapshot<'a>,
    pub open_orders: &'a OpenOrders,
    /// Of the symbol that is asked for; none when nothing is known of it.
    pub instrument: Option<Instrument<'a>>,
    /// Of the symbol that is asked for.
    pub prices: &'a Prices,
    /// Into the snapshot's currency.
    pub rates: &'a Rates,
    pub policy: Policy,
    pub now: Micros,
}

#[derive(Debug, Clone, Copy)]
pub struct Instrument<'a> {
    pub currency: Currency,
    pub multiplier: Positive,
    pub sector: Option<&'a str>,
    /// Spreads and some futures trade at zero and below.
    pub may_be_negative: bool,
}

/// What every order must keep, with or without limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How far a limit price may be from the market, in percent of the market's price.
    pub collar_percent: u32,
    /// Older prices count as stale.
    pub max_price_age_seconds: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            collar_percent: 10,
            max_price_age_seconds: 60,
        }
    }
}

/// What orders may still buy and sell, by account and symbol.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenOrders {
    by_account: BTreeMap<AccountId, BTreeMap<Symbol, RestingOrders>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestingOrders {
    /// What is left of all open orders to buy, and of those to sell; neither negative.
    pub buys: Quantity,
    pub sells: Quantity,
    /// What one unit is worth in the snapshot's currency.
    pub unit_value: Known,
    pub sector: Option<String>,
    pub currency: String,
    pub strategy: Option<String>,
}

impl OpenOrders {
    /// In place of what was known of this account and symbol; nothing left is forgotten.
    pub fn set(&mut self, account: &AccountId, symbol: &Symbol, resting: RestingOrders) {
        let of_account = self.by_account.entry(account.clone()).or_default();
        if resting.buys.is_zero() && resting.sells.is_zero() {
            of_account.remove(symbol);
        } else {
            of_account.insert(symbol.clone(), resting);
        }
        if of_account.is_empty() {
            self.by_account.remove(account);
        }
    }

    pub fn get(&self, account: &AccountId, symbol: &Symbol) -> Option<&RestingOrders> {
        self.by_account.get(account)?.get(symbol)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&AccountId, &Symbol, &RestingOrders)> {
        self.by_account.iter().flat_map(|(account, symbols)| {
            let of_account = symbols.iter();
            of_account.map(move |(symbol, resting)| (account, symbol, resting))
        })
    }
}
