//! Results on their way out of the engine: it writes them into a pipe, so that nobody holds them.
//!
//! The engine's own stream interface is of no use here: it gives each block as a document of its
//! own (a JSON object, a Parquet file, a header of names a block). `INTO OUTFILE` writes one
//! document, in every format, and waits while the pipe is full.

use std::os::fd::{AsRawFd, OwnedFd};

use tokio::net::unix::pipe::Receiver;

use super::exception::Exception;
use super::sql::Statement;

/// What waits between the engine and the connection; an unprivileged process may have as much.
const PIPE: usize = 1024 * 1024;

/// The engine's end.
pub(super) struct ResultPipe(OwnedFd);

/// The engine's end and ours. Ours ends when theirs is dropped and the statement is done.
pub(super) fn pipe() -> Result<(ResultPipe, Receiver), Exception> {
    let open = || -> std::io::Result<(ResultPipe, Receiver)> {
        let (reader, writer) = std::io::pipe()?;
        // A smaller one, where the system allows no more, is only slower.
        let _ = rustix::pipe::fcntl_setpipe_size(&writer, PIPE);
        let reader = Receiver::from_owned_fd(reader.into())?;
        Ok((ResultPipe(writer.into()), reader))
    };
    open().map_err(|error| Exception::internal(&format!("cannot open a pipe: {error}")))
}

impl ResultPipe {
    fn clause(&self) -> String {
        format!(
            " INTO OUTFILE '/proc/self/fd/{}' TRUNCATE ",
            self.0.as_raw_fd()
        )
    }

    /// The statement that writes its rows into the pipe.
    pub(super) fn redirect(&self, statement: &Statement, sql: &[u8]) -> Vec<u8> {
        let at = statement
            .format
            .as_ref()
            .map_or(statement.end, |format| format.at);
        [
            &sql[..at],
            self.clause().as_bytes(),
            &sql[at..statement.end],
        ]
        .concat()
    }

    /// An error may quote the statement; nobody asked for a file in theirs.
    pub(super) fn conceal(&self, error: &str) -> String {
        error
            .replace(&self.clause(), " ")
            .replace(self.clause().trim(), "")
    }
}

impl Statement {
    /// Whether its result can go through a pipe: what answers with rows and changes nothing.
    pub(super) fn flows(&self, sql: &[u8]) -> bool {
        let inserts = || self.tokens.iter().any(|token| token.is_word(sql, "INSERT"));
        match self.keyword.as_str() {
            "SELECT" | "FROM" | "SHOW" | "DESCRIBE" | "DESC" | "EXISTS" => true,
            "WITH" | "EXPLAIN" => !inserts(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_pipe_stands_before_the_format_and_is_not_told() {
        let (pipe, _reader) = pipe().unwrap();
        let redirected = |sql: &str| {
            let statement = Statement::read(sql.as_bytes()).unwrap();
            let sql = String::from_utf8(pipe.redirect(&statement, sql.as_bytes())).unwrap();
            assert!(sql.contains(" INTO OUTFILE '/proc/self/fd/"), "{sql}");
            pipe.conceal(&sql)
        };
        assert_eq!(redirected("SELECT 1 -- end"), "SELECT 1 ");
        assert_eq!(
            redirected("SELECT 1 FORMAT CSV SETTINGS a = 1;"),
            "SELECT 1  FORMAT CSV SETTINGS a = 1"
        );
        assert_eq!(redirected("SELECT format FROM t"), "SELECT format FROM t ");
    }

    #[test]
    fn only_what_reads_flows() {
        let flows = |sql: &str| {
            Statement::read(sql.as_bytes())
                .unwrap()
                .flows(sql.as_bytes())
        };
        for sql in [
            "((select 1))",
            "with 1 as x select x",
            "show tables",
            "explain select 1",
        ] {
            assert!(flows(sql), "{sql}");
        }
        for sql in [
            "kill query where 1",
            "with 1 as x insert into t select x",
            "drop table t",
        ] {
            assert!(!flows(sql), "{sql}");
        }
    }
}
