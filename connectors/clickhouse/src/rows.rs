//! Rows of ClickHouse's binary format: which record goes into which table, and how an insert
//! begins.

use std::sync::LazyLock;

use tapeline_model::Event;
use tapeline_model::reasons::Refusal;
#[allow(clippy::wildcard_imports, reason = "the records of `topic_records!`")]
use tapeline_model::records::*;
use tapeline_schemas::topics::Topic;

use crate::cells::put_bytes;
use crate::tables::{Column, Row};

/// From `topic_records!`: the columns of each topic's table, and its rows.
macro_rules! dispatch {
    ($(
        $event:ident [$type:ty] $record:literal $topic:ident $name:literal
        key $key:ident table $table:literal group $group:ident keep $keep:tt $($flag:ident)*;
    )*) => {
        #[allow(clippy::extra_unused_lifetimes, reason = "few records borrow")]
        fn columns_of<'a>(topic: Topic) -> Vec<Column> {
            match topic { $(Topic::$topic => <$type as Row>::columns()),* }
        }

        fn write_record(event: &Event<'_>, row: &mut Vec<u8>) -> Result<(), Refusal> {
            match event { $(Event::$event(record) => record.write(row)),* }
        }
    };
}

tapeline_schemas::topic_records!(dispatch);

pub(crate) fn columns(topic: Topic) -> &'static [Column] {
    static COLUMNS: LazyLock<Vec<Vec<Column>>> = LazyLock::new(|| {
        let all = Topic::ALL.iter().map(|topic| {
            let mut columns = columns_of(*topic);
            for (name, kind) in [("_partition", "UInt32"), ("_offset", "UInt64")] {
                let kind = kind.to_owned();
                columns.push(Column { name, kind });
            }
            columns
        });
        all.collect()
    });
    &COLUMNS[topic as usize]
}

/// Appends the record as one row. On a refusal, what was appended is unusable.
pub(crate) fn write(
    event: &Event<'_>,
    partition: u32,
    offset: u64,
    row: &mut Vec<u8>,
) -> Result<(), Refusal> {
    write_record(event, row)?;
    row.extend_from_slice(&partition.to_le_bytes());
    row.extend_from_slice(&offset.to_le_bytes());
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
