//! The places where secrets are.

mod age;
mod aws;
mod env;
mod file;
pub(crate) mod local;
pub(crate) mod os;
mod sops;
mod vault;

use std::sync::Arc;
use std::time::SystemTime;

use crate::document::NoField;
use crate::error::{Category, SecretError};
use crate::fetch::{Fetch, Fetched, Fetching};
use crate::file_stamp::FileStamp;
use crate::reference::{Place, Reference};
use crate::secret::Secret;
use crate::settings::{AgeSettings, Settings};
use aws::Aws;
use local::LocalFile;
use vault::Vault;

/// One of each kind that has settings.
pub(crate) struct Backends {
    local: Option<Arc<LocalFile>>,
    vault: Option<Arc<Vault>>,
    aws: Option<Aws>,
    age: Option<AgeSettings>,
}

impl Backends {
    pub fn new(settings: &Settings) -> Result<Self, SecretError> {
        Ok(Self {
            local: settings.local.clone().map(|s| Arc::new(LocalFile::new(s))),
            vault: settings.vault.clone().map(Vault::new).transpose()?,
            aws: settings.aws.clone().map(Aws::new).transpose()?,
            age: settings.age.clone(),
        })
    }

    async fn fetch(&self, reference: &Reference) -> Result<Fetched, SecretError> {
        match reference.place() {
            Place::Env { .. } | Place::Os { .. } => here(reference),
            Place::File { .. } => {
                let reference = reference.clone();
                aside(move || here(&reference)).await
            }
            Place::Local { name } => {
                let file = Arc::clone(configured(reference, self.local.as_ref())?);
                let (reference, name) = (reference.clone(), name.clone());
                // The key takes a tenth of a second of computing.
                aside(move || file.read(&reference, &name)).await
            }
            Place::Vault { mount, path, field } => {
                let vault = configured(reference, self.vault.as_ref())?;
                vault.read(reference, mount, path, field).await
            }
            Place::Aws { name, field } => {
                let aws = configured(reference, self.aws.as_ref())?;
                aws.read(reference, name, field.as_deref()).await
            }
            Place::Age { path, field } => {
                let settings = configured(reference, self.age.as_ref())?.clone();
                let (reference, path) = (reference.clone(), path.clone());
                let field = field.clone();
                aside(move || age::read(&settings, &reference, &path, field.as_deref())).await
            }
            Place::Sops { path, field } => {
                let settings = configured(reference, self.age.as_ref())?.clone();
                let (reference, path) = (reference.clone(), path.clone());
                let field = field.clone();
                aside(move || sops::read(&settings, &reference, &path, &field)).await
            }
        }
    }
}

impl Fetch for Backends {
    fn fetch<'a>(&'a self, reference: &'a Reference) -> Fetching<'a> {
        Box::pin(self.fetch(reference))
    }

    fn stamp(&self, reference: &Reference) -> Option<FileStamp> {
        match reference.place() {
            Place::File { path } | Place::Age { path, .. } | Place::Sops { path, .. } => {
                FileStamp::of(path)
            }
            Place::Local { .. } => FileStamp::of(self.local.as_ref()?.path()),
            Place::Env { .. } | Place::Os { .. } | Place::Vault { .. } | Place::Aws { .. } => None,
        }
    }
}

/// Looks up what is on this machine, without waiting for anybody: references
/// to environment variables, files and what the operating system keeps.
pub fn read_here(reference: &Reference) -> Result<Secret, SecretError> {
    here(reference).map(|fetched| fetched.secret)
}

fn here(reference: &Reference) -> Result<Fetched, SecretError> {
    match reference.place() {
        Place::Env { name } => env::read(reference, name),
        Place::File { path } => file::read(reference, path),
        Place::Os { name } => os::read(reference, name),
        Place::Local { .. }
        | Place::Vault { .. }
        | Place::Aws { .. }
        | Place::Age { .. }
        | Place::Sops { .. } => Err(SecretError::new(
            Category::BadReference,
            reference,
            "it must be looked up on this machine alone",
            "write secret://env/NAME, secret://file/PATH or secret://os/NAME",
        )),
    }
}

/// Off the threads that others wait on.
async fn aside(
    read: impl FnOnce() -> Result<Fetched, SecretError> + Send + 'static,
) -> Result<Fetched, SecretError> {
    tokio::task::spawn_blocking(read).await.map_err(|_| {
        SecretError::new(
            Category::Unreachable,
            "this process",
            "it is ending or its reader panicked",
            "see what it said before",
        )
    })?
}

fn configured<'a, B>(reference: &Reference, backend: Option<&'a B>) -> Result<&'a B, SecretError> {
    backend.ok_or_else(|| {
        let kind = reference.kind();
        SecretError::new(
            Category::BadReference,
            reference,
            format!("nothing is configured for {}", kind.name()),
            format!("fill in [secrets.{}]", kind.section()),
        )
    })
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
