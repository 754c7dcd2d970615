use proptest::prelude::{Strategy as _, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};
use tapeline_model::reasons::Reason;
use tapeline_model::records::{OrderRequest, Side};

use super::harness::*;
use super::*;
use crate::signals::Interval;

const LONG: Direction = Direction::Long;
const SHORT: Direction = Direction::Short;
const FLAT: Direction = Direction::Flat;

#[test]
fn a_trend_is_entered_and_left_when_it_turns() {
    let mut harness = StrategyHarness::new(trend());
    // A tenth of 100,000 at 50.
    assert_eq!(harness.signal("s.cross", LONG, 1), ["BUY 200 A one"]);
    assert!(
        harness.signal("s.cross", LONG, 2).is_empty(),
        "it is there already"
    );
    harness.position("150", 3);
    assert_eq!(
        harness.signal("s.cross", SHORT, 4),
        ["SELL 150 A one reduce"]
    );
    harness.position("0", 5);
    assert_eq!(harness.signal("s.cross", SHORT, 6), ["SELL 200 A one"]);
    harness.position("-500", 7);
    assert_eq!(
        harness.signal("s.cross", LONG, 8),
        ["BUY 200 A one reduce"],
        "not what others hold"
    );
    assert!(harness.signal("other", LONG, 9).is_empty());
}

#[test]
fn a_request_says_where_it_comes_from() {
    let mut harness = StrategyHarness::new(trend());
    let event = Event::Signal(signal("s.cross", LONG, 1));
    let again = StrategyHarness::new(trend()).feed(event.clone(), 1);
    let made = harness.feed(event.clone(), 1);
    assert_eq!(made, again);
    let Event::Request(OrderRequest {
        request_id,
        signal_id,
        strategy,
        reason,
        limit_price: None,
        ..
    }) = &made[0]
    else {
        panic!("{made:?}")
    };
    assert_eq!(request_id.len(), 36);
    assert_eq!(
        *signal_id,
        Some(signal("s.cross", LONG, 1).signal_id.to_string())
    );
    assert_eq!(strategy.as_deref(), Some("s"));
    assert_eq!(reason, "s.cross says LONG for A at 50 (1m bars)");
    assert!(harness.feed(event, 1).is_empty(), "the same signal again");
}

#[test]
fn what_one_rule_wanted_another_one_does_not_end() {
    let reversion = TradeSettings::Reversion(ReversionSettings::default());
    let mut harness = StrategyHarness::new(instance(reversion));
    assert_eq!(harness.signal("s.low", LONG, 1), ["BUY 200 A one"]);
    harness.position("200", 2);
    assert!(harness.signal("s.high", FLAT, 3).is_empty());
    assert_eq!(harness.signal("s.low", FLAT, 4), ["SELL 200 A one reduce"]);
    assert!(harness.signal("s.low", FLAT, 5).is_empty());
}

#[test]
fn a_breakout_ends_in_the_middle() {
    let mut breakout = instance(TradeSettings::Breakout(RangeSettings::default()));
    breakout.sides = Sides::Short;
    let mut harness = StrategyHarness::new(breakout);
    assert!(harness.signal("s.breakout", LONG, 1).is_empty());
    assert_eq!(harness.signal("s.breakout", SHORT, 2), ["SELL 200 A one"]);
    harness.position("-200", 3);
    assert_eq!(
        harness.signal("s.breakout", FLAT, 4),
        ["BUY 200 A one reduce"]
    );
}

#[test]
fn nothing_is_entered_on_what_is_missing_or_old() {
    let blocked = |prepare: &dyn Fn(&mut StrategyHarness), time: i64| {
        let mut harness = StrategyHarness::new(trend());
        prepare(&mut harness);
        let told = harness.signal("s.cross", LONG, time);
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    };
    assert_eq!(blocked(&|_| {}, 10), "BUY 200 A one");
    assert!(blocked(&|_| {}, 11).contains("the newest price is of"));
    let old = |harness: &mut StrategyHarness| {
        harness.feed(mark("A", "50", 61), 61);
    };
    assert!(blocked(&old, 61).contains("too old to enter on"));
    let missing = |harness: &mut StrategyHarness| {
        harness.feed(Event::Equity(equity("alone", None, None, 1)), 1);
    };
    assert!(blocked(&missing, 1).contains("the equity of the account is unknown"));
    let stale = |harness: &mut StrategyHarness| {
        let mut equity = equity("alone", None, Some("100000"), 1);
        equity.stale_prices = 1;
        harness.feed(Event::Equity(equity), 1);
    };
    assert!(blocked(&stale, 1).contains("rests on prices"));
    let reducing = |harness: &mut StrategyHarness| {
        let mut equity = equity("alone", None, Some("100000"), 1);
        equity.guard = GuardState::Reducing;
        harness.feed(Event::Equity(equity), 1);
    };
    assert_eq!(
        blocked(&reducing, 1),
        "the portfolio is REDUCING, so nothing is entered"
    );
    let worthless = |harness: &mut StrategyHarness| {
        harness.feed(mark("A", "-1", 1), 1);
    };
    assert_eq!(blocked(&worthless, 1), "the price -1 is not above zero");
}

#[test]
fn the_equity_of_who_holds_nothing_does_not_get_old() {
    let mut harness = StrategyHarness::new(trend());
    let mut equity = equity("alone", None, Some("100000"), 1);
    equity.gross = Some("0".parse().unwrap());
    harness.feed(Event::Equity(equity), 1);
    harness.feed(mark("A", "50", 4_000), 4_000);
    assert_eq!(harness.signal("s.cross", LONG, 4_000), ["BUY 200 A one"]);
}

#[test]
fn an_old_signal_enters_nothing_and_leaves_all_the_same() {
    let mut harness = StrategyHarness::new(trend());
    let late = |harness: &mut StrategyHarness, direction, time| {
        harness.feed(mark("A", "50", 100), 100);
        let event = Event::Signal(signal("s.cross", direction, time));
        shown(&harness.feed(event, 100))
    };
    assert!(late(&mut harness, LONG, 1)[0].contains("too old to enter on"));
    harness.feed(Event::Equity(equity("alone", None, Some("100000"), 99)), 99);
    assert_eq!(late(&mut harness, LONG, 95), ["BUY 200 A one"]);
    harness.position("200", 95);
    let event = Event::Signal(signal("s.cross", SHORT, 96));
    assert_eq!(
        shown(&harness.feed(event, 9_000)),
        ["SELL 200 A one reduce"]
    );
}

#[test]
fn what_never_came_is_not_left_but_told() {
    let mut harness = StrategyHarness::new(trend());
    harness.signal("s.cross", LONG, 1);
    let told = harness.signal("s.cross", SHORT, 2);
    assert_eq!(
        told,
        ["it asked for a LONG position, but the account holds none to leave: look for open orders"]
    );
    assert_eq!(harness.signal("s.cross", SHORT, 3), ["SELL 200 A one"]);
}

#[test]
fn an_account_that_shares_a_portfolio_needs_an_equity_of_its_own() {
    let mut shared = trend();
    shared.accounts = vec!["two".to_owned()];
    let mut harness = StrategyHarness::new(shared);
    assert!(
        harness.signal("s.cross", LONG, 1).is_empty(),
        "another task has the portfolio"
    );
    harness.feed(Event::Equity(equity("shared", None, Some("100000"), 1)), 1);
    assert!(harness.signal("s.cross", LONG, 2)[0].contains("unknown"));
    harness.feed(
        Event::Equity(equity("shared", Some("two"), Some("5000"), 2)),
        2,
    );
    assert_eq!(harness.signal("s.cross", LONG, 3), ["BUY 10 A two"]);
}

#[test]
fn sizes_follow_the_range_that_the_signal_brings() {
    let mut scaled = trend();
    scaled.size = SizeSettings::Volatility(VolatilitySettings {
        risk: "0.01".to_owned(),
        ranges: "2".to_owned(),
        period: 14,
    });
    let rules = scaled.rules();
    assert_eq!(rules[0].with.len(), 1);
    let mut harness = StrategyHarness::new(scaled);
    // 1 % of 100,000 over 2 × 2.5.
    assert_eq!(harness.signal("s.cross", LONG, 1), ["BUY 200 A one"]);
}

#[test]
fn a_restart_changes_nothing() {
    let play = |restart: bool| {
        let mut harness = StrategyHarness::new(trend());
        let mut told = Vec::new();
        for (time, direction) in [(1, LONG), (3, SHORT), (5, SHORT), (7, LONG)] {
            if restart {
                harness.restart();
            }
            let event = Event::Signal(signal("s.cross", direction, time));
            told.extend(harness.feed(event, time));
            let held = if time % 4 == 1 { "120" } else { "0" };
            harness.position(held, time);
        }
        told
    };
    assert_eq!(play(true), play(false));
    assert_eq!(play(false).len(), 4);
}

#[test]
fn only_what_is_traded_is_kept() {
    let mut harness = StrategyHarness::new(trend());
    let count = |harness: &mut StrategyHarness| {
        let stores = harness.strategy.stores();
        stores.iter().map(|store| store.len()).sum::<usize>()
    };
    let before = count(&mut harness);
    harness.feed(mark("B", "50", 1), 1);
    harness.feed(Event::Equity(equity("other", None, Some("1"), 1)), 1);
    harness.feed(Event::Position(position("other", "1", 1)), 1);
    assert_eq!(count(&mut harness), before);
}

#[test]
fn a_record_of_no_time_is_refused() {
    let mut strategy = Strategy::new(&settings(trend()));
    let origin = Origin {
        topic: Topic::RiskEquity,
        partition: 0,
        offset: 0,
    };
    let mut equity = equity("alone", None, None, 0);
    equity.event_time = Micros(-1);
    let mut out = Out::default();
    let refused = strategy.process(origin, &Event::Equity(equity), at(0), &mut out);
    assert_eq!(refused.unwrap_err().reason, Reason::BadTime);
    assert!(strategy.stores().iter().all(|store| store.is_empty()));
}

#[test]
fn the_rules_of_the_ready_strategies_have_no_fault() {
    use crate::market::{BarSettings, MarketSettings};
    let trades = [
        TradeSettings::Trend(TrendSettings::default()),
        TradeSettings::Reversion(ReversionSettings::default()),
        TradeSettings::Breakout(RangeSettings::default()),
    ];
    for trade in trades {
        let market = MarketSettings {
            bars: vec![BarSettings {
                symbols: vec!["A".to_owned()],
                ..BarSettings::default()
            }],
            rules: instance(trade).rules(),
            ..MarketSettings::default()
        };
        assert_eq!(market.faults(), []);
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let mut wrong = trend();
    wrong.name = "s s".to_owned();
    wrong.accounts = vec!["nobody".to_owned()];
    wrong.symbols = Vec::new();
    wrong.interval = Interval::Quote;
    wrong.lot = "0".to_owned();
    wrong.max_quantity = Some("1,5".to_owned());
    wrong.max_price_age_ms = 0;
    wrong.trade = TradeSettings::Trend(TrendSettings { fast: 50, slow: 20 });
    let faults = settings(wrong).faults();
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    let expected = [
        "strategies[0].name",
        "strategies[0].symbols",
        "strategies[0].interval",
        "strategies[0].lot",
        "strategies[0].max_quantity",
        "strategies[0].max_price_age_ms",
        "strategies[0].trade.trend",
        "strategies[0].accounts",
    ];
    assert_eq!(keys, expected);
    let lot = "strategies[0].lot: \"0\" must be a decimal above zero in quotes, like \"0.5\"";
    assert_eq!(faults[3].to_string(), lot);
}

#[test]
fn what_the_indicators_do_not_allow_is_told_of_the_strategy() {
    let mut wrong = instance(TradeSettings::Breakout(RangeSettings { period: 0 }));
    wrong.size = SizeSettings::Volatility(VolatilitySettings {
        risk: "0.01".to_owned(),
        ranges: "2".to_owned(),
        period: 0,
    });
    let shown: Vec<String> = settings(wrong)
        .faults()
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = [
        "strategies[0].trade: donchian cannot be used: donchian: period = 0 is not allowed: write a whole number from 1 to 10000",
        "strategies[0].size: atr cannot be used: atr: period = 0 is not allowed: write a whole number from 1 to 10000",
    ];
    assert_eq!(shown, expected);
}

/// Of a signal: the rule, the direction, and the seconds since the one before; or a
/// position.
#[derive(Debug, Clone)]
enum Happening {
    Signal(&'static str, Direction, i64),
    Position(i64),
}

fn happenings() -> impl proptest::strategy::Strategy<Value = Vec<Happening>> {
    let rules = prop::sample::select(vec!["s.low", "s.high"]);
    let directions = prop::sample::select(Direction::ALL.to_vec());
    let one = prop_oneof![
        3 => (rules, directions, 0_i64..3).prop_map(|(r, d, after)| Happening::Signal(r, d, after)),
        2 => (-300_i64..300).prop_map(Happening::Position),
    ];
    prop::collection::vec(one, 1..60)
}

proptest! {
    #[test]
    fn leaving_only_reduces_and_entering_comes_once(happenings in happenings()) {
        let reversion = TradeSettings::Reversion(ReversionSettings::default());
        let mut harness = StrategyHarness::new(instance(reversion));
        let (mut now, mut position, mut entered) = (1, 0, None);
        for happening in happenings {
            match happening {
                Happening::Position(quantity) => {
                    position = quantity;
                    harness.position(&quantity.to_string(), now);
                }
                Happening::Signal(rule, direction, after) => {
                    now += after;
                    harness.feed(mark("A", "50", now), now);
                    let equity = equity("alone", None, Some("100000"), now);
                    harness.feed(Event::Equity(equity), now);
                    let made = harness.feed(Event::Signal(signal(rule, direction, now)), now);
                    prop_assert!(made.len() <= 1);
                    match made.first() {
                        Some(Event::Request(request)) if request.reduce_only => {
                            let quantity = request.quantity.to_string().parse::<i64>().unwrap();
                            let side = if position > 0 { Side::Sell } else { Side::Buy };
                            prop_assert_eq!(request.side, side);
                            prop_assert!(quantity > 0 && quantity <= position.abs());
                            entered = None;
                        }
                        Some(Event::Request(request)) => {
                            prop_assert_eq!(entered, None, "left before it enters anew");
                            entered = Some(request.side);
                        }
                        // What is told is that nothing was there to leave.
                        Some(_) => entered = None,
                        None => {}
                    }
                }
            }
        }
    }
}
