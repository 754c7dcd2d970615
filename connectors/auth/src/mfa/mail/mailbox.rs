//! Follows a mailbox, and hands over what comes.

use std::path::PathBuf;
use std::time::Duration;

use tapeline_model::Micros;
use tapeline_secrets::{Reference, Secret, Secrets};
use tokio::time::{Instant, sleep, sleep_until};

use super::arrival::Arrival;
use super::imap_session::{Head, ImapSession, MailError, Way, is_quotable};
use super::mail_server::{BadMailbox, MailServer, check};
use super::parsed_mail::Trust;
use crate::environment::Clock;
use crate::metric_names as names;
use crate::mfa::code_router::CodeRouters;
use crate::mfa::rate_limit::RateLimit;
use crate::policy::{BackOff, earlier, spread_of};

/// So many of the newest mails are looked at.
const NEWEST: u32 = 20;
/// An older one holds no code that is still wanted.
const OLDEST: Duration = Duration::from_mins(10);
/// How long a failure keeps whoever wants a code waiting, at most.
const SHORTEST: Duration = Duration::from_secs(5);
/// Servers that tell nothing by themselves are asked this often while nobody wants a code.
const EVERY: Duration = Duration::from_mins(1);
const REFUSED_PAUSE: Duration = Duration::from_mins(1);

#[derive(Debug, Clone)]
pub struct MailboxSettings {
    /// Like imaps://imap.example.org.
    pub address: String,
    /// A PEM file with a further certificate authority.
    pub authority: Option<PathBuf>,
    pub user: String,
    pub login: MailLogin,
    /// Mostly INBOX.
    pub folder: String,
    pub trust: Trust,
    /// A connection that waits for news is renewed this often; servers end it after half an hour.
    pub renew_every: Duration,
    /// While a code is wanted, it is looked for this often, since some servers are slow to tell.
    pub look_every: Duration,
    pub back_off: BackOff,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailLogin {
    Password(Reference),
    /// A token of OAuth, which others keep fresh.
    Token(Reference),
}

/// The mailbox that the codes of some accounts come to. It is only read, and nothing in it is
/// marked.
pub struct Mailbox {
    settings: MailboxSettings,
    place: MailServer,
    secrets: Secrets,
    code_routers: CodeRouters,
    clock: Clock,
    told: RateLimit,
    /// Whether the server refused the secret the last time.
    refused: bool,
}

/// What of a mailbox was looked at.
struct Looked {
    /// The first UID that was not.
    next: u32,
    /// What is found next was not there then.
    at: Micros,
    /// Since when a code was wanted then.
    wanted: Option<Micros>,
}

impl MailboxSettings {
    pub const FOLDER: &str = "INBOX";
    pub const RENEW_EVERY: Duration = Duration::from_mins(28);
    pub const LOOK_EVERY: Duration = Duration::from_secs(5);

    /// What is wrong with these. Opens nothing.
    pub fn check(address: &str, user: &str, folder: &str) -> Vec<BadMailbox> {
        let mut faults: Vec<BadMailbox> = check(address).err().into_iter().collect();
        if folder.is_empty() || !is_quotable(folder) {
            faults.push(BadMailbox::BadFolder);
        }
        if user.is_empty() || user.chars().any(char::is_control) {
            faults.push(BadMailbox::BadUser);
        }
        faults
    }
}

impl Mailbox {
    pub fn new(
        settings: MailboxSettings,
        secrets: Secrets,
        code_routers: CodeRouters,
        clock: Clock,
    ) -> Result<Self, BadMailbox> {
        let (user, folder) = (&settings.user, &settings.folder);
        let faults = MailboxSettings::check(&settings.address, user, folder);
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault);
        }
        let place = MailServer::new(&settings.address, settings.authority.as_deref())?;
        Ok(Self {
            settings,
            place,
            secrets,
            code_routers,
            clock,
            told: RateLimit::new(Duration::from_mins(1)),
            refused: false,
        })
    }

    /// Whether it can be opened, now.
    pub async fn check(&mut self) -> Result<(), MailError> {
        self.open().await?.close().await;
        Ok(())
    }

    /// Until it is dropped; whatever goes wrong is tried again.
    pub async fn run(mut self) {
        let seed = spread_of(&self.settings.user);
        let mut failures = 0;
        loop {
            let mut was_open = false;
            let error = match self.open().await {
                Ok(session) => {
                    was_open = true;
                    self.is_open(true);
                    let error = self.follow(session).await;
                    self.is_open(false);
                    error
                }
                Err(error) => error,
            };
            failures = if was_open { 1 } else { failures + 1 };
            self.report(&error);
            let pause = self.settings.back_off.after(failures, seed);
            self.pause(pauses(pause, &error)).await;
        }
    }

    async fn open(&mut self) -> Result<ImapSession, MailError> {
        let (reference, way) = match &self.settings.login {
            MailLogin::Password(reference) => (reference, Way::Password),
            MailLogin::Token(reference) => (reference, Way::Token),
        };
        // What was refused may be another by now.
        let found = if std::mem::take(&mut self.refused) {
            self.secrets.again(reference).await
        } else {
            self.secrets.get(reference).await
        };
        let found = found.map_err(MailError::NoSecret)?;
        let opened = self.log_in(&found.secret, way).await;
        self.refused = matches!(opened, Err(MailError::Refused));
        opened
    }

    async fn log_in(&self, secret: &Secret, way: Way) -> Result<ImapSession, MailError> {
        let stream = self.place.connect().await?;
        let (user, folder) = (&self.settings.user, &self.settings.folder);
        ImapSession::open(stream, user, secret, way, folder).await
    }

    /// Until the connection ends.
    async fn follow(&self, mut session: ImapSession) -> MailError {
        let mut looked = None;
        loop {
            let step = async {
                self.look(&mut session, &mut looked).await?;
                let wanted = looked.as_ref().and_then(|looked| looked.wanted);
                self.wait(&mut session, wanted).await
            };
            if let Err(error) = step.await {
                return error;
            }
        }
    }

    /// Takes what is new, but no more than the newest.
    async fn look(
        &self,
        session: &mut ImapSession,
        looked: &mut Option<Looked>,
    ) -> Result<(), MailError> {
        let (now, wanted) = ((self.clock)(), self.code_routers.newest());
        let (first, not_before) = match looked {
            Some(looked) => (looked.next, Some(looked.at)),
            None => (0, None),
        };
        let mut heads = match looked {
            Some(looked) => session.since(looked.next).await?,
            None => session.newest(NEWEST).await?,
        };
        heads.retain(|head| head.uid >= first);
        let next = heads
            .last()
            .map_or(first, |head| head.uid.saturating_add(1));
        *looked = Some(Looked {
            next: next.max(1),
            at: now,
            wanted,
        });
        let oldest = earlier(now, OLDEST).0.div_euclid(1_000_000);
        let newest = heads.len().saturating_sub(NEWEST as usize);
        for head in heads.iter().skip(newest) {
            if head.second >= oldest {
                self.take(session, *head, not_before).await?;
            }
        }
        Ok(())
    }

    async fn take(
        &self,
        session: &mut ImapSession,
        head: Head,
        not_before: Option<Micros>,
    ) -> Result<(), MailError> {
        let Some(body) = session.body(head.uid).await? else {
            return Ok(());
        };
        let MailboxSettings {
            address,
            user,
            trust,
            ..
        } = &self.settings;
        let arrival = Arrival {
            id: format!("{user} {address} {} {}", session.validity, head.uid),
            bytes: &body,
            second: head.second,
            not_before,
            now: (self.clock)(),
        };
        arrival.hand_over(trust, &self.code_routers);
        Ok(())
    }

    /// For news, for somebody who wants a code, or for the time to look again.
    async fn wait(
        &self,
        session: &mut ImapSession,
        looked_for: Option<Micros>,
    ) -> Result<(), MailError> {
        let wanted = self.code_routers.newest();
        if wanted.is_some() && wanted != looked_for {
            return Ok(());
        }
        let is_wanted = wanted.is_some();
        let longest = match (is_wanted, session.can_idle) {
            (true, _) => self.settings.look_every,
            (false, true) => self.settings.renew_every,
            (false, false) => EVERY,
        };
        let enough = async {
            tokio::select! {
                () = sleep(longest) => {}
                _since = self.code_routers.wanted(), if !is_wanted => {}
            }
        };
        if session.can_idle {
            return session.idle(enough).await;
        }
        enough.await;
        Ok(())
    }

    /// Sooner while a code is wanted.
    async fn pause(&self, (least, longest): (Duration, Duration)) {
        let ends = Instant::now() + longest;
        sleep(least).await;
        tokio::select! {
            () = sleep_until(ends) => {}
            _since = self.code_routers.wanted() => {}
        }
    }

    fn is_open(&self, is_open: bool) {
        let gauge = metrics::gauge!(names::MAILBOX_OPEN, "mailbox" => self.settings.user.clone());
        gauge.set(f64::from(u8::from(is_open)));
    }

    fn report(&self, error: &MailError) {
        let mailbox = &self.settings.user;
        metrics::counter!(names::MAILBOX_FAILURES, "mailbox" => mailbox.clone()).increment(1);
        if let Some(more) = self.told.turn() {
            let address = &self.settings.address;
            tracing::warn!(%mailbox, %address, %error, more, "the mailbox for codes is not open; it is tried again");
        }
    }
}

/// How long at least, and how long while nobody wants a code. What was refused is not tried sooner
/// for that, since tries lock mailboxes, too.
fn pauses(pause: Duration, error: &MailError) -> (Duration, Duration) {
    if matches!(error, MailError::Refused | MailError::NoWay) {
        let pause = pause.max(REFUSED_PAUSE);
        return (pause, pause);
    }
    (pause.min(SHORTEST), pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_that_refuses_is_not_asked_all_the_time() {
        let seconds = Duration::from_secs;
        let of = |pause, error| pauses(seconds(pause), &error);
        assert_eq!(of(2, MailError::Lost), (seconds(2), seconds(2)));
        assert_eq!(of(300, MailError::Lost), (seconds(5), seconds(300)));
        assert_eq!(of(2, MailError::Refused), (seconds(60), seconds(60)));
        assert_eq!(of(300, MailError::Refused), (seconds(300), seconds(300)));
    }
}
