use crate::random::Random;
use crate::units::CENTS_PER_DOLLAR;

pub(crate) const MIN_SYMBOLS: u32 = WELL_KNOWN.len() as u32;
pub(crate) const MAX_SYMBOLS: u32 = 4000;

/// A symbol, where it is listed, and where its walk begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listing {
    pub(crate) name: &'static str,
    pub(crate) venue: &'static str,
    pub(crate) cents: i64,
}

/// Names that people know, at about the prices they know; the market is made up.
const WELL_KNOWN: [Listing; 20] = [
    listed("AAPL", "XNAS", 228),
    listed("MSFT", "XNAS", 431),
    listed("NVDA", "XNAS", 141),
    listed("TSLA", "XNAS", 244),
    listed("AMZN", "XNAS", 197),
    listed("GOOGL", "XNAS", 168),
    listed("META", "XNAS", 567),
    listed("AMD", "XNAS", 139),
    listed("AVGO", "XNAS", 172),
    listed("NFLX", "XNAS", 812),
    listed("JPM", "XNYS", 243),
    listed("V", "XNYS", 309),
    listed("UNH", "XNYS", 597),
    listed("XOM", "XNYS", 119),
    listed("JNJ", "XNYS", 154),
    listed("PG", "XNYS", 171),
    listed("HD", "XNYS", 403),
    listed("KO", "XNYS", 63),
    listed("DIS", "XNYS", 112),
    listed("INTC", "XNAS", 24),
];

const fn listed(name: &'static str, venue: &'static str, dollars: i64) -> Listing {
    Listing {
        name,
        venue,
        cents: dollars * CENTS_PER_DOLLAR,
    }
}

const VENUES: [&str; 4] = ["XNYS", "XNAS", "ARCX", "BATS"];

/// Consonants alone make neither words nor, but for rare cases, real symbols.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Made at compile time, so that quotes borrow their symbol for ever.
static MADE_UP: [[u8; 4]; MAX_SYMBOLS as usize] = make_up();

const fn make_up() -> [[u8; 4]; MAX_SYMBOLS as usize] {
    let mut names = [[0; 4]; MAX_SYMBOLS as usize];
    let mut index = 0;
    while index < names.len() {
        // 7919 shares no factor with 20⁴, so no name comes twice.
        let mut code = (index + 1) * 7919 % 160_000;
        let mut place = 0;
        while place < 4 {
            names[index][place] = LETTERS[code % 20];
            code /= 20;
            place += 1;
        }
        index += 1;
    }
    names
}

pub(crate) fn listing(index: usize, random: &mut Random) -> Listing {
    if let Some(known) = WELL_KNOWN.get(index) {
        return *known;
    }
    // Cheap shares are more common than dear ones: 5 to 900 dollars, squared.
    let root = random.between(224, 3000);
    Listing {
        name: MADE_UP
            .get(index)
            .and_then(|letters| str::from_utf8(letters).ok())
            .unwrap_or("NONE"),
        venue: VENUES[random.below(VENUES.len() as u64) as usize],
        cents: root * root / 100,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_prices_in_range() {
        let mut random = Random::new(1, 1);
        let mut names = HashSet::new();
        for index in 0..MAX_SYMBOLS as usize {
            let listing = listing(index, &mut random);
            assert!(names.insert(listing.name), "{} twice", listing.name);
            assert!((500..=90_000).contains(&listing.cents), "{listing:?}");
        }
    }
}
