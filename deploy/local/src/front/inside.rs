//! What no statement may name, whichever user asks: what reaches out of the store where the
//! engine's own rights (`engine/rights.rs`) do not hold.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::exception::Exception;
use super::lexer::{Kind as TokenKind, Token};
use super::sql::Statement;
use crate::engine::{Kind, Reach, engine_names};

/// The front's own settings: by the first it finds its queries again. It is the text of a feature
/// that is not here, so that no query needs its name, and unlike a comment none can change it.
pub(super) const MARK: &str = "s3queue_default_zookeeper_path";
/// Expressions among VALUES would be read by the engine alone.
pub(super) const EXPRESSIONS_IN_VALUES: [&str; 2] = [
    "input_format_values_interpret_expressions",
    "input_format_values_deduce_templates_of_expressions",
];

/// Where a disk of a table is declared: no function, but written as one.
const DISK: &str = "disk";

struct Refused {
    /// In lower case: functions, and functions of tables.
    calls: BTreeSet<String>,
    /// Functions as they are written: their names alone can be handed to other functions.
    functions: BTreeSet<&'static str>,
    /// In lower case: of tables and databases.
    engines: BTreeSet<String>,
}

fn refused() -> &'static Refused {
    static REFUSED: OnceLock<Refused> = OnceLock::new();
    REFUSED.get_or_init(|| {
        let outside = |kinds: &'static [Kind]| {
            engine_names()
                .iter()
                .filter(|name| name.reach == Reach::Outside)
                .filter(|name| kinds.contains(&name.kind))
                .map(|name| name.name)
        };
        Refused {
            calls: outside(&[Kind::Function, Kind::TableFunction])
                .chain([DISK])
                .map(str::to_ascii_lowercase)
                .collect(),
            functions: outside(&[Kind::Function]).collect(),
            engines: outside(&[Kind::TableEngine, Kind::DatabaseEngine])
                .map(str::to_ascii_lowercase)
                .collect(),
        }
    })
}

/// How much of a statement there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Whole,
    /// An INSERT up to its data: its names are those of columns.
    Head,
}

/// Refuses what would read or write something that is not of the store.
pub(super) fn check(statement: &Statement, sql: &[u8], extent: Extent) -> Result<(), Exception> {
    let names = Names::of(statement, sql)?;
    if let Some(call) = statement
        .calls
        .iter()
        .find(|call| refused().calls.contains(*call))
    {
        return Err(outside(call));
    }
    for (at, name) in names.iter() {
        let own = MARK == name || EXPRESSIONS_IN_VALUES.contains(&name);
        if own {
            return Err(setting(name));
        }
        if extent == Extent::Whole && refused().functions.contains(name) && !names.dotted(at) {
            return Err(Exception::denied(&format!(
                "Not enough privileges: `{name}` is a function that reaches outside of the store; write a column of that name with its table, like t.{name}"
            )));
        }
        if names.is_engine(at) && refused().engines.contains(&name.to_ascii_lowercase()) {
            return Err(Exception::denied(&format!(
                "Not enough privileges: the engine {name} reaches outside of the store"
            )));
        }
        if name.contains('/') && names.is_table(at) {
            return Err(table());
        }
        if name == "format" && !names.formats_text(at) {
            return Err(Exception::denied(
                "Not enough privileges: format() takes a pattern like '{} of {}' here; its form as a table is refused",
            ));
        }
    }
    if names.declares_view() && !name_parameters(statement, sql).is_empty() {
        return Err(Exception::denied(
            "Not enough privileges: a view takes no names as its parameters here",
        ));
    }
    names.refuse_clauses()
}

/// Settings that are sent beside a statement.
pub(super) fn check_setting(name: &str) -> Result<(), Exception> {
    if name == MARK || EXPRESSIONS_IN_VALUES.contains(&name) {
        return Err(setting(name));
    }
    Ok(())
}

/// A parameter that stands for a name, which then is none of the statement's tokens.
pub(super) fn check_name_parameter(value: &str) -> Result<(), Exception> {
    let odd = value.contains('\\') || value.contains('/');
    if odd || refused().functions.contains(value) {
        return Err(Exception::denied(
            "Not enough privileges: the value of an Identifier parameter names something outside of the store",
        ));
    }
    Ok(())
}

/// The parameters of this statement that are names: `{parameter:Identifier}`.
pub(super) fn name_parameters(statement: &Statement, sql: &[u8]) -> BTreeSet<String> {
    statement
        .tokens
        .windows(3)
        .filter(|three| three[1].is(b':') && three[2].is_word(sql, "Identifier"))
        .filter_map(|three| three[0].name(sql))
        .collect()
}

fn outside(call: &str) -> Exception {
    Exception::denied(&format!(
        "Not enough privileges: {call}() reaches outside of the store"
    ))
}

fn setting(name: &str) -> Exception {
    Exception::new(
        452,
        "SETTING_CONSTRAINT_VIOLATION",
        &format!("Setting {name} should not be changed"),
    )
}

fn table() -> Exception {
    Exception::denied("Not enough privileges: a table whose name has a / would be a file")
}

/// The tokens of a statement, with the names among them.
struct Names<'a> {
    sql: &'a [u8],
    tokens: &'a [Token],
    names: Vec<Option<String>>,
}

impl<'a> Names<'a> {
    fn of(statement: &'a Statement, sql: &'a [u8]) -> Result<Self, Exception> {
        let tokens = &statement.tokens;
        if let Some(odd) = tokens
            .iter()
            .find(|token| token.kind == TokenKind::QuotedName && has_odd_escape(token.bytes(sql)))
        {
            return Err(Exception::syntax(&format!(
                "a name in quotes is written as it is, only quotes and backslashes with a backslash before them, at position {}",
                odd.start + 1
            )));
        }
        Ok(Self {
            sql,
            tokens,
            names: tokens.iter().map(|token| token.name(sql)).collect(),
        })
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        self.names
            .iter()
            .enumerate()
            .filter_map(|(at, name)| Some((at, name.as_deref()?)))
    }

    fn before(&self, at: usize) -> Option<Token> {
        at.checked_sub(1).map(|at| self.tokens[at])
    }

    fn is_word(&self, token: Token, words: &[&str]) -> bool {
        words.iter().any(|word| token.is_word(self.sql, word))
    }

    /// Behind a dot stands a column, or a table.
    fn dotted(&self, at: usize) -> bool {
        self.before(at).is_some_and(|token| token.is(b'.'))
    }

    fn is_table(&self, at: usize) -> bool {
        const BEFORE: [&str; 9] = [
            "FROM", "JOIN", "INTO", "TABLE", "VIEW", "EXISTS", "DESCRIBE", "DESC", "TO",
        ];
        self.dotted(at)
            || self
                .before(at)
                .is_some_and(|token| self.is_word(token, &BEFORE))
    }

    /// `ENGINE = name`, also without the sign.
    fn is_engine(&self, at: usize) -> bool {
        let at = match self.before(at) {
            Some(token) if token.is(b'=') => at - 1,
            _ => at,
        };
        self.before(at)
            .is_some_and(|token| self.is_word(token, &["ENGINE"]))
    }

    /// Whether `format` at this place is no call, or that of the function of texts: a pattern
    /// has braces, the name of a format has none.
    fn formats_text(&self, at: usize) -> bool {
        match &self.tokens[at + 1..] {
            [bracket, pattern, next, ..] if bracket.is(b'(') => {
                let text = pattern.bytes(self.sql);
                text.starts_with(b"'")
                    && text.contains(&b'{')
                    && !text.contains(&b'\\')
                    && (next.is(b',') || next.is(b')'))
            }
            [bracket, ..] => !bracket.is(b'('),
            [] => true,
        }
    }

    /// What is kept and asked later, with names that no statement then has among its tokens.
    fn declares_view(&self) -> bool {
        let has = |words: &[&str]| self.tokens.iter().any(|token| self.is_word(*token, words));
        has(&["CREATE", "ALTER", "ATTACH", "REPLACE"]) && has(&["VIEW", "QUERY"])
    }

    fn refuse_clauses(&self) -> Result<(), Exception> {
        let pairs = || self.tokens.windows(2);
        if pairs().any(|pair| {
            self.is_word(pair[0], &["TABLE", "EXISTS", "DESCRIBE", "DESC", "INTO"])
                && pair[1].kind == TokenKind::Text
                && pair[1].bytes(self.sql).contains(&b'/')
        }) {
            return Err(table());
        }
        if pairs()
            .any(|pair| self.is_word(pair[0], &["PARALLEL"]) && self.is_word(pair[1], &["WITH"]))
        {
            return Err(Exception::syntax(
                "PARALLEL WITH is not supported by the embedded store; send one statement a request",
            ));
        }
        let attaches = self
            .tokens
            .iter()
            .any(|token| self.is_word(*token, &["ATTACH"]));
        if attaches
            && pairs()
                .any(|pair| self.is_word(pair[0], &["FROM"]) && pair[1].kind == TokenKind::Text)
        {
            return Err(Exception::denied(
                "Not enough privileges: ATTACH … FROM moves a folder into the store",
            ));
        }
        Ok(())
    }
}

/// Escapes that the engine reads otherwise than the lexer.
fn has_odd_escape(quoted: &[u8]) -> bool {
    let mut rest = quoted.iter();
    while let Some(byte) = rest.next() {
        if *byte == b'\\' && !matches!(rest.next(), Some(b'\\' | b'\'' | b'"' | b'`')) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(sql: &str) -> Option<u32> {
        let statement = Statement::read(sql.as_bytes()).unwrap();
        check(&statement, sql.as_bytes(), Extent::Whole)
            .err()
            .map(|error| error.code)
    }

    #[test]
    fn what_reaches_outside_is_refused() {
        for sql in [
            "select * from file('x')",
            "select FILE ('/etc/passwd')",
            "select * from `s3Cluster`('x')",
            "insert into function url('x') select 1",
            "insert into t select * from url('x')",
            "describe table url('x')",
            "create table t as remote('h', system.one)",
            "select hasColumnInTable('host', 'u', 'p', 'd', 't', 'c')",
            "create table t (a Int8) engine = MergeTree order by a settings disk = disk(type = local)",
            "create table t (a Int8) engine = EmbeddedRocksDB primary key a",
            "create table t (a Int8) engine `keepermap`('/x') primary key a",
            "create database d engine = Filesystem",
            // The name of a function is enough for another.
            "select arrayMap(file, ['/etc/passwd'])",
            "select arrayMap(\"file\", ['/etc/passwd'])",
            "select * apply file from t",
            "select * apply(`file`) from t",
            // Expressions in a text.
            "select * from format(JSONEachRow, 'a String DEFAULT file(\\'x\\')', '{}')",
            "select * from format('JSONEachRow', 'a String', '{}')",
            "select * from format('{' = '' ? 'x' : 'JSONEachRow', 'a String', '{}')",
            "select * from format($$JSONEachRow{$$, 'a String', '{}')",
            "select * from format ( )",
            "select * from `/etc/passwd`",
            "select * from default.\"/etc/passwd\"",
            "create table if not exists `a/b` (a Int8) engine = Memory",
            "exists table '/etc/passwd'",
            "attach table t from '/tmp/t' (a Int8) engine = MergeTree order by a",
            "create view v as select arrayMap({f:Identifier}, ['/etc/passwd'])",
            "alter table v modify query select arrayMap({f:Identifier}, ['/etc/passwd'])",
        ] {
            assert_eq!(refusal(sql), Some(497), "{sql}");
        }
        for sql in [
            "select `fi\\x6ce`('/etc/passwd')",
            "insert into t select 1 parallel with drop table u",
        ] {
            assert_eq!(refusal(sql), Some(62), "{sql}");
        }
        for sql in [
            "select 1 settings s3queue_default_zookeeper_path = 'x'",
            "select 1 settings `input_format_values_interpret_expressions` = 1",
        ] {
            assert_eq!(refusal(sql), Some(452), "{sql}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        for sql in [
            "select 'file(' as file_name, \"a/b\" from t",
            "select t.file from t",
            "select format('{} of {}', a, b) from t format JSON",
            "select a as format from t",
            "select trim(both '/' from '/a/')",
            "alter table t attach partition 1 from u",
            "select `a``b`, `c\\`d`",
            "insert into db.s3_orders (a) select 1",
            "select url from t",
            "create table t (s3 String) engine = MergeTree order by s3",
            "select engine = file_log from system.tables",
        ] {
            assert_eq!(refusal(sql), None, "{sql}");
        }
        let head = "insert into t (file, b) format JSONEachRow";
        let statement = Statement::read(head.as_bytes()).unwrap();
        check(&statement, head.as_bytes(), Extent::Head).unwrap();
    }

    #[test]
    fn parameters_that_stand_for_names_are_looked_at() {
        let sql = "select arrayMap({f:Identifier}, [{s:String}]) from {`t`:Identifier}";
        let statement = Statement::read(sql.as_bytes()).unwrap();
        let names = name_parameters(&statement, sql.as_bytes());
        assert_eq!(names, ["f", "t"].map(str::to_owned).into());
        for value in ["file", "/etc/passwd", "\\x66ile"] {
            assert_eq!(
                check_name_parameter(value).unwrap_err().code,
                497,
                "{value}"
            );
        }
        check_name_parameter("quotes").unwrap();
        assert!(check_setting(MARK).is_err());
        check_setting("max_threads").unwrap();
    }
}
