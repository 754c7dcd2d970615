//! The password of the embedded store, which `up` keeps in its data folder.

use tapeline_secrets::http_client::is_loopback;

use crate::config::{ClickHouse, Config, Fault};

/// Of the store that the configuration means without naming a password: `default` on this
/// machine. It is sent nowhere else.
pub(in crate::config) fn store_password(config: &Config) -> Result<Option<String>, Fault> {
    if !is_meant(&config.clickhouse) {
        return Ok(None);
    }
    tapeline_local::store_password(&config.local.data)
        .map_err(|error| Fault::new("clickhouse.password", error.to_string()))
}

fn is_meant(store: &ClickHouse) -> bool {
    store.password.is_empty()
        && store.user == ClickHouse::default().user
        && is_on_this_machine(&store.url)
}

fn is_on_this_machine(url: &str) -> bool {
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let host = match address.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => address,
    };
    is_loopback(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_embedded_store_is_given_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.local.data = folder.path().to_owned();
        assert_eq!(store_password(&config).unwrap(), None);

        let secret = "0123456789abcdef".repeat(4);
        std::fs::write(
            tapeline_local::password_file(folder.path()),
            format!("{secret}\n"),
        )
        .unwrap();
        assert_eq!(store_password(&config).unwrap(), Some(secret.clone()));
        for (url, is_given) in [
            ("http://localhost:9000", true),
            ("http://[::1]:8123/", true),
            ("http://127.0.0.1", true),
            ("http://ch:8123", false),
            ("http://127.0.0.1.example:8123", false),
            ("http://10.0.0.1:8123", false),
        ] {
            url.clone_into(&mut config.clickhouse.url);
            assert_eq!(
                store_password(&config).unwrap().is_some(),
                is_given,
                "{url}"
            );
        }

        config.clickhouse = ClickHouse::default();
        "reader".clone_into(&mut config.clickhouse.user);
        assert_eq!(store_password(&config).unwrap(), None);
        config.clickhouse = ClickHouse::default();
        "secret://env/NAME".clone_into(&mut config.clickhouse.password);
        assert_eq!(store_password(&config).unwrap(), None);

        config.clickhouse = ClickHouse::default();
        std::fs::write(tapeline_local::password_file(folder.path()), "").unwrap();
        let fault = store_password(&config).unwrap_err().to_string();
        assert!(
            fault.starts_with("clickhouse.password: ") && fault.contains("remove the file"),
            "{fault}"
        );
    }
}
