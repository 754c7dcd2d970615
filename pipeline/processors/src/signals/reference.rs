/// The page about rules and signals, in Markdown.
pub fn reference() -> String {
    [HEAD, KINDS, STATES, KEYS, EXAMPLE, SIGNAL].join("\n")
}

const HEAD: &str = "\
# Rules and signals

A rule looks at each bar of its interval when the bar is closed, or at each quote, symbol by symbol, \
and has a state: long, short, flat or on. When the state changes, it tells a signal. \
What an indicator is, how it starts and how many samples it needs stands in [indicators.md](indicators.md); \
until all its values are there, a rule has no state and tells nothing.

A bar is looked at once, as it was told first. A late, corrected or cancelled print may amend the bar, \
but changes no indicator and no signal: what is told at a moment depends on nothing that came later.
";

const KINDS: &str = "\
## Kinds

| `when` | State | What is news at its first look |
|---|---|---|
| `cross = { a, b }` | long while `a` is above `b`, short while it is below; equal values stay on the side where they were | nothing: where the values are is not a crossing |
| `threshold = { of, above or below, back, then }` | `then` from the moment the value is above `above` (or below `below`) until it is back at `back`; flat otherwise. `back` is the level itself unless it is given | a value beyond the level |
| `breakout = { period, flat_at_middle }` | long when the close is above the highest high of the `period` bars before, short when it is below their lowest low, until it breaks out on the other side, or with `flat_at_middle` until it is back in the middle of that range | a close outside the range |
| `combination = { of, then }` | `then` while the formula is true, flat while it is false | nothing |

A formula is `{ rule = { name, is } }` with `is` one of `on` (the default: anything but flat), `long`, `short`, `flat`, \
or `{ all = [...] }`, `{ any = [...] }`, `{ not = ... }` of formulas. It names rules that stand before it. \
A rule without a state is unknown: `all` with one false part is false, `any` with one true part is true, \
and what depends on the unknown changes nothing. When bars of several intervals close at once, \
the rules look in the order in which they are listed.

`then` is `long`, `short` or `neutral` (the default: something is unusual, without a direction). The end of a neutral state is not told.
";

const STATES: &str = "\
## Cooldown and session

Within `cooldown_seconds` after a signal, by event time, and outside of `session`, no new direction is told. \
The end of a direction that was told always is, as FLAT; a turn to the other side is then told as FLAT, too. \
What was not told is not told later: the next change of the state is. \
A session's hours are those of each day in UTC, the end not among them, and may go over midnight; \
a bar belongs to the session that its last moment belongs to.
";

const KEYS: &str = "\
## Keys

| Key | Default | Meaning |
|---|---|---|
| `name` | | stands in its signals: letters, digits and `_ - .` |
| `symbols` | `[\"*\"]` | the symbols it looks at, each for itself; `*` is every one that has bars |
| `interval` | | `1s`, `1m`, `5m`, `1h`, `1d` of the configured bars, or `quote` |
| `when` | | one of the kinds |
| `tell` | `true` | `false`: only other rules use its state |
| `cooldown_seconds` | 0 | see above |
| `session` | always | `{ from, to }` |
| `with` | none | further values to be told with each signal |

A value is exactly one of `{ indicator, parameters, line }`, `{ bar }` (`open`, `high`, `low`, `close`, `volume`) \
and `{ number }`. At quotes, `close` is the price between bid and ask, and indicators read it or the quote itself.
";

const EXAMPLE: &str = "\
## Example

```toml
[[market.rules]]
name = \"trend\"
symbols = [\"AAPL\", \"MSFT\"]
interval = \"5m\"
when = { cross = { a = { indicator = \"ema\", parameters = { period = 20 } }, b = { indicator = \"ema\", parameters = { period = 50 } } } }
session = { from = \"14:30\", to = \"21:00\" }

[[market.rules]]
name = \"spread\"
interval = \"quote\"
when = { threshold = { of = { indicator = \"spread_anomaly\", line = \"score\" }, above = 4.0, back = 1.0 } }
tell = false

[[market.rules]]
name = \"calm_trend\"
symbols = [\"AAPL\", \"MSFT\"]
interval = \"5m\"
when = { combination = { of = { all = [{ rule = { name = \"trend\", is = \"long\" } }, { not = { rule = { name = \"spread\" } } }] }, then = \"long\" } }
cooldown_seconds = 900
```
";

const SIGNAL: &str = "\
## What a signal holds

`inputs` are the values it was made from, under names like `ema(period=20)` or `macd(fast=12,slow=26,signal=9).signal`, \
and of a combination the states of the rules it names: 1 long or on, −1 short, 0 flat. \
`parameters` are those of the rule, `config_hash` that of the whole configuration. \
The cause is the newest record that the bar is made of, or the quote. `event_time` is the end of the bar. \
`signal_id` is the same whenever the same record is read again.
";
