//! Every reason the pipeline gives for refusing a record or deciding about risk,
//! in one place.

use std::fmt;

use tapeline_schemas::codec::DecodeError;

macro_rules! reasons {
    ($($variant:ident $code:literal $meaning:literal)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $(#[doc = $meaning] $variant),* }

        impl Reason {
            pub const ALL: &[Reason] = &[$(Reason::$variant),*];

            pub fn code(self) -> &'static str {
                match self { $(Reason::$variant => $code),* }
            }

            pub fn meaning(self) -> &'static str {
                match self { $(Reason::$variant => $meaning),* }
            }
        }
    };
}

reasons! {
    NotFramed "NOT_FRAMED" "The value is not in the Confluent wire format."
    UnknownSchema "UNKNOWN_SCHEMA" "The value names a schema id that this release does not know."
    WrongRecord "WRONG_RECORD" "The value is a record that belongs to another topic."
    Corrupt "CORRUPT" "The bytes do not fit the schema they name."
    NoValue "NO_VALUE" "The record has no value."
    NegativeSize "NEGATIVE_SIZE" "A quote offers less than nothing."
    BadQuantity "BAD_QUANTITY" "A fill's quantity is not above zero."
    BadTime "BAD_TIME" "The event time lies outside 1970 to 2262."
    UnknownAccount "UNKNOWN_ACCOUNT" "The account is not in the configuration."
    WrongPortfolio "WRONG_PORTFOLIO" "The account belongs to another portfolio."
    WrongCurrency "WRONG_CURRENCY" "The currency is not the portfolio's and no rate is known."
    ConflictingFill "CONFLICTING_FILL" "The same execution id came before with other data."
    UnknownFill "UNKNOWN_FILL" "A bust or correction speaks of a fill that is not in the book."
    Settled "SETTLED" "A bust or correction speaks of a fill that is too old to be changed."
    OverVoid "OVER_VOID" "A bust undoes more than there is."
    BeforeOpening "BEFORE_OPENING" "The opening position contains it already."
    OpeningNotFirst "OPENING_NOT_FIRST" "An opening position came after what it should precede."
    TooOld "TOO_OLD" "It is too old to be told from a repeat."
    TooManyHeld "TOO_MANY_HELD" "Too many busts and corrections wait for their fills."
    TooManyCharges "TOO_MANY_CHARGES" "More fees, or currencies of fees, than are kept."
    TooManyCurrencies "TOO_MANY_CURRENCIES" "More currencies in one account than are kept."
    NotACurrency "NOT_A_CURRENCY" "The text is not the code of a currency."
    MissingField "MISSING_FIELD" "The record lacks what its kind needs."
    AmountOverflow "AMOUNT_OVERFLOW" "An amount grew beyond what its column can hold."
    Panicked "PANICKED" "The processor panicked on the record again and again."
    DrawdownBreached "DRAWDOWN_BREACHED" "The drawdown is beyond its limit."
    DrawdownRecovered "DRAWDOWN_RECOVERED" "The drawdown is back within its limit."
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<&DecodeError> for Reason {
    fn from(error: &DecodeError) -> Self {
        match error {
            DecodeError::TooShort { .. } | DecodeError::NotFramed { .. } => Self::NotFramed,
            DecodeError::UnknownSchema { .. } => Self::UnknownSchema,
            DecodeError::WrongRecord { .. } => Self::WrongRecord,
            DecodeError::Corrupt { .. } | DecodeError::LeftOver { .. } => Self::Corrupt,
        }
    }
}

/// Why one record was not used: it goes to the dead letters with this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    /// What was wrong, where, and what to do.
    pub message: String,
}

impl Refusal {
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self::new(Reason::from(&error), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_shouted() {
        let codes: HashSet<&str> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert!(
                reason
                    .code()
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c == '_')
            );
            assert!(reason.meaning().ends_with('.'));
        }
    }
}
