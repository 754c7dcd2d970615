//! A small lexer with ClickHouse's rules. Where ClickHouse versions differ, it refuses instead of
//! guessing. Its work is linear: each byte is looked at a few times, however the text is made.

use super::exception::Exception;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word,
    QuotedName,
    Text,
    Punct(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Token {
    pub(super) fn is(self, punct: u8) -> bool {
        self.kind == TokenKind::Punct(punct)
    }

    pub(super) fn bytes(self, sql: &[u8]) -> &[u8] {
        &sql[self.start..self.end]
    }

    pub(super) fn is_word(self, sql: &[u8], word: &str) -> bool {
        self.kind == TokenKind::Word && self.bytes(sql).eq_ignore_ascii_case(word.as_bytes())
    }

    /// The name without its quotes, for words and quoted names.
    pub(super) fn name(self, sql: &[u8]) -> Option<String> {
        let bytes = self.bytes(sql);
        match self.kind {
            TokenKind::Word => Some(String::from_utf8_lossy(bytes).into_owned()),
            TokenKind::QuotedName => Some(unquote(&bytes[1..bytes.len() - 1], bytes[0])),
            TokenKind::Text | TokenKind::Punct(_) => None,
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

    /// All looking goes through here, so that tests can count it.
    fn at(&self, offset: usize) -> u8 {
        #[cfg(test)]
        steps::one();
        self.sql.get(self.position + offset).copied().unwrap_or(0)
    }

    fn refuse(&self, what: &str) -> Exception {
        Exception::syntax(&format!("{what} at position {}", self.position + 1))
    }

    fn skip_line(&mut self) {
        while self.position < self.sql.len() && self.at(0) != b'\n' {
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

    /// Moves behind a quoted string or an identifier in quotes.
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

    /// `$tag$ … $tag$`, or a name that begins with a dollar.
    fn skip_dollar(&mut self) -> Result<TokenKind, Exception> {
        let start = self.position;
        if !self.skip_tag() {
            // The engine takes all up to the next dollar for a tag, and looks for its like.
            if self.find_dollar().is_none() {
                return Ok(TokenKind::Word);
            }
            self.position = start;
            return Err(self.refuse("a name that begins with $ needs quotes,"));
        }
        let tag = &self.sql[start..self.position];
        self.position += 1;
        while let Some(next) = self.find_dollar() {
            self.position = next;
            if self.skip_tag() && &self.sql[next..self.position] == tag {
                self.position += 1;
                return Ok(TokenKind::Text);
            }
        }
        self.position = start;
        Err(self.refuse("here-document is not closed"))
    }

    /// Moves behind `$tag`; whether another dollar follows.
    fn skip_tag(&mut self) -> bool {
        self.position += 1;
        while is_word(self.at(0)) && self.at(0) != b'$' {
            self.position += 1;
        }
        self.at(0) == b'$'
    }

    fn find_dollar(&self) -> Option<usize> {
        let mut offset = 0;
        while self.position + offset < self.sql.len() {
            if self.at(offset) == b'$' {
                return Some(self.position + offset);
            }
            offset += 1;
        }
        None
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
                TokenKind::Text
            }
            quote @ (b'"' | b'`') => {
                self.skip_quoted(quote)?;
                TokenKind::QuotedName
            }
            b'$' => self.skip_dollar()?,
            byte if is_word(byte) => {
                while is_word(self.at(0)) {
                    // To the engine, a number ends here and a here-document may begin.
                    if byte.is_ascii_digit() && self.at(0) == b'$' {
                        return Err(self.refuse("$ behind a number"));
                    }
                    self.position += 1;
                }
                TokenKind::Word
            }
            byte => {
                self.position += 1;
                TokenKind::Punct(byte)
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

/// How often a byte of a statement was looked at on this thread.
#[cfg(test)]
pub(super) mod steps {
    use std::cell::Cell;

    thread_local! {
        static TAKEN: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn one() {
        TAKEN.set(TAKEN.get() + 1);
    }

    pub(in crate::front) fn of<T>(work: impl FnOnce() -> T) -> (T, usize) {
        let before = TAKEN.get();
        let done = work();
        (done, TAKEN.get() - before)
    }
}

#[cfg(test)]
#[path = "lexer_tests.rs"]
mod tests;
