//! Bars and signals through the processor: records in, records out.

use super::harness::*;
use super::*;
use crate::signals::{
    CombinationSettings, CrossSettings, FormulaSettings, Interval, Is, OperandSettings, RuleIs,
    RuleSettings, SessionSettings, Stance, When,
};

#[test]
fn a_bar_is_told_when_it_is_closed_and_again_when_it_is_amended() {
    let mut harness = MarketHarness::new(bars(BarsOf::Trades, &[Interval::Second]));
    assert!(harness.feed(&trade(0.1, "a", "10")).unwrap().is_empty());
    harness.feed(&trade(0.2, "b", "12")).unwrap();
    let told = harness.feed(&trade(1.0, "c", "11")).unwrap();
    assert_eq!(shown(&told), ["1s@0+0 10/12/10/12 4/2"]);
    let late = harness.feed(&trade(0.3, "late", "9")).unwrap();
    assert_eq!(shown(&late), ["1s@0+1 10/12/9/9 6/3"]);
    let corrected = amendment(TradeKind::Correction, 1.5, "b", "10.5");
    assert_eq!(
        shown(&harness.feed(&corrected).unwrap()),
        ["1s@0+2 10/10.5/9/9 6/3"]
    );
    for (id, told) in [
        ("late", "1s@0+3 10/10.5/10/10.5 4/2"),
        ("b", "1s@0+4 10/10/10/10 2/1"),
        // Nothing is left: the prices are those that were told before.
        ("a", "1s@0+5 10/10/10/10 0/0"),
    ] {
        let cancelled = amendment(TradeKind::Cancel, 1.6, id, "0");
        assert_eq!(shown(&harness.feed(&cancelled).unwrap()), [told]);
    }
    let Event::Bar(bar) = &told[0] else { panic!() };
    assert_eq!((bar.event_time, bar.ingest_time), (at(1.0), at(1.5)));
}

#[test]
fn a_correction_of_the_newest_trade_is_the_last_price() {
    let mut harness = MarketHarness::new(bars(BarsOf::Trades, &[]));
    harness.feed(&trade(0.1, "a", "10")).unwrap();
    harness.feed(&trade(0.2, "b", "12")).unwrap();
    let last = |harness: &mut MarketHarness| match &harness.commit(at(9.0))[..] {
        [Event::Mark(mark)] => (mark.last_price.unwrap().to_string(), mark.price.to_string()),
        other => panic!("{other:?}"),
    };
    assert_eq!(last(&mut harness), ("12".to_owned(), "12".to_owned()));
    harness
        .feed(&amendment(TradeKind::Correction, 0.4, "b", "11"))
        .unwrap();
    assert_eq!(last(&mut harness), ("11".to_owned(), "11".to_owned()));
    harness
        .feed(&amendment(TradeKind::Cancel, 0.5, "b", "0"))
        .unwrap();
    assert_eq!(last(&mut harness), ("10".to_owned(), "10".to_owned()));
}

#[test]
fn silence_closes_a_bar_when_time_has_passed_as_it_did_before() {
    let mut harness =
        MarketHarness::new(bars(BarsOf::Trades, &[Interval::Second, Interval::Minute]));
    assert_eq!(harness.market.wake_at(), None);
    harness.feed(&trade(0.1, "a", "10")).unwrap();
    // It came half a second late, which counts as one: a second after the bar's end.
    assert_eq!(harness.market.wake_at(), Some(at(2.0)));
    assert!(harness.tick(1.9).is_empty());
    assert_eq!(shown(&harness.tick(2.0)), ["1s@0+0 10/10/10/10 2/1"]);
    assert_eq!(harness.market.wake_at(), Some(at(61.0)));
    let told = harness.tick(90_000.0);
    assert_eq!(shown(&told), ["1m@0+0 10/10/10/10 2/1"]);
    assert_eq!(harness.market.wake_at(), None);
}

#[test]
fn old_records_that_are_read_after_a_pause_are_not_cut_off_by_the_clock() {
    let mut harness = MarketHarness::new(bars(BarsOf::Trades, &[Interval::Second]));
    let now = at(3_600.0);
    harness.feed_at(&trade(0.1, "a", "10"), now).unwrap();
    assert!(harness.tick(3_600.0).is_empty());
    harness.feed_at(&trade(0.5, "b", "11"), now).unwrap();
    let told = harness.feed_at(&trade(1.5, "c", "12"), now).unwrap();
    assert_eq!(shown(&told), ["1s@0+0 10/11/10/11 4/2"]);
    // 1.5 s came 3598.5 s late, so the second from 1 is over at 2 + 3599.
    assert_eq!(harness.market.wake_at(), Some(at(3_601.0)));
}

#[test]
fn what_comes_too_late_or_twice_or_from_tomorrow_is_refused_and_changes_nothing() {
    let mut harness = MarketHarness::new(bars(BarsOf::Trades, &[Interval::Second]));
    harness.feed(&trade(0.1, "a", "10")).unwrap();
    harness.feed(&trade(10.0, "b", "10")).unwrap();
    harness.commit(at(11.0));
    let before = (harness.dump(), harness.market.wake_at());
    for (event, reason) in [
        (trade(0.2, "c", "10"), Reason::TooLate),
        (trade(10.0, "b", "10"), Reason::DuplicateTrade),
        (
            amendment(TradeKind::Cancel, 11.0, "a", "0"),
            Reason::UnknownTrade,
        ),
        (
            amendment(TradeKind::Correction, 11.0, "x", "1"),
            Reason::UnknownTrade,
        ),
        (trade(100.0, "d", "10"), Reason::BadTime),
    ] {
        let refusal = harness.feed_at(&event, at(11.0)).unwrap_err();
        assert_eq!(refusal.reason, reason, "{}", refusal.message);
        assert!(harness.commit(at(11.0)).is_empty());
    }
    assert_eq!((harness.dump(), harness.market.wake_at()), before);
}

#[test]
fn of_a_symbol_without_bars_nothing_is_kept_but_its_mark() {
    let mut settings = bars(BarsOf::Trades, &[Interval::Second]);
    settings.bars[0].symbols = vec!["B".to_owned()];
    let mut harness = MarketHarness::new(settings);
    harness.feed(&trade(0.1, "a", "10")).unwrap();
    assert!(harness.feed(&trade(5.0, "b", "10")).unwrap().is_empty());
    harness
        .feed(&amendment(TradeKind::Cancel, 5.0, "x", "0"))
        .unwrap();
    assert_eq!(harness.market.wake_at(), None);
    assert_eq!(harness.dump().len(), 1);
}

#[test]
fn bars_of_mids_take_quotes_and_no_trades() {
    let mut harness = MarketHarness::new(bars(BarsOf::Mids, &[Interval::Second]));
    harness.feed(&quote(0.1, "10", "11")).unwrap();
    harness.feed(&trade(0.2, "a", "99")).unwrap();
    harness.feed(&quote(0.3, "13", "12")).unwrap();
    harness.feed(&quote(0.4, "-2", "1")).unwrap();
    let told = harness.feed(&quote(1.2, "9", "10")).unwrap();
    assert_eq!(shown(&told), ["1s@0+0 10.5/10.5/-0.5/-0.5 0/2"]);
}

#[test]
fn a_cross_is_told_with_what_it_was_made_from() {
    let settings = bars(BarsOf::Trades, &[]);
    let settings = with_rules(settings, vec![rule("up", Interval::Second, cross())]);
    // Averages of three from the third bar on: 2, 3, 3.33, 3.67, 3.33.
    let prices = ["1", "2", "3", "4", "3", "4", "3"];
    let told = signals(settings.clone(), &prices);
    assert_eq!(told, ["up SHORT@5 3", "up LONG@6 4", "up SHORT@7 3"]);

    let mut harness = MarketHarness::new(settings);
    let mut first = None;
    for (second, price) in prices.iter().enumerate() {
        let event = trade(second as f64, &second.to_string(), price);
        let told = harness.feed(&event).unwrap().into_iter().next();
        first = first.or(told);
    }
    let Some(Event::Signal(signal)) = first else {
        panic!()
    };
    let inputs: Vec<(&str, f64)> = signal
        .inputs
        .iter()
        .map(|(n, v)| (n.as_str(), *v))
        .collect();
    assert_eq!(inputs, [("close", 3.0), ("sma(period=3)", 10.0 / 3.0)]);
    assert_eq!(signal.parameters["b"], "sma(period=3)");
    assert_eq!(
        (signal.kind.as_str(), signal.interval.as_str()),
        ("cross", "1s")
    );
    assert_eq!(signal.config_hash, "hash");
    // The bar from 4 was closed by the trade at 5, the sixth record.
    let cause = (
        signal.cause_topic.as_str(),
        signal.cause_partition,
        signal.cause_offset,
    );
    assert_eq!(cause, ("market.trades", 3, 5));
}

#[test]
fn too_few_bars_are_no_signal() {
    let settings = bars(BarsOf::Trades, &[]);
    let settings = with_rules(settings, vec![rule("up", Interval::Second, cross())]);
    assert!(signals(settings, &["1", "9", "1"]).is_empty());
}

#[test]
fn a_value_that_is_beyond_its_level_at_the_first_look_is_told() {
    let when = above(close(), 10.0, 5.0, Stance::Long);
    let rules = vec![rule("high", Interval::Second, when)];
    let settings = with_rules(bars(BarsOf::Trades, &[]), rules);
    let told = signals(settings, &["11", "12", "1"]);
    assert_eq!(told, ["high LONG@1 11", "high FLAT@3 1"]);
}

#[test]
fn an_amended_bar_changes_no_signal() {
    let settings = bars(BarsOf::Trades, &[]);
    let when = above(close(), 10.0, 5.0, Stance::Long);
    let settings = with_rules(settings, vec![rule("high", Interval::Second, when)]);
    let mut harness = MarketHarness::new(settings);
    harness.feed(&trade(0.5, "a", "9")).unwrap();
    harness.feed(&trade(2.5, "b", "9")).unwrap();
    harness.feed(&trade(3.5, "c", "12")).unwrap();
    // One amends the first bar, one makes the first bar of a second that is over.
    assert!(harness.feed(&trade(0.6, "d", "11")).unwrap().is_empty());
    assert!(harness.feed(&trade(1.5, "e", "11")).unwrap().is_empty());
    let told = harness.feed(&trade(4.5, "f", "12")).unwrap();
    assert_eq!(shown(&told), ["high LONG@4 12"]);
}

#[test]
fn during_the_cooldown_only_the_end_is_told() {
    let settings = bars(BarsOf::Trades, &[]);
    let when = above(close(), 10.0, 5.0, Stance::Long);
    let mut patient = rule("high", Interval::Second, when);
    patient.cooldown_seconds = 4;
    let prices = ["1", "11", "1", "11", "1", "11", "1", "1"];
    let told = signals(with_rules(settings, vec![patient]), &prices);
    // LONG at 2, its end at 3; the one at 4 is too early, its end at 5 is none. The
    // next at 6 is 3 s after the last signal.
    assert_eq!(told, ["high LONG@2 11", "high FLAT@3 1"]);
}

#[test]
fn outside_of_the_session_a_turn_is_told_as_an_end() {
    let mut rule = rule("up", Interval::Minute, cross());
    rule.session = Some(SessionSettings {
        from: "00:00".to_owned(),
        to: "00:05".to_owned(),
    });
    let mut harness = MarketHarness::new(with_rules(bars(BarsOf::Trades, &[]), vec![rule]));
    let mut told = Vec::new();
    for (minute, price) in ["3", "2", "1", "2", "3", "1", "4", "9"].iter().enumerate() {
        let event = trade(minute as f64 * 60.0, &minute.to_string(), price);
        told.extend(harness.feed(&event).unwrap());
    }
    // The bar from minute 3 crosses up; the one from 5 ends outside; the one from 6
    // begins outside.
    assert_eq!(shown(&told), ["up LONG@240 2", "up FLAT@360 1"]);
}

#[test]
fn a_combination_waits_until_all_its_parts_are_known() {
    let rule_is = |name: &str, is| {
        FormulaSettings::Rule(RuleIs {
            name: name.to_owned(),
            is,
        })
    };
    let wide = above(close(), 100.0, 100.0, Stance::Neutral);
    let both = When::Combination(CombinationSettings {
        of: FormulaSettings::All(vec![
            rule_is("up", Is::Long),
            FormulaSettings::Not(Box::new(rule_is("wild", Is::On))),
        ]),
        then: Stance::Long,
    });
    let silent = |mut rule: RuleSettings| {
        rule.tell = false;
        rule
    };
    let rules = vec![
        silent(rule("up", Interval::Second, cross())),
        silent(rule("wild", Interval::Second, wide)),
        rule("both", Interval::Second, both),
    ];
    let settings = with_rules(bars(BarsOf::Trades, &[]), rules);
    // Long from 4 on, but wild at 5; long again once 200 has left the average at 8.
    let prices = ["3", "2", "1", "4", "200", "10", "20", "30", "1"];
    let told = signals(settings, &prices);
    let expected = [
        "both LONG@4 4",
        "both FLAT@5 200",
        "both LONG@8 30",
        "both FLAT@9 1",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_rule_at_quotes_needs_no_bars() {
    let spread = OperandSettings {
        line: Some("spread_bps".to_owned()),
        ..OperandSettings::indicator("spread_anomaly", &[])
    };
    let wide = rule(
        "wide",
        Interval::Quote,
        above(spread, 500.0, 100.0, Stance::Neutral),
    );
    let mut harness = MarketHarness::new(with_rules(MarketSettings::default(), vec![wide]));
    let mut told = Vec::new();
    for (n, (bid, ask)) in [
        ("99", "101"),
        ("90", "110"),
        ("80", "120"),
        ("100", "100.5"),
        ("90", "110"),
    ]
    .into_iter()
    .enumerate()
    {
        told.extend(harness.feed(&quote(n as f64, bid, ask)).unwrap());
    }
    // A late quote is not looked at.
    told.extend(harness.feed(&quote(2.5, "50", "150")).unwrap());
    assert_eq!(shown(&told), ["wide NEUTRAL@1 100", "wide NEUTRAL@4 100"]);
}

#[test]
fn a_rule_with_other_parameters_remembers_nothing_of_the_former_one() {
    let settings = |period| {
        let when = When::Cross(CrossSettings {
            a: close(),
            b: average(period),
        });
        with_rules(
            bars(BarsOf::Trades, &[]),
            vec![rule("up", Interval::Second, when)],
        )
    };
    let mut harness = MarketHarness::new(settings(2));
    for second in 0..5 {
        let event = trade(f64::from(second), &second.to_string(), &second.to_string());
        harness.feed(&event).unwrap();
    }
    harness.commit(at(5.0));
    harness.settings = settings(3);
    harness.restart();
    let mut told = Vec::new();
    for (second, price) in [(5, "9"), (6, "1"), (7, "1"), (8, "9"), (9, "1")] {
        told.extend(
            harness
                .feed(&trade(f64::from(second), &second.to_string(), price))
                .unwrap(),
        );
    }
    // Three bars anew, those from 4 to 6; then the one from 7 is below and that from 8 above.
    assert_eq!(shown(&told), ["up LONG@9 9"]);
}
