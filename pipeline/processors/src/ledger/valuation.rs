//! What a position, an account or everything comes to, in one currency.

use tapeline_model::money::{Money, MoneyError};

use super::amount::{Amount, Missing};

/// A record of amounts that is added and translated field by field.
macro_rules! amounts {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name { $($(#[$field_doc])* pub $field: Amount),* }

        impl $name {
            pub fn plus(&self, other: &Self) -> Result<Self, MoneyError> {
                Ok(Self { $($field: self.$field.plus(&other.$field)?),* })
            }

            /// Takes back what [`Self::plus`] added.
            pub fn without(&self, part: &Self) -> Result<Self, MoneyError> {
                Ok(Self { $($field: self.$field.without(&part.$field)?),* })
            }

            pub(super) fn translated(
                &self,
                with: impl Fn(Money) -> Result<Money, Missing>,
            ) -> Self {
                Self { $($field: self.$field.translated(&with)),* }
            }

            pub(super) fn too_large() -> Self {
                let missing = Amount::missing(Missing::TooLarge, 1);
                Self { $($field: missing),* }
            }
        }
    };
}

amounts! {
    /// What is done, whatever the prices are.
    Booked {
        /// What closing brought beyond its cost, before fees.
        closed
        fees
        /// Dividends and interest, received less paid.
        income
        cash
    }
}

amounts! {
    /// What is open, at the prices of the moment.
    Open {
        unrealised
        /// The values of the positions, shorts negative.
        net
        /// The same, all positive.
        gross
        /// What the positions add to the cash to make equity.
        equity
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Valuation {
    pub booked: Booked,
    pub open: Open,
}

impl Valuation {
    pub fn plus(&self, other: &Self) -> Result<Self, MoneyError> {
        Ok(Self {
            booked: self.booked.plus(&other.booked)?,
            open: self.open.plus(&other.open)?,
        })
    }

    pub fn too_large() -> Self {
        Self {
            booked: Booked::too_large(),
            open: Open::too_large(),
        }
    }

    /// After fees.
    pub fn realised(&self) -> Amount {
        or_too_large(self.booked.closed.minus(&self.booked.fees))
    }

    /// All that was gained or lost; money moved in or out has no part in it.
    pub fn profit(&self) -> Amount {
        or_too_large(
            self.realised()
                .plus(&self.booked.income)
                .and_then(|sum| sum.plus(&self.open.unrealised)),
        )
    }

    pub fn equity(&self) -> Amount {
        or_too_large(self.booked.cash.plus(&self.open.equity))
    }
}

fn or_too_large(sum: Result<Amount, MoneyError>) -> Amount {
    sum.unwrap_or_else(|_| Amount::missing(Missing::TooLarge, 1))
}
