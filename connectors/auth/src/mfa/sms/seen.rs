use std::collections::{HashSet, VecDeque};

/// Names that were seen, up to a bound: the oldest are forgotten.
#[derive(Default)]
pub(super) struct Seen {
    known: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    /// Messages of days: Twilio gives up after hours.
    const MOST: usize = 4096;

    /// Whether none of them was seen before. All of them are from now on.
    pub fn are_new<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> bool {
        let mut are_new = true;
        for name in names {
            if self.known.contains(name) {
                are_new = false;
                continue;
            }
            if self.order.len() == Self::MOST
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
            self.known.insert(name.to_owned());
            self.order.push_back(name.to_owned());
        }
        are_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_known_name_is_enough_and_the_oldest_are_forgotten() {
        let mut seen = Seen::default();
        assert!(seen.are_new(["SM1", "token-1"]));
        assert!(!seen.are_new(["SM2", "token-1"]));
        assert!(!seen.are_new(["SM2"]), "both names count from then on");
        for n in 0..Seen::MOST {
            seen.are_new([n.to_string().as_str()]);
        }
        assert_eq!(
            (seen.known.len(), seen.order.len()),
            (Seen::MOST, Seen::MOST)
        );
        assert!(seen.are_new(["SM1"]));
    }
}
