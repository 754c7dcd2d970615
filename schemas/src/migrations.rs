//! The store's migrations: forward-only SQL, each with its checksum.

/// One file under `clickhouse/`. Its statements run in the deployment's database.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub version: u32,
    pub name: &'static str,
    pub sql: &'static str,
}

pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "base_tables",
        sql: include_str!("../clickhouse/0001_base_tables.sql"),
    },
    Migration {
        version: 2,
        name: "trading",
        sql: include_str!("../clickhouse/0002_trading.sql"),
    },
    Migration {
        version: 3,
        name: "limits",
        sql: include_str!("../clickhouse/0003_limits.sql"),
    },
    Migration {
        version: 4,
        name: "views",
        sql: include_str!("../clickhouse/0004_views.sql"),
    },
    Migration {
        version: 5,
        name: "faster_views",
        sql: include_str!("../clickhouse/0005_faster_views.sql"),
    },
    Migration {
        version: 6,
        name: "steadier_views",
        sql: include_str!("../clickhouse/0006_steadier_views.sql"),
    },
    Migration {
        version: 7,
        name: "logins",
        sql: include_str!("../clickhouse/0007_logins.sql"),
    },
    Migration {
        version: 8,
        name: "login_hosts",
        sql: include_str!("../clickhouse/0008_login_hosts.sql"),
    },
];

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

    /// `golden/migrations.txt`: version, name, checksum. Lines are only ever added.
    const LOCKED: &str = include_str!("../golden/migrations.txt");

    #[test]
    fn a_committed_migration_never_changes() {
        let now: Vec<String> = MIGRATIONS
            .iter()
            .map(|m| format!("{} {} {}", m.version, m.name, m.checksum()))
            .collect();
        assert_eq!(now, LOCKED.lines().collect::<Vec<_>>());
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
