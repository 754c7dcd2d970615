//! Signature Version 4. Pure: the time is handed in.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::secret::Secret;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

pub(super) struct Signer<'a> {
    pub access_key: &'a str,
    pub secret_key: &'a Secret,
    pub region: &'a str,
    pub service: &'a str,
}

/// What is signed. The path is canonical already; `host` and `x-amz-date` are among the headers.
pub(super) struct Signed<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a [(&'a str, &'a str)],
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl Signer<'_> {
    /// The header `Authorization`. `time` is like `20150830T123600Z`.
    pub fn authorization(&self, request: &Signed<'_>, time: &str) -> String {
        let date = time.split('T').next().unwrap_or_default();
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let (canonical, names) = request.canonical();
        let to_sign = format!(
            "{ALGORITHM}\n{time}\n{scope}\n{}",
            hex::encode(hash(canonical.as_bytes()))
        );
        let signature = hex::encode(*keyed(&*self.key(date), to_sign.as_bytes()));
        format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.access_key
        )
    }

    fn key(&self, date: &str) -> Zeroizing<[u8; 32]> {
        let first = Zeroizing::new(format!("AWS4{}", self.secret_key.expose()));
        let parts = [date, self.region, self.service, "aws4_request"];
        let mut key = keyed(first.as_bytes(), parts[0].as_bytes());
        for part in &parts[1..] {
            key = keyed(&*key, part.as_bytes());
        }
        key
    }
}

impl Signed<'_> {
    /// The canonical request, and the names of its headers.
    fn canonical(&self) -> (String, String) {
        let mut headers: Vec<(String, String)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), single_spaced(value)))
            .collect();
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let mut lines = String::new();
        for (name, value) in &headers {
            lines += &[name, ":", value, "\n"].concat();
        }
        let mut query: Vec<(String, String)> = self
            .query
            .iter()
            .map(|(name, value)| (encoded(name), encoded(value)))
            .collect();
        query.sort();
        let query: Vec<String> = query
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let canonical = format!(
            "{}\n{}\n{}\n{lines}\n{names}\n{}",
            self.method,
            self.path,
            query.join("&"),
            hex::encode(hash(self.body))
        );
        (canonical, names)
    }
}

fn single_spaced(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn keyed(key: &[u8], bytes: &[u8]) -> Zeroizing<[u8; 32]> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Zeroizing::new([0; 32]);
    };
    mac.update(bytes);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "20150830T123600Z";
    const HOST: (&str, &str) = ("Host", "example.amazonaws.com");
    const DATE: (&str, &str) = ("X-Amz-Date", TIME);

    fn secret_key() -> Secret {
        Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    }

    fn signature(service: &str, request: &Signed<'_>) -> String {
        let secret_key = secret_key();
        let signer = Signer {
            access_key: "AKIDEXAMPLE",
            secret_key: &secret_key,
            region: "us-east-1",
            service,
        };
        let header = signer.authorization(request, TIME);
        header.rsplit_once("Signature=").unwrap().1.to_owned()
    }

    /// AWS's published test suite for Signature Version 4.
    #[test]
    fn the_published_vectors_are_met() {
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let token = (
            "X-Amz-Security-Token",
            "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==",
        );
        let no_query: &[(&str, &str)] = &[];
        let vectors = [
            (
                "get-vanilla",
                ("GET", no_query, &[HOST, DATE][..], &b""[..]),
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-query-order-key-case",
                (
                    "GET",
                    &[("Param2", "value2"), ("Param1", "value1")],
                    &[DATE, HOST][..],
                    &b""[..],
                ),
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "post-vanilla",
                ("POST", no_query, &[HOST, DATE][..], &b""[..]),
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-header-value-case",
                (
                    "POST",
                    no_query,
                    &[HOST, ("My-Header1", "VALUE1"), DATE][..],
                    &b""[..],
                ),
                "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            ),
            (
                "post-x-www-form-urlencoded",
                (
                    "POST",
                    no_query,
                    &[form, HOST, DATE][..],
                    &b"Param1=value1"[..],
                ),
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
            (
                "post-sts-header-before",
                ("POST", no_query, &[HOST, DATE, token][..], &b""[..]),
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
        ];
        for (name, (method, query, headers, body), expected) in vectors {
            let request = Signed {
                method,
                path: "/",
                query,
                headers,
                body,
            };
            assert_eq!(signature("service", &request), expected, "{name}");
        }
    }

    /// From AWS's guide: the request and its signature, step by step.
    #[test]
    fn the_example_of_the_guide_is_met() {
        let request = Signed {
            method: "GET",
            path: "/",
            query: &[("Action", "ListUsers"), ("Version", "2010-05-08")],
            headers: &[
                (
                    "content-type",
                    "application/x-www-form-urlencoded; charset=utf-8",
                ),
                ("host", "iam.amazonaws.com"),
                DATE,
            ],
            body: b"",
        };
        assert_eq!(
            signature("iam", &request),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    #[test]
    fn values_are_encoded_and_spaces_become_one() {
        assert_eq!(encoded("a b/ü~"), "a%20b%2F%C3%BC~");
        assert_eq!(single_spaced("  a   b "), "a b");
    }
}
