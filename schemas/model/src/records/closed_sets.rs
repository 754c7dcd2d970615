//! Closed sets: what Avro writes as an enum of upper-case symbols.

use serde::{Deserialize, Serialize};

/// Hands every closed set to the macro named. One written with a default grew later, and has it
/// in records of before.
#[macro_export]
macro_rules! closed_sets {
    ($then:ident) => {
        $then! {
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
            LoginCategory {
                BadCredentials "BAD_CREDENTIALS", MfaRequired "MFA_REQUIRED", MfaFailed "MFA_FAILED",
                RateLimited "RATE_LIMITED", Locked "LOCKED", Forbidden "FORBIDDEN",
                Expired "EXPIRED", Network "NETWORK", VenueDown "VENUE_DOWN",
                ChangedApi "CHANGED_API"
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
    };
}

macro_rules! types {
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

            /// None for what is not, or not yet, of this set.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some($name::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}

crate::closed_sets!(types);
