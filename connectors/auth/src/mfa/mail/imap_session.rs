//! A mailbox that is open, to be read only.

use std::future::Future;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::fmt::strtime;
use tapeline_secrets::{Secret, SecretError};
use thiserror::Error;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::wire::{
    ANSWER_WITHIN, FetchedMail, Further, LONGEST_MAIL, ServerResponse, Stream, Wire, WireError,
};

/// Why a mailbox is not open. Holds no word of its server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MailError {
    #[error("it does not answer; look at its address and the network")]
    Unreachable,
    #[error(
        "its certificate is not trusted, or it does not speak TLS; look at its port, or name its authority"
    )]
    NotTrusted,
    #[error("what answers does not speak IMAP as it should; look at its address and port")]
    Garbled,
    #[error("it refuses the user, or the password or token; look at the secret")]
    Refused,
    #[error("{0}")]
    NoSecret(SecretError),
    #[error(
        "it offers no login of this kind; use a password in place of a token, or the other way round"
    )]
    NoWay,
    #[error("it has no such folder")]
    NoFolder,
    #[error("the connection was lost")]
    Lost,
    #[error("it takes too long to answer")]
    Slow,
    #[error("it says more than was asked for")]
    TooMuch,
}

/// What a user is logged in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Password,
    /// XOAUTH2, as Google and Microsoft have it.
    Token,
}

/// A mail that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub uid: u32,
    /// The second in which it came, by the server's clock.
    pub second: i64,
}

pub(super) struct ImapSession {
    wire: Wire,
    pub can_idle: bool,
    pub validity: u32,
    exists: u32,
    /// More came while something else was asked: no IDLE tells of it again.
    has_news: bool,
}

impl ImapSession {
    /// Logs in and opens the folder, to be read only.
    pub async fn open(
        stream: Box<dyn Stream>,
        user: &str,
        secret: &Secret,
        way: Way,
        folder: &str,
    ) -> Result<Self, MailError> {
        let mut wire = Wire::new(stream);
        match timeout(ANSWER_WITHIN, wire.next()).await {
            Ok(Ok(ServerResponse::Greeting)) => {}
            Ok(Ok(ServerResponse::Bye)) => return Err(MailError::Lost),
            Ok(Ok(_)) => return Err(MailError::Garbled),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(MailError::Slow),
        }
        let able = able(&mut wire).await?;
        log_in(&mut wire, &able, user, secret, way).await?;
        let able = self::able(&mut wire).await?;
        let (mut exists, mut validity) = (0, 0);
        let examine = format!("EXAMINE {}", *quoted(folder));
        let is_there = wire
            .ask(&examine, |said| match said {
                ServerResponse::Exists(count) => exists = count,
                ServerResponse::UidValidity(found) => validity = found,
                _ => {}
            })
            .await?;
        if !is_there {
            return Err(MailError::NoFolder);
        }
        Ok(Self {
            wire,
            can_idle: able.iter().any(|able| able == "IDLE"),
            validity,
            exists,
            has_news: false,
        })
    }

    /// The newest of those that were there when it was opened, and what came since.
    pub async fn newest(&mut self, most: u32) -> Result<Vec<Head>, MailError> {
        let first = self.exists.saturating_sub(most).saturating_add(1);
        self.heads(&format!("FETCH {first}:* (UID INTERNALDATE)"))
            .await
    }

    /// From this UID on; the last one there is among them even if its UID is lower.
    pub async fn since(&mut self, uid: u32) -> Result<Vec<Head>, MailError> {
        self.heads(&format!("UID FETCH {uid}:* (UID INTERNALDATE)"))
            .await
    }

    async fn heads(&mut self, command: &str) -> Result<Vec<Head>, MailError> {
        let mut heads = Vec::new();
        let mut exists = self.exists;
        let hear = |said| match said {
            ServerResponse::FetchedMail(fetched) => heads.extend(head(&fetched)),
            ServerResponse::Exists(count) => exists = count,
            _ => {}
        };
        // A mailbox that became empty refuses to fetch the first.
        self.wire.ask(command, hear).await?;
        self.counts(exists);
        heads.sort_unstable_by_key(|head| head.uid);
        Ok(heads)
    }

    /// A mail as far as it may be long, without marking it as read. None where it is gone.
    pub async fn body(&mut self, uid: u32) -> Result<Option<Zeroizing<Vec<u8>>>, MailError> {
        let mut body = None;
        let mut exists = self.exists;
        let command = format!("UID FETCH {uid} (UID BODY.PEEK[]<0.{LONGEST_MAIL}>)");
        let hear = |said| match said {
            ServerResponse::FetchedMail(fetched) if fetched.uid == Some(uid) => {
                body = fetched.body.map(Zeroizing::new);
            }
            ServerResponse::Exists(count) => exists = count,
            _ => {}
        };
        self.wire.ask(&command, hear).await?;
        self.counts(exists);
        Ok(body)
    }

    fn counts(&mut self, exists: u32) {
        self.has_news |= exists > self.exists;
        self.exists = exists;
    }

    /// Until something happens in the mailbox, or `enough` ends.
    pub async fn idle(&mut self, enough: impl Future<Output = ()>) -> Result<(), MailError> {
        if std::mem::take(&mut self.has_news) {
            return Ok(());
        }
        let tag = self.wire.begin("IDLE").await?;
        if self.wire.further(&tag).await? != Further::GoOn {
            return Err(MailError::Garbled);
        }
        let mut enough = std::pin::pin!(enough);
        loop {
            tokio::select! {
                () = &mut enough => break,
                said = self.wire.next() => match said? {
                    ServerResponse::Exists(count) => {
                        self.exists = count;
                        break;
                    }
                    ServerResponse::Bye | ServerResponse::Done(..) => return Err(MailError::Lost),
                    _ => {}
                },
            }
        }
        self.wire.say("DONE").await?;
        self.wire.done(&tag, drop).await?;
        Ok(())
    }

    /// Says good-bye.
    pub async fn close(mut self) {
        let _gone = self.wire.ask("LOGOUT", drop).await;
    }
}

async fn able(wire: &mut Wire) -> Result<Vec<String>, MailError> {
    let mut able = Vec::new();
    let hear = |said| {
        if let ServerResponse::Able(found) = said {
            able = found;
        }
    };
    wire.ask("CAPABILITY", hear).await?;
    Ok(able)
}

async fn log_in(
    wire: &mut Wire,
    able: &[String],
    user: &str,
    secret: &Secret,
    way: Way,
) -> Result<(), MailError> {
    let secret = secret.expose();
    let can = |what: &str| able.iter().any(|able| able == what);
    let is_in = match way {
        Way::Token if can("AUTH=XOAUTH2") => {
            let answer = format!("user={user}\x01auth=Bearer {secret}\x01\x01");
            authenticate(wire, "XOAUTH2", Zeroizing::new(answer)).await?
        }
        Way::Password if can("AUTH=PLAIN") => {
            let answer = format!("\0{user}\0{secret}");
            authenticate(wire, "PLAIN", Zeroizing::new(answer)).await?
        }
        Way::Password if is_quotable(user) && is_quotable(secret) => {
            let command = format!("LOGIN {} {}", *quoted(user), *quoted(secret));
            wire.ask(&Zeroizing::new(command), drop).await?
        }
        Way::Token | Way::Password => return Err(MailError::NoWay),
    };
    if is_in {
        Ok(())
    } else {
        Err(MailError::Refused)
    }
}

async fn authenticate(
    wire: &mut Wire,
    way: &str,
    answer: Zeroizing<String>,
) -> Result<bool, MailError> {
    let tag = wire.begin(&format!("AUTHENTICATE {way}")).await?;
    if let Further::Done(is_in) = wire.further(&tag).await? {
        return Ok(is_in);
    }
    let answer = Zeroizing::new(STANDARD.encode(answer.as_bytes()));
    wire.say(&answer).await?;
    match wire.further(&tag).await? {
        Further::Done(is_in) => Ok(is_in),
        // A server that refuses a token explains it first, and waits for an empty line.
        Further::GoOn => {
            wire.say("").await?;
            Ok(wire.done(&tag, drop).await?)
        }
    }
}

fn head(fetched: &FetchedMail) -> Option<Head> {
    let second = strtime::parse("%d-%b-%Y %H:%M:%S %z", fetched.date.as_deref()?.trim());
    Some(Head {
        uid: fetched.uid?,
        second: second.ok()?.to_timestamp().ok()?.as_second(),
    })
}

pub(super) fn is_quotable(text: &str) -> bool {
    text.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}

fn quoted(text: &str) -> Zeroizing<String> {
    let escaped = Zeroizing::new(text.replace('\\', "\\\\").replace('"', "\\\""));
    Zeroizing::new(format!("\"{}\"", *escaped))
}

impl From<WireError> for MailError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Lost => Self::Lost,
            WireError::Slow => Self::Slow,
            WireError::TooMuch => Self::TooMuch,
            WireError::Garbled => Self::Garbled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_servers_write_them() {
        let of = |date: &str| {
            let fetched = FetchedMail {
                uid: Some(1),
                date: Some(date.to_owned()),
                body: None,
            };
            head(&fetched).map(|head| head.second)
        };
        assert_eq!(of("21-Nov-2026 09:00:00 +0000"), Some(1_795_251_600));
        assert_eq!(of(" 1-Nov-2026 09:00:00 +0100"), Some(1_793_520_000));
        assert_eq!(of("1-Nov-2026 09:00:00 -0500"), Some(1_793_541_600));
        assert_eq!(of("yesterday"), None);
    }

    #[test]
    fn a_password_cannot_end_its_quotes() {
        assert_eq!(*quoted(r#"a"b\c"#), r#""a\"b\\c""#);
        assert!(is_quotable("p 1~!") && !is_quotable("a\r\nb") && !is_quotable("ä"));
    }
}
