//! Equity, computed again and independently of the pipeline: from all fills as
//! amended, at the other side's last quote.

use std::collections::BTreeMap;

use tapeline_model::Event;
use tapeline_model::records::{Fill, FillKind, Side};

/// 10⁻⁸ dollars.
pub(crate) const DOLLAR: i128 = 100_000_000;

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) deposits: i128,
    fills: BTreeMap<String, Fill>,
    /// Raw bid and ask.
    prices: BTreeMap<String, (i64, i64)>,
}

impl Ledger {
    /// Takes in everything; of fills and cash only what is the portfolio's.
    pub(crate) fn apply(&mut self, portfolio: &str, event: &Event<'_>) {
        match event {
            Event::Quote(quote) => {
                let prices = (quote.bid_price.raw(), quote.ask_price.raw());
                match self.prices.get_mut(&*quote.symbol) {
                    Some(known) => *known = prices,
                    None => {
                        self.prices.insert(quote.symbol.to_string(), prices);
                    }
                }
            }
            Event::Account(cash) if cash.portfolio.as_str() == portfolio => {
                self.deposits += cash.amount.raw();
            }
            Event::Fill(fill) if fill.portfolio.as_str() == portfolio => self.fill(fill),
            _ => {}
        }
    }

    fn fill(&mut self, fill: &Fill) {
        let amended = fill.ref_exec_id.as_ref().map(|id| id.as_str().to_owned());
        match (fill.kind, amended) {
            (FillKind::Fill, None) => {
                let id = fill.exec_id.as_str().to_owned();
                assert!(self.fills.insert(id, fill.clone()).is_none());
            }
            (FillKind::Bust, Some(id)) => assert!(self.fills.remove(&id).is_some()),
            (FillKind::Correction, Some(id)) => {
                assert!(self.fills.insert(id, fill.clone()).is_some());
            }
            other => panic!("a fill that is none: {other:?}"),
        }
    }

    pub(crate) fn positions(&self) -> BTreeMap<(String, String), i128> {
        let mut positions = BTreeMap::new();
        for fill in self.fills.values() {
            let key = (fill.account.to_string(), fill.symbol.to_string());
            *positions.entry(key).or_default() += signed(fill);
        }
        positions
    }

    pub(crate) fn value(&self, symbol: &str, quantity: i128) -> i128 {
        let (bid, ask) = self.prices[symbol];
        let price = if quantity < 0 { ask } else { bid };
        quantity * i128::from(price) / DOLLAR
    }

    pub(crate) fn equity(&self) -> i128 {
        let paid: i128 = self.fills.values().map(paid).sum();
        let positions = self.positions().into_iter();
        let worth: i128 = positions
            .map(|((_, symbol), q)| self.value(&symbol, q))
            .sum();
        self.deposits - paid + worth
    }
}

fn signed(fill: &Fill) -> i128 {
    let quantity = i128::from(fill.quantity.raw());
    match fill.side {
        Side::Buy => quantity,
        Side::Sell => -quantity,
    }
}

fn paid(fill: &Fill) -> i128 {
    let fee = fill.fee.map_or(0, |fee| i128::from(fee.raw()));
    signed(fill) * i128::from(fill.price.raw()) / DOLLAR + fee
}
