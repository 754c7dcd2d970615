//! The names of all metrics of this crate. None ever has a code.

/// Counter {channel, outcome}: messages that came, and what became of them.
pub const MESSAGES: &str = "tapeline_auth_messages_total";
/// Counter {outcome}: requests to the webhook that brought no message.
pub const WEBHOOK_REFUSED: &str = "tapeline_auth_webhook_refused_total";
/// Counter {outcome}: questions for messages that the webhook did not bring.
pub const SMS_QUESTIONS: &str = "tapeline_auth_sms_questions_total";
/// Gauge {mailbox}: 1 while its new messages are followed.
pub const MAILBOX_OPEN: &str = "tapeline_auth_mailbox_open";
/// Counter {mailbox}: connections to a mailbox that failed.
pub const MAILBOX_FAILURES: &str = "tapeline_auth_mailbox_failures_total";
