use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bars::Frame;
use crate::settings::EVERY;

/// A rule that finds signals in the market.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    /// Stands in its signals; letters, digits and `_ - .`.
    pub name: String,
    /// `*` alone is every symbol that has bars, or at the interval quote every symbol.
    #[serde(default = "every_symbol")]
    pub symbols: Vec<String>,
    /// At the end of which bars it looks; quote is at every quote.
    pub interval: Interval,
    pub when: When,
    /// false: only other rules use it.
    #[serde(default = "yes")]
    pub tell: bool,
    /// After a signal no new direction is told for so long; FLAT always is.
    #[serde(default)]
    pub cooldown_seconds: u32,
    /// Outside of it no new direction is told; FLAT always is.
    #[serde(default)]
    pub session: Option<SessionSettings>,
    /// Further values to be told with each signal.
    #[serde(default)]
    pub with: Vec<OperandSettings>,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Interval {
    #[serde(rename = "1s")]
    Second,
    #[serde(rename = "1m")]
    Minute,
    #[serde(rename = "5m")]
    FiveMinutes,
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "1d")]
    Day,
    #[serde(rename = "quote")]
    Quote,
}

impl Interval {
    /// None at every quote.
    pub const fn frame(self) -> Option<Frame> {
        match self {
            Self::Second => Some(Frame::Second),
            Self::Minute => Some(Frame::Minute),
            Self::FiveMinutes => Some(Frame::FiveMinutes),
            Self::Hour => Some(Frame::Hour),
            Self::Day => Some(Frame::Day),
            Self::Quote => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        self.frame().map_or("quote", Frame::as_str)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    Cross(CrossSettings),
    Threshold(ThresholdSettings),
    Breakout(BreakoutSettings),
    Combination(CombinationSettings),
}

/// `a` goes over `b`, or under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrossSettings {
    pub a: OperandSettings,
    pub b: OperandSettings,
}

/// A value goes beyond a level, until it is back at another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThresholdSettings {
    pub of: OperandSettings,
    /// On while the value is above this; or
    #[serde(default)]
    pub above: Option<f64>,
    /// on while it is below this.
    #[serde(default)]
    pub below: Option<f64>,
    /// Off again at this level, by default where it went on.
    #[serde(default)]
    pub back: Option<f64>,
    #[serde(default)]
    pub then: Stance,
}

/// The close goes out of the range of the bars before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakoutSettings {
    /// How many bars make the range.
    pub period: u32,
    /// The direction ends when the close is back in the middle of the range; otherwise
    /// when it breaks out on the other side.
    #[serde(default)]
    pub flat_at_middle: bool,
}

/// What rules that stand before it say of the same symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CombinationSettings {
    pub of: FormulaSettings,
    #[serde(default)]
    pub then: Stance,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormulaSettings {
    Rule(RuleIs),
    All(Vec<FormulaSettings>),
    Any(Vec<FormulaSettings>),
    Not(Box<FormulaSettings>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleIs {
    pub name: String,
    #[serde(default)]
    pub is: Is,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Is {
    /// Anything but flat.
    #[default]
    On,
    Long,
    Short,
    Flat,
}

/// What a rule that is either on or off says when it is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    Long,
    Short,
    /// No direction: something is unusual.
    #[default]
    Neutral,
}

/// One of: an indicator, a field of the bar, a number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OperandSettings {
    /// Its name, as in the reference of indicators.
    pub indicator: Option<String>,
    /// What is not given has its default.
    pub parameters: BTreeMap<String, f64>,
    /// Which of the indicator's lines; can be left out where it has one.
    pub line: Option<String>,
    pub bar: Option<BarField>,
    pub number: Option<f64>,
}

impl OperandSettings {
    pub fn indicator(name: &str, parameters: &[(&str, f64)]) -> Self {
        let parameters = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value));
        Self {
            indicator: Some(name.to_owned()),
            parameters: parameters.collect(),
            ..Self::default()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BarField {
    Open,
    High,
    Low,
    /// At every quote: the price between bid and ask.
    Close,
    Volume,
}

impl BarField {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Close => "close",
            Self::Volume => "volume",
        }
    }
}

/// Hours of each day in UTC, like `13:30` to `20:00`; may go over midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    pub from: String,
    pub to: String,
}

fn every_symbol() -> Vec<String> {
    vec![EVERY.to_owned()]
}

fn yes() -> bool {
    true
}
