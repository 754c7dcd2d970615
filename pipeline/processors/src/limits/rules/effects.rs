//! What rules answer: what moves their values, and what must be known to measure them.

use super::{Basis, Window};

/// How a new price moves the value of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::limits) enum PriceEffect {
    /// Not at all: events or the time do.
    None,
    /// It can only bring it back within the limit.
    Relief,
    /// By what is lost of this equity.
    Loss(Basis),
    /// By what is gained of it.
    Gain(Basis),
    /// As it moves a sum of the portfolio.
    Gross,
    Net,
    BuyingPower,
    Leverage,
    /// In a way that cannot be derived from the portfolio's sums.
    Unbounded,
}

/// How time alone moves the value of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::limits) enum TimeEffect {
    None,
    /// What was counted leaves the window.
    Falls(Window),
    /// A second each second.
    Grows,
}

/// What an order request does to the value of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::limits) enum OrderEffect {
    /// Nothing that could be foreseen: the guard stops orders once the limit is breached.
    None,
    /// The value is largest with the largest positions.
    Largest,
    /// The value may be largest with all purchases filled, or with all sales.
    EitherWay,
    /// One more of what is counted in the window.
    OneMore(Window),
    /// The plan says whether it may be sent at all.
    Permission,
}

impl OrderEffect {
    /// Whether the positions after the order decide.
    pub fn is_projected(self) -> bool {
        match self {
            Self::Largest | Self::EitherWay => true,
            Self::None | Self::OneMore(_) | Self::Permission => false,
        }
    }
}

/// What a plan must have ready for a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::limits) enum Needed<'a> {
    /// The hours of the calendar.
    Hours(&'a str),
    /// A list of symbols that must not be traded.
    Restriction,
    /// It is measured at each evaluation.
    Measured(Requirements<'a>),
}

/// What must be known to measure a rule, besides the sums of portfolio and accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::limits) struct Requirements<'a> {
    /// Whose days are tracked.
    pub calendar: Option<&'a str>,
    /// Over which time highs are tracked.
    pub window: Option<Window>,
    /// Whether the points are tracked that losses of equity are counted from.
    pub equity_points: bool,
    /// Whether single positions are needed, whatever the scope.
    pub positions: bool,
}

impl Requirements<'_> {
    pub const NONE: Self = Self {
        calendar: None,
        window: None,
        equity_points: false,
        positions: false,
    };
    pub const POSITIONS: Self = Self {
        positions: true,
        ..Self::NONE
    };
}
