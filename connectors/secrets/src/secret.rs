use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use zeroize::Zeroizing;

/// A text that nobody sees by mistake: it is shown as `***`, wiped when it is
/// dropped, and neither cloned nor serialized.
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Without one line end, which editors and `echo` add.
    pub fn from_line(text: impl Into<String>) -> Self {
        let mut text = Zeroizing::new(text.into());
        if text.ends_with('\n') {
            let end = if text.ends_with("\r\n") { 2 } else { 1 };
            let length = text.len() - end;
            text.truncate(length);
        }
        Self(text)
    }

    /// The only way to the text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes as long for any two texts of one length.
    pub fn is_same(&self, other: &Self) -> bool {
        let (own, other) = (self.0.as_bytes(), other.0.as_bytes());
        own.len() == other.len() && own.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a reference led to. Clones share the one secret.
#[derive(Debug, Clone)]
pub struct Value {
    pub secret: Arc<Secret>,
    /// As its place names it; empty where it names none.
    pub version: String,
    /// When this version was made, or when it was first seen where its place does not say.
    pub since: SystemTime,
}

impl Value {
    pub(crate) fn new(secret: Secret, version: impl Into<String>, since: SystemTime) -> Self {
        Self {
            secret: Arc::new(secret),
            version: version.into(),
            since,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shows_it_but_expose() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {secret} {secret:#?}"), "*** *** ***");
        assert_eq!(secret.expose(), "hunter2");
        let value = Value::new(secret, "1", SystemTime::UNIX_EPOCH);
        assert!(!format!("{value:?}").contains("hunter2"));
    }

    #[test]
    fn sameness_is_of_the_text() {
        let same = |a: &str, b: &str| Secret::new(a).is_same(&Secret::new(b));
        assert!(same("", "") && same("abc", "abc"));
        assert!(!same("abc", "abd") && !same("abc", "abcd") && !same("", "a"));
    }

    #[test]
    fn one_line_end_is_no_part_of_it() {
        for (text, secret) in [
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            ("a\r", "a\r"),
            ("\n", ""),
            ("", ""),
        ] {
            assert_eq!(Secret::from_line(text).expose(), secret, "{text:?}");
        }
    }
}
