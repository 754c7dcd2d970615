use tapeline_model::Micros;

const SECOND: i64 = 1_000_000;

/// How far a venue's clock is ahead of ours, from the `Date` of its answers. Each names a second,
/// so each leaves a range; what all of them leave is what is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Skew {
    known: Option<(i64, i64)>,
}

impl Skew {
    /// An answer of the second `date`, to what was sent and received then.
    pub fn learn(&mut self, date_seconds: i64, sent: Micros, received: Micros) {
        let date = date_seconds.saturating_mul(SECOND);
        let least = date.saturating_sub(received.0.max(sent.0));
        let most = date.saturating_add(SECOND).saturating_sub(sent.0);
        let both = self
            .known
            .map(|(low, high)| (low.max(least), high.min(most)));
        // Clocks that were set make what was known wrong.
        self.known = both
            .filter(|(low, high)| low <= high)
            .or(Some((least, most)));
    }

    /// What the venue's clock says when ours says `now`.
    pub fn venue_time(&self, now: Micros) -> Micros {
        match self.known {
            // Within what is known, the clocks are taken to agree.
            Some((low, high)) if low > 0 || high < 0 => {
                Micros(now.0.saturating_add(low.midpoint(high)))
            }
            _ => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_answers_leave_less_than_one() {
        let ahead = 40 * SECOND + 300_000;
        let mut skew = Skew::default();
        for sent in (0..20).map(|n| 1_000 * SECOND + n * 370_000) {
            let received = sent + 50_000;
            let date = (sent + 25_000 + ahead).div_euclid(SECOND);
            skew.learn(date, Micros(sent), Micros(received));
        }
        let off = skew.venue_time(Micros(0)).0 - ahead;
        assert!(off.abs() < 200_000, "{off}");
    }

    #[test]
    fn clocks_that_agree_are_left_alone_and_one_that_was_set_is_followed() {
        let mut skew = Skew::default();
        assert_eq!(skew.venue_time(Micros(5)), Micros(5));
        skew.learn(
            100,
            Micros(100 * SECOND + 300_000),
            Micros(100 * SECOND + 400_000),
        );
        assert_eq!(skew.venue_time(Micros(5)), Micros(5));
        skew.learn(50, Micros(101 * SECOND), Micros(101 * SECOND));
        assert!(skew.venue_time(Micros(0)).0 < -50 * SECOND);
    }
}
