//! Records that suites and benchmarks vary.

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol};
use tapeline_model::money::{Price, Quantity};
use tapeline_model::records::{Fill, FillKind, Side};

/// One unit bought for nothing, by an order that is named like it.
pub fn fill(
    id: &str,
    (account, portfolio): (AccountId, PortfolioId),
    symbol: &str,
    time: Micros,
    source: &str,
) -> Fill {
    Fill {
        kind: FillKind::Fill,
        exec_id: ExecId::new(id),
        ref_exec_id: None,
        order_id: OrderId::new(id),
        portfolio,
        account,
        symbol: Symbol::new(symbol),
        side: Side::Buy,
        price: Price::ZERO,
        quantity: Quantity::ONE,
        fee: None,
        currency: "USD".to_owned(),
        fees: None,
        voided_quantity: None,
        strategy: None,
        event_time: time,
        ingest_time: time,
        source: source.to_owned(),
    }
}
