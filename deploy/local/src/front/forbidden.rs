//! What no statement may name, whichever user asks: what reaches out of the store where the
//! engine's own rights (`engine/rights.rs`) do not hold.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::exception::Exception;
use super::lexer::{Token, TokenKind};
use super::sql::Statement;
use crate::engine::{NameKind, Reach, engine_names};

/// The front's own settings: by the first it finds its queries again. It is the text of a feature
/// that is not here, so that no query needs its name, and unlike a comment none can change it.
pub(super) const MARK: &str = "s3queue_default_zookeeper_path";
/// Expressions among VALUES would be read by the engine alone.
pub(super) const EXPRESSIONS_IN_VALUES: [&str; 2] = [
    "input_format_values_interpret_expressions",
    "input_format_values_deduce_templates_of_expressions",
];

/// Is a function of texts, too, which is told apart by its pattern.
const FORMAT: &str = "format";

/// Where a disk of a table is declared: no function, but written as one.
const DISK: &str = "disk";

struct Refused {
    /// In lower case: functions, and functions of tables.
    calls: BTreeSet<String>,
    /// Functions as they are written: their names alone can be handed to other functions.
    functions: BTreeSet<&'static str>,
    /// In lower case: of tables and databases.
    engines: BTreeSet<String>,
    /// In lower case: functions of tables that take declarations of columns as a text.
    declaring: BTreeSet<String>,
}

fn refused() -> &'static Refused {
    static REFUSED: OnceLock<Refused> = OnceLock::new();
    REFUSED.get_or_init(|| {
        let outside = |kinds: &'static [NameKind]| {
            engine_names()
                .iter()
                .filter(|name| name.reach == Reach::Outside)
                .filter(|name| kinds.contains(&name.kind))
                .map(|name| name.name)
        };
        Refused {
            calls: outside(&[NameKind::Function, NameKind::TableFunction])
                .chain([DISK])
                .map(str::to_ascii_lowercase)
                .collect(),
            functions: outside(&[NameKind::Function]).collect(),
            engines: outside(&[NameKind::TableEngine, NameKind::DatabaseEngine])
                .map(str::to_ascii_lowercase)
                .collect(),
            declaring: engine_names()
                .iter()
                .filter(|name| {
                    name.kind == NameKind::TableFunction && name.reach == Reach::Declares
                })
                .filter(|name| name.name != FORMAT)
                .map(|name| name.name.to_ascii_lowercase())
                .collect(),
        }
    })
}

/// How much of a statement there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatementPart {
    Whole,
    /// An INSERT up to its data: its names are those of columns.
    Head,
}

/// Refuses what would read or write something that is not of the store.
pub(super) fn check(
    statement: &Statement,
    sql: &[u8],
    part: StatementPart,
) -> Result<(), Exception> {
    let names = Names::of(statement, sql)?;
    if let Some(call) = statement
        .calls
        .iter()
        .find(|call| refused().calls.contains(*call))
    {
        return Err(outside(call));
    }
    for (at, name) in names.iter() {
        check_setting(name)?;
        if part == StatementPart::Whole && refused().functions.contains(name) && !names.dotted(at) {
            return Err(Exception::denied(&format!(
                "Not enough privileges: `{name}` is a function that reaches outside of the store; write a column of that name with its table, like t.{name}"
            )));
        }
        if names.is_engine(at) && refused().engines.contains(&name.to_ascii_lowercase()) {
            return Err(Exception::denied(&format!(
                "Not enough privileges: the engine {name} reaches outside of the store"
            )));
        }
        if name.contains('/') && (names.is_table(at) || names.may_be_file(at, name)) {
            return Err(table());
        }
        if names.names_file(at, name) {
            return Err(table());
        }
        if !names.declares_types(at) && refused().declaring.contains(&name.to_ascii_lowercase()) {
            return Err(Exception::denied(&format!(
                "Not enough privileges: {name}() takes columns as one plain text of names and types here, like 'a UInt8, b String'"
            )));
        }
        if name == FORMAT && !names.formats_text(at) {
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

/// Settings in a statement, and those that are sent beside it.
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
    /// Names that the statement gives: `AS name`.
    aliases: BTreeSet<String>,
    /// Whether the statement says what later ones do: a view, or a table.
    is_kept: bool,
    /// Whether a text has a slash.
    has_path: bool,
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
        let aliases = tokens
            .windows(2)
            .filter(|pair| pair[0].is_word(sql, "AS"))
            .filter_map(|pair| pair[1].name(sql))
            .collect();
        Ok(Self {
            sql,
            tokens,
            names: tokens.iter().map(|token| token.name(sql)).collect(),
            aliases,
            is_kept: tokens.iter().any(|token| {
                ["VIEW", "QUERY", "ENGINE"]
                    .iter()
                    .any(|word| token.is_word(sql, word))
            }),
            has_path: tokens
                .iter()
                .any(|token| token.kind == TokenKind::Text && token.bytes(sql).contains(&b'/')),
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

    /// Behind a comma or `IN` a name may be a table, in a view that is asked later with other
    /// rights than its author's; an alias of the statement is none.
    fn may_be_file(&self, at: usize, name: &str) -> bool {
        if self.is_kept {
            return true;
        }
        let listed = self
            .before(at)
            .is_some_and(|token| token.is(b',') || self.is_word(token, &["IN"]));
        listed && !self.aliases.contains(name)
    }

    /// Whether this is no call, or its columns are names and types alone: a default or an alias
    /// among them would be an expression that nothing looks at.
    fn declares_types(&self, at: usize) -> bool {
        let (call, arguments) = match &self.tokens[at + 1..] {
            [bracket, arguments @ ..] if bracket.is(b'(') => (true, arguments),
            _ => (false, &[][..]),
        };
        if !call || self.is_data(at) {
            return true;
        }
        match arguments {
            // Rows in brackets, numbers, or nothing at all.
            [first, ..] if b"()[-".iter().any(|punct| first.is(*punct)) => true,
            [first, ..] if first.bytes(self.sql)[0].is_ascii_digit() => true,
            [first, next, ..] if first.kind == TokenKind::Text => {
                (next.is(b',') || next.is(b')')) && is_types(first.bytes(self.sql))
            }
            _ => false,
        }
    }

    /// An engine or a function that is given the names of other tables as texts, beside a text
    /// that could be the name of a file.
    fn names_file(&self, at: usize, name: &str) -> bool {
        const ENGINES: [&str; 3] = ["Alias", "Buffer", "Merge"];
        const FUNCTIONS: [&str; 3] = ["loop", "merge", "dictionary"];
        let is = |known: &&str| name.eq_ignore_ascii_case(known);
        let calls = self.tokens.get(at + 1).is_some_and(|next| next.is(b'('));
        let engine = ENGINES.iter().any(is) && self.is_engine(at);
        let function = calls && FUNCTIONS.iter().any(is);
        (engine || function) && self.has_path
    }

    /// `VALUES` behind the head of an INSERT.
    fn is_data(&self, at: usize) -> bool {
        let inserts = self.tokens[0].is_word(self.sql, "INSERT");
        let reads = self.before(at).is_some_and(|token| {
            token.is(b',')
                || token.is(b'(')
                || self.is_word(token, &["FROM", "JOIN", "FUNCTION", "IN", "AS"])
        });
        inserts && !reads && self.tokens[at].is_word(self.sql, "VALUES")
    }

    fn has(&self, words: &[&str]) -> bool {
        self.tokens.iter().any(|token| self.is_word(*token, words))
    }

    /// What is kept and asked later, with names that no statement then has among its tokens.
    fn declares_view(&self) -> bool {
        self.has(&["CREATE", "ALTER", "ATTACH", "REPLACE"]) && self.has(&["VIEW", "QUERY"])
    }

    fn refuse_clauses(&self) -> Result<(), Exception> {
        let pairs = || self.tokens.windows(2);
        let secured = || {
            pairs()
                .any(|pair| self.is_word(pair[0], &["SQL"]) && self.is_word(pair[1], &["SECURITY"]))
        };
        if self.has(&["VIEW", "QUERY"]) && (self.has(&["DEFINER"]) || secured()) {
            return Err(Exception::denied(
                "Not enough privileges: a view has the rights of the user who asks it; leave DEFINER and SQL SECURITY out",
            ));
        }
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

/// Whether a text declares columns by names and types, without an expression.
fn is_types(text: &[u8]) -> bool {
    const EXPRESSIONS: [&str; 8] = [
        "DEFAULT",
        "MATERIALIZED",
        "ALIAS",
        "EPHEMERAL",
        "CODEC",
        "TTL",
        "STATISTICS",
        "SETTINGS",
    ];
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_ ,()'=-.\n\t".contains(byte);
    let Some(inner) = text.strip_prefix(b"'").and_then(|t| t.strip_suffix(b"'")) else {
        return false;
    };
    inner.iter().all(plain)
        && inner
            .split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
            .all(|word| {
                !EXPRESSIONS
                    .iter()
                    .any(|e| word.eq_ignore_ascii_case(e.as_bytes()))
            })
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
#[path = "forbidden_tests.rs"]
mod tests;
