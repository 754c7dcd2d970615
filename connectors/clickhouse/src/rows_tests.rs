use std::borrow::Cow;

use tapeline_model::Micros;
use tapeline_model::reasons::Reason;
use tapeline_schemas::migrations::MIGRATIONS;
use tapeline_schemas::registry;

use super::*;

#[path = "rows_golden.rs"]
mod golden;

/// Fields of which no column holds the whole: parts of them have columns.
const NOT_STORED: &[(&str, &str)] = &[("position", "fill"), ("position", "closed")];

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
    for (topic, row) in golden::rows() {
        let mut rest = row.as_slice();
        for column in columns(topic) {
            rest = &rest[width(&column.kind, rest)..];
        }
        assert!(rest.is_empty(), "{topic}: {} bytes left over", rest.len());
        let origin = [&3u32.to_le_bytes()[..], &99u64.to_le_bytes()].concat();
        assert!(row.ends_with(&origin));
    }
}

#[test]
fn every_field_has_a_column_or_is_known_not_to() {
    for topic in Topic::ALL {
        let record = topic.spec().record;
        let schema = registry().newest(record).unwrap().json;
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let fields = schema["fields"].as_array().unwrap().iter();
        for field in fields.map(|field| field["name"].as_str().unwrap()) {
            let stored = columns(*topic).iter().any(|column| column.name == field);
            assert_ne!(
                stored,
                NOT_STORED.contains(&(record, field)),
                "{record}.{field}"
            );
        }
    }
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
            .map(|c| (c.name.to_owned(), c.kind.clone()))
            .collect();
        let mut theirs = migrated(topic.table());
        theirs.retain(|(name, _)| name != "_inserted");
        assert_eq!(ours, theirs, "{topic}");
    }
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
        ingest_time: Micros(0),
        source: Cow::Borrowed("test"),
    })
}

#[test]
fn what_the_table_cannot_hold_is_refused() {
    let refusal = write(&a_quote(Micros(-1), 1), 0, 0, &mut Vec::new()).unwrap_err();
    assert_eq!(refusal.reason, Reason::BadTime);
    let refusal = write(&a_quote(Micros(0), -1), 0, 0, &mut Vec::new()).unwrap_err();
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
