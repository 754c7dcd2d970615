//! What a signed request says.

use serde_json::{Map, Value};

use crate::mfa::twilio::form;

/// Longer names are none of Twilio's.
const LONGEST_NAME: usize = 128;

/// A text message as the webhook brings it.
pub(super) struct Incoming {
    pub sid: String,
    pub from: String,
    pub to: String,
    pub text: String,
}

impl Incoming {
    /// From a form or a JSON object. None where it is neither, or lacks what a message has.
    pub fn read(content_type: &str, body: &[u8]) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let fields = form(body);
            Self::of(|name| {
                let value = fields.iter().find(|(known, _)| known == name.as_bytes());
                String::from_utf8(value?.1.clone()).ok()
            })
        } else if essence.eq_ignore_ascii_case("application/json") {
            let fields: Map<String, Value> = serde_json::from_slice(body).ok()?;
            Self::of(|name| fields.get(name)?.as_str().map(str::to_owned))
        } else {
            None
        }
    }

    fn of(field: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let short = |text: &String| (1..=LONGEST_NAME).contains(&text.len());
        Some(Self {
            sid: field("MessageSid").filter(short)?,
            from: field("From").filter(short)?,
            to: field("To").filter(short)?,
            text: field("Body").unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";

    #[test]
    fn a_form_and_a_json_object_say_the_same() {
        let form = b"MessageSid=SM1&From=%2B100&To=%2B200&Body=code+123456%0A";
        let json = br#"{"MessageSid":"SM1","From":"+100","To":"+200","Body":"code 123456\n"}"#;
        for (content_type, body) in [(FORM, &form[..]), ("application/json", &json[..])] {
            let read = Incoming::read(content_type, body).unwrap();
            let all = [&*read.sid, &*read.from, &*read.to, &*read.text];
            assert_eq!(all, ["SM1", "+100", "+200", "code 123456\n"]);
        }
    }

    #[test]
    fn what_is_no_message_is_none() {
        let long = format!("MessageSid={}&From=1&To=2", "S".repeat(200));
        let bodies = [
            (FORM, "From=%2B100&To=%2B200&Body=x"),
            (FORM, "MessageSid=&From=1&To=2"),
            (FORM, "MessageSid=S&From=%ff&To=2"),
            (FORM, &long),
            ("application/json", "[]"),
            ("application/json", "{\"MessageSid\":1}"),
            ("application/json", "{"),
            ("text/plain", "MessageSid=S&From=1&To=2"),
            ("", ""),
        ];
        for (content_type, body) in bodies {
            assert!(
                Incoming::read(content_type, body.as_bytes()).is_none(),
                "{body}"
            );
        }
    }
}
