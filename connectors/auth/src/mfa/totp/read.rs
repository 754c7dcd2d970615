//! Seeds as venues show them.

use percent_encoding::percent_decode_str;
use thiserror::Error;
use totp_rs::{Builder, Secret, Totp, TotpError};
use zeroize::Zeroizing;

/// No venue changes its codes more seldom.
const LONGEST_PERIOD: u64 = 3600;

/// Never repeats what was given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SeedError {
    #[error("the seed is neither base32 (A to Z, 2 to 7) nor an otpauth:// address")]
    NotASeed,
    #[error(
        "its codes are counted (hotp), not made by time; have the venue give codes by time (totp)"
    )]
    Counted,
    #[error(
        "it is an export of an authenticator app, which may hold many seeds; have the venue show \
         the QR code of this account (where codes by time are set up anew)"
    )]
    Export,
    #[error("the otpauth:// address is not one of time-based codes: otpauth://totp/…?secret=…")]
    NotTimeBased,
    #[error("the otpauth:// address has no secret; was it cut off?")]
    NoSecret,
    #[error("the secret of the otpauth:// address is not base32 (A to Z, 2 to 7)")]
    BadSecret,
    #[error("the otpauth:// address wants another algorithm than SHA1, SHA256 or SHA512")]
    Algorithm,
    #[error("the otpauth:// address wants codes of other than 6 to 8 digits")]
    Digits,
    #[error("the otpauth:// address wants a period that is not between 1 s and an hour")]
    Period,
    #[error("the seed has {0} bits; a venue gives 80 at least: was it cut off?")]
    TooShort(usize),
}

pub(super) fn read(text: &str) -> Result<Totp, SeedError> {
    let text = text.trim();
    let totp = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("otpauth") => address(text, rest)?,
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("otpauth-migration") => {
            return Err(SeedError::Export);
        }
        // What venues give is often shorter than the 128 bits that the RFC asks for.
        _ => Builder::new()
            .with_secret(letters(text).ok_or(SeedError::NotASeed)?)
            .build_noncompliant(),
    };
    let bits = totp.secret().as_ref().len() * 8;
    if bits < 80 {
        return Err(SeedError::TooShort(bits));
    }
    if !(6..=8).contains(&totp.digits()) {
        return Err(SeedError::Digits);
    }
    if !(1..=LONGEST_PERIOD).contains(&totp.step()) {
        return Err(SeedError::Period);
    }
    Ok(totp)
}

fn address(text: &str, rest: &str) -> Result<Totp, SeedError> {
    let kind = rest.split(['/', '?']).next().unwrap_or_default();
    if kind.eq_ignore_ascii_case("hotp") {
        return Err(SeedError::Counted);
    }
    let tidied = tidied(text).ok_or(SeedError::BadSecret)?;
    Totp::from_url_unchecked(&*tidied).map_err(|error| match error {
        TotpError::SecretNotSet => SeedError::NoSecret,
        TotpError::InvalidSecret => SeedError::BadSecret,
        TotpError::InvalidAlgorithm { .. } => SeedError::Algorithm,
        TotpError::DigitsParse { .. } => SeedError::Digits,
        TotpError::StepParse { .. } => SeedError::Period,
        _ => SeedError::NotTimeBased,
    })
}

/// Venues write the secret in small letters, or an issuer that is another one than their label's:
/// neither changes a code.
fn tidied(text: &str) -> Option<Zeroizing<String>> {
    let Some((label, query)) = text.split_once('?') else {
        return Some(Zeroizing::new(text.to_owned()));
    };
    let mut tidied = Zeroizing::new(format!("{label}?"));
    let has_issuer = label.matches(':').count() > 1 || label.to_ascii_lowercase().contains("%3a");
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("issuer", _)) if has_issuer => {}
            Some(("secret", secret)) => {
                let secret = percent_decode_str(secret).decode_utf8().ok()?;
                let secret = Zeroizing::new(letters(&secret)?.to_base32());
                tidied.push_str("secret=");
                tidied.push_str(&secret);
                tidied.push('&');
            }
            _ => {
                tidied.push_str(pair);
                tidied.push('&');
            }
        }
    }
    Some(tidied)
}

fn letters(text: &str) -> Option<Secret> {
    let clean: Zeroizing<String> = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '=' | '+'))
        .map(|c| c.to_ascii_uppercase())
        .collect::<String>()
        .into();
    Secret::try_from_base32(&*clean).ok()
}
