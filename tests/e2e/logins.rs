//! Logins to a venue on this machine, through Kafka into the store.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use reqwest::{Method, Request};
use serde_json::json;
use tapeline_auth::Environment;
use tapeline_simulators::{Fault, NAME, PASSWORD, SEED, Settings, Venue, oauth};
use tapeline_tests::{Finished, Namespace, Program, scratch};
use tokio::runtime::Runtime;

const WITHIN: Duration = Duration::from_secs(30);
const KINDS: &str = "SELECT concat(toString(kind), ' ', ifNull(method, '')) FROM auth_events \
     WHERE kind != 'HEALTHY' ORDER BY event_time, _offset";

fn configuration(address: &str) -> String {
    format!(
        "log = 'debug'\n\
         [auth]\nsessions = 'sessions'\nsession_key = 'secret://file/session-key'\nprobe_every = '200ms'\n\
         [[accounts]]\nid = 'a1'\nportfolio = 'growth'\n\
         [[logins]]\naccount = 'a1'\nvenue = 'alpha'\nway = 'device'\naddress = '{address}'\nclient_id = 'tapeline'\n\
         name = 'secret://file/name'\npassword = 'secret://file/password'\ntotp = 'secret://file/seed'\n"
    )
}

#[test]
fn a_login_with_a_code_outlives_its_process_and_no_secret_is_seen() {
    let runtime = Runtime::new().unwrap();
    let venue = runtime.block_on(Venue::start()).unwrap();
    let namespace = Namespace::new("logins", &configuration(&venue.address));
    let folder = namespace.folder();
    let key = "planted-session-key-of-forty-four-characters";
    let seed = format!("otpauth://totp/alpha?secret={SEED}&period=1");
    for (name, text) in [
        ("name", NAME),
        ("password", PASSWORD),
        ("session-key", key),
        ("seed", &seed),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let running = namespace.roles(&["connectors", "sinks"]);
    let first = "CHALLENGE TOTP\nCODE_SEEN TOTP\nLOGIN_SUCCEEDED TOTP";
    namespace.query_until(KINDS, first);
    let mut second = namespace.roles(&["connectors", "sinks"]);
    second.until("stands by", WITHIN, |second| {
        let said = second.stdout() + &second.stderr();
        said.contains("this one stands by").then_some(())
    });
    assert_eq!(venue.state().opened, 1, "one process at a time logs in");
    leaves_no_core(running.pid());
    let aborted = running.abort();
    assert!(!aborted.status.core_dumped());
    let mut said = aborted.stdout + &aborted.stderr;

    let running = second;
    let restarted = format!("{first}\nLOGIN_SUCCEEDED KEPT");
    namespace.query_until(KINDS, &restarted);
    assert_eq!(venue.state().opened, 1, "a restart makes no login");
    venue.change(|book| book.tokens.clear());
    let renewed = format!("{restarted}\nSESSION_LOST \nLOGIN_SUCCEEDED RENEWAL");
    namespace.query_until(KINDS, &renewed);
    assert_eq!(venue.state().opened, 1, "a renewal makes no login");
    venue.drop_session();
    let dropped = format!("{renewed}\nSESSION_LOST \nREFUSED \nEXPIRED \n{first}");
    namespace.query_until(KINDS, &dropped);
    let of_one = "SELECT countIf(latency_ms IS NULL) = 0, uniqExact(login_id) FROM auth_events WHERE method = 'TOTP' AND kind != 'CODE_SEEN'";
    namespace.query_until(of_one, "1\t2");
    said += &running.stdout();
    said += &running.stderr();
    running.stop().ok();

    assert!(said.contains("a1"), "the log was read");
    said.push_str(&namespace.query("SELECT * FROM auth_events"));
    said += &namespace.in_topics();
    for entry in std::fs::read_dir(folder.join("sessions")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        said.push_str(&String::from_utf8_lossy(&bytes));
    }
    let codes = venue.state().codes;
    assert_eq!(codes.len(), 2);
    for secret in codes.iter().map(String::as_str).chain(["planted", SEED]) {
        assert!(!said.contains(secret), "{secret} was seen");
    }
}

/// Neither limit lets a file of its memory be written.
fn leaves_no_core(pid: u32) {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let core: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(core, ["0", "0", "bytes"], "{limits}");
}

/// An account that logs in to a venue of its own.
fn account(name: &str, address: &str) -> String {
    format!(
        "[[accounts]]\nid = '{name}'\nportfolio = 'growth'\n\
         [[logins]]\naccount = '{name}'\nvenue = 'alpha'\nway = 'device'\naddress = '{address}'\nclient_id = 'tapeline'\n\
         name = 'secret://file/name'\npassword = 'secret://file/password'\ntotp = 'secret://file/seed'\n"
    )
}

#[test]
fn what_a_venue_refuses_is_told_to_a_person_once() {
    let runtime = Runtime::new().unwrap();
    let mut text =
        "[auth]\nsessions = 'sessions'\nsession_key = 'secret://file/session-key'\n".to_owned();
    let names = ["codes", "forbidden", "password", "strange", "well"];
    let venues = names.map(|name| {
        let venue = runtime.block_on(Venue::start()).unwrap();
        text += &account(name, &venue.address);
        venue
    });
    let [codes, forbidden, password, strange, _] = &venues;
    codes.change(|book| book.refuses_codes = true);
    let says = |status: u16, value| Fault::Says(status.try_into().unwrap(), value);
    let no = says(403, json!({"detail": "no"}));
    forbidden.faults().next(no);
    password.change(|book| "another".clone_into(&mut book.password));
    let hello = says(200, json!({"hello": ["you"]}));
    strange.faults().next(hello);
    let namespace = Namespace::new("refused", &text);
    let seed = format!("otpauth://totp/alpha?secret={SEED}&period=1");
    for (name, text) in [
        ("name", NAME),
        ("password", PASSWORD),
        (
            "session-key",
            "a-session-key-of-at-least-forty-four-characters",
        ),
        ("seed", &seed),
    ] {
        std::fs::write(namespace.folder().join(name), text).unwrap();
    }
    let roles = ["connectors", "processors", "sinks"];
    let running = namespace.roles(&roles);
    let told = "SELECT concat(toString(severity), ' ', key, ' ', procedure) FROM alerts \
                WHERE source = 'logins' ORDER BY key, _offset";
    let expected = "WARNING codes/failed_logins failed-logins\n\
                    CRITICAL codes/locked_login locked-login\n\
                    CRITICAL forbidden/forbidden_login forbidden-login\n\
                    CRITICAL password/login_stopped login-stopped\n\
                    WARNING strange/changed_api changed-api\n\
                    CRITICAL strange/login_stopped login-stopped";
    namespace.query_until(told, expected);
    let stopped = "SELECT uniqExact(account), uniqExact(host) FROM auth_events WHERE stopped";
    namespace.query_until(stopped, "3\t1");
    running.kill_nine();

    // What is still wrong after a restart is not told again; what is well is over.
    password.change(|book| PASSWORD.clone_into(&mut book.password));
    let running = namespace.roles(&roles);
    let expected = "WARNING codes/failed_logins failed-logins\n\
                    CRITICAL codes/locked_login locked-login\n\
                    CRITICAL forbidden/forbidden_login forbidden-login\n\
                    INFO forbidden/forbidden_login forbidden-login\n\
                    CRITICAL password/login_stopped login-stopped\n\
                    INFO password/login_stopped login-stopped\n\
                    WARNING strange/changed_api changed-api\n\
                    INFO strange/changed_api changed-api\n\
                    CRITICAL strange/login_stopped login-stopped\n\
                    INFO strange/login_stopped login-stopped";
    namespace.query_until(told, expected);
    let held_back =
        "SELECT count() FROM auth_events WHERE account = 'codes' AND category = 'LOCKED'";
    namespace.query_until(held_back, "2");
    namespace.query_until(told, expected);
    running.stop().ok();
}

#[test]
fn what_is_wrong_with_logins_is_listed_at_once() {
    let folder = scratch();
    let text = "[[logins]]\naccount = 'nobody'\nvenue = ''\nway = 'key'\naddress = 'http://broker.example'\n\
                name = 'canary-name'\npassword = 'secret://env/'\ntotp = 'secret://file/seed'\n";
    std::fs::write(folder.path().join("tapeline.toml"), text).unwrap();
    let checked = Program::new(["check"]).folder(folder.path()).run();
    let places = ["account", "venue", "address", "name", "password", "totp"];
    let places = places.map(|key| format!("logins[0].{key}: "));
    let mut expected: Vec<&str> = places.iter().map(String::as_str).collect();
    expected.extend(["auth.session_key: ", "openssl rand", "https://"]);
    checked.failed(2, &expected);
    assert!(!checked.stderr.contains("canary"), "{}", checked.stderr);
}

#[test]
fn a_venue_that_is_away_is_told_and_tried_again() {
    let namespace = Namespace::new("away", &configuration("http://127.0.0.1:1"));
    for name in ["name", "password"] {
        std::fs::write(namespace.folder().join(name), "x").unwrap();
    }
    std::fs::write(namespace.folder().join("session-key"), "k".repeat(44)).unwrap();
    std::fs::write(namespace.folder().join("seed"), SEED).unwrap();
    let running = namespace.roles(&["connectors", "sinks"]);
    let failed = "SELECT count() >= 1, any(category) FROM auth_events WHERE kind = 'LOGIN_FAILED'";
    namespace.query_until(failed, "1\tNETWORK");
    let stopped = std::time::Instant::now();
    running.stop().ok();
    assert!(stopped.elapsed() < Duration::from_secs(20));
}

/// A person in a browser, while the program runs that will use the session.
#[test]
fn a_person_logs_in_with_a_browser_and_what_runs_goes_on_with_the_session() {
    let runtime = Runtime::new().unwrap();
    let venue = runtime
        .block_on(oauth::Venue::start(Settings::default()))
        .unwrap();
    let port = tapeline_local::free_port().unwrap();
    let redirect = format!("https://127.0.0.1:{port}/callback");
    venue.change(|book| book.redirect.clone_from(&redirect));
    let namespace = Namespace::new(
        "browser",
        &format!(
            "log = 'debug'\n\
             [auth]\nsessions = 'sessions'\nsession_key = 'secret://file/session-key'\nprobe_every = '200ms'\n\
             [[accounts]]\nid = 'a1'\nportfolio = 'growth'\n\
             [[logins]]\naccount = 'a1'\nvenue = 'schwab'\nway = 'oauth'\naddress = '{}'\nredirect = '{redirect}'\n\
             name = 'secret://file/name'\npassword = 'secret://file/password'\n",
            venue.address
        ),
    );
    let key = "k".repeat(44);
    for (name, text) in [
        ("name", oauth::CLIENT),
        ("password", oauth::SECRET),
        ("session-key", &key),
    ] {
        std::fs::write(namespace.folder().join(name), text).unwrap();
    }
    let running = namespace.roles(&["connectors", "sinks"]);
    let stopped = "SELECT count() > 0 FROM auth_events WHERE stopped AND category = 'MFA_REQUIRED'";
    namespace.query_until(stopped, "1");

    let finished = in_a_browser(&runtime, &namespace, "a1", &venue);
    assert!(
        finished.stdout.contains("a1 is logged in, until"),
        "{}",
        finished.stdout
    );

    let kinds = "SELECT groupUniqArray(concat(toString(kind), ' ', ifNull(method, ''))) FROM auth_events \
                 WHERE kind IN ('CHALLENGE', 'CODE_SEEN', 'LOGIN_SUCCEEDED')";
    let sorted = kinds
        .replace("groupUniqArray", "arraySort(groupUniqArray")
        .replace(") FROM", ")) FROM");
    namespace.query_until(
        &sorted,
        "['CHALLENGE OAUTH','CODE_SEEN OAUTH','LOGIN_SUCCEEDED KEPT','LOGIN_SUCCEEDED OAUTH']",
    );
    let listed = namespace
        .program(["auth", "sessions", "list", "--json"])
        .run()
        .ok();
    assert_eq!(listed.json()[0]["state"], "session");

    // What only a person can open again is asked of a person.
    namespace
        .program(["auth", "sessions", "revoke", "a1"])
        .run()
        .ok();
    let ended = "SELECT count() FROM auth_events WHERE kind = 'SESSION_LOST'";
    namespace.query_until(ended, "1");
    let listed = namespace.program(["auth", "sessions", "list"]).run().ok();
    assert!(listed.stdout.contains("none"), "{}", listed.stdout);
    let again = namespace
        .program(["auth", "sessions", "revoke", "a1"])
        .run();
    again.failed(1, &["no session"]);
    let unknown = namespace.program(["auth", "login", "nobody"]).run();
    unknown.failed(2, &["`nobody` has no login", "a1"]);
    let said = running.stdout() + &running.stderr() + &finished.stdout;
    running.stop().ok();
    let codes = venue.state().codes;
    for secret in codes.iter().map(String::as_str).chain(["planted"]) {
        assert!(!said.contains(secret), "{secret} was seen");
    }
}

/// `tapeline auth login`, with a person who does in a browser what it says.
pub fn in_a_browser(
    runtime: &Runtime,
    namespace: &Namespace,
    account: &str,
    venue: &oauth::Venue,
) -> Finished {
    let mut login = namespace.program(["auth", "login", account]).start();
    let link = login.until("the link", WITHIN, |login| {
        let said = login.stderr();
        let link = said.lines().find(|line| line.trim().starts_with("http://"));
        link.map(|link| link.trim().to_owned())
    });
    let brought = venue.approve(&link).unwrap();
    runtime.block_on(open_unseen(&brought));
    login.ended(WITHIN).ok()
}

/// As a browser whose user waves the warning of the certificate through.
async fn open_unseen(address: &str) {
    let here = Environment::loopback().unwrap();
    let page = Request::new(Method::GET, address.parse().unwrap());
    assert_eq!(here.transport.send(page).await.unwrap().status(), 200);
}
