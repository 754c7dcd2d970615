//! A mail as its bytes, and what is taken from it.

use mail_parser::{Address, HeaderName, HeaderValue, Message, MessageParser, PartType};

use super::authentic::{Verdict, verdict};
use super::html::text_of;

/// What is believed of a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// The name with which the own mail server signs its findings (`Authentication-Results`);
    /// without it none of them is believed, whatever it says.
    pub server: Option<String>,
    /// Whether a mail without a finding is refused.
    pub is_demanded: bool,
}

/// Who wrote it, in small letters, and what.
#[derive(PartialEq, Eq)]
pub(super) struct ParsedMail {
    pub sender: String,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    Unreadable,
    /// None, or several, and who wrote it is anybody's guess.
    NotOneSender,
    NotAuthentic,
}

impl Unfit {
    pub fn word(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NotOneSender => "not_one_sender",
            Self::NotAuthentic => "not_authentic",
        }
    }
}

/// The bytes may end early.
pub(super) fn read(bytes: &[u8], trust: &Trust) -> Result<ParsedMail, Unfit> {
    let parser = MessageParser::default();
    let message = parser.parse(bytes).ok_or(Unfit::Unreadable)?;
    let sender = sender(&message).ok_or(Unfit::NotOneSender)?;
    let domain = sender.rsplit('@').next().unwrap_or_default();
    let found = match &trust.server {
        Some(server) => {
            let headers = message.headers_raw();
            let results = headers
                .filter(|(name, _)| name.eq_ignore_ascii_case("Authentication-Results"))
                .map(|(_, value)| value);
            verdict(results, server, domain)
        }
        None => Verdict::Unsaid,
    };
    match found {
        Verdict::Refuted => return Err(Unfit::NotAuthentic),
        Verdict::Unsaid if trust.is_demanded => return Err(Unfit::NotAuthentic),
        Verdict::Unsaid | Verdict::Vouched => {}
    }
    let text = text(&message);
    Ok(ParsedMail { sender, text })
}

/// The one address of the one `From`.
fn sender(message: &Message<'_>) -> Option<String> {
    let mut all = message.header_values(HeaderName::From);
    let (one, another) = (all.next()?, all.next());
    let HeaderValue::Address(Address::List(list)) = one else {
        return None;
    };
    let [address] = list.as_slice() else {
        return None;
    };
    let address = address.address.as_deref()?.trim().to_ascii_lowercase();
    let (name, domain) = address.split_once('@')?;
    let is_plain = !name.is_empty() && !domain.is_empty() && !domain.contains('@');
    (another.is_none() && is_plain).then_some(address)
}

/// The plain text, or what the HTML says where there is none, or none with a number.
fn text(message: &Message<'_>) -> String {
    let mut plain = String::new();
    for part in message.text_bodies() {
        if let PartType::Text(text) = &part.body {
            plain.push_str(text);
            plain.push('\n');
        }
    }
    if plain.bytes().any(|byte| byte.is_ascii_digit()) {
        return plain;
    }
    let mut html = String::new();
    for part in message.html_bodies() {
        if let PartType::Html(text) = &part.body {
            html.push_str(&text_of(text));
            html.push('\n');
        }
    }
    if html.is_empty() { plain } else { html }
}

#[cfg(test)]
mod tests;
