//! Every way to log in and every kind of factor, from the first login to the last refusal, in
//! Kafka and in the store.

use std::sync::Arc;
use std::time::Duration;

use tapeline_schemas::topics::Topic;
use tapeline_simulators::{
    ACCOUNT_SID, AUTH_TOKEN, CodeChannel, Factor, Hook, Imap, MAIL_PASSWORD, MAIL_USER, NAME,
    PASSWORD, SEED, SecondFactor, Settings, Twilio, Venue, gateway, oauth,
};
use tapeline_tests::{Namespace, Running, eventually, shows_code};
use tokio::runtime::Runtime;

use crate::logins::in_a_browser;

const WITHIN: Duration = Duration::from_secs(120);
const PUBLIC: &str = "https://codes.example/sms";
const DEVICES: [(&str, SecondFactor, &str); 6] = [
    ("app", SecondFactor::App, "TOTP"),
    ("text", SecondFactor::Sent(CodeChannel::Sms), "SMS"),
    ("mail", SecondFactor::Sent(CodeChannel::Email), "EMAIL"),
    ("tap", SecondFactor::Workflow(Factor::Prompt), "PUSH"),
    (
        "flow-text",
        SecondFactor::Workflow(Factor::Sent(CodeChannel::Sms)),
        "SMS",
    ),
    (
        "flow-mail",
        SecondFactor::Workflow(Factor::Sent(CodeChannel::Email)),
        "EMAIL",
    ),
];

/// Credentials that are wrong, and wrong when they were looked up again.
const STOPPED: [&str; 3] = [
    "LOGIN_FAILED BAD_CREDENTIALS",
    "LOGIN_FAILED BAD_CREDENTIALS",
    "REFUSED BAD_CREDENTIALS",
];

/// What is told of one account, read as far as it was waited for.
struct Life<'a> {
    namespace: &'a Namespace,
    account: &'static str,
    read: usize,
}

impl Life<'_> {
    fn told(&self) -> Vec<String> {
        let account = self.account;
        let sql = format!(
            "SELECT trim(concat(toString(kind), ' ', ifNull(method, ''), ' ', ifNull(category, ''))) \
             FROM auth_events WHERE account = '{account}' AND kind != 'HEALTHY' ORDER BY event_time, _offset"
        );
        let told = self.namespace.query(&sql);
        told.lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    }

    /// Waits for these, in this order; others may come between.
    fn until<S: AsRef<str>>(&mut self, expected: &[S]) {
        let what = expected
            .iter()
            .map(S::as_ref)
            .collect::<Vec<_>>()
            .join(", ");
        let name = format!("{what} of {}", self.account);
        self.read = eventually(&name, WITHIN, || {
            let told = self.told();
            let mut at = self.read;
            for one in expected {
                at += told
                    .get(at..)?
                    .iter()
                    .position(|told| told == one.as_ref())?
                    + 1;
            }
            Some(at)
        });
    }
}

/// The steps of a login.
fn login(method: &str) -> Vec<String> {
    let kinds = match method {
        "PUSH" | "BROWSER" => &["CHALLENGE", "LOGIN_SUCCEEDED"][..],
        _ => &["CHALLENGE", "CODE_SEEN", "LOGIN_SUCCEEDED"],
    };
    kinds
        .iter()
        .map(|kind| format!("{kind} {method}"))
        .collect()
}

struct Venues {
    devices: Vec<Venue>,
    key: Venue,
    oauth: oauth::Venue,
    gateway: gateway::Venue,
    twilio: Twilio,
    imap: Imap,
}

impl Venues {
    async fn start() -> Self {
        let (twilio, imap) = (Twilio::start().await.unwrap(), Imap::start().await.unwrap());
        let mut devices = Vec::new();
        for (at, (name, asks, _)) in DEVICES.into_iter().enumerate() {
            let (telephone, mailbox) = (twilio.clone(), imap.clone());
            let handle = tokio::runtime::Handle::current();
            let on_code = move |by, code: &str| {
                let text = format!("Your code is {code}");
                match by {
                    CodeChannel::Email => {
                        mailbox.deliver(&format!("From: {name}@broker.example\n\n{text}"));
                    }
                    CodeChannel::Sms => {
                        let (twilio, number) = (telephone.clone(), number(at));
                        handle.spawn(async move {
                            twilio.send("+15550199", &number, &text).await;
                        });
                    }
                }
            };
            let settings = Settings {
                on_code: Arc::new(on_code),
                ..Settings::default()
            };
            let venue = Venue::start_with(settings).await.unwrap();
            venue.change(|book| {
                book.asks = asks;
                book.workflow.approved_after = Some(0);
            });
            devices.push(venue);
        }
        Self {
            devices,
            key: Venue::start().await.unwrap(),
            oauth: oauth::Venue::start(Settings::default()).await.unwrap(),
            gateway: gateway::Venue::start_encrypted(Settings::default())
                .await
                .unwrap(),
            twilio,
            imap,
        }
    }

    fn configuration(&self) -> String {
        let hook = tapeline_local::free_port().unwrap();
        let redirect = format!(
            "https://127.0.0.1:{}/callback",
            tapeline_local::free_port().unwrap()
        );
        self.oauth
            .change(|book| book.redirect.clone_from(&redirect));
        self.twilio.change(|book| {
            book.hook = Hook {
                public_url: PUBLIC.to_owned(),
                url: format!("http://127.0.0.1:{hook}/sms"),
            };
        });
        let mut text = format!(
            "log = 'debug'\n\
             [auth]\nsessions = 'sessions'\nsession_key = 'secret://file/session-key'\nprobe_every = '500ms'\n\
             [auth.twilio]\naccount_sid = '{ACCOUNT_SID}'\ntoken = 'secret://file/token'\naddress = '{}'\n\
             public_url = '{PUBLIC}'\nlisten = '127.0.0.1:{hook}'\n\
             [[auth.mailboxes]]\nname = 'codes'\naddress = '{}'\nuser = '{MAIL_USER}'\npassword = 'secret://file/mail'\n",
            self.twilio.address, self.imap.address
        );
        let person = "name = 'secret://file/name'\npassword = 'secret://file/password'";
        for (at, (name, asks, _)) in DEVICES.into_iter().enumerate() {
            let codes = match asks {
                SecondFactor::App => "totp = 'secret://file/seed'".to_owned(),
                SecondFactor::Sent(CodeChannel::Sms)
                | SecondFactor::Workflow(Factor::Sent(CodeChannel::Sms)) => {
                    let number = number(at);
                    format!("sms = {{ number = '{number}', senders = ['+15550199'] }}")
                }
                SecondFactor::Sent(CodeChannel::Email)
                | SecondFactor::Workflow(Factor::Sent(CodeChannel::Email)) => {
                    format!("mail = {{ mailbox = 'codes', senders = ['{name}@broker.example'] }}")
                }
                _ => String::new(),
            };
            let address = &self.devices[at].address;
            text += &account(
                name,
                "device",
                address,
                &format!("client_id = 'c'\n{person}\n{codes}"),
            );
        }
        let key = "name = 'secret://file/name'\npassword = 'secret://file/key'";
        text += &account("key", "key", &self.key.address, key);
        let client = format!(
            "redirect = '{redirect}'\nname = 'secret://file/client'\npassword = 'secret://file/client-secret'"
        );
        text += &account("browser", "oauth", &self.oauth.address, &client);
        text + &account("gateway", "gateway", &self.gateway.address, "")
    }
}

fn number(at: usize) -> String {
    format!("+1555010{at}")
}

fn account(name: &str, way: &str, address: &str, more: &str) -> String {
    format!(
        "[[accounts]]\nid = '{name}'\nportfolio = 'growth'\n\
         [[logins]]\naccount = '{name}'\nvenue = 'v'\nway = '{way}'\naddress = '{address}'\n{more}\n"
    )
}

fn plant(namespace: &Namespace) {
    let seed = format!("otpauth://totp/app?secret={SEED}&period=1");
    for (name, text) in [
        ("name", NAME),
        ("password", PASSWORD),
        ("key", PASSWORD),
        ("seed", &seed),
        ("token", AUTH_TOKEN),
        ("mail", MAIL_PASSWORD),
        ("client", oauth::CLIENT),
        ("client-secret", oauth::SECRET),
        ("session-key", &"planted-session-key".repeat(3)),
    ] {
        std::fs::write(namespace.folder().join(name), text).unwrap();
    }
}

/// Everybody of the desk: what is told of them, and what they log in to.
struct Desk<'a> {
    runtime: &'a Runtime,
    namespace: &'a Namespace,
    venues: &'a Venues,
    devices: Vec<Life<'a>>,
    key: Life<'a>,
    browser: Life<'a>,
    gateway: Life<'a>,
}

impl<'a> Desk<'a> {
    fn new(runtime: &'a Runtime, namespace: &'a Namespace, venues: &'a Venues) -> Self {
        let life = |account| Life {
            namespace,
            account,
            read: 0,
        };
        Self {
            runtime,
            namespace,
            venues,
            devices: DEVICES.map(|(name, ..)| life(name)).into(),
            key: life("key"),
            browser: life("browser"),
            gateway: life("gateway"),
        }
    }

    fn run(&self) -> Running {
        self.namespace.roles(&["connectors", "sinks"])
    }

    fn cold_start(&mut self) {
        for (life, (.., method)) in self.devices.iter_mut().zip(DEVICES) {
            life.until(&login(method));
        }
        self.key.until(&["LOGIN_SUCCEEDED"]);
        self.browser.until(&["REFUSED MFA_REQUIRED"]);
        self.a_person_comes_to_the_browser();
        self.gateway.until(&["CHALLENGE BROWSER"]);
        self.venues.gateway.log_in();
        self.gateway.until(&["LOGIN_SUCCEEDED BROWSER"]);
    }

    fn a_person_comes_to_the_browser(&mut self) {
        in_a_browser(self.runtime, self.namespace, "browser", &self.venues.oauth);
        self.browser.until(&login("OAUTH"));
        self.browser.until(&["LOGIN_SUCCEEDED KEPT"]);
    }

    fn after_a_restart(&mut self) {
        let kept = ["LOGIN_SUCCEEDED KEPT"];
        self.devices.iter_mut().for_each(|life| life.until(&kept));
        for life in [&mut self.key, &mut self.browser, &mut self.gateway] {
            life.until(&kept);
        }
        for venue in &self.venues.devices {
            assert_eq!(venue.state().opened, 1, "a restart makes no login");
        }
        assert_eq!(self.venues.oauth.state().opened, 1);
    }

    /// Sessions of three seconds, so that they are renewed before they end.
    fn renewed(&mut self) {
        let renewal = "LOGIN_SUCCEEDED RENEWAL";
        let expected = ["SESSION_LOST EXPIRED", renewal, renewal];
        for venue in &self.venues.devices {
            venue.change(|book| {
                book.session = 3;
                book.tokens.clear();
            });
        }
        self.venues.oauth.change(|book| {
            book.token_seconds = 3;
            book.tokens.clear();
        });
        for life in self.devices.iter_mut().chain([&mut self.browser]) {
            life.until(&expected);
        }
        for venue in &self.venues.devices {
            assert_eq!(venue.state().opened, 1, "a renewal makes no login");
            venue.change(|book| book.session = 3600);
        }
        self.venues.oauth.change(|book| book.token_seconds = 3600);
    }

    fn revoked(&mut self) {
        self.drop_sessions();
        self.venues.oauth.revoke();
        self.venues.gateway.end();
        self.venues
            .key
            .change(|book| "planted-key".clone_into(&mut book.password));
        for (life, (.., method)) in self.devices.iter_mut().zip(DEVICES) {
            life.until(&["SESSION_LOST EXPIRED", "REFUSED EXPIRED", "EXPIRED"]);
            life.until(&login(method));
        }
        self.key.until(&["SESSION_LOST EXPIRED"]);
        self.key.until(&STOPPED);
        std::fs::write(self.namespace.folder().join("key"), "planted-key").unwrap();
        self.namespace.program(["auth", "login", "key"]).run().ok();
        self.key.until(&["LOGIN_SUCCEEDED", "LOGIN_SUCCEEDED KEPT"]);
        let stopped = ["SESSION_LOST EXPIRED", "REFUSED EXPIRED"];
        self.browser.until(&stopped);
        self.gateway.until(&stopped);
        // Nobody says that a person did.
        self.venues.gateway.log_in();
        self.gateway.until(&["LOGIN_SUCCEEDED BROWSER"]);
        let asked = self.venues.oauth.state().logins;
        self.a_person_comes_to_the_browser();
        let asked_since = self.venues.oauth.state().logins - asked;
        assert_eq!(asked_since, 1, "only a person brings a code");
    }

    fn drop_sessions(&self) {
        for venue in &self.venues.devices {
            venue.drop_session();
        }
    }

    fn refused_short_of_a_lock(&mut self) {
        let another = |venue: &Venue| {
            venue.change(|book| "another".clone_into(&mut book.password));
        };
        for (venue, (.., method)) in self.venues.devices.iter().zip(DEVICES) {
            match method {
                "PUSH" => another(venue),
                _ => venue.change(|book| book.refuses_codes = true),
            }
        }
        self.drop_sessions();
        another(&self.venues.key);
        for (life, (.., method)) in self.devices.iter_mut().zip(DEVICES) {
            if method == "PUSH" {
                life.until(&STOPPED);
                continue;
            }
            let wrong = format!("LOGIN_FAILED {method} MFA_FAILED");
            life.until(&[&wrong, &wrong, &wrong, "REFUSED LOCKED"]);
        }
        self.key.until(&STOPPED);
        for venue in &self.venues.devices {
            assert!(!venue.state().locked, "it stops before the venue locks");
            assert_eq!(venue.state().repeated, 0, "no code is sent twice");
        }
        assert_eq!(self.venues.gateway.state().fought, 0);
    }
}

#[test]
fn each_way_and_each_factor_lives_its_life_in_kafka_and_in_the_store() {
    let runtime = Runtime::new().unwrap();
    let venues = runtime.block_on(Venues::start());
    let namespace = Namespace::new("lives", &venues.configuration());
    plant(&namespace);
    let mut desk = Desk::new(&runtime, &namespace, &venues);

    let first = desk.run();
    desk.cold_start();
    let mut said = first.stdout() + &first.stderr();
    first.kill_nine();
    let second = desk.run();
    desk.after_a_restart();
    desk.renewed();
    desk.revoked();
    desk.refused_short_of_a_lock();
    said += &(second.stdout() + &second.stderr());
    second.stop().ok();

    let events = namespace.read(Topic::AuthEvents);
    let rows = "SELECT count(), uniqExact(event_id) FROM auth_events";
    namespace.query_until(rows, &format!("{0}\t{0}", events.len()));
    said += &namespace.query("SELECT * FROM auth_events");
    said += &namespace.in_topics();
    assert!(said.contains("flow-mail") && !said.contains("planted"));
    let codes = venues.devices.iter().flat_map(|venue| venue.state().codes);
    for code in codes {
        assert!(!shows_code(&said, &code), "a code was seen");
    }
}
