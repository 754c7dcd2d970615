use serde_avro_fast::ser::SerializerConfig;
use tapeline_model::money::{Price, Quantity};

use super::*;

const SECOND: i64 = 1_000_000;
/// Lateness of 5 s, and more prints than any test here hands in.
const LATENESS_MS: i64 = 5_000;

struct Feed {
    series: Series,
    retention: Retention,
    seq: i64,
    events: Vec<BarEvent>,
}

impl Feed {
    fn new() -> Self {
        Self::keeping(LATENESS_MS, 100)
    }

    fn keeping(lateness_ms: i64, max_prints: usize) -> Self {
        Self {
            series: Series::default(),
            retention: Retention::new(lateness_ms, max_prints).unwrap(),
            seq: 0,
            events: Vec::new(),
        }
    }

    fn trade(&mut self, seconds: f64, id: &str, price: &str, size: &str) -> Result<(), PrintError> {
        let print = self.print(seconds, id, price, size);
        self.series.take(print, &self.retention, &mut self.events)
    }

    fn print(&mut self, seconds: f64, id: &str, price: &str, size: &str) -> Print {
        self.seq += 1;
        Print::trade(
            at(seconds),
            self.seq,
            id,
            price.parse().unwrap(),
            size.parse().unwrap(),
        )
        .unwrap()
    }

    fn correct(&mut self, id: &str, replacement: Print) -> Result<(), PrintError> {
        self.series
            .correct(id, replacement, &self.retention, &mut self.events)
    }

    fn cancel(&mut self, id: &str) -> Result<(), PrintError> {
        self.series.cancel(id, &self.retention, &mut self.events)
    }

    fn close_until(&mut self, seconds: f64) {
        self.series
            .close_until(at(seconds), &self.retention, &mut self.events);
    }

    /// What was told since the last look about bars of one frame.
    fn told(&mut self, frame: Frame) -> Vec<String> {
        let all = std::mem::take(&mut self.events);
        all.iter().filter_map(|event| shown(event, frame)).collect()
    }
}

fn at(seconds: f64) -> Micros {
    Micros((seconds * SECOND as f64) as i64)
}

/// `closed 0+0 open/high/low/close volume/notional/count`: second of start + revision.
fn shown(event: &BarEvent, wanted: Frame) -> Option<String> {
    let (word, bar) = match event {
        BarEvent::Closed(bar) => ("closed", bar),
        BarEvent::Amended(bar) => ("amended", bar),
        BarEvent::Withdrawn {
            frame,
            start,
            revision,
            ..
        } => {
            let start = start.0 / SECOND;
            return (*frame == wanted).then(|| format!("withdrawn {start}+{revision}"));
        }
    };
    let o = &bar.ohlcv;
    (bar.frame == wanted).then(|| {
        format!(
            "{word} {}+{} {}/{}/{}/{} {}/{}/{}",
            bar.start.0 / SECOND,
            bar.revision,
            o.open,
            o.high,
            o.low,
            o.close,
            o.volume.unwrap(),
            o.notional.unwrap(),
            o.count
        )
    })
}

#[test]
fn a_bar_closes_when_event_time_passes_its_end() {
    let mut feed = Feed::new();
    feed.trade(0.1, "a", "10", "2").unwrap();
    feed.trade(0.2, "b", "12", "1").unwrap();
    feed.trade(0.9, "c", "9", "3").unwrap();
    assert!(feed.told(Frame::Second).is_empty());
    feed.trade(1.0, "d", "11", "1").unwrap();
    // Volume 2 + 1 + 3; notional 10 × 2 + 12 × 1 + 9 × 3 = 59.
    assert_eq!(feed.told(Frame::Second), ["closed 0+0 10/12/9/9 6/59/3"]);
    feed.trade(60.0, "e", "8", "1").unwrap();
    let events = feed.events.clone();
    assert_eq!(feed.told(Frame::Second), ["closed 1+0 11/11/11/11 1/11/1"]);
    feed.events = events;
    // 59 + 11 × 1 = 70.
    assert_eq!(feed.told(Frame::Minute), ["closed 0+0 10/12/9/11 7/70/4"]);
}

#[test]
fn silence_closes_too_and_seconds_without_prints_have_no_bar() {
    let mut feed = Feed::new();
    feed.trade(0.5, "a", "10", "1").unwrap();
    assert_eq!(feed.series.next_close(), Some(at(1.0)));
    feed.close_until(0.999);
    assert!(feed.told(Frame::Second).is_empty());
    feed.close_until(1.0);
    assert_eq!(feed.told(Frame::Second), ["closed 0+0 10/10/10/10 1/10/1"]);
    assert_eq!(feed.series.next_close(), Some(at(60.0)));
    feed.close_until(86_400.0);
    let told: Vec<_> = feed.events.iter().map(|e| shown(e, Frame::Day)).collect();
    assert_eq!(told.iter().flatten().count(), 1);
    assert!(feed.told(Frame::Second).is_empty());
    assert_eq!(feed.series.next_close(), None);
}

#[test]
fn a_late_print_amends_every_bar_it_belongs_to() {
    let mut feed = Feed::new();
    feed.trade(58.5, "a", "10", "1").unwrap();
    feed.trade(60.5, "b", "11", "1").unwrap();
    feed.events.clear();
    feed.trade(58.4, "late", "9", "1").unwrap();
    // It came last, but it was the first of its second: it opens both bars.
    let events = feed.events.clone();
    assert_eq!(feed.told(Frame::Second), ["amended 58+1 9/10/9/10 2/19/2"]);
    feed.events = events;
    assert_eq!(feed.told(Frame::Minute), ["amended 0+1 9/10/9/10 2/19/2"]);
    assert!(feed.told(Frame::Hour).is_empty(), "still open");
    feed.trade(58.6, "later", "8", "1").unwrap();
    assert_eq!(feed.told(Frame::Second), ["amended 58+2 9/10/8/8 3/27/3"]);
}

#[test]
fn a_late_print_of_an_empty_second_makes_its_first_bar() {
    let mut feed = Feed::new();
    feed.trade(0.5, "a", "10", "1").unwrap();
    feed.trade(2.5, "b", "10", "1").unwrap();
    feed.events.clear();
    feed.trade(1.5, "late", "11", "1").unwrap();
    assert_eq!(feed.told(Frame::Second), ["closed 1+0 11/11/11/11 1/11/1"]);
    feed.trade(1.6, "later", "12", "1").unwrap();
    assert_eq!(feed.told(Frame::Second), ["amended 1+1 11/12/11/12 2/23/2"]);
}

#[test]
fn a_print_is_too_late_once_its_second_is_final() {
    let mut feed = Feed::new();
    feed.trade(0.5, "a", "10", "1").unwrap();
    // The second from 0 ends at 1; with 5 s of lateness it is final at 6.
    feed.trade(5.999, "b", "10", "1").unwrap();
    feed.trade(0.6, "c", "10", "1").unwrap();
    feed.trade(6.0, "d", "10", "1").unwrap();
    let before = feed.series.clone();
    let refused = feed.trade(0.7, "e", "10", "1").unwrap_err();
    assert_eq!(
        refused,
        PrintError::TooLate {
            time: at(0.7),
            final_to: Micros(999_999)
        }
    );
    assert_eq!(feed.series, before);
    // The minute is still open and has everything that was taken.
    assert_eq!(feed.series.forming(Frame::Minute).unwrap().count, 4);
}

#[test]
fn the_first_moment_of_a_second_that_is_not_final_is_kept() {
    let mut feed = Feed::new();
    feed.trade(1.0, "a", "10", "1").unwrap();
    feed.trade(6.999, "b", "10", "1").unwrap();
    feed.cancel("a").unwrap();
    feed.trade(1.0, "c", "10", "1").unwrap();
}

#[test]
fn a_correction_recomputes_from_the_prints_that_are_kept() {
    let mut feed = Feed::new();
    feed.trade(0.1, "a", "10", "1").unwrap();
    feed.trade(0.2, "fat finger", "100", "1").unwrap();
    feed.trade(0.3, "c", "11", "1").unwrap();
    feed.close_until(1.0);
    feed.events.clear();
    let right = feed.print(0.2, "fat finger", "10.5", "2");
    feed.correct("fat finger", right).unwrap();
    // The high of 100 is gone: 10 + 10.5 × 2 + 11 = 42.
    assert_eq!(feed.told(Frame::Second), ["amended 0+1 10/11/10/11 4/42/3"]);
    feed.cancel("c").unwrap();
    assert_eq!(
        feed.told(Frame::Second),
        ["amended 0+2 10/10.5/10/10.5 3/31/2"]
    );
}

#[test]
fn a_correction_may_move_a_print_to_another_bar() {
    let mut feed = Feed::new();
    feed.trade(0.1, "a", "10", "1").unwrap();
    feed.trade(0.9, "b", "11", "1").unwrap();
    feed.close_until(2.0);
    feed.events.clear();
    let moved = feed.print(1.1, "b", "11", "1");
    feed.correct("b", moved).unwrap();
    let told = feed.told(Frame::Second);
    let expected = [
        "amended 0+1 10/10/10/10 1/10/1",
        "closed 1+0 11/11/11/11 1/11/1",
    ];
    assert_eq!(told, expected);
    // Back again: the second from 1 is empty, and that is told.
    let back = feed.print(0.9, "b", "11", "1");
    feed.correct("b", back).unwrap();
    let told = feed.told(Frame::Second);
    assert_eq!(told, ["withdrawn 1+1", "amended 0+2 10/11/10/11 2/21/2"]);
}

#[test]
fn a_bar_whose_prints_are_all_cancelled_is_withdrawn_and_may_come_back() {
    let mut feed = Feed::new();
    feed.trade(0.1, "a", "10", "1").unwrap();
    feed.close_until(1.0);
    feed.events.clear();
    feed.cancel("a").unwrap();
    assert_eq!(feed.told(Frame::Second), ["withdrawn 0+1"]);
    feed.trade(0.2, "b", "11", "1").unwrap();
    assert_eq!(feed.told(Frame::Second), ["amended 0+2 11/11/11/11 1/11/1"]);
}

#[test]
fn what_is_not_kept_cannot_be_corrected_and_what_came_before_is_not_taken_twice() {
    let mut feed = Feed::new();
    feed.trade(0.1, "a", "10", "1").unwrap();
    let before = feed.series.clone();
    assert_eq!(
        feed.cancel("b"),
        Err(PrintError::NotKept { id: "b".into() }),
        "it never came"
    );
    let id = "a".into();
    let time = at(0.1);
    let twice = feed.trade(0.1, "a", "10", "1");
    assert_eq!(twice, Err(PrintError::Duplicate { id, time }));
    assert_eq!(feed.series, before);
    feed.trade(10.0, "c", "10", "1").unwrap();
    assert!(feed.cancel("a").is_err(), "its bars are final");
    let too_early = feed.print(0.5, "c", "10", "1");
    let before = feed.series.clone();
    assert!(feed.correct("c", too_early).is_err());
    assert_eq!(feed.series, before, "a refused correction changes nothing");
}

#[test]
fn memory_is_bounded_by_settling_the_oldest_prints_first() {
    let mut feed = Feed::keeping(LATENESS_MS, 2);
    for (time, id, price) in [(0.1, "a", "10"), (0.2, "b", "12"), (0.3, "c", "11")] {
        feed.trade(time, id, price, "1").unwrap();
    }
    assert!(matches!(feed.cancel("a"), Err(PrintError::NotKept { .. })));
    let late = feed.trade(0.05, "late", "9", "1");
    assert!(matches!(late, Err(PrintError::TooLate { .. })));
    feed.trade(0.15, "between", "13", "1").unwrap();
    feed.cancel("c").unwrap();
    feed.close_until(1.0);
    // a, between, b in this order: 10 + 13 + 12 = 35.
    assert_eq!(feed.told(Frame::Second), ["closed 0+0 10/13/10/12 3/35/3"]);
}

#[test]
fn a_burst_at_one_moment_is_taken_whole_however_little_is_kept() {
    let mut feed = Feed::keeping(LATENESS_MS, 1);
    for n in 0..50 {
        feed.trade(0.5, &n.to_string(), "10", "1").unwrap();
    }
    feed.close_until(1.0);
    assert_eq!(
        feed.told(Frame::Second),
        ["closed 0+0 10/10/10/10 50/500/50"]
    );
}

#[test]
fn mid_quotes_make_bars_without_volume() {
    let mut feed = Feed::new();
    for (seq, (bid, ask)) in [("10", "10.02"), ("-3", "-1")].into_iter().enumerate() {
        let (bid, ask) = (bid.parse().unwrap(), ask.parse().unwrap());
        let print = Print::mid(at(0.5), seq as i64, bid, ask).unwrap();
        feed.series
            .take(print, &feed.retention, &mut feed.events)
            .unwrap();
    }
    let bar = feed.series.forming(Frame::Day).unwrap();
    assert_eq!(
        (bar.open.to_string(), bar.close.to_string(), bar.count),
        ("10.01".to_owned(), "-2".to_owned(), 2)
    );
    assert_eq!((bar.volume, bar.vwap()), (Some(Volume::ZERO), None));
    feed.close_until(1.0);
    assert_eq!(feed.told(Frame::Second).len(), 1);
}

#[test]
fn the_average_price_is_exact_to_its_last_digit() {
    let vwap = |prints: &[(&str, &str)]| {
        let mut feed = Feed::new();
        for (n, (price, size)) in prints.iter().enumerate() {
            feed.trade(0.0, &n.to_string(), price, size).unwrap();
        }
        let bar = feed.series.forming(Frame::Second).unwrap();
        bar.vwap().unwrap().to_string()
    };
    // (10 × 1 + 11 × 2) / 3 = 32 / 3 = 10.666…
    assert_eq!(vwap(&[("10", "1"), ("11", "2")]), "10.66666667");
    // (-10 × 1 − 11 × 2) / 3
    assert_eq!(vwap(&[("-10", "1"), ("-11", "2")]), "-10.66666667");
    assert_eq!(
        vwap(&[("9999999999.99999999", "9999999999.99999999")]),
        "9999999999.99999999"
    );
}

#[test]
fn bad_prints_and_settings_are_refused_with_what_is_allowed() {
    let price: Price = "1".parse().unwrap();
    let none = Print::trade(Micros(0), 0, "a", price, Quantity::ZERO).unwrap_err();
    assert_eq!(
        none.to_string(),
        "the quantity 0 of a trade is not above zero"
    );
    let early = Print::mid(Micros(-1), 0, price, price).unwrap_err();
    assert_eq!(early, PrintError::BadTime { time: Micros(-1) });
    let crossed = Print::mid(Micros(0), 0, price, Price::ZERO).unwrap_err();
    assert_eq!(
        crossed.to_string(),
        "the bid 1 is above the ask 0: there is no price between"
    );
    assert_eq!(
        Retention::new(-1, 1).unwrap_err().to_string(),
        "a lateness of -1 ms is not allowed: write 0 to 86400000"
    );
    assert_eq!(
        Retention::new(0, 0).unwrap_err().to_string(),
        "0 kept prints are not allowed: write 1 to 100000"
    );
}

#[test]
fn bars_are_aligned_to_utc() {
    // 2026-11-21T09:07:42.123456Z
    let time = Micros(1_795_252_062_123_456);
    let starts = Frame::ALL.map(|frame| frame.start_of(time).to_string());
    let expected = [
        "2026-11-21T09:07:42.000000Z",
        "2026-11-21T09:07:00.000000Z",
        "2026-11-21T09:05:00.000000Z",
        "2026-11-21T09:00:00.000000Z",
        "2026-11-21T00:00:00.000000Z",
    ];
    assert_eq!(starts, expected);
}

const STATE: &str = r#"{"type": "record", "name": "Series", "fields": [
  {"name": "watermark", "type": ["null", "long"]},
  {"name": "final_to", "type": ["null", {"type": "record", "name": "Order", "fields": [
    {"name": "time", "type": "long"}, {"name": "seq", "type": "long"}]}]},
  {"name": "settled", "type": {"type": "array", "items": {"type": "record", "name": "Part", "fields": [
    {"name": "frame", "type": {"type": "enum", "name": "Frame", "symbols": ["S1", "M1", "M5", "H1", "D1"]}},
    {"name": "start", "type": "long"},
    {"name": "ohlcv", "type": {"type": "record", "name": "Ohlcv", "fields": [
      {"name": "open", "type": "bytes"}, {"name": "high", "type": "bytes"},
      {"name": "low", "type": "bytes"}, {"name": "close", "type": "bytes"},
      {"name": "volume", "type": ["null", "bytes"]},
      {"name": "notional", "type": ["null", "bytes"]},
      {"name": "count", "type": "long"}]}}]}}},
  {"name": "revised", "type": {"type": "array", "items": {"type": "record", "name": "Revised", "fields": [
    {"name": "frame", "type": "Frame"}, {"name": "start", "type": "long"},
    {"name": "revision", "type": "int"}]}}}]}"#;

#[test]
fn state_that_went_through_avro_goes_on_alike() {
    let schema: serde_avro_fast::Schema = STATE.parse().unwrap();
    let mut feed = Feed::keeping(LATENESS_MS, 3);
    for n in 0..21 {
        let seconds = f64::from(n) * 0.4;
        feed.trade(seconds, &n.to_string(), "10.25", "1").unwrap();
    }
    feed.events.clear();
    feed.cancel("18").unwrap();
    assert_eq!(feed.told(Frame::Second).len(), 1, "a revision to remember");
    let bytes = serde_avro_fast::to_datum_vec(&feed.series, &mut SerializerConfig::new(&schema));
    let mut copy = Feed::keeping(LATENESS_MS, 3);
    copy.series = serde_avro_fast::from_datum_slice(&bytes.unwrap(), &schema).unwrap();
    let seconds = feed.series.touched();
    let kept = seconds
        .iter()
        .flat_map(|second| feed.series.of_second(*second));
    copy.series.restore(kept.cloned());
    assert_eq!(copy.series, feed.series);
    feed.events.clear();
    for feed in [&mut feed, &mut copy] {
        feed.seq = 100;
        feed.trade(7.7, "late", "9", "1").unwrap();
        feed.close_until(100.0);
    }
    assert!(!feed.events.is_empty());
    assert_eq!(copy.events, feed.events);
}
