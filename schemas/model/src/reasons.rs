//! Every reason the pipeline gives for refusing a record or deciding about risk,
//! in one place.

use std::fmt;

use tapeline_schemas::codec::DecodeError;

macro_rules! reasons {
    ($($about:ident { $($variant:ident $code:literal $seen:ident $meaning:literal)* })*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[doc = $meaning] $variant,)*)* }

        impl Reason {
            pub const ALL: &[Reason] = &[$($(Reason::$variant,)*)*];

            pub fn code(self) -> &'static str {
                match self { $($(Reason::$variant => $code,)*)* }
            }

            pub fn meaning(self) -> &'static str {
                match self { $($(Reason::$variant => $meaning,)*)* }
            }

            pub fn about(self) -> About {
                match self { $($(Reason::$variant => About::$about,)*)* }
            }

            /// Which records carry it.
            pub fn seen_in(self) -> &'static str {
                match self { $($(Reason::$variant => $seen,)*)* }
            }
        }
    };
}

/// What a reason is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Records of any topic.
    Bytes,
    Market,
    /// What brokers say.
    Reports,
    Limits,
    Orders,
    Commands,
    Reconciliation,
}

impl About {
    pub const ALL: &[About] = &[
        About::Bytes,
        About::Market,
        About::Reports,
        About::Limits,
        About::Orders,
        About::Commands,
        About::Reconciliation,
    ];
}

const LETTERS: &str = "dead letters";
const VERDICTS: &str = "verdicts";
const ALERTS: &str = "alerts";
const LETTERS_AND_VERDICTS: &str = "dead letters, verdicts";
const LETTERS_AND_ALERTS: &str = "dead letters, alerts";
const EARLIER: &str = "dead letters of earlier releases";

reasons! {
    Bytes {
        NotFramed "NOT_FRAMED" LETTERS "The value is not in the Confluent wire format."
        UnknownSchema "UNKNOWN_SCHEMA" LETTERS "The value names a schema id that this release does not know."
        WrongRecord "WRONG_RECORD" LETTERS "The value is a record that belongs to another topic."
        Corrupt "CORRUPT" LETTERS "The bytes do not fit the schema they name."
        NoValue "NO_VALUE" LETTERS "The record has no value."
        BadTime "BAD_TIME" LETTERS "The event time lies outside 1970 to 2262, or too far ahead of the clock."
        NotStorable "NOT_STORABLE" LETTERS "The store refuses the row, while it takes others of the same kind."
        Panicked "PANICKED" LETTERS "The processor panicked on the record again and again."
    }
    Market {
        NegativeSize "NEGATIVE_SIZE" LETTERS "A quote offers less than nothing."
        TooLate "TOO_LATE" LETTERS "A trade came when the bars it belongs to were final."
        DuplicateTrade "DUPLICATE_TRADE" LETTERS "A trade with the same id and time came before."
        UnknownTrade "UNKNOWN_TRADE" LETTERS "A correction or cancellation speaks of a trade that is not kept."
        CrossedQuote "CROSSED_QUOTE" LETTERS_AND_ALERTS "A quote's bid is above its ask."
        LockedQuote "LOCKED_QUOTE" ALERTS "A quote's bid is its ask."
        PriceJump "PRICE_JUMP" ALERTS "A price is too far away from the last one."
    }
    Reports {
        BadQuantity "BAD_QUANTITY" LETTERS_AND_VERDICTS "A quantity is zero or below."
        UnknownAccount "UNKNOWN_ACCOUNT" LETTERS_AND_VERDICTS "The account is not in the configuration."
        WrongPortfolio "WRONG_PORTFOLIO" LETTERS_AND_VERDICTS "The account belongs to another portfolio."
        AmountOverflow "AMOUNT_OVERFLOW" LETTERS_AND_VERDICTS "An amount grew beyond what its column can hold."
        WrongPartition "WRONG_PARTITION" LETTERS "The record lies in a partition that its portfolio does not belong into."
        WrongCurrency "WRONG_CURRENCY" LETTERS "A report is in another currency than its position is kept in."
        NotACurrency "NOT_A_CURRENCY" LETTERS "The text is not the code of a currency."
        MissingField "MISSING_FIELD" LETTERS "The record lacks what its kind needs."
        ConflictingFill "CONFLICTING_FILL" LETTERS "The same execution, split or distribution came before with other data."
        UnknownFill "UNKNOWN_FILL" EARLIER "A bust or correction speaks of a fill that is not in the book."
        Settled "SETTLED" LETTERS "A bust or correction speaks of a fill that is too old to be changed."
        OverVoid "OVER_VOID" LETTERS "A bust undoes more than there is."
        BeforeOpening "BEFORE_OPENING" LETTERS "The opening position contains it already."
        OpeningNotFirst "OPENING_NOT_FIRST" LETTERS "An opening position came after what it should precede."
        TooOld "TOO_OLD" LETTERS "It is too old to be told from a repeat."
        TooManyHeld "TOO_MANY_HELD" LETTERS "Too many busts and corrections wait for their fills."
        TooManyCharges "TOO_MANY_CHARGES" LETTERS "More fees, or currencies of fees, than are kept."
        TooManyCurrencies "TOO_MANY_CURRENCIES" LETTERS "More currencies in one account than are kept."
    }
    Limits {
        DrawdownBreached "DRAWDOWN_BREACHED" VERDICTS "The drawdown is beyond its limit."
        DrawdownRecovered "DRAWDOWN_RECOVERED" VERDICTS "The drawdown is back within its limit."
        LimitNeared "LIMIT_NEARED" VERDICTS "A value is beyond the warning level of its limit."
        LimitRecovered "LIMIT_RECOVERED" VERDICTS "A value is back within a level that it was beyond."
        DailyLossBreached "DAILY_LOSS_BREACHED" VERDICTS "The loss since the day's open is beyond its limit."
        ProfitTargetReached "PROFIT_TARGET_REACHED" VERDICTS "The profit since the day's open is beyond its limit."
        GrossExposureBreached "GROSS_EXPOSURE_BREACHED" VERDICTS "The gross exposure is, or would be, beyond its limit."
        NetExposureBreached "NET_EXPOSURE_BREACHED" VERDICTS "The net exposure is, or would be, beyond its limit."
        SymbolExposureBreached "SYMBOL_EXPOSURE_BREACHED" VERDICTS "The exposure to a symbol is, or would be, beyond its limit."
        SectorExposureBreached "SECTOR_EXPOSURE_BREACHED" VERDICTS "The exposure to a sector is, or would be, beyond its limit."
        CurrencyExposureBreached "CURRENCY_EXPOSURE_BREACHED" VERDICTS "The exposure in a currency is, or would be, beyond its limit."
        LeverageBreached "LEVERAGE_BREACHED" VERDICTS "Gross exposure over equity is, or would be, beyond its limit."
        BuyingPowerBreached "BUYING_POWER_BREACHED" VERDICTS "The buying power used is, or would be, beyond its limit."
        PositionSizeBreached "POSITION_SIZE_BREACHED" VERDICTS "The quantity of a symbol is, or would be, beyond its limit."
        PositionCountBreached "POSITION_COUNT_BREACHED" VERDICTS "The number of positions is, or would be, beyond its limit."
        OrderRateBreached "ORDER_RATE_BREACHED" VERDICTS "Orders come, or would come, faster than their limit."
        CancelRateBreached "CANCEL_RATE_BREACHED" VERDICTS "Cancels come faster than their limit."
        LossStreakBreached "LOSS_STREAK_BREACHED" VERDICTS "More trades in a row were closed at a loss than the limit allows."
        PriceStale "PRICE_STALE" VERDICTS "The price of a symbol is older than allowed."
        SessionLost "SESSION_LOST" VERDICTS "The session with an account's broker is lost."
        Unreconciled "UNRECONCILED" VERDICTS "What the broker reports differs from what was computed."
    }
    Orders {
        WithinLimits "WITHIN_LIMITS" VERDICTS "An order request keeps within every limit."
        MarketClosed "MARKET_CLOSED" VERDICTS "The symbol is not traded at this time."
        RestrictedSymbol "RESTRICTED_SYMBOL" VERDICTS "The symbol is on a restricted list."
        UnknownSymbol "UNKNOWN_SYMBOL" VERDICTS "Nothing is known of the symbol."
        PriceMissing "PRICE_MISSING" VERDICTS "The symbol has no price."
        PriceAbsurd "PRICE_ABSURD" VERDICTS "The price is not above zero, for an instrument that has no such prices."
        PriceOutsideCollar "PRICE_OUTSIDE_COLLAR" VERDICTS "The limit price is too far from the market."
        QuotesCrossed "QUOTES_CROSSED" VERDICTS "The bid is above the ask."
        RateMissing "RATE_MISSING" VERDICTS "A currency has no rate into the currency of the limits."
        EquityMissing "EQUITY_MISSING" VERDICTS "The equity is unknown, so nothing can be measured against it."
        ValueMissing "VALUE_MISSING" VERDICTS "A value that a limit is measured with is unknown."
        StateNotReady "STATE_NOT_READY" VERDICTS "The limits were not measured since the start."
        GuardHalted "GUARD_HALTED" VERDICTS "Trading is halted until a person resets the guard."
        GuardReducing "GUARD_REDUCING" VERDICTS "Only what brings a position closer to zero is allowed until a person resets the guard."
        ReduceOnlyWouldIncrease "REDUCE_ONLY_WOULD_INCREASE" VERDICTS "A reduce-only order could open, enlarge or flip a position."
    }
    Commands {
        HaltedByPerson "HALTED_BY_PERSON" VERDICTS "A person halted trading."
        ReducedByPerson "REDUCED_BY_PERSON" VERDICTS "A person allowed nothing but reducing positions."
        GuardReset "GUARD_RESET" VERDICTS "A person reset the guard."
        LimitChanged "LIMIT_CHANGED" VERDICTS "A person set or removed a limit."
        ResetWithoutAuthor "RESET_WITHOUT_AUTHOR" LETTERS "A reset does not say who wants it."
        ResetUnexplained "RESET_WITHOUT_REASON" LETTERS "A reset does not say why."
        ResetNotNamed "RESET_NOT_NAMED" LETTERS "A reset does not name every verdict that holds the guard up."
        NothingToReset "NOTHING_TO_RESET" LETTERS "A reset came while the guard was active."
        UnknownCommand "UNKNOWN_COMMAND" LETTERS "The command is not one that this release knows."
        BadLimit "BAD_LIMIT" LETTERS "The definition of a limit has faults."
        UnknownLimit "UNKNOWN_LIMIT" LETTERS "No limit has this name."
    }
    Reconciliation {
        PositionDiffers "POSITION_DIFFERS" VERDICTS "The broker reports another quantity than was computed."
        BalanceDiffers "BALANCE_DIFFERS" VERDICTS "The broker reports another balance than was computed."
        Reconciled "RECONCILED" VERDICTS "The broker's report agrees again with what was computed."
    }
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
