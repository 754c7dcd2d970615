//! Against a server that answers as Vault does, faults included.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value as Json, json};
use support::{Asked, Server, get, planted, reference, secrets, without_cache};
use tapeline_secrets::{Category, Secrets, Settings, Timing, VaultLogin, VaultSettings};
use tempfile::TempDir;

const KEY: &str = "secret://vault/kv/app/db#password";

fn kv(password: &str, version: u64) -> Json {
    json!({"data": {
        "data": {"password": password},
        "metadata": {
            "version": version, "created_time": "2018-03-22T02:24:06.945319214Z",
            "deletion_time": "", "destroyed": false,
        },
    }})
}

fn granted(token: &str, seconds: u64) -> Json {
    json!({"auth": {"client_token": token, "lease_duration": seconds, "renewable": true}})
}

fn refused() -> (u16, Json) {
    (403, json!({"errors": ["permission denied"]}))
}

/// What a healthy Vault says: logins give t1, t2, … for `lease` seconds.
struct Healthy {
    logins: AtomicUsize,
    lease: AtomicU64,
}

impl Healthy {
    fn new(lease: u64) -> Arc<Self> {
        Arc::new(Self {
            logins: AtomicUsize::new(0),
            lease: AtomicU64::new(lease),
        })
    }

    fn answer(&self, asked: &Asked) -> (u16, Json) {
        let lease = self.lease.load(Ordering::SeqCst);
        if asked.path.ends_with("/login") {
            let number = self.logins.fetch_add(1, Ordering::SeqCst) + 1;
            return (200, granted(&format!("t{number}"), lease));
        }
        match asked.path.as_str() {
            "/v1/auth/token/renew-self" => (200, granted(asked.header("x-vault-token"), lease)),
            "/v1/auth/token/lookup-self" => {
                (200, json!({"data": {"ttl": lease, "renewable": true}}))
            }
            "/v1/kv/data/app/db" => (200, kv("canary", 3)),
            _ => (404, json!({"errors": []})),
        }
    }
}

fn approle(folder: &TempDir) -> VaultLogin {
    VaultLogin::AppRole {
        mount: "approle".to_owned(),
        role_id: "role".to_owned(),
        secret_id: planted(folder.path(), "secret_id", "sid\n"),
        is_wrapped: false,
    }
}

fn wrapped(folder: &TempDir) -> VaultLogin {
    VaultLogin::AppRole {
        mount: "approle".to_owned(),
        role_id: "role".to_owned(),
        secret_id: planted(folder.path(), "wrap", "wrapping\n"),
        is_wrapped: true,
    }
}

fn over(server: &Server, login: VaultLogin, timing: Timing) -> Secrets {
    secrets(Settings {
        timing,
        vault: Some(VaultSettings {
            address: server.address.clone(),
            namespace: "desk/one".to_owned(),
            login,
            ca: None,
        }),
        ..Settings::default()
    })
}

async fn healthy(lease: u64) -> (Arc<Healthy>, Server) {
    let vault = Healthy::new(lease);
    let answers = Arc::clone(&vault);
    let server = Server::start(move |asked| answers.answer(asked)).await;
    (vault, server)
}

#[tokio::test]
async fn a_secret_is_read_with_a_token_of_an_approle() {
    let folder = tempfile::tempdir().unwrap();
    let (_, server) = healthy(3600).await;
    let secrets = over(&server, approle(&folder), Timing::default());
    let value = secrets.get(&reference(KEY)).await.unwrap();
    assert_eq!(value.secret.expose(), "canary");
    assert_eq!(value.version, "3");
    let created = SystemTime::UNIX_EPOCH + Duration::from_secs(1_521_685_446);
    assert_eq!(value.since, created);
    secrets.get(&reference(KEY)).await.unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "the second one comes from the cache");
    assert_eq!(asked[0].path, "/v1/auth/approle/login");
    assert_eq!(
        asked[0].body,
        json!({"role_id": "role", "secret_id": "sid"})
    );
    assert_eq!(asked[0].header("x-vault-token"), "");
    assert_eq!(asked[1].path, "/v1/kv/data/app/db");
    assert_eq!(asked[1].header("x-vault-token"), "t1");
    for asked in asked {
        assert_eq!(asked.header("x-vault-namespace"), "desk/one");
        assert_eq!(asked.header("x-vault-request"), "true");
    }
}

#[tokio::test]
async fn many_secrets_need_one_login() {
    let folder = tempfile::tempdir().unwrap();
    let (_, server) = healthy(3600).await;
    let secrets = over(&server, approle(&folder), without_cache());
    let ask = |number: usize| {
        let secrets = secrets.clone();
        let text = format!(
            "secret://vault/kv/app/db{}#password",
            "/x".repeat(number % 4)
        );
        tokio::spawn(async move { get(&secrets, &text).await })
    };
    for asked in (0..20).map(ask).collect::<Vec<_>>() {
        let _some_are_not_there = asked.await.unwrap();
    }
    assert_eq!(server.count("/login"), 1);
}

/// With five seconds left, renewal is due at every question; with an hour, at none.
#[tokio::test]
async fn a_token_is_renewed_by_what_was_returned_not_by_what_was_hoped() {
    let folder = tempfile::tempdir().unwrap();
    let (vault, server) = healthy(5).await;
    let secrets = over(&server, approle(&folder), without_cache());
    get(&secrets, KEY).await.unwrap();
    assert_eq!(server.count("/renew-self"), 0);
    vault.lease.store(3600, Ordering::SeqCst);
    for _ in 0..3 {
        get(&secrets, KEY).await.unwrap();
    }
    assert_eq!(server.count("/renew-self"), 1, "an hour was returned");
    assert_eq!(server.count("/login"), 1);
}

#[tokio::test]
async fn a_renewal_that_grants_almost_nothing_is_followed_by_a_login() {
    let folder = tempfile::tempdir().unwrap();
    let (_, server) = healthy(5).await;
    let secrets = over(&server, approle(&folder), without_cache());
    get(&secrets, KEY).await.unwrap();
    get(&secrets, KEY).await.unwrap();
    assert_eq!(server.count("/renew-self"), 1);
    assert_eq!(server.count("/login"), 2, "the longest time is reached");
    assert_eq!(server.asked().last().unwrap().header("x-vault-token"), "t2");
}

#[tokio::test]
async fn a_refused_renewal_is_followed_by_a_login() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Healthy::new(5);
    let answers = Arc::clone(&vault);
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/v1/auth/token/renew-self" => refused(),
        _ => answers.answer(asked),
    })
    .await;
    let secrets = over(&server, approle(&folder), without_cache());
    get(&secrets, KEY).await.unwrap();
    get(&secrets, KEY).await.unwrap();
    assert_eq!(
        (server.count("/renew-self"), server.count("/login")),
        (1, 2)
    );
}

#[tokio::test]
async fn a_renewal_without_an_answer_leaves_the_token_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Healthy::new(5);
    let answers = Arc::clone(&vault);
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/v1/auth/token/renew-self" => (500, json!({})),
        _ => answers.answer(asked),
    })
    .await;
    let secrets = over(&server, approle(&folder), without_cache());
    get(&secrets, KEY).await.unwrap();
    get(&secrets, KEY).await.unwrap();
    assert_eq!(server.count("/login"), 1);
}

#[tokio::test]
async fn what_may_not_be_read_says_which_right_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Healthy::new(3600);
    let answers = Arc::clone(&vault);
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/v1/kv/data/app/db" => refused(),
        _ => answers.answer(asked),
    })
    .await;
    let secrets = over(&server, approle(&folder), without_cache());
    let error = get(&secrets, KEY).await.unwrap_err();
    assert_eq!(error.category, Category::Forbidden);
    assert!(
        error
            .to_string()
            .contains("path \"kv/data/app/db\" { capabilities = [\"read\"] }")
    );
    assert_eq!(server.count("/login"), 1, "the token itself is accepted");
}

#[tokio::test]
async fn a_token_that_was_revoked_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Healthy::new(3600);
    let answers = Arc::clone(&vault);
    let server = Server::start(move |asked| match asked.header("x-vault-token") {
        "t1" => refused(),
        _ => answers.answer(asked),
    })
    .await;
    let secrets = over(&server, approle(&folder), without_cache());
    assert_eq!(get(&secrets, KEY).await.unwrap(), "canary");
    assert_eq!(server.count("/login"), 2);
}

#[tokio::test]
async fn versions_that_are_gone_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Healthy::new(3600);
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/v1/kv/data/app/db" => {
            let metadata = json!({
                "version": 7, "deletion_time": "2026-11-20T10:00:00Z", "destroyed": false,
            });
            (404, json!({"data": {"data": null, "metadata": metadata}}))
        }
        _ => vault.answer(asked),
    })
    .await;
    let secrets = over(&server, approle(&folder), without_cache());
    let error = get(&secrets, KEY).await.unwrap_err();
    assert_eq!(error.category, Category::NotFound);
    assert!(error.what.contains("version 7 was deleted"), "{error}");
    let error = get(&secrets, "secret://vault/kv/nowhere#x")
        .await
        .unwrap_err();
    assert_eq!(error.category, Category::NotFound);
    assert!(error.what.contains("no such secret"), "{error}");
}

#[tokio::test]
async fn a_wrapped_secret_id_is_unwrapped_once_for_all_logins() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Healthy::new(5);
    let unwraps = AtomicUsize::new(0);
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/v1/sys/wrapping/unwrap" if unwraps.fetch_add(1, Ordering::SeqCst) == 0 => {
            assert_eq!(asked.header("x-vault-token"), "wrapping");
            (200, json!({"data": {"secret_id": "inner"}}))
        }
        "/v1/sys/wrapping/unwrap" => (400, json!({"errors": ["wrapping token is not valid"]})),
        _ => vault.answer(asked),
    })
    .await;
    let secrets = over(&server, wrapped(&folder), without_cache());
    get(&secrets, KEY).await.unwrap();
    get(&secrets, KEY).await.unwrap();
    assert_eq!((server.count("/login"), server.count("/unwrap")), (2, 1));
    let asked = server.asked();
    let logins = asked.iter().filter(|asked| asked.path.ends_with("/login"));
    assert!(
        logins
            .into_iter()
            .all(|login| login.body["secret_id"] == "inner")
    );
}

#[tokio::test]
async fn a_wrapping_token_that_was_used_is_a_security_alert() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|asked| match asked.path.as_str() {
        "/v1/sys/wrapping/unwrap" => (
            400,
            json!({"errors": ["wrapping token is not valid or does not exist"]}),
        ),
        _ => refused(),
    })
    .await;
    let secrets = over(&server, wrapped(&folder), without_cache());
    let error = get(&secrets, KEY).await.unwrap_err();
    assert_eq!(error.category, Category::Misused);
    assert!(error.what.contains("used already"), "{error}");
    assert!(error.remedy.contains("revoke"), "{error}");
    assert_eq!(server.count("/login"), 0);
}

#[tokio::test]
async fn a_login_that_is_not_accepted_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for (status, category) in [
        (400, Category::WrongKey),
        (403, Category::Forbidden),
        (404, Category::BadReference),
    ] {
        let server = Server::start(move |_| (status, json!({"errors": ["canary"]}))).await;
        let secrets = over(&server, approle(&folder), without_cache());
        let error = get(&secrets, KEY).await.unwrap_err();
        assert_eq!(error.category, category);
        assert!(!error.to_string().contains("canary"));
    }
}

#[tokio::test]
async fn the_token_of_the_service_account_is_read_at_each_login() {
    let folder = tempfile::tempdir().unwrap();
    let jwt = folder.path().join("token");
    std::fs::write(&jwt, "first\n").unwrap();
    let (_, server) = healthy(5).await;
    let login = VaultLogin::Kubernetes {
        mount: "k8s/west".to_owned(),
        role: "tapeline".to_owned(),
        jwt: jwt.clone(),
    };
    let secrets = over(&server, login, without_cache());
    get(&secrets, KEY).await.unwrap();
    std::fs::write(&jwt, "second\n").unwrap();
    get(&secrets, KEY).await.unwrap();
    let asked = server.asked();
    let logins: Vec<&Asked> = asked
        .iter()
        .filter(|a| a.path.ends_with("/login"))
        .collect();
    assert_eq!(logins[0].path, "/v1/auth/k8s/west/login");
    assert_eq!(logins[0].body, json!({"role": "tapeline", "jwt": "first"}));
    assert_eq!(logins[1].body["jwt"], "second");
}

#[tokio::test]
async fn a_token_of_others_is_asked_how_long_it_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let (_, server) = healthy(5).await;
    let token = planted(folder.path(), "token", "given\n");
    let secrets = over(&server, VaultLogin::Token(token), without_cache());
    get(&secrets, KEY).await.unwrap();
    get(&secrets, KEY).await.unwrap();
    assert_eq!(server.count("/lookup-self"), 1);
    assert_eq!(server.count("/renew-self"), 1);
    assert!(
        server
            .asked()
            .iter()
            .all(|a| a.header("x-vault-token") == "given")
    );

    let server = Server::start(|_| refused()).await;
    let token = reference(&format!("secret://file/{}/token", folder.path().display()));
    let secrets = over(&server, VaultLogin::Token(token), without_cache());
    let error = get(&secrets, KEY).await.unwrap_err();
    assert_eq!(error.category, Category::Expired);
    assert!(!error.to_string().contains("given"));
}

#[tokio::test]
async fn a_sealed_vault_is_asked_again_a_few_times() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Healthy::new(3600);
    let answers = Arc::clone(&vault);
    let reads = AtomicUsize::new(0);
    let server = Server::start(move |asked| match asked.path.as_str() {
        "/v1/kv/data/app/db" if reads.fetch_add(1, Ordering::SeqCst) < 2 => (503, json!({})),
        _ => answers.answer(asked),
    })
    .await;
    let secrets = over(&server, approle(&folder), without_cache());
    assert_eq!(get(&secrets, KEY).await.unwrap(), "canary");

    let server = Server::start(|_| (503, json!({"errors": ["Vault is sealed"]}))).await;
    let secrets = over(&server, approle(&folder), without_cache());
    let error = get(&secrets, KEY).await.unwrap_err();
    assert_eq!(error.category, Category::Unreachable);
    assert!(error.what.contains("sealed"), "{error}");
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn tokens_do_not_follow_where_a_server_sends_us() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_| (307, json!({}))).await;
    let secrets = over(&server, approle(&folder), without_cache());
    let error = get(&secrets, KEY).await.unwrap_err();
    assert_eq!(error.category, Category::BadReference);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_without_end_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_| (200, json!("x".repeat(2 << 20)))).await;
    let secrets = over(&server, approle(&folder), without_cache());
    let error = get(&secrets, KEY).await.unwrap_err();
    assert_eq!(error.category, Category::Damaged);
    assert!(error.what.contains("1 MiB"), "{error}");
}

#[tokio::test]
async fn an_old_value_counts_while_vault_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Healthy::new(3600);
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let server = Server::start(move |asked| {
        if down.load(Ordering::SeqCst) {
            (500, json!({}))
        } else {
            vault.answer(asked)
        }
    })
    .await;
    let timing = Timing {
        stale_limit: Duration::from_secs(3600),
        ..without_cache()
    };
    let secrets = over(&server, approle(&folder), timing);
    get(&secrets, KEY).await.unwrap();
    is_down.store(true, Ordering::SeqCst);
    assert_eq!(get(&secrets, KEY).await.unwrap(), "canary");
    let again = secrets.again(&reference(KEY)).await.unwrap_err();
    assert_eq!(again.category, Category::Unreachable);
    let fresh = over(&server, approle(&folder), without_cache());
    assert!(get(&fresh, KEY).await.is_err());
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(|_| refused()).await;
    // Bound and never listened on: nobody else can come to be there.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    server.address = format!("http://{}", held.local_addr().unwrap());
    let secrets = over(&server, approle(&folder), without_cache());
    let error = get(&secrets, KEY).await.unwrap_err();
    assert_eq!(error.category, Category::Unreachable);
    assert!(error.what.contains("refused"), "{error}");
}
