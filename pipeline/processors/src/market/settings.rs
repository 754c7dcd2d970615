use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bars::Retention;
use crate::settings::{Faults, SettingFault, SymbolSet, check_range, check_symbols};
use crate::signals::{self, Interval, RuleSettings};

/// What the processor is told; without a limit, it does not judge.
#[derive(Debug, Clone, PartialEq)]
pub struct MarketSettings {
    /// A spread beyond this many basis points of the price between is alerted.
    pub wide_spread_bps: Option<u32>,
    /// A record further ahead of the clock than this is refused.
    pub max_ahead_ms: Option<i64>,
    /// A quote with one side counts where the newest with both is older than this;
    /// with None only where there is none.
    pub quote_staleness_ms: Option<i64>,
    /// A price beyond this many percent of the last one, or below the inverse of
    /// that, is alerted and not used.
    pub max_jump_percent: Option<u32>,
    /// A price that jumped is believed once it has stood for so long.
    pub jump_confirm_ms: i64,
    /// The same trouble of a symbol is not told more often than this.
    pub flag_again_ms: i64,
    pub bars: Vec<BarSettings>,
    pub rules: Vec<RuleSettings>,
    /// SHA-256 of the configuration these come from; stands in each signal.
    pub config_hash: String,
}

impl Default for MarketSettings {
    fn default() -> Self {
        Self {
            wide_spread_bps: None,
            max_ahead_ms: None,
            quote_staleness_ms: None,
            max_jump_percent: None,
            jump_confirm_ms: 5_000,
            flag_again_ms: 60_000,
            bars: Vec::new(),
            rules: Vec::new(),
            config_hash: String::new(),
        }
    }
}

/// Bars of some symbols.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BarSettings {
    /// `*` alone is every symbol that no other entry lists.
    pub symbols: Vec<String>,
    pub of: BarsOf,
    /// Which are told on market.bars; rules can look at any.
    pub intervals: Vec<Interval>,
    /// How late a print may come, and how long it can be corrected.
    pub lateness_ms: i64,
    /// How many prints are kept for that, at most; of quotes never more than 16.
    pub max_prints: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BarsOf {
    #[default]
    Trades,
    /// The price between bid and ask of each quote; without volume.
    Mids,
}

impl Default for BarSettings {
    fn default() -> Self {
        Self {
            symbols: Vec::new(),
            of: BarsOf::Trades,
            intervals: vec![
                Interval::Second,
                Interval::Minute,
                Interval::FiveMinutes,
                Interval::Hour,
                Interval::Day,
            ],
            lateness_ms: 5_000,
            max_prints: 500,
        }
    }
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

impl MarketSettings {
    /// Everything that is wrong, with keys below `[market]`.
    pub fn faults(&self) -> Vec<SettingFault> {
        let mut faults = Faults::default();
        self.check_limits(&mut faults);
        self.check_bars(&mut faults);
        let sets: Vec<SymbolSet> = self
            .bars
            .iter()
            .map(|b| SymbolSet::new(&b.symbols))
            .collect();
        let has_bars = |symbols: &SymbolSet| match symbols {
            SymbolSet::Every => !sets.is_empty(),
            SymbolSet::Listed(listed) => listed
                .iter()
                .all(|s| sets.iter().any(|set| set.holds(s.as_str()))),
        };
        signals::check(&self.rules, &has_bars, &mut faults);
        faults.all()
    }

    fn check_limits(&self, faults: &mut Faults) {
        if let Some(percent) = self.max_jump_percent.filter(|percent| *percent <= 100) {
            let remedy = "is no jump: write more than 100, like 300 for three times the last price";
            faults.add("max_jump_percent", percent, remedy);
        }
        let times = [
            ("max_ahead_ms", self.max_ahead_ms, 0, DAY_MS),
            ("quote_staleness_ms", self.quote_staleness_ms, 1, DAY_MS),
            ("jump_confirm_ms", Some(self.jump_confirm_ms), 0, HOUR_MS),
            ("flag_again_ms", Some(self.flag_again_ms), 1_000, DAY_MS),
        ];
        for (key, value, min, max) in times {
            if let Some(value) = value {
                check_range(key.to_owned(), value, min..=max, faults);
            }
        }
    }

    fn check_bars(&self, faults: &mut Faults) {
        for (place, bars) in self.bars.iter().enumerate() {
            let key = format!("bars[{place}]");
            check_symbols(&format!("{key}.symbols"), &bars.symbols, faults);
            if bars.intervals.contains(&Interval::Quote) {
                let remedy = "is no interval of bars: write 1s, 1m, 5m, 1h or 1d";
                faults.add(format!("{key}.intervals"), "quote", remedy);
            }
            if let Err(error) = Retention::new(bars.lateness_ms, bars.max_prints) {
                let shown = format!("{} ms, {} prints:", bars.lateness_ms, bars.max_prints);
                faults.add(&key, shown, error.to_string());
            }
            let earlier = self.bars.iter().take(place).flat_map(|bars| &bars.symbols);
            let mut earlier: Vec<&String> = earlier.collect();
            earlier.sort_unstable();
            for symbol in &bars.symbols {
                if earlier.binary_search(&symbol).is_ok() {
                    let remedy = "has bars already: list it once";
                    faults.add(format!("{key}.symbols"), symbol, remedy);
                }
            }
        }
    }
}
