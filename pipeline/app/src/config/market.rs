//! What the processors `market` and `strategy` are told.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tapeline_processors::SettingFault;
use tapeline_processors::market::{BarSettings, MarketSettings};
use tapeline_processors::signals::RuleSettings;
use tapeline_processors::strategy::{InstanceSettings, StrategySettings};
use tapeline_schemas::checksum;

use super::{Config, Fault, Span};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Market {
    /// A spread beyond this many basis points of the price is alerted; 0 for none.
    pub wide_spread_bps: u32,
    /// What comes from further ahead of the clock than this is refused; 0 for no limit.
    pub max_ahead: Span,
    /// A quote with one side counts where the newest with both is older than this.
    pub quote_staleness: Span,
    /// A price beyond this many percent of the last one is alerted and not used; 0 for no limit.
    pub max_jump_percent: u32,
    /// A price that jumped is believed once it has stood for so long.
    pub jump_confirm: Span,
    /// The same trouble of a symbol is not told more often than this.
    pub flag_again: Span,
    /// Which symbols have bars.
    pub bars: Vec<BarSettings>,
    /// What makes signals.
    pub rules: Vec<RuleSettings>,
}

impl Default for Market {
    fn default() -> Self {
        Self {
            wide_spread_bps: 500,
            max_ahead: Span(Duration::from_secs(60)),
            quote_staleness: Span(Duration::from_secs(10)),
            max_jump_percent: 0,
            jump_confirm: Span(Duration::from_secs(5)),
            flag_again: Span(Duration::from_secs(60)),
            bars: Vec::new(),
            rules: Vec::new(),
        }
    }
}

impl Config {
    /// With the rules that strategies bring.
    pub fn market_settings(&self) -> MarketSettings {
        let market = &self.market;
        let some = |span: Span| Some(millis(span)).filter(|millis| *millis > 0);
        let own = market.rules.iter().cloned();
        let brought = self.strategies.iter().flat_map(InstanceSettings::rules);
        MarketSettings {
            wide_spread_bps: Some(market.wide_spread_bps).filter(|limit| *limit > 0),
            max_ahead_ms: some(market.max_ahead),
            quote_staleness_ms: some(market.quote_staleness),
            max_jump_percent: Some(market.max_jump_percent).filter(|percent| *percent > 0),
            jump_confirm_ms: millis(market.jump_confirm),
            flag_again_ms: millis(market.flag_again),
            bars: market.bars.clone(),
            rules: own.chain(brought).collect(),
            config_hash: checksum(
                &serde_json::json!({ "market": self.market, "strategies": self.strategies })
                    .to_string(),
            ),
        }
    }

    pub fn strategy_settings(&self) -> StrategySettings {
        StrategySettings {
            instances: self.strategies.clone(),
            accounts: self.portfolios(),
        }
    }
}

fn millis(span: Span) -> i64 {
    i64::try_from(span.0.as_millis()).unwrap_or(i64::MAX)
}

/// All that is wrong with these sections.
pub(super) fn faults(config: &Config) -> Vec<Fault> {
    let told = |prefix: &str, fault: SettingFault| {
        let message = format!("`{}` {}", fault.value, fault.remedy);
        Fault::new(format!("{prefix}{}", fault.key), message)
    };
    let market = config.market_settings().faults().into_iter();
    let strategies = config.strategy_settings().faults().into_iter();
    market
        .map(|fault| told("market.", fault))
        .chain(strategies.map(|fault| told("", fault)))
        .collect()
}
