//! `secret://KIND/…`: where a secret is. Not itself a secret.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

pub(crate) const SCHEME: &str = "secret://";
/// No place has a longer name.
pub(crate) const LONGEST: usize = 1024;

/// Where a secret is. Shown as it is written.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    text: String,
    kind: Kind,
    location: Location,
}

/// What a reference names, as its backend reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Location {
    /// Where Vault has an engine; empty for all other backends.
    pub mount: String,
    /// A name or a path.
    pub name: String,
    /// Of a secret with several values. Without it, all of its text is meant.
    pub field: Option<String>,
}

impl Location {
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

/// How the references of one backend are written.
pub(crate) struct Syntax {
    pub name: &'static str,
    pub form: &'static str,
    /// Of `[secrets]`, where the backend has its settings.
    pub section: &'static str,
    /// Of what follows `secret://KIND/`.
    pub parse: fn(Kind, &str) -> Result<Location, ReferenceError>,
}

/// To which backend a reference leads.
#[derive(Clone, Copy)]
pub struct Kind(pub(crate) &'static Syntax);

impl Kind {
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// How it is written.
    pub fn form(self) -> &'static str {
        self.0.form
    }

    /// Of `[secrets]`, where the configuration says what such references need.
    pub fn section(self) -> &'static str {
        self.0.section
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Kind {}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}

impl Hash for Kind {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

/// The kinds that there are, for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(pub(crate) &'static [Kind]);

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, kind) in self.0.iter().enumerate() {
            let separator = match number {
                0 => "",
                _ if number + 1 == self.0.len() => " and ",
                _ => ", ",
            };
            write!(f, "{separator}{SCHEME}{}/…", kind.name())?;
        }
        Ok(())
    }
}

/// What is wrong with a text that should be a reference. Never repeats the
/// text: it may be a secret that was written out by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error(
        "a secret does not belong into the configuration: \
         write secret://env/NAME or secret://file/PATH"
    )]
    NotAReference,
    #[error("no such kind of reference; there are {0}")]
    UnknownKind(Kinds),
    #[error("the reference names nothing; write {}", .0.form())]
    Empty(Kind),
    #[error("the reference lacks its field; write {}", .0.form())]
    NoField(Kind),
    #[error("the reference has no `#FIELD`; write {}", .0.form())]
    FieldNotWanted(Kind),
    #[error("the reference lacks its mount or its path; write {}", .0.form())]
    NoPath(Kind),
    #[error("the reference has empty parts, `.` or `..` in its path; write {}", .0.form())]
    OddPath(Kind),
    #[error("the reference has characters that no name of its kind has; write {}", .0.form())]
    OddCharacter(Kind),
    #[error("the reference is longer than {LONGEST} bytes")]
    TooLong,
}

impl Reference {
    pub(crate) fn new(text: &str, kind: Kind, location: Location) -> Self {
        Self {
            text: text.to_owned(),
            kind,
            location,
        }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether a text means to be a reference, right or wrong.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    pub(crate) fn location(&self) -> &Location {
        &self.location
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Letters, digits and `._-/`: a name that needs no quotes anywhere.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    !name.is_empty() && name.len() <= 256 && name.chars().all(plain)
}

/// A plain name and no field.
pub(crate) fn plain_name(kind: Kind, rest: &str) -> Result<Location, ReferenceError> {
    if rest.contains('#') {
        return Err(ReferenceError::FieldNotWanted(kind));
    }
    if !is_plain_name(rest) {
        return Err(ReferenceError::OddCharacter(kind));
    }
    Ok(Location::named(rest))
}

/// What stands before `#`, and the field where there is one.
pub(crate) fn with_field(kind: Kind, rest: &str) -> Result<Location, ReferenceError> {
    match rest.split_once('#') {
        Some((_, "")) => Err(ReferenceError::NoField(kind)),
        Some(("", _)) => Err(ReferenceError::Empty(kind)),
        Some((name, field)) => Ok(Location {
            field: Some(field.to_owned()),
            ..Location::named(name)
        }),
        None => Ok(Location::named(rest)),
    }
}
