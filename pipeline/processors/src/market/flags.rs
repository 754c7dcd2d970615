//! Prices that are not believed: crossed and locked quotes, and jumps.

use serde::{Deserialize, Serialize};
use tapeline_model::ids::{Symbol, output_id};
use tapeline_model::money::Price;
use tapeline_model::reasons::Reason;
use tapeline_model::records::{Alert, Quote, Severity};
use tapeline_model::{Event, Micros, Origin};
use tapeline_schemas::codec::Record;

use super::{MarketSettings, NAME};
use crate::contract::Out;
use crate::store::Store;

/// When alerts were written about a symbol's bad prices. Most symbols have none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Flags {
    crossed: Option<Micros>,
    locked: Option<Micros>,
    jumped: Option<Micros>,
    quote_jump: Option<Jump>,
    trade_jump: Option<Jump>,
}

impl Record for Flags {
    const RECORD: &'static str = "state_flags";
}

/// The first of the prices that were too far away, and stay there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Jump {
    price: Price,
    since: Micros,
}

/// A record, as far as an alert needs it.
#[derive(Clone, Copy)]
pub(super) struct PriceRecord<'a> {
    pub symbol: &'a str,
    pub event_time: Micros,
    pub origin: Origin,
    pub now: Micros,
}

impl<'a> PriceRecord<'a> {
    pub fn quote(quote: &'a Quote<'_>, origin: Origin, now: Micros) -> Self {
        Self {
            symbol: quote.symbol.as_ref(),
            event_time: quote.event_time,
            origin,
            now,
        }
    }
}

/// Whose price it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PriceSource {
    Quote,
    Trade,
}

/// The price that the next one is compared with.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastPrice {
    pub price: Price,
    pub time: Micros,
}

pub(super) struct PriceFlags {
    again: i64,
    confirm: i64,
    flags: Store<Symbol, Flags>,
}

impl PriceFlags {
    pub fn new(settings: &MarketSettings) -> Self {
        Self {
            again: settings.flag_again_ms.saturating_mul(1_000),
            confirm: settings.jump_confirm_ms.saturating_mul(1_000),
            flags: Store::new("flags"),
        }
    }

    pub fn store(&mut self) -> &mut Store<Symbol, Flags> {
        &mut self.flags
    }

    pub fn crossed(&mut self, quote: &Quote<'_>, cause: PriceRecord<'_>, out: &mut Out) {
        let message = format!(
            "{} is quoted crossed, bid {} above ask {}: the quote is not used",
            cause.symbol, quote.bid_price, quote.ask_price
        );
        self.emit_unless_recent(
            Reason::CrossedQuote,
            |f| &mut f.crossed,
            message,
            cause,
            out,
        );
    }

    pub fn locked(&mut self, quote: &Quote<'_>, cause: PriceRecord<'_>, out: &mut Out) {
        let message = format!(
            "{} is quoted locked, bid and ask are both {}: the price is used",
            cause.symbol, quote.bid_price
        );
        self.emit_unless_recent(Reason::LockedQuote, |f| &mut f.locked, message, cause, out);
    }

    /// A price that jumped. Whether it has stood long enough to be believed.
    pub fn jumped(
        &mut self,
        price_source: PriceSource,
        price: Price,
        last: LastPrice,
        percent: u32,
        cause: PriceRecord<'_>,
        out: &mut Out,
    ) -> bool {
        let known = self
            .flags
            .get(cause.symbol)
            .and_then(|flags| match price_source {
                PriceSource::Quote => flags.quote_jump,
                PriceSource::Trade => flags.trade_jump,
            });
        // A good price in between begins the wait anew.
        let standing =
            known.filter(|jump| jump.since >= last.time && !is_jump(jump.price, price, percent));
        let since = standing.map_or(cause.event_time, |jump| jump.since);
        let believed = standing.is_some() && cause.event_time.since(since) >= self.confirm;
        let what = match price_source {
            PriceSource::Quote => "quoted at",
            PriceSource::Trade => "traded at",
        };
        let symbol = cause.symbol;
        if believed {
            self.put_jump(price_source, symbol, None);
            let message = format!(
                "{symbol} is {what} {price} after {}, and has been for a while: the price is used",
                last.price
            );
            out.emit(alert(Reason::PriceJump, Severity::Info, message, cause));
        } else {
            if standing.is_none() {
                self.put_jump(price_source, symbol, Some(Jump { price, since }));
            }
            let message = format!(
                "{symbol} is {what} {price} after {}, a jump beyond {percent} percent: \
                 the price is not used unless it stays there",
                last.price
            );
            self.emit_unless_recent(Reason::PriceJump, |f| &mut f.jumped, message, cause, out);
        }
        believed
    }

    fn put_jump(&mut self, price_source: PriceSource, symbol: &str, jump: Option<Jump>) {
        let mut flags = self.flags.get(symbol).cloned().unwrap_or_default();
        match price_source {
            PriceSource::Quote => flags.quote_jump = jump,
            PriceSource::Trade => flags.trade_jump = jump,
        }
        self.flags.put(Symbol::new(symbol), flags);
    }

    fn emit_unless_recent(
        &mut self,
        reason: Reason,
        told: fn(&mut Flags) -> &mut Option<Micros>,
        message: String,
        cause: PriceRecord<'_>,
        out: &mut Out,
    ) {
        let mut flags = self.flags.get(cause.symbol).cloned().unwrap_or_default();
        let last = told(&mut flags);
        if last.is_some_and(|last| cause.now.since(last) < self.again) {
            return;
        }
        *last = Some(cause.now);
        self.flags.put(Symbol::new(cause.symbol), flags);
        let severity = match reason {
            Reason::LockedQuote => Severity::Info,
            _ => Severity::Warning,
        };
        out.emit(alert(reason, severity, message, cause));
    }
}

/// Only a price above zero can be compared in percent; after one, nothing at or
/// below zero is near.
pub(super) fn is_jump(last: Price, price: Price, percent: u32) -> bool {
    let (last, price) = (i128::from(last.raw()), i128::from(price.raw()));
    let percent = i128::from(percent);
    last > 0 && (price * 100 > last * percent || price * percent < last * 100)
}

fn alert(
    reason: Reason,
    severity: Severity,
    message: String,
    cause: PriceRecord<'_>,
) -> Event<'static> {
    let rule = reason.code().to_ascii_lowercase();
    let Origin {
        topic,
        partition,
        offset,
    } = cause.origin;
    Event::Alert(Alert {
        alert_id: output_id(topic.name(), partition, offset, &format!("alert/{rule}"), 0),
        key: format!("{}/{rule}", cause.symbol),
        subject: cause.symbol.to_owned(),
        severity,
        message,
        value: None,
        limit: None,
        procedure: rule.replace('_', "-"),
        rule,
        cause_topic: topic.name().to_owned(),
        cause_partition: partition as i32,
        cause_offset: offset as i64,
        event_time: cause.event_time,
        ingest_time: cause.now,
        source: NAME.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        crate::golden::assert_golden(&Flags {
            crossed: Some(Micros(1_795_252_062_123_456)),
            locked: None,
            jumped: Some(Micros(1_795_252_063_000_000)),
            quote_jump: Some(Jump {
                price: "189.12".parse().unwrap(),
                since: Micros(1_795_252_061_000_000),
            }),
            trade_jump: None,
        });
    }

    #[test]
    fn a_jump_is_as_far_up_as_down() {
        let price = |text: &str| text.parse::<Price>().unwrap();
        let jumps = |last, next| is_jump(price(last), price(next), 300);
        assert!(!jumps("10", "30"));
        assert!(jumps("10", "30.00000001"));
        assert!(!jumps("30", "10"));
        assert!(jumps("30", "9.99999999"));
        assert!(jumps("10", "0"));
        assert!(jumps("10", "-10"));
        assert!(!jumps("0", "10"), "nothing is a multiple of zero");
        assert!(!jumps("-10", "1000"));
        assert!(jumps("0.00000001", "9999999999"));
    }
}
