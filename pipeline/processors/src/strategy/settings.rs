use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tapeline_model::ids::{AccountId, PortfolioId};
use tapeline_model::money::Quantity;

use super::sizing::{How, Sizing, by_range};
use crate::settings::{Faults, SettingFault, check_range, check_symbols};
use crate::signals::{self, Interval, SessionSettings};

/// What the processor is told. Without an instance it wants nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StrategySettings {
    pub instances: Vec<InstanceSettings>,
    /// Every account there is, and the portfolio it belongs to.
    pub accounts: BTreeMap<AccountId, PortfolioId>,
}

/// A strategy at work in some accounts and symbols.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InstanceSettings {
    /// Stands in its requests, and before the names of its rules.
    pub name: String,
    pub accounts: Vec<String>,
    pub symbols: Vec<String>,
    /// Of the bars it looks at.
    pub interval: Interval,
    pub trade: TradeSettings,
    pub size: SizeSettings,
    #[serde(default)]
    pub sides: Sides,
    /// Quantities are multiples of this, as a decimal.
    #[serde(default = "one")]
    pub lot: String,
    /// What one unit of the quantity stands for, as a decimal: 100 for most options.
    #[serde(default = "one")]
    pub multiplier: String,
    /// Never more than this at once, as a decimal.
    #[serde(default)]
    pub max_quantity: Option<String>,
    #[serde(default)]
    pub cooldown_seconds: u32,
    /// It enters only then.
    #[serde(default)]
    pub session: Option<SessionSettings>,
    /// Nothing is entered on a signal, a price or an equity older than this.
    #[serde(default = "ten_seconds")]
    pub max_signal_age_ms: i64,
    #[serde(default = "ten_seconds")]
    pub max_price_age_ms: i64,
    /// The equity of an account that holds nothing does not get old.
    #[serde(default = "a_minute")]
    pub max_equity_age_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TradeSettings {
    Trend(TrendSettings),
    Reversion(ReversionSettings),
    Breakout(RangeSettings),
}

/// With the trend: long while the fast average is above the slow one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrendSettings {
    pub fast: u32,
    pub slow: u32,
}

/// Against extremes: long when the price is many standard deviations below its mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReversionSettings {
    pub period: u32,
    /// How many standard deviations away it enters,
    pub enter: f64,
    /// and at how many it leaves.
    pub leave: f64,
}

/// Out of the range of the last bars, until the price is back in its middle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RangeSettings {
    pub period: u32,
}

/// How much is wanted. Fractions and quantities are decimals in quotes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SizeSettings {
    Fixed(FixedSettings),
    Equity(EquitySettings),
    Volatility(VolatilitySettings),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedSettings {
    pub quantity: String,
}

/// Worth a fraction of the equity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EquitySettings {
    pub fraction: String,
}

/// So much that a move of some average true ranges costs a fraction of the equity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolatilitySettings {
    pub risk: String,
    #[serde(default = "two")]
    pub ranges: String,
    /// Of the average true range.
    #[serde(default = "fourteen")]
    pub period: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sides {
    #[default]
    Both,
    Long,
    Short,
}

impl Default for TrendSettings {
    fn default() -> Self {
        Self { fast: 20, slow: 50 }
    }
}

impl Default for ReversionSettings {
    fn default() -> Self {
        Self {
            period: 20,
            enter: 2.0,
            leave: 0.5,
        }
    }
}

impl Default for RangeSettings {
    fn default() -> Self {
        Self { period: 20 }
    }
}

const DAY_MS: i64 = 86_400_000;

impl StrategySettings {
    /// Everything that is wrong, with keys like `strategies[0].size`. What is wrong with
    /// the rules of an instance is found among those of the market.
    pub fn faults(&self) -> Vec<SettingFault> {
        let mut faults = Faults::default();
        let mut names = BTreeSet::new();
        for (place, instance) in self.instances.iter().enumerate() {
            let key = format!("strategies[{place}]");
            if !names.insert(&instance.name) {
                let remedy = "is the name of an earlier strategy: write another one";
                faults.add(format!("{key}.name"), &instance.name, remedy);
            }
            instance.check(&key, &mut faults);
            self.check_accounts(&key, instance, &mut faults);
        }
        faults.all()
    }

    fn check_accounts(&self, key: &str, instance: &InstanceSettings, faults: &mut Faults) {
        let key = format!("{key}.accounts");
        if instance.accounts.is_empty() {
            faults.add(&key, "[]", "names no account: list those that it trades in");
        }
        for account in &instance.accounts {
            if !self.accounts.contains_key(account.as_str()) {
                faults.add(&key, account, "is unknown: add it under [[accounts]]");
            }
        }
    }
}

impl InstanceSettings {
    fn check(&self, key: &str, faults: &mut Faults) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if self.name.is_empty() || !self.name.chars().all(plain) {
            let shown = format!("{:?}", self.name);
            faults.add(
                format!("{key}.name"),
                shown,
                "must be letters, digits and _ - only",
            );
        }
        check_symbols(&format!("{key}.symbols"), &self.symbols, faults);
        if self.interval == Interval::Quote {
            let remedy = "is no interval of bars: write 1s, 1m, 5m, 1h or 1d";
            faults.add(format!("{key}.interval"), "quote", remedy);
        }
        for (name, value) in self.decimals() {
            if above_zero(value).is_none() {
                let remedy = "must be a decimal above zero in quotes, like \"0.5\"";
                faults.add(format!("{key}.{name}"), format!("{value:?}"), remedy);
            }
        }
        let ages = [
            ("max_signal_age_ms", self.max_signal_age_ms),
            ("max_price_age_ms", self.max_price_age_ms),
            ("max_equity_age_ms", self.max_equity_age_ms),
        ];
        for (name, value) in ages {
            check_range(format!("{key}.{name}"), value, 1..=DAY_MS, faults);
        }
        self.check_rules(key, faults);
        if let TradeSettings::Trend(trend) = &self.trade
            && trend.fast >= trend.slow
        {
            let shown = format!("fast {}, slow {}:", trend.fast, trend.slow);
            faults.add(
                format!("{key}.trade.trend"),
                shown,
                "fast must be below slow",
            );
        }
    }

    /// Of its rules only what its own settings do not say already.
    fn check_rules(&self, key: &str, faults: &mut Faults) {
        let mut of_rules = Faults::default();
        signals::check(&self.rules(), &|_| true, &mut of_rules);
        for fault in of_rules.all() {
            let part = if fault.key.contains(".when.") {
                "trade"
            } else if fault.key.contains(".with[") {
                "size"
            } else if fault.key.ends_with(".session") {
                "session"
            } else {
                continue;
            };
            faults.add(format!("{key}.{part}"), fault.value, fault.remedy);
        }
    }

    fn decimals(&self) -> Vec<(&'static str, &str)> {
        let mut all = vec![
            ("lot", self.lot.as_str()),
            ("multiplier", self.multiplier.as_str()),
        ];
        all.extend(
            self.max_quantity
                .iter()
                .map(|max| ("max_quantity", max.as_str())),
        );
        match &self.size {
            SizeSettings::Fixed(fixed) => {
                all.push(("size.fixed.quantity", fixed.quantity.as_str()));
            }
            SizeSettings::Equity(equity) => {
                all.push(("size.equity.fraction", equity.fraction.as_str()));
            }
            SizeSettings::Volatility(volatility) => {
                all.push(("size.volatility.risk", volatility.risk.as_str()));
                all.push(("size.volatility.ranges", volatility.ranges.as_str()));
            }
        }
        all
    }

    /// None of settings with a fault.
    pub(super) fn sizing(&self) -> Option<Sizing> {
        let how = match &self.size {
            SizeSettings::Fixed(fixed) => How::Fixed(above_zero(&fixed.quantity)?),
            SizeSettings::Equity(equity) => How::Equity(above_zero(&equity.fraction)?),
            SizeSettings::Volatility(volatility) => How::Volatility {
                risk: above_zero(&volatility.risk)?,
                ranges: above_zero(&volatility.ranges)?,
                input: by_range(volatility.period)?,
            },
        };
        let max_quantity = match &self.max_quantity {
            Some(text) => Some(above_zero(text)?),
            None => None,
        };
        Some(Sizing {
            how,
            lot: above_zero(&self.lot)?,
            multiplier: above_zero(&self.multiplier)?,
            max_quantity,
        })
    }
}

fn above_zero(text: &str) -> Option<Quantity> {
    text.parse()
        .ok()
        .filter(|quantity: &Quantity| quantity.is_positive())
}

fn one() -> String {
    "1".to_owned()
}

fn two() -> String {
    "2".to_owned()
}

fn fourteen() -> u32 {
    14
}

fn ten_seconds() -> i64 {
    10_000
}

fn a_minute() -> i64 {
    60_000
}
