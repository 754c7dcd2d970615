//! `secret://KIND/…`: where a secret is. Not itself a secret.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

const SCHEME: &str = "secret://";
/// No place has a longer name.
const LONGEST: usize = 1024;

/// Where a secret is. Shown as it is written.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    text: String,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    Env {
        name: String,
    },
    File {
        path: PathBuf,
    },
    Os {
        name: String,
    },
    Local {
        name: String,
    },
    Vault {
        mount: String,
        path: String,
        field: String,
    },
    Aws {
        name: String,
        /// Of a secret that is a JSON object; otherwise all of its text.
        field: Option<String>,
    },
    Age {
        path: PathBuf,
        /// As of a secret of AWS.
        field: Option<String>,
    },
    Sops {
        path: PathBuf,
        /// Keys, with `/` between them.
        field: String,
    },
}

/// Which kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Env,
    File,
    /// What the operating system keeps.
    Os,
    Local,
    Vault,
    Aws,
    Age,
    Sops,
}

impl Kind {
    pub const ALL: &[Self] = &[
        Self::Env,
        Self::File,
        Self::Os,
        Self::Local,
        Self::Vault,
        Self::Aws,
        Self::Age,
        Self::Sops,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::File => "file",
            Self::Os => "os",
            Self::Local => "local",
            Self::Vault => "vault",
            Self::Aws => "aws",
            Self::Age => "age",
            Self::Sops => "sops",
        }
    }

    /// How it is written.
    pub fn form(self) -> &'static str {
        match self {
            Self::Env => "secret://env/NAME",
            Self::File => "secret://file/PATH",
            Self::Os => "secret://os/NAME",
            Self::Local => "secret://local/NAME",
            Self::Vault => "secret://vault/MOUNT/PATH#FIELD",
            Self::Aws => "secret://aws/NAME#FIELD",
            Self::Age => "secret://age/PATH#FIELD",
            Self::Sops => "secret://sops/PATH#KEY/KEY",
        }
    }

    /// Of `[secrets]`, where it is told what such references need.
    pub fn section(self) -> &'static str {
        match self {
            // Its files are encrypted to recipients of age.
            Self::Sops => Self::Age.name(),
            other => other.name(),
        }
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
    #[error(
        "no such kind of reference; there are secret://env/…, secret://file/…, \
         secret://os/…, secret://local/…, secret://vault/…, secret://aws/…, secret://age/… and secret://sops/…"
    )]
    UnknownKind,
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
    pub fn kind(&self) -> Kind {
        match &self.place {
            Place::Env { .. } => Kind::Env,
            Place::File { .. } => Kind::File,
            Place::Os { .. } => Kind::Os,
            Place::Local { .. } => Kind::Local,
            Place::Vault { .. } => Kind::Vault,
            Place::Aws { .. } => Kind::Aws,
            Place::Age { .. } => Kind::Age,
            Place::Sops { .. } => Kind::Sops,
        }
    }

    /// Of a secret in the encrypted file.
    pub fn local_name(&self) -> Option<&str> {
        match &self.place {
            Place::Local { name } => Some(name),
            _ => None,
        }
    }

    /// Whether this machine alone has it, so that nobody need be asked.
    pub fn is_here(&self) -> bool {
        matches!(self.kind(), Kind::Env | Kind::File | Kind::Os)
    }

    /// Stands in for one that is wrong, so that all else can be checked beside it.
    pub fn nowhere() -> Self {
        Self {
            text: "secret://env/".to_owned(),
            place: Place::Env {
                name: String::new(),
            },
        }
    }

    /// Whether a text means to be a reference, right or wrong.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
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

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or(ReferenceError::NotAReference)?;
        let (kind, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let named = |known: &&Kind| known.name() == kind;
        let kind = *Kind::ALL
            .iter()
            .find(named)
            .ok_or(ReferenceError::UnknownKind)?;
        if text.len() > LONGEST {
            return Err(ReferenceError::TooLong);
        }
        if rest.is_empty() {
            return Err(ReferenceError::Empty(kind));
        }
        if rest.chars().any(char::is_control) {
            return Err(ReferenceError::OddCharacter(kind));
        }
        let place = match kind {
            Kind::Env => env(rest)?,
            // An absolute path keeps its slash: secret://file//run/secrets/x
            Kind::File => Place::File { path: rest.into() },
            Kind::Os => Place::Os {
                name: plain_name(Kind::Os, rest)?,
            },
            Kind::Local => Place::Local {
                name: plain_name(Kind::Local, rest)?,
            },
            Kind::Vault => vault(rest)?,
            Kind::Aws => aws(rest)?,
            Kind::Age => age(rest)?,
            Kind::Sops => sops(rest)?,
        };
        Ok(Self {
            text: text.to_owned(),
            place,
        })
    }
}

fn env(rest: &str) -> Result<Place, ReferenceError> {
    if rest.contains('=') {
        return Err(ReferenceError::OddCharacter(Kind::Env));
    }
    Ok(Place::Env {
        name: rest.to_owned(),
    })
}

/// Letters, digits and `._-/`: a name that needs no quotes anywhere.
pub(crate) fn is_local_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    !name.is_empty() && name.len() <= 256 && name.chars().all(plain)
}

fn plain_name(kind: Kind, rest: &str) -> Result<String, ReferenceError> {
    if rest.contains('#') {
        return Err(ReferenceError::FieldNotWanted(kind));
    }
    if !is_local_name(rest) {
        return Err(ReferenceError::OddCharacter(kind));
    }
    Ok(rest.to_owned())
}

fn vault(rest: &str) -> Result<Place, ReferenceError> {
    let no_field = ReferenceError::NoField(Kind::Vault);
    let (where_, field) = rest.split_once('#').ok_or(no_field)?;
    if field.is_empty() {
        return Err(no_field);
    }
    let no_path = ReferenceError::NoPath(Kind::Vault);
    let (mount, path) = where_.split_once('/').ok_or(no_path)?;
    if mount.is_empty() || path.is_empty() {
        return Err(no_path);
    }
    // A mount may itself have slashes; they are written %2F, so that it ends somewhere.
    let mount = mount.replace("%2F", "/").replace("%2f", "/");
    let odd = |part: &str| part.is_empty() || part == "." || part == "..";
    if mount.split('/').chain(path.split('/')).any(odd) {
        return Err(ReferenceError::OddPath(Kind::Vault));
    }
    if mount.contains(['%', '?']) || path.contains(['%', '?']) {
        return Err(ReferenceError::OddCharacter(Kind::Vault));
    }
    Ok(Place::Vault {
        mount,
        path: path.to_owned(),
        field: field.to_owned(),
    })
}

/// What stands before `#`, and the field where there is one.
fn with_field(kind: Kind, rest: &str) -> Result<(&str, Option<String>), ReferenceError> {
    match rest.split_once('#') {
        Some((_, "")) => Err(ReferenceError::NoField(kind)),
        Some(("", _)) => Err(ReferenceError::Empty(kind)),
        Some((name, field)) => Ok((name, Some(field.to_owned()))),
        None => Ok((rest, None)),
    }
}

fn age(rest: &str) -> Result<Place, ReferenceError> {
    let (path, field) = with_field(Kind::Age, rest)?;
    Ok(Place::Age {
        path: path.into(),
        field,
    })
}

fn sops(rest: &str) -> Result<Place, ReferenceError> {
    let (path, field) = with_field(Kind::Sops, rest)?;
    Ok(Place::Sops {
        path: path.into(),
        field: field.ok_or(ReferenceError::NoField(Kind::Sops))?,
    })
}

/// A name or an ARN.
fn aws(rest: &str) -> Result<Place, ReferenceError> {
    let (name, field) = with_field(Kind::Aws, rest)?;
    let known = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-:!".contains(c);
    if !name.chars().all(known) {
        return Err(ReferenceError::OddCharacter(Kind::Aws));
    }
    Ok(Place::Aws {
        name: name.to_owned(),
        field,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(text: &str) -> Place {
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.to_string(), text);
        reference.place
    }

    fn error(text: &str) -> ReferenceError {
        text.parse::<Reference>().unwrap_err()
    }

    #[test]
    fn every_kind_has_its_parts() {
        assert_eq!(
            place("secret://env/KAFKA_PASSWORD"),
            Place::Env {
                name: "KAFKA_PASSWORD".to_owned()
            }
        );
        let file = |path: &str| Place::File { path: path.into() };
        assert_eq!(place("secret://file/a/b"), file("a/b"));
        assert_eq!(
            place("secret://file//run/secrets/x"),
            file("/run/secrets/x")
        );
        assert_eq!(
            place("secret://local/broker/alpha-1"),
            Place::Local {
                name: "broker/alpha-1".to_owned()
            }
        );
        assert_eq!(
            place("secret://vault/team%2Fkv/app/kafka#user.name"),
            Place::Vault {
                mount: "team/kv".to_owned(),
                path: "app/kafka".to_owned(),
                field: "user.name".to_owned()
            }
        );
        let aws = |name: &str, field: Option<&str>| Place::Aws {
            name: name.to_owned(),
            field: field.map(str::to_owned),
        };
        assert_eq!(
            place("secret://aws/prod/db#key"),
            aws("prod/db", Some("key"))
        );
        assert_eq!(place("secret://aws/prod/db"), aws("prod/db", None));
        let age = |path: &str, field: Option<&str>| Place::Age {
            path: path.into(),
            field: field.map(str::to_owned),
        };
        assert_eq!(
            place("secret://age//etc/a.age#b"),
            age("/etc/a.age", Some("b"))
        );
        assert_eq!(place("secret://age/a.age"), age("a.age", None));
        assert_eq!(
            place("secret://sops/a.yaml#b/0/c"),
            Place::Sops {
                path: "a.yaml".into(),
                field: "b/0/c".to_owned()
            }
        );
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";
        assert_eq!(place(&format!("secret://aws/{arn}")), aws(arn, None));
    }

    #[test]
    fn what_is_wrong_is_told_precisely() {
        use ReferenceError as E;
        for (text, expected) in [
            ("hunter2", E::NotAReference),
            ("", E::NotAReference),
            ("Secret://env/X", E::NotAReference),
            ("secret://", E::UnknownKind),
            ("secret://enw/X", E::UnknownKind),
            ("secret://env", E::Empty(Kind::Env)),
            ("secret://env/", E::Empty(Kind::Env)),
            ("secret://env/A=b", E::OddCharacter(Kind::Env)),
            ("secret://file/", E::Empty(Kind::File)),
            ("secret://file/a\nb", E::OddCharacter(Kind::File)),
            ("secret://local/a#b", E::FieldNotWanted(Kind::Local)),
            ("secret://local/a b", E::OddCharacter(Kind::Local)),
            ("secret://vault/kv/app", E::NoField(Kind::Vault)),
            ("secret://vault/kv/app#", E::NoField(Kind::Vault)),
            ("secret://vault/kv#f", E::NoPath(Kind::Vault)),
            ("secret://vault/kv/#f", E::NoPath(Kind::Vault)),
            ("secret://vault/kv/a//b#f", E::OddPath(Kind::Vault)),
            ("secret://vault/kv/../sys#f", E::OddPath(Kind::Vault)),
            ("secret://vault/..%2Fx/a#f", E::OddPath(Kind::Vault)),
            ("secret://vault/kv/a?list=1#f", E::OddCharacter(Kind::Vault)),
            ("secret://aws/#f", E::Empty(Kind::Aws)),
            ("secret://aws/a#", E::NoField(Kind::Aws)),
            ("secret://age/#f", E::Empty(Kind::Age)),
            ("secret://sops/#f", E::Empty(Kind::Sops)),
            ("secret://sops/a.yaml", E::NoField(Kind::Sops)),
            ("secret://sops/a.yaml#", E::NoField(Kind::Sops)),
            ("secret://aws/a b", E::OddCharacter(Kind::Aws)),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
        let long = format!("secret://env/{}", "x".repeat(LONGEST));
        assert_eq!(error(&long), E::TooLong);
    }

    proptest! {
        #[test]
        fn no_error_repeats_what_was_written(text in "(secret://(env|vault|aws|age|sops|local|file|x)?/?)?[!-~]{6,40}") {
            if let Err(error) = text.parse::<Reference>() {
                let shown = format!("{error} {error:?}");
                let own = text.trim_start_matches("secret://");
                for window in own.as_bytes().windows(6) {
                    let part = String::from_utf8_lossy(window).into_owned();
                    let is_form = Kind::ALL.iter().any(|kind| kind.form().contains(&part));
                    prop_assert!(is_form || !shown.contains(&part), "{}", shown);
                }
            }
        }

        #[test]
        fn parsing_never_panics(text in ".{0,60}") {
            let _either = text.parse::<Reference>();
            let _either = format!("secret://vault/{text}").parse::<Reference>();
        }
    }
}
