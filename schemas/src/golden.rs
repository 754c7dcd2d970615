/// What was committed: schemas, migrations, the bytes of records and of rows. Lines are only
/// ever added.
const COMMITTED: &str = include_str!("../golden/committed.txt");

/// The lines of one kind.
pub(crate) fn lines(kind: &str) -> Vec<&'static str> {
    let lines = COMMITTED.lines();
    lines.filter(|line| line.starts_with(kind)).collect()
}
