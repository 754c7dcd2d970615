//! A mailbox as IMAP servers have it, as far as whoever waits for mails needs it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Take};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::Clock;

pub const MAIL_USER: &str = "codes@mine.example";
pub const MAIL_PASSWORD: &str = "planted \"mail\" password";

/// What it does to the next connection in place of serving it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImapFault {
    /// Closes at once.
    HangsUp,
    Garbage,
    /// A greeting without an end.
    EndlessLine,
    /// Any fetch is answered with a mail of a gigabyte, as it says.
    HugeMail,
    /// Serves until something is fetched, then closes.
    DropsAtFetch,
}

/// What it holds and was told, and how it answers.
#[derive(Debug, Clone)]
pub struct ImapState {
    pub password: String,
    /// In place of a password, by XOAUTH2.
    pub token: Option<String>,
    /// Mails of long ago, which it only counts.
    pub old: u32,
    /// Each with the second in which it came.
    pub mails: Vec<(i64, Vec<u8>)>,
    /// Says all that was asked of it, but for what logs in.
    pub asked: Vec<String>,
    pub connections: u32,
    pub logins: u32,
    pub refused: u32,
    pub can_idle: bool,
    pub can_authenticate: bool,
    pub faults: VecDeque<ImapFault>,
    /// Added to the clock of the machine, in seconds.
    pub ahead: i64,
}

/// Clones share their state.
#[derive(Clone)]
pub struct Imap {
    pub address: String,
    state: Arc<Mutex<ImapState>>,
    news: watch::Sender<usize>,
}

impl Imap {
    /// On a free port, for this machine alone.
    pub async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let state = ImapState {
            password: MAIL_PASSWORD.to_owned(),
            token: None,
            old: 0,
            mails: Vec::new(),
            asked: Vec::new(),
            connections: 0,
            logins: 0,
            refused: 0,
            can_idle: true,
            can_authenticate: true,
            faults: VecDeque::new(),
            ahead: 0,
        };
        let imap = Self {
            address: format!("imap://{}", listener.local_addr()?),
            state: Arc::new(Mutex::new(state)),
            news: watch::Sender::new(0),
        };
        let serving = imap.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let imap = serving.clone();
                tokio::spawn(async move {
                    // A client that is gone is no fault of the server.
                    let _gone = imap.serve(stream).await;
                });
            }
        });
        Ok(imap)
    }

    pub fn state(&self) -> ImapState {
        self.open().clone()
    }

    pub fn change(&self, change: impl FnOnce(&mut ImapState)) {
        change(&mut self.open());
    }

    /// A mail of these lines comes.
    pub fn deliver(&self, text: &str) {
        let count = {
            let mut state = self.open();
            let second = Clock::Wall.seconds() + state.ahead;
            state
                .mails
                .push((second, text.replace('\n', "\r\n").into_bytes()));
            state.mails.len()
        };
        self.news.send_replace(count);
    }

    /// A test that failed elsewhere does not matter here.
    fn open(&self) -> MutexGuard<'_, ImapState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let fault = {
            let mut state = self.open();
            state.connections += 1;
            state.faults.pop_front()
        };
        let (read, mut write) = stream.into_split();
        match fault {
            Some(ImapFault::HangsUp) => return Ok(()),
            Some(ImapFault::Garbage) => return write.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").await,
            Some(ImapFault::EndlessLine) => loop {
                write.write_all(&[b'*'; 1024]).await?;
            },
            _ => {}
        }
        write
            .write_all(b"* OK [CAPABILITY IMAP4rev1] hello\r\n")
            .await?;
        let mut client = Client {
            imap: self.clone(),
            lines: BufReader::new(read.take(1 << 20)),
            write,
            fault,
            news: self.news.subscribe(),
        };
        while let Some(line) = client.line().await? {
            if !client.take(&line).await? {
                break;
            }
        }
        Ok(())
    }
}

struct Client {
    imap: Imap,
    lines: BufReader<Take<OwnedReadHalf>>,
    write: OwnedWriteHalf,
    fault: Option<ImapFault>,
    news: watch::Receiver<usize>,
}

impl Client {
    async fn line(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        let length = self.lines.read_line(&mut line).await?;
        Ok((length > 0).then(|| line.trim_end().to_owned()))
    }

    async fn say(&mut self, text: &str) -> std::io::Result<()> {
        self.write.write_all(text.as_bytes()).await?;
        self.write.write_all(b"\r\n").await
    }

    /// Whether the connection goes on.
    async fn take(&mut self, line: &str) -> std::io::Result<bool> {
        let mut words = line.splitn(3, ' ');
        let (tag, verb) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let rest = words.next().unwrap_or_default();
        if !matches!(verb, "LOGIN" | "AUTHENTICATE") {
            self.imap
                .open()
                .asked
                .push(format!("{verb} {rest}").trim().to_owned());
        }
        let is_well = match verb {
            "CAPABILITY" => self.capability().await?,
            "LOGIN" => self.login(rest),
            "AUTHENTICATE" => self.authenticate(rest).await?,
            "EXAMINE" => self.examine(rest).await?,
            "FETCH" | "UID" => self.fetch(verb, rest).await?,
            "IDLE" => self.idle().await?,
            "LOGOUT" => {
                self.say("* BYE for now").await?;
                self.say(&format!("{tag} OK done")).await?;
                return Ok(false);
            }
            _ => false,
        };
        if self.fault == Some(ImapFault::DropsAtFetch) && verb == "UID" {
            return Ok(false);
        }
        let status = if is_well { "OK done" } else { "NO [ALERT] no" };
        self.say(&format!("{tag} {status}")).await?;
        Ok(true)
    }

    async fn capability(&mut self) -> std::io::Result<bool> {
        let (can_idle, can_authenticate) = {
            let state = self.imap.open();
            (state.can_idle, state.can_authenticate)
        };
        let idle = if can_idle { " IDLE" } else { "" };
        let ways = if can_authenticate {
            " AUTH=PLAIN AUTH=XOAUTH2"
        } else {
            ""
        };
        self.say(&format!("* CAPABILITY IMAP4rev1{idle}{ways}"))
            .await?;
        Ok(true)
    }

    fn login(&self, rest: &str) -> bool {
        let quoted = |text: &str| {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{escaped}\"")
        };
        let mut state = self.imap.open();
        let expected = format!("{} {}", quoted(MAIL_USER), quoted(&state.password));
        state.counts(rest == expected)
    }

    async fn authenticate(&mut self, way: &str) -> std::io::Result<bool> {
        self.say("+ ").await?;
        let given = self.line().await?.unwrap_or_default();
        let given = STANDARD.decode(given).unwrap_or_default();
        let expected = {
            let state = self.imap.open();
            let token = state.token.as_deref().unwrap_or_default();
            match way {
                "PLAIN" => format!("\0{MAIL_USER}\0{}", state.password),
                _ => format!("user={MAIL_USER}\x01auth=Bearer {token}\x01\x01"),
            }
        };
        let is_in = given == expected.as_bytes();
        if !is_in && way == "XOAUTH2" {
            self.say("+ eyJzdGF0dXMiOiI0MDEifQ==").await?;
            self.line().await?;
        }
        Ok(self.imap.open().counts(is_in))
    }

    async fn examine(&mut self, folder: &str) -> std::io::Result<bool> {
        if folder != "\"INBOX\"" {
            return Ok(false);
        }
        let exists = self.imap.open().exists();
        self.news.borrow_and_update();
        self.say("* FLAGS (\\Seen \\Deleted)").await?;
        self.say(&format!("* {exists} EXISTS")).await?;
        self.say("* OK [UIDVALIDITY 7] valid").await?;
        Ok(true)
    }

    /// `FETCH 5:* (UID INTERNALDATE)`, the same by UIDs (which are numbers here), or one mail.
    async fn fetch(&mut self, verb: &str, rest: &str) -> std::io::Result<bool> {
        if self.fault == Some(ImapFault::HugeMail) {
            self.say("* 1 FETCH (UID 1 BODY[]<0> {1073741824}").await?;
            self.write.write_all(&vec![b'9'; 1 << 20]).await?;
        }
        let rest = rest.strip_prefix("FETCH ").unwrap_or(rest);
        let (set, items) = rest.split_once(' ').unwrap_or((rest, ""));
        let exists = self.imap.open().exists();
        let (first, is_open) = match set.split_once(':') {
            Some((first, _)) => (first, true),
            None => (set, false),
        };
        let Ok(first) = first.parse::<u32>() else {
            return Ok(false);
        };
        // `n:*` holds the last one, whatever n is.
        let first = if is_open {
            first.min(exists).max(1)
        } else {
            first
        };
        let last = if is_open { exists } else { first.min(exists) };
        for number in first..=last {
            let line = self
                .imap
                .open()
                .fetched(number, items.contains("BODY.PEEK[]"));
            self.write.write_all(&line).await?;
        }
        Ok(verb == "UID" || exists > 0)
    }

    async fn idle(&mut self) -> std::io::Result<bool> {
        self.say("+ idling").await?;
        loop {
            let mut line = String::new();
            tokio::select! {
                read = self.lines.read_line(&mut line) => {
                    read?;
                    return Ok(line.trim_end() == "DONE");
                }
                changed = self.news.changed() => {
                    if changed.is_err() {
                        return Ok(false);
                    }
                    let exists = self.imap.open().exists();
                    self.say("* OK still here").await?;
                    self.say(&format!("* {exists} EXISTS")).await?;
                }
            }
        }
    }
}

impl ImapState {
    fn counts(&mut self, is_in: bool) -> bool {
        *if is_in {
            &mut self.logins
        } else {
            &mut self.refused
        } += 1;
        is_in
    }

    fn exists(&self) -> u32 {
        self.old + u32::try_from(self.mails.len()).unwrap_or(u32::MAX)
    }

    fn fetched(&self, number: u32, with_body: bool) -> Vec<u8> {
        let at = number.checked_sub(self.old + 1);
        let mail = at.and_then(|at| self.mails.get(usize::try_from(at).ok()?));
        let (second, bytes) = mail.map_or((0, &[][..]), |(second, bytes)| (*second, bytes));
        if !with_body {
            let date = date(second);
            let line = format!("* {number} FETCH (UID {number} INTERNALDATE \"{date}\")\r\n");
            return line.into_bytes();
        }
        let bytes = &bytes[..bytes.len().min(64 << 10)];
        let length = bytes.len();
        let head = format!("* {number} FETCH (UID {number} BODY[]<0> {{{length}}}\r\n");
        [head.as_bytes(), bytes, b")\r\n"].concat()
    }
}

fn date(second: i64) -> String {
    let time = Timestamp::from_second(second).unwrap_or_default();
    time.strftime("%d-%b-%Y %H:%M:%S +0000").to_string()
}
