//! A small lexer with ClickHouse's rules, enough to tell one statement from two and to find
//! the words that matter. Where ClickHouse versions differ, it refuses instead of guessing.

use super::exception::Exception;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    QuotedName,
    Text,
    Punct(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token {
    pub(super) fn is(self, punct: u8) -> bool {
        self.kind == Kind::Punct(punct)
    }

    pub(super) fn bytes(self, sql: &[u8]) -> &[u8] {
        &sql[self.start..self.end]
    }

    pub(super) fn is_word(self, sql: &[u8], word: &str) -> bool {
        self.kind == Kind::Word && self.bytes(sql).eq_ignore_ascii_case(word.as_bytes())
    }

    /// The name without its quotes, for words and quoted names.
    pub(super) fn name(self, sql: &[u8]) -> Option<String> {
        let bytes = self.bytes(sql);
        match self.kind {
            Kind::Word => Some(String::from_utf8_lossy(bytes).into_owned()),
            Kind::QuotedName => Some(unquote(&bytes[1..bytes.len() - 1], bytes[0])),
            Kind::Text | Kind::Punct(_) => None,
        }
    }
}

fn unquote(inner: &[u8], quote: u8) -> String {
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner.iter().copied();
    while let Some(byte) = rest.next() {
        // Both `\x` and a doubled quote stand for one character here.
        if byte == b'\\' || byte == quote {
            out.extend(rest.next());
        } else {
            out.push(byte);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub(super) struct Lexer<'a> {
    sql: &'a [u8],
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(sql: &'a [u8]) -> Self {
        Self { sql, position: 0 }
    }

    fn at(&self, offset: usize) -> u8 {
        self.sql.get(self.position + offset).copied().unwrap_or(0)
    }

    fn refuse(&self, what: &str) -> Exception {
        Exception::syntax(&format!("{what} at position {}", self.position + 1))
    }

    fn skip_line(&mut self) {
        while self.position < self.sql.len() && self.sql[self.position] != b'\n' {
            self.position += 1;
        }
    }

    fn skip_block_comment(&mut self) -> Result<(), Exception> {
        self.position += 2;
        loop {
            match (self.at(0), self.at(1)) {
                (b'*', b'/') => {
                    self.position += 2;
                    return Ok(());
                }
                // Whether these nest depends on the version, so what is hidden would too.
                (b'/', b'*') => return Err(self.refuse("nested comments are not supported,")),
                _ if self.position >= self.sql.len() => {
                    return Err(self.refuse("multiline comment is not closed"));
                }
                _ => self.position += 1,
            }
        }
    }

    /// Moves behind a quoted string, an identifier in quotes or a here-document.
    fn skip_quoted(&mut self, quote: u8) -> Result<(), Exception> {
        self.position += 1;
        loop {
            match self.at(0) {
                _ if self.position >= self.sql.len() => {
                    return Err(self.refuse("quoted text is not closed"));
                }
                b'\\' => self.position += 2,
                byte if byte == quote && self.at(1) == quote => self.position += 2,
                byte if byte == quote => {
                    self.position += 1;
                    return Ok(());
                }
                _ => self.position += 1,
            }
        }
    }

    /// `$tag$ … $tag$`; false when the dollar begins no here-document.
    fn skip_heredoc(&mut self) -> bool {
        let rest = &self.sql[self.position..];
        let Some(tag_end) = find(&rest[1..], b"$").map(|at| at + 2) else {
            return false;
        };
        let Some(close) = find(&rest[tag_end..], &rest[..tag_end]) else {
            return false;
        };
        self.position += tag_end + close + tag_end;
        true
    }

    fn skip_blank(&mut self) -> Result<(), Exception> {
        loop {
            match (self.at(0), self.at(1)) {
                _ if self.position >= self.sql.len() => return Ok(()),
                (b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, _) => self.position += 1,
                (b'-', b'-') | (b'/', b'/') | (b'#', b' ' | b'!') => self.skip_line(),
                (b'/', b'*') => self.skip_block_comment()?,
                // U+2018…U+201D: quotes to some versions, noise to others.
                (0xe2, 0x80) if (0x98..=0x9d).contains(&self.at(2)) => {
                    return Err(self.refuse("typographic quotes outside of a string"));
                }
                (byte, _) if byte >= 0x80 => self.position += 1,
                (0 | b'\\', _) => return Err(self.refuse("unexpected character")),
                _ => return Ok(()),
            }
        }
    }

    fn token(&mut self) -> Result<Option<Token>, Exception> {
        self.skip_blank()?;
        let start = self.position;
        if start >= self.sql.len() {
            return Ok(None);
        }
        let kind = match self.at(0) {
            quote @ b'\'' => {
                self.skip_quoted(quote)?;
                Kind::Text
            }
            quote @ (b'"' | b'`') => {
                self.skip_quoted(quote)?;
                Kind::QuotedName
            }
            b'$' if self.skip_heredoc() => Kind::Text,
            byte if is_word(byte) => {
                while is_word(self.at(0)) {
                    self.position += 1;
                }
                Kind::Word
            }
            byte => {
                self.position += 1;
                Kind::Punct(byte)
            }
        };
        Ok(Some(Token {
            kind,
            start,
            end: self.position,
        }))
    }
}

impl Iterator for Lexer<'_> {
    type Item = Result<Token, Exception>;

    fn next(&mut self) -> Option<Self::Item> {
        self.token().transpose()
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
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
        let mut tokens: Vec<Token> = Lexer::new(sql).collect::<Result<_, _>>()?;
        while tokens.last().is_some_and(|token| token.is(b';')) {
            tokens.pop();
        }
        if let Some(semicolon) = tokens.iter().find(|token| token.is(b';')) {
            return Err(Exception::syntax(&format!(
                "multi-statements are not allowed: failed at position {} (end of query); send one statement a request",
                semicolon.start + 1
            )));
        }
        let Some(last) = tokens.last() else {
            return Err(Exception::syntax("empty query"));
        };
        let end = last.end;
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
            Kind::Punct(b'(' | b'[' | b'{') => depth += 1,
            Kind::Punct(b')' | b']' | b'}') => depth -= 1,
            Kind::Word if depth == 0 && token.is_word(sql, "FORMAT") => {
                let (before, rest) = (&tokens[..at], &tokens[at + 1..]);
                let ends = match rest {
                    [_] => true,
                    [_, next, ..] => next.is_word(sql, "SETTINGS"),
                    [] => false,
                };
                if ends && rest[0].kind == Kind::Word && may_end(sql, before) {
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
        Kind::Punct(punct) => matches!(punct, b')' | b']' | b'}' | b'*'),
        _ => !OPEN.iter().any(|word| last.is_word(sql, word)),
    })
}

/// `'…'` with everything escaped that could end it.
pub(super) fn quote_text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('\'');
    for character in value.chars() {
        match character {
            '\'' | '\\' => {
                out.push('\\');
                out.push(character);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            other => out.push(other),
        }
    }
    out.push('\'');
    out
}

/// `` `…` `` for any name.
pub(super) fn quote_name(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
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
        fn quoted_text_is_one_token(value in any::<String>()) {
            let sql = format!("select {}", quote_text(&value));
            let tokens: Vec<_> = Lexer::new(sql.as_bytes()).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(tokens.len(), 2);
            prop_assert_eq!(tokens[1].kind, Kind::Text);
        }

        #[test]
        fn quoted_names_come_back(name in "[^\0]{1,12}") {
            let sql = quote_name(&name);
            let token = Lexer::new(sql.as_bytes()).next().unwrap().unwrap();
            prop_assert_eq!(token.name(sql.as_bytes()).unwrap(), name);
        }

        #[test]
        fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Statement::read(&bytes);
        }
    }
}
