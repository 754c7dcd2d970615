//! Each counter is shown to find what it is there for, planted into a run that is otherwise clean.

use tapeline_model::ids::{PortfolioId, output_id};
use tapeline_model::money::Money;
use tapeline_model::records::{
    Alert, Grade, GuardState, LimitAction, MarkBasis, Outcome, Severity, Verdict,
};

use super::clean_run::{Run, TIME, fill};
use super::*;
use crate::chaos::pipeline::feed::FedRecord;
use crate::chaos::pipeline::plant::plant;
use crate::chaos::pipeline::segments::OffsetState;

#[test]
fn a_clean_run_has_no_findings() {
    Run::clean().finds([0; 5]);
}

#[test]
fn an_acknowledged_record_that_kafka_does_not_hold_is_lost() {
    let mut run = Run::clean();
    let fed = FedRecord {
        id: "f99".to_owned(),
        acknowledged: true,
    };
    run.0.fed.get_mut(&Topic::BrokerFills).unwrap().push(fed);
    run.finds([1, 0, 0, 0, 0]);
    let all = run.0.fed.get_mut(&Topic::BrokerFills).unwrap();
    all.last_mut().unwrap().acknowledged = false;
    run.finds([0; 5]);
}

#[test]
fn a_fill_without_its_position_is_lost() {
    let mut run = Run::clean();
    run.remove(Topic::RiskPositions, 2);
    run.finds([1, 0, 0, 0, 0]);
}

#[test]
fn a_position_written_twice_is_a_duplicate() {
    let mut run = Run::clean();
    run.repeat(Topic::RiskPositions, 1);
    run.finds([0, 1, 0, 0, 0]);
}

#[test]
fn an_input_written_twice_is_a_duplicate() {
    let mut run = Run::clean();
    run.repeat(Topic::BrokerFills, 4);
    // The replay takes the second for a repeated report, so it has no position of its own.
    let found = check(&run.0);
    assert_eq!(found.duplicated, 1, "{:#?}", found.notes);
}

#[test]
fn positions_that_traded_places_are_reordered() {
    let mut run = Run::clean();
    run.swap(Topic::RiskPositions, 2);
    run.finds([0, 0, 1, 0, 0]);
}

#[test]
fn inputs_that_traded_places_are_reordered() {
    let mut run = Run::clean();
    run.swap(Topic::MarketQuotes, 2);
    let found = check(&run.0);
    assert_eq!(found.reordered, 1, "{:#?}", found.notes);
}

#[test]
fn a_fill_counted_twice_or_not_at_all_is_told_by_the_quantity() {
    for (times, expected) in [(1, [0, 1, 0, 0, 0]), (-1, [1, 0, 0, 0, 0])] {
        let mut run = Run::clean();
        // Fill 2 has the quantity 2.5: all positions from the third on are off by it.
        for index in 2..5 {
            let seen = &mut run.topic(Topic::RiskPositions)[index];
            let value = seen.value.clone();
            let Event::Position(mut position) =
                Event::decode(Topic::RiskPositions, Some(&value)).unwrap()
            else {
                panic!("no position");
            };
            let off = tapeline_model::money::Quantity::from_raw(times * 250_000_000).unwrap();
            position.quantity = position.quantity.checked_add(off).unwrap();
            Event::Position(position).encode(&mut seen.value).unwrap();
        }
        run.finds(expected);
    }
}

#[test]
fn a_position_caused_by_no_fill_is_foreign() {
    let mut run = Run::clean();
    let value = run.topic(Topic::RiskPositions)[4].value.clone();
    let Event::Position(mut position) = Event::decode(Topic::RiskPositions, Some(&value)).unwrap()
    else {
        panic!("no position");
    };
    position.cause_offset = 4711;
    run.put(&Event::Position(position));
    run.finds([0, 0, 0, 1, 0]);
}

#[test]
fn an_aborted_record_that_is_read_is_visible_and_a_committed_one_that_is_not_is_lost() {
    for state in [OffsetState::Aborted, OffsetState::Open] {
        let mut run = Run::clean();
        let states = run.0.states.get_mut(&(Topic::RiskEquity, 0)).unwrap();
        states.of.insert(2, state);
        run.finds([0, 0, 0, 1, 0]);
    }
    let mut run = Run::clean();
    let states = run.0.states.get_mut(&(Topic::RiskEquity, 0)).unwrap();
    states.of.insert(1_000, OffsetState::Committed);
    run.finds([1, 0, 0, 0, 0]);
}

#[test]
fn a_transaction_that_is_never_ended_is_found() {
    let mut run = Run::clean();
    let states = run.0.states.get_mut(&(Topic::RiskEquity, 0)).unwrap();
    states.of.insert(1_000, OffsetState::Open);
    assert_eq!(check(&run.0).never_ended, 1);
}

/// A log file that could not be read to its end would show no aborted record either.
#[test]
fn a_record_that_no_log_file_holds_is_not_taken_for_committed() {
    let mut run = Run::clean();
    let states = run.0.states.get_mut(&(Topic::RiskEquity, 0)).unwrap();
    states.of.remove(&2);
    run.finds([0, 0, 0, 1, 0]);
}

#[test]
fn a_transaction_that_is_torn_is_found_by_what_is_missing_of_it() {
    let mut run = Run::clean();
    let at = run.topic(Topic::RiskPositions)[2].offset;
    run.remove(Topic::RiskPositions, 2);
    let states = run.0.states.get_mut(&(Topic::RiskPositions, 0)).unwrap();
    states.of.insert(at, OffsetState::Aborted);
    run.finds([1, 0, 0, 0, 0]);
}

#[test]
fn a_foreign_record_is_found_in_any_topic() {
    let mut run = Run::clean();
    run.put(&fill(77));
    let found = check(&run.0);
    assert!(found.aborted_visible > 0, "{:#?}", found.notes);
    // Nobody feeds trades, and no processor of the run writes any.
    let mut run = Run::clean();
    run.put_value(Topic::MarketTrades, b"foreign".to_vec());
    run.finds([0, 0, 0, 1, 1]);
    let mut run = Run::clean();
    run.put_value(Topic::RiskPositions, b"foreign".to_vec());
    run.finds([0, 0, 0, 0, 1]);
    let mut run = Run::clean();
    let value = run.topic(Topic::RiskEquity).last().unwrap().value.clone();
    let Event::Equity(mut equity) = Event::decode(Topic::RiskEquity, Some(&value)).unwrap() else {
        panic!("no equity");
    };
    (equity.portfolio, equity.cash_flow) = (PortfolioId::new("q"), Money::ZERO);
    run.put(&Event::Equity(equity));
    run.finds([0, 0, 0, 1, 0]);
}

#[test]
fn a_mark_with_another_basis_diverges() {
    let mut run = Run::clean();
    let seen = run.topic(Topic::MarketMarks).last_mut().unwrap();
    let value = seen.value.clone();
    let Event::Mark(mut mark) = Event::decode(Topic::MarketMarks, Some(&value)).unwrap() else {
        panic!("no mark");
    };
    mark.basis = MarkBasis::Last;
    let mut other = Vec::new();
    Event::Mark(mark).encode(&mut other).unwrap();
    seen.value = other;
    run.finds([0, 0, 0, 0, 1]);
}

#[test]
fn what_is_planted_into_a_clean_run_is_found_and_into_an_empty_one_is_not() {
    let planted = plant(&with_verdicts().0);
    assert!(planted.iter().all(|(_, is_found)| *is_found), "{planted:?}");
    let planted = plant(&Observed::default());
    let found = planted.iter().filter(|(_, is_found)| *is_found).count();
    assert!(found < planted.len(), "{planted:?}");
}

#[test]
fn rows_are_counted_one_by_one() {
    let mut run = Run::clean();
    let rows = run.0.rows.get_mut(&Topic::BrokerFills).unwrap();
    rows.remove(&(0, 0));
    rows.insert((0, 2), 3);
    rows.insert((0, 1_000), 1);
    run.finds([1, 2, 0, 1, 0]);
}

#[test]
fn quotes_that_no_mark_counts_are_lost_and_a_mark_too_many_is_a_duplicate() {
    let mut run = Run::clean();
    run.remove(Topic::MarketMarks, 4);
    // Without the last mark the equity at the end is also another one.
    let found = check(&run.0);
    assert_eq!((found.lost, found.duplicated), (1, 0), "{:#?}", found.notes);
    let mut run = Run::clean();
    run.repeat(Topic::MarketMarks, 4);
    run.finds([0, 1, 0, 0, 0]);
}

#[test]
fn money_that_was_moved_twice_or_not_at_all_is_told_by_the_sum() {
    // The last deposit's equity is the last: without it the cash is one deposit short.
    let mut run = Run::clean();
    run.remove(Topic::RiskEquity, 9);
    run.finds([1, 0, 0, 0, 0]);
    // One deposit less in the topic: the pipeline counted one that is not there.
    let mut run = Run::clean();
    run.0.fed.get_mut(&Topic::BrokerAccounts).unwrap().pop();
    run.remove(Topic::BrokerAccounts, 4);
    let found = check(&run.0);
    assert_eq!((found.lost, found.duplicated), (0, 1), "{:#?}", found.notes);
}

#[test]
fn a_position_with_another_content_diverges() {
    let mut run = Run::clean();
    let seen = &mut run.topic(Topic::RiskPositions)[3];
    let value = seen.value.clone();
    let Event::Position(mut position) = Event::decode(Topic::RiskPositions, Some(&value)).unwrap()
    else {
        panic!("no position");
    };
    position.unknown_fees += 1;
    Event::Position(position).encode(&mut seen.value).unwrap();
    run.finds([0, 0, 0, 0, 1]);
}

/// A breach and its end, with their alerts, as risk writes them.
fn with_verdicts() -> Run {
    let mut run = Run::clean();
    for (number, outcome) in [(1, Outcome::Breach), (2, Outcome::Pass)] {
        let id = output_id("market.marks", 0, number, "verdict", 0);
        run.put(&Event::Verdict(Verdict {
            verdict_id: id,
            portfolio: PortfolioId::new("p"),
            rule: "max_drawdown".to_owned(),
            mode: String::new(),
            reason: String::new(),
            outcome,
            value: "1".parse().unwrap(),
            limit: "1".parse().unwrap(),
            distance: "0".parse().unwrap(),
            cause_topic: "market.marks".to_owned(),
            cause_partition: 0,
            cause_offset: number as i64,
            config_hash: String::new(),
            grade: Grade::Breach,
            scope: String::new(),
            action: LimitAction::None,
            guard: GuardState::Active,
            unit: String::new(),
            request_id: None,
            message: String::new(),
            marks: Vec::new(),
            limit_version: 0,
            limit_author: String::new(),
            limit_name: String::new(),
            group: String::new(),
            author: String::new(),
            overrides: Vec::new(),
            event_time: TIME,
            ingest_time: TIME,
            source: "risk".to_owned(),
        }));
        run.put(&alert("risk", "max_drawdown", number));
    }
    // Another processor's alert has no verdict, and one about an input has none.
    run.put(&alert("market", "max_drawdown", 3));
    run.put(&alert("risk", "hanging_transaction", 4));
    run
}

fn alert(source: &str, rule: &str, number: u64) -> Event<'static> {
    Event::Alert(Alert {
        alert_id: output_id("market.marks", 0, number, "alert", 0),
        key: "p/max_drawdown".to_owned(),
        subject: "p".to_owned(),
        rule: rule.to_owned(),
        severity: Severity::Warning,
        message: String::new(),
        value: None,
        limit: None,
        procedure: String::new(),
        cause_topic: "market.marks".to_owned(),
        cause_partition: 0,
        cause_offset: number as i64,
        event_time: TIME,
        ingest_time: TIME,
        source: source.to_owned(),
    })
}

#[test]
fn each_verdict_has_its_alert_in_the_same_order() {
    with_verdicts().finds([0; 5]);
    let mut run = with_verdicts();
    run.remove(Topic::Alerts, 0);
    run.finds([1, 0, 0, 0, 0]);
    let mut run = with_verdicts();
    run.swap(Topic::Alerts, 0);
    run.finds([0, 0, 1, 0, 0]);
    let mut run = with_verdicts();
    run.repeat(Topic::Alerts, 1);
    run.finds([0, 1, 0, 0, 0]);
    let mut run = with_verdicts();
    run.remove(Topic::RiskVerdicts, 1);
    run.finds([1, 0, 0, 0, 0]);
}
