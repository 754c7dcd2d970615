//! Where secrets can be: a file a backend, and its line in [`secret_backends!`](crate::secret_backends).

mod age;
mod aws;
mod env;
mod file;
pub(crate) mod local;
pub(crate) mod os;
mod section;
mod sops;
mod vault;

use std::collections::HashMap;
use std::str::FromStr;
use std::time::SystemTime;

use crate::document::NoField;
use crate::error::{Category, SecretError};
use crate::fetch::{Fetch, Fetched, Fetching};
use crate::file_stamp::FileStamp;
use crate::reference::{Kind, Kinds, LONGEST, Reference, ReferenceError, SCHEME, Syntax};
use crate::secret::Secret;
use crate::timing::Timing;

pub use section::{ReferenceParser, Section};
pub use vault::{VaultAuth, VaultLogin};

/// Hands every backend to the macro named: its module, and for one with settings, its section of
/// `[secrets]` and what follows from it.
#[macro_export]
macro_rules! secret_backends {
    ($then:ident) => {
        $then! {
            env
            file
            os
            local { LocalSection => LocalSettings }
            vault { VaultSection => VaultSettings }
            aws { AwsSection => AwsSettings }
            age { AgeSection => AgeSettings }
            sops
        }
    };
}

/// What a backend declares.
struct Backend {
    syntax: Syntax,
    /// Without waiting for anybody, where this machine alone has the secrets.
    read_here: Option<ReadHere>,
    /// None where nothing is configured for it. Asks nobody yet.
    open: fn(&Settings) -> Result<Opened, SecretError>,
}

type Opened = Option<Box<dyn Fetch>>;
type ReadHere = fn(&Reference) -> Result<Fetched, SecretError>;

macro_rules! backends {
    ($($module:ident $({ $section:ident => $settings:ident })?)*) => {
        const BACKENDS: &[&Backend] = &[$(&$module::BACKEND),*];
        const KINDS: &[Kind] = &[$(Kind(&$module::BACKEND.syntax)),*];

        $($(pub use $module::{$section, $settings};)?)*

        /// Where secrets are and for how long they count. A backend that has no settings here
        /// cannot be asked.
        #[derive(Debug, Clone, Default)]
        pub struct Settings {
            pub timing: Timing,
            $($(pub $module: Option<$settings>,)?)*
        }

        impl Settings {
            /// What is wrong, by key. Pure: looks nothing up.
            pub fn faults(&self) -> Vec<(&'static str, String)> {
                let mut faults = self.timing.faults();
                $($(
                    let settings: Option<&$settings> = self.$module.as_ref();
                    if let Some(settings) = settings {
                        settings.faults(&mut faults);
                    }
                )?)*
                faults
            }
        }
    };
}

secret_backends!(backends);

impl Kind {
    pub const ALL: &[Self] = KINDS;

    fn backend(self) -> Option<&'static Backend> {
        let mut all = BACKENDS.iter().copied();
        all.find(|backend| backend.syntax.name == self.name())
    }
}

impl Reference {
    /// Whether this machine alone has it, so that nobody need be asked.
    pub fn is_here(&self) -> bool {
        let backend = self.kind().backend();
        backend.is_some_and(|backend| backend.read_here.is_some())
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or(ReferenceError::NotAReference)?;
        let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let kind = KINDS.iter().copied().find(|kind| kind.name() == name);
        let kind = kind.ok_or(ReferenceError::UnknownKind(Kinds(KINDS)))?;
        if text.len() > LONGEST {
            return Err(ReferenceError::TooLong);
        }
        if rest.is_empty() {
            return Err(ReferenceError::Empty(kind));
        }
        if rest.chars().any(char::is_control) {
            return Err(ReferenceError::OddCharacter(kind));
        }
        let location = (kind.0.parse)(kind, rest)?;
        Ok(Self::new(text, kind, location))
    }
}

/// Those that are configured.
pub(crate) struct Backends(HashMap<&'static str, Box<dyn Fetch>>);

impl Backends {
    pub fn new(settings: &Settings) -> Result<Self, SecretError> {
        let mut opened = HashMap::new();
        for backend in BACKENDS {
            if let Some(fetch) = (backend.open)(settings)? {
                opened.insert(backend.syntax.name, fetch);
            }
        }
        Ok(Self(opened))
    }

    fn of(&self, reference: &Reference) -> Option<&dyn Fetch> {
        self.0.get(reference.kind().name()).map(|fetch| &**fetch)
    }
}

impl Fetch for Backends {
    fn fetch<'a>(&'a self, reference: &'a Reference) -> Fetching<'a> {
        match self.of(reference) {
            Some(backend) => backend.fetch(reference),
            None => Box::pin(std::future::ready(Err(not_configured(reference)))),
        }
    }

    fn stamp(&self, reference: &Reference) -> Option<FileStamp> {
        self.of(reference)?.stamp(reference)
    }
}

/// Looks up what is on this machine, without waiting for anybody: references
/// to environment variables, files and what the operating system keeps.
pub fn read_here(reference: &Reference) -> Result<Secret, SecretError> {
    let backend = reference.kind().backend();
    let Some(read) = backend.and_then(|backend| backend.read_here) else {
        return Err(SecretError::new(
            Category::BadReference,
            reference,
            "it must be looked up on this machine alone",
            "write secret://env/NAME, secret://file/PATH or secret://os/NAME",
        ));
    };
    read(reference).map(|fetched| fetched.secret)
}

/// Reads at once, since nobody has to be waited for.
struct AtOnce(ReadHere);

impl Fetch for AtOnce {
    fn fetch<'a>(&'a self, reference: &'a Reference) -> Fetching<'a> {
        Box::pin(std::future::ready((self.0)(reference)))
    }
}

/// Reads on a thread that nobody waits on, since it takes a while.
fn on_a_thread<'a>(
    read: impl FnOnce() -> Result<Fetched, SecretError> + Send + 'static,
) -> Fetching<'a> {
    Box::pin(async {
        tokio::task::spawn_blocking(read).await.map_err(|_| {
            SecretError::new(
                Category::Unreachable,
                "this process",
                "it is ending or its reader panicked",
                "see what it said before",
            )
        })?
    })
}

fn not_configured(reference: &Reference) -> SecretError {
    let kind = reference.kind();
    SecretError::new(
        Category::BadReference,
        reference,
        format!("nothing is configured for {}", kind.name()),
        format!("fill in [secrets.{}]", kind.section()),
    )
}

/// Of a secret that should be a JSON object.
fn explain_field(reference: &Reference, name: &str, why: NoField) -> SecretError {
    let (category, what, remedy) = match why {
        NoField::NoObject => (
            Category::BadReference,
            "the secret is no JSON object, so it has no fields".to_owned(),
            "leave `#FIELD` out of the reference",
        ),
        NoField::Missing => (
            Category::NotFound,
            format!("the secret has no field `{name}`"),
            "name one that it has",
        ),
        NoField::NoText => (
            Category::BadReference,
            format!("the field `{name}` is a list or an object"),
            "name a field that is a text",
        ),
    };
    SecretError::new(category, reference, what, remedy)
}

/// Of a time as seconds since 1970.
fn time_of(seconds: u64) -> SystemTime {
    let time = SystemTime::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds));
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Seconds since 1970.
fn now_seconds() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod reference_tests;
#[cfg(test)]
mod settings_tests;
