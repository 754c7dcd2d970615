//! Moments as files write them.
//!
//! A text with `T` is RFC 3339 with an offset (`2026-11-21T09:30:00.25Z`). An integer
//! counts from 1970, in the unit that its magnitude tells: below 10¹¹ seconds, below
//! 10¹⁴ milliseconds, below 10¹⁷ microseconds, above that nanoseconds. So moments
//! before March 1973 can only be written in seconds or as text. What is finer than
//! a microsecond is cut off.

use jiff::Timestamp;
use tapeline_model::Micros;

use super::error::Fault;

pub(super) const TIME: &str = "time";

const REMEDY: &str = "is no time: write RFC 3339 with an offset, like 2026-11-21T09:30:00Z, or an \
                      integer of seconds, milliseconds, microseconds or nanoseconds since 1970";

/// Units of an integer, with the first number that is too large for each.
const SECONDS_END: i64 = 100_000_000_000;
const MILLIS_END: i64 = SECONDS_END * 1_000;
const MICROS_END: i64 = MILLIS_END * 1_000;

pub(super) fn parse(text: &str) -> Result<Micros, Fault> {
    let fault = || Fault::of(TIME, text, REMEDY);
    let micros = if let Ok(number) = text.parse::<i64>() {
        of_integer(number)
    } else {
        let moment: Timestamp = text.parse().map_err(|_| fault())?;
        moment.as_microsecond()
    };
    check(Micros(micros), text)
}

pub(super) fn check(time: Micros, text: &str) -> Result<Micros, Fault> {
    if time.is_storable() {
        Ok(time)
    } else {
        Err(Fault::of(TIME, text, "lies outside 1970 to 2262"))
    }
}

fn of_integer(number: i64) -> i64 {
    match number {
        ..SECONDS_END => number.saturating_mul(1_000_000),
        SECONDS_END..MILLIS_END => number.saturating_mul(1_000),
        MILLIS_END..MICROS_END => number,
        _ => number.div_euclid(1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_moment_is_the_same_moment() {
        for text in [
            "1795253400",
            "1795253400000",
            "1795253400000000",
            "1795253400000000999",
            "2026-11-21T09:30:00Z",
            "2026-11-21T10:30:00+01:00",
            "2026-11-21T09:30:00.000000999Z",
        ] {
            assert_eq!(parse(text), Ok(Micros(1_795_253_400_000_000)), "{text}");
        }
        assert_eq!(
            parse("2026-11-21T09:30:00.25Z"),
            Ok(Micros(1_795_253_400_250_000))
        );
    }

    #[test]
    fn what_is_no_moment_is_told() {
        for text in ["", "soon", "1.5", "2026-11-21", "2026-11-21T09:30:00"] {
            let fault = parse(text).unwrap_err();
            assert_eq!(fault.value.as_deref(), Some(text));
            assert!(fault.remedy.contains("RFC 3339"), "{fault}");
        }
        for text in ["-1", "1969-12-31T23:59:59Z", "2300-01-01T00:00:00Z"] {
            let fault = parse(text).unwrap_err();
            assert!(fault.remedy.contains("1970 to 2262"), "{text}: {fault}");
        }
    }
}
