//! What the demo brings besides records: its accounts, and something to decide about.

use serde::Deserialize;
use tapeline_processors::limits::LimitDefinition;
use tapeline_processors::market::BarSettings;
use tapeline_processors::signals::RuleSettings;

use super::{Account, Config};

const DEMO: &str = include_str!("demo.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Demo {
    limits: Vec<LimitDefinition>,
    bars: Vec<BarSettings>,
    rules: Vec<RuleSettings>,
}

impl Config {
    /// Where nothing else is configured, the demo's own limits, bars and rule count.
    pub fn with_demo(mut self) -> Self {
        self.demo.enabled = true;
        for account in tapeline_demo::venue_accounts() {
            let id = account.account.to_string();
            if !self.accounts.iter().any(|known| known.id == id) {
                self.accounts.push(Account {
                    id,
                    portfolio: Some(account.portfolio.to_string()),
                    leverage: None,
                });
            }
        }
        // Compiled in; a test reads it.
        if let Ok(demo) = toml::from_str::<Demo>(DEMO) {
            if self.limits.is_none() {
                self.limits = Some(demo.limits);
            }
            if self.market.bars.is_empty() {
                self.market.bars = demo.bars;
                self.market.rules.extend(demo.rules);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_demo_brings_has_no_fault() {
        let config = Config::default().with_demo();
        assert_eq!(super::super::faults::validate(&config), []);
        assert!(config.limits.is_some_and(|limits| limits.len() > 3));
        assert_eq!(config.market.rules.len(), 1);
        let own = Config {
            limits: Some(Vec::new()),
            ..Config::default()
        };
        assert_eq!(own.with_demo().limits, Some(Vec::new()));
    }
}
