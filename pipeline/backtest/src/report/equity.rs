use std::collections::{BTreeMap, BTreeSet};

use tapeline_model::Micros;
use tapeline_model::ids::PortfolioId;
use tapeline_model::money::{Money, MoneyError, Rounding};
use tapeline_model::records::Equity;

/// What a portfolio is worth at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EquityPoint {
    pub time: Micros,
    pub portfolio: PortfolioId,
    pub equity: Option<Money>,
    pub drawdown: Option<Money>,
}

/// The worth of all portfolios together.
pub(super) struct Curve {
    portfolios: BTreeSet<PortfolioId>,
    newest: BTreeMap<PortfolioId, Option<Money>>,
    last: Option<Money>,
    high: Option<Money>,
    max_drawdown: Option<Money>,
    max_share: Option<Money>,
}

impl Curve {
    pub fn new(portfolios: BTreeSet<PortfolioId>) -> Self {
        Self {
            portfolios,
            newest: BTreeMap::new(),
            last: None,
            high: None,
            max_drawdown: None,
            max_share: None,
        }
    }

    pub fn take(&mut self, equity: &Equity) -> Result<EquityPoint, MoneyError> {
        self.newest.insert(equity.portfolio.clone(), equity.equity);
        self.last = self.sum()?;
        if let Some(worth) = self.last {
            let high = self.high.map_or(worth, |high| high.max(worth));
            let fall = high.checked_sub(worth)?;
            self.high = Some(high);
            self.max_drawdown = self.max_drawdown.max(Some(fall));
            if high > Money::ZERO {
                let share = fall.times(high, Rounding::HalfEven)?;
                self.max_share = self.max_share.max(Some(share));
            }
        }
        Ok(EquityPoint {
            time: equity.event_time,
            portfolio: equity.portfolio.clone(),
            equity: equity.equity,
            drawdown: equity.drawdown,
        })
    }

    /// None while one of them is unknown.
    fn sum(&self) -> Result<Option<Money>, MoneyError> {
        let mut sum = Money::ZERO;
        for portfolio in &self.portfolios {
            let Some(Some(worth)) = self.newest.get(portfolio) else {
                return Ok(None);
            };
            sum = sum.checked_add(*worth)?;
        }
        Ok(Some(sum))
    }

    pub fn last(&self) -> Option<Money> {
        self.last
    }

    pub fn max_drawdown(&self) -> Option<Money> {
        self.max_drawdown
    }

    pub fn max_drawdown_share(&self) -> Option<Money> {
        self.max_share
    }
}
