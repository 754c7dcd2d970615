//! What is refused, with what words, and that it leaves no trace.

use proptest::prelude::*;
use tapeline_model::Micros;

use super::*;
use crate::bars::{BarEvent, Print, Retention, Series};

fn candle(close: f64) -> Candle {
    Candle {
        session: 1,
        high: close,
        low: close,
        close,
        volume: 1.0,
        notional: close,
    }
}

fn quote(bid: f64, ask: f64) -> Sample {
    let time = Micros(5);
    Sample::Quote(TopOfBook { time, bid, ask })
}

fn good(reads: Reads) -> Sample {
    match reads {
        Reads::Price | Reads::Volume => Sample::Value(1.0),
        Reads::Bar => Sample::Bar(candle(1.0)),
        Reads::Quote => quote(1.0, 2.0),
    }
}

fn with_bar(change: fn(&mut Candle)) -> Sample {
    let mut bar = candle(1.0);
    change(&mut bar);
    Sample::Bar(bar)
}

/// Refuses it, unchanged, with these words.
fn refuses(name: &str, sample: &Sample, words: &str) {
    let mut indicator = Indicator::new(name, &[]).unwrap();
    indicator
        .update(&good(indicator.definition().reads))
        .unwrap();
    let before = indicator.save();
    let error = indicator.update(sample).unwrap_err();
    assert_eq!(error.to_string(), words);
    assert_eq!(indicator.save(), before);
}

#[test]
fn bad_samples_are_refused_and_change_nothing() {
    refuses(
        "sma",
        &Sample::Value(f64::NAN),
        "the value NaN is not a finite number",
    );
    refuses(
        "rsi",
        &Sample::Value(f64::INFINITY),
        "the value inf is not a finite number",
    );
    refuses(
        "ema",
        &Sample::Value(-1e33),
        "the value -1e33 is larger than 1e32",
    );
    refuses(
        "sma",
        &quote(1.0, 2.0),
        "sma reads values, or the close of bars, not quotes",
    );
    refuses(
        "quote_gap",
        &quote(2.0, 1.0),
        "the bid 2 is above the ask 1",
    );
    refuses(
        "spread_anomaly",
        &quote(0.0, 1.0),
        "the bid 0 must be above zero (at least 1e-32)",
    );
    refuses(
        "realised_volatility",
        &Sample::Value(-37.63),
        "the value -37.63 must be above zero (at least 1e-32)",
    );
    refuses(
        "atr",
        &with_bar(|bar| bar.low = f64::NAN),
        "the low NaN is not a finite number",
    );
    refuses(
        "obv",
        &with_bar(|bar| bar.volume = -1.0),
        "the volume -1 is below zero",
    );
    refuses(
        "adx",
        &with_bar(|bar| bar.low = 2.0),
        "the close 1 is not between the low 2 and the high 1",
    );
    refuses(
        "vwap",
        &with_bar(|bar| bar.session = 0),
        "the session goes back from 1 to 0; it must not decrease",
    );
    let early = Sample::Quote(TopOfBook {
        time: Micros(4),
        bid: 1.0,
        ask: 1.0,
    });
    let words = "the quote time goes back from 5 to 4; it must not decrease";
    refuses("quote_gap", &early, words);
}

#[test]
fn each_indicator_takes_what_its_definition_says() {
    let kinds = [
        Sample::Value(1.0),
        Sample::Bar(candle(1.0)),
        quote(1.0, 2.0),
    ];
    for definition in DEFINITIONS {
        let taken = kinds.map(|sample| {
            let mut indicator = Indicator::new(definition.name, &[]).unwrap();
            indicator.update(&sample).is_ok()
        });
        let expected = match definition.reads {
            Reads::Price | Reads::Volume => [true, true, false],
            Reads::Bar => [false, true, false],
            Reads::Quote => [false, false, true],
        };
        assert_eq!(taken, expected, "{}", definition.name);
    }
}

fn fault(name: &str, parameters: &[(&str, f64)]) -> String {
    Indicator::new(name, parameters).unwrap_err().to_string()
}

#[test]
fn bad_parameters_are_all_told_with_what_is_allowed() {
    assert_eq!(
        fault("macd", &[("fast", 0.5), ("slow", f64::NAN), ("pace", 1.0)]),
        "macd: fast = 0.5 is not allowed: write a whole number from 1 to 10000; \
         macd: slow = NaN is not allowed: write a whole number from 2 to 10000; \
         macd has no parameter pace; it has: fast, slow, signal"
    );
    assert_eq!(
        fault("macd", &[("fast", 26.0)]),
        "macd: fast must be below slow, but 26 is not below 26"
    );
    assert_eq!(
        fault("bollinger", &[("deviations", 0.0)]),
        "bollinger: deviations = 0 is not allowed: write a number from 0.01 to 100"
    );
    assert_eq!(
        fault("obv", &[("period", 1.0)]),
        "obv has no parameter period; it has: none"
    );
    let unknown = fault("moon_phase", &[]);
    assert!(unknown.starts_with("there is no indicator moon_phase; there are: sma, ema, "));
}

#[test]
fn the_definitions_hold_together() {
    for definition in DEFINITIONS {
        let indicator = Indicator::new(definition.name, &[]).unwrap();
        assert_eq!(
            indicator.definition().name,
            definition.name,
            "names are unique"
        );
        assert!(indicator.warm_up() > 0);
        for parameter in definition.parameters {
            let ordered = definition.ascending.is_some();
            for value in [parameter.min, parameter.default] {
                let given = [(parameter.name, value)];
                let built = Indicator::new(definition.name, &given);
                assert!(
                    built.is_ok() || ordered,
                    "{} {} {value}",
                    definition.name,
                    parameter.name
                );
            }
        }
        let named = |name: &&str| definition.parameters.iter().any(|p| p.name == *name);
        let needs = definition.lines.iter().flat_map(|line| line.needs);
        assert!(needs.flat_map(|need| need.parameters).all(named));
    }
}

#[test]
fn state_of_another_indicator_is_refused() {
    let of = |name, period| Indicator::new(name, &[("period", period)]).unwrap();
    let mut ten = of("sma", 10.0);
    ten.update(&Sample::Value(1.0)).unwrap();
    let before = ten.save();
    let other = ten.restore(&of("sma", 20.0).save()).unwrap_err();
    assert_eq!(
        other.to_string(),
        "the state is that of sma [20.0], not of sma [10.0]: let the indicator warm up anew"
    );
    assert!(ten.restore(&of("ema", 10.0).save()).is_err());
    let mut short = before.clone();
    short.numbers.pop();
    let damaged = ten.restore(&short).unwrap_err();
    assert_eq!(damaged, RestoreError::Damaged { indicator: "sma" });
    let mut long = before.clone();
    long.numbers.push(0.0);
    assert!(ten.restore(&long).is_err());
    assert_eq!(ten.save(), before);
}

#[test]
fn a_bar_becomes_a_candle() {
    let retention = Retention::new(0, 10).unwrap();
    let (mut series, mut events) = (Series::default(), Vec::new());
    for (seq, (price, size)) in [("10.5", "2"), ("9.25", "4")].into_iter().enumerate() {
        let (price, size) = (price.parse().unwrap(), size.parse().unwrap());
        let time = Micros(86_400_000_000);
        let print = Print::trade(time, seq as i64, &seq.to_string(), price, size).unwrap();
        series.take(print, &retention, &mut events).unwrap();
    }
    series.close_until(Micros(86_401_000_000), &retention, &mut events);
    let BarEvent::Closed(bar) = events[0] else {
        panic!("{events:?}");
    };
    let expected = Candle {
        session: 1,
        high: 10.5,
        low: 9.25,
        close: 9.25,
        volume: 6.0,
        // 10.5 × 2 + 9.25 × 4
        notional: 58.0,
    };
    assert_eq!(Candle::try_from(&bar), Ok(expected));
}

fn any_sample() -> impl Strategy<Value = Sample> {
    let number = prop_oneof![any::<f64>(), -1e3..1e3, Just(0.0), Just(1e32), Just(-1e32)];
    let bar = prop::array::uniform5(number.clone());
    prop_oneof![
        number.clone().prop_map(Sample::Value),
        (any::<i64>(), bar).prop_map(|(session, [high, low, close, volume, notional])| {
            Sample::Bar(Candle {
                session,
                high,
                low,
                close,
                volume,
                notional,
            })
        }),
        (any::<i64>(), number.clone(), number).prop_map(|(time, bid, ask)| {
            let time = Micros(time);
            Sample::Quote(TopOfBook { time, bid, ask })
        }),
    ]
}

proptest! {
    #[test]
    fn no_sample_makes_a_panic_or_a_number_that_is_none(
        samples in prop::collection::vec(any_sample(), 1..40),
    ) {
        for definition in DEFINITIONS {
            let mut indicator = Indicator::new(definition.name, &[]).unwrap();
            for sample in &samples {
                let before = indicator.save();
                if let Ok(readings) = indicator.update(sample) {
                    let mut values = readings.iter().filter_map(|(_, r)| r.value());
                    prop_assert!(values.all(f64::is_finite));
                } else {
                    prop_assert_eq!(indicator.save(), before);
                }
                let saved = indicator.save();
                prop_assert!(saved.numbers.iter().all(|number| number.is_finite()));
            }
        }
    }
}
