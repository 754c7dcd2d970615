//! The ready strategies as rules for the market processor.

use super::settings::{InstanceSettings, SizeSettings, TradeSettings};
use super::sizing::average_range;
use crate::signals::{
    BreakoutSettings, CrossSettings, OperandSettings, RuleSettings, Stance, ThresholdSettings, When,
};

impl InstanceSettings {
    /// The rules whose signals it acts on. Add them to those of the market.
    pub fn rules(&self) -> Vec<RuleSettings> {
        let average =
            |period: u32| OperandSettings::indicator("ema", &[("period", f64::from(period))]);
        match &self.trade {
            TradeSettings::Trend(trend) => {
                let (a, b) = (average(trend.fast), average(trend.slow));
                vec![self.rule("cross", When::Cross(CrossSettings { a, b }))]
            }
            TradeSettings::Reversion(reversion) => {
                let period = f64::from(reversion.period);
                let score = OperandSettings::indicator("z_score", &[("period", period)]);
                let beyond = |sign: f64, then| ThresholdSettings {
                    of: score.clone(),
                    above: (sign > 0.0).then_some(reversion.enter),
                    below: (sign < 0.0).then_some(-reversion.enter),
                    back: Some(sign * reversion.leave),
                    then,
                };
                vec![
                    self.rule("low", When::Threshold(beyond(-1.0, Stance::Long))),
                    self.rule("high", When::Threshold(beyond(1.0, Stance::Short))),
                ]
            }
            TradeSettings::Breakout(range) => {
                let breakout = BreakoutSettings {
                    period: range.period,
                    flat_at_middle: true,
                };
                vec![self.rule("breakout", When::Breakout(breakout))]
            }
        }
    }

    fn rule(&self, name: &str, when: When) -> RuleSettings {
        let with = match &self.size {
            SizeSettings::Volatility(volatility) => vec![average_range(volatility.period)],
            SizeSettings::Fixed(_) | SizeSettings::Equity(_) => Vec::new(),
        };
        RuleSettings {
            name: format!("{}.{name}", self.name),
            symbols: self.symbols.clone(),
            interval: self.interval,
            when,
            tell: true,
            cooldown_seconds: self.cooldown_seconds,
            session: self.session.clone(),
            with,
        }
    }
}
