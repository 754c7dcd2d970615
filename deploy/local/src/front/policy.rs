//! Users and what they may do. The engine knows one user, so the front enforces the rights.

use serde::{Deserialize, Serialize};

use super::exception::Exception;
use super::sql::Statement;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Admin,
    /// Reads and inserts; no tables made or dropped, nothing outside of the store.
    Writer,
    /// Reads, within limits.
    Reader,
}

/// A user of the front. `Debug` shows no password.
#[derive(Clone, Serialize, Deserialize)]
pub struct FrontUser {
    pub name: String,
    /// `None`: any password will do, as for ClickHouse's `no_password`.
    pub password: Option<String>,
    pub role: Role,
}

impl std::fmt::Debug for FrontUser {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FrontUser")
            .field("name", &self.name)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl FrontUser {
    /// What one gets without configuration: `default` with all rights and `reader`.
    pub fn defaults() -> Vec<Self> {
        [("default", Role::Admin), ("reader", Role::Reader)]
            .map(|(name, role)| Self {
                name: name.to_owned(),
                password: None,
                role,
            })
            .to_vec()
    }
}

pub(super) fn authenticate<'a>(
    users: &'a [FrontUser],
    name: &str,
    password: &str,
    anonymous: bool,
) -> Result<&'a FrontUser, Exception> {
    let known = users.iter().find(|user| user.name == name);
    let accepted = known.filter(|user| {
        user.password
            .as_ref()
            .is_none_or(|expected| same(expected.as_bytes(), password.as_bytes()))
    });
    let (code, label) = if anonymous {
        (194, "REQUIRED_PASSWORD")
    } else {
        (516, "AUTHENTICATION_FAILED")
    };
    // One text for all reasons gives nothing away.
    let text = format!(
        "{name}: Authentication failed: password is incorrect, or there is no user with such name"
    );
    accepted.ok_or_else(|| Exception::new(code, label, &text))
}

/// Takes as long for a wrong first letter as for a wrong last one.
fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .fold(0, |differences, (a, b)| differences | (a ^ b))
            == 0
}

/// Functions that reach out of the store.
const OUTSIDE: [&str; 12] = [
    "file",
    "url",
    "remote",
    "remotesecure",
    "executable",
    "executablepool",
    "input",
    "sqlite",
    "jdbc",
    "odbc",
    "gcs",
    "python",
];
const OUTSIDE_PREFIXES: [&str; 14] = [
    "s3",
    "hdfs",
    "azure",
    "mysql",
    "postgresql",
    "mongo",
    "redis",
    "iceberg",
    "deltalake",
    "hudi",
    "cluster",
    "paimon",
    "ytsaurus",
    "arrowflight",
];
const OUTSIDE_SUFFIXES: [&str; 2] = ["cluster", "clusterfunction"];

fn reaches_outside(function: &str) -> bool {
    OUTSIDE.contains(&function)
        || OUTSIDE_PREFIXES
            .iter()
            .any(|prefix| function.starts_with(prefix))
        || OUTSIDE_SUFFIXES
            .iter()
            .any(|suffix| function.ends_with(suffix))
}

const READING: [&str; 9] = [
    "SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK",
];

pub(super) fn check(user: &FrontUser, statement: &Statement) -> Result<(), Exception> {
    if user.role == Role::Admin {
        return Ok(());
    }
    let keyword = statement.keyword.as_str();
    let reading = READING.contains(&keyword);
    let allowed = reading || (user.role == Role::Writer && keyword == "INSERT");
    if !allowed {
        return Err(match user.role {
            Role::Reader => Exception::readonly(&format!(
                "{}: Cannot execute query in readonly mode",
                user.name
            )),
            _ => Exception::denied(&format!(
                "{}: Not enough privileges for {keyword}",
                user.name
            )),
        });
    }
    if let Some(function) = statement.calls.iter().find(|call| reaches_outside(call)) {
        return Err(Exception::denied(&format!(
            "{}: Not enough privileges. The function {function} reaches outside of the store",
            user.name
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(role: Role) -> FrontUser {
        FrontUser {
            name: "u".into(),
            password: Some("secret".into()),
            role,
        }
    }

    fn may(role: Role, sql: &str) -> bool {
        check(&user(role), &Statement::read(sql.as_bytes()).unwrap()).is_ok()
    }

    #[test]
    fn each_role_may_do_its_part() {
        for (sql, writer, reader) in [
            ("select 1", true, true),
            ("with 1 as x select x", true, true),
            ("insert into t values (1)", true, false),
            ("insert into db.s3_orders (a) values (1)", true, false),
            ("insert into function file('x') select 1", false, false),
            ("insert into t select * from url('x')", false, false),
            ("describe table url('x')", false, false),
            ("drop table t", false, false),
            ("set readonly = default", false, false),
            ("kill query where 1", false, false),
            ("system flush logs", false, false),
            ("select * from url('http://x')", false, false),
            ("select FILE ('/etc/passwd')", false, false),
            ("select * from `s3Cluster`('x')", false, false),
            ("select 'file(' as file", true, true),
        ] {
            assert_eq!(may(Role::Writer, sql), writer, "writer: {sql}");
            assert_eq!(may(Role::Reader, sql), reader, "reader: {sql}");
            assert!(may(Role::Admin, sql));
        }
    }

    #[test]
    fn passwords_are_checked_and_never_shown() {
        let users = [user(Role::Reader)];
        assert!(authenticate(&users, "u", "secret", false).is_ok());
        assert_eq!(
            authenticate(&users, "u", "wrong", false).unwrap_err().code,
            516
        );
        assert_eq!(
            authenticate(&users, "nobody", "", false).unwrap_err().code,
            516
        );
        assert_eq!(authenticate(&users, "u", "", true).unwrap_err().code, 194);
        assert!(!format!("{users:?}").contains("secret"));
    }
}
