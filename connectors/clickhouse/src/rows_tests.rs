use tapeline_model::Micros;
use tapeline_model::reasons::Reason;
use tapeline_model::records::{
    AccountEventKind, AccountMatter, AuthEventKind, BarSource, CommandKind, Direction, FillKind,
    Grade, GuardState, LimitAction, MarkBasis, OrderStatus, Outcome, Severity, Side, TradeKind,
};
use tapeline_schemas::migrations::MIGRATIONS;

use super::*;

#[path = "rows_examples.rs"]
mod rows_examples;

use rows_examples::{NOW, a_quote, events};

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
    if let Some(kind) = inner("Array(") {
        return counted(row, |row| width(kind, row));
    }
    if let Some(fields) = inner("Map(") {
        let (key, value) = fields.split_once(", ").unwrap();
        return counted(row, |row| {
            let key = width(key, row);
            key + width(value, &row[key..])
        });
    }
    if let Some(fields) = inner("Tuple(") {
        return tuple(fields)
            .iter()
            .fold(0, |at, kind| at + width(kind, &row[at..]));
    }
    match kind {
        "String" => counted(row, |_| 1),
        "Bool" => 1,
        "Decimal(18, 8)" | "UInt64" | "Float64" | "DateTime64(6, 'UTC')" => 8,
        "Decimal(38, 8)" | "UUID" => 16,
        "UInt32" => 4,
        _ if kind.starts_with("Enum8(") => 1,
        other => panic!("no width for {other}"),
    }
}

/// The bytes of a length and of as many items.
fn counted(row: &[u8], item: impl Fn(&[u8]) -> usize) -> usize {
    let digits = row.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let length: usize = (0..digits)
        .map(|i| usize::from(row[i] & 0x7f) << (7 * i))
        .sum();
    (0..length).fold(digits, |at, _| at + item(&row[at..]))
}

/// The types of a tuple's fields, each of which has a name.
fn tuple(fields: &str) -> Vec<&str> {
    let mut depth = 0;
    let mut kinds = Vec::new();
    let mut start = 0;
    for (at, letter) in fields.char_indices().chain([(fields.len(), ',')]) {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                kinds.push(fields[start..at].trim().split_once(' ').unwrap().1);
                start = at + 1;
            }
            _ => {}
        }
    }
    kinds
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
    let made = format!("CREATE TABLE IF NOT EXISTS {table}\n");
    let altered = format!("ALTER TABLE {table}\n");
    let mut columns: Vec<(String, String)> = Vec::new();
    let statements = MIGRATIONS
        .iter()
        .flat_map(tapeline_schemas::migrations::Migration::statements);
    for statement in statements.filter(|s| s.starts_with(&made) || s.starts_with(&altered)) {
        for line in statement.lines().map(str::trim) {
            let line = line.trim_end_matches(',');
            let (line, after) = line.split_once(" AFTER ").unwrap_or((line, ""));
            let line = line.trim_start_matches("ADD COLUMN IF NOT EXISTS ");
            let Some((name, rest)) = line.strip_prefix('`').and_then(|l| l.split_once('`')) else {
                continue;
            };
            let ends = [" CODEC(", " DEFAULT "]
                .iter()
                .filter_map(|word| rest.find(word));
            let end = ends.min().unwrap_or(rest.len());
            let column = (name.to_owned(), canonical(rest[..end].trim()));
            let before = after.trim_matches('`');
            match columns.iter().position(|(name, _)| name == before) {
                Some(at) => columns.insert(at + 1, column),
                None => columns.push(column),
            }
        }
    }
    columns
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
        Topic::MarketTrades,
        "kind",
        TradeKind::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::MarketBars,
        "of",
        BarSource::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::MarketMarks,
        "basis",
        MarkBasis::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::Signals,
        "direction",
        Direction::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::BrokerAccounts,
        "matter",
        AccountMatter::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::ControlCommands,
        "kind",
        CommandKind::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::RiskEquity,
        "guard",
        GuardState::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::RiskVerdicts,
        "grade",
        Grade::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::RiskVerdicts,
        "action",
        LimitAction::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::RiskVerdicts,
        "guard",
        GuardState::ALL.iter().map(|v| v.as_str()).collect(),
    );
    check(
        Topic::OrdersRequests,
        "side",
        Side::ALL.iter().map(|v| v.as_str()).collect(),
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
    let sql = insert_sql("verdicts", Topic::RiskVerdicts);
    assert!(
        sql.starts_with("INSERT INTO verdicts (`verdict_id`, `portfolio`"),
        "{sql}"
    );
    assert!(
        sql.ends_with("`_offset`) FORMAT RowBinaryWithNamesAndTypes"),
        "{sql}"
    );
    let header = header(Topic::MarketMarks);
    assert_eq!(header[..8], *b"\x0d\x06symbol");
    assert!(header.ends_with(b"\x06UInt32\x06UInt64"));
}
