//! Mails from a server that speaks IMAP, to whoever waits for a code.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tapeline_auth::BackOff;
use tapeline_auth::mfa::mail::{MailError, MailLogin, Mailbox, MailboxSettings, Trust};
use tapeline_auth::mfa::{Code, CodeRouter, CodeRouters, Expected, Pending};
use tapeline_model::Micros;
use tapeline_secrets::{Secrets, Settings};
use tapeline_simulators::{Imap, ImapFault, MAIL_PASSWORD, MAIL_USER};
use tokio::task::JoinHandle;
use tokio::time::timeout;

const BROKER: &str = "no-reply@broker.example";
/// Longer than anything takes that goes well.
const WITHIN: Duration = Duration::from_secs(20);

struct Desk {
    folder: tempfile::TempDir,
    imap: Imap,
    code_router: CodeRouter,
}

impl Desk {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), MAIL_PASSWORD).unwrap();
        Self {
            folder,
            imap: Imap::start().await.unwrap(),
            code_router: CodeRouter::default(),
        }
    }

    fn settings(&self) -> MailboxSettings {
        let path = self.folder.path().join("password");
        let reference = format!("secret://file/{}", path.display()).parse().unwrap();
        MailboxSettings {
            address: self.imap.address.clone(),
            authority: None,
            user: MAIL_USER.to_owned(),
            login: MailLogin::Password(reference),
            folder: MailboxSettings::FOLDER.to_owned(),
            trust: Trust::default(),
            renew_every: MailboxSettings::RENEW_EVERY,
            look_every: Duration::from_millis(100),
            back_off: BackOff {
                first: Duration::from_millis(20),
                longest: Duration::from_millis(100),
            },
        }
    }

    fn mailbox(&self, settings: MailboxSettings) -> Mailbox {
        let secrets = Secrets::new(&Settings::default()).unwrap();
        let code_routers = CodeRouters::new([self.code_router.clone()]);
        Mailbox::new(settings, secrets, code_routers, Arc::new(now)).unwrap()
    }

    fn follow(&self, settings: MailboxSettings) -> JoinHandle<()> {
        tokio::spawn(self.mailbox(settings).run())
    }

    /// Waits for a code from now on.
    fn wait(&self) -> JoinHandle<Option<Code>> {
        let code_router = self.code_router.clone();
        let asked = now();
        let pending = Pending {
            asked,
            until: asked.plus_millis(15_000),
            senders: vec![BROKER.to_owned()],
            expected: Expected::of("broker.example"),
        };
        tokio::spawn(async move { code_router.code(pending).await })
    }

    fn deliver(&self, from: &str, body: &str) {
        self.imap
            .deliver(&format!("From: {from}\nSubject: x\n\n{body}\n"));
    }

    /// Until it was asked to do that so often.
    async fn asked(&self, what: &str, times: usize) {
        let asked = async {
            loop {
                let book = self.imap.state();
                if book
                    .asked
                    .iter()
                    .filter(|asked| asked.starts_with(what))
                    .count()
                    >= times
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(WITHIN, asked).await.unwrap();
    }
}

fn now() -> Micros {
    SystemTime::now().into()
}

async fn code(waiting: JoinHandle<Option<Code>>) -> Option<Code> {
    timeout(WITHIN, waiting).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_code_is_taken_from_a_mailbox_of_a_hundred_thousand_mails() {
    let desk = Desk::new().await;
    desk.imap.change(|book| book.old = 100_000);
    let following = desk.follow(desk.settings());
    desk.asked("IDLE", 1).await;
    let waiting = desk.wait();
    desk.deliver("news@else.example", "code 111111");
    desk.deliver("Broker <No-Reply@Broker.example>", "Your code is 482913");
    assert_eq!(code(waiting).await, Some(Code::new("482913")));
    following.abort();

    let asked = desk.imap.state().asked;
    let fetches: Vec<&String> = asked
        .iter()
        .filter(|asked| asked.contains("FETCH"))
        .collect();
    assert_eq!(fetches[0], "FETCH 99981:* (UID INTERNALDATE)");
    assert_eq!(fetches[1], "UID FETCH 100001:* (UID INTERNALDATE)");
    let bodies = fetches.iter().filter(|asked| asked.contains("BODY"));
    assert_eq!(bodies.count(), 2, "only what is new: {fetches:?}");
    let verbs = ["CAPABILITY", "EXAMINE", "FETCH", "UID FETCH", "IDLE"];
    let are_harmless = |asked: &&String| verbs.iter().any(|verb| asked.starts_with(verb));
    assert!(asked.iter().all(|asked| are_harmless(&asked)), "{asked:?}");
    let marks = ["STORE", "SELECT", "EXPUNGE", "BODY[]", "RFC822"];
    assert!(
        !asked
            .iter()
            .any(|asked| marks.iter().any(|mark| asked.contains(mark)))
    );
}

#[tokio::test]
async fn a_mail_that_came_while_it_was_not_open_is_found_and_an_old_one_is_not() {
    let desk = Desk::new().await;
    desk.deliver(BROKER, "an hour ago: code 111111");
    desk.imap.change(|book| book.mails[0].0 -= 3600);
    let waiting = desk.wait();
    desk.deliver(BROKER, "Your code is 482913");
    let _following = desk.follow(desk.settings());
    assert_eq!(code(waiting).await, Some(Code::new("482913")));
    let asked = desk.imap.state().asked;
    assert!(
        !asked.iter().any(|asked| asked.starts_with("UID FETCH 1 ")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn mails_that_are_none_of_its_codes_are_passed_by() {
    let desk = Desk::new().await;
    let settings = MailboxSettings {
        trust: Trust {
            server: Some("mx.mine.example".to_owned()),
            is_demanded: true,
        },
        ..desk.settings()
    };
    let _following = desk.follow(settings);
    desk.asked("IDLE", 1).await;
    let waiting = desk.wait();
    let passed = "Authentication-Results: mx.mine.example; dkim=pass header.d=broker.example\n";
    let failed = "Authentication-Results: mx.mine.example; dkim=fail header.d=broker.example\n";
    let broker = format!("From: {BROKER}\n");
    for mail in [
        format!("{passed}{broker}From: x@evil.example\n\ncode 111111"),
        format!("{passed}From: {BROKER}, x@evil.example\n\ncode 111111"),
        format!("{failed}{broker}\ncode 111111"),
        format!("{failed}{passed}{broker}\ncode 111111"),
        format!("{broker}\ncode 111111"),
        format!("{passed}{broker}\ncode 111111 or 222222"),
        format!("{passed}{broker}Content-Type: text/html\n\n<p>Your code</p><p hidden>111111</p>"),
        format!("{passed}From: x@evil.example\n\ncode 111111"),
        "\u{0}\u{1}no mail at all".to_owned(),
        format!(
            "{passed}{broker}Content-Type: text/html\n\n<style>code 3333</style><p>Your code: <b>482913</b></p>"
        ),
    ] {
        desk.imap.deliver(&mail);
    }
    assert_eq!(code(waiting).await, Some(Code::new("482913")));
}

#[tokio::test]
async fn a_mail_beyond_the_bound_is_read_up_to_it() {
    let desk = Desk::new().await;
    let _following = desk.follow(desk.settings());
    desk.asked("IDLE", 1).await;
    let waiting = desk.wait();
    let behind = format!("{}\ncode 111111", "x".repeat(100 << 10));
    desk.deliver(BROKER, &behind);
    let before = format!("code 482913\n{}\ncode 111111", "x".repeat(1 << 20));
    desk.deliver(BROKER, &before);
    assert_eq!(code(waiting).await, Some(Code::new("482913")));
    let asked = desk.imap.state().asked;
    assert!(
        asked.contains(&"UID FETCH 1 (UID BODY.PEEK[]<0.65536>)".to_owned()),
        "{asked:?}"
    );
}

#[tokio::test]
async fn of_a_flood_only_the_newest_are_read() {
    let desk = Desk::new().await;
    let waiting = desk.wait();
    desk.code_router.wanted().await;
    for n in 0..500 {
        desk.deliver("x@evil.example", &format!("code {n}99999"));
    }
    desk.deliver(BROKER, "Your code is 482913");
    let _following = desk.follow(desk.settings());
    assert_eq!(code(waiting).await, Some(Code::new("482913")));
    let asked = desk.imap.state().asked;
    let bodies = asked.iter().filter(|asked| asked.contains("BODY")).count();
    assert_eq!(bodies, 20);
}

#[tokio::test]
async fn servers_without_idle_and_with_another_clock_serve_as_well() {
    for ahead in [-40, 40] {
        let desk = Desk::new().await;
        desk.imap.change(|book| {
            book.can_idle = ahead > 0;
            book.can_authenticate = false;
            book.ahead = ahead;
        });
        let _following = desk.follow(desk.settings());
        desk.asked("FETCH", 1).await;
        let waiting = desk.wait();
        desk.asked("UID FETCH", 1).await;
        desk.deliver(BROKER, "Your code is 482913");
        assert_eq!(code(waiting).await, Some(Code::new("482913")), "{ahead}");
    }
}

#[tokio::test]
async fn a_connection_that_waits_is_renewed() {
    let desk = Desk::new().await;
    let settings = MailboxSettings {
        renew_every: Duration::from_millis(20),
        ..desk.settings()
    };
    let _following = desk.follow(settings);
    desk.asked("IDLE", 4).await;
    assert_eq!(desk.imap.state().connections, 1);
}

#[tokio::test]
async fn whatever_a_server_does_it_is_tried_again() {
    let desk = Desk::new().await;
    let faults = [
        ImapFault::HangsUp,
        ImapFault::Garbage,
        ImapFault::EndlessLine,
        ImapFault::HugeMail,
        ImapFault::DropsAtFetch,
    ];
    desk.deliver("x@evil.example", "for the fetch that fails");
    desk.imap.change(|book| book.faults.extend(faults));
    let waiting = desk.wait();
    let _following = desk.follow(desk.settings());
    desk.asked("IDLE", 1).await;
    desk.deliver(BROKER, "Your code is 482913");
    assert_eq!(code(waiting).await, Some(Code::new("482913")));
    assert_eq!(desk.imap.state().connections, 6);
}

#[tokio::test]
async fn a_check_says_what_is_wrong() {
    let desk = Desk::new().await;
    let check = async |settings: MailboxSettings| desk.mailbox(settings).check().await;
    assert_eq!(check(desk.settings()).await, Ok(()));
    let token = |name: &str| {
        let path = desk.folder.path().join(name);
        std::fs::write(&path, "planted-token").unwrap();
        MailLogin::Token(format!("secret://file/{}", path.display()).parse().unwrap())
    };
    let by_token = MailboxSettings {
        login: token("token"),
        ..desk.settings()
    };
    assert_eq!(check(by_token.clone()).await, Err(MailError::Refused));
    desk.imap
        .change(|book| book.token = Some("planted-token".to_owned()));
    assert_eq!(check(by_token.clone()).await, Ok(()));
    desk.imap.change(|book| book.can_authenticate = false);
    assert_eq!(check(by_token).await, Err(MailError::NoWay));
    assert_eq!(check(desk.settings()).await, Ok(()), "by LOGIN");
    let folder = "Codes".to_owned();
    let other = MailboxSettings {
        folder,
        ..desk.settings()
    };
    assert_eq!(check(other).await, Err(MailError::NoFolder));
    let nobody = MailboxSettings {
        address: "imap://127.0.0.1:1".to_owned(),
        ..desk.settings()
    };
    assert_eq!(check(nobody).await, Err(MailError::Unreachable));
    desk.imap
        .change(|book| book.faults.push_back(ImapFault::Garbage));
    assert_eq!(check(desk.settings()).await, Err(MailError::Garbled));
    desk.imap
        .change(|book| book.faults.push_back(ImapFault::EndlessLine));
    assert_eq!(check(desk.settings()).await, Err(MailError::TooMuch));
    let tls = MailboxSettings {
        address: desk.imap.address.replace("imap:", "imaps:"),
        ..desk.settings()
    };
    assert_eq!(check(tls).await, Err(MailError::NotTrusted));
    std::fs::remove_file(desk.folder.path().join("password")).unwrap();
    let missing = check(desk.settings()).await.unwrap_err();
    assert!(matches!(missing, MailError::NoSecret(_)), "{missing}");
}

#[tokio::test]
async fn a_refused_password_is_looked_up_again_before_the_next_try() {
    let desk = Desk::new().await;
    desk.imap
        .change(|book| book.password = "rotated".to_owned());
    let mut mailbox = desk.mailbox(desk.settings());
    assert_eq!(mailbox.check().await, Err(MailError::Refused));
    std::fs::write(desk.folder.path().join("password"), "rotated").unwrap();
    assert_eq!(mailbox.check().await, Ok(()));
}
