//! Whether codes that are sent would come in.

use tapeline_auth::Environment;
use tapeline_auth::mfa::CodeRouters;
use tapeline_auth::mfa::mail::Mailbox;
use tapeline_auth::mfa::sms::self_test;
use tapeline_secrets::Secrets;

use super::{Checked, Desk, Found, timed};
use crate::config::MailboxAccount;
use crate::failure::Failure;

pub(super) async fn ways(desk: &Desk<'_>) -> Vec<Checked> {
    let config = desk.config;
    let mut checked = Vec::new();
    let has_sms = config.logins.iter().any(|login| login.sms.is_some());
    if has_sms && !config.auth.twilio.public_url.is_empty() {
        checked.push(timed("webhook of text messages", false, told(webhook(desk))).await);
    }
    for mailbox in &config.auth.mailboxes {
        let name = format!("mailbox {}", mailbox.name);
        checked.push(timed(name, false, told(opened(desk, mailbox))).await);
    }
    checked
}

async fn told(check: impl Future<Output = Result<&'static str, Failure>>) -> Found {
    match check.await {
        Ok(found) => Found::pass(found),
        Err(failure) => Found::fail(failure.to_string(), "codes would not come in"),
    }
}

async fn webhook(desk: &Desk<'_>) -> Result<&'static str, Failure> {
    let twilio = &desk.config.auth.twilio;
    let token = secrets(desk)?.get(&twilio.token.parse()?).await;
    let token = token.map_err(Failure::external)?.secret;
    let environment = Environment::system().map_err(Failure::external)?;
    let sent = self_test(&twilio.public_url, &token, &environment).await;
    sent.map_err(Failure::external)?;
    Ok("a message that was sent to it arrived")
}

async fn opened(desk: &Desk<'_>, mailbox: &MailboxAccount) -> Result<&'static str, Failure> {
    let environment = Environment::system().map_err(Failure::external)?;
    let settings = mailbox.settings()?;
    let made = Mailbox::new(
        settings,
        secrets(desk)?,
        CodeRouters::default(),
        environment.clock,
    );
    let mut mailbox = made.map_err(Failure::external)?;
    mailbox.check().await.map_err(Failure::external)?;
    Ok("it opens")
}

fn secrets(desk: &Desk<'_>) -> Result<Secrets, Failure> {
    let secrets = desk.secrets.as_ref();
    secrets.cloned().map_err(Failure::external)
}
