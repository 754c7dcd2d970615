use serde::{Deserialize, Serialize};
use tapeline_model::ids::Symbol;
use tapeline_model::records::BarSource;
use tapeline_model::{Micros, Origin};
use tapeline_schemas::codec::Record;
use tapeline_schemas::topics::Topic;

use crate::bars::{Print, Series};
use crate::store::StateKey;

const SECOND: i64 = 1_000_000;

/// The bars of a symbol, and what a tick has to know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tracked {
    pub of: BarSource,
    partition: i32,
    offset: i64,
    /// How far event time was behind the clock at the newest print, rounded up: while
    /// it stays silent, time is taken to go on like that. Old records that are read
    /// after a pause are not cut off by the clock in this way.
    pub lag_seconds: i64,
    pub series: Series,
}

impl Record for Tracked {
    const RECORD: &'static str = "state_series";
}

impl Tracked {
    pub fn new(of: BarSource) -> Self {
        Self {
            of,
            partition: 0,
            offset: 0,
            lag_seconds: 1,
            series: Series::default(),
        }
    }

    pub fn origin(&self) -> Origin {
        Origin {
            topic: match self.of {
                BarSource::Trades => Topic::MarketTrades,
                BarSource::Mids => Topic::MarketQuotes,
            },
            partition: self.partition as u32,
            offset: self.offset as u64,
        }
    }

    pub fn note(&mut self, origin: Origin, time: Option<Micros>, now: Micros) {
        self.partition = origin.partition as i32;
        self.offset = origin.offset as i64;
        if let Some(time) = time.filter(|time| self.series.watermark() == Some(*time)) {
            let behind = now.since(time).max(1);
            self.lag_seconds = behind.saturating_add(SECOND - 1) / SECOND;
        }
    }

    pub fn wake(&self) -> Option<Micros> {
        let close = self.series.next_close()?;
        Some(close.plus_millis(self.lag_seconds.saturating_mul(1_000)))
    }
}

/// The prints of one symbol and second that can still be corrected: stored apart, so
/// that a new print costs the writing of its own second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Prints {
    pub prints: Vec<Print>,
}

impl Record for Prints {
    const RECORD: &'static str = "state_prints";
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SecondKey {
    pub symbol: Symbol,
    pub start: Micros,
}

impl StateKey for SecondKey {
    fn write(&self, out: &mut Vec<u8>) {
        self.symbol.write(out);
        out.push(0);
        out.extend_from_slice(&self.start.0.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (front, start) = bytes.split_last_chunk()?;
        Some(Self {
            symbol: Symbol::read(front.strip_suffix(&[0])?)?,
            start: Micros(i64::from_be_bytes(*start)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bars::{Frame, Retention};

    /// Four prints, the third of which was cancelled.
    fn tracked() -> Tracked {
        let retention = Retention::new(5_000, 2).unwrap();
        let mut tracked = Tracked::new(BarSource::Trades);
        (tracked.partition, tracked.offset) = (3, 1_000_000);
        let (series, told) = (&mut tracked.series, &mut Vec::new());
        for n in 0..4 {
            let time = Micros(1_795_252_062_000_000 + n * 700_000);
            let (price, size) = ("189.12".parse().unwrap(), "1.5".parse().unwrap());
            let print = Print::trade(time, n, &n.to_string(), price, size).unwrap();
            series.take(print, &retention, told).unwrap();
        }
        series.cancel("2", &retention, told).unwrap();
        tracked
    }

    #[test]
    fn golden_bytes_of_a_series() {
        let mut tracked = tracked();
        // Its prints are stored apart.
        tracked.series.restore([]);
        crate::golden::assert_golden(&tracked);
    }

    #[test]
    fn golden_bytes_of_prints() {
        let series = tracked().series;
        let start = Frame::Second.start_of(series.newest().unwrap().time());
        let prints: Vec<Print> = series.of_second(start).cloned().collect();
        crate::golden::assert_golden(&Prints { prints });
    }

    #[test]
    fn a_key_is_a_symbol_and_a_second() {
        let key = SecondKey {
            symbol: Symbol::new("A"),
            start: Micros(256),
        };
        let mut bytes = Vec::new();
        key.write(&mut bytes);
        assert_eq!(bytes, b"A\0\0\0\0\0\0\0\x01\0");
        assert_eq!(SecondKey::read(&bytes), Some(key));
        assert_eq!(SecondKey::read(b"A\0"), None);
        assert_eq!(SecondKey::read(b"AB12345678"), None);
    }
}
