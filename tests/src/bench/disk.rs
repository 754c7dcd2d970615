//! What rows take on disk, once they are merged.

use std::time::{Duration, Instant};

use tapeline_tests::query;

use super::report::{Better, Budget, Line, Report};
use super::say;

const QUIET_WITHIN: Duration = Duration::from_mins(15);
const REST: Duration = Duration::from_millis(500);
/// So many looks in a row without a merge.
const CALM: u32 = 4;
/// What a column took when it was measured alone, with 3 million irregular ticks of 20 symbols.
const ALONE: &[(&str, f64)] = &[("event_time", 3.73), ("bid_price", 0.67)];

/// Waits until the store has nothing to merge.
pub(crate) fn wait_merged(store: &str, database: &str) {
    let merges = "SELECT (SELECT count() FROM system.merges) + \
        (SELECT count() FROM system.mutations WHERE NOT is_done)";
    let deadline = Instant::now() + QUIET_WITHIN;
    let mut calm = 0;
    while calm < CALM && Instant::now() < deadline {
        std::thread::sleep(REST);
        let merging = query(store, database, merges) != "0";
        calm = if merging { 0 } else { calm + 1 };
    }
    if calm < CALM {
        say("the store still merges: what follows comes out slower than it is");
    }
}

/// Each table's rows, without and with the sums that are kept with them.
pub(crate) fn report_tables(
    benchmark: &str,
    store: &str,
    database: &str,
    report: &mut Report,
) -> Result<(), String> {
    let sizes = query(
        store,
        database,
        "SELECT table, sum(bytes_on_disk) / sum(rows) AS all, \
             coalesce(any(kept.bytes), 0) / sum(rows) AS sums \
         FROM system.parts AS part \
         LEFT JOIN (SELECT table, sum(bytes_on_disk) AS bytes FROM system.projection_parts \
             WHERE database = currentDatabase() AND active GROUP BY table) AS kept USING (table) \
         WHERE database = currentDatabase() AND active AND NOT startsWith(table, '_') \
         GROUP BY table ORDER BY table",
    );
    for (table, [all, sums]) in rows(&sizes)? {
        add(report, &format!("{benchmark}_bytes_{table}"), all, None);
        if sums > 0.0 {
            let name = format!("{benchmark}_bytes_{table}_projections");
            add(report, &name, sums, None);
        }
    }
    Ok(())
}

pub(crate) fn report_columns(
    benchmark: &str,
    table: &str,
    store: &str,
    database: &str,
    report: &mut Report,
) -> Result<(), String> {
    let sizes = query(
        store,
        database,
        &format!(
            "SELECT column, sum(column_data_compressed_bytes) / sum(rows) AS bytes, 0 \
             FROM system.parts_columns \
             WHERE database = currentDatabase() AND table = '{table}' AND active AND part_type = 'Wide' \
             GROUP BY column, column_position ORDER BY column_position"
        ),
    );
    for (column, [bytes, _]) in rows(&sizes)? {
        let alone = ALONE.iter().find(|(name, _)| *name == column);
        let name = format!("{benchmark}_bytes_{table}.{column}");
        add(report, &name, bytes, alone.map(|(_, bytes)| *bytes));
    }
    Ok(())
}

fn add(report: &mut Report, name: &str, bytes: f64, limit: Option<f64>) {
    report.add(&Line {
        name,
        unit: "B/row",
        better: Better::Less,
        ours: bytes,
        peer: None,
        limit,
        budget: Budget::None,
    });
}

/// A name and two numbers a line; an answer without a line is a fault, as is any other line.
fn rows(text: &str) -> Result<Vec<(String, [f64; 2])>, String> {
    let row = |line: &str| {
        let mut cells = line.split('\t');
        let name = cells.next()?.to_owned();
        let mut number = || cells.next()?.parse().ok();
        Some((name, [number()?, number()?]))
    };
    let read = |line: &str| row(line).ok_or_else(|| format!("the store says `{line}`, not a size"));
    let rows: Vec<_> = text.lines().map(read).collect::<Result<_, _>>()?;
    if rows.is_empty() {
        return Err("the store knows no sizes: nothing is on its disk".to_owned());
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_name_and_two_numbers_and_anything_else_a_fault() {
        let expected = vec![("quotes".to_owned(), [30.5, 0.0])];
        assert_eq!(rows("quotes\t30.5\t0\n"), Ok(expected));
        assert!(rows("quotes\t30.5\t0\nbroken\tx\t0\n").is_err());
        assert!(rows("").is_err());
    }
}
