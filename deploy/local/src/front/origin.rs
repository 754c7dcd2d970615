//! Whether a request is one that a page of another site had a browser send.

use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::exception::Exception;

const FETCH_SITE: &str = "sec-fetch-site";

/// A page that is listed, and so may read what it asked for.
pub(super) struct AllowedOrigin(HeaderValue);

/// Refuses hosts that are not this machine (a name that was bound to 127.0.0.1 only now) and
/// pages that are not listed. Programs send neither.
pub(super) fn check(parts: &Parts, listed: &[String]) -> Result<Option<AllowedOrigin>, Exception> {
    let named = parts.headers.get_all(header::HOST).iter();
    let asked = parts.uri.authority().map(Authority::as_str);
    if !named
        .map(|host| host.to_str().unwrap_or_default())
        .chain(asked)
        .all(is_loopback)
    {
        return Err(Exception::denied(
            "the request is for another host; this store is asked at 127.0.0.1 or localhost",
        ));
    }
    let mut page = None;
    for origin in parts.headers.get_all(header::ORIGIN) {
        if !listed
            .iter()
            .any(|known| known.as_bytes() == origin.as_bytes())
        {
            return Err(Exception::denied(
                "pages may not ask this store unless their origin is listed in local.store_origins",
            ));
        }
        page = Some(AllowedOrigin(origin.clone()));
    }
    if page.is_none() && !is_own(&parts.headers) {
        return Err(Exception::denied(
            "the request comes from a page of another site, which may not ask this store",
        ));
    }
    Ok(page)
}

/// A browser that says nothing of it, or that somebody typed the address in.
fn is_own(headers: &HeaderMap) -> bool {
    headers
        .get_all(FETCH_SITE)
        .iter()
        .all(|site| site == "none" || site == "same-origin")
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            if port.is_empty() || port.parse::<u16>().is_err() {
                return false;
            }
            host
        }
        _ => authority,
    };
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl AllowedOrigin {
    /// What a browser asks before it sends anything else.
    pub(super) fn preflight(method: &Method) -> Option<Response> {
        (method == Method::OPTIONS).then(|| {
            let headers = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, OPTIONS"),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, x-clickhouse-user, x-clickhouse-key, x-clickhouse-database, x-clickhouse-format"),
            ];
            (StatusCode::NO_CONTENT, headers).into_response()
        })
    }

    pub(super) fn allow(self, response: &mut Response) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.0);
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut builder = axum::http::Request::builder().uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    fn passes(uri: &str, headers: &[(&str, &str)]) -> bool {
        check(&parts(uri, headers), &["http://localhost:3000".into()]).is_ok()
    }

    #[test]
    fn only_this_machine_is_asked() {
        for host in [
            "localhost",
            "LOCALHOST:8123",
            "127.0.0.1:8123",
            "127.9.9.9",
            "[::1]:8123",
            "[::1]",
        ] {
            assert!(passes("/", &[("Host", host)]), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8123",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1:8123",
            "0.0.0.0:8123",
            "localhost:",
            "localhost:x",
            "",
            "[::2]:8123",
            "::1",
            "127.0.0.1@evil.example",
        ] {
            assert!(!passes("/", &[("Host", host)]), "{host}");
        }
        let both = [("Host", "localhost"), ("Host", "evil.example")];
        assert!(!passes("/", &both));
        assert!(!passes("http://evil.example/", &[("Host", "localhost")]));
        assert!(passes("/", &[]));
    }

    #[test]
    fn pages_are_listed_or_refused() {
        for (headers, good) in [
            (vec![("Origin", "https://evil.example")], false),
            (vec![("Origin", "null")], false),
            (vec![("Origin", "http://localhost:3000")], true),
            (
                vec![
                    ("Origin", "http://localhost:3000"),
                    ("Sec-Fetch-Site", "cross-site"),
                ],
                true,
            ),
            (
                vec![("Origin", "http://localhost:3000"), ("Origin", "http://x")],
                false,
            ),
            (vec![("Sec-Fetch-Site", "cross-site")], false),
            (vec![("Sec-Fetch-Site", "same-site")], false),
            (vec![("Sec-Fetch-Site", "none")], true),
        ] {
            assert_eq!(passes("/", &headers), good, "{headers:?}");
        }
    }
}
