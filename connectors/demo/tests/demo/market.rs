use std::collections::HashMap;

use proptest::prelude::*;
use tapeline_model::Event;
use tapeline_model::money::Price;
use tapeline_model::records::Quote;

use crate::run;

fn quotes(seed: u64, seconds: u64) -> Vec<Quote<'static>> {
    let quotes = run(seed, seconds).into_iter();
    let quotes = quotes.filter_map(|emission| match emission.event {
        Event::Quote(quote) => Some((emission.seq, quote)),
        _ => None,
    });
    let numbered = quotes.inspect(|(seq, quote)| assert_eq!(*seq as i64, quote.seq));
    numbered.map(|(_, quote)| quote).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_quote_makes_sense(seed: u64) {
        let dollar: Price = "1".parse().unwrap();
        for quote in quotes(seed, 10) {
            prop_assert!(quote.bid_price > dollar, "{quote:?}");
            prop_assert!(quote.ask_price > quote.bid_price, "{quote:?}");
            prop_assert!(quote.bid_size.is_positive() && quote.ask_size.is_positive());
            prop_assert_eq!(quote.bid_price.raw() % 1_000_000, 0, "a tick is a cent");
        }
    }
}

#[test]
fn a_minute_holds_its_quotes() {
    assert!(quotes(1, 55).len() >= 100_000);
}

#[test]
fn all_symbols_are_quoted_and_some_far_more_often() {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for quote in quotes(1, 60) {
        *counts.entry(quote.symbol.into_owned()).or_default() += 1;
    }
    assert_eq!(counts.len(), 500);
    let (fewest, most) = (
        counts.values().min().unwrap(),
        counts.values().max().unwrap(),
    );
    assert!(*fewest > 50 && *most > 20 * fewest, "{fewest} to {most}");
}

#[test]
fn prices_move_but_stay_near() {
    let mut first: HashMap<String, i64> = HashMap::new();
    let mut last = first.clone();
    for quote in quotes(1, 300) {
        let name = quote.symbol.into_owned();
        first.entry(name.clone()).or_insert(quote.bid_price.raw());
        last.insert(name, quote.bid_price.raw());
    }
    let change = |name: &String| (last[name] - first[name]) * 10_000 / first[name];
    let mut moves: Vec<i64> = first.keys().map(|name| change(name).abs()).collect();
    moves.sort_unstable();
    let median = moves[moves.len() / 2];
    assert!(
        (10..300).contains(&median),
        "{median} ten-thousandths in 5 min"
    );
    assert!(moves[moves.len() - 1] < 2_500, "{moves:?}");
}
