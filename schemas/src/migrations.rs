//! The store's migrations: forward-only SQL, each with its checksum.

/// One file under `clickhouse/`. Its statements run in the deployment's database.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub version: u32,
    pub name: &'static str,
    pub sql: &'static str,
}

/// In the order of their numbers.
pub const MIGRATIONS: &[Migration] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

impl Migration {
    /// By which a changed file is found.
    pub fn checksum(&self) -> String {
        crate::checksum(self.sql)
    }

    /// The statements of the file, without comments. A `;` ends each and stands nowhere else.
    pub fn statements(&self) -> impl Iterator<Item = String> {
        self.sql
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .collect::<Vec<_>>()
            .join("\n")
            .split(';')
            .map(|statement| statement.trim().to_owned())
            .filter(|statement| !statement.is_empty())
            .collect::<Vec<_>>()
            .into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_committed_migration_never_changes() {
        let now: Vec<String> = MIGRATIONS
            .iter()
            .map(|m| format!("migration {} {} {}", m.version, m.name, m.checksum()))
            .collect();
        assert_eq!(
            now,
            crate::golden::lines("migration "),
            "a committed migration changed, or a new one is not yet in golden/committed.txt: \
             edit no committed file, and append the line of a new one"
        );
    }

    #[test]
    fn no_statement_ends_within_a_text() {
        for statement in MIGRATIONS.iter().flat_map(Migration::statements) {
            assert_eq!(statement.matches('\'').count() % 2, 0, "{statement}");
        }
    }

    #[test]
    fn versions_count_up_from_one() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version as usize, index + 1);
        }
    }

    #[test]
    fn statements_leave_comments_out() {
        let migration = Migration {
            version: 1,
            name: "x",
            sql: "-- one; two\nSELECT 1;\n  -- more\nSELECT 2;\n",
        };
        let statements: Vec<String> = migration.statements().collect();
        assert_eq!(statements, ["SELECT 1", "SELECT 2"]);
    }
}
