use std::collections::BTreeMap;

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol};
use tapeline_model::records::{Fill, FillKind, Side};

use super::*;
use crate::paper::{Fees, Instrument};

fn settings() -> PaperSettings {
    let account = |id: &str, portfolio: &str| (AccountId::new(id), PortfolioId::new(portfolio));
    let instrument = |currency: &str| Instrument {
        currency: currency.to_owned(),
        multiplier: "50".parse().unwrap(),
    };
    PaperSettings {
        accounts: BTreeMap::from([account("a1", "one"), account("a2", "two")]),
        deposit: "1000".parse().unwrap(),
        currency: "USD".to_owned(),
        fees: Fees::default(),
        instruments: BTreeMap::from([(Symbol::new("ES"), instrument("USD"))]),
    }
}

const PASSED: HistorySpan = HistorySpan {
    records: 1,
    from: Micros(0),
    to: Micros(100),
};

fn fill(time: i64, side: Side, quantity: &str, price: &str, fee: &str) -> Fill {
    Fill {
        kind: FillKind::Fill,
        exec_id: ExecId::new("x"),
        ref_exec_id: None,
        order_id: OrderId::new("o"),
        portfolio: PortfolioId::new("one"),
        account: AccountId::new("a1"),
        symbol: Symbol::new("A"),
        side,
        price: price.parse().unwrap(),
        quantity: quantity.parse().unwrap(),
        fee: Some(fee.parse().unwrap()),
        currency: "USD".to_owned(),
        fees: None,
        voided_quantity: None,
        strategy: None,
        event_time: Micros(time),
        ingest_time: Micros(time),
        source: "paper".to_owned(),
    }
}

/// `BUY 10 5 6 9.5 0.5 0-3`: side, quantity, entry, exit, profit, fees, times.
fn trades(report: &mut Report, fills: impl IntoIterator<Item = Fill>) -> Vec<String> {
    let mut told = Vec::new();
    for fill in fills {
        if let ReportEntry::Trade(t) = report.take(&Event::Fill(fill)).unwrap() {
            told.push(format!(
                "{} {} {} {} {} {} {}-{}",
                t.side, t.quantity, t.entry, t.exit, t.profit, t.fees, t.opened.0, t.closed.0
            ));
        }
    }
    told
}

/// 10 at 5 and 10 at 6 are 110, 5 at 7 and 15 at 8 are 155; four fees of a quarter.
#[test]
fn a_trade_lasts_from_the_first_share_to_the_last() {
    let mut report = Report::new(&settings());
    let fills = [
        fill(0, Side::Buy, "10", "5", "0.25"),
        fill(1, Side::Buy, "10", "6", "0.25"),
        fill(2, Side::Sell, "5", "7", "0.25"),
        fill(3, Side::Sell, "15", "8", "0.25"),
    ];
    assert_eq!(trades(&mut report, fills), ["BUY 20 5.5 7.75 44 1 0-3"]);
}

/// Sold 4 at 10 and bought 10 at 9: 4 won, of the fee of 1 four tenths belong to it.
/// The other 6 are long from then on, and lose 6 and the rest of the fees.
#[test]
fn a_fill_that_turns_a_position_round_ends_one_trade_and_begins_the_next() {
    let mut report = Report::new(&settings());
    let fills = [
        fill(10, Side::Sell, "4", "10", "0"),
        fill(20, Side::Buy, "10", "9", "1"),
        fill(30, Side::Sell, "6", "8", "0"),
    ];
    assert_eq!(
        trades(&mut report, fills),
        ["SELL 4 10 9 3.6 0.4 10-20", "BUY 6 9 8 -6.6 0.6 20-30"]
    );
    let summary = report.summary(&PASSED);
    let shown = |amount: Option<Money>| amount.unwrap().to_string();
    assert_eq!(shown(summary.win_rate), "0.5");
    assert_eq!(shown(summary.profit_factor), "0.54545455");
    assert_eq!(shown(summary.expectancy), "-1.5");
    assert_eq!(shown(summary.exposure), "0.2");
    assert_eq!(shown(summary.start), "2000");
    assert_eq!(summary.equity, None, "nobody told it");
}

#[test]
fn a_contract_counts_as_often_as_it_stands_for() {
    let mut report = Report::new(&settings());
    let contract = |fill: Fill| Fill {
        symbol: Symbol::new("ES"),
        ..fill
    };
    let fills = [
        contract(fill(0, Side::Buy, "2", "100", "0")),
        contract(fill(1, Side::Sell, "2", "101", "0")),
    ];
    assert_eq!(trades(&mut report, fills), ["BUY 2 100 101 100 0 0-1"]);
    assert_eq!(
        report.summary(&PASSED).profit_factor,
        None,
        "nothing was lost"
    );
}

#[test]
fn amounts_of_two_currencies_are_not_added_up() {
    let mut report = Report::new(&settings());
    let euros = |fill: Fill| Fill {
        account: AccountId::new("a2"),
        currency: "EUR".to_owned(),
        ..fill
    };
    let fills = [
        fill(0, Side::Buy, "1", "5", "1"),
        fill(1, Side::Sell, "1", "6", "1"),
        euros(fill(2, Side::Buy, "1", "5", "1")),
    ];
    assert_eq!(trades(&mut report, fills).len(), 1);
    let summary = report.summary(&PASSED);
    assert_eq!((summary.fees, summary.expectancy), (None, None));
    assert_eq!(summary.counts.open, 1);
    // From 0 to 1, and from 2 to the end.
    assert_eq!(summary.exposure.unwrap().to_string(), "0.99");
}

#[test]
fn of_nothing_there_is_no_number() {
    let summary = Report::new(&settings()).summary(&HistorySpan::default());
    assert_eq!((summary.gained, summary.max_drawdown), (None, None));
    assert_eq!((summary.win_rate, summary.exposure), (None, None));
}
