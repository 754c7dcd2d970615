//! From the moment something is published to the moment its alert is read by
//! someone who reads only what is committed, while other quotes flow.
//!
//! Three ways lead to an alert: a quote with a wide spread (a signal of the
//! `market` processor: one step), a tick of a held symbol (quote → mark → alert:
//! two processors) and a fill (one processor). The peer passes a quote on in one
//! step, with the settings Kafka Streams itself takes for exactly once: what a
//! signal is compared with. Beside the others it is shown, no more.

use std::fmt::Write;
use std::time::Duration;

use tapeline_model::Event;
use tapeline_model::records::Side;
use tapeline_schemas::partition_of;
use tapeline_schemas::topics::Topic;

use super::broker::{Trade, UNIT, deposit, fill};
use super::probe::{Drive, Latencies, drive};
use super::quotes::{Feed, quote};
use super::report::{Better, Budget, Line, Report};
use super::stage::{PROCESSORS, Processors, Space};
use super::{Bench, Outcome, say};

/// Each crosses its limit once a second or is back: none is conflated with itself.
const PORTFOLIOS: u64 = 50;
const PER_SECOND: u64 = PORTFOLIOS;
const HELD: &str = "HELD";
/// Traded by the portfolios that only fill; its price stands still.
const CALM: &str = "CALM";
/// Held by nobody: what becomes of them are signals.
const SIGNAL: &str = "SIGNAL";
const WIDE_SPREAD: &str = "wide_spread";
/// In basis points of the price between.
const SPREAD_LIMIT: i64 = 100;
const HIGH: i64 = 10 * UNIT;
/// A hundred held lose 600, and the limit is 500.
const LOW: i64 = 4 * UNIT;
const FEE: i64 = 600 * UNIT;
/// Twice the limit, of a price of ten.
const WIDE: i64 = HIGH / 10_000 * SPREAD_LIMIT * 2;
const SET_UP_WITHIN: Duration = Duration::from_secs(60);

type Next = fn(u64) -> Event<'static>;
type TimeOf = fn(&[u8]) -> Option<i64>;

/// What was measured of each way.
struct Measured {
    signals: Latencies,
    ticks: Latencies,
    fills: Latencies,
    peer: Option<Latencies>,
}

pub(crate) fn run(bench: &Bench<'_>, report: &mut Report) -> Outcome {
    let space = bench
        .stage
        .space("latency", 4, &configuration(&bench.options.commit_interval));
    let mut processors = space.start(PROCESSORS);
    processors.wait_ready();
    set_up(&space, &mut processors);

    warm_up(bench, &space, &space, next_tick, alert_time);
    let ours = |what, next, time_of| measure(bench, what, &space, &space, next, time_of);
    let signals = ours("tick → signal alert", next_signal, signal_time);
    let ticks = ours("tick → risk alert", next_tick, alert_time);
    let fills = ours("fill → alert", next_fill, alert_time);
    processors.stop();

    let peer = bench.peer.map(|streams| {
        let out = bench.stage.space("latencypeer", 4, "");
        let mut job = streams.forward(&space, &out, SIGNAL);
        job.wait_for("running");
        warm_up(bench, &space, &out, next_signal, plain_time);
        let what = "Kafka Streams, tick → output";
        measure(bench, what, &space, &out, next_signal, plain_time)
    });
    let measured = Measured {
        signals,
        ticks,
        fills,
        peer,
    };
    measured.add_to(report);
    Ok(())
}

/// A Java machine that was just started, the broker's as the peer's, compiles itself for a
/// quarter of a minute and takes the processors from everybody: no latency of the pipeline's.
fn warm_up(bench: &Bench<'_>, from: &Space, to: &Space, next: Next, time_of: TimeOf) {
    let seconds = bench.options.warm_up;
    say(&format!("warming up for {seconds} s"));
    let _cold = drive(&plan(bench, seconds, from, to, next, time_of));
}

impl Measured {
    fn add_to(&self, report: &mut Report) {
        let (p50, p99) = (50.0, 99.0);
        let (fast, slow) = (budget(10.0, 5.0), budget(50.0, 20.0));
        let (signals, ticks, fills) = (&self.signals, &self.ticks, &self.fills);
        let lines = [
            self.line("latency_signal_p50", p50, signals, fast),
            self.line("latency_signal_p99", p99, signals, slow),
            self.line("latency_fill_alert_p50", p50, fills, fast),
            self.line("latency_fill_alert_p99", p99, fills, slow),
            self.line("latency_tick_alert_p50", p50, ticks, Budget::None),
            self.line("latency_tick_alert_p99", p99, ticks, budget(100.0, 40.0)),
        ];
        for line in &lines {
            report.add(line);
        }
    }

    fn line(
        &self,
        name: &'static str,
        percent: f64,
        ours: &Latencies,
        budget: Budget,
    ) -> Line<'static> {
        let peer = self.peer.as_ref();
        Line {
            name,
            unit: "ms",
            better: Better::Less,
            ours: ours.percentile(percent),
            peer: peer.map(|peer| peer.percentile(percent)),
            limit: None,
            budget,
        }
    }
}

fn budget(must: f64, aim: f64) -> Budget {
    Budget::Ours {
        must,
        aim: Some(aim),
    }
}

fn configuration(commit_interval: &str) -> String {
    let mut text = format!(
        "[processors]\nrun = ['market', 'risk']\ncommit_interval = '{commit_interval}'\n\
         [market]\nwide_spread_bps = {SPREAD_LIMIT}\n\
         [risk]\nmax_drawdown = '500'\n"
    );
    for id in (0..PORTFOLIOS).flat_map(|n| [holder(n), trader(n)]) {
        writeln!(text, "[[accounts]]\nid = '{id}'").unwrap();
    }
    text
}

/// The portfolio, and the account in it, that holds the symbol of its number.
fn holder(n: u64) -> String {
    format!("holder{n:02}")
}

fn trader(n: u64) -> String {
    format!("trader{n:02}")
}

fn held(n: u64) -> String {
    format!("{HELD}{n:02}")
}

/// Money in every portfolio, a price for every symbol, and what is held.
fn set_up(space: &Space, processors: &mut Processors) {
    let mut feed = Feed::prompt(&space.kafka);
    let symbols = (0..PORTFOLIOS).map(held).chain([CALM.to_owned()]);
    for symbol in symbols {
        feed.publish(&Event::Quote(quote(&symbol, HIGH, HIGH, 0)));
    }
    for n in 0..PORTFOLIOS {
        feed.publish(&deposit(&holder(n)));
        feed.publish(&deposit(&trader(n)));
        feed.publish(&fill(&Trade {
            account: &holder(n),
            symbol: &held(n),
            id: "start",
            side: Side::Buy,
            price: HIGH,
            quantity: 100,
            fee: 0,
        }));
    }
    feed.flush();
    // Every risk task reads the marks of all symbols.
    let marks = (PORTFOLIOS + 1) * u64::from(space.kafka.portfolio_partitions);
    let expected = marks + 3 * PORTFOLIOS;
    processors.until("the portfolios are set up", SET_UP_WITHIN, |metrics| {
        let labels = [("processor", "risk")];
        let committed = metrics.value("tapeline_transaction_records_sum", &labels)?;
        (committed >= expected as f64).then_some(())
    });
    let used: std::collections::BTreeSet<u32> = (0..PORTFOLIOS)
        .map(|n| partition_of(trader(n).as_bytes(), space.kafka.portfolio_partitions))
        .collect();
    say(&format!("the portfolios lie in {} partitions", used.len()));
}

fn measure(
    bench: &Bench<'_>,
    what: &str,
    from: &Space,
    to: &Space,
    next: Next,
    time_of: TimeOf,
) -> Latencies {
    let seconds = bench.options.seconds;
    let latencies = drive(&plan(bench, seconds, from, to, next, time_of));
    say(&format!("{what}: {latencies}"));
    latencies
}

fn plan<'a>(
    bench: &Bench<'_>,
    seconds: u64,
    from: &'a Space,
    to: &'a Space,
    next: Next,
    time_of: TimeOf,
) -> Drive<'a> {
    Drive {
        input: &from.kafka,
        output: &to.kafka,
        topic: Topic::Alerts,
        seconds,
        background: bench.options.background,
        awaited: PER_SECOND,
        next,
        time_of,
    }
}

/// Down in one round over all portfolios, up again in the next.
fn is_down(count: u64) -> bool {
    (count / PORTFOLIOS).is_multiple_of(2)
}

fn next_tick(count: u64) -> Event<'static> {
    let price = if is_down(count) { LOW } else { HIGH };
    let symbol = held(count % PORTFOLIOS);
    let mut quote = quote("", price, price, count as i64);
    quote.symbol = symbol.into();
    Event::Quote(quote)
}

/// Far apart in one round over all symbols, together again in the next.
fn next_signal(count: u64) -> Event<'static> {
    let spread = if is_down(count) { WIDE } else { 0 };
    let symbol = format!("{SIGNAL}{:02}", count % PORTFOLIOS);
    let mut quote = quote("", HIGH - spread, HIGH, count as i64);
    quote.symbol = symbol.into();
    Event::Quote(quote)
}

/// A fee beyond the limit, then a rebate of the same amount.
fn next_fill(count: u64) -> Event<'static> {
    let (side, fee) = if is_down(count) {
        (Side::Buy, FEE)
    } else {
        (Side::Sell, -FEE)
    };
    let account = trader(count % PORTFOLIOS);
    fill(&Trade {
        account: &account,
        symbol: CALM,
        id: &count.to_string(),
        side,
        price: HIGH,
        quantity: 1,
        fee,
    })
}

/// An alert carries the time of what led to it.
fn alert_time(value: &[u8]) -> Option<i64> {
    time_of_alert(value, |rule| rule != WIDE_SPREAD)
}

fn signal_time(value: &[u8]) -> Option<i64> {
    time_of_alert(value, |rule| rule == WIDE_SPREAD)
}

fn time_of_alert(value: &[u8], counts: fn(&str) -> bool) -> Option<i64> {
    match Event::decode(Topic::Alerts, Some(value)) {
        Ok(Event::Alert(alert)) => counts(&alert.rule).then_some(alert.event_time.0),
        _ => None,
    }
}

/// The peer writes the quote's time and nothing else.
fn plain_time(value: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(value.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_portfolio_goes_down_and_comes_back() {
        let prices = |n: u64| match next_tick(n) {
            Event::Quote(quote) => (quote.symbol.into_owned(), quote.bid_price.raw()),
            other => panic!("{other:?}"),
        };
        assert_eq!(prices(3), ("HELD03".to_owned(), LOW));
        assert_eq!(prices(53), ("HELD03".to_owned(), HIGH));
        assert_eq!(prices(103), ("HELD03".to_owned(), LOW));
        let fees = |n: u64| match next_fill(n) {
            Event::Fill(fill) => (fill.exec_id.to_string(), fill.fee.unwrap().raw()),
            other => panic!("{other:?}"),
        };
        assert_eq!(fees(3), ("3".to_owned(), FEE));
        assert_eq!(fees(53), ("53".to_owned(), -FEE));
    }

    #[test]
    fn every_signal_goes_far_beyond_the_limit_and_comes_back() {
        let spread = |n: u64| match next_signal(n) {
            Event::Quote(quote) => {
                let (bid, ask) = (quote.bid_price.raw(), quote.ask_price.raw());
                (quote.symbol.into_owned(), (ask - bid) * 10_000 / ask)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(spread(3), ("SIGNAL03".to_owned(), 2 * SPREAD_LIMIT));
        assert_eq!(spread(53), ("SIGNAL03".to_owned(), 0));
    }

    #[test]
    fn the_time_is_found_in_either_output() {
        assert_eq!(plain_time(&7_i64.to_be_bytes()), Some(7));
        assert_eq!(plain_time(b"short"), None);
        assert_eq!(alert_time(b"no alert"), None);
        assert_eq!(signal_time(b"no alert"), None);
    }
}
