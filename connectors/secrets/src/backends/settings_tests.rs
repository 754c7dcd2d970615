//! Settings of all backends.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::timing::Timing;

#[test]
fn every_fault_is_told_with_its_key() {
    assert_eq!(Settings::default().faults(), []);
    let remote: Reference = "secret://vault/kv/a#b".parse().unwrap();
    let settings = Settings {
        timing: Timing {
            cache_for: Duration::from_secs(7200),
            poll_every: Duration::ZERO,
            ..Timing::default()
        },
        local: Some(LocalSettings {
            file: PathBuf::new(),
            passphrase: remote.clone(),
        }),
        vault: Some(VaultSettings {
            address: "http://vault.example.org".to_owned(),
            namespace: "a b".to_owned(),
            login: VaultLogin::AppRole {
                mount: "../sys".to_owned(),
                role_id: String::new(),
                secret_id: remote.clone(),
                is_wrapped: false,
            },
            ca: None,
        }),
        aws: Some(AwsSettings {
            region: "Europe".to_owned(),
            endpoint: None,
            access_key: remote.clone(),
            secret_key: remote.clone(),
            session_token: Some(remote.clone()),
        }),
        age: Some(AgeSettings { identity: remote }),
    };
    let keys: Vec<&str> = settings.faults().into_iter().map(|(key, _)| key).collect();
    let expected = [
        "poll_every",
        "stale_limit",
        "local.file",
        "local.passphrase",
        "vault.address",
        "vault.namespace",
        "vault.mount",
        "vault.role_id",
        "vault.secret_id",
        "aws.region",
        "aws.access_key",
        "aws.secret_key",
        "aws.session_token",
        "age.identity",
    ];
    assert_eq!(keys, expected);
}
