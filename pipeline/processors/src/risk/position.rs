//! The record of a position after each report that changed it.

use tapeline_model::Micros;
use tapeline_model::ids::{PortfolioId, output_id};
use tapeline_model::money::Money;
use tapeline_model::records::{self, Alert, ClosedTrade, Fill, PositionFill, Severity};

use super::{BookKey, Cause, NAME};
use crate::ledger::{Booked, Change, Late, Position, PositionValue, PriceKind, Valued};

/// The rules of its alerts.
const OVERFILL: &str = "overfill";
const LATE_FILL: &str = "late_fill";

/// What an event was to a position.
pub(super) struct PositionChange {
    pub before: Booked,
    pub strategy: Option<String>,
    pub fill: Option<PositionFill>,
    pub closed: Option<ClosedTrade>,
}

pub(super) fn record(
    key: &BookKey,
    portfolio: &PortfolioId,
    position: &Position,
    value: &PositionValue,
    step: PositionChange,
    cause: Cause,
) -> records::Position {
    let (booked, holding) = (&value.booked, &value.holding);
    let change = |now: Money, before: Money| now.checked_sub(before).ok();
    let price = holding.price;
    let counted = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let totals = position.totals();
    let realised = realised(booked);
    let foreign = value
        .elsewhere
        .iter()
        .map(|(currency, fees)| records::Charge {
            amount: fees.fees.known(),
            currency: currency.to_string(),
        });
    records::Position {
        portfolio: portfolio.clone(),
        account: key.account.clone(),
        symbol: key.symbol.clone(),
        quantity: position.quantity(),
        average_price: position.average_price().ok().flatten(),
        realised,
        fees: booked.fees.known(),
        unknown_fees: counted(totals.unknown_fees()),
        unrealised: holding.unrealised.ok(),
        mark_price: price.map(|valued| valued.price),
        currency: value.currency.to_string(),
        cause_topic: cause.topic.to_owned(),
        cause_partition: cause.partition as i32,
        cause_offset: cause.offset as i64,
        market_value: holding.market_value.ok(),
        price_kind: price.map(|valued| name(valued.kind).to_owned()),
        price_time: price.map(|valued| valued.time),
        income: booked.income.value().ok(),
        unknown_costs: counted(totals.unknown_costs()),
        foreign_fees: foreign.collect(),
        strategy: step.strategy,
        realised_change: change(realised, self::realised(&step.before)),
        fees_change: change(booked.fees.known(), step.before.fees.known()),
        income_change: change(booked.income.known(), step.before.income.known()),
        fill: step.fill.map(Box::new),
        closed: step.closed.map(Box::new),
        event_time: cause.event_time,
        ingest_time: cause.now,
        source: NAME.to_owned(),
    }
}

pub(super) fn told(fill: &Fill, market: Option<Valued>) -> PositionFill {
    PositionFill {
        exec_id: fill.exec_id.clone(),
        order_id: fill.order_id.clone(),
        side: fill.side,
        price: fill.price,
        quantity: fill.quantity,
        market_price: market.map(|valued| valued.price),
        market_time: market.map(|valued| valued.time),
    }
}

/// After fees, as far as it is known.
fn realised(booked: &Booked) -> Money {
    let realised = booked.closed.known().checked_sub(booked.fees.known());
    realised.unwrap_or(Money::ZERO)
}

/// What somebody should look at, though it was counted.
pub(super) fn alerts(
    key: &BookKey,
    portfolio: &PortfolioId,
    change: &Change,
    cause: Cause,
) -> Vec<Alert> {
    let BookKey { account, symbol } = key;
    let mut alerts = Vec::new();
    if let Some(beyond) = change.overfilled {
        let message = format!(
            "an order of {symbol} in {account} was filled for {beyond} more than was ordered"
        );
        alerts.push(alert(
            OVERFILL,
            Severity::Warning,
            message,
            key,
            portfolio,
            cause,
        ));
    }
    if change.late == Some(Late::BehindSettled) {
        let message = format!(
            "a report about {symbol} in {account} from {} is older than what is settled: quantity \
             and cash are right, the profit of what was closed may be shifted",
            cause.event_time
        );
        alerts.push(alert(
            LATE_FILL,
            Severity::Info,
            message,
            key,
            portfolio,
            cause,
        ));
    }
    alerts
}

fn alert(
    rule: &str,
    severity: Severity,
    message: String,
    key: &BookKey,
    portfolio: &PortfolioId,
    cause: Cause,
) -> Alert {
    let (topic, partition, offset) = (cause.topic, cause.partition, cause.offset);
    Alert {
        alert_id: output_id(topic, partition, offset, &format!("alert/{rule}"), 0),
        key: format!("{}/{}/{rule}", key.account, key.symbol),
        subject: portfolio.as_str().to_owned(),
        rule: rule.to_owned(),
        severity,
        message,
        value: None,
        limit: None,
        procedure: rule.replace('_', "-"),
        cause_topic: topic.to_owned(),
        cause_partition: partition as i32,
        cause_offset: offset as i64,
        event_time: cause.event_time,
        ingest_time: cause.now,
        source: NAME.to_owned(),
    }
}

pub(super) fn name(kind: PriceKind) -> &'static str {
    match kind {
        PriceKind::Mark => "MARK",
        PriceKind::Bid => "BID",
        PriceKind::Ask => "ASK",
        PriceKind::Last => "LAST",
    }
}

/// Whether a price from `time` is too old at `now`.
pub(super) fn is_stale(time: Micros, now: Micros, stale_after: Option<i64>) -> bool {
    stale_after.is_some_and(|bound| now.since(time) > bound)
}
