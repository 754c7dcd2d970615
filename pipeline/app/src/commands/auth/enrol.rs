//! The seed of an account's codes, from what the venue shows.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;
use tapeline_auth::mfa::{Form, LARGEST_QR_IMAGE, Seed, read_qr_image};
use tapeline_secrets::{LocalFile, Reference, Secret};

use crate::cli::AuthEnrol;
use crate::commands::secrets::{failure, local_file, prompt};
use crate::config::Config;
use crate::console;
use crate::failure::Failure;
use crate::publish::now;

/// Of addresses and of exports.
const SCHEME: &str = "otpauth";

pub(super) fn run(config: &Config, arguments: &AuthEnrol) -> Result<(), Failure> {
    if let Some(uri) = &arguments.uri {
        refuse_argument(uri)?;
    }
    let place = Place::of(config, &arguments.account)?;
    place.look(arguments.force)?;
    let text = match &arguments.qr {
        Some(picture) => shown_in(picture)?,
        None => prompt::secret("the otpauth:// address or the seed")?,
    };
    let wrong = |error| Failure::CheckFailed(format!("{}: {error}", source(arguments)));
    Seed::parse(text.expose()).map_err(wrong)?;
    let version = place.file.set(&place.name, &text).map_err(failure)?;
    // What the login will read, and not what was handed over.
    let stored = config.secrets.lookup()?.get(&place.reference);
    let stored = stored.map_err(failure)?;
    let seed = Seed::parse(stored.secret.expose()).map_err(wrong)?;
    tell(&place, version, &seed, arguments)
}

/// Where the configuration has the seed of an account.
struct Place {
    reference: Reference,
    name: String,
    file: LocalFile,
}

impl Place {
    fn of(config: &Config, account: &str) -> Result<Self, Failure> {
        let login = config.logins.iter().find(|login| login.account == account);
        let login = login.ok_or_else(|| super::nobody(config, account))?;
        if login.totp.is_empty() {
            return Err(Failure::Usage(format!(
                "the login of {account} takes no codes by time; write totp = \"secret://local/NAME\" into it"
            )));
        }
        let reference: Reference = login.totp.parse()?;
        let Some(name) = reference.local_name() else {
            return Err(Failure::Usage(format!(
                "{reference} is not written by Tapeline: store the text of the QR code there, all of \
                 the otpauth:// address, or give {account} totp = \"secret://local/NAME\""
            )));
        };
        Ok(Self {
            name: name.to_owned(),
            file: local_file(config)?,
            reference,
        })
    }

    /// Before anybody shows a seed.
    fn look(&self, may_replace: bool) -> Result<(), Failure> {
        let held = self.file.version(&self.name).map_err(failure)?;
        match held {
            Some(version) if !may_replace => Err(Failure::Usage(format!(
                "{} is there already (version {version}); replace it with --force, and the codes of \
                 before count no more",
                self.reference
            ))),
            _ => Ok(()),
        }
    }
}

fn source(arguments: &AuthEnrol) -> String {
    match &arguments.qr {
        Some(picture) => format!("the QR code in {}", picture.display()),
        None => "standard input".to_owned(),
    }
}

fn shown_in(picture: &Path) -> Result<Secret, Failure> {
    let told = |wrong: &dyn std::fmt::Display| format!("{}: {wrong}", picture.display());
    let unread = |error: std::io::Error| Failure::Usage(told(&error));
    let file = File::open(picture).map_err(unread)?;
    if !file.metadata().map_err(unread)?.is_file() {
        return Err(Failure::Usage(told(&"it is no regular file")));
    }
    let mut bytes = Vec::new();
    let mut bounded = file.take(LARGEST_QR_IMAGE + 1);
    bounded.read_to_end(&mut bytes).map_err(unread)?;
    let text = read_qr_image(&bytes).map_err(|wrong| Failure::CheckFailed(told(&wrong)))?;
    // Letters that happen to be base32 are no seed when they stand in a QR code.
    let start = text.expose().trim_start().get(..SCHEME.len());
    if !start.is_some_and(|start| start.eq_ignore_ascii_case(SCHEME)) {
        let wrong = "the QR code holds no otpauth:// address; have the venue show the one for an \
                     authenticator app";
        return Err(Failure::CheckFailed(told(&wrong)));
    }
    Ok(text)
}

fn refuse_argument(uri: &str) -> Result<(), Failure> {
    if uri == "-" {
        return Ok(());
    }
    let message = "--uri takes nothing but `-`, and reads standard input: an address on the command \
                   line stays in the shell's history. If you typed one, take it out of there, or \
                   have the venue make another";
    Err(Failure::Usage(message.to_owned()))
}

/// What was stored, without the seed.
#[derive(Serialize)]
struct Enrolled<'a> {
    account: &'a str,
    reference: String,
    version: u64,
    issuer: String,
    name: String,
    algorithm: &'static str,
    digits: u8,
    period_seconds: u64,
    /// The one place where codes are shown: the venue asks the person who enrols for one.
    code: &'a str,
    seconds_left: u64,
    next_code: &'a str,
}

fn tell(place: &Place, version: u64, seed: &Seed, arguments: &AuthEnrol) -> Result<(), Failure> {
    let form = seed.form();
    let (code, left, next) = seed.for_person(now());
    if let Some(picture) = &arguments.qr {
        console::say(format!("delete {}: it shows the seed", picture.display()));
    }
    if arguments.json {
        return console::json(&Enrolled {
            account: &arguments.account,
            reference: place.reference.to_string(),
            version,
            issuer: form.issuer,
            name: form.name,
            algorithm: form.algorithm,
            digits: form.digits,
            period_seconds: form.period,
            code: code.expose(),
            seconds_left: left,
            next_code: next.expose(),
        });
    }
    console::line(format!(
        "{} holds version {version} of {}",
        place.file.path().display(),
        place.reference
    ));
    console::line(described(&form));
    let (code, next) = (code.expose(), next.expose());
    console::line(format!("code: {code} for {left} s, then {next}"));
    console::say("What runs takes the seed when the role `connectors` is started again.");
    Ok(())
}

fn described(form: &Form) -> String {
    let known = [&form.issuer, &form.name];
    let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
    let whose = known.into_iter().filter(|part| !part.is_empty());
    let whose = whose.collect::<Vec<_>>().join(", ");
    let whose = if whose.is_empty() {
        String::new()
    } else {
        format!("{whose}: ")
    };
    format!(
        "{whose}{} digits every {} s, by {}",
        form.digits, form.period, form.algorithm
    )
}
