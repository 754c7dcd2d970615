use proptest::prelude::*;

use super::*;

fn standing(done: u64, end: Option<u64>) -> Standing {
    Standing {
        done,
        begun: end.map(|end| Range { start: done, end }),
    }
}

fn piece(from: u64, end: u64, begun: Option<(u64, u64)>) -> Piece {
    Piece {
        partition: 0,
        from,
        end,
        begun: begun.map(|(start, end)| Range { start, end }),
    }
}

/// One partition that begins at `low`.
fn pieces(low: u64) -> Pieces {
    Pieces::new(Topic::MarketQuotes, &[(0, low)].into())
}

/// `next` is where an earlier round ended.
fn rest(low: u64, next: u64, at: Option<Standing>, newest: Option<u64>) -> Vec<Piece> {
    let mut pieces = pieces(low);
    pieces.done(&[(0, standing(next, None))].into());
    let standings = at.map(|at| (0, at)).into_iter().collect();
    let newest = newest.map(|newest| (0, newest)).into_iter().collect();
    pieces.rest(&standings, &newest).unwrap()
}

#[test]
fn while_the_sink_writes_only_what_it_is_done_with_is_filled() {
    let mut pieces = pieces(10);
    let mut done = |at: Standing| pieces.done(&[(0, at)].into());
    assert_eq!(done(standing(30, Some(39))), [piece(10, 30, None)]);
    assert_eq!(done(standing(30, Some(39))), []);
    assert_eq!(done(standing(40, None)), [piece(30, 40, None)]);
    assert_eq!(pieces.done(&BTreeMap::new()), []);
}

#[test]
fn an_announced_range_is_filled_as_announced_whether_its_rows_are_there_or_not() {
    let announced = Some(standing(30, Some(39)));
    let expected = [piece(10, 30, None), piece(30, 40, Some((30, 39)))];
    // Never inserted, or lost again; in part; whole.
    for newest in [None, Some(29), Some(33), Some(39)] {
        assert_eq!(rest(10, 10, announced, newest), expected);
        assert_eq!(rest(10, 30, announced, newest), expected[1..]);
    }
}

#[test]
fn what_was_announced_comes_last() {
    let mut pieces = Pieces::new(Topic::MarketQuotes, &[(0, 0), (1, 0)].into());
    let standings = [(0, standing(5, Some(9))), (1, standing(7, None))].into();
    let filled = pieces.rest(&standings, &BTreeMap::new()).unwrap();
    let second = Piece {
        partition: 1,
        ..piece(0, 7, None)
    };
    let expected = [piece(0, 5, None), second, piece(5, 10, Some((5, 9)))];
    assert_eq!(filled, expected);
}

#[test]
fn rows_behind_what_the_group_committed_are_filled_too() {
    assert_eq!(rest(0, 0, None, Some(19)), [piece(0, 20, None)]);
    let expected = [
        piece(0, 5, None),
        piece(10, 20, None),
        piece(5, 10, Some((5, 9))),
    ];
    assert_eq!(rest(0, 0, Some(standing(5, Some(9))), Some(19)), expected);
}

#[test]
fn a_sink_that_works_on_what_the_topic_lost_stops_the_rebuild() {
    let behind = |pieces: &mut Pieces, at: Standing| {
        let error = pieces
            .rest(&[(0, at)].into(), &BTreeMap::new())
            .unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains("market.quotes[0] before 35"), "{shown}");
    };
    // It is about to insert a range, or did since filling began.
    behind(&mut pieces(35), standing(30, Some(39)));
    let mut begun = pieces(35);
    begun.done(&[(0, standing(30, None))].into());
    behind(&mut begun, standing(40, None));
    // One that stands still has inserted nothing: what it will send is not announced yet.
    let mut still = pieces(35);
    still.done(&[(0, standing(30, None))].into());
    let rest = still.rest(&[(0, standing(30, None))].into(), &BTreeMap::new());
    assert_eq!(rest.unwrap(), []);
}

#[test]
fn a_group_that_is_set_back_meanwhile_stops_the_rebuild() {
    for (at, to) in [(Some(standing(10, Some(19))), 10), (None, 0)] {
        let mut pieces = pieces(0);
        pieces.done(&[(0, standing(30, None))].into());
        let standings = at.map(|at| (0, at)).into_iter().collect();
        let error = pieces.rest(&standings, &BTreeMap::new()).unwrap_err();
        let shown = error.to_string();
        let expected = format!("set back from offset 30 to {to} in market.quotes[0]");
        assert!(shown.contains(&expected), "{shown}");
    }
}

proptest! {
    /// Each offset once, none left out, and an announced range only as a whole.
    #[test]
    fn every_offset_is_filled_once(
        low in 0..30u64,
        rounds in proptest::collection::vec(0..20u64, 0..5),
        length in 0..20u64,
        newest in proptest::option::of(0..150u64),
    ) {
        let mut pieces = pieces(low);
        let mut filled = Vec::new();
        let mut done = low;
        for grown in rounds {
            done += grown;
            filled.extend(pieces.done(&[(0, standing(done, Some(done + 3)))].into()));
        }
        let last = standing(done, (length > 0).then(|| done + length - 1));
        let newest: BTreeMap<u32, u64> = newest.map(|newest| (0, newest)).into_iter().collect();
        filled.extend(pieces.rest(&[(0, last)].into(), &newest).unwrap());
        let mut offsets: Vec<u64> = filled.iter().flat_map(|piece| piece.from..piece.end).collect();
        offsets.sort_unstable();
        let end = (done + length).max(newest.get(&0).map_or(0, |newest| newest + 1));
        prop_assert_eq!(offsets, (low..end.max(low)).collect::<Vec<u64>>());
        for piece in filled {
            let inside = last.begun.filter(|range| range.contains(piece.from) || range.contains(piece.end - 1));
            prop_assert_eq!(piece.begun, inside);
        }
    }
}
