//! One type a record of the schema catalog, field for field.
//!
//! Records that come by the hundred thousand borrow their text from the bytes
//! they were read from; the others own it.

mod broker;
mod market;
mod risk;
mod state;

use serde::{Deserialize, Serialize};
use tapeline_schemas::codec::Record;

pub use broker::{AccountEvent, AuthEvent, Charge, Command, Fill, Order, OrderRequest};
pub use market::{Bar, Mark, Quote, Signal, Trade};
pub use risk::{
    Alert, ClosedTrade, DeadLetter, Equity, LimitStanding, MarkUsed, Position, PositionFill,
    Verdict,
};
pub use state::{
    InputOffset, Journal, JournalStep, LedgerFill, Lot, Progress, Snapshot, StateBook, StateMark,
    StatePortfolio,
};

macro_rules! records {
    ($($type:ty = $name:literal)*) => {
        $(impl Record for $type { const RECORD: &'static str = $name; })*
    };
}

records! {
    Quote<'_> = "quote"
    Trade<'_> = "trade"
    Bar = "bar"
    Signal = "signal"
    Fill = "fill"
    Order = "order"
    AccountEvent = "account_event"
    AuthEvent = "auth_event"
    OrderRequest = "order_request"
    Command = "command"
    Position = "position"
    Equity = "equity"
    Verdict = "verdict"
    Alert = "alert"
    DeadLetter = "dead_letter"
    Progress = "progress"
    StateMark = "state_mark"
    StateBook = "state_book"
    StatePortfolio = "state_portfolio"
    Journal = "journal"
    Snapshot = "snapshot"
}

impl Record for Mark<'_> {
    const RECORD: &'static str = "mark";

    fn version(&self) -> Option<u32> {
        let is_plain = self.basis == MarkBasis::Mid && self.last_price.is_none();
        (is_plain && self.last_time.is_none()).then_some(1)
    }
}

/// A closed set that Avro writes as an enum of upper-case symbols.
/// One written with a default grew later, and has it in records of before.
macro_rules! symbols {
    ($($name:ident { $($variant:ident $text:literal),* $(; default $default:ident)? })*) => {$(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $(#[serde(rename = $text)] $variant),* }

        $(impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        })?

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}

symbols! {
    Side { Buy "BUY", Sell "SELL" }
    FillKind { Fill "FILL", Bust "BUST", Correction "CORRECTION" }
    OrderStatus {
        New "NEW", PartiallyFilled "PARTIALLY_FILLED", Filled "FILLED",
        Canceled "CANCELED", Rejected "REJECTED"
    }
    AccountEventKind {
        Balance "BALANCE", Deposit "DEPOSIT", Withdrawal "WITHDRAWAL",
        Dividend "DIVIDEND", Fee "FEE"
    }
    AuthEventKind {
        Challenge "CHALLENGE", CodeSeen "CODE_SEEN", LoginSucceeded "LOGIN_SUCCEEDED",
        LoginFailed "LOGIN_FAILED", ExpiresSoon "EXPIRES_SOON", Expired "EXPIRED",
        SessionLost "SESSION_LOST", Refused "REFUSED", Healthy "HEALTHY"
    }
    StepKind { Read "READ", Parked "PARKED", Tick "TICK" }
    Outcome { Pass "PASS", Breach "BREACH" }
    AccountMatter {
        Cash "CASH", Interest "INTEREST", Opening "OPENING", Position "POSITION", Split "SPLIT",
        Distribution "DISTRIBUTION", BuyingPower "BUYING_POWER"; default Cash
    }
    TradeKind { Trade "TRADE", Correction "CORRECTION", Cancel "CANCEL" }
    MarkBasis { Mid "MID", Bid "BID", Ask "ASK", Last "LAST"; default Mid }
    BarSource { Trades "TRADES", Mids "MIDS" }
    Direction { Long "LONG", Short "SHORT", Flat "FLAT", Neutral "NEUTRAL" }
    CommandKind {
        Unknown "UNKNOWN", Halt "HALT", Reduce "REDUCE", Reset "RESET", SetLimit "SET_LIMIT",
        RemoveLimit "REMOVE_LIMIT"
    }
    GuardState { Active "ACTIVE", Reducing "REDUCING", Halted "HALTED"; default Active }
    LimitAction {
        None "NONE", Alert "ALERT", Reducing "REDUCING", Halted "HALTED"; default None
    }
    Grade {
        Pass "PASS", Warn "WARN", Breach "BREACH", Approve "APPROVE", Refuse "REFUSE",
        Reset "RESET"; default Pass
    }
    Severity { Info "INFO", Warning "WARNING", Critical "CRITICAL" }
}
