//! The names of all metrics of this crate. None ever has a code.

/// Counter {account, venue, kind, category}: steps of logins, as `auth.events` has them.
pub const LOGIN_STEPS: &str = "tapeline_login_steps_total";
/// Histogram {account, venue}: how long venues take to answer, in seconds.
pub const LOGIN_ANSWER: &str = "tapeline_login_answer_seconds";
/// Gauge {account, venue}: 1 while there is a session.
pub const LOGIN_SESSION: &str = "tapeline_login_session";
/// Gauge {account, venue}: when the session ends, in seconds since 1970.
pub const LOGIN_UNTIL: &str = "tapeline_login_session_until_seconds";
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
