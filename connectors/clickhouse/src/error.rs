//! What can go wrong, whose fault it is, and what to do about it.

use std::time::Duration;

use tapeline_model::Fault;
use thiserror::Error;

/// Longer texts of the server are cut: they can hold whole rows.
const LONGEST_REASON: usize = 500;

#[derive(Clone, Debug, Error)]
pub enum StoreError {
    #[error(
        "no ClickHouse server answered at {url} ({reason}); start it, or check [clickhouse] url"
    )]
    Unreachable { url: String, reason: String },
    #[error(
        "ClickHouse at {url} gave no answer within {waited:.1?}; look at its load, \
         or raise [clickhouse] request_timeout or insert_timeout"
    )]
    Timeout { url: String, waited: Duration },
    #[error(
        "ClickHouse refuses user `{user}` (code {code}); \
         check [clickhouse] user and password (those of the embedded store are found by `[local] data`)"
    )]
    Login { user: String, code: u32 },
    #[error(
        "ClickHouse denies user `{user}` this: {reason}; grant the right, or name another [clickhouse] user"
    )]
    Denied { user: String, reason: String },
    #[error("database `{database}` does not exist; create it with `tapeline store apply`")]
    NoDatabase { database: String },
    #[error(
        "a table is missing in database `{database}` ({reason}); create it with `tapeline store apply`"
    )]
    NoTable { database: String, reason: String },
    #[error(
        "the tables of database `{database}` are not what this release writes ({reason}); \
         compare them with `tapeline store status`, bring them up with `tapeline store apply`"
    )]
    Drift { database: String, reason: String },
    #[error(
        "the disk of ClickHouse at {url} is full (code {code}: {reason}); free space, it then goes on by itself"
    )]
    DiskFull {
        url: String,
        code: u32,
        reason: String,
    },
    #[error("ClickHouse at {url} cannot take more at the moment (code {code}: {reason})")]
    Busy {
        url: String,
        code: u32,
        reason: String,
    },
    #[error("ClickHouse at {url} refused a statement (code {code}: {reason})")]
    Rejected {
        url: String,
        code: u32,
        reason: String,
    },
    #[error(
        "what answered at {url} is not ClickHouse or stands in front of it: {reason}; check [clickhouse] url"
    )]
    Stranger { url: String, reason: String },
    #[error(
        "the answer of ClickHouse at {url} was not understood: {reason}; is its version supported?"
    )]
    Answer { url: String, reason: String },
    #[error(
        "a table of ClickHouse at {url} takes no rows while it is being rebuilt; it goes on by itself \
         (if no `tapeline store rebuild` is running any more, run it again)"
    )]
    Rebuilding { url: String },
    #[error(
        "ClickHouse at {url} holds a damaged part ({reason}); restart it, it then looks for whole ones \
         (a disk that was full does this); it goes on by itself"
    )]
    Damaged { url: String, reason: String },
    #[error("another deploy step is under way: {by}; wait for its end")]
    Locked { by: String },
    #[error("[clickhouse] {key} {problem}")]
    Setting { key: String, problem: String },
    #[error("{problem}")]
    Parameter { problem: String },
    #[error("migrations cannot go on: {problem}; {remedy}")]
    Migrations { problem: String, remedy: String },
    #[error("migration {version} ({name}) failed at its statement {statement}: {source}")]
    Migration {
        version: u32,
        name: String,
        statement: usize,
        source: Box<StoreError>,
    },
}

impl StoreError {
    pub fn fault(&self) -> Fault {
        match self {
            Self::Login { .. }
            | Self::Denied { .. }
            | Self::NoDatabase { .. }
            | Self::NoTable { .. }
            | Self::Drift { .. }
            | Self::Setting { .. }
            | Self::Parameter { .. }
            | Self::Migrations { .. } => Fault::User,
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::DiskFull { .. }
            | Self::Busy { .. }
            | Self::Stranger { .. }
            | Self::Rebuilding { .. }
            | Self::Damaged { .. }
            | Self::Locked { .. }
            | Self::Answer { .. } => Fault::External,
            Self::Rejected { .. } => Fault::Internal,
            Self::Migration { source, .. } => source.fault(),
        }
    }

    /// Whether the same call may succeed later without anybody changing a setting.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::DiskFull { .. }
            | Self::Busy { .. }
            | Self::Rebuilding { .. }
            | Self::Damaged { .. }
            | Self::Stranger { .. } => true,
            Self::Migration { source, .. } => source.retryable(),
            _ => false,
        }
    }

    /// Why the server refuses a row for what it holds, such as a constraint that an operator
    /// added: other rows may pass.
    pub(crate) fn about_rows(&self) -> Option<&str> {
        match self {
            Self::Rejected { code, reason, .. } if is_about_rows(*code) => Some(reason),
            _ => None,
        }
    }

    /// Other tables may take rows all the same.
    pub(crate) fn concerns_one_table(&self) -> bool {
        // TOO_MANY_PARTS
        matches!(self, Self::Rebuilding { .. } | Self::Busy { code: 252, .. })
    }

    /// Reads the client's error. `waited` is how long the call was allowed to take.
    pub(crate) fn of(error: &clickhouse::error::Error, at: &Place<'_>) -> Self {
        use clickhouse::error::Error;
        match error {
            Error::BadResponse(text) => Self::of_answer(text, at),
            Error::Network(_) => Self::Unreachable {
                url: at.url.to_owned(),
                reason: innermost(error),
            },
            Error::TimedOut => at.timeout(),
            other => Self::Answer {
                url: at.url.to_owned(),
                reason: shorten(&other.to_string()),
            },
        }
    }

    fn of_answer(text: &str, at: &Place<'_>) -> Self {
        let url = at.url.to_owned();
        let reason = shorten(text);
        let Some(code) = exception_code(text) else {
            return Self::Stranger { url, reason };
        };
        let database = at.database.to_owned();
        let user = at.user.to_owned();
        match code {
            // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
            192..=194 | 516 => Self::Login { user, code },
            // READONLY, ACCESS_DENIED
            164 | 497 => Self::Denied { user, reason },
            81 => Self::NoDatabase { database },
            60 => Self::NoTable { database, reason },
            // NO_SUCH_COLUMN, UNKNOWN_IDENTIFIER, TYPE_MISMATCH, INCORRECT_DATA, a number of columns
            16 | 20 | 47 | 53 | 117 => Self::Drift { database, reason },
            // NOT_IMPLEMENTED: in place of the table stands what only shows its rows.
            48 if text.contains("Method write is not supported") => Self::Rebuilding { url },
            // CORRUPTED_DATA
            246 => Self::Damaged { url, reason },
            243 => Self::DiskFull { url, code, reason },
            _ if text.contains("No space left on device") => Self::DiskFull { url, code, reason },
            _ if passes_by_itself(code) => Self::Busy { url, code, reason },
            _ => Self::Rejected { url, code, reason },
        }
    }
}

/// Where a call went, for the text of its error.
pub(crate) struct Place<'a> {
    pub(crate) url: &'a str,
    pub(crate) database: &'a str,
    pub(crate) user: &'a str,
    pub(crate) allowed: Duration,
}

impl Place<'_> {
    pub(crate) fn timeout(&self) -> StoreError {
        StoreError::Timeout {
            url: self.url.to_owned(),
            waited: self.allowed,
        }
    }
}

/// Limits, load, replicas that are away, a query that was killed, a server that stops.
fn passes_by_itself(code: u32) -> bool {
    matches!(
        code,
        159 | 160
            | 173
            | 198
            | 201
            | 202
            | 203
            | 209
            | 210
            | 236
            | 241
            | 242
            | 252
            | 285
            | 286
            | 305
            | 319
            | 364
            | 394
            | 415
            | 416
            | 425
            | 439
            | 473
            | 574
            | 636
            | 700
            | 735
            | 999
    )
}

/// What cannot be parsed, converted or represented, or what a constraint or a `throwIf` refuses.
fn is_about_rows(code: u32) -> bool {
    matches!(
        code,
        6 | 25
            | 26
            | 27
            | 33
            | 38
            | 41
            | 69
            | 70
            | 72
            | 131
            | 153
            | 321
            | 349
            | 395
            | 407
            | 457
            | 469
    )
}

/// The N of `Code: N. DB::Exception: …`
fn exception_code(text: &str) -> Option<u32> {
    let rest = text[text.find("Code: ")?..].strip_prefix("Code: ")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

fn shorten(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn innermost(error: &clickhouse::error::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    shorten(&deepest.to_string())
}

#[cfg(test)]
mod tests {
    use clickhouse::error::Error;

    use super::*;

    fn read(text: &str) -> StoreError {
        let place = Place {
            url: "http://ch:8123",
            database: "trading",
            user: "writer",
            allowed: Duration::from_secs(10),
        };
        StoreError::of(&Error::BadResponse(text.to_owned()), &place)
    }

    #[test]
    fn each_code_becomes_what_the_user_can_do_about_it() {
        for (text, part, retryable, fault) in [
            (
                "Code: 516. DB::Exception: writer: Authentication failed",
                "[clickhouse] user and password",
                false,
                Fault::User,
            ),
            (
                "Code: 497. DB::Exception: Not enough privileges",
                "grant the right",
                false,
                Fault::User,
            ),
            (
                "Code: 81. DB::Exception: Database trading does not exist",
                "`tapeline store apply`",
                false,
                Fault::User,
            ),
            (
                "Code: 60. DB::Exception: Unknown table quotes",
                "`tapeline store apply`",
                false,
                Fault::User,
            ),
            (
                "Code: 117. DB::Exception: Type of 'b' must be Decimal(18, 8)",
                "`tapeline store status`",
                false,
                Fault::User,
            ),
            (
                "Code: 243. DB::Exception: Cannot reserve 1 MiB",
                "free space",
                true,
                Fault::External,
            ),
            (
                "Code: 75. DB::Exception: write: No space left on device",
                "free space",
                true,
                Fault::External,
            ),
            (
                "Code: 252. DB::Exception: Too many parts (3001)",
                "cannot take more",
                true,
                Fault::External,
            ),
            (
                "Code: 48. DB::Exception: Method write is not supported by storage Merge",
                "it goes on by itself",
                true,
                Fault::External,
            ),
            (
                "Code: 246. DB::Exception: Empty marks file",
                "restart it",
                true,
                Fault::External,
            ),
            (
                "Code: 202. DB::Exception: Too many simultaneous queries",
                "cannot take more",
                true,
                Fault::External,
            ),
            (
                "Code: 62. DB::Exception: Syntax error",
                "code 62",
                false,
                Fault::Internal,
            ),
            (
                "502 Bad Gateway",
                "is not ClickHouse",
                true,
                Fault::External,
            ),
        ] {
            let error = read(text);
            let shown = error.to_string();
            assert!(shown.contains(part), "{shown}");
            assert_eq!(
                (error.retryable(), error.fault()),
                (retryable, fault),
                "{text}"
            );
        }
    }

    #[test]
    fn long_answers_are_cut() {
        let shown = read(&format!("Code: 62. DB::Exception: {}", "ä".repeat(10_000))).to_string();
        assert!(shown.chars().count() < 700);
    }

    #[test]
    fn a_code_is_read_only_where_one_stands() {
        assert_eq!(exception_code("Code: 7"), Some(7));
        assert_eq!(
            exception_code("x\nCode: 394. DB::Exception: killed"),
            Some(394)
        );
        assert_eq!(exception_code("Code: "), None);
        assert_eq!(exception_code("nginx"), None);
    }
}
