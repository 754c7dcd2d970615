//! Trades as people count them: from the first share bought or sold to the last one
//! given back. A fill that turns a position round ends one trade and begins the next.

use std::collections::BTreeMap;

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::{Money, MoneyError, Price, Quantity, Rounding};
use tapeline_model::records::{Fill, FillKind, Side};

use crate::paper::PaperSettings;
use crate::run::HistorySpan;

/// A closed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    pub portfolio: PortfolioId,
    pub account: AccountId,
    pub symbol: Symbol,
    /// BUY was long, SELL was short.
    pub side: Side,
    pub quantity: Quantity,
    /// On average, rounded.
    pub entry: Price,
    pub exit: Price,
    /// With the fees taken off; not rounded.
    pub profit: Money,
    pub fees: Money,
    pub currency: String,
    pub opened: Micros,
    pub closed: Micros,
}

impl Trade {
    /// How long it was held, in microseconds.
    pub fn held_for(&self) -> i64 {
        self.closed.since(self.opened)
    }
}

pub(super) struct Trades {
    multipliers: BTreeMap<Symbol, Quantity>,
    open: BTreeMap<(AccountId, Symbol), OpenTrade>,
}

/// What is not yet given back.
struct OpenTrade {
    side: Side,
    held: Quantity,
    quantity: Quantity,
    /// What it was entered for, and what came of the part that is closed.
    entered: Money,
    left: Money,
    fees: Money,
    opened: Micros,
}

impl Trades {
    pub fn new(settings: &PaperSettings) -> Self {
        let instruments = settings.instruments.iter();
        Self {
            multipliers: instruments
                .map(|(symbol, instrument)| (symbol.clone(), instrument.multiplier))
                .collect(),
            open: BTreeMap::new(),
        }
    }

    /// How many positions there are.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    pub fn take(&mut self, fill: &Fill) -> Result<Option<Trade>, MoneyError> {
        if fill.kind != FillKind::Fill {
            return Ok(None);
        }
        let multiplier = self.multipliers.get(&fill.symbol);
        let multiplier = multiplier.copied().unwrap_or(Quantity::ONE);
        let fee = fill.fee.map(Money::from).unwrap_or_default();
        let key = (fill.account.clone(), fill.symbol.clone());
        let Some(mut open) = self.open.remove(&key) else {
            let open = OpenTrade::new(fill, fill.quantity, multiplier, fee)?;
            self.open.insert(key, open);
            return Ok(None);
        };
        if open.side == fill.side {
            open.add(fill, multiplier, fee)?;
            self.open.insert(key, open);
            return Ok(None);
        }
        let closing = fill.quantity.min(open.held);
        let rest = minus(fill.quantity, closing)?;
        let fee_of_close = fee.share(closing, fill.quantity, Rounding::HalfEven)?;
        open.close(fill, closing, multiplier, fee_of_close)?;
        if !open.held.is_zero() {
            self.open.insert(key, open);
            return Ok(None);
        }
        if rest.is_positive() {
            let fee = fee.checked_sub(fee_of_close)?;
            self.open
                .insert(key, OpenTrade::new(fill, rest, multiplier, fee)?);
        }
        open.closed(fill, multiplier).map(Some)
    }
}

impl OpenTrade {
    fn new(
        fill: &Fill,
        quantity: Quantity,
        multiplier: Quantity,
        fees: Money,
    ) -> Result<Self, MoneyError> {
        Ok(Self {
            side: fill.side,
            held: quantity,
            quantity,
            entered: fill.price.value(quantity, multiplier, Rounding::HalfEven)?,
            left: Money::ZERO,
            fees,
            opened: fill.event_time,
        })
    }

    fn add(&mut self, fill: &Fill, multiplier: Quantity, fee: Money) -> Result<(), MoneyError> {
        let value = fill
            .price
            .value(fill.quantity, multiplier, Rounding::HalfEven)?;
        self.held = plus(self.held, fill.quantity)?;
        self.quantity = plus(self.quantity, fill.quantity)?;
        self.entered = self.entered.checked_add(value)?;
        self.fees = self.fees.checked_add(fee)?;
        Ok(())
    }

    fn close(
        &mut self,
        fill: &Fill,
        quantity: Quantity,
        multiplier: Quantity,
        fee: Money,
    ) -> Result<(), MoneyError> {
        let value = fill.price.value(quantity, multiplier, Rounding::HalfEven)?;
        self.held = minus(self.held, quantity)?;
        self.left = self.left.checked_add(value)?;
        self.fees = self.fees.checked_add(fee)?;
        Ok(())
    }

    /// All of it is given back, with this fill.
    fn closed(&self, fill: &Fill, multiplier: Quantity) -> Result<Trade, MoneyError> {
        let average = |sum: Money| sum.unit_price(self.quantity, multiplier, Rounding::HalfEven);
        let before_fees = match self.side {
            Side::Buy => self.left.checked_sub(self.entered)?,
            Side::Sell => self.entered.checked_sub(self.left)?,
        };
        Ok(Trade {
            portfolio: fill.portfolio.clone(),
            account: fill.account.clone(),
            symbol: fill.symbol.clone(),
            side: self.side,
            quantity: self.quantity,
            entry: average(self.entered)?,
            exit: average(self.left)?,
            profit: before_fees.checked_sub(self.fees)?,
            fees: self.fees,
            currency: fill.currency.clone(),
            opened: self.opened,
            closed: fill.event_time,
        })
    }
}

fn plus(a: Quantity, b: Quantity) -> Result<Quantity, MoneyError> {
    a.checked_add(b).ok_or(MoneyError::Overflow)
}

fn minus(a: Quantity, b: Quantity) -> Result<Quantity, MoneyError> {
    a.checked_sub(b).ok_or(MoneyError::Overflow)
}

/// How long anything was held.
#[derive(Debug, Default)]
pub(super) struct Exposure {
    since: Option<Micros>,
    /// In microseconds.
    total: i64,
}

impl Exposure {
    /// So many positions from this moment on.
    pub fn note(&mut self, positions: usize, time: Micros) {
        match (self.since, positions) {
            (None, 1..) => self.since = Some(time),
            (Some(since), 0) => {
                self.total = self.total.saturating_add(time.since(since));
                self.since = None;
            }
            _ => {}
        }
    }

    pub fn share(&self, passed: &HistorySpan) -> Option<Money> {
        let open = self.since.map_or(0, |since| passed.to.since(since));
        let held = Money::from_raw(self.total.saturating_add(open).into())?;
        let whole = Money::from_raw(passed.to.since(passed.from).into())?;
        held.times(whole, Rounding::HalfEven).ok()
    }
}
