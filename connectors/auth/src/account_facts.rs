//! What a venue says of an account before trading begins.

/// One thing that it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountFact {
    pub kind: FactKind,
    pub is_well: bool,
    /// For a person: short, and of plain characters also where the venue wrote it.
    pub found: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactKind {
    Account,
    /// What orders may be sent.
    Permissions,
    MarketData,
    /// How many requests are left.
    Rate,
    Version,
}

impl FactKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "status",
            Self::Permissions => "permissions",
            Self::MarketData => "market data",
            Self::Rate => "rate budget",
            Self::Version => "version",
        }
    }

    /// What a person may do kind it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Account | Self::Permissions => "look at the account at the venue",
            Self::MarketData => "look at the account's market data subscriptions at the venue",
            Self::Rate => "fewer programs may use the account",
            Self::Version => "update, or report it",
        }
    }
}

impl AccountFact {
    pub(crate) fn well(kind: FactKind, found: impl Into<String>) -> Self {
        Self {
            kind,
            is_well: true,
            found: found.into(),
        }
    }

    pub(crate) fn not_well(kind: FactKind, found: impl Into<String>) -> Self {
        Self {
            is_well: false,
            ..Self::well(kind, found)
        }
    }
}

/// So many requests the venue takes in its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    pub limit: u32,
    pub left: u32,
}

impl Budget {
    pub fn fact(self) -> AccountFact {
        let found = format!("{} of {} requests are left", self.left, self.limit);
        if self.left < self.limit / 10 {
            AccountFact::not_well(FactKind::Rate, found)
        } else {
            AccountFact::well(FactKind::Rate, found)
        }
    }
}

/// What a venue wrote, for a person.
pub(crate) fn plain(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ' ');
    text.chars().filter(is_plain).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tenth_of_a_budget_is_told() {
        let fact = |left| Budget { limit: 200, left }.fact();
        assert!(fact(20).is_well);
        assert!(!fact(19).is_well);
        assert_eq!(fact(19).found, "19 of 200 requests are left");
    }

    #[test]
    fn what_a_venue_wrote_is_short_and_plain() {
        assert_eq!(plain("AC\u{1b}[31mTIVE\n<b>"), "AC31mTIVEb");
        assert_eq!(plain(&"x".repeat(1000)).len(), 60);
    }
}
