use std::borrow::Cow;

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol, output_id};
use tapeline_model::money::Money;
use tapeline_model::reasons::Reason;
use tapeline_model::records::{
    AccountEventKind, AuthEventKind, FillKind, OrderStatus, Outcome, Severity, Side,
};
use tapeline_schemas::migrations::MIGRATIONS;

use super::*;

const NOW: Micros = Micros(1_795_251_600_123_456);

fn text(value: &str) -> String {
    value.to_owned()
}

fn money(units: i128) -> Money {
    Money::from_raw(units).unwrap()
}

fn a_quote(event_time: Micros, seq: i64) -> Event<'static> {
    Event::Quote(Quote {
        symbol: Cow::Borrowed("AAPL"),
        venue: Cow::Borrowed("DEMO"),
        seq,
        bid_price: "1.5".parse().unwrap(),
        ask_price: "-1.5".parse().unwrap(),
        bid_size: "10".parse().unwrap(),
        ask_size: "0".parse().unwrap(),
        event_time,
        ingest_time: NOW,
        source: Cow::Borrowed("test"),
    })
}

/// One of each, with the optional fields set or not.
fn events(set: bool) -> Vec<Event<'static>> {
    let price = "2.25".parse().unwrap();
    let (portfolio, account, symbol) = (
        PortfolioId::new("p"),
        AccountId::new("a"),
        Symbol::new("AAPL"),
    );
    vec![
        a_quote(NOW, 7),
        Event::Mark(Mark {
            symbol: Cow::Borrowed("AAPL"),
            price,
            bid_price: price,
            ask_price: price,
            quotes: 3,
            event_time: NOW,
            ingest_time: NOW,
            source: Cow::Borrowed("market"),
        }),
        Event::Fill(Fill {
            kind: FillKind::Correction,
            exec_id: ExecId::new("e1"),
            ref_exec_id: set.then(|| ExecId::new("e0")),
            order_id: OrderId::new("o"),
            portfolio: portfolio.clone(),
            account: account.clone(),
            symbol: symbol.clone(),
            side: Side::Sell,
            price,
            quantity: "3".parse().unwrap(),
            fee: set.then_some(price),
            currency: text("USD"),
            event_time: NOW,
            ingest_time: NOW,
            source: text("demo"),
        }),
        Event::Order(Order {
            order_id: OrderId::new("o"),
            portfolio: portfolio.clone(),
            account: account.clone(),
            symbol: symbol.clone(),
            side: Side::Buy,
            status: OrderStatus::Rejected,
            quantity: "3".parse().unwrap(),
            filled_quantity: "1".parse().unwrap(),
            limit_price: set.then_some(price),
            reason: set.then(|| text("no")),
            event_time: NOW,
            ingest_time: NOW,
            source: text("demo"),
        }),
        Event::Account(AccountEvent {
            event_id: text("x"),
            portfolio: portfolio.clone(),
            account: account.clone(),
            kind: AccountEventKind::Fee,
            amount: money(-5),
            currency: text("USD"),
            event_time: NOW,
            ingest_time: NOW,
            source: text("demo"),
        }),
        Event::Auth(AuthEvent {
            event_id: text("x"),
            portfolio: portfolio.clone(),
            account: account.clone(),
            venue: text("DEMO"),
            kind: AuthEventKind::Healthy,
            method: set.then(|| text("totp")),
            attempt: 2,
            category: set.then(|| text("c")),
            expires_at: set.then_some(NOW),
            detail: text("d"),
            event_time: NOW,
            ingest_time: NOW,
            source: text("demo"),
        }),
        Event::Position(Position {
            portfolio: portfolio.clone(),
            account,
            symbol,
            quantity: "3".parse().unwrap(),
            average_price: set.then_some(price),
            realised: money(1),
            fees: money(2),
            unknown_fees: 1,
            unrealised: set.then(|| money(3)),
            mark_price: set.then_some(price),
            currency: text("USD"),
            cause_topic: text("broker.fills"),
            cause_partition: 1,
            cause_offset: 2,
            event_time: NOW,
            ingest_time: NOW,
            source: text("risk"),
        }),
        Event::Equity(Equity {
            portfolio: portfolio.clone(),
            cash_flow: money(1),
            realised: money(2),
            unrealised: set.then(|| money(3)),
            equity: set.then(|| money(4)),
            high_water: set.then(|| money(5)),
            drawdown: set.then(|| money(6)),
            missing_prices: 0,
            event_time: NOW,
            ingest_time: NOW,
            source: text("risk"),
        }),
        Event::Verdict(Verdict {
            verdict_id: output_id("t", 0, 0, "r", 0),
            portfolio,
            rule: text("max_drawdown"),
            mode: text("live"),
            reason: text("DRAWDOWN_BREACHED"),
            outcome: Outcome::Breach,
            value: money(1),
            limit: money(2),
            distance: money(-1),
            cause_topic: text("broker.fills"),
            cause_partition: 1,
            cause_offset: 2,
            config_hash: text("h"),
            event_time: NOW,
            ingest_time: NOW,
            source: text("risk"),
        }),
        Event::Alert(Alert {
            alert_id: output_id("t", 0, 0, "r", 0),
            key: text("k"),
            subject: text("p"),
            rule: text("max_drawdown"),
            severity: Severity::Critical,
            message: text("m"),
            value: set.then(|| money(1)),
            limit: set.then(|| money(2)),
            procedure: text("sop"),
            cause_topic: text("broker.fills"),
            cause_partition: 1,
            cause_offset: 2,
            event_time: NOW,
            ingest_time: NOW,
            source: text("risk"),
        }),
        Event::DeadLetter(DeadLetter {
            letter_id: output_id("t", 0, 0, "r", 0),
            topic: text("broker.fills"),
            partition: 1,
            offset: 2,
            key: set.then(|| vec![0, 255]),
            value: set.then(|| vec![b'\n'; 300]),
            reason: text("CORRUPT"),
            message: text("m"),
            event_time: NOW,
            ingest_time: NOW,
            source: text("sink"),
        }),
    ]
}

/// The bytes that a value of this type takes at the start of `row`.
fn width(kind: &str, row: &[u8]) -> usize {
    let inner = |prefix: &str| {
        kind.strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(')'))
    };
    if let Some(kind) = inner("LowCardinality(") {
        return width(kind, row);
    }
    if let Some(kind) = inner("Nullable(") {
        return if row[0] == 1 {
            1
        } else {
            1 + width(kind, &row[1..])
        };
    }
    match kind {
        "String" => {
            let digits = row.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
            let length: usize = (0..digits)
                .map(|i| usize::from(row[i] & 0x7f) << (7 * i))
                .sum();
            digits + length
        }
        "Decimal(18, 8)" | "UInt64" | "DateTime64(6, 'UTC')" => 8,
        "Decimal(38, 8)" | "UUID" => 16,
        "UInt32" => 4,
        _ if kind.starts_with("Enum8(") => 1,
        other => panic!("no width for {other}"),
    }
}

#[test]
fn a_row_has_exactly_the_columns_of_its_table() {
    for event in [events(true), events(false)].into_iter().flatten() {
        let mut row = Vec::new();
        write(&event, 3, 99, &mut row).unwrap();
        let mut rest = row.as_slice();
        for column in columns(event.topic()) {
            rest = &rest[width(column.kind, rest)..];
        }
        assert!(
            rest.is_empty(),
            "{}: {} bytes left over",
            event.topic(),
            rest.len()
        );
        let origin = [&3u32.to_le_bytes()[..], &99u64.to_le_bytes()].concat();
        assert!(row.ends_with(&origin));
    }
}

#[test]
fn every_topic_is_among_the_examples() {
    let topics: Vec<Topic> = events(true).iter().map(Event::topic).collect();
    assert_eq!(topics, Topic::ALL);
}

/// As ClickHouse writes the type that a migration names.
fn canonical(kind: &str) -> String {
    kind.replace("Decimal64(8)", "Decimal(18, 8)")
}

/// Name and type of each column, from the migrations' own text.
fn migrated(table: &str) -> Vec<(String, String)> {
    let start = format!("CREATE TABLE IF NOT EXISTS {table}\n");
    let statement = MIGRATIONS
        .iter()
        .flat_map(tapeline_schemas::migrations::Migration::statements)
        .find(|s| s.starts_with(&start))
        .unwrap();
    let lines = statement
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with('`'));
    let columns = lines.map(|line| {
        let (name, rest) = line[1..].split_once('`').unwrap();
        let rest = rest.trim().trim_end_matches(',');
        let end = rest
            .find(" CODEC(")
            .or(rest.find(" DEFAULT "))
            .unwrap_or(rest.len());
        (name.to_owned(), canonical(&rest[..end]))
    });
    columns.collect()
}

#[test]
fn the_columns_are_those_of_the_migrations() {
    for topic in Topic::ALL {
        let ours: Vec<(String, String)> = columns(*topic)
            .iter()
            .map(|c| (c.name.to_owned(), c.kind.to_owned()))
            .collect();
        let mut theirs = migrated(table(*topic));
        theirs.retain(|(name, _)| name != "_inserted");
        assert_eq!(ours, theirs, "{topic}");
    }
}

#[test]
fn enums_count_as_their_columns_do() {
    let check = |topic: Topic, column: &str, names: Vec<&str>| {
        let kind = columns(topic)
            .iter()
            .find(|c| c.name == column)
            .unwrap()
            .kind;
        let listed: Vec<String> = names
            .iter()
            .enumerate()
            .map(|(i, name)| format!("'{name}' = {}", i + 1))
            .collect();
        assert_eq!(
            kind,
            format!("Enum8({})", listed.join(", ")),
            "{topic} {column}"
        );
    };
    check(
        Topic::BrokerFills,
        "kind",
        FillKind::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::BrokerFills,
        "side",
        Side::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::BrokerOrders,
        "status",
        OrderStatus::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::BrokerAccounts,
        "kind",
        AccountEventKind::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::AuthEvents,
        "kind",
        AuthEventKind::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::RiskVerdicts,
        "outcome",
        Outcome::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::Alerts,
        "severity",
        Severity::ALL.iter().map(|v| v.as_str()).collect(),
    );
}

#[test]
fn what_the_table_cannot_hold_is_refused() {
    let refusal = write(&a_quote(Micros(-1), 1), 0, 0, &mut Vec::new()).unwrap_err();
    assert_eq!(refusal.reason, Reason::BadTime);
    let refusal = write(&a_quote(NOW, -1), 0, 0, &mut Vec::new()).unwrap_err();
    assert!(refusal.message.contains("seq"), "{}", refusal.message);
}

#[test]
fn an_insert_names_its_columns_and_types() {
    let sql = insert_sql(Topic::RiskVerdicts);
    assert!(
        sql.starts_with("INSERT INTO verdicts (`verdict_id`, `portfolio`"),
        "{sql}"
    );
    assert!(
        sql.ends_with("`_offset`) FORMAT RowBinaryWithNamesAndTypes"),
        "{sql}"
    );
    let header = header(Topic::MarketMarks);
    assert_eq!(header[..8], *b"\x0a\x06symbol");
    assert!(header.ends_with(b"\x06UInt32\x06UInt64"));
}
