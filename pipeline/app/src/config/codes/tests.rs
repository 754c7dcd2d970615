use super::super::load::parse_text;
use super::*;

const SID: &str = "AC00000000000000000000000000000001";

fn text(auth: &str, logins: &[&str]) -> String {
    let mut text = format!("[auth]\nsession_key = 'secret://env/KEY'\n{auth}\n");
    for (at, login) in logins.iter().enumerate() {
        let account = format!(
            "[[accounts]]\nid = 'a{at}'\n[[logins]]\naccount = 'a{at}'\nvenue = 'v'\nway = 'device'\n\
             address = 'https://api.broker.example'\nname = 'secret://env/N'\npassword = 'secret://env/P'\n{login}\n"
        );
        text.push_str(&account);
    }
    text
}

fn faults(auth: &str, logins: &[&str]) -> Vec<String> {
    match parse_text(&text(auth, logins)) {
        Ok(_) => Vec::new(),
        Err(error) => error.faults.iter().map(ToString::to_string).collect(),
    }
}

fn twilio(more: &str) -> String {
    format!("[auth.twilio]\naccount_sid = '{SID}'\ntoken = 'secret://env/TOKEN'\n{more}")
}

const MAILBOX: &str = "[[auth.mailboxes]]\nname = 'codes'\naddress = 'imaps://imap.mine.example'\nuser = 'codes@mine.example'\n";
const SMS: &str = "sms = { number = '+15550100', senders = ['+15550199'] }";
const MAIL: &str = "mail = { mailbox = 'codes', senders = ['No-Reply@Broker.example'] }";

#[test]
fn codes_of_both_kinds_with_what_is_usual() {
    let auth = twilio("") + "\n" + MAILBOX + "password = 'secret://env/MAIL'";
    let both = format!("{SMS}\n{MAIL}");
    let config = parse_text(&text(&auth, &[&both])).unwrap();
    let login = &config.logins[0];
    assert_eq!(
        login.mail.as_ref().unwrap().senders(),
        ["no-reply@broker.example"]
    );
    assert_eq!(login.expected("").host, "api.broker.example");
    assert_eq!(login.expected("broker.example").host, "broker.example");
    let poll = config.auth.twilio.poll_settings("+15550100").unwrap();
    assert_eq!(poll.key, None);
    assert_eq!(poll.secret.to_string(), "secret://env/TOKEN");
    assert_eq!(
        poll.head_start, poll.every,
        "there is no webhook to wait for"
    );
    let settings = config.auth.mailboxes[0].settings().unwrap();
    assert_eq!(
        (settings.folder.as_str(), settings.trust),
        ("INBOX", Trust::default())
    );
    let keys: Vec<String> = config
        .references()
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    for key in ["auth.twilio.token", "auth.mailboxes[0].password"] {
        assert!(keys.iter().any(|known| known == key), "{keys:?}");
    }
}

#[test]
fn a_key_of_twilio_has_its_own_secret() {
    let key = "SK00000000000000000000000000000001";
    let auth = twilio(&format!(
        "key = '{key}'\nkey_secret = 'secret://env/KEY_SECRET'\npublic_url = 'https://mine.example/sms'"
    ));
    let config = parse_text(&text(&auth, &[])).unwrap();
    let poll = config.auth.twilio.poll_settings("+15550100").unwrap();
    assert_eq!(poll.key.as_deref(), Some(key));
    assert_eq!(poll.secret.to_string(), "secret://env/KEY_SECRET");
    assert_eq!(poll.head_start, PollSettings::HEAD_START);
    let missing = faults(&twilio(&format!("key = '{key}'")), &[]);
    assert!(
        missing[0].starts_with("auth.twilio.key_secret: "),
        "{missing:?}"
    );
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let wrong = twilio(
        "listen = 'here'\npublic_url = 'http://mine.example'\npoll_every = '1ms'\nkey = 'x'",
    )
    .replace(SID, "AC1")
    .replace("secret://env/TOKEN", "planted-token")
        + "\n"
        + &MAILBOX.replace("imaps", "imap")
        + "signed_only = true\n"
        + MAILBOX
        + "password = 'planted'\ntoken = 'secret://env/T'\n";
    let first = "sms = { number = '555 0100', senders = [''] }\nmail = { mailbox = 'other', senders = ['Broker'] }";
    let found = faults(
        &wrong,
        &[first, "sms = { number = '+15550100', senders = [] }"],
    );
    for key in [
        "auth.twilio.account_sid",
        "auth.twilio.token",
        "auth.twilio.key",
        "auth.twilio.key_secret",
        "auth.twilio.listen",
        "auth.twilio.public_url",
        "auth.twilio.poll_every",
        "auth.mailboxes[0].address",
        "auth.mailboxes[0].password",
        "auth.mailboxes[0].server",
        "auth.mailboxes[1].name",
        "auth.mailboxes[1].password",
        "logins[0].sms.number",
        "logins[0].sms.senders",
        "logins[0].mail.mailbox",
        "logins[0].mail.senders",
        "logins[1].sms.senders",
    ] {
        let start = format!("{key}: ");
        assert!(
            found.iter().any(|fault| fault.starts_with(&start)),
            "{key} is not in {found:#?}"
        );
    }
    assert!(!found.concat().contains("planted"));
    let alone = faults("", &[SMS]);
    assert!(alone[0].contains("[auth.twilio]"), "{alone:?}");
    let useless = faults(&twilio(""), &[&format!("{SMS}\n").replace("sms", "sms")]);
    assert_eq!(useless, [""; 0]);
}

#[test]
fn codes_that_could_be_of_two_accounts_are_refused() {
    let other_sender = SMS.replace("199", "198");
    let auth = twilio("");
    assert_eq!(faults(&auth, &[SMS, &other_sender]), [""; 0]);
    let found = faults(&auth, &[SMS, SMS]);
    assert!(
        found[0].starts_with("logins[1].sms.senders: `a0`"),
        "{found:?}"
    );
    let auth = MAILBOX.to_owned() + "password = 'secret://env/MAIL'";
    let found = faults(&auth, &[MAIL, &MAIL.to_lowercase()]);
    assert!(
        found[0].starts_with("logins[1].mail.senders: `a0`"),
        "{found:?}"
    );
}

#[test]
fn a_way_without_codes_takes_none() {
    let key = text(&twilio(""), &[SMS]).replace("'device'", "'key'");
    let faults = parse_text(&key).unwrap_err().faults;
    assert!(
        faults.iter().any(|fault| fault.key == "logins[0].sms"),
        "{faults:?}"
    );
}
