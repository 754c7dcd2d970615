//! Where downloads and small helpers live.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::StackError;

/// `$TAPELINE_CACHE`, else `$XDG_CACHE_HOME/tapeline`, else `~/.cache/tapeline`.
pub fn cache_dir() -> Result<PathBuf, StackError> {
    cache_dir_from(|name| std::env::var_os(name))
}

fn cache_dir_from(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, StackError> {
    let set = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("TAPELINE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|dir| dir.join("tapeline")))
        .or_else(|| set("HOME").map(|dir| dir.join(".cache/tapeline")))
        .ok_or(StackError::NoCacheFolder)
}

/// Finds a program on PATH.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|dir| dir.join(program))
        .find(|path| path.is_file())
}

/// The last lines of a log, at most `lines`, without reading a large file.
pub(crate) fn tail(path: &Path, lines: usize) -> String {
    const WINDOW: u64 = 16 * 1024;
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(WINDOW)))?;
        let mut bytes = Vec::new();
        file.take(WINDOW).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) => {
            let all: Vec<&str> = text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .collect();
            all[all.len().saturating_sub(lines)..].join("\n")
        }
        Err(error) => format!("(no log: {error})"),
    }
}

/// Free megabytes for an unprivileged user in the file system that holds `path`.
pub fn free_mb(path: &Path) -> std::io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize) / (1024 * 1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&str, &str)]) -> Result<PathBuf, StackError> {
        cache_dir_from(move |name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.into())
        })
    }

    #[test]
    fn the_cache_folder_follows_the_usual_order() {
        assert_eq!(
            with(&[("TAPELINE_CACHE", "/a"), ("HOME", "/h")]).unwrap(),
            Path::new("/a")
        );
        assert_eq!(
            with(&[("XDG_CACHE_HOME", "/x")]).unwrap(),
            Path::new("/x/tapeline")
        );
        assert_eq!(
            with(&[("TAPELINE_CACHE", ""), ("HOME", "/h")]).unwrap(),
            Path::new("/h/.cache/tapeline")
        );
        assert!(matches!(with(&[]), Err(StackError::NoCacheFolder)));
    }

    #[test]
    fn tail_gives_the_last_lines_only() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        std::fs::write(&log, "one\ntwo\n\nthree\n").unwrap();
        assert_eq!(tail(&log, 2), "two\nthree");
    }
}
