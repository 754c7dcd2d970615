use tapeline_model::money::MoneyError;

use super::terms::Currency;

/// Why a report was not applied; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("{found} in a position kept in {kept_in}")]
    WrongCurrency { found: Currency, kept_in: Currency },
    #[error("the same id came before with other data")]
    Conflicting,
    #[error("it amends a fill that is settled; compare the position with the broker's")]
    Settled,
    #[error("it undoes more than there is")]
    OverVoid,
    #[error("the opening position contains it")]
    BeforeOpening,
    #[error("an opening position must come before what was reported and settled after it")]
    OpeningNotFirst,
    #[error("it is too old to be told from a repeat; compare the position with the broker's")]
    TooOld,
    #[error(
        "{most} amendments wait for their fills already; compare the position with the broker's"
    )]
    TooManyHeld { most: usize },
    #[error("more than {most} charges or currencies of charges")]
    TooManyCharges { most: usize },
    #[error("more than {most} currencies")]
    TooManyCurrencies { most: usize },
    #[error(transparent)]
    Amount(#[from] MoneyError),
}
