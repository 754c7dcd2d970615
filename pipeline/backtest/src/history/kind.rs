use super::error::Fault;

/// What the rows of a file are; known from its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Quotes,
    Trades,
    Bars,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Quotes, Self::Trades, Self::Bars];

    /// The order in which cells stand in a row, whatever the order in the file.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Quotes => &["time", "symbol", "bid", "bid_size", "ask", "ask_size"],
            Self::Trades => &["time", "symbol", "price", "size", "id"],
            Self::Bars => &[
                "time", "symbol", "interval", "open", "high", "low", "close", "volume",
            ],
        }
    }

    /// Only the id of a trade need not be there.
    fn is_optional(column: &str) -> bool {
        column == "id"
    }

    /// The kind with exactly these columns, in any order.
    pub(super) fn of<S: AsRef<str>>(names: &[S]) -> Result<Self, Fault> {
        let fits = |kind: &&Self| {
            let columns = kind.columns();
            let known = names.iter().all(|name| columns.contains(&name.as_ref()));
            let has = |column: &&str| names.iter().any(|name| name.as_ref() == *column);
            let complete = columns
                .iter()
                .all(|column| has(column) || Self::is_optional(column));
            known && complete && !has_twice(names)
        };
        Self::ALL.iter().find(fits).copied().ok_or_else(|| {
            let found: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
            Fault::plain(format!(
                "the columns {} are neither quotes ({}) nor trades ({}; id may be left out) nor \
                 bars ({}): rename, add or take away columns",
                found.join(", "),
                Self::Quotes.columns().join(", "),
                Self::Trades.columns().join(", "),
                Self::Bars.columns().join(", "),
            ))
        })
    }

    /// Where each column of the kind stands among the names of the file.
    pub(super) fn places<S: AsRef<str>>(self, names: &[S]) -> Vec<Option<usize>> {
        let place = |column: &&str| names.iter().position(|name| name.as_ref() == *column);
        self.columns().iter().map(place).collect()
    }
}

fn has_twice<S: AsRef<str>>(names: &[S]) -> bool {
    let mut places = names.iter().enumerate();
    places.any(|(place, name)| names[..place].iter().any(|n| n.as_ref() == name.as_ref()))
}
