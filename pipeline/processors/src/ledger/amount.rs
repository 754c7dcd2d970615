//! Amounts of which parts may be missing.

use tapeline_model::money::{Money, MoneyError};

/// Why an amount has no value. Of several reasons the first here is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Missing {
    #[error("a price is missing")]
    Price,
    #[error("a rate into the account's currency is missing")]
    Rate,
    #[error("what the position cost is unknown")]
    Cost,
    #[error("a fee is unknown")]
    Fee,
    #[error("it is larger than an amount can be")]
    TooLarge,
}

impl Missing {
    pub const ALL: [Self; 5] = [
        Self::Price,
        Self::Rate,
        Self::Cost,
        Self::Fee,
        Self::TooLarge,
    ];
}

impl From<MoneyError> for Missing {
    fn from(_: MoneyError) -> Self {
        Self::TooLarge
    }
}

/// A sum, and how many of its parts are missing for which reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    known: Money,
    gaps: [u32; Missing::ALL.len()],
}

impl Amount {
    pub const ZERO: Self = Self {
        known: Money::ZERO,
        gaps: [0; Missing::ALL.len()],
    };

    pub fn missing(reason: Missing, parts: u32) -> Self {
        let mut amount = Self::ZERO;
        amount.gaps[reason as usize] = parts;
        amount
    }

    pub fn value(&self) -> Result<Money, Missing> {
        match Missing::ALL
            .into_iter()
            .find(|reason| self.gaps(*reason) > 0)
        {
            Some(reason) => Err(reason),
            None => Ok(self.known),
        }
    }

    /// The value, whether or not parts are missing for this one reason.
    pub fn value_despite(&self, tolerated: Missing) -> Result<Money, Missing> {
        let mut kept = *self;
        kept.gaps[tolerated as usize] = 0;
        kept.value()
    }

    /// The sum of the parts that are known: a bound for a person to judge, not the value.
    pub fn known(&self) -> Money {
        self.known
    }

    /// How many parts are missing for this reason.
    pub fn gaps(&self, reason: Missing) -> u32 {
        self.gaps[reason as usize]
    }

    pub fn plus(&self, other: &Self) -> Result<Self, MoneyError> {
        Ok(Self {
            known: self.known.checked_add(other.known)?,
            gaps: self.gaps_with(other, u32::saturating_add),
        })
    }

    /// What is missing in either is missing in the difference.
    pub fn minus(&self, other: &Self) -> Result<Self, MoneyError> {
        Ok(Self {
            known: self.known.checked_sub(other.known)?,
            gaps: self.gaps_with(other, u32::saturating_add),
        })
    }

    /// Takes back what [`Self::plus`] added.
    pub fn without(&self, part: &Self) -> Result<Self, MoneyError> {
        Ok(Self {
            known: self.known.checked_sub(part.known)?,
            gaps: self.gaps_with(part, u32::saturating_sub),
        })
    }

    /// What is known becomes so much more; what is missing stays missing.
    pub(super) fn shifted(&self, by: Money) -> Result<Self, MoneyError> {
        Ok(Self {
            known: self.known.checked_add(by)?,
            ..*self
        })
    }

    /// What is known, translated; a rate that is missing is one more gap.
    pub(super) fn translated(&self, with: impl Fn(Money) -> Result<Money, Missing>) -> Self {
        match with(self.known) {
            Ok(known) => Self { known, ..*self },
            Err(reason) => {
                let mut gaps = self.gaps;
                gaps[reason as usize] = gaps[reason as usize].saturating_add(1);
                Self {
                    known: Money::ZERO,
                    gaps,
                }
            }
        }
    }

    fn gaps_with(&self, other: &Self, op: fn(u32, u32) -> u32) -> [u32; Missing::ALL.len()] {
        std::array::from_fn(|at| op(self.gaps[at], other.gaps[at]))
    }
}

impl From<Result<Money, Missing>> for Amount {
    fn from(value: Result<Money, Missing>) -> Self {
        value.map_or_else(|reason| Self::missing(reason, 1), Self::from)
    }
}

impl From<Money> for Amount {
    fn from(known: Money) -> Self {
        Self {
            known,
            ..Self::ZERO
        }
    }
}
