use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;

use super::*;

struct Setup {
    folder: tempfile::TempDir,
    file: LocalFile,
}

impl Setup {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = LocalFile::new(LocalSettings {
            file: folder.path().join("secrets"),
            passphrase: passphrase(&folder, "old", "correct horse"),
        });
        Self { folder, file }
    }

    fn with_passphrase(&self, name: &str, text: &str) -> LocalFile {
        LocalFile::new(LocalSettings {
            file: self.path(),
            passphrase: passphrase(&self.folder, name, text),
        })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("secrets")
    }

    fn set(&self, name: &str, text: &str) -> u64 {
        self.file.set(name, &Secret::new(text)).unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }
}

fn passphrase(folder: &tempfile::TempDir, name: &str, text: &str) -> Reference {
    let path = folder.path().join(name);
    fs::write(&path, format!("{text}\n")).unwrap();
    format!("secret://file/{}", path.display()).parse().unwrap()
}

fn get(file: &LocalFile, name: &str) -> Result<Fetched, SecretError> {
    let reference = format!("secret://local/{name}").parse().unwrap();
    file.read(&reference, name)
}

#[test]
fn what_is_set_is_got_and_its_version_counts() {
    let setup = Setup::new();
    assert_eq!(setup.set("broker/a", "first canary"), 1);
    assert_eq!(setup.set("b", "other"), 1);
    assert_eq!(setup.set("broker/a", "second"), 2);
    let got = get(&setup.file, "broker/a").unwrap();
    assert_eq!((got.secret.expose(), &*got.version), ("second", "2"));
    assert!(got.since.is_some());
    assert_eq!(get(&setup.file, "b").unwrap().secret.expose(), "other");
    let missing = get(&setup.file, "c").unwrap_err();
    assert_eq!(missing.category, Category::NotFound);
    assert!(missing.remedy.contains("tapeline secrets set c"));
    let mode = fs::metadata(setup.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!setup.text().contains("canary"));
}

#[test]
fn each_write_takes_a_new_salt_and_new_nonces() {
    let setup = Setup::new();
    setup.set("a", "same");
    setup.set("b", "same");
    let before: Value = serde_json::from_str(setup.text().lines().nth(1).unwrap()).unwrap();
    setup.set("b", "same");
    let after: Value = serde_json::from_str(setup.text().lines().nth(1).unwrap()).unwrap();
    assert_ne!(before["salt"], after["salt"]);
    assert_ne!(
        before["entries"][0]["sealed"],
        after["entries"][0]["sealed"]
    );
}

#[test]
fn a_wrong_passphrase_is_told_from_a_damaged_file() {
    let setup = Setup::new();
    setup.set("a", "canary");
    let other = setup.with_passphrase("other", "wrong horse");
    for error in [
        get(&other, "a").unwrap_err(),
        other.set("b", &Secret::new("x")).unwrap_err(),
    ] {
        assert_eq!(error.category, Category::WrongKey);
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains("horse") && !text.contains("canary"),
            "{text}"
        );
    }
    let empty = setup.with_passphrase("empty", "");
    assert_eq!(get(&empty, "a").unwrap_err().category, Category::WrongKey);
}

#[test]
fn a_file_cut_anywhere_is_damaged() {
    let setup = Setup::new();
    setup.set("a", "x");
    let whole = setup.text();
    for end in 0..whole.len() {
        fs::write(setup.path(), &whole[..end]).unwrap();
        let error = get(&setup.file, "a").unwrap_err();
        assert_eq!(error.category, Category::Damaged, "{end}: {error}");
    }
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let setup = Setup::new();
    setup.set("a", "x");
    let whole = fs::read(setup.path()).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(setup.path(), bytes).unwrap();
        let error = get(&setup.file, "a").unwrap_err();
        assert_eq!(error.category, Category::Damaged, "{at}: {error}");
    }
}

#[test]
fn a_forger_with_a_fitting_checksum_is_found() {
    let setup = Setup::new();
    setup.set("a", "x");
    setup.set("b", "y");
    let whole = setup.text();
    let forgeries: [fn(&mut Value); 5] = [
        |body| drop(body["entries"].as_array_mut().unwrap().pop()),
        |body| body["entries"].as_array_mut().unwrap().swap(0, 1),
        |body| body["entries"][0]["name"] = "c".into(),
        |body| body["entries"][0]["version"] = 9.into(),
        |body| {
            let other = body["entries"][1]["sealed"].clone();
            body["entries"][0]["sealed"] = other;
        },
    ];
    for (number, forgery) in forgeries.into_iter().enumerate() {
        fs::write(setup.path(), format::forged(&whole, forgery)).unwrap();
        let error = get(&setup.file, "b").unwrap_err();
        assert_eq!(error.category, Category::Damaged, "{number}");
    }
    let costly = |body: &mut Value| body["argon2id"]["memory_kib"] = u32::MAX.into();
    fs::write(setup.path(), format::forged(&whole, costly)).unwrap();
    assert_eq!(
        get(&setup.file, "b").unwrap_err().category,
        Category::Damaged
    );
}

#[test]
fn another_kind_of_file_is_not_overwritten() {
    let setup = Setup::new();
    fs::write(setup.path(), "my notes\n").unwrap();
    let error = setup.file.set("a", &Secret::new("x")).unwrap_err();
    assert_eq!(error.category, Category::Damaged);
    assert_eq!(setup.text(), "my notes\n");
}

#[test]
fn rotating_changes_the_passphrase_and_nothing_else() {
    let setup = Setup::new();
    setup.set("a", "x");
    setup.set("a", "y");
    let new = passphrase(&setup.folder, "new", "battery staple");
    assert_eq!(setup.file.rotate(&new).unwrap(), 1);
    assert_eq!(
        get(&setup.file, "a").unwrap_err().category,
        Category::WrongKey
    );
    let file = setup.with_passphrase("new", "battery staple");
    let got = get(&file, "a").unwrap();
    assert_eq!((got.secret.expose(), &*got.version), ("y", "2"));
}

#[test]
fn one_process_writes_at_a_time_and_left_overs_do_no_harm() {
    let setup = Setup::new();
    setup.set("a", "x");
    let held = write::lock(&setup.path()).unwrap();
    let error = setup.file.set("a", &Secret::new("y")).unwrap_err();
    assert_eq!(error.category, Category::Unreachable);
    drop(held);
    fs::write(setup.folder.path().join("secrets.new"), "half").unwrap();
    assert_eq!(setup.set("a", "z"), 2);
    assert!(!setup.folder.path().join("secrets.new").exists());
}

#[test]
fn names_and_sizes_are_bounded() {
    let setup = Setup::new();
    for (name, text) in [
        ("a b", "x"),
        ("", "x"),
        ("a", ""),
        ("a", &*"x".repeat(70_000)),
    ] {
        let error = setup.file.set(name, &Secret::new(text)).unwrap_err();
        assert_eq!(error.category, Category::BadReference);
    }
    assert!(!setup.path().exists());
}
