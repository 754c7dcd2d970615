//! What can be limited, and how it is measured.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use tapeline_model::ids::Symbol;
use tapeline_model::reasons::Reason;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    Drawdown { mode: DrawdownMode, basis: Basis },
    DailyLoss { calendar: String, basis: Basis },
    MaxProfit { calendar: String, basis: Basis },
    GrossExposure,
    NetExposure,
    SymbolExposure,
    SectorExposure,
    CurrencyExposure,
    Leverage,
    BuyingPower,
    PositionSize,
    PositionCount,
    OrderRate { window: Window },
    CancelRate { window: Window },
    LossStreak,
    StalePrice,
    LostSession,
    Unreconciled,
    TradingHours { calendar: String },
    Restricted { symbols: BTreeSet<Symbol> },
}

/// From where a drawdown is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DrawdownMode {
    /// From the equity at the start.
    Static,
    /// From the highest equity ever.
    Trailing,
    /// From the highest equity since the exchange's day began.
    Session { calendar: String },
    /// From the highest equity in a length of time up to now.
    Rolling { window: Window },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Equity without what open positions gained or lost.
    Realised,
    /// Equity at the prices of the moment.
    Marked,
}

/// A length of time, written like `10s`, `5m`, `12h` or `30d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    seconds: i64,
}

/// What values, levels and distances are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// The currency of the portfolio.
    Money,
    Units,
    Count,
    /// Multiples of the equity.
    Times,
    Seconds,
    /// The rule says yes or no.
    Nothing,
}

/// Over what a rule's value is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// One value for all that the scope covers.
    Whole,
    /// One for each of these that the scope covers.
    Symbol,
    Sector,
    Currency,
    Account,
}

/// What an order request is told by a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// The guard alone, when the limit is breached.
    ByGuard,
    /// What would be after it, with all open orders filled.
    Projected,
    /// Whether it may be sent now.
    AtOnce,
}

/// A rule as the reference page and the configuration know it.
#[derive(Debug)]
pub struct RuleInfo {
    pub name: &'static str,
    pub title: &'static str,
    pub measures: &'static str,
    /// Keys of a definition besides name, rule, scope and, where there is a level, those of levels.
    pub keys: &'static [&'static str],
    /// Which parts its scope may have.
    pub scopes: &'static [&'static str],
    pub unit: Unit,
    pub grouping: Grouping,
    pub gate: Gate,
    /// Told when the limit is breached or an order would breach it.
    pub reason: Reason,
    /// Keys and values as they are written, without the rule; the name comes first.
    pub example: &'static [(&'static str, &'static str)],
}

const OF_ACCOUNTS: &[&str] = &["portfolio", "account"];
const OF_STRATEGIES: &[&str] = &["portfolio", "account", "strategy"];
const OF_ALL: &[&str] = &["portfolio", "account", "strategy", "symbol"];

macro_rules! rules {
    ($($name:literal $title:literal: $measures:literal, keys $keys:expr, for $scopes:ident,
        $unit:ident, $grouping:ident, $gate:ident, $reason:ident,
        example [$($key:ident $value:tt),*];)*) => {
        /// Every rule there is.
        pub const RULES: &[RuleInfo] = &[$(RuleInfo {
            name: $name,
            title: $title,
            measures: $measures,
            keys: &$keys,
            scopes: $scopes,
            unit: Unit::$unit,
            grouping: Grouping::$grouping,
            gate: Gate::$gate,
            reason: Reason::$reason,
            example: &[$((stringify!($key), stringify!($value))),*],
        }),*];
    };
}

rules! {
    "max_drawdown" "Drawdown": "how far equity is below the point that `mode` names",
        keys ["mode", "basis", "calendar", "window"], for OF_ACCOUNTS,
        Money, Whole, ByGuard, DrawdownBreached,
        example [name "drawdown", mode "trailing", basis "marked", portfolio "growth", warn "4000", breach "5000", action "halted"];
    "daily_loss" "Daily loss": "equity at the day's open less equity now",
        keys ["basis", "calendar"], for OF_ACCOUNTS,
        Money, Whole, ByGuard, DailyLossBreached,
        example [name "day", basis "marked", warn "1500", breach "2000", action "reducing"];
    "max_profit" "Profit target": "equity now less equity at the day's open",
        keys ["basis", "calendar"], for OF_ACCOUNTS,
        Money, Whole, ByGuard, ProfitTargetReached,
        example [name "target", basis "realised", portfolio "growth", breach "3000", action "reducing"];
    "gross_exposure" "Gross exposure": "the values of all positions, shorts counted positive, added up",
        keys [], for OF_ALL, Money, Whole, Projected, GrossExposureBreached,
        example [name "gross", portfolio "growth", breach "400000", action "alert"];
    "net_exposure" "Net exposure": "the values of all positions, shorts counted negative, added up; its size, whichever side it is on",
        keys [], for OF_ALL, Money, Whole, Projected, NetExposureBreached,
        example [name "net", breach "100000", action "alert"];
    "symbol_exposure" "Exposure to a symbol": "the gross value of the positions in each symbol",
        keys [], for OF_ALL, Money, Symbol, Projected, SymbolExposureBreached,
        example [name "each-symbol", breach "50000", action "alert"];
    "sector_exposure" "Exposure to a sector": "the gross value of the positions in each sector; those without a sector count as one",
        keys [], for OF_STRATEGIES, Money, Sector, Projected, SectorExposureBreached,
        example [name "each-sector", breach "150000", action "alert"];
    "currency_exposure" "Exposure in a currency": "the gross value of the positions in each currency",
        keys [], for OF_STRATEGIES, Money, Currency, Projected, CurrencyExposureBreached,
        example [name "each-currency", breach "200000", action "alert"];
    "leverage" "Leverage": "gross exposure over equity; without equity, any exposure is beyond every level",
        keys [], for OF_ACCOUNTS, Times, Whole, Projected, LeverageBreached,
        example [name "leverage", account "alpha-1", warn "1.8", breach "2", action "reducing"];
    "buying_power" "Buying power used": "the values of all positions, shorts counted positive, added up, as of gross exposure: what a broker reports of it is not read yet",
        keys [], for OF_ACCOUNTS, Money, Whole, Projected, BuyingPowerBreached,
        example [name "buying-power", account "alpha-1", breach "180000", action "alert"];
    "position_size" "Position size": "the quantity held of each symbol, long or short",
        keys [], for OF_ALL, Units, Symbol, Projected, PositionSizeBreached,
        example [name "tsla", symbol "TSLA", breach "500", action "alert"];
    "position_count" "Number of positions": "open positions, one for each account and symbol",
        keys [], for OF_ALL, Count, Whole, Projected, PositionCountBreached,
        example [name "positions", strategy "trend", breach "10", action "alert"];
    "order_rate" "Rate of orders": "orders in `window` up to now",
        keys ["window"], for OF_ALL, Count, Whole, AtOnce, OrderRateBreached,
        example [name "orders", window "1m", breach "60", action "halted"];
    "cancel_rate" "Rate of cancels": "cancels in `window` up to now",
        keys ["window"], for OF_ALL, Count, Whole, ByGuard, CancelRateBreached,
        example [name "cancels", window "1m", breach "60", action "alert"];
    "loss_streak" "Losing trades in a row": "closed trades since the last one that won, from flat to flat and after fees; one whose result is unknown counts as lost, one that came to nothing not at all",
        keys [], for OF_ALL, Count, Whole, ByGuard, LossStreakBreached,
        example [name "streak", strategy "trend", breach "5", action "reducing"];
    "stale_price" "Stale price": "the age of the price of each symbol that is held",
        keys [], for OF_ALL, Seconds, Symbol, ByGuard, PriceStale,
        example [name "old-prices", warn "30", breach "120", action "reducing"];
    "lost_session" "Lost session": "for how long each account has had no session with its broker",
        keys [], for OF_ACCOUNTS, Seconds, Account, ByGuard, SessionLost,
        example [name "session", breach "60", action "reducing"];
    "unreconciled" "Unreconciled": "for how long each account has differed from the broker's report",
        keys [], for OF_ACCOUNTS, Seconds, Account, ByGuard, Unreconciled,
        example [name "reconciliation", breach "60", action "reducing"];
    "trading_hours" "Trading hours": "whether the exchange is open; orders are refused while it is not",
        keys ["calendar"], for OF_ALL, Nothing, Whole, AtOnce, MarketClosed,
        example [name "hours", calendar "XNYS"];
    "restricted" "Restricted list": "whether the symbol is on the list; orders in it are refused, and lists of all scopes add up",
        keys ["symbols"], for OF_ALL, Nothing, Whole, AtOnce, RestrictedSymbol,
        example [name "not-these", symbols ["GME", "AMC"]];
}

impl Rule {
    pub fn name(&self) -> &'static str {
        self.info().name
    }

    pub fn info(&self) -> &'static RuleInfo {
        // The place among the rules; a test compares all of them.
        let place = match self {
            Self::Drawdown { .. } => 0,
            Self::DailyLoss { .. } => 1,
            Self::MaxProfit { .. } => 2,
            Self::GrossExposure => 3,
            Self::NetExposure => 4,
            Self::SymbolExposure => 5,
            Self::SectorExposure => 6,
            Self::CurrencyExposure => 7,
            Self::Leverage => 8,
            Self::BuyingPower => 9,
            Self::PositionSize => 10,
            Self::PositionCount => 11,
            Self::OrderRate { .. } => 12,
            Self::CancelRate { .. } => 13,
            Self::LossStreak => 14,
            Self::StalePrice => 15,
            Self::LostSession => 16,
            Self::Unreconciled => 17,
            Self::TradingHours { .. } => 18,
            Self::Restricted { .. } => 19,
        };
        &RULES[place]
    }

    /// How it measures: two limits of one rule with different modes do not compete.
    pub fn mode(&self) -> String {
        match self {
            Self::Drawdown { mode, basis } => match mode {
                DrawdownMode::Static => format!("static-{basis}"),
                DrawdownMode::Trailing => format!("trailing-{basis}"),
                DrawdownMode::Session { calendar } => format!("session-{calendar}-{basis}"),
                DrawdownMode::Rolling { window } => format!("rolling-{window}-{basis}"),
            },
            Self::DailyLoss { calendar, basis } | Self::MaxProfit { calendar, basis } => {
                format!("{calendar}-{basis}")
            }
            Self::OrderRate { window } | Self::CancelRate { window } => window.to_string(),
            _ => String::new(),
        }
    }

    /// Whether prices have a part in what it measures.
    pub fn is_of_prices(&self) -> bool {
        !matches!(
            self,
            Self::PositionSize
                | Self::PositionCount
                | Self::OrderRate { .. }
                | Self::CancelRate { .. }
                | Self::LossStreak
                | Self::LostSession
                | Self::Unreconciled
        )
    }

    /// Whose days it needs to know.
    pub fn calendar(&self) -> Option<&str> {
        match self {
            Self::Drawdown {
                mode: DrawdownMode::Session { calendar },
                ..
            }
            | Self::DailyLoss { calendar, .. }
            | Self::MaxProfit { calendar, .. } => Some(calendar),
            _ => None,
        }
    }
}

impl Window {
    /// Longer is not remembered.
    const MOST_DAYS: i64 = 366;

    pub const fn seconds(self) -> i64 {
        self.seconds
    }
}

impl FromStr for Window {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, unit) = text
            .split_at_checked(text.len().wrapping_sub(1))
            .ok_or(())?;
        let unit_seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(()),
        };
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        let number: i64 = number.parse().map_err(|_| ())?;
        let seconds = number.checked_mul(unit_seconds).ok_or(())?;
        if (1..=Self::MOST_DAYS * 86_400).contains(&seconds) {
            Ok(Self { seconds })
        } else {
            Err(())
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |unit: i64| self.seconds % unit == 0;
        let (unit, name) = match () {
            () if fits(86_400) => (86_400, "d"),
            () if fits(3600) => (3600, "h"),
            () if fits(60) => (60, "m"),
            () => (1, "s"),
        };
        write!(f, "{}{name}", self.seconds / unit)
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Realised => "realised",
            Self::Marked => "marked",
        })
    }
}

impl Unit {
    /// As it stands in a verdict.
    pub fn text(self, currency: &str) -> String {
        match self {
            Self::Money => currency.to_owned(),
            Self::Units => "units".to_owned(),
            Self::Count => "count".to_owned(),
            Self::Times => "times".to_owned(),
            Self::Seconds => "s".to_owned(),
            Self::Nothing => String::new(),
        }
    }
}
