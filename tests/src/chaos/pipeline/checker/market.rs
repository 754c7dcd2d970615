//! Marks: each is what a single-threaded replay has after that many quotes.

use std::collections::BTreeMap;

use tapeline_model::Event;
use tapeline_model::records::Mark;
use tapeline_processors::market::Market;
use tapeline_schemas::topics::Topic;

use super::{Findings, Observed, outputs};

pub(super) fn check(observed: &Observed, findings: &mut Findings) {
    let expected = replay(observed);
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    let mut diverged: BTreeMap<String, String> = BTreeMap::new();
    for (seen, event) in observed.events(Topic::MarketMarks) {
        let Event::Mark(mark) = event else { continue };
        let (symbol, at) = (mark.symbol.as_ref(), seen.place());
        let before = last.entry(symbol.to_owned()).or_insert(0);
        let quotes = mark.quotes;
        if quotes == *before {
            findings.duplicated(
                1,
                format!("mark {at:?}: {symbol} after {quotes} quotes again"),
            );
        } else if quotes < *before {
            findings.reordered(format!(
                "mark {at:?}: {symbol} after {quotes} quotes, behind {before}"
            ));
        }
        *before = quotes.max(*before);
        let known = expected.get(symbol).and_then(|all| {
            let index = usize::try_from(quotes - 1).ok()?;
            all.get(index)
        });
        if known.is_some_and(|known| !is_same(known, &mark)) {
            let text = format!("mark {at:?} of {symbol} after {quotes} quotes is not the replay's");
            diverged.entry(symbol.to_owned()).or_insert(text);
        }
    }
    for (symbol, all) in &expected {
        let (total, found) = (all.len() as i64, last.get(symbol).copied().unwrap_or(0));
        let text = format!("marks of {symbol} count {found} quotes of {total}");
        match u64::try_from(total - found) {
            Ok(0) => {}
            Ok(missing) => findings.lost(missing, text),
            Err(_) => findings.duplicated((found - total) as u64, text),
        }
    }
    for symbol in last.keys().filter(|symbol| !expected.contains_key(*symbol)) {
        findings.aborted_visible(format!("there are marks of {symbol} without any quote"));
    }
    for text in diverged.into_values() {
        findings.diverged(text);
    }
}

/// The mark after each quote, by symbol.
fn replay(observed: &Observed) -> BTreeMap<String, Vec<Mark<'static>>> {
    let mut market = Market::default();
    let mut marks: BTreeMap<String, Vec<Mark<'static>>> = BTreeMap::new();
    for (seen, event) in observed.events(Topic::MarketQuotes) {
        let origin = seen.origin(Topic::MarketQuotes);
        outputs(&mut market, Some((origin, &event)));
        for made in outputs(&mut market, None) {
            if let Event::Mark(mark) = made {
                marks.entry(mark.symbol.to_string()).or_default().push(mark);
            }
        }
    }
    marks
}

fn is_same(a: &Mark<'_>, b: &Mark<'_>) -> bool {
    let of = |mark: &Mark<'_>| {
        let prices = (mark.price, mark.bid_price, mark.ask_price, mark.basis);
        (prices, mark.last_price, mark.last_time, mark.event_time)
    };
    of(a) == of(b)
}
