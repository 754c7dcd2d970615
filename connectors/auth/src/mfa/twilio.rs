//! Whether a webhook's request is Twilio's, and what it says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use percent_encoding::percent_decode;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// What the request is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// As Twilio was given it, with its query.
    pub url: &'a str,
    /// The header `X-Twilio-Signature`.
    pub signature: &'a str,
    pub body: &'a [u8],
    pub content_type: &'a str,
}

/// Whether it was signed with this token. The address counts with its port and without.
pub fn is_signed(signed: &Signed<'_>, token: &str) -> bool {
    let Ok(signature) = STANDARD.decode(signed.signature) else {
        return false;
    };
    let essence = signed
        .content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    let is_form = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    let parameters = if is_form {
        sorted(form(signed.body))
    } else if is_body_of(signed.url, signed.body) {
        Vec::new()
    } else {
        return false;
    };
    spellings(signed.url).iter().any(|url| {
        // In constant time.
        mac(url, &parameters, token).is_some_and(|mac| mac.verify_slice(&signature).is_ok())
    })
}

/// The signature of a form, in the order of its names.
pub(super) fn sign(url: &str, fields: &[(&str, &str)], token: &str) -> String {
    let fields = fields
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    let mac = mac(url, &sorted(fields.collect()), token);
    mac.map_or_else(String::new, |mac| {
        STANDARD.encode(mac.finalize().into_bytes())
    })
}

fn mac(url: &str, parameters: &[(Vec<u8>, Vec<u8>)], token: &str) -> Option<Hmac<Sha1>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).ok()?;
    mac.update(url.as_bytes());
    for (name, value) in parameters {
        mac.update(name);
        mac.update(value);
    }
    Some(mac)
}

/// The fields of a form, undone, in their order. Nothing is trimmed: it was signed as it is.
pub fn form(body: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    body.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = at.map_or((pair, &[][..]), |at| (&pair[..at], &pair[at + 1..]));
            (undone(name), undone(value))
        })
        .collect()
}

fn undone(text: &[u8]) -> Vec<u8> {
    let spaced = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte });
    percent_decode(&spaced.collect::<Vec<u8>>()).collect()
}

/// By name, and for one name by value; a value that is repeated counts once.
fn sorted(mut parameters: Vec<(Vec<u8>, Vec<u8>)>) -> Vec<(Vec<u8>, Vec<u8>)> {
    parameters.sort_unstable();
    parameters.dedup();
    parameters
}

/// Another body than a form is signed by its hash in the address.
fn is_body_of(url: &str, body: &[u8]) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let given = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("bodySHA256="));
    let hash = hex::encode(Sha256::digest(body));
    given.is_some_and(|given| given.eq_ignore_ascii_case(&hash))
}

/// The address as it is, and with its usual port added or taken away.
fn spellings(url: &str) -> Vec<String> {
    let mut spellings = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else {
        return spellings;
    };
    let port = if scheme == "http" { ":80" } else { ":443" };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let name = host.rsplit_once('@').map_or(host, |(_, name)| name);
    if let Some((host, _)) = host.rsplit_once(':').filter(|_| name.contains(':')) {
        spellings.push(format!("{scheme}://{host}{path}"));
    } else {
        spellings.push(format!("{scheme}://{host}{port}{path}"));
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";
    /// The example of Twilio's documentation.
    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const BODY: &[u8] = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
    const TOKEN: &str = "12345";
    const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

    fn example() -> Signed<'static> {
        Signed {
            url: URL,
            signature: SIGNATURE,
            body: BODY,
            content_type: FORM,
        }
    }

    #[test]
    fn the_documented_example() {
        assert!(is_signed(&example(), TOKEN));
        assert!(!is_signed(&example(), "12346"));
        let changed = Signed {
            body: b"Digits=1235",
            ..example()
        };
        assert!(!is_signed(&changed, TOKEN));
    }

    fn hand_signed(text: &[u8]) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).unwrap();
        mac.update(text);
        STANDARD.encode(mac.finalize().into_bytes())
    }

    #[test]
    fn what_is_signed_here_is_taken_there() {
        let fields = [("b", "2 "), ("a", "1"), ("a", "1")];
        let signature = sign("https://a.example/x", &fields, TOKEN);
        assert_eq!(signature, hand_signed(b"https://a.example/xa1b2 "));
        let signed = Signed {
            url: "https://a.example/x",
            signature: &signature,
            body: b"b=2+&a=1&a=1",
            content_type: FORM,
        };
        assert!(is_signed(&signed, TOKEN));
    }

    #[test]
    fn the_port_may_be_said_or_left_out() {
        let with_port = hand_signed(b"https://a.example:443/x?y=1Body1");
        let signed = Signed {
            url: "https://a.example/x?y=1",
            signature: &with_port,
            body: b"Body=1",
            content_type: "application/x-www-form-urlencoded; charset=UTF-8",
        };
        assert!(is_signed(&signed, TOKEN));
        let without = hand_signed(b"https://a.example/x?y=1Body1");
        let signed = Signed {
            url: "https://a.example:8443/x?y=1",
            signature: &without,
            ..signed
        };
        assert!(is_signed(&signed, TOKEN));
    }

    #[test]
    fn repeated_values_are_sorted_and_count_once_and_nothing_is_trimmed() {
        let signature = hand_signed(b"https://a.example/aA aB");
        let signed = Signed {
            url: "https://a.example/",
            signature: &signature,
            body: b"a=B&a=A+&a=B",
            content_type: FORM,
        };
        assert!(is_signed(&signed, TOKEN));
    }

    #[test]
    fn json_is_signed_by_its_hash() {
        let body = br#"{"a":1}"#;
        let hash = hex::encode(Sha256::digest(body)).to_uppercase();
        let url = format!("https://a.example/?bodySHA256={hash}");
        let signature = hand_signed(url.as_bytes());
        let signed = Signed {
            url: &url,
            signature: &signature,
            body,
            content_type: "application/json",
        };
        assert!(is_signed(&signed, TOKEN));
        assert!(!is_signed(
            &Signed {
                body: b"{}",
                ..signed
            },
            TOKEN
        ));
        let unsigned = Signed {
            url: "https://a.example/",
            ..signed
        };
        assert!(!is_signed(&unsigned, TOKEN), "a body that nothing signs");
    }

    #[test]
    fn what_is_no_signature_is_none() {
        for signature in ["", "x", "AAAA", "RSOYDt4T1cUTdK1PDd93/VVr8B8"] {
            assert!(
                !is_signed(
                    &Signed {
                        signature,
                        ..example()
                    },
                    TOKEN
                ),
                "{signature}"
            );
        }
        assert_eq!(
            form(b"a=%zz&b&=c&%"),
            [
                (b"a".to_vec(), b"%zz".to_vec()),
                (b"b".to_vec(), vec![]),
                (vec![], b"c".to_vec()),
                (b"%".to_vec(), vec![]),
            ]
        );
    }
}
