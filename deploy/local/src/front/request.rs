//! One HTTP request as ClickHouse understands it.

use axum::extract::Query;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use base64::Engine as _;

use super::encoding::Encoding;
use super::exception::Exception;

/// Parameters that are not settings.
const RESERVED: [&str; 25] = [
    "query",
    "compress",
    "decompress",
    "user",
    "password",
    "quota_key",
    "query_id",
    "stacktrace",
    "role",
    "buffer_size",
    "wait_end_of_query",
    "session_id",
    "session_timeout",
    "session_check",
    "client_protocol_version",
    "close_session",
    "database",
    "default_format",
    // Settings of the transport, which is ours and not the engine's.
    "enable_http_compression",
    "http_zlib_compression_level",
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "cancel_http_readonly_queries_on_client_close",
    "http_write_exception_in_output_format",
    "http_wait_end_of_query",
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) name: String,
    pub(super) password: String,
    /// Nothing was said about who asks.
    pub(super) anonymous: bool,
}

/// When a result is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SendMode {
    AsItComes,
    WhenWhole,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) query: String,
    pub(super) query_id: String,
    pub(super) database: Option<String>,
    pub(super) default_format: Option<String>,
    pub(super) settings: Vec<(String, String)>,
    pub(super) params: Vec<(String, String)>,
    /// GET and HEAD may not write.
    pub(super) read_only: bool,
    pub(super) compress: bool,
    pub(super) decompress: bool,
    pub(super) content_encoding: String,
    pub(super) response_encoding: Option<Encoding>,
    /// Whether an error must have a status, however late it comes.
    pub(super) send_mode: SendMode,
    /// The protocol whose Native blocks the client reads; 0 for those that files have.
    pub(super) revision: u64,
    /// The Content-Type of a multipart form.
    pub(super) form: Option<String>,
}

impl Request {
    pub(super) fn read(parts: &Parts) -> Result<Self, Exception> {
        let url = url_parameters(parts)?;
        let get = |name: &str| {
            url.iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone())
        };
        let filled = |value: Option<String>| value.filter(|value| !value.is_empty());
        if let Some(role) = get("role") {
            return Err(Exception::new(
                511,
                "UNKNOWN_ROLE",
                &format!("There is no role `{role}`; the embedded store has users only"),
            ));
        }
        let content_type = text(&parts.headers, header::CONTENT_TYPE.as_str());
        let mut request = Self {
            query: get("query").unwrap_or_default(),
            query_id: filled(get("query_id"))
                .or_else(|| filled(Some(text(&parts.headers, "x-clickhouse-query-id"))))
                .unwrap_or_else(random_id),
            database: filled(Some(text(&parts.headers, "x-clickhouse-database")))
                .or_else(|| filled(get("database"))),
            default_format: filled(Some(text(&parts.headers, "x-clickhouse-format")))
                .or_else(|| filled(get("default_format"))),
            settings: Vec::new(),
            params: Vec::new(),
            read_only: parts.method == Method::GET || parts.method == Method::HEAD,
            compress: flag(get("compress"), false)?,
            decompress: flag(get("decompress"), false)?,
            content_encoding: text(&parts.headers, header::CONTENT_ENCODING.as_str()),
            response_encoding: None,
            send_mode: SendMode::AsItComes,
            revision: get("client_protocol_version")
                .and_then(|text| text.parse().ok())
                .unwrap_or(0),
            form: content_type
                .starts_with("multipart/form-data")
                .then_some(content_type),
        };
        if flag(get("enable_http_compression"), true)? {
            request.response_encoding =
                Encoding::choose(&text(&parts.headers, header::ACCEPT_ENCODING.as_str()));
        }
        let waits = get("wait_end_of_query").or_else(|| get("http_wait_end_of_query"));
        if flag(waits, false)? {
            request.send_mode = SendMode::WhenWhole;
        }
        for (name, value) in url {
            request.add_parameter(name, value)?;
        }
        Ok(request)
    }

    /// A parameter or a setting; others are known already.
    fn add_parameter(&mut self, name: String, value: String) -> Result<(), Exception> {
        let list = if name.is_empty() || RESERVED.contains(&name.as_str()) {
            return Ok(());
        } else if let Some(parameter) = name.strip_prefix("param_") {
            require_identifier(parameter)?;
            &mut self.params
        } else {
            require_identifier(&name)?;
            &mut self.settings
        };
        list.push((name, value));
        Ok(())
    }

    /// Takes the query and the parameters of a form.
    pub(super) fn add_form(&mut self, fields: Vec<(String, String)>) -> Result<(), Exception> {
        for (name, value) in fields {
            match name.as_str() {
                "query" => self.query.push_str(&value),
                _ if name.starts_with("param_") => self.add_parameter(name, value)?,
                _ => {
                    return Err(Exception::unsupported(&format!(
                        "external tables (the form field {name}) are not supported by the embedded store"
                    )));
                }
            }
        }
        Ok(())
    }
}

fn url_parameters(parts: &Parts) -> Result<Vec<(String, String)>, Exception> {
    Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map(|Query(pairs)| pairs)
        .map_err(|error| Exception::bad_argument(&format!("the URL cannot be read: {error}")))
}

/// Who asks: headers, then basic authentication, then the URL; never two of them.
pub(super) fn credentials(parts: &Parts) -> Result<Credentials, Exception> {
    let url = url_parameters(parts)?;
    let get = |name: &str| {
        url.iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    };
    let user = text(&parts.headers, "x-clickhouse-user");
    let key = text(&parts.headers, "x-clickhouse-key");
    let basic = text(&parts.headers, header::AUTHORIZATION.as_str());
    let by_headers = !user.is_empty() || !key.is_empty();
    let by_url = get("user").is_some() || get("password").is_some();
    let mixed = |one: &str, other: &str| {
        Err(failed(&format!(
            "Invalid authentication: it is not allowed to use {one} and {other} simultaneously"
        )))
    };
    match (by_headers, !basic.is_empty(), by_url) {
        (true, true, _) => mixed("X-ClickHouse HTTP headers", "Authorization HTTP header"),
        (true, _, true) => mixed("X-ClickHouse HTTP headers", "authentication via parameters"),
        (_, true, true) => mixed("Authorization HTTP header", "authentication via parameters"),
        (true, false, false) => named(user, key),
        (false, true, false) => {
            let (name, password) = decode_basic(&basic)?;
            named(name, password)
        }
        (false, false, by_url) => Ok(Credentials {
            name: get("user").unwrap_or_else(|| "default".to_owned()),
            password: get("password").unwrap_or_default(),
            anonymous: !by_url,
        }),
    }
}

fn named(name: String, password: String) -> Result<Credentials, Exception> {
    if name.is_empty() {
        return Err(failed("Got an empty user name"));
    }
    Ok(Credentials {
        name,
        password,
        anonymous: false,
    })
}

fn decode_basic(value: &str) -> Result<(String, String), Exception> {
    let encoded = value
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .map(|(_, encoded)| encoded.trim())
        .ok_or_else(|| {
            failed("Invalid authentication: only the Basic HTTP Authorization scheme is supported")
        })?;
    base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|pair| {
            pair.split_once(':')
                .map(|(name, key)| (name.to_owned(), key.to_owned()))
        })
        .ok_or_else(|| failed("Invalid authentication: broken Authorization HTTP header"))
}

fn failed(message: &str) -> Exception {
    Exception::new(516, "AUTHENTICATION_FAILED", message)
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

fn flag(value: Option<String>, default: bool) -> Result<bool, Exception> {
    match value.as_deref() {
        None => Ok(default),
        Some("1" | "true") => Ok(true),
        Some("0" | "false" | "") => Ok(false),
        Some(other) => Err(Exception::new(
            27,
            "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
            &format!("Cannot parse '{other}' as a boolean; use 0 or 1"),
        )),
    }
}

fn require_identifier(name: &str) -> Result<(), Exception> {
    let good = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit());
    if good {
        Ok(())
    } else {
        Err(Exception::new(
            115,
            "UNKNOWN_SETTING",
            &format!("Unknown setting '{name}'"),
        ))
    }
}

/// An id that looks like the server's own; uniqueness is all that matters.
pub(super) fn random_id() -> String {
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

/// What no data contains by accident.
pub(super) fn random_tag() -> String {
    format!("{:016x}", random())
}

/// The standard library seeds every hasher state from the system's random source.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut builder = axum::http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_url_is_taken_apart() {
        let request = Request::read(&parts(
            "POST",
            "/?query=select+1&database=d&max_threads=2&param_x=a%26b&query_id=q7&compress=1&wait_end_of_query=1",
            &[("X-ClickHouse-Format", "JSON"), ("Accept-Encoding", "gzip")],
        ))
        .unwrap();
        assert_eq!(request.query, "select 1");
        assert_eq!(request.query_id, "q7");
        assert_eq!(request.database.as_deref(), Some("d"));
        assert_eq!(request.default_format.as_deref(), Some("JSON"));
        assert_eq!(request.settings, [("max_threads".into(), "2".into())]);
        assert_eq!(request.params, [("param_x".into(), "a&b".into())]);
        assert_eq!(request.response_encoding, Some(Encoding::Gzip));
        assert!(request.compress && !request.decompress && !request.read_only);
    }

    #[test]
    fn names_that_are_no_names_are_refused() {
        for uri in ["/?a%20b=1", "/?x'=1", "/?param_a-b=1", "/?1a=2"] {
            assert_eq!(
                Request::read(&parts("GET", uri, &[])).unwrap_err().code,
                115,
                "{uri}"
            );
        }
    }

    #[test]
    fn credentials_come_from_one_place() {
        let of = |uri: &str, headers: &[(&str, &str)]| credentials(&parts("GET", uri, headers));
        assert!(of("/", &[]).unwrap().anonymous);
        assert_eq!(of("/?user=a&password=b", &[]).unwrap().password, "b");
        let basic = of("/", &[("Authorization", "Basic YTpiOmM=")]).unwrap();
        assert_eq!((basic.name.as_str(), basic.password.as_str()), ("a", "b:c"));
        let mixed = of("/?user=a", &[("X-ClickHouse-User", "b")]);
        assert_eq!(mixed.unwrap_err().code, 516);
        assert!(of("/", &[("Authorization", "Bearer x")]).is_err());
    }

    #[test]
    fn ids_look_like_uuids_and_differ() {
        let id = random_id();
        assert_eq!(id.len(), 36);
        assert_ne!(id, random_id());
    }
}
