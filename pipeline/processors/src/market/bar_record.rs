use tapeline_model::Micros;
use tapeline_model::ids::Symbol;
use tapeline_model::money::Money;
use tapeline_model::records::{self, BarSource};

use super::NAME;
use crate::bars::{BarEvent, Frame, Ohlcv, Volume};

pub(super) fn frame_of(event: &BarEvent) -> Frame {
    match event {
        BarEvent::Closed(bar) | BarEvent::Amended(bar) => bar.frame,
        BarEvent::Withdrawn { frame, .. } => *frame,
    }
}

/// None of a bar whose volume outgrew its column.
pub(super) fn record(
    symbol: &Symbol,
    of: BarSource,
    event: &BarEvent,
    now: Micros,
) -> Option<records::Bar> {
    let (frame, start, revision, ohlcv) = match *event {
        BarEvent::Closed(bar) | BarEvent::Amended(bar) => {
            (bar.frame, bar.start, bar.revision, bar.ohlcv)
        }
        // Its prices are those that were told before, its count says that nothing is left.
        BarEvent::Withdrawn {
            frame,
            start,
            revision,
            was,
        } => {
            let nothing = Ohlcv {
                volume: Some(Volume::ZERO),
                count: 0,
                ..was
            };
            (frame, start, revision, nothing)
        }
    };
    Some(records::Bar {
        symbol: symbol.clone(),
        venue: NAME.to_owned(),
        interval: frame.as_str().to_owned(),
        start,
        open: ohlcv.open,
        high: ohlcv.high,
        low: ohlcv.low,
        close: ohlcv.close,
        volume: Money::from_raw(ohlcv.volume?.raw())?,
        count: ohlcv.count,
        of,
        revision,
        event_time: frame.end_of(start),
        ingest_time: now,
        source: NAME.to_owned(),
    })
}
