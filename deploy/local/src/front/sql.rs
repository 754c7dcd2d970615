//! One statement: enough of it to tell one from two and to find the words that matter.

use super::exception::Exception;
use super::lexer::{Lexer, Token, TokenKind};

/// The bytes of a statement without its data, as on the real server.
pub(super) const MAX_STATEMENT: usize = 256 * 1024;

pub(super) fn too_long() -> Exception {
    Exception::syntax(&format!(
        "Max query size exceeded: a statement may have {MAX_STATEMENT} bytes, not counting the data of an INSERT; insert long lists into a table and select from there"
    ))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FormatClause {
    pub(super) name: String,
    /// Where the word FORMAT stands.
    pub(super) at: usize,
}

/// What the front needs to know about one statement.
#[derive(Debug)]
pub(super) struct Statement {
    /// The first word, in upper case.
    pub(super) keyword: String,
    /// The FORMAT clause, if there is one.
    pub(super) format: Option<FormatClause>,
    /// Names directly followed by `(`, in lower case.
    pub(super) calls: Vec<String>,
    pub(super) tokens: Vec<Token>,
    /// Where the statement ends, before any closing semicolon.
    pub(super) end: usize,
}

impl Statement {
    /// Reads exactly one statement; several, none, and files on the server are refused.
    pub(super) fn read(sql: &[u8]) -> Result<Self, Exception> {
        let mut tokens = Vec::new();
        let end = each_token(sql, |token| tokens.push(token))?;
        let keyword = tokens
            .iter()
            .find(|token| !token.is(b'('))
            .and_then(|token| token.name(sql))
            .unwrap_or_default()
            .to_ascii_uppercase();
        let calls = (0..tokens.len().saturating_sub(1))
            .filter(|at| tokens[at + 1].is(b'(') && !follows_into(sql, &tokens[..*at]))
            .filter_map(|at| tokens[at].name(sql))
            .map(|name| name.to_ascii_lowercase())
            .collect();
        let statement = Self {
            keyword,
            format: top_level_format(sql, &tokens),
            calls,
            tokens,
            end,
        };
        statement.refuse_server_files(sql)?;
        Ok(statement)
    }

    /// `INTO OUTFILE` and `FROM INFILE` belong to a client's disk, and here is none.
    fn refuse_server_files(&self, sql: &[u8]) -> Result<(), Exception> {
        let has = |first: &str, second: &str| {
            self.tokens
                .windows(2)
                .any(|pair| pair[0].is_word(sql, first) && pair[1].is_word(sql, second))
        };
        if has("INTO", "OUTFILE") || has("FROM", "INFILE") {
            return Err(Exception::new(
                358,
                "INTO_OUTFILE_NOT_ALLOWED",
                "INTO OUTFILE and FROM INFILE are for a client's own files; over HTTP send or receive the data itself",
            ));
        }
        Ok(())
    }

    pub(super) fn format_or(&self, default: &str) -> String {
        self.format
            .as_ref()
            .map_or_else(|| default.to_owned(), |format| format.name.clone())
    }

    /// Whether it answers with rows, so that the response names its format.
    pub(super) fn answers(&self) -> bool {
        const ANSWERING: [&str; 10] = [
            "SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK", "KILL",
            "FROM",
        ];
        ANSWERING.contains(&self.keyword.as_str())
    }
}

/// The tokens of exactly one statement, and where it ends, before any closing semicolon.
pub(super) fn each_token(sql: &[u8], mut take: impl FnMut(Token)) -> Result<usize, Exception> {
    let (mut end, mut semicolon) = (None, None);
    for token in Lexer::new(sql) {
        let token = token?;
        if token.is(b';') {
            semicolon.get_or_insert(token.start);
        } else if let Some(at) = semicolon {
            return Err(Exception::syntax(&format!(
                "multi-statements are not allowed: failed at position {} (end of query); send one statement a request",
                at + 1
            )));
        } else {
            end = Some(token.end);
            take(token);
        }
    }
    end.ok_or_else(|| Exception::syntax("empty query"))
}

/// Whether what comes next is the table of an INSERT, whose columns follow in brackets.
fn follows_into(sql: &[u8], mut before: &[Token]) -> bool {
    while let [rest @ .., _, dot] = before
        && dot.is(b'.')
    {
        before = rest;
    }
    match before {
        [.., into, table] if table.is_word(sql, "TABLE") => into.is_word(sql, "INTO"),
        [.., into] => into.is_word(sql, "INTO"),
        [] => false,
    }
}

/// The last thing of a statement, but for its settings; a column may have the same name.
fn top_level_format(sql: &[u8], tokens: &[Token]) -> Option<FormatClause> {
    let mut depth = 0_i32;
    let mut format = None;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Punct(b'(' | b'[' | b'{') => depth += 1,
            TokenKind::Punct(b')' | b']' | b'}') => depth -= 1,
            TokenKind::Word if depth == 0 && token.is_word(sql, "FORMAT") => {
                let (before, rest) = (&tokens[..at], &tokens[at + 1..]);
                let ends = match rest {
                    [_] => true,
                    [_, next, ..] => next.is_word(sql, "SETTINGS"),
                    [] => false,
                };
                if ends && rest[0].kind == TokenKind::Word && may_end(sql, before) {
                    format = rest[0].name(sql).map(|name| FormatClause {
                        name,
                        at: token.start,
                    });
                }
            }
            _ => {}
        }
    }
    format
}

/// Whether a statement can be complete here, so that what follows is no name in it.
fn may_end(sql: &[u8], tokens: &[Token]) -> bool {
    const OPEN: [&str; 8] = [
        "SELECT", "DISTINCT", "AS", "FROM", "BY", "WHERE", "AND", "OR",
    ];
    tokens.last().is_some_and(|last| match last.kind {
        TokenKind::Punct(punct) => matches!(punct, b')' | b']' | b'}' | b'*'),
        _ => !OPEN.iter().any(|word| last.is_word(sql, word)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(sql: &str) -> Result<Statement, Exception> {
        Statement::read(sql.as_bytes())
    }

    #[test]
    fn one_statement_is_one_statement() {
        for sql in [
            "select 1",
            "select 1;",
            "select ';' ; -- ; end",
            "select `a;b` from \"c;d\" /* ; */ # ;\n // ; \n",
            "select $x$ ; ' $x$",
            "select 'it''s; \\'; fine'",
            "with 1 as a select a format JSON",
        ] {
            assert!(read(sql).is_ok(), "{sql}");
        }
    }

    #[test]
    fn several_and_hidden_statements_are_refused() {
        for sql in [
            "select 1; select 2",
            "select 1 /* /* */ ; set readonly=0 -- */",
            "select \u{2018}'\u{2019}; set readonly = DEFAULT; --'",
            "select 1 \\G select 2",
            "select 'open",
            "select 1 /* open",
            "",
            " ; ",
            "select 1 into outfile '/tmp/x'",
        ] {
            assert!(read(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn words_formats_and_calls_are_found() {
        let statement =
            read("SELECT * FROM `url`('x') WHERE format = 1 FORMAT JSONEachRow SETTINGS a=1;")
                .unwrap();
        assert_eq!(statement.keyword, "SELECT");
        assert_eq!(statement.format_or("CSV"), "JSONEachRow");
        assert_eq!(statement.calls, ["url"]);
        for sql in [
            "select (select 1 format X)",
            "select format from t",
            "select a as format settings max_threads = 1",
            "select a, format x",
            "select format x from t",
        ] {
            assert_eq!(read(sql).unwrap().format, None, "{sql}");
        }
        assert_eq!(read("((select 1))").unwrap().keyword, "SELECT");
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Statement::read(&bytes);
        }
    }
}
