//! Codes that a venue sends, from Twilio and from a mailbox to a session, and seen nowhere.

use std::sync::{Arc, Mutex};

use tapeline_simulators::{
    ACCOUNT_SID, AUTH_TOKEN, CodeChannel, Hook, Imap, MAIL_PASSWORD, MAIL_USER, NAME, PASSWORD,
    SecondFactor, Settings, Twilio, Venue,
};
use tapeline_tests::{Namespace, shows_code};
use tokio::runtime::Runtime;

const KINDS: &str = "SELECT concat(toString(kind), ' ', ifNull(method, '')) FROM auth_events \
     WHERE kind != 'HEALTHY' ORDER BY event_time, _offset";
const NUMBER: &str = "+15550100";
const PUBLIC: &str = "https://codes.example/sms";
const SECRETS: [(&str, &str); 5] = [
    ("name", NAME),
    ("password", PASSWORD),
    (
        "session-key",
        "planted-session-key-of-forty-four-characters",
    ),
    ("token", AUTH_TOKEN),
    ("mail", MAIL_PASSWORD),
];

fn configuration(venue: &Venue, more: &str, codes: &str) -> String {
    format!(
        "log = 'debug'\n\
         [auth]\nsessions = 'sessions'\nsession_key = 'secret://file/session-key'\nprobe_every = '200ms'\n{more}\n\
         [[accounts]]\nid = 'a1'\nportfolio = 'growth'\n\
         [[logins]]\naccount = 'a1'\nvenue = 'alpha'\nway = 'device'\naddress = '{}'\nclient_id = 'tapeline'\n\
         name = 'secret://file/name'\npassword = 'secret://file/password'\n{codes}\n",
        venue.address
    )
}

/// What a venue sent.
type Sent = Arc<Mutex<Vec<String>>>;

/// A venue that sends its codes by one way.
fn venue(
    runtime: &Runtime,
    by: CodeChannel,
    on_code: impl Fn(String) + Send + Sync + 'static,
) -> (Venue, Sent) {
    let sent = Sent::default();
    let noted = sent.clone();
    let settings = Settings {
        on_code: Arc::new(move |_, code| {
            noted.lock().unwrap().push(code.to_owned());
            on_code(code.to_owned());
        }),
        ..Settings::default()
    };
    let venue = runtime.block_on(Venue::start_with(settings)).unwrap();
    venue.change(|book| book.asks = SecondFactor::Sent(by));
    (venue, sent)
}

/// Logs in, and looks for the code and every secret wherever something is written.
fn logs_in_unseen(namespace: &Namespace, venue: &Venue, method: &str, sent: &Sent) {
    for (name, text) in SECRETS {
        std::fs::write(namespace.folder().join(name), text).unwrap();
    }
    let running = namespace.roles(&["connectors", "sinks"]);
    let steps = format!("CHALLENGE {method}\nCODE_SEEN {method}\nLOGIN_SUCCEEDED {method}");
    namespace.query_until(KINDS, &steps);
    assert_eq!(venue.state().opened, 1);
    let mut said = running.stdout() + &running.stderr();
    running.stop().ok();
    assert!(said.contains("a1"), "the log was read");
    said.push_str(&namespace.query("SELECT * FROM auth_events"));
    said += &namespace.in_topics();
    assert!(!said.contains("planted"), "a secret was seen");
    let sent = sent.lock().unwrap();
    assert_eq!(sent.len(), 1, "one code was asked for");
    assert!(!shows_code(&said, &sent[0]), "the code was seen");
}

#[test]
fn a_code_by_text_message_comes_through_the_webhook() {
    let runtime = Runtime::new().unwrap();
    let twilio = runtime.block_on(Twilio::start()).unwrap();
    let (sends, handle) = (twilio.clone(), runtime.handle().clone());
    let (venue, sent) = venue(&runtime, CodeChannel::Sms, move |code| {
        let twilio = sends.clone();
        handle.spawn(async move {
            let text = format!("Your code is {code}");
            twilio
                .send("+15550666", NUMBER, "Your code is 111111")
                .await;
            twilio.send("+15550199", NUMBER, &text).await;
        });
    });
    let port = tapeline_local::free_port().unwrap();
    twilio.change(|book| {
        book.hook = Hook {
            public_url: PUBLIC.to_owned(),
            url: format!("http://127.0.0.1:{port}/behind/a/proxy"),
        };
    });
    let more = format!(
        "[auth.twilio]\naccount_sid = '{ACCOUNT_SID}'\ntoken = 'secret://file/token'\naddress = '{}'\n\
         public_url = '{PUBLIC}'\nlisten = '127.0.0.1:{port}'\npoll_every = '1s'\nhead_start = '3s'",
        twilio.address
    );
    let codes = format!("sms = {{ number = '{NUMBER}', senders = ['+15550199'] }}");
    let namespace = Namespace::new("sms", &configuration(&venue, &more, &codes));
    logs_in_unseen(&namespace, &venue, "SMS", &sent);
    assert_eq!(twilio.state().messages.len(), 2);
}

#[test]
fn a_code_by_mail_comes_through_the_mailbox() {
    let runtime = Runtime::new().unwrap();
    let imap = runtime.block_on(Imap::start()).unwrap();
    imap.change(|book| book.old = 100_000);
    let delivers = imap.clone();
    let (venue, sent) = venue(&runtime, CodeChannel::Email, move |code| {
        delivers.deliver("From: x@evil.example\n\nYour code is 111111");
        delivers.deliver(&format!(
            "From: Broker <no-reply@broker.example>\nContent-Type: text/html\n\n<p>Your code: <b>{code}</b></p>"
        ));
    });
    let more = format!(
        "[[auth.mailboxes]]\nname = 'codes'\naddress = '{}'\nuser = '{MAIL_USER}'\npassword = 'secret://file/mail'",
        imap.address
    );
    let codes = "mail = { mailbox = 'codes', senders = ['no-reply@broker.example'] }";
    let namespace = Namespace::new("mail", &configuration(&venue, &more, codes));
    logs_in_unseen(&namespace, &venue, "EMAIL", &sent);
    assert_eq!(imap.state().refused, 0);

    let online = ["check", "--online", "--json"];
    let checked = namespace.program(online).run().ok().json();
    let checks = checked["checks"].as_array().unwrap();
    let is_open =
        |check: &serde_json::Value| check["name"] == "mailbox codes" && check["outcome"] == "pass";
    assert!(checks.iter().any(is_open), "{checked}");
    std::fs::write(namespace.folder().join("mail"), "another").unwrap();
    let refused = namespace.program(online).run();
    refused.failed(1, &["mailbox codes"]);
}
