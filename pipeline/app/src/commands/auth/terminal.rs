//! The person in front of the terminal.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use tapeline_auth::callback::Callback;
use tapeline_auth::mfa::{Code, CodeFuture, Person};
use tapeline_auth::{Challenge, Method};
use tapeline_model::Micros;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::console;
use crate::failure::Failure;
use crate::publish::now;

/// A line that is longer holds no code.
const LONGEST: usize = 8192;

pub(super) struct Terminal {
    /// Where a browser brings a code, if one does.
    callback: Option<Callback>,
    lines: mpsc::Receiver<String>,
    countdown: Option<Countdown>,
}

impl Terminal {
    pub(super) async fn open(redirect: &str) -> Result<Self, Failure> {
        let callback = if redirect.is_empty() {
            None
        } else {
            Some(Callback::open(redirect).await.map_err(Failure::external)?)
        };
        Ok(Self {
            callback,
            lines: lines(),
            countdown: None,
        })
    }

    async fn answer(&mut self, challenge: &Challenge, until: Micros) -> Option<Code> {
        let within = Duration::from_micros(until.since(now()).max(0).unsigned_abs());
        let callback = self.callback.take_if(|_| challenge.method == Method::OAuth);
        let brought = async {
            match callback {
                Some(callback) => callback.wait(&challenge.id, within).await,
                None => std::future::pending().await,
            }
        };
        let typed = async {
            match self.lines.recv().await {
                Some(line) => Some(Code::new(line)),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            code = brought => code,
            code = typed => code,
            () = tokio::time::sleep(within) => None,
        }
    }
}

impl Person for Terminal {
    fn code<'a>(&'a mut self, challenge: &'a Challenge, until: Micros) -> CodeFuture<'a> {
        Box::pin(async move {
            match &challenge.link {
                Some(link) => {
                    console::say(format!("open in a browser, and log in:\n\n  {link}\n"));
                    console::say(
                        "The browser will warn of the certificate of 127.0.0.1, which was made for \
                         this login. Is the browser on another machine? Paste the address it ends at \
                         here.",
                    );
                }
                None => console::say(format!("the code that came by {}:", challenge.method)),
            }
            let _shown = Countdown::begin(until);
            self.answer(challenge, until).await
        })
    }

    fn approve(&mut self, challenge: &Challenge, until: Micros) {
        console::say(match &challenge.link {
            Some(link) => format!("open in a browser, and log in:\n\n  {link}\n"),
            None => format!("approve it ({})", challenge.method),
        });
        self.countdown = Some(Countdown::begin(until));
    }
}

/// Shows how long there is left, while it lives.
struct Countdown(Option<JoinHandle<()>>);

impl Countdown {
    fn begin(until: Micros) -> Self {
        if !io::stderr().is_terminal() {
            let left = until.since(now()).max(0) / 1_000_000;
            console::say(format!("waiting for {left} s"));
            return Self(None);
        }
        Self(Some(tokio::spawn(async move {
            loop {
                let left = until.since(now()).max(0) / 1_000_000;
                let mut terminal = io::stderr();
                let _gone = write!(terminal, "\r{}:{:02} left ", left / 60, left % 60);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })))
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        if let Some(shown) = self.0.take() {
            shown.abort();
            let _gone = writeln!(io::stderr());
        }
    }
}

/// What is typed, line by line. The thread ends with the process.
fn lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = String::new();
            let read = io::Read::take(&mut input, LONGEST as u64).read_line(&mut line);
            if !read.is_ok_and(|length| length > 0) {
                return;
            }
            let line = line.trim();
            if !line.is_empty() && sender.blocking_send(line.to_owned()).is_err() {
                return;
            }
        }
    });
    lines
}
