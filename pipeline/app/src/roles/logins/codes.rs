//! Where the codes that venues send come in, for all logins of this process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tapeline_auth::Environment;
use tapeline_auth::mfa::mail::Mailbox;
use tapeline_auth::mfa::sms::{Numbers, Poll, Webhook, serve};
use tapeline_auth::mfa::{CodeRouter, CodeRouters, Messages};
use tapeline_secrets::Secrets;
use tapeline_venue::Stop;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::super::{Part, Start};
use crate::config::{Auth, LoginAccount};
use crate::failure::Failure;

/// Another process of this machine may listen there, until it ends.
const BIND_EVERY: Duration = Duration::from_secs(2);

/// The codes of one account, where they are answered without a person.
#[derive(Debug, Clone, Default)]
pub(super) struct Codes {
    pub sms: Option<Messages>,
    pub mail: Option<Messages>,
}

/// Numbers and mailboxes, and the accounts behind each.
#[derive(Default)]
pub(super) struct CodeSources {
    numbers: Numbers,
    mailboxes: BTreeMap<String, CodeRouters>,
}

impl CodeSources {
    /// Opens them for an account.
    pub fn admit(&mut self, login: &LoginAccount) -> Codes {
        let sms = login.sms.as_ref().map(|sms| {
            let code_router = CodeRouter::default();
            let number = self.numbers.entry(sms.number.clone()).or_default();
            number.add(code_router.clone());
            Messages {
                code_router,
                senders: sms.senders(),
                expected: login.expected(&sms.host),
            }
        });
        let mail = login.mail.as_ref().map(|mail| {
            let code_router = CodeRouter::default();
            let mailbox = self.mailboxes.entry(mail.mailbox.clone()).or_default();
            mailbox.add(code_router.clone());
            Messages {
                code_router,
                senders: mail.senders(),
                expected: login.expected(&mail.host),
            }
        });
        Codes { sms, mail }
    }

    /// None where nobody waits for codes.
    pub fn start(self, with: &Start<'_>, secrets: &Secrets) -> Result<Option<Part>, Failure> {
        if self.numbers.is_empty() && self.mailboxes.is_empty() {
            return Ok(None);
        }
        let open_sources = self.open_sources(&with.config.auth, secrets)?;
        let (stop_sender, stop) = Stop::pair();
        let runtime = with.runtime.clone();
        let part = Part::spawn("codes", Some(stop_sender), move |_| {
            runtime.block_on(open_sources.keep_open(stop))
        });
        part.map(Some)
    }

    fn open_sources(self, auth: &Auth, secrets: &Secrets) -> Result<OpenSources, Failure> {
        let environment = Environment::system().map_err(Failure::external)?;
        let mut open_sources = OpenSources::default();
        let wrong = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
        for (number, code_routers) in &self.numbers {
            let settings = auth.twilio.poll_settings(number)?;
            let poll = Poll::new(
                settings,
                secrets.clone(),
                code_routers.clone(),
                &environment,
            );
            open_sources
                .polls
                .push(poll.map_err(|error| wrong(&error))?);
        }
        for mailbox in &auth.mailboxes {
            let Some(code_routers) = self.mailboxes.get(&mailbox.name) else {
                continue;
            };
            let clock = environment.clock.clone();
            let opened = Mailbox::new(
                mailbox.settings()?,
                secrets.clone(),
                code_routers.clone(),
                clock,
            );
            open_sources.mailboxes.push(opened.map_err(|error| {
                Failure::Usage(format!("the mailbox {}: {error}", mailbox.name))
            })?);
        }
        let twilio = &auth.twilio;
        if !self.numbers.is_empty() && !twilio.public_url.is_empty() {
            let listen = twilio.listen.parse().map_err(|error| wrong(&error))?;
            let (url, token) = (&twilio.public_url, twilio.token.parse()?);
            let clock = environment.clock.clone();
            let webhook = Webhook::new(url, secrets.clone(), token, self.numbers, clock);
            open_sources.webhook = Some((listen, webhook));
        }
        Ok(open_sources)
    }
}

#[derive(Default)]
struct OpenSources {
    polls: Vec<Poll>,
    mailboxes: Vec<Mailbox>,
    webhook: Option<(SocketAddr, Webhook)>,
}

impl OpenSources {
    async fn keep_open(self, mut stop: Stop) -> Result<(), Failure> {
        let mut tasks = JoinSet::new();
        for poll in self.polls {
            tasks.spawn(poll.run());
        }
        for mailbox in self.mailboxes {
            tasks.spawn(mailbox.run());
        }
        if let Some((listen, webhook)) = self.webhook {
            tasks.spawn(listen_on(listen, webhook, stop.clone()));
        }
        let ended = tokio::select! {
            () = stop.wanted() => return Ok(()),
            ended = tasks.join_next() => ended,
        };
        // What the webhook has begun may end by itself; all else never does.
        if let Some(Err(panic)) = ended {
            return Err(Failure::external(panic));
        }
        stop.wanted().await;
        Ok(())
    }
}

/// As soon as nobody else does, and until told to stop.
async fn listen_on(address: SocketAddr, webhook: Webhook, mut stop: Stop) {
    let mut is_told = false;
    let listener = loop {
        match TcpListener::bind(address).await {
            Ok(listener) => break listener,
            Err(error) if !is_told => {
                is_told = true;
                tracing::warn!(%address, %error, "the webhook for text messages cannot listen; it is tried again, and Twilio is asked meanwhile");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = stop.wanted() => return,
            () = tokio::time::sleep(BIND_EVERY) => {}
        }
    };
    tracing::info!(%address, "the webhook for text messages listens");
    serve(
        listener,
        webhook.router(),
        async move { stop.wanted().await },
    )
    .await;
}
