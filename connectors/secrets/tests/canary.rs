//! A planted secret shows nowhere: not in an error, not in a log at the finest
//! level, not in a metric, not in the `Debug` or `Display` of anything.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use support::{Server, planted, reference, secrets, without_cache};
use tapeline_secrets::{
    AgeSettings, AwsSettings, LocalFile, LocalSettings, Reference, Secret, Secrets, Settings,
    Value, VaultLogin, VaultSettings,
};
use tracing_subscriber::filter::LevelFilter;

/// Whatever must stay secret begins so.
const CANARY: &str = "canary";

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u8>>>);

impl Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Notes the names and labels of all metrics.
struct Meters(Seen);

impl Meters {
    fn note(&self, key: &metrics::Key) {
        writeln!(self.0.clone(), "metric {key}").unwrap();
    }
}

impl metrics::Recorder for Meters {
    fn describe_counter(
        &self,
        _: metrics::KeyName,
        _: Option<metrics::Unit>,
        _: metrics::SharedString,
    ) {
    }
    fn describe_gauge(
        &self,
        _: metrics::KeyName,
        _: Option<metrics::Unit>,
        _: metrics::SharedString,
    ) {
    }
    fn describe_histogram(
        &self,
        _: metrics::KeyName,
        _: Option<metrics::Unit>,
        _: metrics::SharedString,
    ) {
    }
    fn register_counter(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Counter {
        self.note(key);
        metrics::Counter::noop()
    }
    fn register_gauge(&self, key: &metrics::Key, _: &metrics::Metadata<'_>) -> metrics::Gauge {
        self.note(key);
        metrics::Gauge::noop()
    }
    fn register_histogram(
        &self,
        key: &metrics::Key,
        _: &metrics::Metadata<'_>,
    ) -> metrics::Histogram {
        self.note(key);
        metrics::Histogram::noop()
    }
}

/// Everything at once, over servers that answer so.
fn settings(folder: &std::path::Path, vault: &Server, aws: &Server) -> Settings {
    let plant = |name: &str| planted(folder, name, &format!("{CANARY}-{name}\n"));
    Settings {
        timing: without_cache(),
        local: Some(LocalSettings {
            file: folder.join("local"),
            passphrase: plant("passphrase"),
        }),
        vault: Some(VaultSettings {
            address: vault.address.clone(),
            namespace: String::new(),
            login: VaultLogin::AppRole {
                mount: "approle".to_owned(),
                role_id: "role".to_owned(),
                secret_id: plant("wrap"),
                is_wrapped: true,
            },
            ca: None,
        }),
        aws: Some(AwsSettings {
            region: "eu-west-1".to_owned(),
            endpoint: Some(aws.address.clone()),
            access_key: plant("access"),
            secret_key: plant("key"),
            session_token: Some(plant("session")),
        }),
        age: Some(AgeSettings {
            identity: plant("identity"),
        }),
    }
}

async fn try_everything(secrets: &Secrets, folder: &std::path::Path, shown: &mut String) {
    let file = planted(folder, "file", &format!("{CANARY}-file\n")).to_string();
    for text in [
        "secret://env/PATH",
        &file,
        "secret://local/a",
        "secret://local/none",
        "secret://vault/kv/app#key",
        "secret://vault/kv/app#none",
        "secret://vault/kv/app#list",
        "secret://aws/app#key",
        "secret://aws/app#none",
        "secret://aws/app",
        &file.replacen("file", "age", 1),
        &format!("{}#a", file.replacen("file", "sops", 1)),
    ] {
        let reference = reference(text);
        let got = secrets.get(&reference).await;
        let again = secrets.again(&reference).await;
        let watched = secrets.watch(&reference).await;
        write!(shown, "{reference:?} {got:?} {again:?} {watched:?}").unwrap();
        if let Err(error) = &got {
            write!(shown, "{error} {error:#?}").unwrap();
        }
        if let Ok(value) = &got {
            write!(shown, "{} {:?}", value.secret, value.secret).unwrap();
        }
    }
    write!(shown, "{secrets:?}").unwrap();
}

/// What panics say in threads that hold a secret.
fn panics(value: &Value) -> String {
    let said = Seen::default();
    let sink = said.clone();
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        writeln!(sink.clone(), "{panic}").unwrap();
    }));
    let missing = || Err::<Value, _>(value.clone());
    let faults: [&(dyn Fn() + Sync); 3] = [
        &|| panic!("{value:?} {}", value.secret),
        &|| drop(missing().unwrap()),
        &|| assert_eq!(value.secret.expose().parse::<u64>().unwrap(), 0),
    ];
    for fault in faults {
        std::thread::scope(|scope| scope.spawn(fault).join()).unwrap_err();
    }
    std::panic::set_hook(usual);
    let said = said.0.lock().unwrap().clone();
    // The place is in this file, which is named so.
    String::from_utf8(said).unwrap().replace(file!(), "here")
}

/// One test, since the log and the metrics belong to the process.
#[tokio::test]
async fn nothing_shows_a_secret() {
    let seen = Seen::default();
    let writer = seen.clone();
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .init();
    metrics::set_global_recorder(Meters(seen.clone())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut shown = String::new();

    let vault = Server::start(|asked| match asked.path.as_str() {
        "/v1/sys/wrapping/unwrap" => (200, json!({"data": {"secret_id": "canary-sid"}})),
        "/v1/auth/approle/login" | "/v1/auth/token/renew-self" => (
            200,
            json!({"auth": {
                "client_token": "canary-token", "lease_duration": 5, "renewable": true,
            }}),
        ),
        _ => {
            let data = json!({"key": "canary-vault", "list": ["canary-list"]});
            let metadata = json!({"version": 1, "created_time": "canary-time"});
            (200, json!({"data": {"data": data, "metadata": metadata}}))
        }
    })
    .await;
    let aws = Server::start(|_| {
        let text = json!({"key": "canary-aws"}).to_string();
        (
            200,
            json!({"VersionStages": ["AWSCURRENT"], "SecretString": text}),
        )
    })
    .await;
    let all = settings(folder, &vault, &aws);
    write!(shown, "{all:?}").unwrap();
    let local = LocalFile::new(all.local.clone().unwrap());
    local.set("a", &Secret::new("canary-local")).unwrap();
    write!(shown, "{local:?}").unwrap();
    try_everything(&secrets(all.clone()), folder, &mut shown).await;

    // The same with servers that refuse, and say what they were told.
    let mirror = |asked: &support::Asked| {
        let said = format!("canary {:?} {}", asked.headers, asked.body);
        let status = if asked.path.len().is_multiple_of(2) {
            400
        } else {
            403
        };
        (
            status,
            json!({"errors": [said], "__type": said, "Message": said}),
        )
    };
    let (vault, aws) = (Server::start(mirror).await, Server::start(mirror).await);
    let refused = settings(folder, &vault, &aws);
    planted(folder, "passphrase", "canary-other");
    try_everything(&secrets(refused), folder, &mut shown).await;
    std::fs::write(folder.join("local"), "canary-damage").unwrap();
    try_everything(&secrets(all), folder, &mut shown).await;

    for wrong in [
        "canary",
        "secret://canary/x",
        "secret://vault/canary",
        "secret://env/canary=1",
    ] {
        let error = wrong.parse::<Reference>().unwrap_err();
        write!(shown, "{error} {error:?}").unwrap();
    }

    let planted = planted(folder, "held", "canary-held\n");
    let value = secrets(Settings::default()).get(&planted).await.unwrap();
    let panicked = panics(&value);
    assert_eq!(panicked.matches("panicked at").count(), 3, "{panicked}");
    shown.push_str(&panicked);

    let logged = String::from_utf8(seen.0.lock().unwrap().clone()).unwrap();
    for (what, text) in [("shown", &shown), ("logged", &logged)] {
        let at = text.find(CANARY);
        let around = at.map(|at| &text[at.saturating_sub(200)..(at + 60).min(text.len())]);
        assert_eq!(around, None, "{what}");
    }
    assert!(shown.contains("***"), "values were had");
    assert!(
        logged.contains("DEBUG") && logged.contains("WARN"),
        "{logged}"
    );
    assert!(
        logged.contains("tapeline_secret_failures_total"),
        "{logged}"
    );
}
