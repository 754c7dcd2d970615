//! Twilio's list of messages: what is asked, and what the answer says.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::Url;
use serde::Deserialize;
use tapeline_model::Micros;

const PAGE: &str = "20";
const SECOND: i64 = 1_000_000;

/// A message that the list has.
pub(super) struct Listed {
    pub sid: String,
    pub from: String,
    pub text: String,
    /// The second in which Twilio had it, by Twilio's clock.
    pub second: i64,
}

pub(super) struct Page {
    pub messages: Vec<Listed>,
    /// Where the older ones are.
    pub next: Option<Url>,
}

#[derive(Deserialize)]
struct MessageList {
    messages: Vec<Entry>,
    #[serde(default)]
    next_page_uri: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    sid: String,
    #[serde(default)]
    direction: Option<String>,
    from: Option<String>,
    body: Option<String>,
    date_sent: Option<String>,
    date_created: Option<String>,
}

/// The newest messages to a number, none older than that.
pub(super) fn question(base: &Url, account: &str, number: &str, since: Micros) -> Option<Url> {
    let second = Timestamp::from_second(since.0.div_euclid(SECOND)).ok()?;
    let mut url = base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend([
        "2010-04-01",
        "Accounts",
        account,
        "Messages.json",
    ]);
    url.query_pairs_mut()
        .clear()
        .append_pair("To", number)
        // The name of the field is `DateSent>`: not before.
        .append_pair("DateSent>", &second.to_string())
        .append_pair("PageSize", PAGE);
    Some(url)
}

/// None where it is of another shape. What is not incoming or has no time is left out.
pub(super) fn read(body: &[u8], asked: &Url) -> Option<Page> {
    let answer: MessageList = serde_json::from_slice(body).ok()?;
    let messages = answer.messages.into_iter().filter_map(listed).collect();
    let next = answer.next_page_uri.and_then(|uri| asked.join(&uri).ok());
    // The key goes along with each question, so all stay at one place.
    let next = next.filter(|next| next.origin() == asked.origin());
    Some(Page { messages, next })
}

fn listed(entry: Entry) -> Option<Listed> {
    if entry.direction.as_deref() != Some("inbound") {
        return None;
    }
    let parser = DateTimeParser::new();
    let time = |text: Option<String>| parser.parse_timestamp(text?.trim()).ok();
    let second = time(entry.date_sent).or_else(|| time(entry.date_created))?;
    Some(Listed {
        sid: entry.sid,
        from: entry.from?,
        text: entry.body.unwrap_or_default(),
        second: second.as_second(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Url {
        Url::parse("https://api.example").unwrap()
    }

    #[test]
    fn the_question_names_the_number_and_the_time() {
        let since = Micros(1_795_251_600_999_999);
        let url = question(&base(), "AC1", "+15550100", since).unwrap();
        let expected = "https://api.example/2010-04-01/Accounts/AC1/Messages.json?To=%2B15550100&DateSent%3E=2026-11-21T09%3A00%3A00Z&PageSize=20";
        assert_eq!(url.as_str(), expected);
    }

    #[test]
    fn incoming_messages_with_their_second() {
        let body = br#"{"messages":[
            {"sid":"SM1","direction":"inbound","from":"+100","to":"+200","body":"code 1234",
             "date_sent":"Sat, 21 Nov 2026 09:00:00 +0000","date_created":null,"price":null},
            {"sid":"SM2","direction":"inbound","from":"+100","body":null,
             "date_sent":null,"date_created":"Sat, 21 Nov 2026 10:00:05 +0100"},
            {"sid":"SM3","direction":"outbound-api","from":"+200","body":"x",
             "date_sent":"Sat, 21 Nov 2026 09:00:00 +0000"},
            {"sid":"SM4","direction":"inbound","from":"+100","body":"x","date_sent":"yesterday"}],
            "next_page_uri":"/2010-04-01/Accounts/AC1/Messages.json?Page=1","page":0}"#;
        let asked = question(&base(), "AC1", "+200", Micros(0)).unwrap();
        let page = read(body, &asked).unwrap();
        let found: Vec<_> = page
            .messages
            .iter()
            .map(|m| (&*m.sid, &*m.text, m.second))
            .collect();
        assert_eq!(
            found,
            [
                ("SM1", "code 1234", 1_795_251_600),
                ("SM2", "", 1_795_251_605)
            ]
        );
        let next = "https://api.example/2010-04-01/Accounts/AC1/Messages.json?Page=1";
        assert_eq!(page.next.unwrap().as_str(), next);
    }

    #[test]
    fn the_next_page_is_asked_at_the_same_place_and_nonsense_is_none() {
        let asked = question(&base(), "AC1", "+200", Micros(0)).unwrap();
        for elsewhere in [
            "https://evil.example/x",
            "//evil.example",
            "http://api.example/x",
        ] {
            let body = format!(r#"{{"messages":[],"next_page_uri":"{elsewhere}"}}"#);
            assert!(
                read(body.as_bytes(), &asked).unwrap().next.is_none(),
                "{elsewhere}"
            );
        }
        for body in ["", "[]", "{}", "<html>", r#"{"messages":[{"sid":1}]}"#] {
            assert!(read(body.as_bytes(), &asked).is_none(), "{body}");
        }
    }
}
