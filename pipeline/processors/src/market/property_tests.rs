//! Whatever happens: a restart changes nothing, and neither does the future.

use proptest::prelude::*;

use super::harness::*;
use super::*;
use crate::signals::{
    BreakoutSettings, CombinationSettings, FormulaSettings, Interval, Is, OperandSettings, RuleIs,
    Stance, When,
};

/// What happens: seconds in tenths since the last record, and what.
#[derive(Debug, Clone)]
enum Happening {
    Trade { after: i64, cents: i64 },
    Quote { after: i64, cents: i64, spread: i64 },
    Amend { which: usize, cents: Option<i64> },
    Tick { after: i64 },
    Commit,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let after = || prop_oneof![6 => 0_i64..12, 1 => -30_i64..0, 1 => 0_i64..900];
    let cents = || 500_i64..1_500;
    let one = prop_oneof![
        8 => (after(), cents()).prop_map(|(after, cents)| Happening::Trade { after, cents }),
        5 => (after(), cents(), -2_i64..80)
            .prop_map(|(after, cents, spread)| Happening::Quote { after, cents, spread }),
        2 => (any::<usize>(), prop::option::of(cents()))
            .prop_map(|(which, cents)| Happening::Amend { which, cents }),
        2 => (0_i64..40).prop_map(|after| Happening::Tick { after }),
        2 => Just(Happening::Commit),
    ];
    prop::collection::vec(one, 1..150)
}

fn everything() -> MarketSettings {
    let spread = OperandSettings {
        line: Some("score".to_owned()),
        ..OperandSettings::indicator("spread_anomaly", &[("period", 4.0)])
    };
    let breakout = When::Breakout(BreakoutSettings {
        period: 3,
        flat_at_middle: true,
    });
    let either = When::Combination(CombinationSettings {
        of: FormulaSettings::Any(
            ["up", "wide"]
                .map(|name| {
                    FormulaSettings::Rule(RuleIs {
                        name: name.to_owned(),
                        is: Is::On,
                    })
                })
                .to_vec(),
        ),
        then: Stance::Neutral,
    });
    let mut up = rule("up", Interval::Second, cross());
    up.cooldown_seconds = 3;
    let rules = vec![
        up,
        rule("out", Interval::Second, breakout),
        rule(
            "wide",
            Interval::Quote,
            above(spread, 1.0, 0.0, Stance::Neutral),
        ),
        rule("either", Interval::Minute, either),
    ];
    let settings = MarketSettings {
        max_jump_percent: Some(250),
        quote_staleness_ms: Some(2_000),
        wide_spread_bps: Some(500),
        ..bars(BarsOf::Trades, &[Interval::Second, Interval::Minute])
    };
    with_rules(settings, rules)
}

/// Plays what happens, restarting before `restart_at`, and returns the bytes of what
/// comes out of each.
fn play(happenings: &[Happening], restart_at: Option<usize>) -> Vec<Vec<Vec<u8>>> {
    let mut harness = MarketHarness::new(everything());
    let (mut newest, mut all) = (0_i64, Vec::new());
    for (n, happening) in happenings.iter().enumerate() {
        if restart_at == Some(n) {
            harness.restart();
        }
        let seconds = |tenths: i64| (tenths + 1_000) as f64 / 10.0;
        let price = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
        let now = |newest| Micros(at(seconds(newest)).0 + SECOND / 2);
        let told = match happening {
            Happening::Trade { after, cents } => {
                let time = newest + after;
                newest = newest.max(time);
                let event = trade(seconds(time), &n.to_string(), &price(*cents));
                harness.feed_at(&event, now(newest)).unwrap_or_default()
            }
            Happening::Quote {
                after,
                cents,
                spread,
            } => {
                let time = newest + after;
                newest = newest.max(time);
                let event = quote(seconds(time), &price(*cents), &price(cents + spread));
                harness.feed_at(&event, now(newest)).unwrap_or_default()
            }
            Happening::Amend { which, cents } => {
                let of = (which % (n + 1)).to_string();
                let kind = cents.map_or(TradeKind::Cancel, |_| TradeKind::Correction);
                let event = amendment(kind, seconds(newest), &of, &price(cents.unwrap_or(0)));
                harness.feed_at(&event, now(newest)).unwrap_or_default()
            }
            Happening::Tick { after } => {
                newest += after;
                let due = harness
                    .market
                    .wake_at()
                    .is_some_and(|wanted| wanted <= now(newest));
                let mut out = Out::default();
                if due {
                    harness.market.tick(now(newest), &mut out);
                }
                out.drain().collect()
            }
            Happening::Commit => harness.commit(now(newest)),
        };
        let bytes = |event: &Event<'_>| {
            let mut bytes = Vec::new();
            event.encode(&mut bytes).unwrap();
            bytes
        };
        all.push(told.iter().map(bytes).collect());
    }
    all
}

proptest! {
    #[test]
    fn a_restart_after_a_commit_changes_nothing(
        happenings in happenings(),
        cut in any::<prop::sample::Index>(),
    ) {
        let commits: Vec<usize> = happenings
            .iter()
            .enumerate()
            .filter(|(_, h)| matches!(h, Happening::Commit))
            .map(|(n, _)| n + 1)
            .collect();
        let Some(at) = commits.get(cut.index(commits.len().max(1))) else {
            return Ok(());
        };
        prop_assert_eq!(play(&happenings, Some(*at)), play(&happenings, None));
    }

    #[test]
    fn what_comes_later_changes_nothing_before(
        happenings in happenings(),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(happenings.len());
        let whole = play(&happenings, None);
        prop_assert_eq!(play(&happenings[..cut], None), &whole[..cut]);
        prop_assert_eq!(&play(&happenings, None), &whole, "the same again is the same");
    }
}
