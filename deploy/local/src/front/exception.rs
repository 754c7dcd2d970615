//! ClickHouse exceptions: code, name, text and the HTTP status the real server gives.

use axum::http::StatusCode;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exception {
    pub(super) code: u32,
    /// `Code: N. DB::Exception: … (NAME)`, without the version.
    text: String,
}

impl Exception {
    pub(super) fn new(code: u32, name: &str, message: &str) -> Self {
        Self {
            code,
            text: format!("Code: {code}. DB::Exception: {message}. ({name})"),
        }
    }

    pub(super) fn syntax(message: &str) -> Self {
        Self::new(62, "SYNTAX_ERROR", &format!("Syntax error: {message}"))
    }

    pub(super) fn internal(message: &str) -> Self {
        Self::new(49, "LOGICAL_ERROR", message)
    }

    pub(super) fn denied(message: &str) -> Self {
        Self::new(497, "ACCESS_DENIED", message)
    }

    pub(super) fn readonly(message: &str) -> Self {
        Self::new(164, "READONLY", message)
    }

    pub(super) fn unsupported(message: &str) -> Self {
        Self::new(48, "NOT_IMPLEMENTED", message)
    }

    pub(super) fn bad_argument(message: &str) -> Self {
        Self::new(36, "BAD_ARGUMENTS", message)
    }

    /// From the engine's own text, which may repeat its prefix.
    pub(super) fn from_engine(text: &str) -> Self {
        let mut text = text.trim();
        let mut code = 49;
        let mut nested = false;
        while let Some((number, rest)) = prefix(text) {
            code = number;
            if prefix(rest).is_none() {
                break;
            }
            (text, nested) = (rest, true);
        }
        if nested {
            // Each layer repeats the name and the version behind the innermost one.
            let end = text
                .find("(version ")
                .and_then(|at| Some(at + text[at..].find(')')? + 1));
            text = &text[..end.unwrap_or(text.len())];
        }
        Self {
            code,
            text: if prefix(text).is_some() {
                text.to_owned()
            } else {
                format!("Code: {code}. DB::Exception: {text}")
            },
        }
    }

    /// The response body.
    pub(super) fn body(&self, version: &str) -> String {
        if self.text.contains("(version ") {
            format!("{}\n", self.text)
        } else {
            format!("{} (version {version} (official build))\n", self.text)
        }
    }

    /// For data that is already on its way: the form that servers have used since 25.11.
    pub(super) fn in_data(&self, version: &str, tag: &str) -> Vec<u8> {
        let text = self.body(version);
        let length = text.len();
        format!("\r\n__exception__\r\n{tag}\r\n{text}{length} {tag}\r\n__exception__\r\n")
            .into_bytes()
    }

    pub(super) fn status(&self) -> StatusCode {
        match self.code {
            // REQUIRED_PASSWORD
            194 => StatusCode::UNAUTHORIZED,
            // UNKNOWN_USER, WRONG_PASSWORD, ACCESS_DENIED, SET_NON_GRANTED_ROLE, AUTHENTICATION_FAILED
            192 | 193 | 497 | 512 | 516 => StatusCode::FORBIDDEN,
            // What cannot be parsed, matched or represented.
            6 | 8 | 15 | 25 | 26 | 27 | 36 | 37 | 38 | 41 | 44 | 53 | 62 | 72 | 117 | 123 | 167
            | 168 | 223 | 321 | 376 | 427 | 441 | 675 | 676 => StatusCode::BAD_REQUEST,
            // What is unknown: function, table, database, setting, format, role …
            46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 115 | 152 | 336 | 511 => {
                StatusCode::NOT_FOUND
            }
            // QUERY_IS_TOO_LARGE
            229 => StatusCode::PAYLOAD_TOO_LARGE,
            // NOT_IMPLEMENTED
            48 => StatusCode::NOT_IMPLEMENTED,
            // SOCKET_TIMEOUT, CANNOT_OPEN_FILE, CANNOT_SCHEDULE_TASK
            209 | 76 | 439 => StatusCode::SERVICE_UNAVAILABLE,
            // HTTP_LENGTH_REQUIRED
            381 => StatusCode::LENGTH_REQUIRED,
            // TIMEOUT_EXCEEDED
            159 => StatusCode::REQUEST_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// `Code: N. DB::Exception: rest`.
fn prefix(text: &str) -> Option<(u32, &str)> {
    let (number, rest) = text.strip_prefix("Code: ")?.split_once(". ")?;
    Some((number.parse().ok()?, rest.strip_prefix("DB::Exception: ")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_errors_keep_their_code_once() {
        let error = Exception::from_engine(
            "Code: 73. DB::Exception: Code: 73. DB::Exception: Unknown format Nope. (UNKNOWN_FORMAT) (version 26.5.1.1). (UNKNOWN_FORMAT)",
        );
        assert_eq!(error.code, 73);
        assert_eq!(error.status(), StatusCode::NOT_FOUND);
        assert_eq!(
            error.body("x"),
            "Code: 73. DB::Exception: Unknown format Nope. (UNKNOWN_FORMAT) (version 26.5.1.1)\n"
        );
    }

    #[test]
    fn the_version_is_added_and_strange_texts_survive() {
        assert_eq!(
            Exception::syntax("oops").body("26.5"),
            "Code: 62. DB::Exception: Syntax error: oops. (SYNTAX_ERROR) (version 26.5 (official build))\n"
        );
        assert_eq!(Exception::from_engine("boom").code, 49);
    }
}
