//! INSERT with data: finding the data, and turning it into what the engine can read.
//!
//! The engine cuts binary data inside a query at newlines, so the data goes to a file without
//! a name and the statement becomes `INSERT … SELECT … FROM file('/proc/self/fd/N', …)`.

use std::collections::HashSet;

use super::exception::Exception;
use super::formats::may_omit_fields;
use super::lexer::{Lexer, Token, TokenKind, quote_name, quote_text};
use super::sql::{MAX_STATEMENT, too_long};

/// The part of an INSERT before its data.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InsertHeader {
    /// The table as written, quotes included.
    pub(super) table: String,
    /// The column names as listed, if they are.
    pub(super) columns: Option<Vec<String>>,
    /// The text of the SETTINGS clause.
    pub(super) settings: Option<String>,
    pub(super) format: Option<String>,
    /// Where the data begins.
    pub(super) data_at: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Insert {
    /// Not an INSERT, or one that needs no data from us (INSERT … SELECT).
    None,
    Data(InsertHeader),
    /// Ends before saying where its rows come from; the rest may be in the body.
    Unfinished(InsertHeader),
}

struct Reader<'a> {
    sql: &'a [u8],
    lexer: std::iter::Peekable<Lexer<'a>>,
    /// Where the last token ended.
    end: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> Result<Option<Token>, Exception> {
        match self.lexer.peek() {
            None => Ok(None),
            Some(Ok(token)) => Ok(Some(*token)),
            Some(Err(error)) => Err(error.clone()),
        }
    }

    fn next(&mut self) -> Result<Option<Token>, Exception> {
        let token = self.peek()?;
        if let Some(token) = token {
            if token.end > MAX_STATEMENT {
                return Err(too_long());
            }
            self.end = token.end;
            self.lexer.next();
        }
        Ok(token)
    }

    fn take_word(&mut self, word: &str) -> Result<bool, Exception> {
        let found = self
            .peek()?
            .is_some_and(|token| token.is_word(self.sql, word));
        if found {
            self.next()?;
        }
        Ok(found)
    }

    fn take_punct(&mut self, punct: u8) -> Result<bool, Exception> {
        let found = self.peek()?.is_some_and(|token| token.is(punct));
        if found {
            self.next()?;
        }
        Ok(found)
    }

    fn name(&mut self) -> Result<(String, String), Exception> {
        let token = self
            .next()?
            .ok_or_else(|| Exception::syntax("INSERT ends inside a name"))?;
        let name = token.name(self.sql).ok_or_else(|| {
            Exception::syntax(&format!("expected a name at position {}", token.start + 1))
        })?;
        let written = String::from_utf8_lossy(token.bytes(self.sql)).into_owned();
        Ok((name, written))
    }

    /// `a`, `a.b`: the unquoted name and the text.
    fn dotted(&mut self) -> Result<(String, String), Exception> {
        let (mut name, mut written) = self.name()?;
        while self.take_punct(b'.')? {
            let (next_name, next_written) = self.name()?;
            name.extend([".", &next_name]);
            written.extend([".", &next_written]);
        }
        Ok((name, written))
    }

    fn columns(&mut self) -> Result<Vec<String>, Exception> {
        let mut columns = Vec::new();
        loop {
            if self.peek()?.is_some_and(|token| token.is(b'*')) {
                return Err(Exception::unsupported(
                    "a column list with * or EXCEPT needs INSERT … SELECT; name the columns",
                ));
            }
            columns.push(self.dotted()?.0);
            if self.take_punct(b')')? {
                return Ok(columns);
            }
            if !self.take_punct(b',')? {
                return Err(Exception::syntax(
                    "expected , or ) in the column list of INSERT",
                ));
            }
        }
    }

    /// `a = 1, b = 'x'` up to the next clause.
    fn settings(&mut self) -> Result<String, Exception> {
        let start = self.peek()?.map_or(self.end, |token| token.start);
        loop {
            self.name()?;
            if !self.take_punct(b'=')? {
                return Err(Exception::syntax("expected name = value in SETTINGS"));
            }
            if self.peek()?.is_some_and(|token| token.is(b'-')) {
                self.next()?;
            }
            self.next()?;
            if self.take_punct(b'.')? {
                self.next()?;
            }
            if !self.take_punct(b',')? {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&self.sql[start..self.end]).into_owned())
    }
}

impl Insert {
    /// Reads the head of a statement. What comes after the head is not looked at.
    pub(super) fn read(sql: &[u8]) -> Result<Self, Exception> {
        let mut reader = Reader {
            sql,
            lexer: Lexer::new(sql).peekable(),
            end: 0,
        };
        if !reader.take_word("INSERT")? {
            return Ok(Self::None);
        }
        reader.take_word("INTO")?;
        reader.take_word("TABLE")?;
        let function = reader
            .peek()?
            .is_some_and(|token| token.is_word(sql, "FUNCTION"));
        if function || reader.peek()?.is_none() {
            // The engine runs INSERT INTO FUNCTION … SELECT, and explains the rest.
            return Ok(Self::None);
        }
        let mut header = InsertHeader {
            table: reader.dotted()?.1,
            columns: None,
            settings: None,
            format: None,
            data_at: 0,
        };
        let ending = read_clauses(&mut reader, &mut header)?;
        Ok(ending.finish(header, &reader))
    }
}

enum Ending {
    Select,
    Data,
    Open,
}

impl Ending {
    fn finish(self, mut header: InsertHeader, reader: &Reader<'_>) -> Insert {
        header.data_at = match self {
            Self::Select => return Insert::None,
            Self::Open => reader.sql.len(),
            Self::Data => data_start(reader.sql, reader.end),
        };
        if matches!(self, Self::Open) {
            Insert::Unfinished(header)
        } else {
            Insert::Data(header)
        }
    }
}

fn read_clauses(reader: &mut Reader<'_>, header: &mut InsertHeader) -> Result<Ending, Exception> {
    loop {
        let Some(token) = reader.peek()? else {
            return Ok(Ending::Open);
        };
        if token.is(b';') {
            reader.next()?;
        } else if token.is(b'(') && header.columns.is_none() {
            reader.next()?;
            // `INSERT INTO t (SELECT …)` is a query in brackets, not a list of columns.
            if is_query_start(reader)? {
                return Ok(Ending::Select);
            }
            header.columns = Some(reader.columns()?);
        } else if reader.take_word("SETTINGS")? {
            header.settings = Some(reader.settings()?);
        } else if reader.take_word("VALUES")? {
            header.format = Some("Values".to_owned());
            return Ok(Ending::Data);
        } else if reader.take_word("FORMAT")? {
            let format = reader.name()?.0;
            if format.eq_ignore_ascii_case("values") {
                header.format = Some("Values".to_owned());
            } else {
                header.format = Some(format);
            }
            read_late_settings(reader, header)?;
            return Ok(Ending::Data);
        } else {
            return Ok(Ending::Select);
        }
    }
}

fn is_query_start(reader: &mut Reader<'_>) -> Result<bool, Exception> {
    let sql = reader.sql;
    Ok(reader.peek()?.is_some_and(|token| {
        token.is(b'(')
            || (token.kind == TokenKind::Word
                && ["SELECT", "WITH", "FROM"]
                    .iter()
                    .any(|word| token.is_word(sql, word)))
    }))
}

/// `FORMAT x SETTINGS …`: the data may be anything, so a lexer error here is just data.
fn read_late_settings(reader: &mut Reader<'_>, header: &mut InsertHeader) -> Result<(), Exception> {
    let sql = reader.sql;
    if header.settings.is_none()
        && matches!(reader.lexer.peek(), Some(Ok(token)) if token.is_word(sql, "SETTINGS"))
    {
        reader.next()?;
        header.settings = Some(reader.settings()?);
    }
    Ok(())
}

/// Blanks after the head, then at most one line break, do not belong to the data.
fn data_start(sql: &[u8], mut at: usize) -> usize {
    let byte = |at: usize| sql.get(at).copied();
    while matches!(byte(at), Some(b' ' | b'\t' | 0x0c)) {
        at += 1;
    }
    if byte(at) == Some(b'\r') {
        at += 1;
    }
    if byte(at) == Some(b'\n') {
        at += 1;
    }
    at
}

/// One column of the target table, as DESCRIBE tells it.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) default_kind: String,
    pub(super) default: String,
}

/// The statement that reads the data from the file descriptor `fd`.
pub(super) fn rewrite(
    header: &InsertHeader,
    table: &[Column],
    format: &str,
    fd: i32,
) -> Result<String, Exception> {
    let columns = chosen(header, table)?;
    let names: Vec<String> = columns
        .iter()
        .map(|column| quote_name(&column.name))
        .collect();
    let names = names.join(", ");
    let structure: Vec<String> = columns
        .iter()
        .map(|column| declare(column, &columns, table, format))
        .collect();
    let settings = header
        .settings
        .as_ref()
        .map_or(String::new(), |text| format!(" SETTINGS {text}"));
    Ok(format!(
        "INSERT INTO {table} ({names}){settings} SELECT {names} FROM file('/proc/self/fd/{fd}', {format}, {structure})",
        table = header.table,
        format = quote_text(format),
        structure = quote_text(&structure.join(", ")),
    ))
}

fn chosen<'a>(header: &InsertHeader, table: &'a [Column]) -> Result<Vec<&'a Column>, Exception> {
    let Some(names) = &header.columns else {
        return Ok(table
            .iter()
            .filter(|column| matches!(column.default_kind.as_str(), "" | "DEFAULT"))
            .collect());
    };
    let mut seen = HashSet::new();
    names
        .iter()
        .map(|name| {
            if !seen.insert(name) {
                return Err(Exception::new(
                    15,
                    "DUPLICATE_COLUMN",
                    &format!("Column {name} is specified more than once"),
                ));
            }
            table
                .iter()
                .find(|column| column.name == *name)
                .ok_or_else(|| {
                    Exception::new(
                        16,
                        "NO_SUCH_COLUMN_IN_TABLE",
                        &format!("No such column {name} in table {}", header.table),
                    )
                })
        })
        .collect()
}

/// `name type`, with the table's default where a row may leave the field out and the default
/// needs no column that is not read.
fn declare(column: &Column, read: &[&Column], table: &[Column], format: &str) -> String {
    let mut text = format!("{} {}", quote_name(&column.name), column.kind);
    let missing = |name: &str| {
        table.iter().any(|other| other.name == name) && !read.iter().any(|other| other.name == name)
    };
    let usable = Lexer::new(column.default.as_bytes()).all(|token| {
        token.is_ok_and(|token| {
            !token
                .name(column.default.as_bytes())
                .is_some_and(|name| missing(&name))
        })
    });
    if column.default_kind == "DEFAULT" && usable && may_omit_fields(format) {
        text.push_str(" DEFAULT ");
        text.push_str(&column.default);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(sql: &str) -> InsertHeader {
        match Insert::read(sql.as_bytes()).unwrap() {
            Insert::Data(header) | Insert::Unfinished(header) => header,
            Insert::None => panic!("no data expected in {sql}"),
        }
    }

    #[test]
    fn the_head_is_taken_apart() {
        let sql = "INSERT INTO `my db`.t (a, `b c`, n.x) SETTINGS async_insert=0, insert_deduplication_token='t:0' FORMAT RowBinary\n\0\x01'";
        let head = header(sql);
        assert_eq!(head.table, "`my db`.t");
        assert_eq!(head.columns.unwrap(), ["a", "b c", "n.x"]);
        assert_eq!(
            head.settings.unwrap(),
            "async_insert=0, insert_deduplication_token='t:0'"
        );
        assert_eq!(head.format.unwrap(), "RowBinary");
        assert_eq!(&sql[head.data_at..], "\0\x01'");
    }

    #[test]
    fn data_begins_where_the_real_server_says() {
        for (sql, data) in [
            ("insert into t values (1, 'x')", "(1, 'x')"),
            ("insert into t format CSV 1,2\n", "1,2\n"),
            ("insert into t format TSV \r\n\t1\n", "\t1\n"),
            ("insert into t format TSV\n\n", "\n"),
            ("insert into t format JSONEachRow settings a = 1.5 {}", "{}"),
            ("insert into t format RowBinary\n'", "'"),
            ("insert into t", ""),
        ] {
            assert_eq!(&sql[header(sql).data_at..], data, "{sql}");
        }
    }

    #[test]
    fn queries_are_left_alone() {
        for sql in [
            "select 1",
            "insert into t select 1",
            "insert into t (a) select 1 format Null",
            "insert into t (select 1)",
            "insert into t with 1 as x select x",
            "insert into function file('x') select 1",
        ] {
            assert_eq!(Insert::read(sql.as_bytes()).unwrap(), Insert::None, "{sql}");
        }
    }

    fn column(name: &str, default_kind: &str, default: &str) -> Column {
        Column {
            name: name.into(),
            kind: "Int64".into(),
            default_kind: default_kind.into(),
            default: default.into(),
        }
    }

    #[test]
    fn the_rewritten_statement_reads_only_what_can_be_inserted() {
        let table = [
            column("a", "", ""),
            column("b", "DEFAULT", "a + 1"),
            column("m", "MATERIALIZED", "a"),
            column("z", "ALIAS", "a"),
        ];
        let sql = rewrite(
            &header("insert into t settings x=1 format JSONEachRow"),
            &table,
            "JSONEachRow",
            7,
        )
        .unwrap();
        assert_eq!(
            sql,
            "INSERT INTO t (`a`, `b`) SETTINGS x=1 SELECT `a`, `b` FROM file('/proc/self/fd/7', 'JSONEachRow', '`a` Int64, `b` Int64 DEFAULT a + 1')"
        );
        let only_b = rewrite(&header("insert into t (b) format CSV"), &table, "CSV", 7).unwrap();
        assert!(only_b.ends_with("'`b` Int64')"), "{only_b}");
        let unknown = rewrite(&header("insert into t (nope) format CSV"), &table, "CSV", 7);
        assert_eq!(unknown.unwrap_err().code, 16);
    }

    proptest! {
        #[test]
        fn the_data_is_never_touched(data in proptest::collection::vec(any::<u8>(), 0..100)) {
            let head = b"INSERT INTO t (a) FORMAT RowBinary\n";
            let sql = [head.as_slice(), &data].concat();
            match Insert::read(&sql) {
                Ok(Insert::Data(header)) => prop_assert!(header.data_at == head.len() || data.to_ascii_uppercase().starts_with(b"SETTINGS")),
                // Data that begins with the word SETTINGS is taken for the clause, as ever.
                other => prop_assert!(String::from_utf8_lossy(&data).to_ascii_uppercase().contains("SETTINGS"), "{other:?}"),
            }
        }
    }
}
