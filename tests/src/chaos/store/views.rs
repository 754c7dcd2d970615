//! What is compared of tables and views, as statements.

/// Columns that are another each time they are asked for.
const OF_NOW: [&str; 2] = ["event_age_seconds", "insert_age_seconds"];
/// Columns that depend on when a row was inserted, or on the hour in which one asks.
const OF_INSERT: [&str; 5] = [
    "store_p50_ms",
    "store_p95_ms",
    "store_p99_ms",
    "newest_insert",
    "rows",
];
/// The only view whose `rows` are those of the last hour.
const OF_THE_HOUR: &str = "v_ingest_health";

/// A column as `DESCRIBE` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    name: String,
    is_float: bool,
}

pub(crate) fn columns(described: &str) -> Vec<Column> {
    let lines = described.lines().map(|line| line.split('\t'));
    let columns = lines.filter_map(|mut fields| {
        let name = fields.next()?.to_owned();
        let is_float = fields.next()?.contains("Float");
        Some(Column { name, is_float })
    });
    columns.collect()
}

/// One hash over all rows of a view in any order, and how many they are. `across` leaves out
/// what need not be the same in two databases.
pub(crate) fn hash_of(view: &str, columns: &[Column], across: bool) -> String {
    let is_compared = |column: &&Column| {
        let name = column.name.as_str();
        let of_insert = OF_INSERT.contains(&name) && (name != "rows" || view == OF_THE_HOUR);
        !(OF_NOW.contains(&name) || across && of_insert)
    };
    let compared = columns.iter().filter(is_compared).map(|column| {
        let name = format!("`{}`", column.name);
        // Sums of floats differ in their last digits with the order of the rows.
        if column.is_float {
            format!("round({name}, 6)")
        } else {
            name
        }
    });
    let compared = compared.collect::<Vec<_>>().join(", ");
    format!(
        "SELECT count(), sum(hash), groupBitXor(hash) \
         FROM (SELECT cityHash64(formatRow('TSV', {compared})) AS hash FROM {view})"
    )
}

/// How many rows are in one of two tables and not in the other: all columns but the insert time.
pub(crate) fn rows_apart(table: &str, one: &str, other: &str) -> String {
    let side = |database: &str, sign: &str| {
        format!(
            "SELECT cityHash64(formatRow('TSV', * EXCEPT (_inserted))) AS hash, \
             toInt64({sign}1) AS side FROM {database}.{table}"
        )
    };
    format!(
        "SELECT sum(abs(apart)) FROM (SELECT hash, sum(side) AS apart \
         FROM ({} UNION ALL {}) GROUP BY hash)",
        side(one, ""),
        side(other, "-")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_now_is_never_compared_and_on_the_insert_only_within_a_database() {
        let columns = columns(
            "table\tString\t\t\nrows\tUInt64\nnewest_insert\tDateTime64(3)\nevent_age_seconds\tFloat64\nshare\tNullable(Float64)",
        );
        let within = hash_of("v_ingest_health", &columns, false);
        assert!(within.contains("'TSV', `table`, `rows`, `newest_insert`, round(`share`, 6))"));
        let across = hash_of("v_ingest_health", &columns, true);
        assert!(across.contains("'TSV', `table`, round(`share`, 6))"));
        let other = hash_of("v_other", &columns, true);
        assert!(other.contains("`rows`"), "{other}");
    }
}
