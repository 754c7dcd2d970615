//! KILL QUERY: the engine gives queries ids of its own, so those that clients chose travel as a
//! comment. The front itself goes by a mark of its own.

use super::forbidden::MARK;
use super::lexer::{TokenKind, quote_text};
use super::sql::Statement;
use crate::engine::Engine;

/// `query_id` in KILL QUERY means the client's id. SYNC would wait for ever inside of the engine, so
/// every kill is asynchronous.
pub(super) fn by_our_ids(statement: &Statement, sql: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(sql.len() + 32);
    let mut copied = 0;
    let mut asynchronous = false;
    let mut format_at = None;
    for token in &statement.tokens {
        let replacement =
            if token.name(sql).as_deref() == Some("query_id") && token.kind != TokenKind::Text {
                "Settings['log_comment']"
            } else if token.is_word(sql, "SYNC") {
                ""
            } else {
                asynchronous |= token.is_word(sql, "ASYNC") || token.is_word(sql, "TEST");
                if token.is_word(sql, "FORMAT") {
                    format_at = Some(out.len() + token.start - copied);
                }
                continue;
            };
        out.extend_from_slice(&sql[copied..token.start]);
        out.extend_from_slice(replacement.as_bytes());
        copied = token.end;
    }
    out.extend_from_slice(&sql[copied..statement.end]);
    if !asynchronous {
        let at = format_at.unwrap_or(out.len());
        out.splice(at..at, *b" ASYNC ");
    }
    out
}

/// Cancels a running query, for a client that has gone: the one with this mark, which no client
/// knows or chooses.
pub(super) fn kill(engine: &Engine, mark: &str) {
    let sql = format!(
        "KILL QUERY WHERE Settings['{MARK}'] = {} ASYNC",
        quote_text(mark)
    );
    let killed = engine
        .connect()
        .map_err(|error| error.to_string())
        .and_then(|mut connection| connection.query(sql.as_bytes(), "Null"));
    if let Err(error) = killed {
        tracing::warn!(mark, error, "cannot cancel an abandoned query");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn killed(sql: &str) -> String {
        let statement = Statement::read(sql.as_bytes()).unwrap();
        String::from_utf8(by_our_ids(&statement, sql.as_bytes())).unwrap()
    }

    #[test]
    fn kill_uses_our_ids_and_never_waits() {
        assert_eq!(
            killed("KILL QUERY WHERE query_id = 'query_id' SYNC"),
            "KILL QUERY WHERE Settings['log_comment'] = 'query_id'  ASYNC "
        );
        assert_eq!(
            killed("kill query where `query_id`='x' async;"),
            "kill query where Settings['log_comment']='x' async"
        );
        assert_eq!(
            killed("kill query where user='a' format JSON"),
            "kill query where user='a'  ASYNC format JSON"
        );
        assert_eq!(
            killed("kill query where query_id='a' test"),
            "kill query where Settings['log_comment']='a' test"
        );
    }
}
