//! Secrets are references, looked up when they are needed.

use super::faults::Fault;

const ENV: &str = "secret://env/";
const FILE: &str = "secret://file/";

/// What is wrong with a value that must be empty or a reference. Never shows it.
pub(super) fn fault_of_reference(value: &str) -> Option<String> {
    let name = value.strip_prefix(ENV).or_else(|| value.strip_prefix(FILE));
    match name {
        Some("") => Some("the reference names nothing; write secret://env/NAME".to_owned()),
        None if !value.is_empty() => Some(
            "a secret does not belong into the configuration: \
             write secret://env/NAME or secret://file/PATH"
                .to_owned(),
        ),
        _ => None,
    }
}

/// Empty stays empty.
pub(super) fn resolve_reference(key: &str, value: &str) -> Result<String, Fault> {
    match fault_of_reference(value) {
        Some(message) => Err(Fault::new(key, message)),
        None => resolve_if_reference(key, value),
    }
}

pub(super) fn resolve_if_reference(key: &str, value: &str) -> Result<String, Fault> {
    if let Some(name) = value.strip_prefix(ENV) {
        return std::env::var(name)
            .map_err(|_| Fault::new(key, format!("the environment variable {name} is not set")));
    }
    if let Some(path) = value.strip_prefix(FILE) {
        // An absolute path keeps its slash: secret://file//run/secrets/x
        let content = std::fs::read_to_string(path)
            .map_err(|error| Fault::new(key, format!("the file {path} cannot be read: {error}")))?;
        return Ok(content.trim_end_matches(['\n', '\r']).to_owned());
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_written_out_is_refused_without_being_shown() {
        let fault = resolve_reference("clickhouse.password", "hunter2").unwrap_err();
        assert!(!fault.to_string().contains("hunter2"));
        assert!(fault.to_string().starts_with("clickhouse.password: "));
        assert!(resolve_reference("k", "secret://env/").is_err());
    }

    #[test]
    fn references_lead_to_files_and_a_trailing_newline_is_no_part_of_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret\n").unwrap();
        let reference = format!("{FILE}{}", file.path().display());
        assert_eq!(resolve_reference("k", &reference).unwrap(), "s3cret");
        let fault = resolve_reference("k", "secret://file/no/such/file").unwrap_err();
        assert!(fault.message.contains("no/such/file"));
        let fault = resolve_reference("k", "secret://env/TAPELINE_NO_SUCH_VARIABLE").unwrap_err();
        assert!(
            fault
                .message
                .contains("TAPELINE_NO_SUCH_VARIABLE is not set")
        );
    }

    #[test]
    fn nothing_is_no_secret() {
        assert_eq!(resolve_reference("k", "").unwrap(), "");
    }
}
