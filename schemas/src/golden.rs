//! What was committed: schemas, migrations, the bytes of records and of rows. Lines are only
//! ever added. For tests, of this crate and of others.

const COMMITTED: &str = include_str!("../golden/committed.txt");

/// The lines that begin so.
pub fn lines(kind: &str) -> Vec<&'static str> {
    let lines = COMMITTED.lines();
    lines.filter(|line| line.starts_with(kind)).collect()
}

/// Whether the line was committed.
pub fn holds(line: &str) -> bool {
    COMMITTED.lines().any(|golden| golden == line)
}

/// The bytes of a record in this version, in hexadecimal digits.
pub fn record(name: &str, version: u32) -> Option<&'static str> {
    let start = format!("record {name} v{version} ");
    COMMITTED.lines().find_map(|line| line.strip_prefix(&start))
}
