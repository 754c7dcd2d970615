//! What a portfolio would hold if all its open orders were filled.

use std::collections::BTreeMap;

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, Symbol};
use tapeline_model::money::{Money, Quantity};
use tapeline_model::records::{OrderRequest, Side};

use super::ROUNDING;
use super::measure::sum;
use super::order_context::OrderContext;
use super::snapshot::{HeldPosition, Known, Snapshot, Sums};
use crate::ledger::Missing;

const ONE: Quantity = match Quantity::from_raw(100_000_000) {
    Some(one) => one,
    None => Quantity::ZERO,
};

/// A quantity does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Which of the orders are taken to be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FillAssumption {
    /// In each symbol those that make its position larger.
    Largest,
    /// All that raise the value of the portfolio's positions: the most it can be long.
    Upward,
    /// All that lower it.
    Downward,
}

/// Everything held and ordered, one row for each account and symbol.
pub(super) struct Projection<'a> {
    context: &'a OrderContext<'a>,
    rows: BTreeMap<(&'a AccountId, &'a Symbol), ProjectedPosition<'a>>,
}

struct ProjectedPosition<'a> {
    sector: Option<&'a str>,
    currency: &'a str,
    strategy: Option<&'a str>,
    price_time: Option<Micros>,
    held: Quantity,
    value: Known,
    buys: Quantity,
    sells: Quantity,
    /// Where nothing is held.
    unit_value: Known,
}

/// Owns what a snapshot of it borrows.
pub(super) struct ProjectedPortfolio<'a> {
    whole: Sums,
    accounts: BTreeMap<AccountId, Sums>,
    positions: Vec<HeldPosition<'a>>,
}

/// What is held now, and what orders can make of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PositionRange {
    pub held: Quantity,
    /// With all purchases.
    pub high: Quantity,
    /// With all sales.
    pub low: Quantity,
}

impl PositionRange {
    /// Of the account and symbol that are asked for, with the request.
    pub fn of(request: &OrderRequest, context: &OrderContext<'_>) -> Result<Self, TooLarge> {
        let own = context
            .snapshot
            .positions
            .iter()
            .filter(|held| *held.account == request.account && *held.symbol == request.symbol);
        let held = own
            .map(|held| held.quantity)
            .try_fold(Quantity::ZERO, Quantity::checked_add)
            .ok_or(TooLarge)?;
        let resting = context.open_orders.get(&request.account, &request.symbol);
        let (mut buys, mut sells) = resting.map_or_else(Default::default, |r| (r.buys, r.sells));
        add(request, &mut buys, &mut sells)?;
        Ok(Self {
            held,
            high: held.checked_add(buys).ok_or(TooLarge)?,
            low: held.checked_sub(sells).ok_or(TooLarge)?,
        })
    }

    /// Whether an order of this side can do nothing but bring the position closer to zero.
    pub fn reduces(&self, side: Side) -> bool {
        match side {
            Side::Sell => self.held.is_positive() && !self.low.is_negative(),
            Side::Buy => self.held.is_negative() && !self.high.is_positive(),
        }
    }
}

impl<'a> Projection<'a> {
    /// With the request as one more open order, or without it.
    pub fn new(
        context: &'a OrderContext<'a>,
        request: &'a OrderRequest,
        with_request: bool,
    ) -> Result<Self, TooLarge> {
        let mut projection = Self {
            context,
            rows: BTreeMap::new(),
        };
        for held in context.snapshot.positions {
            projection.add_position(held)?;
        }
        for (account, symbol, resting) in context.open_orders.iter() {
            let row = projection
                .rows
                .entry((account, symbol))
                .or_insert(ProjectedPosition {
                    sector: resting.sector.as_deref(),
                    currency: &resting.currency,
                    strategy: resting.strategy.as_deref(),
                    ..ProjectedPosition::EMPTY
                });
            row.buys = resting.buys;
            row.sells = resting.sells;
            row.unit_value = resting.unit_value;
        }
        projection.request(request, with_request)?;
        Ok(projection)
    }

    pub fn scene(&self, filled: FillAssumption) -> Result<ProjectedPortfolio<'a>, TooLarge> {
        let positions = self
            .rows
            .iter()
            .map(|((account, symbol), row)| row.filled(account, symbol, filled))
            .collect::<Result<Vec<_>, TooLarge>>()?;
        let snapshot = self.context.snapshot;
        let accounts = snapshot.accounts.iter().map(|(account, now)| {
            let own = positions.iter().filter(|held| held.account == account);
            (account.clone(), sums(now, own))
        });
        Ok(ProjectedPortfolio {
            whole: sums(&snapshot.whole, positions.iter()),
            accounts: accounts.collect(),
            positions,
        })
    }

    fn add_position(&mut self, held: &HeldPosition<'a>) -> Result<(), TooLarge> {
        let row = self
            .rows
            .entry((held.account, held.symbol))
            .or_insert(ProjectedPosition {
                sector: held.sector,
                currency: held.currency,
                strategy: held.strategy,
                price_time: held.price_time,
                ..ProjectedPosition::EMPTY
            });
        row.held = row.held.checked_add(held.quantity).ok_or(TooLarge)?;
        row.value = sum([row.value, held.market_value]);
        Ok(())
    }

    /// The row that is asked for belongs to whoever asks.
    fn request(&mut self, request: &'a OrderRequest, with: bool) -> Result<(), TooLarge> {
        let context = self.context;
        let key = (&request.account, &request.symbol);
        let row = self.rows.entry(key).or_insert(ProjectedPosition::EMPTY);
        if let Some(instrument) = &context.instrument {
            row.sector = instrument.sector;
            row.currency = instrument.currency.as_str();
            row.unit_value = unit_value(context, request.side);
        }
        if let Some(strategy) = request.strategy.as_deref() {
            row.strategy = Some(strategy);
        }
        if with {
            add(request, &mut row.buys, &mut row.sells)?;
        }
        Ok(())
    }
}

impl ProjectedPosition<'_> {
    const EMPTY: Self = ProjectedPosition {
        sector: None,
        currency: "",
        strategy: None,
        price_time: None,
        held: Quantity::ZERO,
        value: Ok(Money::ZERO),
        buys: Quantity::ZERO,
        sells: Quantity::ZERO,
        unit_value: Err(Missing::Price),
    };
}

impl<'a> ProjectedPosition<'a> {
    fn filled(
        &self,
        account: &'a AccountId,
        symbol: &'a Symbol,
        filled: FillAssumption,
    ) -> Result<HeldPosition<'a>, TooLarge> {
        let high = self.held.checked_add(self.buys).ok_or(TooLarge)?;
        let low = self.held.checked_sub(self.sells).ok_or(TooLarge)?;
        let (high_value, low_value) = (self.value_of(high), self.value_of(low));
        let takes_high = match filled {
            FillAssumption::Largest => high.abs() >= low.abs(),
            FillAssumption::Upward => high_value >= low_value,
            FillAssumption::Downward => high_value < low_value,
        };
        let (quantity, market_value) = if takes_high {
            (high, high_value)
        } else {
            (low, low_value)
        };
        Ok(HeldPosition {
            account,
            symbol,
            sector: self.sector,
            currency: self.currency,
            strategy: self.strategy,
            quantity,
            market_value,
            price_time: self.price_time,
        })
    }

    fn value_of(&self, quantity: Quantity) -> Known {
        if quantity.is_zero() {
            return Ok(Money::ZERO);
        }
        let (value, of) = if self.held.is_zero() {
            (self.unit_value?, ONE)
        } else {
            (self.value?, self.held)
        };
        Ok(value.share(quantity, of, ROUNDING)?)
    }
}

impl ProjectedPortfolio<'_> {
    pub fn snapshot<'s>(&'s self, now: &Snapshot<'s>) -> Snapshot<'s> {
        Snapshot {
            portfolio: now.portfolio,
            currency: now.currency,
            whole: self.whole,
            accounts: &self.accounts,
            positions: &self.positions,
        }
    }
}

fn add(request: &OrderRequest, buys: &mut Quantity, sells: &mut Quantity) -> Result<(), TooLarge> {
    let side = match request.side {
        Side::Buy => buys,
        Side::Sell => sells,
    };
    *side = side.checked_add(request.quantity).ok_or(TooLarge)?;
    Ok(())
}

fn unit_value(context: &OrderContext<'_>, side: Side) -> Known {
    let instrument = context.instrument.ok_or(Missing::Price)?;
    let valued = context.prices.for_closing(side == Side::Sell);
    let price = valued.ok_or(Missing::Price)?.price;
    let value = price.value(ONE, instrument.multiplier.get(), ROUNDING)?;
    context.rates.translate(value, instrument.currency)
}

/// The equity stays what it is; exposure and buying power follow the positions.
fn sums<'h, 'd: 'h>(
    now: &Sums,
    positions: impl Iterator<Item = &'h HeldPosition<'d>> + Clone,
) -> Sums {
    let gross = sum(positions
        .clone()
        .map(|held| held.market_value.map(Money::abs)));
    let net = sum(positions.map(|held| held.market_value));
    let used = || -> Known {
        let added = gross?.checked_sub(now.gross?)?;
        Ok(now.buying_power_used?.checked_add(added)?)
    };
    Sums {
        gross,
        net,
        buying_power_used: used(),
        ..*now
    }
}
