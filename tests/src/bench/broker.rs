//! What a broker says of an account.

use tapeline_model::Event;
use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_model::money::{Price, Quantity};
use tapeline_model::records::{AccountEvent, AccountEventKind, AccountMatter, Fill, Side};
use tapeline_tests::samples;

use super::quotes::now;

/// Prices and quantities are counted in hundred-millionths.
pub(crate) const UNIT: i64 = 100_000_000;

/// An execution of an account that is a portfolio of its own.
pub(crate) struct Trade<'a> {
    pub account: &'a str,
    pub symbol: &'a str,
    pub id: &'a str,
    pub side: Side,
    /// In hundred-millionths, as is the fee.
    pub price: i64,
    /// Whole shares.
    pub quantity: i64,
    pub fee: i64,
}

pub(crate) fn fill(trade: &Trade<'_>) -> Event<'static> {
    let holder = (
        AccountId::new(trade.account),
        PortfolioId::new(trade.account),
    );
    Event::Fill(Fill {
        side: trade.side,
        price: Price::from_raw(trade.price).unwrap(),
        quantity: Quantity::from_raw(trade.quantity * UNIT).unwrap(),
        fee: Some(Price::from_raw(trade.fee).unwrap()),
        ..samples::fill(trade.id, holder, trade.symbol, now(), "bench")
    })
}

pub(crate) fn deposit(account: &str) -> Event<'static> {
    let time = now();
    Event::Account(AccountEvent {
        event_id: "deposit".to_owned(),
        portfolio: PortfolioId::new(account),
        account: AccountId::new(account),
        kind: AccountEventKind::Deposit,
        amount: "100000".parse().unwrap(),
        currency: "USD".to_owned(),
        matter: AccountMatter::Cash,
        symbol: None,
        quantity: None,
        price: None,
        ratio_new: None,
        ratio_old: None,
        event_time: time,
        ingest_time: time,
        source: "bench".to_owned(),
    })
}
