//! Whether codes that are sent would come in.

use tapeline_auth::Environment;
use tapeline_auth::mfa::CodeRouters;
use tapeline_auth::mfa::mail::Mailbox;
use tapeline_auth::mfa::sms::self_test;
use tapeline_secrets::Secrets;

use super::{CheckContext, Checked, Finding, timed};
use crate::config::MailboxAccount;
use crate::failure::Failure;

pub(super) async fn ways(context: &CheckContext<'_>) -> Vec<Checked> {
    let config = context.config;
    let mut checked = Vec::new();
    let has_sms = config.logins.iter().any(|login| login.sms.is_some());
    if has_sms && !config.auth.twilio.public_url.is_empty() {
        checked.push(
            timed(
                "webhook of text messages",
                false,
                finding_of(webhook(context)),
            )
            .await,
        );
    }
    for mailbox in &config.auth.mailboxes {
        let name = format!("mailbox {}", mailbox.name);
        checked.push(timed(name, false, finding_of(opened(context, mailbox))).await);
    }
    checked
}

async fn finding_of(check: impl Future<Output = Result<&'static str, Failure>>) -> Finding {
    match check.await {
        Ok(found) => Finding::pass(found),
        Err(failure) => Finding::fail(failure.to_string(), "codes would not come in"),
    }
}

async fn webhook(context: &CheckContext<'_>) -> Result<&'static str, Failure> {
    let twilio = &context.config.auth.twilio;
    let token = secrets(context)?.get(&twilio.token.parse()?).await;
    let token = token.map_err(Failure::external)?.secret;
    let environment = Environment::system().map_err(Failure::external)?;
    let sent = self_test(&twilio.public_url, &token, &environment).await;
    sent.map_err(Failure::external)?;
    Ok("a message that was sent to it arrived")
}

async fn opened(
    context: &CheckContext<'_>,
    mailbox: &MailboxAccount,
) -> Result<&'static str, Failure> {
    let environment = Environment::system().map_err(Failure::external)?;
    let settings = mailbox.settings()?;
    let made = Mailbox::new(
        settings,
        secrets(context)?,
        CodeRouters::default(),
        environment.clock,
    );
    let mut mailbox = made.map_err(Failure::external)?;
    mailbox.check().await.map_err(Failure::external)?;
    Ok("it opens")
}

fn secrets(context: &CheckContext<'_>) -> Result<Secrets, Failure> {
    let secrets = context.secrets.as_ref();
    secrets.cloned().map_err(Failure::external)
}
