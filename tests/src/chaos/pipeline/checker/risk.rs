//! Positions, equity, verdicts and alerts against a single-threaded replay of the inputs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tapeline_model::Event;
use tapeline_model::money::Money;
use tapeline_model::records::{Equity, Outcome, Position, Side};
use tapeline_processors::risk::{NAME, Risk};
use tapeline_schemas::topics::Topic;

use super::{Findings, Observed, oracle_settings, outputs};

type Place = (i32, i64);
/// Account and symbol.
type BookKey = (String, String);

pub(super) fn check(observed: &Observed, findings: &mut Findings) {
    let replay = Replay::of(observed);
    positions(observed, &replay, findings);
    equity(observed, &replay, findings);
    verdicts(observed, findings);
}

/// What one thread makes of the inputs.
#[derive(Default)]
struct Replay {
    /// The position after each fill, and the fill's own signed quantity.
    positions: BTreeMap<Place, (Position, i64)>,
    /// Every sum of money moved that a portfolio can have had, in order.
    cash: BTreeMap<String, Vec<Money>>,
    /// The end of each portfolio.
    last: BTreeMap<String, Equity>,
}

impl Replay {
    fn of(observed: &Observed) -> Self {
        let mut replay = Self::default();
        let mut risk = Risk::new(oracle_settings(observed));
        for (seen, event) in observed.events(Topic::BrokerFills) {
            let origin = seen.origin(Topic::BrokerFills);
            let Event::Fill(fill) = &event else { continue };
            let raw = fill.quantity.raw();
            let signed = if fill.side == Side::Buy { raw } else { -raw };
            for made in outputs(&mut risk, Some((origin, &event))) {
                if let Event::Position(position) = made {
                    replay.positions.insert(seen.place(), (position, signed));
                }
            }
        }
        for (seen, event) in observed.events(Topic::BrokerAccounts) {
            let Event::Account(moved) = &event else {
                continue;
            };
            outputs(
                &mut risk,
                Some((seen.origin(Topic::BrokerAccounts), &event)),
            );
            let sums = replay.cash.entry(moved.portfolio.to_string()).or_default();
            let before = sums.last().copied().unwrap_or(Money::ZERO);
            sums.push(before.checked_add(moved.amount).unwrap_or(before));
        }
        for (seen, event) in observed.events(Topic::MarketMarks) {
            outputs(&mut risk, Some((seen.origin(Topic::MarketMarks), &event)));
        }
        for made in outputs(&mut risk, None) {
            if let Event::Equity(equity) = made
                && equity.account.is_none()
            {
                replay.last.insert(equity.portfolio.to_string(), equity);
            }
        }
        replay
    }
}

/// What is known of one book while its positions are read.
#[derive(Default)]
struct Trail {
    cause: Option<i64>,
    /// Signed quantities of the fills behind it, to explain a difference by one of them.
    fills: BTreeSet<i64>,
    /// By how much the quantity is off.
    off: i64,
    told: bool,
}

fn positions(observed: &Observed, replay: &Replay, findings: &mut Findings) {
    let mut caused: HashMap<Place, Place> = HashMap::new();
    let mut trails: BTreeMap<BookKey, Trail> = BTreeMap::new();
    for (seen, event) in observed.events(Topic::RiskPositions) {
        let Event::Position(position) = event else {
            continue;
        };
        let at = seen.place();
        let cause = (position.cause_partition, position.cause_offset);
        let Some((expected, signed)) = replay.positions.get(&cause) else {
            findings.aborted_visible(format!("position {at:?} is caused by no fill: {cause:?}"));
            continue;
        };
        if position.cause_topic != Topic::BrokerFills.name() || cause.0 != at.0 {
            findings.aborted_visible(format!("position {at:?} has the foreign cause {cause:?}"));
        }
        if let Some(first) = caused.insert(cause, at) {
            findings.duplicated(
                1,
                format!("position {at:?} has fill {cause:?}, as {first:?} has"),
            );
            continue;
        }
        let key = (position.account.to_string(), position.symbol.to_string());
        let trail = trails.entry(key.clone()).or_default();
        trail.fills.insert(*signed);
        if trail.cause.is_some_and(|before| cause.1 < before) {
            findings.reordered(format!(
                "position {at:?} of {key:?}: fill {cause:?} behind {:?}",
                trail.cause
            ));
            continue;
        }
        trail.cause = Some(cause.1);
        compare(
            &position,
            expected,
            trail,
            &format!("position {at:?} of {key:?}"),
            findings,
        );
    }
    for cause in replay
        .positions
        .keys()
        .filter(|cause| !caused.contains_key(*cause))
    {
        findings.lost(1, format!("fill {cause:?} has no position"));
    }
    for (seen, _) in observed.events(Topic::BrokerFills) {
        if !replay.positions.contains_key(&seen.place()) && !caused.contains_key(&seen.place()) {
            findings.lost(
                1,
                format!("fill {:?} changes nothing in a replay", seen.place()),
            );
        }
    }
}

/// A quantity that is off by the quantity of one fill had it twice or not at all. What is off
/// stays off; only where it begins does it count.
fn compare(
    found: &Position,
    expected: &Position,
    trail: &mut Trail,
    what: &str,
    findings: &mut Findings,
) {
    let off = found.quantity.raw() - expected.quantity.raw();
    let changed = off - trail.off;
    trail.off = off;
    if changed != 0 {
        let text = format!(
            "{what}: quantity {}, a replay has {}",
            found.quantity, expected.quantity
        );
        if trail.fills.contains(&changed) {
            findings.duplicated(1, text);
        } else if trail.fills.contains(&-changed) {
            findings.lost(1, text);
        } else {
            findings.diverged(text);
        }
        return;
    }
    let of = |p: &Position| (p.average_price, p.realised, p.fees, p.unknown_fees);
    if off == 0 && !trail.told && of(found) != of(expected) {
        trail.told = true;
        findings.diverged(format!(
            "{what}: {:?}, a replay has {:?}",
            of(found),
            of(expected)
        ));
    }
}

fn equity(observed: &Observed, replay: &Replay, findings: &mut Findings) {
    let mut last: BTreeMap<String, Equity> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for (seen, event) in observed.events(Topic::RiskEquity) {
        let Event::Equity(equity) = event else {
            continue;
        };
        // Accounts are told besides; the sum of all is what can be checked.
        if equity.account.is_some() {
            continue;
        }
        let (portfolio, at) = (equity.portfolio.to_string(), seen.place());
        let sums = replay.cash.get(&portfolio).map_or(&[][..], Vec::as_slice);
        let cash = equity.cash_flow;
        if !cash.is_zero() && sums.binary_search(&cash).is_err() && told.insert(portfolio.clone()) {
            findings.diverged(format!(
                "equity {at:?} of {portfolio}: no replay has cash {cash}"
            ));
        }
        if let Some(before) = last.get(&portfolio)
            && cash < before.cash_flow
        {
            findings.reordered(format!("equity {at:?} of {portfolio}: cash fell to {cash}"));
        }
        last.insert(portfolio, equity);
    }
    for portfolio in last.keys().filter(|it| !replay.last.contains_key(*it)) {
        findings.aborted_visible(format!("there is equity of {portfolio} without any input"));
    }
    for (portfolio, expected) in &replay.last {
        let Some(found) = last.get(portfolio) else {
            findings.lost(1, format!("{portfolio} has no equity"));
            continue;
        };
        let (is, should) = (found.cash_flow, expected.cash_flow);
        let text = format!("{portfolio} ends with cash {is}, a replay with {should}");
        match is.cmp(&should) {
            std::cmp::Ordering::Less => findings.lost(1, text),
            std::cmp::Ordering::Greater => findings.duplicated(1, text),
            std::cmp::Ordering::Equal => {}
        }
        let of = |e: &Equity| (e.realised, e.unrealised, e.missing_prices);
        if of(found) != of(expected) {
            findings.diverged(format!(
                "{portfolio} ends with {:?}, a replay with {:?}",
                of(found),
                of(expected)
            ));
        }
    }
}

/// The one that makes verdicts.
const RULE: &str = "max_drawdown";

/// What one portfolio's verdicts, or alerts, were caused by, in their order.
type Causes = BTreeMap<String, Vec<(String, i32, i64)>>;

/// Verdicts depend on how marks and fills met, so only their form is known: ids are unique, a
/// breach and its end take turns, and each verdict has its alert, in the same order.
fn verdicts(observed: &Observed, findings: &mut Findings) {
    let mut ids = BTreeSet::new();
    let mut newest: BTreeMap<String, Outcome> = BTreeMap::new();
    let mut decided = Causes::new();
    for (seen, event) in observed.events(Topic::RiskVerdicts) {
        let Event::Verdict(verdict) = event else {
            continue;
        };
        let at = seen.place();
        if !ids.insert(verdict.verdict_id) {
            findings.duplicated(1, format!("verdict {at:?} is there again"));
            continue;
        }
        let portfolio = verdict.portfolio.to_string();
        let before = newest.insert(portfolio.clone(), verdict.outcome);
        if before.unwrap_or(Outcome::Pass) == verdict.outcome {
            let text = format!("verdict {at:?}: {} of {portfolio} again", verdict.outcome);
            findings.duplicated(1, text);
        }
        let cause = (
            verdict.cause_topic,
            verdict.cause_partition,
            verdict.cause_offset,
        );
        decided.entry(portfolio).or_default().push(cause);
    }
    alerts(observed, decided, findings);
}

fn alerts(observed: &Observed, mut decided: Causes, findings: &mut Findings) {
    let mut ids = BTreeSet::new();
    let mut alerted = Causes::new();
    for (seen, event) in observed.events(Topic::Alerts) {
        let Event::Alert(alert) = event else { continue };
        if !ids.insert(alert.alert_id) {
            findings.duplicated(1, format!("alert {:?} is there again", seen.place()));
            continue;
        }
        // Others alert, too, and its runtime does for an input that stands still.
        if alert.source == NAME && alert.rule == RULE {
            let cause = (alert.cause_topic, alert.cause_partition, alert.cause_offset);
            alerted.entry(alert.subject).or_default().push(cause);
        }
    }
    let portfolios: BTreeSet<String> = decided.keys().chain(alerted.keys()).cloned().collect();
    for portfolio in portfolios {
        let decided = decided.remove(&portfolio).unwrap_or_default();
        let alerted = alerted.remove(&portfolio).unwrap_or_default();
        let of = |causes: &[(String, i32, i64)]| causes.iter().cloned().collect::<BTreeSet<_>>();
        for cause in of(&decided).symmetric_difference(&of(&alerted)) {
            let text = format!("{portfolio}: verdict without alert or the other way: {cause:?}");
            findings.lost(1, text);
        }
        if of(&decided) == of(&alerted) && decided != alerted {
            findings.reordered(format!(
                "{portfolio}: alerts in another order than verdicts"
            ));
        }
    }
}
