//! What came of a backtest, from the events that came out. What there is not enough
//! data for is None, never a number.

mod digest;
mod equity;
mod trades;

use std::collections::BTreeSet;

use tapeline_model::Event;
use tapeline_model::money::{Money, MoneyError, Quantity, Rounding};
use tapeline_model::records::{Grade, OrderRequest, Verdict};

pub use self::digest::Digest;
use self::equity::Curve;
pub use self::equity::EquityPoint;
pub use self::trades::Trade;
use self::trades::{Exposure, Trades};
use crate::paper::PaperSettings;
use crate::run::HistorySpan;

/// More messages of refused records than these are only counted.
const MAX_SHOWN: usize = 5;
/// Requests that nobody judged; beyond this they are only counted.
const MAX_UNJUDGED: usize = 10_000;

/// Adds events up, one after the other; keeps none of them.
pub struct Report {
    curve: Curve,
    trades: Trades,
    exposure: Exposure,
    totals: Totals,
    counts: Counts,
    unjudged: BTreeSet<String>,
    start: Option<Money>,
    refusals: Vec<String>,
}

/// What an event means for the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportEntry {
    Nothing,
    Equity(EquityPoint),
    Trade(Box<Trade>),
    Verdict,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub signals: u64,
    pub requests: u64,
    pub approved: u64,
    pub refused: u64,
    /// Requests without a verdict, which are never traded.
    pub unjudged: u64,
    pub fills: u64,
    pub verdicts: u64,
    pub alerts: u64,
    /// Records that a processor refused.
    pub letters: u64,
    pub trades: u64,
    /// Positions that are still open.
    pub open: u64,
}

/// Ratios are shares: 0.5 is half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub counts: Counts,
    /// The deposits.
    pub start: Option<Money>,
    /// The last known worth of all portfolios.
    pub equity: Option<Money>,
    pub gain: Option<Money>,
    /// The gain over the deposits.
    pub gained: Option<Money>,
    /// The largest fall of the worth of all portfolios from its high.
    pub max_drawdown: Option<Money>,
    /// The largest one over the high that it fell from.
    pub max_drawdown_share: Option<Money>,
    pub win_rate: Option<Money>,
    /// What winners made over what losers lost.
    pub profit_factor: Option<Money>,
    /// What a trade made on average.
    pub expectancy: Option<Money>,
    /// The share of the time in which anything was held.
    pub exposure: Option<Money>,
    /// Of all fills.
    pub fees: Option<Money>,
    /// The first of the messages of refused records.
    pub refusals: Vec<String>,
}

/// Of closed trades and of fills.
#[derive(Debug, Default)]
struct Totals {
    won: Money,
    lost: Money,
    winners: u64,
    fees: Money,
    currency: Option<String>,
    /// Sums of several currencies mean nothing.
    is_mixed: bool,
}

impl Report {
    pub fn new(settings: &PaperSettings) -> Self {
        let portfolios = settings.accounts.values().cloned();
        let accounts = i128::try_from(settings.accounts.len()).ok();
        let start = accounts.and_then(|count| settings.deposit.raw().checked_mul(count));
        Self {
            curve: Curve::new(portfolios.collect()),
            trades: Trades::new(settings),
            exposure: Exposure::default(),
            totals: Totals::default(),
            counts: Counts::default(),
            unjudged: BTreeSet::new(),
            start: start.and_then(Money::from_raw),
            refusals: Vec::new(),
        }
    }

    pub fn take(&mut self, event: &Event<'_>) -> Result<ReportEntry, MoneyError> {
        match event {
            Event::Equity(equity) if equity.account.is_none() => {
                return Ok(ReportEntry::Equity(self.curve.take(equity)?));
            }
            Event::Fill(fill) => {
                self.counts.fills += 1;
                self.totals.fee(fill.fee.map(Money::from), &fill.currency)?;
                let trade = self.trades.take(fill)?;
                self.exposure.note(self.trades.open(), fill.event_time);
                if let Some(trade) = trade {
                    self.counts.trades += 1;
                    self.totals.trade(&trade)?;
                    return Ok(ReportEntry::Trade(Box::new(trade)));
                }
            }
            Event::Verdict(verdict) => {
                self.verdict(verdict);
                return Ok(ReportEntry::Verdict);
            }
            Event::Request(request) => self.request(request),
            Event::Signal(_) => self.counts.signals += 1,
            Event::Alert(_) => self.counts.alerts += 1,
            Event::DeadLetter(letter) => {
                self.counts.letters += 1;
                if self.refusals.len() < MAX_SHOWN {
                    self.refusals.push(letter.message.clone());
                }
            }
            _ => {}
        }
        Ok(ReportEntry::Nothing)
    }

    fn request(&mut self, request: &OrderRequest) {
        self.counts.requests += 1;
        if self.unjudged.len() < MAX_UNJUDGED {
            self.unjudged.insert(request.request_id.clone());
        }
    }

    fn verdict(&mut self, verdict: &Verdict) {
        self.counts.verdicts += 1;
        match verdict.grade {
            Grade::Approve => self.counts.approved += 1,
            Grade::Refuse => self.counts.refused += 1,
            Grade::Pass | Grade::Warn | Grade::Breach | Grade::Reset => return,
        }
        if let Some(id) = &verdict.request_id {
            self.unjudged.remove(id);
        }
    }

    pub fn summary(&self, passed: &HistorySpan) -> Summary {
        let totals = &self.totals;
        let of_trades = Money::from_raw(i128::from(self.counts.trades));
        let winners = Money::from_raw(i128::from(totals.winners));
        let pure = |amount: Money| (!totals.is_mixed).then_some(amount);
        let equity = self.curve.last();
        let gain = equity.zip(self.start);
        let gain = gain.and_then(|(equity, start)| equity.checked_sub(start).ok());
        let profit = totals.won.checked_sub(totals.lost).ok().and_then(pure);
        Summary {
            counts: Counts {
                unjudged: self.unjudged.len() as u64,
                open: self.trades.open() as u64,
                ..self.counts
            },
            start: self.start,
            equity,
            gain,
            gained: share(gain, self.start),
            max_drawdown: self.curve.max_drawdown(),
            max_drawdown_share: self.curve.max_drawdown_share(),
            win_rate: share(winners, of_trades),
            profit_factor: share(pure(totals.won), pure(totals.lost)),
            expectancy: profit.and_then(|profit| per(profit, self.counts.trades)),
            exposure: self.exposure.share(passed),
            fees: pure(totals.fees),
            refusals: self.refusals.clone(),
        }
    }
}

impl Totals {
    fn fee(&mut self, fee: Option<Money>, currency: &str) -> Result<(), MoneyError> {
        let known = self.currency.get_or_insert_with(|| currency.to_owned());
        self.is_mixed |= known != currency;
        self.fees = self.fees.checked_add(fee.unwrap_or_default())?;
        Ok(())
    }

    fn trade(&mut self, trade: &Trade) -> Result<(), MoneyError> {
        if trade.profit > Money::ZERO {
            self.winners += 1;
            self.won = self.won.checked_add(trade.profit)?;
        } else {
            self.lost = self.lost.checked_sub(trade.profit)?;
        }
        Ok(())
    }
}

/// None where the whole is nothing.
fn share(part: Option<Money>, whole: Option<Money>) -> Option<Money> {
    part?.times(whole?, Rounding::HalfEven).ok()
}

/// The average of so many.
fn per(sum: Money, count: u64) -> Option<Money> {
    let count = Quantity::from_raw(i64::try_from(count).ok()?)?;
    let one = Quantity::from_raw(1)?;
    sum.share(one, count, Rounding::HalfEven).ok()
}

#[cfg(test)]
mod tests;
