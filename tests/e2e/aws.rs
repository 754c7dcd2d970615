//! Secrets from a server that others wrote to stand for AWS Secrets Manager (moto).

use serde_json::{Value as Json, json};
use tapeline_local::free_port;
use tapeline_tests::{Finished, Peer, Program, post, scratch};
use tempfile::TempDir;

use crate::clients::python;

const OWNER: &str = "AWS4-HMAC-SHA256 Credential=AKIDOWNER/20260101/eu-west-1/secretsmanager/aws4_request, \
                     SignedHeaders=host, Signature=0";

struct Moto {
    address: String,
    _server: Peer,
}

impl Moto {
    fn start() -> Self {
        let port = free_port().unwrap();
        let run = "import sys; from moto.server import main; main(sys.argv[1:])";
        let port_text = port.to_string();
        let command = [&python(), "-c", run, "-H", "127.0.0.1", "-p", &port_text];
        Self {
            address: format!("http://127.0.0.1:{port}"),
            _server: Peer::start("moto", &command, &[port]),
        }
    }

    /// As its owner changes a secret; moto looks at no signature.
    fn does(&self, what: &str, with: Json) -> Json {
        let target = format!("secretsmanager.{what}");
        let headers = [
            ("x-amz-target", &*target),
            ("content-type", "application/x-amz-json-1.1"),
            ("authorization", OWNER),
        ];
        let (status, answer) = post(&self.address, &headers, &with.to_string()).unwrap();
        assert_eq!(status, 200, "{what}: {answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// A new version with this label, and its id.
    fn puts(&self, text: &str, stage: &str) -> String {
        let with = json!({ "SecretId": "prod/db", "SecretString": text, "VersionStages": [stage] });
        version(&self.does("PutSecretValue", with))
    }
}

fn version(answer: &Json) -> String {
    answer["VersionId"].as_str().unwrap().to_owned()
}

fn folder(moto: &Moto) -> TempDir {
    let folder = scratch();
    let text = format!(
        "[secrets.aws]\nregion = 'eu-west-1'\nendpoint = '{}'\n\
         access_key = 'secret://file/access'\nsecret_key = 'secret://file/key'\n",
        moto.address
    );
    for (name, text) in [
        ("tapeline.toml", &*text),
        ("access", "AKIDREADER"),
        ("key", "wJalrXUtn"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn get(folder: &TempDir, reference: &str) -> Finished {
    Program::new(["secrets", "get", reference, "--show"])
        .folder(folder.path())
        .run()
}

#[track_caller]
fn is_read(folder: &TempDir, reference: &str, expected: &str) {
    assert_eq!(get(folder, reference).ok().stdout.trim_end(), expected);
}

#[test]
fn a_secret_of_aws_is_the_current_version_while_it_is_rotated() {
    let moto = Moto::start();
    let folder = folder(&moto);
    let document = json!({ "user": "tapeline", "password": "first" }).to_string();
    let first = json!({ "Name": "prod/db", "SecretString": document });
    let first = version(&moto.does("CreateSecret", first));
    let password = "secret://aws/prod/db#password";
    is_read(&folder, password, "first");
    is_read(&folder, "secret://aws/prod/db", &document);

    // As a rotation goes: a version that waits, then the labels move.
    let second = moto.puts(&json!({ "password": "second" }).to_string(), "AWSPENDING");
    is_read(&folder, password, "first");
    let moves = |to: &str, from: &str| {
        let labels = json!({
            "SecretId": "prod/db", "VersionStage": "AWSCURRENT",
            "MoveToVersionId": to, "RemoveFromVersionId": from,
        });
        moto.does("UpdateSecretVersionStage", labels);
    };
    moves(&second, &first);
    is_read(&folder, password, "second");
    let masked = ["secrets", "get", password, "--masked", "--json"];
    let masked = Program::new(masked).folder(folder.path()).run().ok().json();
    assert_eq!(masked["version"], second);
    // Taken back, to what is AWSPREVIOUS by now.
    moves(&first, &second);
    is_read(&folder, password, "first");
}

#[test]
fn what_aws_has_not_or_cannot_be_text_says_so() {
    let moto = Moto::start();
    let folder = folder(&moto);
    let refused = |reference: &str, code: i32, said: &[&str]| {
        let got = get(&folder, reference);
        got.failed(code, said);
        assert!(!got.stderr.contains("planted"), "{}", got.stderr);
    };
    refused("secret://aws/none", 1, &["secret://aws/none", "eu-west-1"]);
    let document = json!({ "user": "planted", "list": ["planted"] }).to_string();
    moto.does(
        "CreateSecret",
        json!({ "Name": "app", "SecretString": document }),
    );
    refused("secret://aws/app#password", 1, &["password"]);
    refused("secret://aws/app#list", 2, &["list"]);
    // "planted" and a byte that no text has.
    moto.does(
        "CreateSecret",
        json!({ "Name": "binary", "SecretBinary": "cGxhbnRlZP8=" }),
    );
    refused("secret://aws/binary", 1, &["the secret is no text"]);
    moto.does(
        "CreateSecret",
        json!({ "Name": "gone", "SecretString": "planted" }),
    );
    is_read(&folder, "secret://aws/gone", "planted");
    moto.does("DeleteSecret", json!({ "SecretId": "gone" }));
    refused("secret://aws/gone", 1, &["marked for deletion"]);
}
