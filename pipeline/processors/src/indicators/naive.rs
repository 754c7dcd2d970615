//! Each indicator written down once more as its definition reads, from all samples
//! so far and without any state.

use super::*;

/// The lines after the last of these samples; None where there is no value.
pub fn naive(indicator: &Indicator, samples: &[Sample]) -> Vec<Option<f64>> {
    let definition = indicator.definition();
    let parameter = |name: &str| {
        let at = definition.parameters.iter().position(|p| p.name == name);
        indicator.parameters()[at.unwrap()]
    };
    let count = |name: &str| parameter(name) as usize;
    let closes: Vec<f64> = samples.iter().filter_map(close).collect();
    let bars: Vec<Candle> = samples.iter().filter_map(bar).collect();
    let newest = closes.last().copied().unwrap_or_default();
    match definition.name {
        "sma" => vec![last(&closes, count("period")).map(mean)],
        "ema" => vec![ema(&closes, count("period"))],
        "wma" => vec![last(&closes, count("period")).map(wma)],
        "rsi" => vec![rsi(&closes, count("period"))],
        "macd" => macd(&closes, count("fast"), count("slow"), count("signal")),
        "bollinger" => bollinger(&closes, count("period"), parameter("deviations")),
        "atr" => vec![wilder(&true_ranges(&bars), count("period"))],
        "adx" => adx(&bars, count("period")),
        "stochastic" => stochastic(&bars, count("period"), count("smooth"), count("signal")),
        "obv" => vec![Some(obv(&bars))],
        "vwap" => vwap(&bars),
        "z_score" => vec![last(&closes, count("period")).and_then(|w| score(w, newest))],
        "rate_of_change" => {
            let window = last(&closes, count("period") + 1);
            let old = window.map(|w| w[0]).filter(|old| *old > 0.0);
            vec![old.map(|old| 100.0 * (newest - old) / old)]
        }
        "donchian" => donchian(&bars, count("period"), count("offset")),
        "keltner" => {
            let middle = ema(&closes, count("period"));
            let range = wilder(&true_ranges(&bars), count("atr_period"));
            let away = range.map(|range| range * parameter("ranges"));
            let band = |sign: f64| middle.zip(away).map(|(middle, away)| middle + sign * away);
            vec![middle, band(1.0), band(-1.0)]
        }
        "realised_volatility" => {
            let returns: Vec<f64> = closes.windows(2).map(|w| (w[1] / w[0]).ln()).collect();
            let window = last(&returns, count("period"));
            vec![window.map(|w| deviation(w, 1.0) * parameter("per_year").sqrt())]
        }
        "volume_spike" => {
            let volumes: Vec<f64> = samples.iter().filter_map(volume).collect();
            anomaly(&volumes, count("period")).to_vec()
        }
        "spread_anomaly" => {
            let spreads: Vec<f64> = samples.iter().filter_map(spread).collect();
            let [ratio, score] = anomaly(&spreads, count("period"));
            vec![spreads.last().copied(), ratio, score]
        }
        "quote_gap" => {
            let times: Vec<i64> = samples.iter().filter_map(micros).collect();
            let gap = |w: &[i64]| (w[1] - w[0]) as f64 / 1e6;
            let gaps: Vec<f64> = times.windows(2).map(gap).collect();
            let [ratio, score] = anomaly(&gaps, count("period"));
            vec![gaps.last().copied(), ratio, score]
        }
        other => panic!("{other} is not written down here"),
    }
}

fn close(sample: &Sample) -> Option<f64> {
    match sample {
        Sample::Value(value) => Some(*value),
        Sample::Bar(candle) => Some(candle.close),
        Sample::Quote(_) => None,
    }
}

fn volume(sample: &Sample) -> Option<f64> {
    match sample {
        Sample::Value(value) => Some(*value),
        Sample::Bar(candle) => Some(candle.volume),
        Sample::Quote(_) => None,
    }
}

fn bar(sample: &Sample) -> Option<Candle> {
    match sample {
        Sample::Bar(candle) => Some(*candle),
        _ => None,
    }
}

fn spread(sample: &Sample) -> Option<f64> {
    match sample {
        Sample::Quote(q) => Some(1e4 * (q.ask - q.bid) / f64::midpoint(q.ask, q.bid)),
        _ => None,
    }
}

fn micros(sample: &Sample) -> Option<i64> {
    match sample {
        Sample::Quote(q) => Some(q.time.0),
        _ => None,
    }
}

fn last<T>(all: &[T], count: usize) -> Option<&[T]> {
    all.len().checked_sub(count).map(|first| &all[first..])
}

/// Around the first value, so that the mean of equal values is exactly theirs.
fn mean(values: &[f64]) -> f64 {
    let first = values[0];
    first + values.iter().map(|v| v - first).sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64], fewer: f64) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    (squares / (values.len() as f64 - fewer)).sqrt()
}

fn score(window: &[f64], value: f64) -> Option<f64> {
    let deviation = deviation(window, 0.0);
    (deviation > 0.0).then(|| (value - mean(window)) / deviation)
}

fn anomaly(values: &[f64], period: usize) -> [Option<f64>; 2] {
    let Some(window) = last(values, period + 1) else {
        return [None; 2];
    };
    let (value, before) = (window[period], &window[..period]);
    let usual = mean(before);
    let ratio = (usual > 0.0).then(|| value / usual);
    [ratio, score(before, value)]
}

fn wma(window: &[f64]) -> f64 {
    let weights = 1..=window.len();
    let total: usize = weights.clone().sum();
    let sum: f64 = weights.zip(window).map(|(w, v)| w as f64 * v).sum();
    sum / total as f64
}

fn ema(values: &[f64], period: usize) -> Option<f64> {
    let weight = 2.0 / (period as f64 + 1.0);
    let seed = mean(values.get(..period)?);
    let rest = values[period..].iter();
    Some(rest.fold(seed, |ema, v| (1.0 - weight) * ema + weight * v))
}

fn wilder(values: &[f64], period: usize) -> Option<f64> {
    let n = period as f64;
    let seed = mean(values.get(..period)?);
    let rest = values[period..].iter();
    Some(rest.fold(seed, |average, v| (average * (n - 1.0) + v) / n))
}

fn rsi(closes: &[f64], period: usize) -> Option<f64> {
    let gains: Vec<f64> = closes.windows(2).map(|w| (w[1] - w[0]).max(0.0)).collect();
    let losses: Vec<f64> = closes.windows(2).map(|w| (w[0] - w[1]).max(0.0)).collect();
    let (gain, loss) = wilder(&gains, period).zip(wilder(&losses, period))?;
    Some(match (gain > 0.0, loss > 0.0) {
        (false, false) => 50.0,
        (_, false) => 100.0,
        _ => 100.0 - 100.0 / (1.0 + gain / loss),
    })
}

fn macd(closes: &[f64], fast: usize, slow: usize, signal: usize) -> Vec<Option<f64>> {
    let at = |end: usize| ema(&closes[..end], fast).zip(ema(&closes[..end], slow));
    let all: Vec<f64> = (1..=closes.len())
        .filter_map(at)
        .map(|(fast, slow)| fast - slow)
        .collect();
    let macd = all.last().copied();
    let signal = ema(&all, signal);
    vec![macd, signal, macd.zip(signal).map(|(m, s)| m - s)]
}

fn bollinger(closes: &[f64], period: usize, deviations: f64) -> Vec<Option<f64>> {
    let Some(window) = last(closes, period) else {
        return vec![None; 5];
    };
    let middle = mean(window);
    let away = deviations * deviation(window, 0.0);
    let (upper, lower) = (middle + away, middle - away);
    let place = (window[period - 1] - lower) / (upper - lower);
    vec![
        Some(middle),
        Some(upper),
        Some(lower),
        (away > 0.0).then_some(place),
        (middle > 0.0).then(|| (upper - lower) / middle),
    ]
}

fn true_ranges(bars: &[Candle]) -> Vec<f64> {
    let one = |w: &[Candle]| {
        let (before, bar) = (w[0].close, w[1]);
        let gaps = (bar.high - before).abs().max((bar.low - before).abs());
        (bar.high - bar.low).max(gaps)
    };
    bars.windows(2).map(one).collect()
}

fn adx(bars: &[Candle], period: usize) -> Vec<Option<f64>> {
    let move_of = |w: &[Candle]| (w[1].high - w[0].high, w[0].low - w[1].low);
    let moves: Vec<(f64, f64)> = bars.windows(2).map(move_of).collect();
    let counts = |(this, other): (f64, f64)| {
        if this > other && this > 0.0 {
            this
        } else {
            0.0
        }
    };
    let ups: Vec<f64> = moves.iter().copied().map(counts).collect();
    let downs: Vec<f64> = moves.iter().map(|(u, d)| counts((*d, *u))).collect();
    let ranges = true_ranges(bars);
    let at = |end: usize| {
        let range = wilder(&ranges[..end], period)?;
        let plus = wilder(&ups[..end], period)?;
        let minus = wilder(&downs[..end], period)?;
        let index = |moved: f64| {
            if range > 0.0 {
                100.0 * moved / range
            } else {
                0.0
            }
        };
        Some((index(plus), index(minus)))
    };
    let all: Vec<(f64, f64)> = (1..=ranges.len()).filter_map(at).collect();
    let directions: Vec<f64> = all
        .iter()
        .map(|(plus, minus)| match plus + minus {
            0.0 => 0.0,
            both => 100.0 * (plus - minus).abs() / both,
        })
        .collect();
    let newest = all.last().copied();
    vec![
        newest.map(|(plus, _)| plus),
        newest.map(|(_, minus)| minus),
        wilder(&directions, period),
    ]
}

fn highest(bars: &[Candle]) -> f64 {
    bars.iter().map(|b| b.high).fold(f64::MIN, f64::max)
}

fn lowest(bars: &[Candle]) -> f64 {
    bars.iter().map(|b| b.low).fold(f64::MAX, f64::min)
}

fn stochastic(bars: &[Candle], period: usize, smooth: usize, signal: usize) -> Vec<Option<f64>> {
    let raw = |window: &[Candle]| {
        let (high, low) = (highest(window), lowest(window));
        let close = window[period - 1].close;
        if high > low {
            100.0 * (close - low) / (high - low)
        } else {
            50.0
        }
    };
    let raws: Vec<f64> = bars.windows(period).map(raw).collect();
    let ks: Vec<f64> = raws.windows(smooth).map(mean).collect();
    vec![ks.last().copied(), last(&ks, signal).map(mean)]
}

fn obv(bars: &[Candle]) -> f64 {
    let signed = |w: &[Candle]| match w[1].close.total_cmp(&w[0].close) {
        std::cmp::Ordering::Less => -w[1].volume,
        std::cmp::Ordering::Equal => 0.0,
        std::cmp::Ordering::Greater => w[1].volume,
    };
    bars.windows(2).map(signed).sum()
}

fn vwap(bars: &[Candle]) -> Vec<Option<f64>> {
    let newest = bars[bars.len() - 1];
    let session = || bars.iter().filter(|bar| bar.session == newest.session);
    let notional: f64 = session().map(|bar| bar.notional).sum();
    let volume: f64 = session().map(|bar| bar.volume).sum();
    let vwap = (volume > 0.0).then(|| notional / volume);
    let deviation = |vwap: f64| 100.0 * (newest.close - vwap) / vwap;
    vec![vwap, vwap.filter(|vwap| *vwap > 0.0).map(deviation)]
}

fn donchian(bars: &[Candle], period: usize, offset: usize) -> Vec<Option<f64>> {
    let shown = &bars[..bars.len().saturating_sub(offset)];
    let window = last(shown, period);
    let upper = window.map(highest);
    let lower = window.map(lowest);
    let middle = upper
        .zip(lower)
        .map(|(upper, lower)| f64::midpoint(upper, lower));
    vec![upper, lower, middle]
}
