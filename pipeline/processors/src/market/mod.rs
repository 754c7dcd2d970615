//! Marks from quotes and trades: the newest price of each symbol, one a commit;
//! bars and signals of the symbols that are to have any; and what a single quote
//! says that somebody should know at once.

mod bar_record;
mod flags;
mod settings;
mod spread;
mod studies;
mod symbol_mark;
mod tracked;

use tapeline_model::ids::Symbol;
use tapeline_model::money::{Price, Rounding};
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{MarkBasis, Quote, StateMark, Trade, TradeKind};
use tapeline_model::{Event, Micros, Origin};
use tapeline_schemas::topics::Topic;

use self::flags::{LastPrice, PriceFlags, PriceRecord, PriceSource, is_jump};
pub use self::settings::{BarSettings, BarsOf, MarketSettings};
use self::spread::Crossing;
use self::studies::Studies;
use self::symbol_mark::{Follow, SymbolMark};
use crate::contract::{CommitUrgency, Input, Out, Processor, StateError, StateStore};
use crate::store::Store;

pub const NAME: &str = "market";

pub struct Market {
    settings: MarketSettings,
    marks: Store<Symbol, SymbolMark>,
    price_flags: PriceFlags,
    studies: Studies,
}

impl Default for Market {
    fn default() -> Self {
        Self::new(MarketSettings::default())
    }
}

impl Processor for Market {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inputs(&self) -> &'static [Input] {
        const INPUTS: &[Input] = &[
            Input::keyed(Topic::MarketQuotes),
            Input::keyed(Topic::MarketTrades),
        ];
        INPUTS
    }

    fn outputs(&self) -> &'static [Topic] {
        &[
            Topic::MarketMarks,
            Topic::MarketBars,
            Topic::Signals,
            Topic::Alerts,
        ]
    }

    /// Portfolios are revalued with the marks.
    fn commit_urgency(&self) -> CommitUrgency {
        CommitUrgency::Prompt
    }

    fn process(
        &mut self,
        origin: Origin,
        event: &Event<'_>,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        match event {
            Event::Quote(quote) => {
                check_sizes(quote)?;
                self.check_time("quote", &quote.symbol, quote.event_time, now)?;
                self.quote(quote, origin, now, out);
                Ok(())
            }
            Event::Trade(trade) => {
                self.check_time("trade", &trade.symbol, trade.event_time, now)?;
                self.trade(trade, origin, now, out)
            }
            _ => Ok(()),
        }
    }

    fn wake_at(&self) -> Option<Micros> {
        self.studies.wake_at()
    }

    fn tick(&mut self, now: Micros, out: &mut Out) {
        self.studies.tick(now, out);
    }

    fn before_commit(&mut self, now: Micros, out: &mut Out) {
        self.studies.before_commit();
        for (symbol, known) in self.marks.changed() {
            out.emit(Event::Mark(known.record(symbol.as_str(), now)));
        }
    }

    fn stores(&mut self) -> Vec<&mut dyn StateStore> {
        let [series, prints, rules] = self.studies.stores();
        vec![
            &mut self.marks,
            self.price_flags.store(),
            series,
            prints,
            rules,
        ]
    }

    fn restored(&mut self) -> Result<(), StateError> {
        self.studies.restored();
        Ok(())
    }
}

impl Market {
    /// Settings with a fault are left out: see [`MarketSettings::faults`].
    pub fn new(settings: MarketSettings) -> Self {
        Self {
            marks: Store::new("marks"),
            price_flags: PriceFlags::new(&settings),
            studies: Studies::new(&settings),
            settings,
        }
    }

    fn check_time(
        &self,
        what: &str,
        symbol: &str,
        time: Micros,
        now: Micros,
    ) -> Result<(), Refusal> {
        let max = self.settings.max_ahead_ms;
        let is_ahead = max.is_some_and(|max| now.plus_millis(max) < time);
        if time.is_storable() && !is_ahead {
            return Ok(());
        }
        let message = if is_ahead {
            format!(
                "{what} of {symbol}: event time {time} is ahead of the clock, which says {now}; \
                 set the clock of whoever wrote it"
            )
        } else {
            format!(
                "{what} of {symbol}: event time {} lies outside 1970 to 2262; times are microseconds",
                time.0
            )
        };
        Err(Refusal::new(Reason::BadTime, message))
    }

    fn quote(&mut self, quote: &Quote<'_>, origin: Origin, now: Micros, out: &mut Out) {
        match (quote.bid_size.is_positive(), quote.ask_size.is_positive()) {
            (true, true) if quote.bid_price > quote.ask_price => {
                let cause = PriceRecord::quote(quote, origin, now);
                self.price_flags.crossed(quote, cause, out);
            }
            (true, true) => self.two_sided(quote, origin, now, out),
            (true, false) => {
                self.one_sided(quote, quote.bid_price, MarkBasis::Bid, (origin, now), out);
            }
            (false, true) => {
                self.one_sided(quote, quote.ask_price, MarkBasis::Ask, (origin, now), out);
            }
            (false, false) => {}
        }
    }

    fn two_sided(&mut self, quote: &Quote<'_>, origin: Origin, now: Micros, out: &mut Out) {
        let mid = Price::mid(quote.bid_price, quote.ask_price, Rounding::HalfEven);
        if self.settings.max_jump_percent.is_some()
            && !self.is_believed(
                PriceSource::Quote,
                mid,
                PriceRecord::quote(quote, origin, now),
                out,
            )
        {
            return;
        }
        if quote.bid_price == quote.ask_price {
            let cause = PriceRecord::quote(quote, origin, now);
            self.price_flags.locked(quote, cause, out);
        }
        let symbol = quote.symbol.as_ref();
        let first = || SymbolMark::new(symbol_mark::first(mid, MarkBasis::Mid, quote.event_time));
        let known = self.marks.change_or_put(symbol, first);
        if known.follow == Follow::Unasked {
            known.follow = self.studies.follow(symbol);
        }
        let follow = known.follow;
        let mark = &mut known.mark;
        mark.quotes = mark.quotes.saturating_add(1);
        // A late quote counts, but the newer price stands.
        let is_newest = quote.event_time >= mark.event_time;
        if is_newest {
            symbol_mark::both_sides(mark, quote, mid);
            judge(self.settings.wide_spread_bps, mark, quote, origin, now, out);
        }
        if let Follow::Plan(id) = follow {
            self.studies.quote(id, quote, is_newest, origin, now, out);
        }
    }

    fn one_sided(
        &mut self,
        quote: &Quote<'_>,
        price: Price,
        basis: MarkBasis,
        (origin, now): (Origin, Micros),
        out: &mut Out,
    ) {
        let symbol = quote.symbol.as_ref();
        let time = quote.event_time;
        let staleness = self.settings.quote_staleness_ms;
        let staleness = staleness.map(|millis| millis.saturating_mul(1_000));
        let known = self.marks.get(symbol);
        if known.is_some_and(|known| !symbol_mark::gives_way(&known.mark, time, staleness)) {
            return;
        }
        if !self.is_believed(
            PriceSource::Quote,
            price,
            PriceRecord::quote(quote, origin, now),
            out,
        ) {
            return;
        }
        let mark = &mut self.known(symbol, price, basis, time).mark;
        mark.quotes = mark.quotes.saturating_add(1);
        symbol_mark::alone(mark, price, basis, time);
    }

    fn trade(
        &mut self,
        trade: &Trade<'_>,
        origin: Origin,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        if trade.kind != TradeKind::Cancel && !trade.size.is_positive() {
            let message = format!(
                "trade {} of {}: its size {} is not above zero",
                trade.trade_id, trade.symbol, trade.size
            );
            return Err(Refusal::new(Reason::BadQuantity, message));
        }
        if trade.kind != TradeKind::Trade {
            return self.amend(trade, origin, now, out);
        }
        let cause = PriceRecord {
            symbol: trade.symbol.as_ref(),
            event_time: trade.event_time,
            origin,
            now,
        };
        if !self.is_believed(PriceSource::Trade, trade.price, cause, out) {
            return Ok(());
        }
        if let Follow::Plan(id) = self.follow(&trade.symbol) {
            self.studies.trade(id, trade, origin, now, out)?;
        }
        let (price, time) = (trade.price, trade.event_time);
        let known = self.marks.get(trade.symbol.as_ref());
        if known.is_none_or(|known| symbol_mark::is_newest(&known.mark, trade)) {
            let known = self.known(&trade.symbol, price, MarkBasis::Last, time);
            symbol_mark::traded(&mut known.mark, price, time);
        }
        Ok(())
    }

    /// A correction or a cancellation. Where prints are kept, the newest that is left
    /// is the last price then.
    fn amend(
        &mut self,
        trade: &Trade<'_>,
        origin: Origin,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let Some(print) = trade.ref_trade_id.as_deref() else {
            let message = format!(
                "trade {} of {}: a {} must say in ref_trade_id which trade it speaks of",
                trade.trade_id, trade.symbol, trade.kind
            );
            return Err(Refusal::new(Reason::UnknownTrade, message));
        };
        let Follow::Plan(id) = self.follow(&trade.symbol) else {
            return Ok(());
        };
        let replaces = trade.kind == TradeKind::Correction;
        let newest = self
            .studies
            .amend(id, (print, trade), replaces, (origin, now), out)?;
        let Some(newest) = newest else {
            return Ok(());
        };
        let last = Some((newest.price(), newest.time()));
        let known = self.marks.get(trade.symbol.as_ref());
        let is_other = |known: &SymbolMark| known.mark.last_price.zip(known.mark.last_time) != last;
        if known.is_some_and(is_other)
            && let Some(known) = self.marks.change(trade.symbol.as_ref())
        {
            symbol_mark::traded(&mut known.mark, newest.price(), newest.time());
        }
        Ok(())
    }

    /// Whether a price is near the last one, or has been far away for long enough.
    fn is_believed(
        &mut self,
        price_source: PriceSource,
        price: Price,
        cause: PriceRecord<'_>,
        out: &mut Out,
    ) -> bool {
        let known = self.marks.get(cause.symbol);
        let (Some(percent), Some(known)) = (self.settings.max_jump_percent, known) else {
            return true;
        };
        let mark = &known.mark;
        let quoted = LastPrice {
            price: mark.price,
            time: mark.event_time,
        };
        let traded = mark.last_price.zip(mark.last_time);
        let last = match (price_source, traded) {
            (PriceSource::Trade, Some((price, time))) => LastPrice { price, time },
            _ => quoted,
        };
        let is_near = !is_jump(last.price, price, percent);
        is_near
            || self
                .price_flags
                .jumped(price_source, price, last, percent, cause, out)
    }

    /// What is to be computed of a symbol beyond its mark.
    fn follow(&mut self, symbol: &str) -> Follow {
        match self.marks.get(symbol).map(|known| known.follow) {
            Some(Follow::Unasked) | None => self.studies.follow(symbol),
            Some(follow) => follow,
        }
    }

    /// A symbol that changes; it begins with this price.
    fn known(
        &mut self,
        symbol: &str,
        price: Price,
        basis: MarkBasis,
        time: Micros,
    ) -> &mut SymbolMark {
        let first = || SymbolMark::new(symbol_mark::first(price, basis, time));
        self.marks.change_or_put(symbol, first)
    }
}

fn judge(
    limit: Option<u32>,
    mark: &mut StateMark,
    quote: &Quote<'_>,
    origin: Origin,
    now: Micros,
    out: &mut Out,
) {
    let Some(limit) = limit else {
        return;
    };
    if let Some(crossing) = spread::crossed(quote, mark.price, limit, mark.wide) {
        mark.wide = crossing == Crossing::Wide;
        let alert = spread::alert(quote, mark.price, limit, crossing, origin, now);
        out.emit(Event::Alert(alert));
    }
}

fn check_sizes(quote: &Quote<'_>) -> Result<(), Refusal> {
    for (side, size) in [("bid", quote.bid_size), ("ask", quote.ask_size)] {
        if size.is_negative() {
            let message = format!(
                "quote of {}: {side} size {size} is below zero",
                quote.symbol
            );
            return Err(Refusal::new(Reason::NegativeSize, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod harness;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod study_tests;
#[cfg(test)]
mod tests;
