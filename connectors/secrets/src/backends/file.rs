use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::{Backend, on_a_thread};
use crate::error::{Category, SecretError};
use crate::fetch::{Fetch, Fetched, Fetching};
use crate::file_stamp::FileStamp;
use crate::reference::{Location, Reference, Syntax};
use crate::secret::Secret;

const LONGEST: u64 = 1 << 20;

pub(super) static BACKEND: Backend = Backend {
    syntax: Syntax {
        name: "file",
        form: "secret://file/PATH",
        section: "file",
        // An absolute path keeps its slash: secret://file//run/secrets/x
        parse: |_, rest| Ok(Location::named(rest)),
    },
    read_here: Some(read),
    open: |_| Ok(Some(Box::new(Files))),
};

struct Files;

impl Fetch for Files {
    fn fetch<'a>(&'a self, reference: &'a Reference) -> Fetching<'a> {
        let reference = reference.clone();
        on_a_thread(move || read(&reference))
    }

    fn stamp(&self, reference: &Reference) -> Option<FileStamp> {
        FileStamp::of(path_of(reference))
    }
}

/// Of a reference that leads to a file.
pub(super) fn path_of(reference: &Reference) -> &Path {
    Path::new(&reference.location().name)
}

fn read(reference: &Reference) -> Result<Fetched, SecretError> {
    let path = path_of(reference);
    let (bytes, modified) = read_bytes(reference, path)?;
    let text = text_of(bytes).map_err(|error| explain(reference, path, &error))?;
    let mut fetched = Fetched::new(Secret::from_line(text));
    fetched.since = modified;
    Ok(fetched)
}

pub(super) fn read_bytes(reference: &Reference, path: &Path) -> Result<Contents, SecretError> {
    read_bounded(path).map_err(|error| explain(reference, path, &error))
}

/// The text of a file that is read for its own sake, not by a reference.
pub(super) fn read_text(path: &Path) -> std::io::Result<String> {
    text_of(read_bounded(path)?.0)
}

/// And when it was written.
type Contents = (Zeroizing<Vec<u8>>, Option<SystemTime>);

fn read_bounded(path: &Path) -> std::io::Result<Contents> {
    let metadata = std::fs::metadata(path)?;
    // A pipe could be waited for without end.
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    if metadata.len() > LONGEST {
        return Err(std::io::Error::other("it is longer than 1 MiB"));
    }
    // As long as the file from the start: a buffer that grows leaves copies behind.
    let room = usize::try_from(metadata.len()).unwrap_or(0) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok((bytes, metadata.modified().ok()))
}

/// The same bytes, not a copy.
fn text_of(mut bytes: Zeroizing<Vec<u8>>) -> std::io::Result<String> {
    if std::str::from_utf8(&bytes).is_err() {
        let error = std::io::Error::new(ErrorKind::InvalidData, "it is not UTF-8 text");
        return Err(error);
    }
    String::from_utf8(std::mem::take(&mut *bytes)).map_err(std::io::Error::other)
}

fn explain(reference: &Reference, path: &Path, error: &std::io::Error) -> SecretError {
    let (category, remedy) = match error.kind() {
        ErrorKind::NotFound => (
            Category::NotFound,
            "see whether it is mounted; an absolute path keeps its slash: secret://file//run/x",
        ),
        ErrorKind::PermissionDenied => (Category::Forbidden, "let this user read it"),
        ErrorKind::InvalidData => (Category::Damaged, "write UTF-8 text into it"),
        _ => (
            Category::BadReference,
            "name a file that holds the secret alone",
        ),
    };
    let what = format!("the file {} cannot be read: {error}", path.display());
    SecretError::new(category, reference, what, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(path: &Path) -> Reference {
        format!("secret://file/{}", path.display()).parse().unwrap()
    }

    fn read_path(path: &Path) -> Result<Fetched, SecretError> {
        read(&reference(path))
    }

    #[test]
    fn a_file_is_read_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "s3cret\r\n").unwrap();
        let fetched = read_path(&path).unwrap();
        assert_eq!(fetched.secret.expose(), "s3cret");
        assert!(fetched.since.is_some());
        let before = FileStamp::of(&path);
        std::fs::write(folder.path().join("y"), "s3cret\r\n").unwrap();
        std::fs::rename(folder.path().join("y"), &path).unwrap();
        assert_ne!(FileStamp::of(&path), before);
    }

    #[test]
    fn what_cannot_be_read_is_explained() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let category = |path: &Path| read_path(path).unwrap_err().category;
        assert_eq!(category(&path), Category::NotFound);
        assert_eq!(category(folder.path()), Category::BadReference);
        std::fs::write(&path, b"\xff\xfecanary").unwrap();
        let error = read_path(&path).unwrap_err();
        assert_eq!(error.category, Category::Damaged);
        assert!(!error.to_string().contains("canary"));
        std::fs::write(&path, "x".repeat(2 << 20)).unwrap();
        assert!(read_path(&path).unwrap_err().to_string().contains("1 MiB"));
    }
}
