//! Bars as prints. The market makes bars of trades and takes none, so a bar is told
//! as the trades that it could have come from:
//!
//! - the open at its start, and again 100 ms later: the first print ends the bar
//!   before, and what is decided on that trades at the second one, so at the open;
//! - then the high, then the low: a holder is worth most before the fall, which
//!   makes the drawdown as large as the bar allows (for a short position it is the
//!   rise that comes first, so the other way round it is milder);
//! - the close 100 ms before its end.
//!
//! The volume is split evenly. A bar without volume has prints of the smallest size.

use tapeline_model::Micros;
use tapeline_model::money::{Price, Quantity};

use super::row::Bar;

const PRINTS: i64 = 5;
const MARGIN: i64 = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Print {
    pub time: Micros,
    pub price: Price,
    pub size: Quantity,
}

pub(super) fn prints(start: Micros, bar: &Bar) -> impl Iterator<Item = Print> + use<> {
    let after = |micros: i64| Micros(start.0.saturating_add(micros));
    let moments = [
        (after(0), bar.open),
        (after(MARGIN), bar.open),
        (after(bar.length / 3), bar.high),
        (after(bar.length / 3 * 2), bar.low),
        (after(bar.length - MARGIN), bar.close),
    ];
    let total = bar.volume.raw();
    let each = (total / PRINTS).max(1);
    let last = (total - each * (PRINTS - 1)).max(1);
    let sizes = [each, each, each, each, last];
    moments
        .into_iter()
        .zip(sizes)
        .map(|((time, price), size)| Print {
            time,
            price,
            // Not larger than the volume that it is a part of.
            size: Quantity::from_raw(size).unwrap_or(Quantity::ONE),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(length: i64, volume: &str) -> Vec<(i64, String, String)> {
        let bar = Bar {
            length,
            open: "10".parse().unwrap(),
            high: "12".parse().unwrap(),
            low: "9".parse().unwrap(),
            close: "11".parse().unwrap(),
            volume: volume.parse().unwrap(),
        };
        let shown = |p: Print| (p.time.0, p.price.to_string(), p.size.to_string());
        prints(Micros(0), &bar).map(shown).collect()
    }

    fn print(time: i64, price: &str, size: &str) -> (i64, String, String) {
        (time, price.to_owned(), size.to_owned())
    }

    #[test]
    fn a_bar_is_its_open_twice_its_extremes_and_its_close() {
        assert_eq!(
            shown(60_000_000, "10.00000003"),
            [
                print(0, "10", "2"),
                print(100_000, "10", "2"),
                print(20_000_000, "12", "2"),
                print(40_000_000, "9", "2"),
                print(59_900_000, "11", "2.00000003"),
            ]
        );
        let times: Vec<i64> = shown(1_000_000, "1").into_iter().map(|p| p.0).collect();
        assert_eq!(times, [0, 100_000, 333_333, 666_666, 900_000]);
    }

    #[test]
    fn a_bar_without_volume_has_the_smallest_prints() {
        let sizes: Vec<String> = shown(1_000_000, "0").into_iter().map(|p| p.2).collect();
        assert_eq!(sizes, vec!["0.00000001"; 5]);
    }
}
