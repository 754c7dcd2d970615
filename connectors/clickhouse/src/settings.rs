//! How to reach the store. Plain data, built from the configuration.

use std::fmt;
use std::time::Duration;

/// A password that no log, error or dump shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub fn new(password: impl Into<String>) -> Self {
        Self(password.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(none)" } else { "***" })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// `http://host:port` of the HTTP interface.
    pub url: String,
    pub database: String,
    pub user: String,
    pub password: Password,
    /// The longest that a query may take.
    pub request_timeout: Duration,
    /// The longest that an insert may take; after that it is sent again.
    pub insert_timeout: Duration,
    /// LZ4 on the wire: worth it over a network, not on the same machine.
    pub compress: bool,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".to_owned(),
            database: "tapeline".to_owned(),
            user: "default".to_owned(),
            password: Password::default(),
            request_timeout: Duration::from_secs(30),
            insert_timeout: Duration::from_secs(60),
            compress: false,
        }
    }
}

impl StoreSettings {
    /// Every fault of the settings, as (key, what is wrong and what to write).
    pub fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let mut fault = |key: &str, text: &str| faults.push((key.to_owned(), text.to_owned()));
        if let Err(problem) = check_url(&self.url) {
            fault("url", problem);
        }
        if !is_plain_name(&self.database) {
            fault(
                "database",
                "must be 1 to 64 letters, digits and `_`, and not begin with a digit",
            );
        }
        if self.user.is_empty() {
            fault(
                "user",
                "must not be empty; ClickHouse's own default is `default`",
            );
        }
        let allowed = Duration::from_millis(100)..=Duration::from_secs(3600);
        for (key, timeout) in [
            ("request_timeout", self.request_timeout),
            ("insert_timeout", self.insert_timeout),
        ] {
            if !allowed.contains(&timeout) {
                fault(key, "must be from 100 ms to 1 hour");
            }
        }
        faults
    }
}

fn check_url(url: &str) -> Result<(), &'static str> {
    if url.starts_with("https://") {
        return Err("must begin with `http://`: for TLS put a proxy on this machine");
    }
    let Some(rest) = url.strip_prefix("http://") else {
        return Err("must be like `http://127.0.0.1:8123`");
    };
    if rest.contains('@') {
        return Err("must not hold a user or password; write them into user and password");
    }
    let address = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "8123"));
    let is_host_char =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    if host.is_empty() || !host.chars().all(is_host_char) || !is_port {
        return Err("must be like `http://127.0.0.1:8123`, with nothing behind the port");
    }
    Ok(())
}

/// So that no name ever needs quoting.
fn is_plain_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_no_fault() {
        assert_eq!(StoreSettings::default().faults(), []);
    }

    #[test]
    fn every_fault_is_listed_at_once_and_shows_no_password() {
        let settings = StoreSettings {
            url: "http://me:hunter2@ch:8123".to_owned(),
            database: "a-b".to_owned(),
            user: String::new(),
            password: Password::new("hunter2"),
            request_timeout: Duration::ZERO,
            ..StoreSettings::default()
        };
        let faults = settings.faults();
        let keys: Vec<&str> = faults.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["url", "database", "user", "request_timeout"]);
        assert!(!format!("{faults:?}").contains("hunter2"));
        assert!(!format!("{:?}", settings.password).contains("hunter2"));
    }

    #[test]
    fn urls_are_an_address_and_nothing_else() {
        for good in [
            "http://ch",
            "http://ch:8123/",
            "http://[::1]:8123",
            "http://10.0.0.1:80",
        ] {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for bad in [
            "ch:8123",
            "https://ch",
            "http://",
            "http://ch:0",
            "http://ch:x",
            "http://ch:1/?a=b",
            "http://c h:1",
        ] {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }
}
