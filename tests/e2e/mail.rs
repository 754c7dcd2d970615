//! Codes in mails of a server that others wrote (GreenMail): delivered by SMTP, read by IMAP.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tapeline_auth::BackOff;
use tapeline_auth::mfa::mail::{MailError, MailLogin, Mailbox, MailboxSettings, Trust};
use tapeline_auth::mfa::{Code, CodeRouter, CodeRouters, Expected, Pending};
use tapeline_local::{find_java, free_port};
use tapeline_model::Micros;
use tapeline_secrets::{Secrets, Settings};
use tapeline_tests::{Peer, scratch};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const BROKER: &str = "no-reply@broker.example";
const USER: &str = "codes";
const PASSWORD: &str = "planted-mail";
const WITHIN: Duration = Duration::from_secs(30);

struct GreenMail {
    imap: u16,
    smtp: u16,
    folder: TempDir,
    code_router: CodeRouter,
    runtime: Runtime,
    _server: Peer,
}

impl GreenMail {
    fn start() -> Self {
        let (imap, smtp) = (free_port().unwrap(), free_port().unwrap());
        let java = find_java().unwrap().path.display().to_string();
        let options = [
            format!("-Dgreenmail.smtp.port={smtp}"),
            format!("-Dgreenmail.imap.port={imap}"),
            format!("-Dgreenmail.users={USER}:{PASSWORD}@mine.example"),
        ];
        let mut command = vec![&*java, "-Xmx128m", "-Dgreenmail.hostname=127.0.0.1"];
        command.extend(options.iter().map(String::as_str));
        let jar = jar();
        command.extend(["-jar", &jar]);
        let server = Peer::start("greenmail", &command, &[imap, smtp]);
        let folder = scratch();
        std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
        Self {
            imap,
            smtp,
            folder,
            code_router: CodeRouter::default(),
            runtime: Runtime::new().unwrap(),
            _server: server,
        }
    }

    fn mailbox(&self) -> Mailbox {
        let password = self.folder.path().join("password");
        let password = format!("secret://file/{}", password.display());
        let settings = MailboxSettings {
            address: format!("imap://127.0.0.1:{}", self.imap),
            authority: None,
            user: USER.to_owned(),
            login: MailLogin::Password(password.parse().unwrap()),
            folder: MailboxSettings::FOLDER.to_owned(),
            trust: Trust::default(),
            renew_every: MailboxSettings::RENEW_EVERY,
            // Longer than the test waits: the server has to tell of what came.
            look_every: Duration::from_mins(10),
            back_off: BackOff::default(),
        };
        let secrets = Secrets::new(&Settings::default()).unwrap();
        let code_routers = CodeRouters::new([self.code_router.clone()]);
        Mailbox::new(settings, secrets, code_routers, Arc::new(now)).unwrap()
    }

    /// Waits for a code from now on.
    fn wait(&self) -> JoinHandle<Option<Code>> {
        let (code_router, asked) = (self.code_router.clone(), now());
        let pending = Pending {
            asked,
            until: asked.plus_millis(30_000),
            senders: vec![BROKER.to_owned()],
            expected: Expected::of("broker.example"),
        };
        self.runtime
            .spawn(async move { code_router.code(pending).await })
    }

    /// This server says nothing of a mail that comes in the moment in which IDLE begins, until
    /// another one comes.
    fn code(&self, mut waiting: JoinHandle<Option<Code>>) -> Option<Code> {
        let ends = Instant::now() + WITHIN;
        while Instant::now() < ends {
            let soon = async { timeout(Duration::from_secs(2), &mut waiting).await };
            if let Ok(code) = self.runtime.block_on(soon) {
                return code.unwrap();
            }
            self.deliver("news@others.example", "\nNothing to see here");
        }
        panic!("nobody waits for a code any more, and none was handed over");
    }

    /// As any program sends a mail.
    fn deliver(&self, from: &str, rest: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.smtp)).unwrap();
        let answers = BufReader::new(stream.try_clone().unwrap()).lines();
        // Of an answer of several lines, the last has no hyphen.
        let is_last = |line: &String| line.as_bytes().get(3) != Some(&b'-');
        let mut answers = answers.map(Result::unwrap).filter(is_last);
        let mut is_taken = |expected: &str| {
            let answer = answers.next().unwrap();
            assert!(answer.starts_with(expected), "{answer}");
        };
        is_taken("220");
        let mail = format!("From: {from}\nTo: {USER}@mine.example\nSubject: x\n{rest}\n.");
        for (line, expected) in [
            ("HELO test", "250"),
            (&*format!("MAIL FROM:<{from}>"), "250"),
            (&*format!("RCPT TO:<{USER}@mine.example>"), "250"),
            ("DATA", "354"),
            (&*mail.replace('\n', "\r\n"), "250"),
            ("QUIT", "221"),
        ] {
            stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
            is_taken(expected);
        }
    }
}

/// What `./dev test` fetched.
fn jar() -> String {
    let folder = std::env::var("TAPELINE_TEST_MAIL_SERVER")
        .expect("TAPELINE_TEST_MAIL_SERVER is not set: run this through `./dev test`");
    let mut files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let jar = files.find(|path| path.extension().is_some_and(|end| end == "jar"));
    jar.unwrap().display().to_string()
}

fn now() -> Micros {
    SystemTime::now().into()
}

#[test]
fn codes_are_read_from_a_mail_server_of_others() {
    let server = GreenMail::start();
    let checked = server.runtime.block_on(server.mailbox().check());
    assert_eq!(checked, Ok(()));
    let following = server.runtime.spawn(server.mailbox().run());

    let waiting = server.wait();
    server.deliver("x@evil.example", "\nYour code is 111111");
    server.deliver(BROKER, "\nYour code is 482913");
    assert_eq!(server.code(waiting), Some(Code::new("482913")));

    // It is open by now, and told of what comes.
    let waiting = server.wait();
    let html = "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n\
                <style>p { width: 3333px }</style><p>Your code: <b>7 7 1 0 4 5</b></p>";
    server.deliver("x@evil.example", &html.replace("7 7 1 0 4 5", "222222"));
    server.deliver(BROKER, &html.replace("7 7 1 0 4 5", "771045"));
    assert_eq!(server.code(waiting), Some(Code::new("771045")));
    following.abort();

    std::fs::write(server.folder.path().join("password"), "another").unwrap();
    let refused = server.runtime.block_on(server.mailbox().check());
    assert_eq!(refused, Err(MailError::Refused));
}
