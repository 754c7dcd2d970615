//! A seed from the picture that a venue shows, to a login that answers with its codes.

use std::path::Path;
use std::time::SystemTime;

use image::{GrayImage, Luma};
use qrcode::QrCode;
use serde_json::json;
use tapeline_auth::mfa::Seed;
use tapeline_model::Micros;
use tapeline_simulators::{NAME, PASSWORD, SEED, Venue};
use tapeline_tests::{Finished, Namespace, Program, scratch};
use tokio::runtime::Runtime;

const URI: &str = "otpauth://totp/Broker:me%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\
                   &issuer=Broker&algorithm=SHA512&digits=8&period=3600";
const PLANTED: &str = "JBSWY3DP";
const STORED: &str = "secret://local/alpha/seed";

fn picture(folder: &Path, name: &str, text: &str) {
    let code: GrayImage = QrCode::new(text).unwrap().render::<Luma<u8>>().build();
    code.save(folder.join(name)).unwrap();
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// An account whose seed is to lie in the encrypted file, and one whose seed lies elsewhere.
fn folder() -> tempfile::TempDir {
    let folder = scratch();
    let login = |(account, totp): (&str, &str)| {
        format!(
            "[[accounts]]\nid = '{account}'\n\
             [[logins]]\naccount = '{account}'\nvenue = 'v'\nway = 'device'\naddress = 'https://v.example'\nclient_id = 'c'\n\
             name = 'secret://file/name'\npassword = 'secret://file/password'\ntotp = '{totp}'\n"
        )
    };
    let logins = [("a1", STORED), ("b1", "secret://file/seed"), ("c1", "")].map(login);
    let text = format!(
        "[auth]\nsession_key = 'secret://file/session-key'\n\
         [secrets.local]\nfile = 'safe'\npassphrase = 'secret://file/passphrase'\n{}",
        logins.concat()
    );
    write(folder.path(), "tapeline.toml", &text);
    write(folder.path(), "passphrase", "correct horse\n");
    folder
}

fn enrol(folder: &Path, arguments: &[&str]) -> Program {
    Program::new([&["auth", "enrol"], arguments].concat()).folder(folder)
}

/// Whatever was said, the seed was not.
fn unseen(finished: Finished) -> Finished {
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(!said.contains(PLANTED), "{said}");
    finished
}

fn now() -> Micros {
    SystemTime::now().into()
}

#[test]
fn a_picture_becomes_a_seed_and_the_code_that_the_venue_asks_for() {
    let folder = folder();
    let folder = folder.path();
    picture(folder, "code.png", URI);
    let shown = ["a1", "--qr", "code.png", "--json"];
    let before = now();
    let first = unseen(enrol(folder, &shown).run().ok());
    assert!(first.stderr.contains("delete code.png"), "{}", first.stderr);
    let json = first.json();
    let expected = json!({
        "account": "a1", "reference": STORED, "version": 1, "issuer": "Broker",
        "name": "me@example.org", "algorithm": "SHA512", "digits": 8, "period_seconds": 3600,
    });
    for (key, expected) in expected.as_object().unwrap() {
        assert_eq!(&json[key], expected, "{key}");
    }
    let seed = Seed::parse(URI).unwrap();
    let is_right = [before, now()].into_iter().any(|time| {
        let (code, _, next) = seed.for_person(time);
        json["code"] == code.expose() && json["next_code"] == next.expose()
    });
    assert!(is_right, "{json}");

    let again = unseen(enrol(folder, &shown).run());
    again.failed(2, &[STORED, "version 1", "--force"]);
    let forced = unseen(
        enrol(folder, &["a1", "--qr", "code.png", "--force"])
            .run()
            .ok(),
    );
    let parts = [
        "version 2",
        "Broker, me@example.org: 8 digits",
        "by SHA512",
        "code: ",
    ];
    for part in parts {
        assert!(forced.stdout.contains(part), "{}", forced.stdout);
    }
    let get = ["secrets", "get", STORED, "--show"];
    let stored = Program::new(get).folder(folder).run().ok();
    assert_eq!(stored.stdout.trim(), URI, "nothing of it is lost");
}

#[test]
fn a_seed_in_letters_is_typed_and_never_an_argument() {
    let folder = folder();
    let folder = folder.path();
    let typed = folder.join("typed");
    let from = |text: &str| {
        write(folder, "typed", text);
        unseen(
            enrol(folder, &["a1", "--uri", "-", "--force"])
                .input(&typed)
                .run(),
        )
    };
    let letters = from("jbsw y3dp ehpk 3pxp\n").ok();
    assert!(
        letters.stdout.contains("6 digits every 30 s, by SHA1"),
        "{}",
        letters.stdout
    );
    let address = from(&format!("{URI}\n")).ok();
    assert!(
        address.stdout.contains("8 digits every 3600 s"),
        "{}",
        address.stdout
    );
    from("").failed(2, &["no secret on standard input"]);
    from("hunter2!").failed(1, &["standard input: the seed is neither base32"]);
    let shortened = from("otpauth://totp/a?secret=JBSWY3DP");
    shortened.failed(1, &["40 bits", "cut off"]);
    let argument = unseen(enrol(folder, &["a1", "--uri", URI]).run());
    argument.failed(2, &["nothing but `-`", "shell's history"]);
    enrol(folder, &["a1"]).run().failed(2, &["--qr"]);
}

#[test]
fn what_cannot_be_enrolled_says_why_and_leaves_what_is_there() {
    let folder = folder();
    let folder = folder.path();
    picture(folder, "code.png", URI);
    picture(folder, "link.png", "https://get.example/app");
    picture(folder, "word.png", "JBSWY3DPEHPK3PXP");
    picture(
        folder,
        "counted.png",
        "otpauth://hotp/a?secret=JBSWY3DPEHPK3PXP&counter=1",
    );
    picture(
        folder,
        "export.png",
        "otpauth-migration://offline?data=CjEKCkhlbGxvId6tvu8",
    );
    picture(folder, "bad.png", "otpauth://totp/a?secret=1!");
    let whole = std::fs::read(folder.join("code.png")).unwrap();
    std::fs::write(folder.join("broken.png"), &whole[..200]).unwrap();
    write(folder, "text.png", URI);
    std::fs::File::create(folder.join("large.png"))
        .unwrap()
        .set_len(17 << 20)
        .unwrap();
    for (file, code, said) in [
        ("link.png", 1, "holds no otpauth:// address"),
        ("word.png", 1, "holds no otpauth:// address"),
        ("counted.png", 1, "hotp"),
        ("export.png", 1, "export of an authenticator app"),
        ("bad.png", 1, "not base32"),
        ("broken.png", 1, "cut short or damaged"),
        ("text.png", 1, "neither a PNG nor a JPEG"),
        ("large.png", 1, "16 MiB"),
        ("none.png", 2, "No such file"),
        (".", 2, "no regular file"),
    ] {
        let refused = unseen(enrol(folder, &["a1", "--qr", file]).run());
        refused.failed(code, &[file, said]);
    }
    assert!(!folder.join("safe").exists(), "nothing was stored");
    let tried = |account| unseen(enrol(folder, &[account, "--qr", "code.png"]).run());
    tried("b1").failed(
        2,
        &[
            "secret://file/seed is not written by Tapeline",
            "otpauth://",
        ],
    );
    tried("c1").failed(2, &["takes no codes by time", "totp = "]);
    tried("nobody").failed(2, &["`nobody` has no login", "a1, b1, c1"]);
    write(folder, "passphrase", "");
    tried("a1").failed(1, &["the passphrase is empty"]);
}

#[test]
fn a_login_answers_with_codes_of_the_seed_that_was_enrolled() {
    let runtime = Runtime::new().unwrap();
    let venue = runtime.block_on(Venue::start()).unwrap();
    let configuration = format!(
        "[auth]\nsessions = 'sessions'\nsession_key = 'secret://file/session-key'\n\
         [secrets.local]\nfile = 'safe'\npassphrase = 'secret://file/passphrase'\n\
         [[accounts]]\nid = 'a1'\n\
         [[logins]]\naccount = 'a1'\nvenue = 'alpha'\nway = 'device'\naddress = '{}'\nclient_id = 'tapeline'\n\
         name = 'secret://file/name'\npassword = 'secret://file/password'\ntotp = '{STORED}'\n",
        venue.address
    );
    let namespace = Namespace::new("enrol", &configuration);
    let folder = &namespace.folder();
    let session_key = "k".repeat(44);
    for (name, text) in [
        ("name", NAME),
        ("password", PASSWORD),
        ("session-key", &session_key),
        ("passphrase", "correct horse"),
    ] {
        write(folder, name, text);
    }
    // The venue's codes change each second: those of another period would not count.
    picture(
        folder,
        "code.jpg",
        &format!("otpauth://totp/alpha?secret={SEED}&period=1"),
    );
    let enrol = ["auth", "enrol", "a1", "--qr", "code.jpg"];
    let shown = namespace.program(enrol).run().ok();
    assert!(!shown.stdout.contains(SEED), "{}", shown.stdout);
    let running = namespace.roles(&["connectors", "sinks"]);
    let kinds = "SELECT concat(toString(kind), ' ', ifNull(method, '')) FROM auth_events \
                 WHERE kind != 'HEALTHY' ORDER BY event_time, _offset";
    namespace.query_until(
        kinds,
        "CHALLENGE TOTP\nCODE_SEEN TOTP\nLOGIN_SUCCEEDED TOTP",
    );
    running.stop().ok();
    assert_eq!(venue.state().opened, 1);
}
