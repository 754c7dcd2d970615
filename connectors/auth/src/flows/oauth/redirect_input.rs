//! What a person brings from a browser.

use percent_encoding::percent_decode_str;
use reqwest::Url;
use tapeline_model::records::LoginCategory;
use tapeline_secrets::Secret;

use crate::address::BadAddress;
use crate::mfa::Code;
use crate::refusal::Refusal;

const LONGEST_CODE: usize = 4096;

/// https of this machine, with a port and without a query.
pub(crate) fn redirect(address: &str) -> Result<Url, BadAddress> {
    let url = Url::parse(address).map_err(|_| BadAddress::NotARedirect)?;
    let is_bare = url.query().is_none() && url.fragment().is_none();
    let is_nobodys = url.username().is_empty() && url.password().is_none();
    let is_here = url.scheme() == "https" && url.host_str() == Some("127.0.0.1");
    if is_here && url.port().is_some() && is_bare && is_nobodys {
        return Ok(url);
    }
    Err(BadAddress::NotARedirect)
}

/// The code in what a person brings: the address that the browser was sent to, or the bare code.
/// A bare one has no state; it is of no use to who cannot prove that they asked for it (PKCE).
pub(super) fn read_code(brought: &str, redirect: &str, state: &Secret) -> Result<Code, Refusal> {
    let brought = brought.trim();
    if brought.is_empty() || brought.len() > LONGEST_CODE {
        return Err(LoginCategory::MfaFailed.into());
    }
    if !brought.contains("://") {
        let code = percent_decode_str(brought).decode_utf8();
        return Ok(Code::new(code.map_err(|_| LoginCategory::MfaFailed)?));
    }
    let address = Url::parse(brought).map_err(|_| LoginCategory::MfaFailed)?;
    let expected = self::redirect(redirect).map_err(|_| LoginCategory::MfaFailed)?;
    let place = |url: &Url| (url.origin(), url.path().to_owned());
    let given = Secret::new(only(&address, "state")?);
    if place(&address) != place(&expected) || !given.is_same(state) {
        return Err(LoginCategory::MfaFailed.into());
    }
    // A person who says no is not asked again.
    if address.query_pairs().any(|(name, _)| name == "error") {
        return Err(LoginCategory::Forbidden.into());
    }
    only(&address, "code").map(Code::new)
}

/// The value that the query has once.
fn only(address: &Url, name: &str) -> Result<String, Refusal> {
    let mut values = address.query_pairs().filter(|(found, _)| found == name);
    match (values.next(), values.next()) {
        (Some((_, value)), None) if !value.is_empty() => Ok(value.into_owned()),
        _ => Err(LoginCategory::MfaFailed.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDIRECT: &str = "https://127.0.0.1:8182/callback";

    fn code(brought: &str) -> Result<String, LoginCategory> {
        let code = read_code(brought, REDIRECT, &Secret::new("s1"));
        code.map(|code| code.expose().to_owned())
            .map_err(|refusal| refusal.category)
    }

    #[test]
    fn a_code_is_read_from_what_a_person_brings_and_decoded_once() {
        let whole = format!(" {REDIRECT}?code=C0.a%2525b%40&session=x&state=s1\n");
        assert_eq!(code(&whole).unwrap(), "C0.a%25b@");
        assert_eq!(code("C0.a%2525b%40").unwrap(), "C0.a%25b@");
        assert_eq!(code("C0.ab@").unwrap(), "C0.ab@");
    }

    #[test]
    fn what_another_brought_is_not_sent() {
        for (brought, category) in [
            ("", LoginCategory::MfaFailed),
            ("https://127.0.0.1:8182/callback", LoginCategory::MfaFailed),
            (
                "https://127.0.0.1:8182/callback?code=c",
                LoginCategory::MfaFailed,
            ),
            (
                "https://127.0.0.1:8182/callback?code=c&state=s2",
                LoginCategory::MfaFailed,
            ),
            (
                "https://127.0.0.1:8182/callback?code=c&state=s1&state=s1",
                LoginCategory::MfaFailed,
            ),
            (
                "https://127.0.0.1:8182/callback?code=c&code=d&state=s1",
                LoginCategory::MfaFailed,
            ),
            (
                "https://127.0.0.1:8182/callback?code=&state=s1",
                LoginCategory::MfaFailed,
            ),
            (
                "https://127.0.0.1:8182/other?code=c&state=s1",
                LoginCategory::MfaFailed,
            ),
            (
                "https://127.0.0.1:8183/callback?code=c&state=s1",
                LoginCategory::MfaFailed,
            ),
            (
                "https://evil.example/callback?code=c&state=s1",
                LoginCategory::MfaFailed,
            ),
            (
                "http://127.0.0.1:8182/callback?code=c&state=s1",
                LoginCategory::MfaFailed,
            ),
            (
                "https://127.0.0.1:8182/callback?error=access_denied&state=s1",
                LoginCategory::Forbidden,
            ),
            (
                "https://127.0.0.1:8182/callback?error=access_denied&state=s2",
                LoginCategory::MfaFailed,
            ),
            ("%ff", LoginCategory::MfaFailed),
        ] {
            assert_eq!(code(brought), Err(category), "{brought}");
        }
        assert_eq!(
            code(&"c".repeat(LONGEST_CODE + 1)),
            Err(LoginCategory::MfaFailed)
        );
    }

    #[test]
    fn a_redirect_is_this_machine_with_a_port() {
        assert!(redirect(REDIRECT).is_ok());
        for address in [
            "http://127.0.0.1:8182/callback",
            "https://127.0.0.1/callback",
            "https://localhost:8182/",
            "https://127.0.0.1:8182/?x",
            "https://127.0.0.1:8182/#x",
            "https://a@127.0.0.1:8182/",
            "https://127.0.0.1.evil.example:8182/",
            "callback",
        ] {
            assert!(redirect(address).is_err(), "{address}");
        }
    }
}
