//! Which table a topic has, and how each record becomes a row of it. This is
//! the one place that knows both; a test compares it with the migrations.

use std::sync::LazyLock;

use tapeline_model::Event;
use tapeline_model::reasons::Refusal;
use tapeline_model::records::{
    AccountEvent, Alert, AuthEvent, Bar, Command, DeadLetter, Equity, Fill, Mark, Order,
    OrderRequest, Position, Quote, Signal, Trade, Verdict,
};
use tapeline_schemas::topics::Topic;

use crate::row_writer::{RowWriter, put_bytes};

pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// As ClickHouse itself writes the type.
    pub(crate) kind: &'static str,
}

/// Defines the columns of a table and how a record fills them, in one order.
macro_rules! tables {
    ($($function:ident $columns:ident ($row:ident, $record:ident : $type:ty) {
        $($name:literal $kind:literal = $write:expr;)*
    })*) => {$(
        const $columns: &[Column] = &[
            $(Column { name: $name, kind: $kind },)*
            Column { name: "event_time", kind: TIME },
            Column { name: "ingest_time", kind: TIME },
            Column { name: "source", kind: "LowCardinality(String)" },
            Column { name: "_partition", kind: "UInt32" },
            Column { name: "_offset", kind: "UInt64" },
        ];

        fn $function($row: &mut RowWriter<'_>, $record: &$type) -> Result<(), Refusal> {
            $($write?;)*
            $row.time("event_time", $record.event_time)?;
            $row.time("ingest_time", $record.ingest_time)?;
            $row.text(&$record.source)
        }
    )*};
}

const TIME: &str = "DateTime64(6, 'UTC')";

tables! {
    quote QUOTE (row, r: Quote<'_>) {
        "symbol" "LowCardinality(String)" = row.text(&r.symbol);
        "venue" "LowCardinality(String)" = row.text(&r.venue);
        "seq" "UInt64" = row.u64("seq", r.seq);
        "bid_price" "Decimal(18, 8)" = row.price(r.bid_price);
        "ask_price" "Decimal(18, 8)" = row.price(r.ask_price);
        "bid_size" "Decimal(18, 8)" = row.quantity(r.bid_size);
        "ask_size" "Decimal(18, 8)" = row.quantity(r.ask_size);
    }
    trade TRADE (row, r: Trade<'_>) {
        "kind" "Enum8('TRADE' = 1, 'CORRECTION' = 2, 'CANCEL' = 3)" = row.symbol(r.kind as u8);
        "trade_id" "String" = row.text(&r.trade_id);
        "ref_trade_id" "Nullable(String)" = row.nullable(r.ref_trade_id.as_deref(), RowWriter::text);
        "symbol" "LowCardinality(String)" = row.text(&r.symbol);
        "venue" "LowCardinality(String)" = row.text(&r.venue);
        "seq" "UInt64" = row.u64("seq", r.seq);
        "price" "Decimal(18, 8)" = row.price(r.price);
        "size" "Decimal(18, 8)" = row.quantity(r.size);
    }
    bar BAR (row, r: Bar) {
        "symbol" "LowCardinality(String)" = row.text(r.symbol.as_str());
        "venue" "LowCardinality(String)" = row.text(&r.venue);
        "interval" "LowCardinality(String)" = row.text(&r.interval);
        "start" "DateTime64(6, 'UTC')" = row.time("start", r.start);
        "open" "Decimal(18, 8)" = row.price(r.open);
        "high" "Decimal(18, 8)" = row.price(r.high);
        "low" "Decimal(18, 8)" = row.price(r.low);
        "close" "Decimal(18, 8)" = row.price(r.close);
        "volume" "Decimal(38, 8)" = row.money(r.volume);
        "count" "UInt64" = row.u64("count", r.count);
        "of" "Enum8('TRADES' = 1, 'MIDS' = 2)" = row.symbol(r.of as u8);
        "revision" "UInt32" = row.u32("revision", r.revision);
    }
    mark MARK (row, r: Mark<'_>) {
        "symbol" "LowCardinality(String)" = row.text(&r.symbol);
        "price" "Decimal(18, 8)" = row.price(r.price);
        "bid_price" "Decimal(18, 8)" = row.price(r.bid_price);
        "ask_price" "Decimal(18, 8)" = row.price(r.ask_price);
        "quotes" "UInt64" = row.u64("quotes", r.quotes);
        "basis" "Enum8('MID' = 1, 'BID' = 2, 'ASK' = 3, 'LAST' = 4)" = row.symbol(r.basis as u8);
        "last_price" "Nullable(Decimal(18, 8))" = row.nullable(r.last_price, RowWriter::price);
        "last_time" "Nullable(DateTime64(6, 'UTC'))"
            = row.nullable(r.last_time, |row, time| row.time("last_time", time));
    }
    signal SIGNAL (row, r: Signal) {
        "signal_id" "UUID" = row.uuid(r.signal_id.as_u64_pair());
        "symbol" "LowCardinality(String)" = row.text(r.symbol.as_str());
        "rule" "LowCardinality(String)" = row.text(&r.rule);
        "kind" "LowCardinality(String)" = row.text(&r.kind);
        "direction" "Enum8('LONG' = 1, 'SHORT' = 2, 'FLAT' = 3, 'NEUTRAL' = 4)" = row.symbol(r.direction as u8);
        "interval" "LowCardinality(String)" = row.text(&r.interval);
        "price" "Decimal(18, 8)" = row.price(r.price);
        "inputs" "Map(String, Float64)" = row.map(&r.inputs, |row, value| row.float(*value));
        "parameters" "Map(String, String)" = row.map(&r.parameters, |row, value| row.text(value));
        "config_hash" "String" = row.text(&r.config_hash);
        "cause_topic" "LowCardinality(String)" = row.text(&r.cause_topic);
        "cause_partition" "UInt32" = row.u32("cause_partition", r.cause_partition);
        "cause_offset" "UInt64" = row.u64("cause_offset", r.cause_offset);
    }
    fill FILL (row, r: Fill) {
        "kind" "Enum8('FILL' = 1, 'BUST' = 2, 'CORRECTION' = 3)" = row.symbol(r.kind as u8);
        "exec_id" "String" = row.text(r.exec_id.as_str());
        "ref_exec_id" "Nullable(String)" = row.nullable(r.ref_exec_id.as_ref(), |row, id| row.text(id.as_str()));
        "order_id" "String" = row.text(r.order_id.as_str());
        "portfolio" "LowCardinality(String)" = row.text(r.portfolio.as_str());
        "account" "LowCardinality(String)" = row.text(r.account.as_str());
        "symbol" "LowCardinality(String)" = row.text(r.symbol.as_str());
        "side" "Enum8('BUY' = 1, 'SELL' = 2)" = row.symbol(r.side as u8);
        "price" "Decimal(18, 8)" = row.price(r.price);
        "quantity" "Decimal(18, 8)" = row.quantity(r.quantity);
        "fee" "Nullable(Decimal(18, 8))" = row.nullable(r.fee, RowWriter::price);
        "currency" "LowCardinality(String)" = row.text(&r.currency);
        "fees" "Array(Tuple(amount Decimal(38, 8), currency String))"
            = row.charges(r.fees.as_deref().unwrap_or_default());
        "itemised" "Bool" = row.flag(r.fees.is_some());
        "voided_quantity" "Nullable(Decimal(18, 8))" = row.nullable(r.voided_quantity, RowWriter::quantity);
        "strategy" "LowCardinality(Nullable(String))" = row.nullable(r.strategy.as_ref(), RowWriter::text);
    }
    order ORDER (row, r: Order) {
        "order_id" "String" = row.text(r.order_id.as_str());
        "portfolio" "LowCardinality(String)" = row.text(r.portfolio.as_str());
        "account" "LowCardinality(String)" = row.text(r.account.as_str());
        "symbol" "LowCardinality(String)" = row.text(r.symbol.as_str());
        "side" "Enum8('BUY' = 1, 'SELL' = 2)" = row.symbol(r.side as u8);
        "status" "Enum8('NEW' = 1, 'PARTIALLY_FILLED' = 2, 'FILLED' = 3, 'CANCELED' = 4, 'REJECTED' = 5)"
            = row.symbol(r.status as u8);
        "quantity" "Decimal(18, 8)" = row.quantity(r.quantity);
        "filled_quantity" "Decimal(18, 8)" = row.quantity(r.filled_quantity);
        "limit_price" "Nullable(Decimal(18, 8))" = row.nullable(r.limit_price, RowWriter::price);
        "reason" "Nullable(String)" = row.nullable(r.reason.as_ref(), RowWriter::text);
        "strategy" "LowCardinality(Nullable(String))" = row.nullable(r.strategy.as_ref(), RowWriter::text);
    }
    account ACCOUNT (row, r: AccountEvent) {
        "event_id" "String" = row.text(&r.event_id);
        "portfolio" "LowCardinality(String)" = row.text(r.portfolio.as_str());
        "account" "LowCardinality(String)" = row.text(r.account.as_str());
        "kind" "Enum8('BALANCE' = 1, 'DEPOSIT' = 2, 'WITHDRAWAL' = 3, 'DIVIDEND' = 4, 'FEE' = 5)"
            = row.symbol(r.kind as u8);
        "amount" "Decimal(38, 8)" = row.money(r.amount);
        "currency" "LowCardinality(String)" = row.text(&r.currency);
        "matter" "Enum8('CASH' = 1, 'INTEREST' = 2, 'OPENING' = 3, 'POSITION' = 4, 'SPLIT' = 5, 'DISTRIBUTION' = 6, 'BUYING_POWER' = 7)"
            = row.symbol(r.matter as u8);
        "symbol" "LowCardinality(Nullable(String))"
            = row.nullable(r.symbol.as_ref(), |row, symbol| row.text(symbol.as_str()));
        "quantity" "Nullable(Decimal(18, 8))" = row.nullable(r.quantity, RowWriter::quantity);
        "price" "Nullable(Decimal(18, 8))" = row.nullable(r.price, RowWriter::price);
        "ratio_new" "Nullable(UInt32)" = row.nullable(r.ratio_new, |row, n| row.u32("ratio_new", n));
        "ratio_old" "Nullable(UInt32)" = row.nullable(r.ratio_old, |row, n| row.u32("ratio_old", n));
    }
    auth AUTH (row, r: AuthEvent) {
        "event_id" "String" = row.text(&r.event_id);
        "portfolio" "LowCardinality(String)" = row.text(r.portfolio.as_str());
        "account" "LowCardinality(String)" = row.text(r.account.as_str());
        "venue" "LowCardinality(String)" = row.text(&r.venue);
        "kind" "Enum8('CHALLENGE' = 1, 'CODE_SEEN' = 2, 'LOGIN_SUCCEEDED' = 3, 'LOGIN_FAILED' = 4, 'EXPIRES_SOON' = 5, 'EXPIRED' = 6, 'SESSION_LOST' = 7, 'REFUSED' = 8, 'HEALTHY' = 9)"
            = row.symbol(r.kind as u8);
        "method" "LowCardinality(Nullable(String))" = row.nullable(r.method.as_ref(), RowWriter::text);
        "attempt" "UInt32" = row.u32("attempt", r.attempt);
        "category" "LowCardinality(Nullable(String))" = row.nullable(r.category.as_ref(), RowWriter::text);
        "expires_at" "Nullable(DateTime64(6, 'UTC'))"
            = row.nullable(r.expires_at, |row, time| row.time("expires_at", time));
        "detail" "String" = row.text(&r.detail);
        "login_id" "Nullable(String)" = row.nullable(r.login_id.as_ref(), RowWriter::text);
        "latency_ms" "Nullable(UInt32)" = row.nullable(r.latency_ms, |row, n| row.u32("latency_ms", n));
        "host" "LowCardinality(Nullable(String))" = row.nullable(r.host.as_ref(), RowWriter::text);
        "stopped" "Nullable(Bool)" = row.nullable(r.stopped, RowWriter::flag);
    }
    request REQUEST (row, r: OrderRequest) {
        "request_id" "String" = row.text(&r.request_id);
        "portfolio" "LowCardinality(String)" = row.text(r.portfolio.as_str());
        "account" "LowCardinality(String)" = row.text(r.account.as_str());
        "symbol" "LowCardinality(String)" = row.text(r.symbol.as_str());
        "side" "Enum8('BUY' = 1, 'SELL' = 2)" = row.symbol(r.side as u8);
        "quantity" "Decimal(18, 8)" = row.quantity(r.quantity);
        "limit_price" "Nullable(Decimal(18, 8))" = row.nullable(r.limit_price, RowWriter::price);
        "reduce_only" "Bool" = row.flag(r.reduce_only);
        "strategy" "LowCardinality(Nullable(String))" = row.nullable(r.strategy.as_ref(), RowWriter::text);
        "author" "LowCardinality(String)" = row.text(&r.author);
        "reason" "String" = row.text(&r.reason);
        "signal_id" "Nullable(String)" = row.nullable(r.signal_id.as_ref(), RowWriter::text);
    }
    command COMMAND (row, r: Command) {
        "command_id" "String" = row.text(&r.command_id);
        "portfolio" "LowCardinality(String)" = row.text(r.portfolio.as_str());
        "kind" "Enum8('UNKNOWN' = 1, 'HALT' = 2, 'REDUCE' = 3, 'RESET' = 4, 'SET_LIMIT' = 5, 'REMOVE_LIMIT' = 6)"
            = row.symbol(r.kind as u8);
        "author" "LowCardinality(String)" = row.text(&r.author);
        "reason" "String" = row.text(&r.reason);
        "overrides" "Array(String)" = row.texts(&r.overrides);
        "limit" "LowCardinality(Nullable(String))" = row.nullable(r.limit.as_ref(), RowWriter::text);
        "definition" "Nullable(String)" = row.nullable(r.definition.as_ref(), RowWriter::text);
    }
    position POSITION (row, r: Position) {
        "portfolio" "LowCardinality(String)" = row.text(r.portfolio.as_str());
        "account" "LowCardinality(String)" = row.text(r.account.as_str());
        "symbol" "LowCardinality(String)" = row.text(r.symbol.as_str());
        "quantity" "Decimal(18, 8)" = row.quantity(r.quantity);
        "average_price" "Nullable(Decimal(18, 8))" = row.nullable(r.average_price, RowWriter::price);
        "realised" "Decimal(38, 8)" = row.money(r.realised);
        "fees" "Decimal(38, 8)" = row.money(r.fees);
        "unknown_fees" "UInt32" = row.u32("unknown_fees", r.unknown_fees);
        "unrealised" "Nullable(Decimal(38, 8))" = row.nullable(r.unrealised, RowWriter::money);
        "mark_price" "Nullable(Decimal(18, 8))" = row.nullable(r.mark_price, RowWriter::price);
        "currency" "LowCardinality(String)" = row.text(&r.currency);
        "cause_topic" "LowCardinality(String)" = row.text(&r.cause_topic);
        "cause_partition" "UInt32" = row.u32("cause_partition", r.cause_partition);
        "cause_offset" "UInt64" = row.u64("cause_offset", r.cause_offset);
        "market_value" "Nullable(Decimal(38, 8))" = row.nullable(r.market_value, RowWriter::money);
        "price_kind" "LowCardinality(Nullable(String))" = row.nullable(r.price_kind.as_ref(), RowWriter::text);
        "price_time" "Nullable(DateTime64(6, 'UTC'))"
            = row.nullable(r.price_time, |row, time| row.time("price_time", time));
        "income" "Nullable(Decimal(38, 8))" = row.nullable(r.income, RowWriter::money);
        "unknown_costs" "UInt32" = row.u32("unknown_costs", r.unknown_costs);
        "foreign_fees" "Array(Tuple(amount Decimal(38, 8), currency String))" = row.charges(&r.foreign_fees);
        "strategy" "LowCardinality(Nullable(String))" = row.nullable(r.strategy.as_ref(), RowWriter::text);
        "realised_change" "Nullable(Decimal(38, 8))" = row.nullable(r.realised_change, RowWriter::money);
        "fees_change" "Nullable(Decimal(38, 8))" = row.nullable(r.fees_change, RowWriter::money);
        "income_change" "Nullable(Decimal(38, 8))" = row.nullable(r.income_change, RowWriter::money);
        "fill_exec_id" "Nullable(String)"
            = row.nullable(r.fill.as_ref(), |row, f| row.text(f.exec_id.as_str()));
        "fill_order_id" "Nullable(String)"
            = row.nullable(r.fill.as_ref(), |row, f| row.text(f.order_id.as_str()));
        "fill_side" "Nullable(Enum8('BUY' = 1, 'SELL' = 2))"
            = row.nullable(r.fill.as_ref(), |row, f| row.symbol(f.side as u8));
        "fill_price" "Nullable(Decimal(18, 8))"
            = row.nullable(r.fill.as_ref(), |row, f| row.price(f.price));
        "fill_quantity" "Nullable(Decimal(18, 8))"
            = row.nullable(r.fill.as_ref(), |row, f| row.quantity(f.quantity));
        "fill_market_price" "Nullable(Decimal(18, 8))"
            = row.nullable(r.fill.as_ref().and_then(|f| f.market_price), RowWriter::price);
        "fill_market_time" "Nullable(DateTime64(6, 'UTC'))"
            = row.nullable(
                r.fill.as_ref().and_then(|f| f.market_time),
                |row, time| row.time("fill_market_time", time),
            );
        "trade_side" "Nullable(Enum8('BUY' = 1, 'SELL' = 2))"
            = row.nullable(r.closed.as_ref(), |row, t| row.symbol(t.side as u8));
        "trade_quantity" "Nullable(Decimal(18, 8))"
            = row.nullable(r.closed.as_ref(), |row, t| row.quantity(t.quantity));
        "trade_entry_price" "Nullable(Decimal(18, 8))"
            = row.nullable(r.closed.as_ref(), |row, t| row.price(t.entry_price));
        "trade_exit_price" "Nullable(Decimal(18, 8))"
            = row.nullable(r.closed.as_ref(), |row, t| row.price(t.exit_price));
        "trade_opened_at" "Nullable(DateTime64(6, 'UTC'))"
            = row.nullable(r.closed.as_ref(), |row, t| row.time("trade_opened_at", t.opened_at));
        "trade_result" "Nullable(Decimal(38, 8))"
            = row.nullable(r.closed.as_ref().and_then(|t| t.result), RowWriter::money);
    }
    equity EQUITY (row, r: Equity) {
        "portfolio" "LowCardinality(String)" = row.text(r.portfolio.as_str());
        "cash_flow" "Decimal(38, 8)" = row.money(r.cash_flow);
        "realised" "Decimal(38, 8)" = row.money(r.realised);
        "unrealised" "Nullable(Decimal(38, 8))" = row.nullable(r.unrealised, RowWriter::money);
        "equity" "Nullable(Decimal(38, 8))" = row.nullable(r.equity, RowWriter::money);
        "high_water" "Nullable(Decimal(38, 8))" = row.nullable(r.high_water, RowWriter::money);
        "drawdown" "Nullable(Decimal(38, 8))" = row.nullable(r.drawdown, RowWriter::money);
        "missing_prices" "UInt32" = row.u32("missing_prices", r.missing_prices);
        "account" "LowCardinality(Nullable(String))"
            = row.nullable(r.account.as_ref(), |row, id| row.text(id.as_str()));
        "currency" "LowCardinality(String)" = row.text(&r.currency);
        "cash" "Nullable(Decimal(38, 8))" = row.nullable(r.cash, RowWriter::money);
        "gross" "Nullable(Decimal(38, 8))" = row.nullable(r.gross, RowWriter::money);
        "net" "Nullable(Decimal(38, 8))" = row.nullable(r.net, RowWriter::money);
        "leverage" "Nullable(Decimal(38, 8))" = row.nullable(r.leverage, RowWriter::money);
        "buying_power_used" "Nullable(Decimal(38, 8))" = row.nullable(r.buying_power_used, RowWriter::money);
        "stale_prices" "UInt32" = row.u32("stale_prices", r.stale_prices);
        "missing_rates" "UInt32" = row.u32("missing_rates", r.missing_rates);
        "unknown_costs" "UInt32" = row.u32("unknown_costs", r.unknown_costs);
        "unknown_fees" "UInt32" = row.u32("unknown_fees", r.unknown_fees);
        "guard" "Enum8('ACTIVE' = 1, 'REDUCING' = 2, 'HALTED' = 3)" = row.symbol(r.guard as u8);
        "limits" "Array(Tuple(limit String, rule String, group String, grade String, value Nullable(Decimal(38, 8)), level Decimal(38, 8), unit String))"
            = row.standings(&r.limits);
        "held_by" "Array(String)" = row.texts(&r.held_by);
    }
    verdict VERDICT (row, r: Verdict) {
        "verdict_id" "UUID" = row.uuid(r.verdict_id.as_u64_pair());
        "portfolio" "LowCardinality(String)" = row.text(r.portfolio.as_str());
        "rule" "LowCardinality(String)" = row.text(&r.rule);
        "mode" "LowCardinality(String)" = row.text(&r.mode);
        "reason" "LowCardinality(String)" = row.text(&r.reason);
        "outcome" "Enum8('PASS' = 1, 'BREACH' = 2)" = row.symbol(r.outcome as u8);
        "value" "Decimal(38, 8)" = row.money(r.value);
        "limit" "Decimal(38, 8)" = row.money(r.limit);
        "distance" "Decimal(38, 8)" = row.money(r.distance);
        "cause_topic" "LowCardinality(String)" = row.text(&r.cause_topic);
        "cause_partition" "UInt32" = row.u32("cause_partition", r.cause_partition);
        "cause_offset" "UInt64" = row.u64("cause_offset", r.cause_offset);
        "config_hash" "String" = row.text(&r.config_hash);
        "grade" "Enum8('PASS' = 1, 'WARN' = 2, 'BREACH' = 3, 'APPROVE' = 4, 'REFUSE' = 5, 'RESET' = 6)"
            = row.symbol(r.grade as u8);
        "scope" "LowCardinality(String)" = row.text(&r.scope);
        "action" "Enum8('NONE' = 1, 'ALERT' = 2, 'REDUCING' = 3, 'HALTED' = 4)" = row.symbol(r.action as u8);
        "guard" "Enum8('ACTIVE' = 1, 'REDUCING' = 2, 'HALTED' = 3)" = row.symbol(r.guard as u8);
        "unit" "LowCardinality(String)" = row.text(&r.unit);
        "request_id" "Nullable(String)" = row.nullable(r.request_id.as_ref(), RowWriter::text);
        "message" "String" = row.text(&r.message);
        "marks" "Array(Tuple(symbol String, price Nullable(Decimal(18, 8)), kind Nullable(String), time Nullable(DateTime64(6, 'UTC'))))"
            = row.marks(&r.marks);
        "limit_version" "UInt64" = row.u64("limit_version", r.limit_version);
        "limit_author" "LowCardinality(String)" = row.text(&r.limit_author);
        "limit_name" "LowCardinality(String)" = row.text(&r.limit_name);
        "group" "String" = row.text(&r.group);
        "author" "LowCardinality(String)" = row.text(&r.author);
        "overrides" "Array(String)" = row.texts(&r.overrides);
    }
    alert ALERT (row, r: Alert) {
        "alert_id" "UUID" = row.uuid(r.alert_id.as_u64_pair());
        "key" "String" = row.text(&r.key);
        "subject" "LowCardinality(String)" = row.text(&r.subject);
        "rule" "LowCardinality(String)" = row.text(&r.rule);
        "severity" "Enum8('INFO' = 1, 'WARNING' = 2, 'CRITICAL' = 3)" = row.symbol(r.severity as u8);
        "message" "String" = row.text(&r.message);
        "value" "Nullable(Decimal(38, 8))" = row.nullable(r.value, RowWriter::money);
        "limit" "Nullable(Decimal(38, 8))" = row.nullable(r.limit, RowWriter::money);
        "procedure" "LowCardinality(String)" = row.text(&r.procedure);
        "cause_topic" "LowCardinality(String)" = row.text(&r.cause_topic);
        "cause_partition" "UInt32" = row.u32("cause_partition", r.cause_partition);
        "cause_offset" "UInt64" = row.u64("cause_offset", r.cause_offset);
    }
    dead_letter DEAD_LETTER (row, r: DeadLetter) {
        "letter_id" "UUID" = row.uuid(r.letter_id.as_u64_pair());
        "topic" "LowCardinality(String)" = row.text(&r.topic);
        "partition" "UInt32" = row.u32("partition", r.partition);
        "offset" "UInt64" = row.u64("offset", r.offset);
        "key" "Nullable(String)" = row.nullable(r.key.as_deref(), RowWriter::bytes);
        "value" "Nullable(String)" = row.nullable(r.value.as_deref(), RowWriter::bytes);
        "reason" "LowCardinality(String)" = row.text(&r.reason);
        "message" "String" = row.text(&r.message);
    }
}

/// The table that holds a topic's records.
pub fn table(topic: Topic) -> &'static str {
    match topic {
        Topic::MarketQuotes => "quotes",
        Topic::MarketTrades => "trades",
        Topic::MarketBars => "bars",
        Topic::MarketMarks => "marks",
        Topic::Signals => "signals",
        Topic::BrokerFills => "fills",
        Topic::BrokerOrders => "orders",
        Topic::BrokerAccounts => "account_events",
        Topic::AuthEvents => "auth_events",
        Topic::OrdersRequests => "order_requests",
        Topic::ControlCommands => "commands",
        Topic::RiskPositions => "positions",
        Topic::RiskEquity => "equity",
        Topic::RiskVerdicts => "verdicts",
        Topic::Alerts => "alerts",
        Topic::DeadLetters => "deadletters",
    }
}

pub(crate) fn columns(topic: Topic) -> &'static [Column] {
    match topic {
        Topic::MarketQuotes => QUOTE,
        Topic::MarketTrades => TRADE,
        Topic::MarketBars => BAR,
        Topic::MarketMarks => MARK,
        Topic::Signals => SIGNAL,
        Topic::BrokerFills => FILL,
        Topic::BrokerOrders => ORDER,
        Topic::BrokerAccounts => ACCOUNT,
        Topic::AuthEvents => AUTH,
        Topic::OrdersRequests => REQUEST,
        Topic::ControlCommands => COMMAND,
        Topic::RiskPositions => POSITION,
        Topic::RiskEquity => EQUITY,
        Topic::RiskVerdicts => VERDICT,
        Topic::Alerts => ALERT,
        Topic::DeadLetters => DEAD_LETTER,
    }
}

/// Appends the record as one row. On a refusal, what was appended is unusable.
pub(crate) fn write(
    event: &Event<'_>,
    partition: u32,
    offset: u64,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let mut row = RowWriter::new(out);
    match event {
        Event::Quote(record) => quote(&mut row, record),
        Event::Trade(record) => trade(&mut row, record),
        Event::Bar(record) => bar(&mut row, record),
        Event::Mark(record) => mark(&mut row, record),
        Event::Signal(record) => signal(&mut row, record),
        Event::Fill(record) => fill(&mut row, record),
        Event::Order(record) => order(&mut row, record),
        Event::Account(record) => account(&mut row, record),
        Event::Auth(record) => auth(&mut row, record),
        Event::Request(record) => request(&mut row, record),
        Event::Command(record) => command(&mut row, record),
        Event::Position(record) => position(&mut row, record),
        Event::Equity(record) => equity(&mut row, record),
        Event::Verdict(record) => verdict(&mut row, record),
        Event::Alert(record) => alert(&mut row, record),
        Event::DeadLetter(record) => dead_letter(&mut row, record),
    }?;
    row.origin(partition, offset);
    Ok(())
}

/// What stands before the rows of an insert: the columns with their types, by
/// which the server notices a table that is not as this release knows it.
pub(crate) fn header(topic: Topic) -> &'static [u8] {
    static HEADERS: LazyLock<Vec<Vec<u8>>> =
        LazyLock::new(|| Topic::ALL.iter().map(|t| make_header(*t)).collect());
    &HEADERS[topic as usize]
}

fn make_header(topic: Topic) -> Vec<u8> {
    let columns = columns(topic);
    // No table has 128 columns: the count is one byte of LEB128.
    let mut header = vec![columns.len() as u8];
    for column in columns {
        put_bytes(&mut header, column.name.as_bytes());
    }
    for column in columns {
        put_bytes(&mut header, column.kind.as_bytes());
    }
    header
}

/// Into the topic's table, or into one of the same columns beside it.
pub(crate) fn insert_sql(table: &str, topic: Topic) -> String {
    let names: Vec<String> = columns(topic)
        .iter()
        .map(|column| format!("`{}`", column.name))
        .collect();
    format!(
        "INSERT INTO {table} ({}) FORMAT RowBinaryWithNamesAndTypes",
        names.join(", ")
    )
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
