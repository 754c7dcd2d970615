//! Small cases, worked by hand.

use tapeline_model::Micros;

use super::*;

fn built(name: &str, parameters: &[(&str, f64)]) -> Indicator {
    Indicator::new(name, parameters).unwrap()
}

/// What a line reads after each sample: a number, `have/need`, or `-`.
fn read(indicator: &mut Indicator, line: &str, samples: &[Sample]) -> Vec<String> {
    let one = |sample| match indicator.update(sample).unwrap().line(line).unwrap() {
        Reading::Value(value) => {
            let text = format!("{value:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        Reading::NotEnough { have, need } => format!("{have}/{need}"),
        Reading::Undefined => "-".to_owned(),
    };
    samples.iter().map(one).collect()
}

fn values(values: &[f64]) -> Vec<Sample> {
    values.iter().copied().map(Sample::Value).collect()
}

fn candle(high: f64, low: f64, close: f64) -> Candle {
    Candle {
        session: 1,
        high,
        low,
        close,
        volume: 1.0,
        notional: close,
    }
}

fn bars(bars: &[(f64, f64, f64)]) -> Vec<Sample> {
    bars.iter()
        .map(|(high, low, close)| Sample::Bar(candle(*high, *low, *close)))
        .collect()
}

fn quotes(quotes: &[(i64, f64, f64)]) -> Vec<Sample> {
    let quote = |(seconds, bid, ask): &(i64, f64, f64)| {
        Sample::Quote(TopOfBook {
            time: Micros(seconds * 1_000_000),
            bid: *bid,
            ask: *ask,
        })
    };
    quotes.iter().map(quote).collect()
}

#[test]
fn averages() {
    let three = [("period", 3.0)];
    // (1 + 2 + 6) / 3 = 3, then (2 + 6 + 7) / 3 = 5.
    let samples = values(&[1.0, 2.0, 6.0, 7.0]);
    let read_three = |name| read(&mut built(name, &three), name, &samples);
    assert_eq!(read_three("sma"), ["1/3", "2/3", "3", "5"]);
    // Seed 3, then 3 + (7 − 3) × 2 / 4 = 5.
    assert_eq!(read_three("ema"), ["1/3", "2/3", "3", "5"]);
    // (1 × 1 + 2 × 2 + 3 × 6) / 6 = 23 / 6, then (2 + 2 × 6 + 3 × 7) / 6 = 35 / 6.
    assert_eq!(read_three("wma"), ["1/3", "2/3", "3.833333", "5.833333"]);
}

#[test]
fn relative_strength() {
    // Changes +1, −0.5: gain (1 + 0) / 2 = 0.5, loss (0 + 0.5) / 2 = 0.25;
    // 100 × 0.5 / 0.75. Then +2: gain 0.5 + (2 − 0.5) / 2 = 1.25,
    // loss 0.25 − 0.25 / 2 = 0.125; 100 × 1.25 / 1.375.
    let mut rsi = built("rsi", &[("period", 2.0)]);
    let samples = values(&[10.0, 11.0, 10.5, 12.5]);
    let expected = ["1/3", "2/3", "66.666667", "90.909091"];
    assert_eq!(read(&mut rsi, "rsi", &samples), expected);
}

#[test]
fn convergence_and_divergence() {
    // Fast is the value itself: 2, 4, 8. Slow: (2 + 4) / 2 = 3, then
    // 3 + (8 − 3) × 2 / 3 = 6.333. macd 1, 1.667; signal their mean 1.333.
    let macd = built("macd", &[("fast", 1.0), ("slow", 2.0), ("signal", 2.0)]);
    let line = |name| read(&mut macd.clone(), name, &values(&[2.0, 4.0, 8.0]));
    assert_eq!(line("macd"), ["1/2", "1", "1.666667"]);
    assert_eq!(line("signal"), ["1/3", "2/3", "1.333333"]);
    assert_eq!(line("histogram"), ["1/3", "2/3", "0.333333"]);
}

#[test]
fn bollinger_bands_and_z_score() {
    // Of 1 and 3: mean 2, deviation 1. Bands 2 ± 2 × 1; 3 lies at 3 / 4 of 0 to 4.
    let bands = built("bollinger", &[("period", 2.0)]);
    let line = |name| read(&mut bands.clone(), name, &values(&[1.0, 3.0]));
    let lines = ["middle", "upper", "lower", "percent_b", "bandwidth"];
    let read_second = lines.map(|name| line(name)[1].clone());
    assert_eq!(read_second, ["2", "4", "0", "0.75", "2"]);
    // (3 − 2) / 1, then of 3 and 1 (1 − 2) / 1.
    let mut score = built("z_score", &[("period", 2.0)]);
    let samples = values(&[1.0, 3.0, 1.0]);
    assert_eq!(read(&mut score, "score", &samples), ["1/2", "1", "-1"]);
}

#[test]
fn true_range_and_keltner() {
    let samples = bars(&[
        (10.0, 8.0, 9.0),
        // 12 to 9: 3.
        (12.0, 9.0, 11.0),
        // 13 to the close before, 11: 2. The seed is (3 + 2) / 2.
        (13.0, 12.0, 12.5),
        // The close before, 12.5, to 9.5: 3. 2.5 + (3 − 2.5) / 2.
        (12.0, 9.5, 10.0),
    ]);
    let mut atr = built("atr", &[("period", 2.0)]);
    assert_eq!(
        read(&mut atr, "atr", &samples),
        ["1/3", "2/3", "2.5", "2.75"]
    );
    // (9 + 11) / 2 = 10, and the range of the second bar, 3, twice each way.
    let keltner = built("keltner", &[("period", 2.0), ("atr_period", 1.0)]);
    let line = |name| read(&mut keltner.clone(), name, &samples[..2]);
    assert_eq!(line("middle"), ["1/2", "10"]);
    assert_eq!(line("upper"), ["1/2", "16"]);
    assert_eq!(line("lower"), ["1/2", "4"]);
}

#[test]
fn direction() {
    let samples = bars(&[
        (10.0, 8.0, 9.0),
        // Up 2, down −1: +2. True range 3.
        (12.0, 9.0, 11.0),
        // Up −1, down 1: −1. True range 3. Means +1, −0.5, 3: DI 33.3 and 16.7,
        // DX 100 × 16.7 / 50 = 33.3.
        (11.0, 8.0, 8.5),
        // Up 3: +3. True range 14 − 8.5 = 5.5. Means 2, 0.25, 4.25: DI 47.06 and
        // 5.88, DX 100 × 1.75 / 2.25 = 77.8. ADX (33.3 + 77.8) / 2.
        (14.0, 9.0, 13.0),
    ]);
    let adx = built("adx", &[("period", 2.0)]);
    let line = |name| read(&mut adx.clone(), name, &samples);
    assert_eq!(line("plus_di"), ["1/3", "2/3", "33.333333", "47.058824"]);
    assert_eq!(line("minus_di"), ["1/3", "2/3", "16.666667", "5.882353"]);
    assert_eq!(line("adx"), ["1/4", "2/4", "3/4", "55.555556"]);
}

#[test]
fn stochastic_and_donchian() {
    let samples = bars(&[
        (10.0, 8.0, 9.0),
        // 8 to 12: 100 × (11 − 8) / 4.
        (12.0, 9.0, 11.0),
        // 9 to 12: 100 × (10 − 9) / 3. The mean of both: 54.17.
        (11.0, 10.0, 10.0),
    ]);
    let parameters = [("period", 2.0), ("smooth", 1.0), ("signal", 2.0)];
    let stochastic = built("stochastic", &parameters);
    let line = |name| read(&mut stochastic.clone(), name, &samples);
    assert_eq!(line("k"), ["1/2", "75", "33.333333"]);
    assert_eq!(line("d"), ["1/3", "2/3", "54.166667"]);

    let with = built("donchian", &[("period", 2.0)]);
    let line = |name| read(&mut with.clone(), name, &samples);
    assert_eq!(line("upper"), ["1/2", "12", "12"]);
    assert_eq!(line("lower"), ["1/2", "8", "9"]);
    assert_eq!(line("middle"), ["1/2", "10", "10.5"]);
    let mut before = built("donchian", &[("period", 2.0), ("offset", 1.0)]);
    assert_eq!(read(&mut before, "lower", &samples), ["1/3", "2/3", "8"]);
}

#[test]
fn volume_with_and_against_the_price() {
    let bar = |close: f64, volume: f64| {
        let candle = candle(close, close, close);
        Sample::Bar(Candle { volume, ..candle })
    };
    let samples = [
        bar(10.0, 5.0),
        bar(11.0, 3.0),
        bar(11.0, 4.0),
        bar(9.0, 2.0),
    ];
    // 0, + 3, unchanged, − 2.
    let balance = read(&mut built("obv", &[]), "obv", &samples);
    assert_eq!(balance, ["0", "3", "3", "1"]);
}

#[test]
fn the_average_price_begins_anew_with_each_session() {
    let bar = |session, close: f64, volume, notional| {
        Sample::Bar(Candle {
            session,
            volume,
            notional,
            ..candle(close, close, close)
        })
    };
    let samples = [
        bar(1, 11.0, 10.0, 100.0),
        bar(1, 12.0, 4.0, 60.0),
        bar(2, 9.0, 0.0, 0.0),
        bar(2, 9.0, 2.0, 20.0),
    ];
    let vwap = built("vwap", &[]);
    let line = |name| read(&mut vwap.clone(), name, &samples);
    // 100 / 10, 160 / 14; then nothing traded; 20 / 2.
    assert_eq!(line("vwap"), ["10", "11.428571", "-", "10"]);
    // 11 is 10 % above 10, 12 is 5 % above 160 / 14, 9 is 10 % below 10.
    assert_eq!(line("deviation"), ["10", "5", "-", "-10"]);
}

#[test]
fn change_and_volatility() {
    // 100 × (5 − 4) / 4.
    let mut change = built("rate_of_change", &[("period", 2.0)]);
    let samples = values(&[4.0, 4.5, 5.0]);
    assert_eq!(read(&mut change, "percent", &samples), ["1/3", "2/3", "25"]);
    // Returns ln 1.1 and ln 0.9; the deviation of two is their distance / √2:
    // 0.200671 / 1.414214 = 0.141896. Four a year: × 2.
    let parameters = [("period", 2.0), ("per_year", 4.0)];
    let mut volatility = built("realised_volatility", &parameters);
    let samples = values(&[100.0, 110.0, 99.0]);
    let expected = ["1/3", "2/3", "0.283791"];
    assert_eq!(read(&mut volatility, "volatility", &samples), expected);
}

#[test]
fn anomalies_are_judged_by_what_came_before_them() {
    // Before 6: mean 2, deviation 1. 6 / 2 and (6 − 2) / 1.
    let spike = built("volume_spike", &[("period", 2.0)]);
    let line = |name| read(&mut spike.clone(), name, &values(&[1.0, 3.0, 6.0]));
    assert_eq!(line("ratio"), ["1/3", "2/3", "3"]);
    assert_eq!(line("score"), ["1/3", "2/3", "4"]);

    // 200, 100 and 400 basis points of 100; before 400: mean 150, deviation 50.
    let spread = built("spread_anomaly", &[("period", 2.0)]);
    let samples = quotes(&[(0, 99.0, 101.0), (1, 99.5, 100.5), (2, 98.0, 102.0)]);
    let line = |name| read(&mut spread.clone(), name, &samples);
    assert_eq!(line("spread_bps"), ["200", "100", "400"]);
    assert_eq!(line("ratio"), ["1/3", "2/3", "2.666667"]);
    assert_eq!(line("score"), ["1/3", "2/3", "5"]);

    // Gaps of 1, 3 and 10 s; before 10: mean 2, deviation 1.
    let gap = built("quote_gap", &[("period", 2.0)]);
    let samples = quotes(&[0, 1, 4, 14].map(|s| (s, 1.0, 1.0)));
    let line = |name| read(&mut gap.clone(), name, &samples);
    assert_eq!(line("gap_seconds"), ["1/2", "1", "3", "10"]);
    assert_eq!(line("ratio"), ["1/4", "2/4", "3/4", "5"]);
    assert_eq!(line("score"), ["1/4", "2/4", "3/4", "8"]);
}

#[test]
fn a_flat_market_is_neutral_or_undefined_but_never_an_extreme() {
    let flat = bars(&[(5.0, 5.0, 5.0); 4]);
    let two = [("period", 2.0)];
    let newest =
        |name: &str, parameters, line| read(&mut built(name, parameters), line, &flat)[3].clone();
    assert_eq!(newest("rsi", &two, "rsi"), "50");
    let parameters = [("period", 2.0), ("smooth", 1.0), ("signal", 1.0)];
    assert_eq!(newest("stochastic", &parameters, "k"), "50");
    assert_eq!(newest("adx", &two, "plus_di"), "0");
    assert_eq!(newest("adx", &two, "adx"), "0");
    assert_eq!(newest("z_score", &two, "score"), "-");
    assert_eq!(newest("bollinger", &two, "percent_b"), "-");
    assert_eq!(newest("volume_spike", &two, "score"), "-");
    assert_eq!(newest("realised_volatility", &two, "volatility"), "0");
}

#[test]
fn an_absurd_value_leaves_no_trace_once_it_left_the_window() {
    let mut samples = values(&[1e15]);
    samples.extend(values(&[0.1, 0.2, 0.3]));
    // In a sum that it was added to and taken from again, 0.1 to 0.3 would be lost.
    let three = [("period", 3.0)];
    let newest = |name, line| read(&mut built(name, &three), line, &samples)[3].clone();
    assert_eq!(newest("sma", "sma"), "0.2");
    assert_eq!(newest("wma", "wma"), "0.233333");
    // Deviations 0.1, 0, 0.1: √(0.02 / 3) = 0.0816497; 0.1 / 0.0816497.
    assert_eq!(newest("z_score", "score"), "1.224745");
}

#[test]
fn a_long_sum_does_not_drift() {
    let mut obv = built("obv", &[]);
    let mut balance = String::new();
    for step in 0..100_001 {
        let close = f64::from(step) + 1.0;
        let candle = Candle {
            volume: 0.1,
            ..candle(close, close, close)
        };
        let readings = obv.update(&Sample::Bar(candle)).unwrap();
        balance = readings.line("obv").unwrap().to_string();
    }
    // 100,000 × 0.1; a plain sum says 10000.000000018848.
    assert_eq!(balance, "10000");
}

#[test]
fn a_preview_says_what_an_update_would_and_changes_nothing() {
    let mut sma = built("sma", &[("period", 2.0)]);
    sma.update(&Sample::Value(1.0)).unwrap();
    let before = sma.save();
    let ahead = sma.preview(&Sample::Value(3.0)).unwrap();
    assert_eq!(ahead.line("sma"), Some(Reading::Value(2.0)));
    assert_eq!(sma.save(), before);
}

#[test]
fn the_reference_names_everything_that_can_be_written() {
    let page = reference();
    for definition in DEFINITIONS {
        let heading = format!("\n## {} (`{}`)\n", definition.title, definition.name);
        assert_eq!(page.matches(&heading).count(), 1, "{heading}");
    }
    let keltner = page
        .split("\n## ")
        .find(|part| part.starts_with("Keltner channel"))
        .unwrap();
    let expected = "Keltner channel (`keltner`)

Reads bars.

| Parameter | Default | Allowed | Meaning |
|---|---|---|---|
| `period` | 20 | a whole number from 1 to 10000 | of the average of the close |
| `atr_period` | 10 | a whole number from 1 to 10000 | of the average true range |
| `ranges` | 2 | a number from 0.01 to 100 | how many average true ranges the bands are away |

| Line | First value at sample | Meaning |
|---|---|---|
| `middle` | `period` | the average |
| `upper` | the larger of `period` and `atr_period` + 1 | the average plus the ranges |
| `lower` | the larger of `period` and `atr_period` + 1 | the average less the ranges |

- Formula: middle = ema(`period`) of the close; upper and lower = middle ± `ranges` × atr(`atr_period`).
- Start: As `ema` and `atr` are.
- Flat market: Nothing is divided by what can be zero.
";
    assert_eq!(keltner, expected);
}
