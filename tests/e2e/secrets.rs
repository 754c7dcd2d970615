//! The commands about secrets. They need no stack.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tapeline_tests::{Program, scratch};

const CONFIGURATION: &str = "\
[clickhouse]
password = 'secret://local/clickhouse'
[kafka.properties]
'ssl.key.password' = 'secret://file/key-password'
[secrets.local]
file = 'safe'
passphrase = 'secret://file/passphrase'
";

fn folder() -> tempfile::TempDir {
    let folder = scratch();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("tapeline.toml", CONFIGURATION);
    write("passphrase", "correct horse\n");
    write("key-password", "canary-key\n");
    write("typed", "canary-1\n");
    folder
}

fn secrets<const N: usize>(folder: &Path, arguments: [&str; N]) -> Program {
    Program::new([&["secrets"][..], &arguments[..]].concat()).folder(folder)
}

fn set(folder: &Path) {
    let typed = folder.join("typed");
    let said = secrets(folder, ["set", "clickhouse"])
        .input(&typed)
        .run()
        .ok();
    assert!(
        said.stdout.contains("secret://local/clickhouse"),
        "{}",
        said.stdout
    );
    assert!(!said.stdout.contains("canary") && !said.stderr.contains("canary"));
}

#[test]
fn what_is_set_can_be_used_and_is_shown_only_on_demand() {
    let folder = folder();
    let folder = folder.path();
    secrets(folder, ["check"])
        .run()
        .failed(1, &["1 of 3 references"]);
    set(folder);
    set(folder);
    let mode = std::fs::metadata(folder.join("safe"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let reference = "secret://local/clickhouse";
    let masked = secrets(folder, ["get", reference, "--masked"]).run().ok();
    assert!(
        masked.stdout.contains("8 characters, version 2"),
        "{}",
        masked.stdout
    );
    assert!(!masked.stdout.contains("canary"));
    let json = secrets(folder, ["get", reference, "--masked", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(
        (&json["length"], &json["version"]),
        (&8.into(), &"2".into())
    );
    let shown = secrets(folder, ["get", reference, "--show"]).run().ok();
    assert_eq!(shown.stdout.trim(), "canary-1");
    secrets(folder, ["get", reference])
        .run()
        .failed(2, &["--masked"]);

    let checked = secrets(folder, ["check", "--json"]).run().ok().json();
    let checked = checked.as_array().unwrap();
    assert_eq!(checked.len(), 3);
    assert!(
        checked
            .iter()
            .all(|one| one["ok"] == true && one["ms"].is_u64())
    );
    let checked = Program::new(["check"]).folder(folder).run().ok();
    assert_eq!(checked.stdout.trim(), "the configuration is fine");
}

#[test]
fn a_reference_that_leads_to_nothing_says_what_to_do() {
    let folder = folder();
    let folder = folder.path();
    set(folder);
    std::fs::remove_file(folder.join("key-password")).unwrap();
    let checked = secrets(folder, ["check"]).run();
    checked.failed(1, &["1 of 3 references lead to nothing"]);
    for part in ["FAILED", "kafka.properties", "see whether it is mounted"] {
        assert!(checked.stdout.contains(part), "{}", checked.stdout);
    }
    let checked = secrets(folder, ["check", "--json"]).run();
    assert_eq!(checked.code(), 1);
    let failed: Vec<String> = checked
        .json()
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["ok"] == false)
        .map(|one| one["category"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(failed, ["not_found"]);
}

#[test]
fn the_passphrase_is_rotated_and_a_wrong_one_is_told() {
    let folder = folder();
    let folder = folder.path();
    set(folder);
    std::fs::write(folder.join("new"), "battery staple\n").unwrap();
    let rotated = secrets(folder, ["rotate", "--to", "secret://file/new"])
        .run()
        .ok();
    assert!(
        rotated.stdout.contains("1 secret of safe"),
        "{}",
        rotated.stdout
    );
    let get = ["get", "secret://local/clickhouse", "--show"];
    secrets(folder, get)
        .run()
        .failed(1, &["the passphrase does not fit"]);
    let got = secrets(folder, get)
        .env("TAPELINE__SECRETS__LOCAL__PASSPHRASE", "secret://file/new")
        .run()
        .ok();
    assert_eq!(got.stdout.trim(), "canary-1");

    let whole = std::fs::read(folder.join("safe")).unwrap();
    std::fs::write(folder.join("safe"), &whole[..whole.len() / 2]).unwrap();
    secrets(folder, get)
        .run()
        .failed(1, &["safe: the file is cut short or was changed"]);
}

#[test]
fn nothing_is_written_where_nothing_is_configured() {
    let folder = scratch();
    let typed = folder.path().join("typed");
    std::fs::write(&typed, "canary").unwrap();
    let set = secrets(folder.path(), ["set", "a"]).input(&typed).run();
    set.failed(2, &["secrets.local.passphrase"]);
    assert!(!set.stderr.contains("canary"));
    let wrong = secrets(folder.path(), ["get", "hunter2", "--masked"]).run();
    wrong.failed(2, &["secret://env/NAME"]);
    assert!(!wrong.stderr.contains("hunter2"));
    let none = secrets(folder.path(), ["check"]).run().ok();
    assert_eq!(none.stdout.trim(), "the configuration has no references");
}

#[test]
fn what_sops_encrypted_is_found_by_its_keys() {
    let folder = scratch();
    let folder = folder.path();
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors/secrets/tests/sops");
    std::fs::copy(made.join("all.yaml"), folder.join("all.yaml")).unwrap();
    let text = "[clickhouse]\npassword = 'secret://sops/all.yaml#broker/key'\n\
                [kafka.properties]\n'ssl.key.password' = 'secret://sops/all.yaml#broker/none'\n";
    std::fs::write(folder.join("tapeline.toml"), text).unwrap();
    let checked = Program::new(["check"]).folder(folder).run();
    checked.failed(2, &["clickhouse.password: ", "fill in [secrets.age]"]);
    let text = format!("{text}[secrets.age]\nidentity = 'secret://file/identity'\n");
    std::fs::write(folder.join("tapeline.toml"), text).unwrap();
    let identity = "AGE-SECRET-KEY-174K8AY4ZTJ2KKMP6XCSSX4ELJZ6KAJE6AZRFGV69JGGJ2J26X8MSA86GVS";
    std::fs::write(folder.join("identity"), identity).unwrap();
    let checked = secrets(folder, ["check"]).run();
    checked.failed(1, &["1 of 3 references lead to nothing"]);
    assert!(!checked.stdout.contains("planted"), "{}", checked.stdout);
    let reference = "secret://sops/all.yaml#broker/key";
    let shown = secrets(folder, ["get", reference, "--show"]).run().ok();
    assert_eq!(shown.stdout.trim(), "PK-planted");
}
