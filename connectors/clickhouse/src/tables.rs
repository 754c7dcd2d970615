//! The columns of each table: the fields of its record in the order of the migrations, which a
//! test compares. A column's type follows from its field's; `low` is for texts that repeat, and
//! what is not a field of the record is written out.

use tapeline_model::reasons::Refusal;
use tapeline_model::records::{
    AccountEvent, Alert, AuthEvent, Bar, Charge, Command, DeadLetter, Equity, Fill, LimitStanding,
    Mark, MarkUsed, Order, OrderRequest, Position, Quote, Signal, Trade, Verdict,
};

use crate::cells::{Bytes, Cell, Low};

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// As ClickHouse itself writes the type.
    pub(crate) kind: String,
}

/// A record as a row of its table, without the columns that say where it was read.
pub(crate) trait Row {
    fn columns() -> Vec<Column>;
    fn write(&self, row: &mut Vec<u8>) -> Result<(), Refusal>;
}

macro_rules! cell {
    ($record:ident $column:ident) => {
        &$record.$column
    };
    ($record:ident $column:ident low) => {
        Low(&$record.$column)
    };
    ($record:ident $column:ident = $r:ident $value:expr) => {{
        let $r = $record;
        $value
    }};
}

macro_rules! tables {
    ($($type:ty {
        $($column:ident $(: $low:ident)? $(= |$r:ident| $value:expr)?,)*
    })*) => {$(
        impl Row for $type {
            fn columns() -> Vec<Column> {
                vec![
                    $(column::<Self, _>(
                        stringify!($column),
                        |record| cell!(record $column $($low)? $(= $r $value)?),
                    ),)*
                    column::<Self, _>("event_time", |record| &record.event_time),
                    column::<Self, _>("ingest_time", |record| &record.ingest_time),
                    column::<Self, _>("source", |record| Low(&record.source)),
                ]
            }

            fn write(&self, row: &mut Vec<u8>) -> Result<(), Refusal> {
                $(cell!(self $column $($low)? $(= $r $value)?).put(stringify!($column), row)?;)*
                self.event_time.put("event_time", row)?;
                self.ingest_time.put("ingest_time", row)?;
                self.source.put("source", row)
            }
        }
    )*};
}

/// Records within records.
macro_rules! tuples {
    ($($type:ty { $($field:ident $(= |$r:ident| $value:expr)?,)* })*) => {$(
        impl Cell for $type {
            fn kind() -> String {
                let fields = [$(column::<Self, _>(
                    stringify!($field),
                    |record| cell!(record $field $(= $r $value)?),
                )),*];
                let fields = fields.map(|field| format!("{} {}", field.name, field.kind));
                format!("Tuple({})", fields.join(", "))
            }

            fn put(&self, column: &str, row: &mut Vec<u8>) -> Result<(), Refusal> {
                $(cell!(self $field $(= $r $value)?).put(column, row)?;)*
                Ok(())
            }
        }
    )*};
}

/// What the value is made of is never asked for: its type says what the column is.
fn column<'r, R: 'r, T: Cell>(name: &'static str, _value: fn(&'r R) -> T) -> Column {
    Column {
        name,
        kind: T::kind(),
    }
}

tables! {
    Quote<'_> {
        symbol: low, venue: low, seq, bid_price, ask_price, bid_size, ask_size,
    }
    Trade<'_> {
        kind, trade_id, ref_trade_id, symbol: low, venue: low, seq, price, size,
    }
    Bar {
        symbol, venue: low, interval: low, start, open, high, low, close, volume, count, of,
        revision,
    }
    Mark<'_> {
        symbol: low, price, bid_price, ask_price, quotes, basis, last_price, last_time,
    }
    Signal {
        signal_id, symbol, rule: low, kind: low, direction, interval: low, price, inputs,
        parameters, config_hash, cause_topic: low, cause_partition, cause_offset,
    }
    Fill {
        kind, exec_id, ref_exec_id, order_id, portfolio, account, symbol, side, price, quantity,
        fee, currency: low,
        fees = |r| r.fees.as_deref().unwrap_or_default(),
        itemised = |r| r.fees.is_some(),
        voided_quantity, strategy: low,
    }
    Order {
        order_id, portfolio, account, symbol, side, status, quantity, filled_quantity,
        limit_price, reason, strategy: low,
    }
    AccountEvent {
        event_id, portfolio, account, kind, amount, currency: low, matter, symbol, quantity,
        price, ratio_new, ratio_old,
    }
    AuthEvent {
        event_id, portfolio, account, venue: low, kind, method: low, attempt, category: low,
        expires_at, detail, login_id, latency_ms, host: low, stopped,
    }
    OrderRequest {
        request_id, portfolio, account, symbol, side, quantity, limit_price, reduce_only,
        strategy: low, author: low, reason, signal_id,
    }
    Command {
        command_id, portfolio, kind, author: low, reason, overrides, limit: low, definition,
    }
    Position {
        portfolio, account, symbol, quantity, average_price, realised, fees, unknown_fees,
        unrealised, mark_price, currency: low, cause_topic: low, cause_partition, cause_offset,
        market_value, price_kind: low, price_time, income, unknown_costs, foreign_fees,
        strategy: low, realised_change, fees_change, income_change,
        fill_exec_id = |r| r.fill.as_ref().map(|f| &f.exec_id),
        fill_order_id = |r| r.fill.as_ref().map(|f| &f.order_id),
        fill_side = |r| r.fill.as_ref().map(|f| &f.side),
        fill_price = |r| r.fill.as_ref().map(|f| &f.price),
        fill_quantity = |r| r.fill.as_ref().map(|f| &f.quantity),
        fill_market_price = |r| r.fill.as_ref().and_then(|f| f.market_price),
        fill_market_time = |r| r.fill.as_ref().and_then(|f| f.market_time),
        trade_side = |r| r.closed.as_ref().map(|t| &t.side),
        trade_quantity = |r| r.closed.as_ref().map(|t| &t.quantity),
        trade_entry_price = |r| r.closed.as_ref().map(|t| &t.entry_price),
        trade_exit_price = |r| r.closed.as_ref().map(|t| &t.exit_price),
        trade_opened_at = |r| r.closed.as_ref().map(|t| &t.opened_at),
        trade_result = |r| r.closed.as_ref().and_then(|t| t.result),
    }
    Equity {
        portfolio, cash_flow, realised, unrealised, equity, high_water, drawdown,
        missing_prices, account, currency: low, cash, gross, net, leverage, buying_power_used,
        stale_prices, missing_rates, unknown_costs, unknown_fees, guard, limits, held_by,
    }
    Verdict {
        verdict_id, portfolio, rule: low, mode: low, reason: low, outcome, value, limit,
        distance, cause_topic: low, cause_partition, cause_offset, config_hash, grade,
        scope: low, action, guard, unit: low, request_id, message, marks, limit_version,
        limit_author: low, limit_name: low, group, author: low, overrides,
    }
    Alert {
        alert_id, key, subject: low, rule: low, severity, message, value, limit, procedure: low,
        cause_topic: low, cause_partition, cause_offset,
    }
    DeadLetter {
        letter_id, topic: low, partition, offset,
        key = |r| r.key.as_deref().map(Bytes),
        value = |r| r.value.as_deref().map(Bytes),
        reason: low, message,
    }
}

tuples! {
    Charge { amount, currency, }
    MarkUsed {
        symbol = |mark| mark.symbol.as_str(),
        price, kind, time,
    }
    LimitStanding {
        limit, rule, group,
        grade = |standing| standing.grade.as_str(),
        value, level, unit,
    }
}
