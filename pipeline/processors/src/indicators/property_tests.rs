use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_avro_fast::ser::SerializerConfig;
use tapeline_model::Micros;

use super::naive::naive;
use super::*;

const RELATIVE: f64 = 1e-9;
/// What is left of differences of prices around 100 that should be 0.
const ABSOLUTE: f64 = 1e-10;

/// One step of a random series, as whole numbers: now and then nothing moves at all.
#[derive(Debug, Clone)]
struct Step {
    change: i64,
    above: i64,
    below: i64,
    volume: i64,
    gap: i64,
    new_session: bool,
}

fn series() -> impl Strategy<Value = Vec<Step>> {
    let or_none = |range: std::ops::Range<i64>| prop_oneof![3 => range, 1 => Just(0)];
    let change = or_none(-400..400);
    let reach = or_none(0..200);
    let step = (
        change,
        reach.clone(),
        reach,
        or_none(0..100_000),
        or_none(0..5_000_000),
        prop::bool::weighted(0.05),
    );
    let step = step.prop_map(|(change, above, below, volume, gap, new_session)| Step {
        change,
        above,
        below,
        volume,
        gap,
        new_session,
    });
    prop::collection::vec(step, 1..60)
}

fn samples(reads: Reads, steps: &[Step]) -> Vec<Sample> {
    let (mut cents, mut time, mut session) = (10_000, 1_795_252_062_123_456, 20_778);
    let one = |step: &Step| {
        cents = (cents + step.change).max(100);
        time += step.gap;
        session += i64::from(step.new_session);
        let price = |cents: i64| cents as f64 / 100.0;
        let (high, close) = (price(cents + step.above), price(cents));
        let low = price((cents - step.below).max(1));
        let volume = step.volume as f64 / 10.0;
        match reads {
            Reads::Price => Sample::Value(close),
            Reads::Volume => Sample::Value(volume),
            Reads::Quote => Sample::Quote(TopOfBook {
                time: Micros(time),
                bid: low,
                ask: high,
            }),
            Reads::Bar => Sample::Bar(Candle {
                session,
                high,
                low,
                close,
                volume,
                notional: Candle::typical_notional(high, low, close, volume),
            }),
        }
    };
    steps.iter().map(one).collect()
}

/// One of each, with parameters that warm up within a short series.
fn indicators(seed: &[u8]) -> Vec<Indicator> {
    let mut seeds = seed.iter().cycle();
    let mut small = |parameter: &Parameter| {
        let step = f64::from(*seeds.next().unwrap());
        let value = match parameter.name {
            "slow" => 9.0 + step % 3.0,
            _ if parameter.whole => parameter.min + step % 8.0,
            _ => parameter.min + step / 10.0,
        };
        (parameter.name, value.min(parameter.max))
    };
    let build = |definition: &Definition| {
        let parameters: Vec<_> = definition.parameters.iter().map(&mut small).collect();
        Indicator::new(definition.name, &parameters).unwrap()
    };
    DEFINITIONS.iter().map(build).collect()
}

fn seeds() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 32)
}

fn all_readings(indicator: &mut Indicator, samples: &[Sample]) -> Vec<Vec<Reading>> {
    let update = |sample| {
        let readings = indicator.update(sample).unwrap();
        readings.iter().map(|(_, reading)| reading).collect()
    };
    samples.iter().map(update).collect()
}

fn bits(readings: &[Vec<Reading>]) -> Vec<String> {
    let one = |reading: &Reading| match reading {
        Reading::Value(value) => format!("{:016x}", value.to_bits()),
        other => other.to_string(),
    };
    readings.iter().flatten().map(one).collect()
}

fn agrees(what: &str, ours: Reading, naive: Option<f64>) -> Result<(), TestCaseError> {
    match (ours.value(), naive) {
        (None, None) => Ok(()),
        (Some(ours), Some(naive)) => {
            let allowed = ABSOLUTE + RELATIVE * naive.abs().max(ours.abs());
            prop_assert!(
                (ours - naive).abs() <= allowed,
                "{what}: {ours} and {naive}"
            );
            Ok(())
        }
        _ => Err(TestCaseError::fail(format!(
            "{what}: {ours:?} and {naive:?}"
        ))),
    }
}

const SAVED: &str = r#"{"type": "record", "name": "Saved", "fields": [
  {"name": "indicator", "type": "string"},
  {"name": "parameters", "type": {"type": "array", "items": "double"}},
  {"name": "seen", "type": "long"},
  {"name": "numbers", "type": {"type": "array", "items": "double"}}]}"#;

fn through_avro(saved: &Saved) -> Saved {
    let schema: serde_avro_fast::Schema = SAVED.parse().unwrap();
    let bytes = serde_avro_fast::to_datum_vec(saved, &mut SerializerConfig::new(&schema));
    serde_avro_fast::from_datum_slice(&bytes.unwrap(), &schema).unwrap()
}

proptest! {
    #[test]
    fn updating_is_computing_from_scratch(steps in series(), seed in seeds()) {
        for mut indicator in indicators(&seed) {
            let definition = indicator.definition();
            let samples = samples(definition.reads, &steps);
            let readings = all_readings(&mut indicator, &samples);
            for (at, ours) in readings.iter().enumerate() {
                let expected = naive(&indicator, &samples[..=at]);
                prop_assert_eq!(expected.len(), definition.lines.len());
                for ((line, ours), naive) in definition.lines.iter().zip(ours).zip(expected) {
                    let what = format!("{}.{} of sample {at}", definition.name, line.name);
                    agrees(&what, *ours, naive)?;
                }
            }
        }
    }

    #[test]
    fn there_is_not_enough_data_until_the_warm_up_is_over(steps in series(), seed in seeds()) {
        for mut indicator in indicators(&seed) {
            let definition = indicator.definition();
            let needs = definition.needs(indicator.parameters());
            let samples = samples(definition.reads, &steps);
            let readings = all_readings(&mut indicator, &samples);
            for (have, lines) in (1..).zip(&readings) {
                for (reading, need) in lines.iter().zip(&needs) {
                    let short = Reading::NotEnough { have, need: *need };
                    prop_assert_eq!(*reading == short, have < *need, "{}", definition.name);
                }
            }
        }
    }

    #[test]
    fn what_comes_later_changes_nothing_before(
        steps in series(),
        seed in seeds(),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(steps.len());
        for mut indicator in indicators(&seed) {
            let samples = samples(indicator.definition().reads, &steps);
            let truncated = all_readings(&mut indicator.clone(), &samples[..cut]);
            let whole = all_readings(&mut indicator, &samples);
            prop_assert_eq!(bits(&truncated), bits(&whole[..cut]));
        }
    }

    #[test]
    fn restored_state_goes_on_with_the_same_bits(
        steps in series(),
        seed in seeds(),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(steps.len());
        for (mut indicator, mut restored) in indicators(&seed).into_iter().zip(indicators(&seed)) {
            let samples = samples(indicator.definition().reads, &steps);
            all_readings(&mut indicator, &samples[..cut]);
            let saved = indicator.save();
            restored.restore(&through_avro(&saved)).unwrap();
            prop_assert_eq!(&restored.save(), &saved);
            let on = all_readings(&mut indicator, &samples[cut..]);
            let on_restored = all_readings(&mut restored, &samples[cut..]);
            prop_assert_eq!(bits(&on), bits(&on_restored));
            prop_assert_eq!(restored.save(), indicator.save());
        }
    }

    #[test]
    fn damaged_state_is_never_a_panic(
        steps in series(),
        seed in seeds(),
        at in any::<prop::sample::Index>(),
        wrong in prop_oneof![Just(f64::NAN), Just(-1.0), Just(1e18), Just(0.5), any::<f64>()],
    ) {
        for mut indicator in indicators(&seed) {
            let samples = samples(indicator.definition().reads, &steps);
            all_readings(&mut indicator, &samples);
            let mut saved = indicator.save();
            if saved.numbers.is_empty() {
                continue;
            }
            let at = at.index(saved.numbers.len());
            saved.numbers[at] = wrong;
            let before = indicator.save();
            if indicator.restore(&saved).is_err() {
                prop_assert_eq!(indicator.save(), before, "refused state changes nothing");
            }
            for sample in &samples {
                let _ = indicator.update(sample);
            }
        }
    }
}
