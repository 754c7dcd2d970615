//! What the demo brings besides records: its accounts, and something to decide about.

use serde::Deserialize;
use tapeline_processors::limits::LimitDefinition;
use tapeline_processors::market::BarSettings;
use tapeline_processors::signals::RuleSettings;

use crate::config::{Account, Config, Fault};

const DEMO: &str = include_str!("demo.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Additions {
    limits: Vec<LimitDefinition>,
    bars: Vec<BarSettings>,
    rules: Vec<RuleSettings>,
}

/// With what the demo brings, if it is on or asked for.
#[expect(
    clippy::unnecessary_wraps,
    reason = "refused without the feature `local`"
)]
pub(crate) fn with_demo(config: Config, is_asked_for: bool) -> Result<Config, Fault> {
    if is_asked_for || config.demo.is_on() {
        Ok(config.with_demo())
    } else {
        Ok(config)
    }
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
        if let Ok(demo) = toml::from_str::<Additions>(DEMO) {
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
    use crate::config::load::parse_text;
    use crate::config::validate::validate;

    #[test]
    fn what_the_demo_brings_has_no_fault() {
        let config = Config::default().with_demo();
        assert_eq!(validate(&config), []);
        assert!(config.limits.is_some_and(|limits| limits.len() > 3));
        assert_eq!(config.market.rules.len(), 1);
        let own = Config {
            limits: Some(Vec::new()),
            ..Config::default()
        };
        assert_eq!(own.with_demo().limits, Some(Vec::new()));
    }

    #[test]
    fn the_demo_brings_accounts_that_are_not_there_yet() {
        let config = parse_text("[[accounts]]\nid = 'alpha-1'\nportfolio = 'mine'\n")
            .unwrap()
            .with_demo();
        let mine = config.accounts.iter().find(|a| a.id == "alpha-1").unwrap();
        assert_eq!(mine.portfolio(), "mine");
        assert!(config.accounts.len() > 1 && config.demo.is_on());
        assert_eq!(config.risk_settings().accounts.len(), config.accounts.len());
    }

    #[test]
    fn it_is_there_only_if_it_is_on_or_asked_for() {
        let accounts = |is_asked_for| {
            let config = with_demo(Config::default(), is_asked_for).unwrap();
            config.accounts.len()
        };
        assert!(accounts(false) == 0 && accounts(true) > 1);
    }
}
