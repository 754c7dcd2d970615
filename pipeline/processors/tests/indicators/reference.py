"""Writes reference.csv: a fixed random series, and what TA-Lib says of it.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python reference.py > reference.csv

A column behind the series is named `indicator(parameter=value …).line`. A cell is
empty where nothing is compared, and `nan` where there is not enough data yet.

TA-Lib defines all but these as we do; they are aligned here:
- MACD starts its fast average late, so that both begin together. Compared with
  TA-Lib's own averages, subtracted, and its average of the difference.
- +DI, -DI and ADX begin with a sum over one bar less. What a seed was is forgotten
  by 6/7 a bar, so they are compared from the 250th bar on.
- OBV starts with the first volume, ours with 0: the first volume is taken off.
- STDDEV divides by the number of values; realised volatility by one less.
- It has no z-score, Keltner, VWAP and anomalies: composed of its SMA, STDDEV, EMA
  and ATR, and of sums.
"""

import csv
import sys

import numpy as np
import talib

ROWS = 400
WARM_UP_ROWS = 40
EACH = 15
SEEDS_FORGOTTEN = 250


def series():
    rng = np.random.default_rng(20_261_121)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.012, ROWS))), 2)
    opened = np.concatenate([[100.0], close[:-1]])
    high = np.round(np.maximum(opened, close) + rng.exponential(0.5, ROWS), 2)
    low = np.round(np.minimum(opened, close) - rng.exponential(0.5, ROWS), 2)
    half_spread = np.round(0.01 + rng.exponential(0.03, ROWS), 2)
    return {
        "session": np.arange(ROWS) // 90,
        "high": high,
        "low": low,
        "close": close,
        "volume": np.round(rng.lognormal(6, 0.7, ROWS), 1),
        "bid": np.round(close - half_spread, 2),
        "ask": np.round(close + half_spread, 2),
        "millis": np.cumsum(rng.integers(1, 4000, ROWS)),
    }


def deviation(values, period):
    return talib.STDDEV(values, period)


def score(values, period):
    return (values - talib.SMA(values, period)) / deviation(values, period)


def before(values):
    """Moves every value one row down."""
    return np.concatenate([[np.nan], values[:-1]])


def against_earlier(values, period):
    """Ratio and score of each value against the `period` values before it."""
    mean = before(talib.SMA(values, period))
    return values / mean, (values - mean) / before(deviation(values, period))


def vwap(session, typical, volume):
    of_session = session[:, None] == session[None, :]
    so_far = np.tril(of_session)
    return (so_far @ (typical * volume)) / (so_far @ volume)


def columns(s):
    high, low, close, volume = s["high"], s["low"], s["close"], s["volume"]
    found = {
        "sma(period=10).sma": talib.SMA(close, 10),
        "ema(period=10).ema": talib.EMA(close, 10),
        "wma(period=9).wma": talib.WMA(close, 9),
        "rsi(period=14).rsi": talib.RSI(close, 14),
        "atr(period=14).atr": talib.ATR(high, low, close, 14),
        "rate_of_change(period=10).percent": talib.ROC(close, 10),
        "obv().obv": talib.OBV(close, volume) - volume[0],
        "z_score(period=12).score": score(close, 12),
    }
    macd = talib.EMA(close, 6) - talib.EMA(close, 13)
    signal = np.full(ROWS, np.nan)
    signal[12:] = talib.EMA(macd[12:], 5)
    name = "macd(fast=6 slow=13 signal=5)"
    found[f"{name}.macd"] = macd
    found[f"{name}.signal"] = signal
    found[f"{name}.histogram"] = macd - signal

    upper, middle, lower = talib.BBANDS(close, 15, 2.5, 2.5)
    name = "bollinger(period=15 deviations=2.5)"
    found[f"{name}.upper"] = upper
    found[f"{name}.lower"] = lower
    found[f"{name}.percent_b"] = (close - lower) / (upper - lower)
    found[f"{name}.bandwidth"] = (upper - lower) / middle

    late = np.arange(ROWS) >= SEEDS_FORGOTTEN
    for line, values in {
        "plus_di": talib.PLUS_DI(high, low, close, 7),
        "minus_di": talib.MINUS_DI(high, low, close, 7),
        "adx": talib.ADX(high, low, close, 7),
    }.items():
        found[f"adx(period=7).{line}"] = np.where(late, values, np.inf)

    raw, _ = talib.STOCHF(high, low, close, 8, 1)
    k = np.full(ROWS, np.nan)
    k[7:] = talib.SMA(raw[7:], 3)
    d = np.full(ROWS, np.nan)
    d[9:] = talib.SMA(k[9:], 4)
    found["stochastic(period=8 smooth=3 signal=4).k"] = k
    found["stochastic(period=8 smooth=3 signal=4).d"] = d

    found["donchian(period=11).upper"] = talib.MAX(high, 11)
    found["donchian(period=11 offset=1).lower"] = before(talib.MIN(low, 11))

    middle, reach = talib.EMA(close, 12), 1.5 * talib.ATR(high, low, close, 8)
    found["keltner(period=12 atr_period=8 ranges=1.5).upper"] = middle + reach
    found["keltner(period=12 atr_period=8 ranges=1.5).lower"] = middle - reach

    returns = np.log(close[1:] / close[:-1])
    sample = deviation(returns, 16) * np.sqrt(16 / 15 * 365)
    found["realised_volatility(period=16 per_year=365).volatility"] = np.concatenate([[np.nan], sample])

    average = vwap(s["session"], talib.TYPPRICE(high, low, close), volume)
    found["vwap().vwap"] = average
    found["vwap().deviation"] = 100 * (close - average) / average

    anomalies = {
        "volume_spike(period=20)": volume,
        "spread_anomaly(period=20)": 1e4 * (s["ask"] - s["bid"]) / ((s["ask"] + s["bid"]) / 2),
    }
    for name, values in anomalies.items():
        found[f"{name}.ratio"], found[f"{name}.score"] = against_earlier(values, 20)
    ratio, gap_score = against_earlier(np.diff(s["millis"]) / 1000, 20)
    found["quote_gap(period=20).ratio"] = np.concatenate([[np.nan], ratio])
    found["quote_gap(period=20).score"] = np.concatenate([[np.nan], gap_score])
    return found


def cell(row, value):
    compared = row < WARM_UP_ROWS or row % EACH == 0
    return "" if not compared or np.isinf(value) else f"{value:.12g}"


def main():
    s = series()
    found = columns(s)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow([*s, *found])
    for row in range(ROWS):
        given = [f"{values[row]:.10g}" for values in s.values()]
        out.writerow(given + [cell(row, values[row]) for values in found.values()])


main()
