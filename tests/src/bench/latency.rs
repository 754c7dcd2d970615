//! From the moment a record is due to the moment its alert is read by someone who
//! reads only what is committed, while other quotes flow.
//!
//! Records are due at a steady pace, whether or not the sender keeps up with it: what it
//! sends late counts as late (figures of before count from when a record was sent, and are
//! shorter under load). How late it sent is a figure of its own. Each record must have exactly
//! one output within 30 seconds after the last one was sent, or there are no figures. The peer
//! is driven and judged by the same code.
//!
//! Three routes lead to an alert: a quote with a wide spread (a signal of the
//! `market` processor: one step), a tick of a held symbol (quote → mark → alert:
//! two processors) and a fill (one processor). The peer passes a quote on in one
//! step, with the settings Kafka Streams itself takes for exactly once: what a
//! signal is compared with. Beside the others it is shown, no more.

use std::fmt::Write;
use std::time::Duration;

use tapeline_model::records::Side;
use tapeline_model::{Event, Micros};
use tapeline_schemas::partition_of;
use tapeline_schemas::topics::Topic;

use super::broker::{Trade, UNIT, deposit, fill};
use super::ledger::Latencies;
use super::probe::{Drive, LAG_LIMIT, TimeOf, drive};
use super::quotes::{EventPublisher, quote};
use super::report::{Better, Budget, Line, Report};
use super::stage::{PROCESSORS, Processors, Space};
use super::statistics::percentile;
use super::{Bench, Fault, Outcome, say};

const PER_SECOND: u64 = 50;
/// Each crosses its limit or is back every ten seconds. Two prices of one symbol in one commit
/// would leave out both alerts, which takes a backlog as long: that is a fault.
const PORTFOLIOS: u64 = 10 * PER_SECOND;
const HELD: &str = "HELD";
/// Traded by the portfolios that only fill; its price stands still.
const CALM: &str = "CALM";
/// Held by nobody: what becomes of them are signals.
const SIGNAL: &str = "SIGNAL";
const WIDE_SPREAD: &str = "wide_spread";
const MAX_DRAWDOWN: &str = "max_drawdown";
/// In basis points of the price between.
const SPREAD_LIMIT: i64 = 100;
const HIGH: i64 = 10 * UNIT;
/// A hundred held lose 600, and the limit is 500.
const LOW: i64 = 4 * UNIT;
const FEE: i64 = 600 * UNIT;
/// Twice the limit, of a price of ten.
const WIDE: i64 = HIGH / 10_000 * SPREAD_LIMIT * 2;
const SET_UP_WITHIN: Duration = Duration::from_secs(60);

type Next = fn(u64, Micros) -> Event<'static>;

/// Where records of one kind go, and where their outputs come.
struct Route<'a> {
    from: &'a Space,
    to: &'a Space,
    next: Next,
    time_of: TimeOf,
    /// How many were sent: each drive goes on from there.
    sent: u64,
}

/// What was measured of each route.
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

    let route = |next, time_of| Route::new(&space, &space, next, time_of);
    let mut ticks = route(next_tick, alert_time);
    ticks.warm_up(bench)?;
    let signals = route(next_signal, signal_time).measure(bench, "tick → signal alert")?;
    let ticks = ticks.measure(bench, "tick → risk alert")?;
    let fills = route(next_fill, alert_time).measure(bench, "fill → alert")?;
    processors.stop();

    let peer = bench.peer.map(|streams| {
        let out = bench.stage.space("latencypeer", 4, "");
        let mut job = streams.forward(&space, &out, SIGNAL);
        job.wait_for("running");
        let mut quotes = Route::new(&space, &out, next_signal, plain_time);
        quotes.warm_up(bench)?;
        quotes.measure(bench, "Kafka Streams, tick → output")
    });
    let measured = Measured {
        signals,
        ticks,
        fills,
        peer: peer.transpose()?,
    };
    measured.add_to(report);
    Ok(())
}

impl<'a> Route<'a> {
    fn new(from: &'a Space, to: &'a Space, next: Next, time_of: TimeOf) -> Self {
        Self {
            from,
            to,
            next,
            time_of,
            sent: 0,
        }
    }

    /// A Java machine that was just started, the broker's as the peer's, compiles itself for a
    /// quarter of a minute and takes the processors from everybody: no latency of the pipeline's.
    fn warm_up(&mut self, bench: &Bench<'_>) -> Outcome {
        let seconds = bench.options.warm_up;
        say(&format!("warming up for {seconds} s"));
        let warmed = self.drive(bench, seconds, None);
        warmed.map_err(|fault| format!("while warming up: {fault}"))?;
        Ok(())
    }

    fn measure(&mut self, bench: &Bench<'_>, what: &str) -> Result<Latencies, Fault> {
        let latencies = self
            .drive(bench, bench.options.seconds, Some(LAG_LIMIT))
            .map_err(|fault| format!("{what}: {fault}"))?;
        say(&format!("{what}: {latencies}"));
        Ok(latencies)
    }

    fn drive(
        &mut self,
        bench: &Bench<'_>,
        seconds: u64,
        lag_limit: Option<Duration>,
    ) -> Result<Latencies, String> {
        let plan = Drive {
            input: &self.from.kafka,
            output: &self.to.kafka,
            topic: Topic::Alerts,
            seconds,
            background: bench.options.background,
            awaited: PER_SECOND,
            first: self.sent,
            next: self.next,
            time_of: self.time_of,
            lag_limit,
        };
        self.sent += plan.count();
        drive(&plan)
    }
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
            self.lag(),
        ];
        for line in &lines {
            report.add(line);
        }
    }

    /// How late the sender was: what the latencies hold of it.
    fn lag(&self) -> Line<'static> {
        let ours = [&self.signals, &self.ticks, &self.fills].map(|route| route.lags.as_slice());
        let peer = self.peer.as_ref();
        Line {
            name: "latency_send_lag_p99",
            unit: "ms",
            better: Better::Less,
            ours: percentile(&ours.concat(), 99.0),
            peer: peer.map(|peer| percentile(&peer.lags, 99.0)),
            limit: None,
            budget: Budget::None,
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
    format!("holder{n:03}")
}

fn trader(n: u64) -> String {
    format!("trader{n:03}")
}

fn held(n: u64) -> String {
    format!("{HELD}{n:03}")
}

/// Money in every portfolio, a price for every symbol, and what is held.
fn set_up(space: &Space, processors: &mut Processors) {
    let mut feed = EventPublisher::prompt(&space.kafka);
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

/// Down in one round over all portfolios, up again in the next.
fn is_down(count: u64) -> bool {
    (count / PORTFOLIOS).is_multiple_of(2)
}

fn next_tick(count: u64, due: Micros) -> Event<'static> {
    let price = if is_down(count) { LOW } else { HIGH };
    quote_of(held(count % PORTFOLIOS), price, price, count, due)
}

/// Far apart in one round over all symbols, together again in the next.
fn next_signal(count: u64, due: Micros) -> Event<'static> {
    let spread = if is_down(count) { WIDE } else { 0 };
    let symbol = format!("{SIGNAL}{:03}", count % PORTFOLIOS);
    quote_of(symbol, HIGH - spread, HIGH, count, due)
}

fn quote_of(symbol: String, bid: i64, ask: i64, count: u64, due: Micros) -> Event<'static> {
    let mut quote = quote("", bid, ask, count as i64);
    quote.symbol = symbol.into();
    (quote.event_time, quote.ingest_time) = (due, due);
    Event::Quote(quote)
}

/// A fee beyond the limit, then a rebate of the same amount.
fn next_fill(count: u64, due: Micros) -> Event<'static> {
    let (side, fee) = if is_down(count) {
        (Side::Buy, FEE)
    } else {
        (Side::Sell, -FEE)
    };
    let account = trader(count % PORTFOLIOS);
    let mut event = fill(&Trade {
        account: &account,
        symbol: CALM,
        id: &count.to_string(),
        side,
        price: HIGH,
        quantity: 1,
        fee,
    });
    if let Event::Fill(fill) = &mut event {
        (fill.event_time, fill.ingest_time) = (due, due);
    }
    event
}

/// An alert carries the time of what led to it.
fn alert_time(value: &[u8]) -> Result<Option<i64>, String> {
    time_of_alert(value, MAX_DRAWDOWN)
}

fn signal_time(value: &[u8]) -> Result<Option<i64>, String> {
    time_of_alert(value, WIDE_SPREAD)
}

fn time_of_alert(value: &[u8], rule: &str) -> Result<Option<i64>, String> {
    match Event::decode(Topic::Alerts, Some(value)) {
        Ok(Event::Alert(alert)) => Ok((alert.rule == rule).then_some(alert.event_time.0)),
        Ok(_) => Err("it is not an alert".to_owned()),
        Err(refusal) => Err(refusal.message),
    }
}

/// The peer writes the quote's time and nothing else.
fn plain_time(value: &[u8]) -> Result<Option<i64>, String> {
    let bytes = value.try_into();
    let bytes = bytes.map_err(|_| format!("it has {} bytes, not 8", value.len()))?;
    Ok(Some(i64::from_be_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUE: Micros = Micros(1_795_251_600_000_000);

    #[test]
    fn every_portfolio_goes_down_and_comes_back() {
        let prices = |n: u64| match next_tick(n, DUE) {
            Event::Quote(quote) => (quote.symbol.into_owned(), quote.bid_price.raw()),
            other => panic!("{other:?}"),
        };
        assert_eq!(prices(3), ("HELD003".to_owned(), LOW));
        assert_eq!(prices(503), ("HELD003".to_owned(), HIGH));
        assert_eq!(prices(1003), ("HELD003".to_owned(), LOW));
        let fees = |n: u64| match next_fill(n, DUE) {
            Event::Fill(fill) => (fill.exec_id.to_string(), fill.fee.unwrap().raw()),
            other => panic!("{other:?}"),
        };
        assert_eq!(fees(3), ("3".to_owned(), FEE));
        assert_eq!(fees(503), ("503".to_owned(), -FEE));
    }

    #[test]
    fn every_signal_goes_far_beyond_the_limit_and_comes_back() {
        let spread = |n: u64| match next_signal(n, DUE) {
            Event::Quote(quote) => {
                let (bid, ask) = (quote.bid_price.raw(), quote.ask_price.raw());
                (quote.symbol.into_owned(), (ask - bid) * 10_000 / ask)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(spread(3), ("SIGNAL003".to_owned(), 2 * SPREAD_LIMIT));
        assert_eq!(spread(503), ("SIGNAL003".to_owned(), 0));
    }

    #[test]
    fn every_record_carries_the_time_at_which_it_is_due() {
        for next in [next_tick, next_signal, next_fill] {
            assert_eq!(next(7, DUE).event_time(), DUE);
        }
    }

    #[test]
    fn the_time_is_found_in_either_output_and_anything_else_is_an_error() {
        assert_eq!(plain_time(&7_i64.to_be_bytes()), Ok(Some(7)));
        assert!(plain_time(b"short").is_err());
        assert!(alert_time(b"no alert").is_err());
        assert!(signal_time(b"no alert").is_err());
    }
}
