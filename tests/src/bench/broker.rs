//! What a broker says of an account.

use tapeline_model::Event;
use tapeline_model::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol};
use tapeline_model::money::{Price, Quantity};
use tapeline_model::records::{
    AccountEvent, AccountEventKind, AccountMatter, Fill, FillKind, Side,
};

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
    let time = now();
    Event::Fill(Fill {
        kind: FillKind::Fill,
        exec_id: ExecId::new(trade.id),
        ref_exec_id: None,
        order_id: OrderId::new(trade.id),
        portfolio: PortfolioId::new(trade.account),
        account: AccountId::new(trade.account),
        symbol: Symbol::new(trade.symbol),
        side: trade.side,
        price: Price::from_raw(trade.price).unwrap(),
        quantity: Quantity::from_raw(trade.quantity * UNIT).unwrap(),
        fee: Some(Price::from_raw(trade.fee).unwrap()),
        currency: "USD".to_owned(),
        fees: None,
        voided_quantity: None,
        strategy: None,
        event_time: time,
        ingest_time: time,
        source: "bench".to_owned(),
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
