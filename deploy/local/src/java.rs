//! Finding a Java runtime that can run Kafka.

use std::path::PathBuf;
use std::process::Command;

use crate::error::StackError;
use crate::paths::on_path;

const OLDEST: u32 = 17;

#[derive(Debug, Clone)]
pub struct Java {
    pub path: PathBuf,
    pub version: String,
}

/// `TAPELINE_JAVA`, then `JAVA_HOME`, then PATH; refused when older than 17.
pub fn find_java() -> Result<Java, StackError> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let path = set("TAPELINE_JAVA")
        .or_else(|| {
            set("JAVA_HOME")
                .map(|home| home.join("bin/java"))
                .filter(|path| path.is_file())
        })
        .or_else(|| on_path("java"))
        .ok_or(StackError::JavaMissing)?;
    let output = Command::new(&path)
        .arg("-version")
        .output()
        .map_err(|_| StackError::JavaMissing)?;
    let text = String::from_utf8_lossy(&output.stderr);
    let version = version_of(&text).unwrap_or_else(|| "unknown".to_owned());
    match major(&version) {
        Some(number) if number >= OLDEST => Ok(Java { path, version }),
        _ => Err(StackError::JavaTooOld {
            path,
            found: version,
        }),
    }
}

/// The quoted version in the first line of `java -version`.
fn version_of(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.contains("version \""))?;
    line.split('"').nth(1).map(str::to_owned)
}

/// `17.0.15` is 17, and `1.8.0_402` is 8.
fn major(version: &str) -> Option<u32> {
    let mut parts = version.split(['.', '_', '-', '+']).map(str::parse::<u32>);
    match parts.next()?.ok()? {
        1 => parts.next()?.ok(),
        number => Some(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_old_and_new_are_understood() {
        let banner = "Picked up JAVA_TOOL_OPTIONS: x\nopenjdk version \"17.0.15\" 2025-04-15\n";
        assert_eq!(version_of(banner).as_deref(), Some("17.0.15"));
        assert_eq!(major("17.0.15"), Some(17));
        assert_eq!(major("21-ea"), Some(21));
        assert_eq!(major("1.8.0_402"), Some(8));
        assert_eq!(major("unknown"), None);
    }
}
