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
    BadQuantity "BAD_QUANTITY" "The quantity of a fill or a trade is not above zero."
    BadTime "BAD_TIME" "The event time lies outside 1970 to 2262, or too far ahead of the clock."
    TooLate "TOO_LATE" "A trade came when the bars it belongs to were final."
    DuplicateTrade "DUPLICATE_TRADE" "A trade with the same id and time came before."
    UnknownTrade "UNKNOWN_TRADE" "A correction or cancellation speaks of a trade that is not kept."
    CrossedQuote "CROSSED_QUOTE" "A quote's bid is above its ask."
    LockedQuote "LOCKED_QUOTE" "A quote's bid is its ask."
    PriceJump "PRICE_JUMP" "A price is too far away from the last one."
    UnknownAccount "UNKNOWN_ACCOUNT" "The account is not in the configuration."
    WrongPartition "WRONG_PARTITION" "The record lies in a partition that its portfolio does not belong into."
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
    WithinLimits "WITHIN_LIMITS" "An order request keeps within every limit."
    LimitNeared "LIMIT_NEARED" "A value is beyond the warning level of its limit."
    LimitRecovered "LIMIT_RECOVERED" "A value is back within a level that it was beyond."
    DailyLossBreached "DAILY_LOSS_BREACHED" "The loss since the day's open is beyond its limit."
    ProfitTargetReached "PROFIT_TARGET_REACHED" "The profit since the day's open is beyond its limit."
    GrossExposureBreached "GROSS_EXPOSURE_BREACHED" "The gross exposure is, or would be, beyond its limit."
    NetExposureBreached "NET_EXPOSURE_BREACHED" "The net exposure is, or would be, beyond its limit."
    SymbolExposureBreached "SYMBOL_EXPOSURE_BREACHED" "The exposure to a symbol is, or would be, beyond its limit."
    SectorExposureBreached "SECTOR_EXPOSURE_BREACHED" "The exposure to a sector is, or would be, beyond its limit."
    CurrencyExposureBreached "CURRENCY_EXPOSURE_BREACHED" "The exposure in a currency is, or would be, beyond its limit."
    LeverageBreached "LEVERAGE_BREACHED" "Gross exposure over equity is, or would be, beyond its limit."
    BuyingPowerBreached "BUYING_POWER_BREACHED" "The buying power used is, or would be, beyond its limit."
    PositionSizeBreached "POSITION_SIZE_BREACHED" "The quantity of a symbol is, or would be, beyond its limit."
    PositionCountBreached "POSITION_COUNT_BREACHED" "The number of positions is, or would be, beyond its limit."
    OrderRateBreached "ORDER_RATE_BREACHED" "Orders come, or would come, faster than their limit."
    CancelRateBreached "CANCEL_RATE_BREACHED" "Cancels come faster than their limit."
    LossStreakBreached "LOSS_STREAK_BREACHED" "More trades in a row were closed at a loss than the limit allows."
    PriceStale "PRICE_STALE" "The price of a symbol is older than allowed."
    SessionLost "SESSION_LOST" "The session with an account's broker is lost."
    Unreconciled "UNRECONCILED" "What the broker reports differs from what was computed."
    MarketClosed "MARKET_CLOSED" "The symbol is not traded at this time."
    RestrictedSymbol "RESTRICTED_SYMBOL" "The symbol is on a restricted list."
    UnknownSymbol "UNKNOWN_SYMBOL" "Nothing is known of the symbol."
    PriceMissing "PRICE_MISSING" "The symbol has no price."
    PriceAbsurd "PRICE_ABSURD" "The price is not above zero, for an instrument that has no such prices."
    PriceOutsideCollar "PRICE_OUTSIDE_COLLAR" "The limit price is too far from the market."
    QuotesCrossed "QUOTES_CROSSED" "The bid is above the ask."
    RateMissing "RATE_MISSING" "A currency has no rate into the currency of the limits."
    EquityMissing "EQUITY_MISSING" "The equity is unknown, so nothing can be measured against it."
    ValueMissing "VALUE_MISSING" "A value that a limit is measured with is unknown."
    StateNotReady "STATE_NOT_READY" "The limits were not measured since the start."
    GuardHalted "GUARD_HALTED" "Trading is halted until a person resets the guard."
    GuardReducing "GUARD_REDUCING" "Only what brings a position closer to zero is allowed until a person resets the guard."
    ReduceOnlyWouldIncrease "REDUCE_ONLY_WOULD_INCREASE" "A reduce-only order could open, enlarge or flip a position."
    HaltedByPerson "HALTED_BY_PERSON" "A person halted trading."
    ReducedByPerson "REDUCED_BY_PERSON" "A person allowed nothing but reducing positions."
    GuardReset "GUARD_RESET" "A person reset the guard."
    ResetWithoutAuthor "RESET_WITHOUT_AUTHOR" "A reset does not say who wants it."
    ResetUnexplained "RESET_WITHOUT_REASON" "A reset does not say why."
    ResetNotNamed "RESET_NOT_NAMED" "A reset does not name every verdict that holds the guard up."
    NothingToReset "NOTHING_TO_RESET" "A reset came while the guard was active."
    UnknownCommand "UNKNOWN_COMMAND" "The command is not one that this release knows."
    BadLimit "BAD_LIMIT" "The definition of a limit has faults."
    PositionDiffers "POSITION_DIFFERS" "The broker reports another quantity than was computed."
    BalanceDiffers "BALANCE_DIFFERS" "The broker reports another balance than was computed."
    Reconciled "RECONCILED" "The broker's report agrees again with what was computed."
    LimitChanged "LIMIT_CHANGED" "A person set or removed a limit."
    UnknownLimit "UNKNOWN_LIMIT" "No limit has this name."
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
