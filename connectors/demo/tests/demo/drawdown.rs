use proptest::prelude::*;
use tapeline_demo::{DemoSettings, STEPS_PER_SECOND, Simulation};

use crate::ledger::{DOLLAR, Ledger};
use crate::{run, settings, time_of};

const LIMIT: i128 = 5_000 * DOLLAR;

/// The trailing drawdown of a portfolio after each step.
fn drawdowns(
    settings: &DemoSettings,
    portfolio: &str,
    seconds: u64,
    every_steps: u64,
) -> Vec<i128> {
    let mut simulation = Simulation::new(settings).unwrap();
    let (mut ledger, mut out) = (Ledger::default(), Vec::new());
    let (mut peak, mut drawdowns) = (0, Vec::new());
    for step in 0..seconds * STEPS_PER_SECOND {
        simulation.step(time_of(step), &mut out);
        for emission in out.drain(..) {
            ledger.apply(portfolio, &emission.event);
        }
        if step % every_steps == 0 {
            // Money that comes or goes is neither gain nor loss.
            let gain = ledger.equity() - ledger.deposits;
            peak = gain.max(peak);
            drawdowns.push(peak - gain);
        }
    }
    drawdowns
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn the_crash_breaches_the_limit_soon_after_the_start(
        seed: u64,
        symbols in 20_u32..=4000,
        quotes_per_second in 100_u32..=5000,
    ) {
        let settings = DemoSettings { seed, symbols, quotes_per_second };
        let drawdowns = drawdowns(&settings, "momentum", 4, 1);
        let breach = drawdowns.iter().position(|d| *d > LIMIT).unwrap() as u64;
        let earliest = 3 * STEPS_PER_SECOND / 2;
        prop_assert!((earliest..=earliest + STEPS_PER_SECOND).contains(&breach), "{breach}");
    }
}

#[test]
fn the_position_stands_within_the_first_second() {
    let mut ledger = Ledger::default();
    for emission in run(1, 1) {
        ledger.apply("momentum", &emission.event);
    }
    let held = ledger.positions()[&("beta-2".to_owned(), "TSLA".to_owned())];
    assert!(ledger.value("TSLA", held) > 79_000 * DOLLAR);
}

#[test]
fn it_recovers_and_crashes_again() {
    let drawdowns = drawdowns(&settings(1), "momentum", 120, 20);
    let beyond: Vec<bool> = drawdowns.iter().map(|d| *d > LIMIT).collect();
    let breaches = beyond.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    let recoveries = beyond.windows(2).filter(|pair| pair[0] && !pair[1]).count();
    assert!(breaches >= 4 && recoveries >= 4, "{breaches}, {recoveries}");
}

#[test]
fn nobody_else_is_hit() {
    for portfolio in ["growth", "income"] {
        let worst = drawdowns(&settings(1), portfolio, 600, 100)
            .into_iter()
            .max()
            .unwrap();
        assert!(worst < LIMIT / 2, "{portfolio}: {worst}");
    }
}

#[test]
fn positions_stay_bounded() {
    for (portfolio, most) in [("growth", 10_000), ("income", 9_000), ("momentum", 4_000)] {
        let mut ledger = Ledger::default();
        for emission in run(1, 600) {
            ledger.apply(portfolio, &emission.event);
        }
        for ((account, symbol), quantity) in ledger.positions() {
            let value = ledger.value(&symbol, quantity).abs();
            let most = if symbol == "TSLA" { 90_000 } else { most };
            assert!(value <= most * DOLLAR, "{account} {symbol}: {value}");
        }
    }
}
