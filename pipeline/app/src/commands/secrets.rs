pub(super) mod prompt;

use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use tapeline_secrets::{Category, LocalFile, Reference, SecretError, read_here};

use crate::cli;
use crate::config::Config;
use crate::console;
use crate::failure::Failure;

pub(super) fn run(config: &Config, action: &cli::Secrets) -> Result<(), Failure> {
    let mut telemetry = config.telemetry.clone();
    if telemetry.log == "info" {
        // Each failure is this command's result already.
        "error".clone_into(&mut telemetry.log);
    }
    crate::telemetry::init_logs(&telemetry);
    match action {
        cli::Secrets::Check { json } => check(config, *json),
        cli::Secrets::Set(arguments) if arguments.os => set_in_os(&arguments.name),
        cli::Secrets::Set(arguments) => set(config, &arguments.name),
        cli::Secrets::Get(arguments) => get(config, arguments),
        cli::Secrets::Rotate(arguments) => rotate(config, &arguments.to.parse()?),
    }
}

/// One reference, and whether it leads to a secret.
#[derive(Serialize)]
struct Checked {
    /// Where it stands in the configuration.
    keys: Vec<String>,
    reference: String,
    ok: bool,
    ms: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'static str>,
    /// What is wrong and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

fn check(config: &Config, json: bool) -> Result<(), Failure> {
    let lookup = config.secrets.lookup()?;
    let mut checked = Vec::new();
    for (reference, keys) in config.keys_by_reference() {
        let begun = Instant::now();
        let outcome = lookup.get(&reference);
        let error = outcome.err();
        checked.push(Checked {
            keys,
            reference: reference.to_string(),
            ok: error.is_none(),
            ms: begun.elapsed().as_millis(),
            category: error.as_ref().map(|error| error.category.name()),
            problem: error.map(|error| format!("{}; {}", error.what, error.remedy)),
        });
    }
    let failed = checked.iter().filter(|checked| !checked.ok).count();
    if json {
        console::json(&checked)?;
    } else if checked.is_empty() {
        console::line("the configuration has no references");
    } else {
        show(&checked);
    }
    if failed == 0 {
        return Ok(());
    }
    let total = console::count(checked.len(), "reference");
    Err(Failure::CheckFailed(format!(
        "{failed} of {total} lead to nothing"
    )))
}

fn show(checked: &[Checked]) {
    let row = |checked: &Checked| {
        let mark = if checked.ok { "ok" } else { "FAILED" };
        vec![
            mark.to_owned(),
            checked.ms.to_string(),
            checked.reference.clone(),
            checked.keys.join(", "),
        ]
    };
    let rows: Vec<Vec<String>> = checked.iter().map(row).collect();
    console::table(&["", "MS", "REFERENCE", "KEY"], &rows);
    for checked in checked {
        if let Some(problem) = &checked.problem {
            console::line(format!("{}: {problem}", checked.reference));
        }
    }
}

fn set(config: &Config, name: &str) -> Result<(), Failure> {
    let file = local_file(config)?;
    let secret = prompt::secret(name)?;
    let version = file.set(name, &secret).map_err(failure)?;
    console::line(format!(
        "{} holds version {version} of secret://local/{name}",
        file.path().display()
    ));
    Ok(())
}

fn set_in_os(name: &str) -> Result<(), Failure> {
    let secret = prompt::secret(name)?;
    let reference = tapeline_secrets::keep_in_os(name, &secret).map_err(failure)?;
    console::line(format!(
        "the kernel keeps {reference} until the machine is switched off"
    ));
    Ok(())
}

/// A secret without anything of it.
#[derive(Serialize)]
struct Masked {
    reference: String,
    /// In characters.
    length: usize,
    version: Option<String>,
    age_seconds: u64,
}

fn get(config: &Config, arguments: &cli::SecretsGet) -> Result<(), Failure> {
    let reference: Reference = arguments.reference.parse()?;
    let value = config.secrets.lookup()?.get(&reference).map_err(failure)?;
    if arguments.show {
        console::line(value.secret.expose());
        return Ok(());
    }
    let age = SystemTime::now().duration_since(value.since);
    let masked = Masked {
        reference: reference.to_string(),
        length: value.secret.expose().chars().count(),
        version: Some(value.version).filter(|version| !version.is_empty()),
        age_seconds: age.unwrap_or_default().as_secs(),
    };
    if arguments.json {
        return console::json(&masked);
    }
    let version = masked.version.as_deref().unwrap_or("unknown");
    let age = humantime::format_duration(Duration::from_secs(masked.age_seconds));
    let length = console::count(masked.length, "character");
    console::line(format!(
        "{reference}: {length}, version {version}, {age} old"
    ));
    Ok(())
}

fn rotate(config: &Config, to: &Reference) -> Result<(), Failure> {
    let file = local_file(config)?;
    let count = file.rotate(to).map_err(failure)?;
    console::line(format!(
        "{} of {} are encrypted under {to} now; set secrets.local.passphrase to it",
        console::count(count, "secret"),
        file.path().display()
    ));
    Ok(())
}

pub(super) fn local_file(config: &Config) -> Result<LocalFile, Failure> {
    let settings = config.secrets.settings()?;
    let Some(local) = settings.local else {
        let message = "secrets.local.passphrase: there is no encrypted file without one; \
             write secret://env/NAME, secret://file/PATH or secret://os/NAME";
        return Err(Failure::Usage(message.to_owned()));
    };
    // Before anybody types a secret.
    read_here(&local.passphrase).map_err(failure)?;
    Ok(LocalFile::new(local))
}

pub(super) fn failure(error: SecretError) -> Failure {
    match error.category {
        Category::Unreachable => Failure::External(error.to_string()),
        Category::BadReference => Failure::Usage(error.to_string()),
        _ => Failure::CheckFailed(error.to_string()),
    }
}
