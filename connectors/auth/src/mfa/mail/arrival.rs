//! A mail that came, on its way to whoever waits for a code.

use tapeline_model::Micros;

use super::parsed_mail::{Trust, read};
use crate::mfa::code_router::CodeRouters;
use crate::mfa::inbox::Message;
use crate::mfa::message_metrics;

/// A mail as its bytes, which may end early, and when it came.
pub struct Arrival<'a> {
    /// The same for the same mail.
    pub id: String,
    pub bytes: &'a [u8],
    /// In which it came, by its server's clock.
    pub second: i64,
    /// The last look that did not find it.
    pub not_before: Option<Micros>,
    pub now: Micros,
}

impl Arrival<'_> {
    /// What counts of it.
    pub fn hand_over(self, trust: &Trust, code_routers: &CodeRouters) {
        let letter = match read(self.bytes, trust) {
            Ok(letter) => letter,
            Err(unfit) => {
                message_metrics::count("mail", unfit.word());
                return;
            }
        };
        let message = Message {
            received: received(self.second, self.not_before, self.now),
            id: self.id,
            sender: letter.sender,
            text: letter.text,
        };
        let is_wanted = code_routers.since().is_some();
        let taken = code_routers.take(&message);
        message_metrics::note("mail", &taken, &message.sender, is_wanted);
    }
}

/// By our clock: after the last look that did not find it, before now, and between these by the
/// server's clock, at the end of the second that it names, since in doubt it came after the
/// challenge.
fn received(second: i64, not_before: Option<Micros>, now: Micros) -> Micros {
    let end = second.saturating_mul(1_000_000).saturating_add(999_999);
    let least = not_before.map_or(i64::MIN, |at| at.0);
    Micros(end.max(least).min(now.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_came_between_the_looks_whatever_its_server_says() {
        let at = |second: i64| Micros(second * 1_000_000);
        let of = |second, not_before| received(second, not_before, at(100));
        assert_eq!(of(50, None), Micros(50_999_999));
        assert_eq!(of(50, Some(at(90))), at(90), "its clock is behind");
        assert_eq!(of(140, Some(at(90))), at(100), "its clock is ahead");
        assert_eq!(of(95, Some(at(90))), Micros(95_999_999));
    }
}
