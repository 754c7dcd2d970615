//! Whatever comes in: no panic, no overflow that is not an error, nothing that raises
//! an exposure where it must not.

use proptest::prelude::*;

use super::judgements::{Counter, order};
use super::*;

const EVERY_RULE: &str = r#"
    {name="a", rule="max_drawdown", mode="static", basis="marked", breach="1", action="alert"}
    {name="b", rule="max_drawdown", mode="trailing", basis="realised", breach="1000", action="reducing"}
    {name="c", rule="max_drawdown", mode="session", basis="marked", breach="1000", action="alert"}
    {name="d", rule="max_drawdown", mode="rolling", window="1h", basis="marked", breach="1", action="halted"}
    {name="e", rule="daily_loss", basis="marked", warn="0.00000001", breach="999999999999999999999999999999", action="alert"}
    {name="f", rule="max_profit", basis="marked", breach="0.00000001", action="alert"}
    {name="g", rule="gross_exposure", breach="1", action="alert"}
    {name="h", rule="net_exposure", breach="1", action="alert"}
    {name="i", rule="symbol_exposure", breach="1", action="alert"}
    {name="j", rule="sector_exposure", breach="1", action="alert"}
    {name="k", rule="currency_exposure", breach="1", action="alert"}
    {name="l", rule="leverage", breach="1", release=99, action="alert"}
    {name="m", rule="buying_power", breach="1", action="alert"}
    {name="n", rule="position_size", breach="1", action="alert"}
    {name="o", rule="position_count", breach="1", action="alert"}
    {name="p", rule="order_rate", window="366d", breach="1", action="alert"}
    {name="q", rule="cancel_rate", window="1s", breach="1", action="alert"}
    {name="r", rule="loss_streak", breach="1", action="alert"}
    {name="s", rule="stale_price", breach="999999999999999999999999999999", action="alert"}
    {name="t", rule="lost_session", breach="1", action="alert"}
    {name="u", rule="unreconciled", breach="1", action="alert"}
    {name="v", rule="trading_hours"}
    {name="w", rule="max_drawdown", mode="trailing", basis="realised", account="a", breach="1", action="halted"}
"#;

/// What the sums of the portfolio tell.
const WHOLE: &str = r#"
    {name="a", rule="max_drawdown", mode="static", basis="marked", warn="20", breach="50", release=50, action="alert"}
    {name="b", rule="max_drawdown", mode="rolling", window="10s", basis="realised", breach="10", action="reducing"}
    {name="c", rule="max_profit", basis="marked", warn="5", breach="40", action="alert"}
    {name="d", rule="gross_exposure", warn="50", breach="80", action="alert"}
    {name="e", rule="net_exposure", breach="70", action="alert"}
    {name="f", rule="leverage", breach="0.9", action="alert"}
    {name="g", rule="buying_power", breach="60", action="alert"}
    {name="h", rule="position_size", breach="1", action="alert"}
    {name="i", rule="daily_loss", basis="realised", breach="30", action="alert"}
"#;

const MOST: i64 = 999_999_999_999_999_999;
const MAX_MONEY: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

fn count_of(units: i64) -> Money {
    Money::from_raw(i128::from(units) * 100_000_000).unwrap()
}

fn extreme_raw() -> impl Strategy<Value = i64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(-1),
        Just(MOST),
        Just(-MOST),
        -1_000_000_000_000..1_000_000_000_000i64,
        -MOST..=MOST,
    ]
}

fn any_quantity() -> impl Strategy<Value = Quantity> {
    extreme_raw().prop_map(|raw| Quantity::from_raw(raw).unwrap())
}

fn any_money() -> impl Strategy<Value = Money> {
    prop_oneof![
        extreme_raw().prop_map(|raw| Money::from_raw(raw.into()).unwrap()),
        Just(Money::from_raw(MAX_MONEY).unwrap()),
        Just(Money::from_raw(-MAX_MONEY).unwrap()),
        (-MAX_MONEY..=MAX_MONEY).prop_map(|raw| Money::from_raw(raw).unwrap()),
    ]
}

fn any_known() -> impl Strategy<Value = Known> {
    prop_oneof![
        4 => any_money().prop_map(Ok),
        1 => Just(Err(Missing::Price)),
        1 => Just(Err(Missing::TooLarge)),
    ]
}

fn any_time() -> impl Strategy<Value = Micros> {
    prop_oneof![
        Just(Micros(i64::MIN)),
        Just(Micros(i64::MAX)),
        Just(Micros(0)),
        (0..100_000_000_000i64).prop_map(|on| Micros(noon().0 + on)),
        any::<i64>().prop_map(Micros),
    ]
}

fn any_sums() -> impl Strategy<Value = Sums> {
    (
        any_known(),
        any_known(),
        any_known(),
        any_known(),
        any_known(),
    )
        .prop_map(
            |(equity, realised_equity, gross, net, buying_power_used)| Sums {
                equity,
                realised_equity,
                gross,
                net,
                buying_power_used,
            },
        )
}

fn any_row() -> impl Strategy<Value = PositionRow> {
    let names = (prop_oneof!["a", "b"], prop_oneof!["AAPL", "MSFT"]);
    (
        names,
        any_quantity(),
        any_known(),
        proptest::option::of(any_time()),
    )
        .prop_map(|((account, symbol), held, value, price_time)| PositionRow {
            quantity: held,
            value,
            price_time,
            ..row(&account, &symbol, "0", "0")
        })
}

#[derive(Debug, Clone)]
enum Step {
    Evaluate(Box<(Sums, Sums)>, Vec<PositionRow>, Micros),
    CapitalFlow(Money, Money),
    Order(Micros),
    Closed(Known),
    Session(bool, Micros),
    Unreconciled(Option<Micros>),
    Reset,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any_sums(), any_sums(), prop::collection::vec(any_row(), 0..4), any_time())
            .prop_map(|(whole, account, rows, now)| Step::Evaluate(Box::new((whole, account)), rows, now)),
        1 => (any_money(), any_money()).prop_map(|(marked, realised)| Step::CapitalFlow(marked, realised)),
        1 => any_time().prop_map(Step::Order),
        1 => any_known().prop_map(Step::Closed),
        1 => (any::<bool>(), any_time()).prop_map(|(alive, now)| Step::Session(alive, now)),
        1 => proptest::option::of(any_time()).prop_map(Step::Unreconciled),
        1 => Just(Step::Reset),
    ]
}

fn take(harness: &mut LimitsHarness, step: Step) -> Vec<Decision> {
    let (account, symbol) = (AccountId::new("a"), Symbol::new("AAPL"));
    let activity = Activity {
        account: &account,
        symbol: &symbol,
        strategy: None,
    };
    match step {
        Step::Evaluate(sums, rows, now) => {
            let (whole, of_account) = *sums;
            harness.whole = whole;
            harness.accounts.insert(account, of_account);
            harness.rows = rows;
            harness.now = now;
            let decisions = harness.evaluate();
            for decision in &decisions {
                harness.watch.latch(decision, &decision.limit.name, now);
            }
            return decisions;
        }
        Step::CapitalFlow(marked, realised) => {
            let before = harness.watch.state().clone();
            if harness
                .watch
                .moved(&account, CapitalFlow { marked, realised })
                .is_err()
            {
                assert_eq!(*harness.watch.state(), before, "a refusal changes nothing");
            }
        }
        Step::Order(now) => {
            harness.watch.order(&harness.plan, &activity, now);
            harness.watch.cancel(&harness.plan, &activity, now);
        }
        Step::Closed(result) => harness.watch.closed_trade(&harness.plan, &activity, result),
        Step::Session(is_alive, now) => harness.watch.session(&account, is_alive, now),
        Step::Unreconciled(since) => harness.watch.unreconciled(&account, Some(&symbol), since),
        Step::Reset => {
            let holds = harness.watch.guard().causes();
            let ids: Vec<String> = holds.iter().map(|hold| hold.verdict_id.clone()).collect();
            let reset = Command {
                overrides: ids,
                ..command(CommandKind::Reset, &[])
            };
            let _maybe_active = harness.watch.command(&reset, "reset", harness.now);
        }
    }
    Vec::new()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_watch_takes_anything_and_its_state_restores_to_the_same(
        steps in prop::collection::vec(any_step(), 1..24),
        cut in 0..24usize,
    ) {
        let mut harness = LimitsHarness::new(EVERY_RULE);
        let mut copy = LimitsHarness::new(EVERY_RULE);
        for (n, step) in steps.into_iter().enumerate() {
            if n == cut {
                let mut bytes = Vec::new();
                tapeline_schemas::codec::encode(copy.watch.state(), &mut bytes).unwrap();
                copy.watch = tapeline_schemas::codec::decode(&bytes).unwrap();
                // As the caller does before anything else happens.
                prop_assert_eq!(copy.evaluate(), harness.evaluate());
            }
            let told = take(&mut harness, step.clone());
            prop_assert_eq!(take(&mut copy, step), told);
            prop_assert_eq!(copy.watch.state(), harness.watch.state());
        }
    }

    /// Quiet is only said where an evaluation finds nothing to tell and nothing to store.
    #[test]
    fn while_it_is_quiet_nothing_can_happen(
        moves in prop::collection::vec((60..140i64, 60..140i64, 0..100i64, -90..90i64, 0..80i64, 0..400i64), 1..80),
        reset_after in 0..80usize,
    ) {
        let mut harness = LimitsHarness::new(WHOLE);
        let whole = |n: i64| Ok(count_of(n));
        for (n, (marked, realised, gross, net, used, millis)) in moves.into_iter().enumerate() {
            let sums = Sums {
                equity: whole(marked),
                realised_equity: whole(realised),
                gross: whole(gross),
                net: whole(net),
                buying_power_used: whole(used),
            };
            harness.now = harness.now.plus_millis(millis);
            let is_quiet = harness.watch.quiet_range().contains(&sums, harness.now);
            let before = harness.watch.state().clone();
            harness.whole = sums;
            let told = harness.evaluate();
            if is_quiet {
                prop_assert_eq!(told, []);
                prop_assert_eq!(harness.watch.state(), &before);
            } else if n == reset_after {
                for decision in &told {
                    harness.watch.latch(decision, "v", harness.now);
                }
                let reset = command(CommandKind::Reset, &["v"]);
                let _maybe_active = harness.watch.command(&reset, "r", harness.now);
            }
        }
    }

    #[test]
    fn grades_follow_levels_whatever_the_values(
        values in prop::collection::vec(any_money(), 1..40),
        release in 0..100u32,
    ) {
        let levels = Levels::new(Some(money("10")), money("20"), release);
        let mut grade = Grade::Pass;
        for value in values {
            grade = levels.grade(grade, value);
            if value > money("20") {
                prop_assert_eq!(grade, Grade::Breach);
            }
            if value <= levels.warn.unwrap().until {
                prop_assert_eq!(grade, Grade::Pass);
            }
            if grade == Grade::Breach {
                prop_assert!(value > levels.breach.until);
            }
        }
    }

    #[test]
    fn judging_takes_anything(
        rows in prop::collection::vec(any_row(), 0..4),
        resting in (any_quantity(), any_quantity(), any_known()),
        prices in (extreme_raw(), extreme_raw(), extreme_raw()),
        asked in (any_quantity(), any::<bool>(), any::<bool>(), proptest::option::of(extreme_raw())),
        sums in (any_sums(), any_sums()),
        time in any_time(),
    ) {
        let mut counter = Counter::new(EVERY_RULE);
        counter.harness.rows = rows;
        counter.harness.whole = sums.0;
        counter.harness.accounts.insert(AccountId::new("a"), sums.1);
        counter.harness.now = time;
        counter.harness.evaluate();
        let quoted = |raw| Some(Quoted { price: Price::from_raw(raw).unwrap(), time });
        counter.prices = Prices {
            mark: quoted(prices.0),
            bid: quoted(prices.1),
            ask: quoted(prices.2),
            last: None,
        };
        let of_order = RestingOrders {
            buys: resting.0,
            sells: resting.1,
            unit_value: resting.2,
            sector: None,
            currency: "USD".to_owned(),
            strategy: None,
        };
        counter.open_orders.set(&AccountId::new("a"), &Symbol::new("AAPL"), of_order);
        let (amount, buys, reduce_only, limit_price) = asked;
        let side = if buys { Side::Buy } else { Side::Sell };
        let request = OrderRequest {
            quantity: amount,
            reduce_only,
            limit_price: limit_price.map(|raw| Price::from_raw(raw).unwrap()),
            ..order(side, "1")
        };
        let judgement = counter.judge(&request);
        prop_assert_eq!(counter.judge(&request), judgement.clone());
        if !amount.is_positive() {
            prop_assert!(judgement.refuses_for(Reason::BadQuantity));
        }
    }

    /// In small numbers everything can be computed twice.
    #[test]
    fn under_reducing_no_order_of_any_fills_opens_enlarges_or_flips(
        held in -20..20i64,
        buys in 0..20i64,
        sells in 0..20i64,
        amount in 1..40i64,
        is_buy in any::<bool>(),
    ) {
        let mut counter = Counter::new("").hold(&held.to_string()).rest("AAPL", &buys.to_string(), &sells.to_string());
        let reduce = command(CommandKind::Reduce, &[]);
        counter.harness.watch.command(&reduce, "v1", noon()).unwrap();
        let side = if is_buy { Side::Buy } else { Side::Sell };
        let judgement = counter.judge(&order(side, &amount.to_string()));
        // With all that can be filled on the order's side before it, it still only reduces.
        let end = if is_buy { held + buys + amount } else { held - sells - amount };
        let reduces = if is_buy { held < 0 && end <= 0 } else { held > 0 && end >= 0 };
        prop_assert_eq!(judgement.is_approved(), reduces);
    }

    #[test]
    fn portfolios_do_not_depend_on_the_order_in_which_they_are_evaluated(
        amounts in prop::collection::vec((any::<bool>(), 0..20_000i64), 1..30),
    ) {
        let new = || LimitsHarness::new(r#"{name="d", rule="max_drawdown", mode="trailing", basis="marked", warn="500", breach="1000", action="halted"}"#);
        let (mut one, mut other) = (new(), new());
        let mut mixed = (Vec::new(), Vec::new());
        for (first, amount) in &amounts {
            let (harness, told) = if *first { (&mut one, &mut mixed.0) } else { (&mut other, &mut mixed.1) };
            told.extend(harness.latch(&amount.to_string(), 1));
        }
        let mut alone = new();
        let mut told = Vec::new();
        for (_, amount) in amounts.iter().filter(|(first, _)| *first) {
            told.extend(alone.latch(&amount.to_string(), 1));
        }
        prop_assert_eq!(told, mixed.0);
        prop_assert_eq!(alone.watch.state(), one.watch.state());
    }
}
