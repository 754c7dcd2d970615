use std::collections::BTreeMap;

use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::Money;

use crate::contract::Share;
use crate::ledger::{Currency, Method, Positive, Settlement, Terms};
use crate::limits::{Calendars, Limits, Policy};

/// Settings of the risk processor.
#[derive(Debug, Clone)]
pub struct RiskSettings {
    /// Which portfolios are this task's.
    pub share: Share,
    /// The currency in which portfolios are judged.
    pub currency: Currency,
    /// Every account there is, and the portfolio it belongs to.
    pub accounts: BTreeMap<AccountId, PortfolioId>,
    /// How many times its equity an account may hold; once where nothing is said.
    pub leverage: BTreeMap<AccountId, Positive>,
    /// Symbols that are not plain shares in the currency of their fills.
    pub instruments: BTreeMap<Symbol, InstrumentSettings>,
    /// Where the price of each other currency comes from.
    pub rates: BTreeMap<Currency, RateSource>,
    /// Which cost leaves when a part of a position is closed.
    pub method: Method,
    /// A price older than this, in microseconds, is stale.
    pub stale_after: Option<i64>,
    /// Those to begin with; commands change them.
    pub limits: Limits,
    pub calendars: Calendars,
    /// What every order must keep.
    pub policy: Policy,
    /// A broker's report must differ for so long, in microseconds, before that is a verdict.
    pub reconcile_after: i64,
    /// By how much a balance may differ.
    pub balance_tolerance: Money,
    /// SHA-256 of the configuration these come from; stands in each verdict.
    pub config_hash: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstrumentSettings {
    pub currency: Currency,
    /// How much one unit of the quantity stands for.
    pub multiplier: Positive,
    pub settlement: Settlement,
    pub sector: Option<String>,
    /// Spreads and some futures trade at zero and below.
    pub may_be_negative: bool,
}

/// The symbol whose price is a currency's rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateSource {
    pub symbol: Symbol,
    /// The price says how much of it one unit of our currency buys, and not the other way.
    pub inverse: bool,
}

impl RiskSettings {
    pub fn new(currency: Currency) -> Self {
        Self {
            share: Share::ALL,
            currency,
            accounts: BTreeMap::new(),
            leverage: BTreeMap::new(),
            instruments: BTreeMap::new(),
            rates: BTreeMap::new(),
            method: Method::default(),
            stale_after: None,
            limits: Limits::default(),
            calendars: Calendars::default(),
            policy: Policy::default(),
            reconcile_after: 10_000_000,
            balance_tolerance: Money::ZERO,
            config_hash: String::new(),
        }
    }

    pub(super) fn leverage(&self, account: &AccountId) -> Positive {
        self.leverage.get(account).copied().unwrap_or(Positive::ONE)
    }

    /// How a symbol that is first traded in `currency` is kept.
    pub(super) fn terms(&self, symbol: &Symbol, currency: Currency) -> Terms {
        let method = self.method;
        match self.instruments.get(symbol) {
            Some(instrument) => Terms {
                currency: instrument.currency,
                multiplier: instrument.multiplier,
                settlement: instrument.settlement,
                method,
            },
            None => Terms {
                currency,
                multiplier: Positive::ONE,
                settlement: Settlement::InFull,
                method,
            },
        }
    }
}
