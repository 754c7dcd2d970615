//! Sessions that processes share without sharing files.

use std::path::Path;
use std::time::Duration;

use tapeline_auth::sealed_in;
use tapeline_simulators::{NAME, PASSWORD, SEED, Venue};
use tapeline_tests::{Finished, Namespace, Program, Running, scratch};
use tokio::runtime::Runtime;

const WITHIN: Duration = Duration::from_secs(60);
const KINDS: &str = "SELECT concat(toString(kind), ' ', ifNull(method, '')) FROM auth_events \
     WHERE kind != 'HEALTHY' ORDER BY event_time, _offset";
const LOGIN: &str = "CHALLENGE TOTP\nCODE_SEEN TOTP\nLOGIN_SUCCEEDED TOTP";
const KEY: &str = "planted-session-key-of-forty-four-characters";

fn configuration(store: &str, address: &str) -> String {
    format!(
        "log = 'debug'\n\
         [auth]\nstore = '{store}'\nsession_key = 'secret://file/session-key'\nprobe_every = '200ms'\n\
         [[accounts]]\nid = 'canary-account'\nportfolio = 'growth'\n\
         [[logins]]\naccount = 'canary-account'\nvenue = 'alpha'\nway = 'device'\naddress = '{address}'\nclient_id = 'tapeline'\n\
         name = 'secret://file/name'\npassword = 'secret://file/password'\ntotp = 'secret://file/seed'\n"
    )
}

fn plant(folder: &Path) {
    let seed = format!("otpauth://totp/alpha?secret={SEED}&period=1");
    for (name, text) in [
        ("name", NAME),
        ("password", PASSWORD),
        ("session-key", KEY),
        ("seed", &seed),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

fn sessions(folder: &Path, arguments: &[&str]) -> Finished {
    let all = [&["auth", "sessions"], arguments].concat();
    Program::new(all).folder(folder).run()
}

fn state(folder: &Path) -> String {
    let listed = sessions(folder, &["list", "--json"]).ok().json();
    listed[0]["state"].as_str().unwrap().to_owned()
}

fn said(running: &Running) -> String {
    running.stdout() + &running.stderr()
}

/// Two machines: nothing but Kafka and the venue is shared.
#[test]
fn another_machine_goes_on_with_the_session_of_one_that_died() {
    let runtime = Runtime::new().unwrap();
    let venue = runtime.block_on(Venue::start()).unwrap();
    let namespace = Namespace::new("sessions", &configuration("kafka", &venue.address));
    let here = namespace.folder();
    let elsewhere = scratch();
    let there = elsewhere.path();
    std::fs::copy(here.join("tapeline.toml"), there.join("tapeline.toml")).unwrap();
    plant(&here);
    plant(there);

    assert_eq!(state(there), "none");
    let first = Namespace::roles_in(&here, &["connectors", "sinks"]);
    namespace.query_until(KINDS, LOGIN);
    let mut second = Namespace::roles_in(there, &["connectors"]);
    second.until("it stands by", WITHIN, |second| {
        said(second).contains("this one stands by").then_some(())
    });
    assert_eq!(state(there), "session", "as it lies in the topic");
    let mut seen = said(&first);
    first.kill_nine();

    let sink = Namespace::roles_in(&here, &["sinks"]);
    let taken_over = format!("{LOGIN}\nLOGIN_SUCCEEDED KEPT");
    namespace.query_until(KINDS, &taken_over);
    assert_eq!(venue.state().opened, 1, "the session was taken over, too");

    // A person ends the session, while the process on the other machine has it.
    let revoked = sessions(&here, &["revoke", "canary-account"]).ok();
    namespace.query_until(KINDS, &format!("{taken_over}\nSESSION_LOST \n{LOGIN}"));
    assert_eq!(venue.state().opened, 2);
    assert_eq!(state(&here), "session");

    // And logs in anew from a third place; what runs goes on with that session.
    let login = Program::new(["auth", "login", "canary-account"]);
    let logged_in = login.folder(&here).run().ok();
    let anew = format!("{taken_over}\nSESSION_LOST \n{LOGIN}\n{LOGIN}\nLOGIN_SUCCEEDED KEPT");
    namespace.query_until(KINDS, &anew);
    assert_eq!(venue.state().opened, 3);
    let stopped = second.stop();
    assert_eq!(stopped.code(), 0, "{}", stopped.stderr);
    seen += &(stopped.stdout + &stopped.stderr + &revoked.stdout + &revoked.stderr);
    seen += &(logged_in.stdout + &logged_in.stderr);

    // It was given back at its end: the next one waits for no lease.
    let again = Namespace::roles_in(&here, &["connectors"]);
    namespace.query_until(KINDS, &format!("{anew}\nLOGIN_SUCCEEDED KEPT"));
    assert!(!said(&again).contains("this one stands by"));
    seen += &(said(&again) + &said(&sink));

    let topic = namespace.kafka.names().auth_sessions();
    let records = namespace.read_named(&topic, 1);
    assert!(records.len() > 5, "{}", records.len());
    for record in records {
        let (key, value) = (record.key.unwrap(), record.value.unwrap());
        let sealed = sealed_in(&value).unwrap_or_default();
        let shared = [key, value, sealed].concat();
        let shared = String::from_utf8_lossy(&shared).into_owned();
        assert!(!shared.contains("canary-account"), "{shared}");
        seen += &shared;
    }
    seen += &namespace.in_topics();
    let codes = venue.state().codes;
    assert_eq!(codes.len(), 3);
    for secret in codes.iter().map(String::as_str).chain(["planted", SEED]) {
        assert!(!seen.contains(secret), "{secret} was seen");
    }
    let there: Vec<_> = std::fs::read_dir(there).unwrap().collect();
    assert_eq!(there.len(), 5, "nothing of it is on a disk: {there:?}");
}

#[test]
fn sessions_in_memory_are_for_nobody_else() {
    let runtime = Runtime::new().unwrap();
    let venue = runtime.block_on(Venue::start()).unwrap();
    let namespace = Namespace::new("forgetful", &configuration("memory", &venue.address));
    let folder = namespace.folder();
    plant(&folder);
    for _ in 0..2 {
        let opened = venue.state().opened;
        let running = namespace.roles(&["connectors"]);
        tapeline_tests::eventually("a login", WITHIN, || {
            (venue.state().opened > opened).then_some(())
        });
        running.stop().ok();
    }
    assert!(!folder.join(".tapeline/sessions").exists());
    for command in [&["list"][..], &["revoke", "canary-account"]] {
        sessions(&folder, command).failed(2, &["[auth] store", "`file` or `kafka`"]);
    }
}
