//! Where this release took a task over from another one, which may have decided
//! otherwise.

use tapeline_model::records::Journal;

use super::Range;

/// Observes every transaction of a journal, in order.
pub(crate) struct Takeover<'a> {
    logic: &'a str,
    range: Range,
    seen: u64,
    theirs: bool,
    found: Option<(i64, u64)>,
}

impl<'a> Takeover<'a> {
    pub fn by(logic: &'a str, range: Range) -> Self {
        Self {
            logic,
            range,
            seen: 0,
            theirs: false,
            found: None,
        }
    }

    pub fn observe(&mut self, journal: &Journal) {
        self.seen += u64::from(self.range.holds(journal.transaction));
        if journal.logic != self.logic {
            self.theirs = true;
        } else if std::mem::take(&mut self.theirs) {
            self.found = Some((journal.transaction, self.seen));
        }
    }

    /// What is left of the range behind the transaction that took over, which wrote a
    /// snapshot, and how many are left out. All of it where nobody else was before, or
    /// where this release never was.
    pub fn rest(self) -> (Range, u64) {
        let Some((first, former)) = self.found.filter(|_| !self.theirs) else {
            return (self.range, 0);
        };
        let from = self.range.from.unwrap_or_default().max(first + 1);
        let range = Range {
            from: Some(from),
            ..self.range
        };
        (range, former)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Fingerprint, Steps};
    use tapeline_model::Micros;

    /// A journal in which each letter is the release of one transaction; `b` asks.
    fn rest(releases: &str, range: Range) -> (Option<i64>, u64) {
        let mut takeover = Takeover::by("b", range);
        for (number, release) in (1..).zip(releases.chars()) {
            let mut journal = Steps::default().seal(number, Micros(1), Fingerprint::default());
            journal.logic = release.to_string();
            takeover.observe(&journal);
        }
        let (range, former) = takeover.rest();
        (range.from, former)
    }

    #[test]
    fn only_what_came_after_the_last_takeover_is_done_again() {
        let all = Range::default();
        assert_eq!(rest("aabbb", all), (Some(4), 3));
        assert_eq!(rest("ababb", all), (Some(5), 4));
        assert_eq!(rest("aab", all), (Some(4), 3));
    }

    #[test]
    fn all_of_it_where_nobody_took_over() {
        let all = Range::default();
        assert_eq!(rest("bbb", all), (None, 0));
        assert_eq!(rest("aaa", all), (None, 0));
        assert_eq!(rest("aba", all), (None, 0), "another release went on");
        assert_eq!(rest("", all), (None, 0));
    }

    #[test]
    fn a_range_keeps_its_ends_and_counts_what_it_loses() {
        let range = Range {
            from: Some(2),
            to: Some(3),
        };
        assert_eq!(rest("aabbb", range), (Some(4), 2));
        let later = Range {
            from: Some(5),
            to: None,
        };
        assert_eq!(rest("aabbb", later), (Some(5), 0));
    }
}
