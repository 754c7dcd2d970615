//! Who trades in the demo, where, and how.

use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_venue::VenueAccount;

/// An account by its place in [`ACCOUNTS`].
pub(crate) type AccountIndex = usize;

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: &'static str,
    pub(crate) portfolio: &'static str,
    pub(crate) venue: &'static str,
    pub(crate) fees: FeeSchedule,
    pub(crate) trading: TradingStyle,
}

/// In hundredths of a cent.
#[derive(Debug)]
pub(crate) struct FeeSchedule {
    pub(crate) taking_per_share: i64,
    /// Negative is a rebate.
    pub(crate) making_per_share: i64,
    pub(crate) minimum: i64,
}

#[derive(Debug)]
pub(crate) struct TradingStyle {
    pub(crate) order_dollars: (i64, i64),
    /// Beyond this the next order in the symbol goes the other way.
    pub(crate) position_dollars: i64,
    pub(crate) may_short: bool,
}

/// The account whose portfolio holds the concentrated position.
pub(crate) const MOMENTUM: AccountIndex = 3;

pub(crate) const OPENING_DEPOSIT_DOLLARS: i64 = 100_000;

const ALPHA_FEES: FeeSchedule = FeeSchedule {
    taking_per_share: 35,
    making_per_share: 35,
    minimum: 500,
};
const BETA_FEES: FeeSchedule = FeeSchedule {
    taking_per_share: 30,
    making_per_share: -20,
    minimum: 0,
};

pub(crate) static ACCOUNTS: [Account; 4] = [
    Account {
        id: "alpha-1",
        portfolio: "growth",
        venue: "demo-alpha",
        fees: ALPHA_FEES,
        trading: TradingStyle {
            order_dollars: (500, 3000),
            position_dollars: 8000,
            may_short: false,
        },
    },
    Account {
        id: "alpha-2",
        portfolio: "growth",
        venue: "demo-alpha",
        fees: ALPHA_FEES,
        trading: TradingStyle {
            order_dollars: (500, 3000),
            position_dollars: 8000,
            may_short: true,
        },
    },
    Account {
        id: "beta-1",
        portfolio: "income",
        venue: "demo-beta",
        fees: BETA_FEES,
        trading: TradingStyle {
            order_dollars: (400, 2000),
            position_dollars: 6000,
            may_short: false,
        },
    },
    Account {
        id: "beta-2",
        portfolio: "momentum",
        venue: "demo-beta",
        fees: BETA_FEES,
        trading: TradingStyle {
            order_dollars: (300, 800),
            position_dollars: 1500,
            may_short: false,
        },
    },
];

impl Account {
    pub(crate) fn account_id(&self) -> AccountId {
        AccountId::new(self.id)
    }

    pub(crate) fn portfolio_id(&self) -> PortfolioId {
        PortfolioId::new(self.portfolio)
    }
}

pub fn venue_accounts() -> Vec<VenueAccount> {
    let of = |account: &Account| VenueAccount {
        account: account.account_id(),
        portfolio: account.portfolio_id(),
        venue: account.venue.to_owned(),
    };
    ACCOUNTS.iter().map(of).collect()
}
