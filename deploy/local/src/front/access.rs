//! Users and what they may do. The engine knows one user, so the front enforces the rights.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::exception::Exception;
use super::sql::Statement;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything in the store.
    Admin,
    /// Reads and inserts; no tables made or dropped.
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
    /// What one gets without configuration: `default` with all rights, and `reader` to look.
    pub fn usual(password: String) -> Vec<Self> {
        [
            ("default", Some(password), Role::Admin),
            ("reader", None, Role::Reader),
        ]
        .map(|(name, password, role)| Self {
            name: name.to_owned(),
            password,
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

/// Takes as long for a wrong first letter as for a wrong last one, whatever the lengths.
fn same(left: &[u8], right: &[u8]) -> bool {
    Sha256::digest(left)
        .iter()
        .zip(Sha256::digest(right))
        .fold(0, |differences, (a, b)| differences | (a ^ b))
        == 0
}

const READING: [&str; 9] = [
    "SELECT", "WITH", "FROM", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK",
];

/// What the user, and what the method of the request, may do at all. What is inside of the store
/// is `inside.rs`'s to say.
pub(super) fn check(
    user: &FrontUser,
    reads_only: bool,
    statement: &Statement,
) -> Result<(), Exception> {
    let keyword = statement.keyword.as_str();
    if READING.contains(&keyword) {
        return Ok(());
    }
    if reads_only {
        return Err(Exception::readonly(
            "Cannot execute query in readonly mode: GET and HEAD only read, use POST",
        ));
    }
    match user.role {
        Role::Admin => Ok(()),
        Role::Writer if keyword == "INSERT" => Ok(()),
        Role::Writer => Err(Exception::denied(&format!(
            "{}: Not enough privileges for {keyword}",
            user.name
        ))),
        Role::Reader => Err(Exception::readonly(&format!(
            "{}: Cannot execute query in readonly mode",
            user.name
        ))),
    }
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
        let statement = Statement::read(sql.as_bytes()).unwrap();
        check(&user(role), false, &statement).is_ok()
    }

    #[test]
    fn each_role_may_do_its_part() {
        for (sql, writer, reader) in [
            ("select 1", true, true),
            ("with 1 as x select x", true, true),
            ("insert into t values (1)", true, false),
            ("drop table t", false, false),
            ("set readonly = default", false, false),
            ("kill query where 1", false, false),
            ("system flush logs", false, false),
        ] {
            assert_eq!(may(Role::Writer, sql), writer, "writer: {sql}");
            assert_eq!(may(Role::Reader, sql), reader, "reader: {sql}");
            assert!(may(Role::Admin, sql));
        }
    }

    #[test]
    fn what_only_reads_changes_nothing() {
        for (sql, may) in [
            ("select 1", true),
            ("show tables", true),
            ("insert into t values (1)", false),
            ("kill query where 1", false),
            ("system flush logs", false),
        ] {
            let statement = Statement::read(sql.as_bytes()).unwrap();
            let checked = check(&user(Role::Admin), true, &statement);
            assert_eq!(checked.is_ok(), may, "{sql}");
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
