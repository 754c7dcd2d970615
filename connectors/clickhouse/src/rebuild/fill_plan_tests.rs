use proptest::prelude::*;

use super::*;

fn group_offset(done: u64, end: Option<u64>) -> GroupOffset {
    GroupOffset {
        done,
        begun: end.map(|end| Range { start: done, end }),
    }
}

fn range(from: u64, end: u64, begun: Option<(u64, u64)>) -> FillRange {
    FillRange {
        partition: 0,
        from,
        end,
        begun: begun.map(|(start, end)| Range { start, end }),
    }
}

/// One partition that begins at `low`.
fn plan(low: u64) -> FillPlan {
    FillPlan::new(Topic::MarketQuotes, &[(0, low)].into())
}

/// `next` is where an earlier round ended.
fn rest(low: u64, next: u64, at: Option<GroupOffset>, newest: Option<u64>) -> Vec<FillRange> {
    let mut plan = plan(low);
    plan.done(&[(0, group_offset(next, None))].into());
    let group_offsets = at.map(|at| (0, at)).into_iter().collect();
    let newest = newest.map(|newest| (0, newest)).into_iter().collect();
    plan.rest(&group_offsets, &newest).unwrap()
}

#[test]
fn while_the_sink_writes_only_what_it_is_done_with_is_filled() {
    let mut plan = plan(10);
    let mut done = |at: GroupOffset| plan.done(&[(0, at)].into());
    assert_eq!(done(group_offset(30, Some(39))), [range(10, 30, None)]);
    assert_eq!(done(group_offset(30, Some(39))), []);
    assert_eq!(done(group_offset(40, None)), [range(30, 40, None)]);
    assert_eq!(plan.done(&BTreeMap::new()), []);
}

#[test]
fn an_announced_range_is_filled_as_announced_whether_its_rows_are_there_or_not() {
    let announced = Some(group_offset(30, Some(39)));
    let expected = [range(10, 30, None), range(30, 40, Some((30, 39)))];
    // Never inserted, or lost again; in part; whole.
    for newest in [None, Some(29), Some(33), Some(39)] {
        assert_eq!(rest(10, 10, announced, newest), expected);
        assert_eq!(rest(10, 30, announced, newest), expected[1..]);
    }
}

#[test]
fn what_was_announced_comes_last() {
    let mut plan = FillPlan::new(Topic::MarketQuotes, &[(0, 0), (1, 0)].into());
    let group_offsets = [(0, group_offset(5, Some(9))), (1, group_offset(7, None))].into();
    let filled = plan.rest(&group_offsets, &BTreeMap::new()).unwrap();
    let second = FillRange {
        partition: 1,
        ..range(0, 7, None)
    };
    let expected = [range(0, 5, None), second, range(5, 10, Some((5, 9)))];
    assert_eq!(filled, expected);
}

#[test]
fn rows_behind_what_the_group_committed_are_filled_too() {
    assert_eq!(rest(0, 0, None, Some(19)), [range(0, 20, None)]);
    let expected = [
        range(0, 5, None),
        range(10, 20, None),
        range(5, 10, Some((5, 9))),
    ];
    assert_eq!(
        rest(0, 0, Some(group_offset(5, Some(9))), Some(19)),
        expected
    );
}

#[test]
fn a_sink_that_works_on_what_the_topic_lost_stops_the_rebuild() {
    let behind = |plan: &mut FillPlan, at: GroupOffset| {
        let error = plan.rest(&[(0, at)].into(), &BTreeMap::new()).unwrap_err();
        let shown = error.to_string();
        assert!(shown.contains("market.quotes[0] before 35"), "{shown}");
    };
    // It is about to insert a range, or did since filling began.
    behind(&mut plan(35), group_offset(30, Some(39)));
    let mut begun = plan(35);
    begun.done(&[(0, group_offset(30, None))].into());
    behind(&mut begun, group_offset(40, None));
    // One that stands still has inserted nothing: what it will send is not announced yet.
    let mut still = plan(35);
    still.done(&[(0, group_offset(30, None))].into());
    let rest = still.rest(&[(0, group_offset(30, None))].into(), &BTreeMap::new());
    assert_eq!(rest.unwrap(), []);
}

#[test]
fn a_group_that_is_set_back_meanwhile_stops_the_rebuild() {
    for (at, to) in [(Some(group_offset(10, Some(19))), 10), (None, 0)] {
        let mut plan = plan(0);
        plan.done(&[(0, group_offset(30, None))].into());
        let group_offsets = at.map(|at| (0, at)).into_iter().collect();
        let error = plan.rest(&group_offsets, &BTreeMap::new()).unwrap_err();
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
        let mut plan = plan(low);
        let mut filled = Vec::new();
        let mut done = low;
        for grown in rounds {
            done += grown;
            filled.extend(plan.done(&[(0, group_offset(done, Some(done + 3)))].into()));
        }
        let last = group_offset(done, (length > 0).then(|| done + length - 1));
        let newest: BTreeMap<u32, u64> = newest.map(|newest| (0, newest)).into_iter().collect();
        filled.extend(plan.rest(&[(0, last)].into(), &newest).unwrap());
        let mut offsets: Vec<u64> = filled.iter().flat_map(|range| range.from..range.end).collect();
        offsets.sort_unstable();
        let end = (done + length).max(newest.get(&0).map_or(0, |newest| newest + 1));
        prop_assert_eq!(offsets, (low..end.max(low)).collect::<Vec<u64>>());
        for fill in filled {
            let inside = last.begun.filter(|range| range.contains(fill.from) || range.contains(fill.end - 1));
            prop_assert_eq!(fill.begun, inside);
        }
    }
}
