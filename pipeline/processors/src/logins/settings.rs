use std::collections::BTreeMap;

use tapeline_model::ids::{AccountId, PortfolioId};

use super::category::RefusalKind;
use crate::contract::Share;
use crate::settings::{Faults, SettingFault, check_range};

/// More are not counted.
const MOST: i64 = 100;
const MINUTE: i64 = 60_000_000;
const LONGEST: i64 = 7 * 24 * 60 * MINUTE;

/// When a login causes an alert. Times are in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSettings {
    /// Logins to anything else are ignored.
    pub accounts: BTreeMap<AccountId, PortfolioId>,
    pub share: Share,
    /// So many failed logins without one that succeeded between them ...
    pub failures_in_row: u32,
    /// ... or so many within the window.
    pub failures: u32,
    pub window: i64,
    /// So many refusals of a kind within the window.
    pub unauthorised: u32,
    pub forbidden: u32,
    pub rate_limited: u32,
    /// For how long a session may be away.
    pub away_warning: i64,
    pub away_critical: i64,
}

impl Default for LoginSettings {
    fn default() -> Self {
        Self {
            accounts: BTreeMap::new(),
            share: Share::ALL,
            failures_in_row: 3,
            failures: 10,
            window: 15 * MINUTE,
            unauthorised: 5,
            forbidden: 3,
            rate_limited: 5,
            away_warning: 5 * MINUTE,
            away_critical: 30 * MINUTE,
        }
    }
}

impl LoginSettings {
    pub fn faults(&self) -> Vec<SettingFault> {
        let mut faults = Faults::default();
        let counts = [
            ("failures_in_row", self.failures_in_row),
            ("failures", self.failures),
            ("unauthorised", self.unauthorised),
            ("forbidden", self.forbidden),
            ("rate_limited", self.rate_limited),
        ];
        for (key, count) in counts {
            check_range(key.to_owned(), count.into(), 1..=MOST, &mut faults);
        }
        let spans = [("window", self.window), ("away_warning", self.away_warning)];
        for (key, span) in spans {
            if !(1..=LONGEST).contains(&span) {
                faults.add(key, shown(span), "must be above zero and at most 7 days");
            }
        }
        if !(self.away_warning..=LONGEST).contains(&self.away_critical) {
            let remedy = "must be from away_warning to 7 days";
            faults.add("away_critical", shown(self.away_critical), remedy);
        }
        faults.all()
    }

    pub(super) fn limit(&self, refused: RefusalKind) -> u32 {
        match refused {
            RefusalKind::Unauthorised => self.unauthorised,
            RefusalKind::Forbidden => self.forbidden,
            RefusalKind::RateLimited => self.rate_limited,
        }
    }
}

fn shown(span: i64) -> String {
    format!("{} s", span / 1_000_000)
}
