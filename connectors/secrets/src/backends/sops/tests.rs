//! Files that SOPS itself made are the test: `tests/sops/README.md` says how.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::super::age::Bytes32;
use super::*;
use crate::backends::age;

const KEYS: [&str; 2] = [
    "AGE-SECRET-KEY-1G24KA9EVUDQS7K26MWEKYYZDG9LY35ADG5H7MH9UVLLK5VGNRPLQU9ES0R",
    "AGE-SECRET-KEY-174K8AY4ZTJ2KKMP6XCSSX4ELJZ6KAJE6AZRFGV69JGGJ2J26X8MSA86GVS",
];

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/sops")
        .join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap()
}

/// A folder with an identity, and the settings that lead to it.
fn settings(key: &str) -> (tempfile::TempDir, AgeSettings) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity");
    fs::write(&path, key).unwrap();
    let identity = format!("secret://file/{}", path.display()).parse().unwrap();
    (folder, AgeSettings { identity })
}

fn identities() -> Vec<Bytes32> {
    let (_folder, settings) = settings(KEYS[0]);
    age::identities_of(&settings).unwrap()
}

/// As `read` does it, of a text that was made of a file.
fn opened(name: &str, text: &str, identities: &[Bytes32]) -> Result<Opened, SopsError> {
    let tree = parser(&file(name), text)(text).ok_or(SopsError::NotSops)?;
    open::open(tree, identities)
}

fn broken(name: &str, text: &str) -> Option<SopsError> {
    opened(name, text, &identities()).err()
}

fn got(name: &str, field: &str) -> Result<String, (Category, String)> {
    let (_folder, settings) = settings(KEYS[0]);
    let path = file(name);
    let reference = format!("secret://sops/{}#{field}", path.display())
        .parse()
        .unwrap();
    match read(&settings, &reference, &path, field) {
        Ok(fetched) => Ok(fetched.secret.expose().to_owned()),
        Err(error) => Err((error.category, error.to_string())),
    }
}

#[test]
fn every_kind_of_file_and_value_is_read() {
    for (name, field, expected) in [
        ("all.yaml", "broker/key", "PK-planted"),
        ("all.yaml", "broker/secret", "p:l a\tn\"téd\n"),
        ("all.yaml", "broker/port", "9092"),
        ("all.yaml", "broker/rate", "0.5"),
        ("all.yaml", "broker/live", "true"),
        ("all.yaml", "broker/since", "2024-01-02T00:00:00Z"),
        ("all.yaml", "names/0", "first"),
        ("all.yaml", "names/1", "second"),
        ("all.yaml", "names/2/inner", "third"),
        ("all.yaml", "names/2/codes/1", "2"),
        ("all.yaml", "plain_unencrypted/words", "some words"),
        ("all.yaml", "plain_unencrypted/is", "true"),
        ("all.yaml", "plain_unencrypted/long", "one\ntwo\n"),
        ("all.json", "zeta/token", "planted-json"),
        ("all.json", "zeta/deep/0/1", "y"),
        ("all.json", "zeta/deep/1/k", "v"),
        ("all.json", "alpha", "true"),
        ("all.json", "big", "12345678901"),
        ("all.json", "plain_unencrypted/t", "a\"é😀"),
        ("all.json", "plain_unencrypted/n", "1.25"),
        ("all.env", "TOKEN", "planted-dotenv"),
        ("all.env", "LINES", "one\ntwo"),
        ("all.env", "OPEN_unencrypted", "a b=c"),
        ("binary.sops", "data", "planted binary\nwith lines\n"),
        ("only.yaml", "password", "planted-only"),
        ("only.yaml", "list/0/password", "again"),
        ("some.yaml", "password", "planted-only"),
        ("some.yaml", "open", "told to everybody"),
    ] {
        assert_eq!(got(name, field).as_deref(), Ok(expected), "{name} {field}");
    }
}

#[test]
fn what_is_no_value_is_told() {
    for (name, field, expected) in [
        ("all.yaml", "broker", Category::BadReference),
        ("all.yaml", "names", Category::BadReference),
        ("all.yaml", "broker/none", Category::NotFound),
        ("all.yaml", "broker/other", Category::NotFound),
        ("all.yaml", "names/3", Category::NotFound),
        ("all.yaml", "sops/mac", Category::NotFound),
        ("all.env", "sops_mac", Category::NotFound),
        ("only.yaml", "open", Category::BadReference),
        ("groups.yaml", "password", Category::BadReference),
        ("none.yaml", "password", Category::NotFound),
    ] {
        let (category, said) = got(name, field).unwrap_err();
        assert_eq!(category, expected, "{name} {field}");
        assert!(!said.contains("planted"), "{said}");
    }
}

#[test]
fn another_identity_or_another_kind_of_file_is_told() {
    let (_folder, other) = settings(KEYS[1]);
    let other = age::identities_of(&other).unwrap();
    assert!(
        opened("all.yaml", &text("all.yaml"), &other).is_ok(),
        "it is a recipient, too"
    );
    let wrong = opened("all.json", &text("all.json"), &other).unwrap_err();
    assert_eq!(wrong, SopsError::WrongKey);
    assert_eq!(
        broken("groups.yaml", &text("groups.yaml")),
        Some(SopsError::Groups)
    );
    for (name, text) in [
        ("a.yaml", "password: hunter2\n"),
        ("a.yaml", "- a\n"),
        ("a.yaml", ""),
        (
            "a.yaml",
            "a: &x 1\nb: *x\nsops: {mac: m, lastmodified: l, age: []}\n",
        ),
        ("a.yaml", "a: 1\na: 2\n"),
        ("a.yaml", "a: 1\n---\nb: 1\n"),
        ("a.yaml", "a: !!binary AAAA\n"),
        ("a.json", "{\"a\": 1, \"a\": 2}"),
        ("a.json", "{\"a\": 1} x"),
        ("a.env", "words\n"),
        ("a.env", "A=1\n"),
    ] {
        assert_eq!(broken(name, text), Some(SopsError::NotSops), "{text}");
    }
    let pgp = "a: 1\nsops: {mac: m, lastmodified: l, pgp: [{enc: x}]}\n";
    assert_eq!(broken("a.yaml", pgp), Some(SopsError::NoAge));
    let no_key = "a: 1\nsops: {mac: m, lastmodified: l, age: [{enc: x}]}\n";
    assert_eq!(broken("a.yaml", no_key), Some(SopsError::Damaged));
}

/// What stands at a place may not change without being noticed, however a file is edited.
#[test]
fn an_edit_without_sops_is_found() {
    let yaml = text("all.yaml");
    let lines: Vec<&str> = yaml.lines().collect();
    let value = |name: &str| {
        let line = lines
            .iter()
            .find(|line| line.trim_start().starts_with(name));
        line.unwrap().split_once(": ").unwrap().1
    };
    let (key, port) = (value("key: "), value("port: "));
    let swapped = yaml.replace(key, "@").replace(port, key).replace('@', port);
    let others = lines.iter().filter(|line| !line.contains("port: "));
    let without_a_line = others.copied().collect::<Vec<_>>().join("\n");
    for (what, edited) in [
        ("two values swapped", swapped),
        ("a value taken away", without_a_line),
        ("a value written in plain", yaml.replace(key, "PK-other")),
        ("a value made empty", yaml.replace(key, "\"\"")),
        ("plain words", yaml.replace("some words", "other words")),
        ("a plain number", yaml.replace("count: 12", "count: 13")),
        ("a plain item", yaml.replace("- b\n", "- b\n        - c\n")),
        (
            "an encrypted key's name",
            yaml.replace("    port:", "    door:"),
        ),
        ("its time", yaml.replace("2026-11-22T", "2026-11-23T")),
        (
            "its kind of code",
            yaml.replace("    version:", "    mac_only_encrypted: true\n    version:"),
        ),
        ("no code", yaml.replace("    mac: ENC", "    mac: enc")),
    ] {
        assert_ne!(edited, yaml, "{what}");
        assert_eq!(
            broken("all.yaml", &edited),
            Some(SopsError::Damaged),
            "{what}"
        );
    }
    let only = text("only.yaml").replace("mac_only_encrypted: true", "mac_only_encrypted: false");
    assert_eq!(broken("only.yaml", &only), Some(SopsError::Damaged));
    // Nothing vouches for this, so it is not given out.
    let plain = text("only.yaml").replace("told to everybody", "another");
    assert!(opened("only.yaml", &plain, &identities()).is_ok());
}

#[test]
fn no_byte_of_a_file_can_be_changed_to_another_value() {
    let known = [
        (
            "some.yaml",
            ["password", "open", "list/0/password", "list/0/open"].as_slice(),
        ),
        ("all.env", &["TOKEN", "LINES", "OPEN_unencrypted"]),
    ];
    let identities = identities();
    for (name, fields) in known {
        let whole = text(name);
        let value = |opened: &Opened, field: &str| {
            let node = opened.tree.at(field)?;
            node.as_text().map(str::to_owned)
        };
        let right = opened(name, &whole, &identities).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(edited) = String::from_utf8(bytes) else {
                continue;
            };
            let Ok(opened) = opened(name, &edited, &identities) else {
                continue;
            };
            for field in fields {
                let found = value(&opened, field);
                assert!(
                    found.is_none() || found == value(&right, field),
                    "{name} {at} {field}: {edited}"
                );
            }
        }
    }
}

#[test]
fn what_is_too_deep_or_too_long_is_refused() {
    let long = "k".repeat(1025);
    assert_eq!(yaml::parse(&format!("{long}: 1")), None);
    assert_eq!(json::parse(&format!("{{\"{long}\": 1}}")), None);
    assert_eq!(dotenv::parse(&format!("{long}=1")), None);
    for deep in ["[", "{a: ", "- ", "a:\n "] {
        let text = deep.repeat(100_000);
        assert_eq!(yaml::parse(&text), None);
    }
    assert_eq!(json::parse(&"[".repeat(100_000)), None);
    assert_eq!(json::parse(&"{\"a\":".repeat(100_000)), None);
}

proptest! {
    #[test]
    fn nothing_panics(text in "([a-z]{1,2}[:=] ?|ENC\\[AES256_GCM,data:|,iv:|,tag:|,type:str\\]|sops|mac|- |\n|  |\\[|\\]|\\{|\\}|\"|[0-9.e+-]|#|&a|\\*a|\\PC){0,60}") {
        let keys = [Zeroizing::new([7; 32])];
        for name in ["a.yaml", "a.json", "a.env"] {
            let _either = opened(name, &text, &keys);
        }
    }
}
