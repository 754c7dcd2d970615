//! The worked examples of `docs/numbers.md`, one test a heading. Whoever changes a
//! number here changes it there.

use tapeline_model::money::Quantity;
use tapeline_model::records::Charge;

use super::*;
use crate::ledger::{Positive, Settlement};

fn trade(time: i64, side: Side, quantity: &str, price: &str, fee: &str) -> Fill {
    Fill {
        exec_id: ExecId::new(format!("t{time}")),
        side,
        fee: (fee != "?").then(|| fee.parse().unwrap()),
        event_time: Micros(time),
        ..fill("a1", "one", "S", quantity, price)
    }
}

fn bought(
    harness: &mut RiskHarness,
    time: i64,
    quantity: &str,
    price: &str,
    fee: &str,
) -> Position {
    report(harness, trade(time, Side::Buy, quantity, price, fee))
}

fn sold(harness: &mut RiskHarness, time: i64, quantity: &str, price: &str, fee: &str) -> Position {
    report(harness, trade(time, Side::Sell, quantity, price, fee))
}

/// `150 @ 11, realised 0`
fn shown(position: &Position) -> String {
    let average = position.average_price;
    let average = average.map_or("-".to_owned(), |price| price.to_string());
    let Position {
        quantity, realised, ..
    } = position;
    format!("{quantity} @ {average}, realised {realised}")
}

fn figure(money: Option<Money>) -> String {
    money.map_or("NULL".to_owned(), |money| money.to_string())
}

fn whole(harness: &mut RiskHarness) -> Equity {
    harness.commit().equity.pop().unwrap()
}

fn told(harness: &mut RiskHarness, event: AccountEvent) -> Position {
    harness
        .take(Event::Account(event))
        .unwrap()
        .positions
        .remove(0)
}

fn ask(harness: &mut RiskHarness, side: Side, quantity: &str) -> Verdict {
    let asked = request("a1", "one", side, quantity);
    harness
        .take(Event::Request(asked))
        .unwrap()
        .verdicts
        .remove(0)
}

fn with_limits(lines: &str) -> RiskHarness {
    RiskHarness::with(RiskSettings {
        limits: limits(lines),
        ..settings()
    })
}

#[test]
fn position_and_average_price() {
    let mut harness = RiskHarness::new();
    bought(&mut harness, 10, "100", "10", "0");
    let both = bought(&mut harness, 11, "50", "13", "0");
    assert_eq!(shown(&both), "150 @ 11, realised 0");
    let part = sold(&mut harness, 12, "30", "12", "0");
    assert_eq!(shown(&part), "120 @ 11, realised 30");
    // In thirds: 100 for 3 is 33.33333333 a share, and closing all of it loses no cent.
    let mut harness = RiskHarness::new();
    bought(&mut harness, 10, "1", "40", "0");
    let thirds = bought(&mut harness, 11, "2", "30", "0");
    assert_eq!(shown(&thirds), "3 @ 33.33333333, realised 0");
    for time in 12..15 {
        sold(&mut harness, time, "1", "40", "0");
    }
    harness.mark("S", "40");
    assert_eq!(harness.equity_of("one").as_deref(), Some("20"));
}

#[test]
fn realised_and_unrealised() {
    let mut harness = RiskHarness::new();
    harness.mark("S", "12.5");
    bought(&mut harness, 10, "150", "11", "0");
    let part = sold(&mut harness, 11, "30", "12", "0");
    assert_eq!(figure(Some(part.realised)), "30");
    assert_eq!(figure(part.market_value), "1500");
    assert_eq!(figure(part.unrealised), "180");
    let equity = whole(&mut harness);
    // −1,650 + 360 of cash and 1,500 of shares
    assert_eq!(figure(equity.equity), "210");
}

#[test]
fn fees() {
    let mut harness = RiskHarness::new();
    harness.mark("S", "10");
    harness.mark("EURUSD", "2");
    let charge = |amount: &str, currency: &str| Charge {
        amount: amount.parse().unwrap(),
        currency: currency.into(),
    };
    let mut first = trade(10, Side::Buy, "1", "10", "0");
    first.fees = Some(vec![charge("1", "USD"), charge("0.02", "USD")]);
    assert_eq!(
        shown(&report(&mut harness, first)),
        "1 @ 10, realised -1.02"
    );
    let mut rebate = trade(11, Side::Buy, "1", "10", "0");
    rebate.fees = Some(vec![charge("-0.25", "USD")]);
    let position = report(&mut harness, rebate);
    assert_eq!(shown(&position), "2 @ 10, realised -0.77");
    let mut foreign = trade(12, Side::Buy, "1", "10", "0");
    foreign.fees = Some(vec![charge("0.5", "EUR")]);
    let position = report(&mut harness, foreign);
    assert_eq!(shown(&position), "3 @ 10, realised -0.77");
    assert_eq!(position.foreign_fees, [charge("0.5", "EUR")]);
    let position = bought(&mut harness, 13, "1", "10", "?");
    assert_eq!(shown(&position), "4 @ 10, realised -0.77");
    assert_eq!(position.unknown_fees, 1);
    let equity = whole(&mut harness);
    assert_eq!(figure(equity.equity), "-1.77");
    assert_eq!(equity.unknown_fees, 1);
    // Told at last.
    let position = bought(&mut harness, 13, "1", "10", "0.03");
    assert_eq!(shown(&position), "4 @ 10, realised -0.8");
    assert_eq!(position.unknown_fees, 0);
}

#[test]
fn flips() {
    let mut harness = RiskHarness::new();
    bought(&mut harness, 10, "100", "10", "0");
    let flipped = sold(&mut harness, 11, "150", "12", "1");
    assert_eq!(shown(&flipped), "-50 @ 12, realised 199");
    let back = bought(&mut harness, 12, "70", "11", "0");
    assert_eq!(shown(&back), "20 @ 11, realised 249");
}

#[test]
fn busts_and_corrections() {
    let mut harness = RiskHarness::new();
    bought(&mut harness, 10, "100", "10", "1");
    let flipped = sold(&mut harness, 11, "150", "12", "2");
    assert_eq!(shown(&flipped), "-50 @ 12, realised 197");
    let mut bust = trade(12, Side::Buy, "100", "10", "1");
    bust.kind = FillKind::Bust;
    bust.ref_exec_id = Some(ExecId::new("t10"));
    assert_eq!(shown(&report(&mut harness, bust)), "-150 @ 12, realised -2");

    let mut harness = RiskHarness::new();
    bought(&mut harness, 10, "100", "10", "1");
    let closed = sold(&mut harness, 11, "100", "12", "0");
    assert_eq!(shown(&closed), "0 @ -, realised 199");
    let mut correction = trade(12, Side::Buy, "100", "11", "1");
    correction.kind = FillKind::Correction;
    correction.ref_exec_id = Some(ExecId::new("t10"));
    assert_eq!(
        shown(&report(&mut harness, correction)),
        "0 @ -, realised 99"
    );
}

#[test]
fn late_fills() {
    let mut harness = RiskHarness::new();
    bought(&mut harness, 10, "10", "10", "0");
    let closed = sold(&mut harness, 12, "10", "30", "0");
    assert_eq!(shown(&closed), "0 @ -, realised 200");
    let late = bought(&mut harness, 11, "10", "20", "0");
    assert_eq!(shown(&late), "10 @ 15, realised 150");
}

#[test]
fn late_fills_behind_what_is_settled_are_told() {
    let mut harness = RiskHarness::new();
    for n in 0..70 {
        bought(&mut harness, 100 + n, "1", "10", "0");
    }
    let said = harness
        .take(Event::Fill(trade(99, Side::Buy, "1", "10", "0")))
        .unwrap();
    assert_eq!(said.positions[0].quantity.to_string(), "71");
    assert_eq!(
        (
            said.alerts[0].rule.as_str(),
            said.alerts[0].procedure.as_str()
        ),
        ("late_fill", "late-fill")
    );
}

#[test]
fn splits_with_cash_in_lieu() {
    let mut harness = RiskHarness::new();
    bought(&mut harness, 10, "25", "6", "0");
    let mut split = about_s(AccountMatter::Split, "s", 11);
    (split.ratio_new, split.ratio_old) = (Some(1), Some(10));
    assert_eq!(
        shown(&told(&mut harness, split.clone())),
        "2.5 @ 60, realised 0"
    );
    split.amount = "33".parse().unwrap();
    assert_eq!(shown(&told(&mut harness, split)), "2 @ 60, realised 3");
}

#[test]
fn dividends() {
    let paid = |time, per_share: &str| AccountEvent {
        price: Some(per_share.parse().unwrap()),
        ..about_s(AccountMatter::Distribution, "d", time)
    };
    let mut harness = RiskHarness::new();
    harness.mark("S", "50");
    bought(&mut harness, 10, "100", "50", "0");
    let position = told(&mut harness, paid(11, "0.24"));
    assert_eq!(
        (shown(&position), figure(position.income)),
        ("100 @ 50, realised 0".to_owned(), "24".to_owned())
    );
    let equity = whole(&mut harness);
    assert_eq!(figure(Some(equity.realised)), "24");
    assert_eq!(figure(equity.equity), "24");

    let mut harness = RiskHarness::new();
    sold(&mut harness, 10, "30", "50", "0");
    let position = told(&mut harness, paid(11, "0.5"));
    assert_eq!(figure(position.income), "-15");
}

#[test]
fn currencies() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    let mut euros = trade(10, Side::Buy, "5", "10", "0");
    euros.currency = "EUR".into();
    let position = report(&mut harness, euros);
    assert_eq!(position.currency, "EUR");
    let equity = whole(&mut harness);
    assert_eq!((equity.equity, equity.missing_rates > 0), (None, true));
    harness.mark("EURUSD", "1.1");
    harness.mark("S", "12");
    let equity = whole(&mut harness);
    assert_eq!(figure(equity.equity), "1011");
    assert_eq!(figure(equity.unrealised), "11");
    harness.mark("EURUSD", "1.2");
    assert_eq!(harness.equity_of("one").as_deref(), Some("1012"));
}

#[test]
fn currencies_held_as_cash() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("EURUSD", "1");
    let mut euros = deposit("a1", "one", "1000", "eur");
    euros.currency = "EUR".into();
    harness.take(Event::Account(euros)).unwrap();
    harness.mark("EURUSD", "0.95");
    let equity = whole(&mut harness);
    assert_eq!(figure(equity.equity), "1950");
    assert_eq!(figure(equity.drawdown), "50");
    assert_eq!(figure(Some(equity.realised)), "0");
    assert_eq!(figure(equity.unrealised), "0");
    assert_eq!(figure(Some(equity.cash_flow)), "1950");
}

#[test]
fn multipliers_and_margined_instruments() {
    let instrument = |settlement, multiplier: &str| InstrumentSettings {
        currency: Currency::USD,
        multiplier: Positive::try_from(multiplier.parse::<Quantity>().unwrap()).unwrap(),
        settlement,
        sector: None,
        may_be_negative: false,
    };
    let keep = |instrument| {
        RiskHarness::with(RiskSettings {
            instruments: [(Symbol::new("S"), instrument)].into(),
            ..settings()
        })
    };
    let mut option = keep(instrument(Settlement::InFull, "100"));
    option.mark("S", "1.5");
    let position = bought(&mut option, 10, "2", "1.35", "1.3");
    assert_eq!(shown(&position), "2 @ 1.35, realised -1.3");
    assert_eq!(figure(position.market_value), "300");
    assert_eq!(figure(position.unrealised), "30");
    assert_eq!(figure(whole(&mut option).cash), "-271.3");

    let mut future = keep(instrument(Settlement::Margined, "50"));
    future.mark("S", "5020");
    bought(&mut future, 10, "2", "5000", "4");
    let position = sold(&mut future, 11, "1", "5010", "0");
    assert_eq!(shown(&position), "1 @ 5000, realised 496");
    let equity = whole(&mut future);
    assert_eq!(figure(equity.cash), "496");
    assert_eq!(figure(equity.unrealised), "1000");
    assert_eq!(figure(equity.equity), "1496");
    assert_eq!(figure(equity.net), "251000");
}

#[test]
fn cash_equity_gross_net_and_leverage() {
    let two = Positive::try_from("2".parse::<Quantity>().unwrap()).unwrap();
    let mut harness = RiskHarness::with(RiskSettings {
        leverage: [(AccountId::new("a1"), two)].into(),
        ..settings()
    });
    harness.deposit("a1", "one", "1000");
    harness.deposit("a2", "one", "500");
    harness.mark("S", "10");
    harness.buy("a1", "one", "S", "20", "10");
    let mut short = fill("a2", "one", "S", "5", "10");
    short.side = Side::Sell;
    short.exec_id = ExecId::new("short");
    harness.take(Event::Fill(short)).unwrap();
    let rows: Vec<[String; 6]> = harness
        .commit()
        .equity
        .iter()
        .map(|e| {
            [
                e.cash,
                e.gross,
                e.net,
                e.equity,
                e.leverage,
                e.buying_power_used,
            ]
            .map(figure)
        })
        .collect();
    assert_eq!(
        rows,
        [
            ["800", "200", "200", "1000", "0.2", "0.1"],
            ["550", "50", "-50", "500", "0.1", "0.1"],
            ["1350", "250", "150", "1500", "0.16666667", "0.1"],
        ]
        .map(|row| row.map(str::to_owned))
    );
}

#[test]
fn deposits_move_no_drawdown() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    bought(&mut harness, 10, "50", "10", "0");
    harness.mark("S", "9");
    let figures = |harness: &mut RiskHarness| {
        let equity = whole(harness);
        [equity.equity, equity.high_water, equity.drawdown].map(figure)
    };
    assert_eq!(figures(&mut harness), ["950", "1000", "50"]);
    harness.deposit("a1", "one", "5000");
    assert_eq!(figures(&mut harness), ["5950", "6000", "50"]);
    harness.deposit("a1", "one", "-5500");
    assert_eq!(figures(&mut harness), ["450", "500", "50"]);
}

#[test]
fn missing_is_missing() {
    let mut harness = with_limits(
        r#"{name="dd", rule="max_drawdown", mode="trailing", basis="marked", breach="100", action="halted"}"#,
    );
    harness.deposit("a1", "one", "1000");
    let position = bought(&mut harness, 10, "50", "10", "0");
    assert_eq!(
        (
            position.unrealised,
            position.market_value,
            position.mark_price
        ),
        (None, None, None)
    );
    let equity = whole(&mut harness);
    assert_eq!(figure(equity.cash), "500");
    assert_eq!(
        [
            equity.unrealised,
            equity.equity,
            equity.drawdown,
            equity.gross,
            equity.leverage
        ]
        .map(figure),
        ["NULL"; 5]
    );
    assert_eq!(equity.missing_prices, 1);
    assert_eq!(equity.limits[0].value, None);
    let raise = ask(&mut harness, Side::Buy, "1");
    assert_eq!(
        (raise.grade, raise.reason.as_str()),
        (Grade::Refuse, "EQUITY_MISSING")
    );
    assert!(raise.message.contains("PRICE_MISSING"), "{}", raise.message);
    assert!(raise.message.contains("VALUE_MISSING"), "{}", raise.message);
    let close = ask(&mut harness, Side::Sell, "50");
    assert_eq!(close.grade, Grade::Approve, "{}", close.message);
    let flip = ask(&mut harness, Side::Sell, "51");
    assert_eq!(flip.grade, Grade::Refuse);
}

#[test]
fn staleness() {
    let mut harness = RiskHarness::with(RiskSettings {
        stale_after: Some(60_000_000),
        ..settings()
    });
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    bought(&mut harness, 10, "50", "10", "0");
    let minute = 60_000_000;
    let refused = |harness: &mut RiskHarness, side| {
        let verdict = ask(harness, side, "1");
        (verdict.grade, verdict.reason)
    };
    harness.now = Micros(2 * minute);
    assert_eq!(
        refused(&mut harness, Side::Buy),
        (Grade::Refuse, "PRICE_STALE".to_owned())
    );
    assert_eq!(refused(&mut harness, Side::Sell).0, Grade::Approve);
    let holdings = &harness.risk.holdings;
    let portfolio = holdings.accounts.portfolio_named("one").unwrap();
    let mut out = Out::default();
    harness
        .risk
        .emit_equity(portfolio, Micros(5), harness.now, &mut out);
    let equity = sort(&mut out).equity.pop().unwrap();
    assert_eq!(
        (figure(equity.equity), equity.stale_prices),
        ("1000".to_owned(), 1),
        "the old price counts, and is told"
    );
}

#[test]
fn reducing_counts_open_orders() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    bought(&mut harness, 10, "10", "10", "0");
    harness
        .command(command(CommandKind::Reduce, "one"))
        .unwrap();
    let mut resting = order("o1", OrderStatus::New, "8", "0", 20);
    resting.side = Side::Sell;
    harness.take(Event::Order(resting)).unwrap();
    let refused = ask(&mut harness, Side::Sell, "4");
    assert_eq!(
        (refused.grade, refused.reason.as_str()),
        (Grade::Refuse, "GUARD_REDUCING")
    );
    assert_eq!(ask(&mut harness, Side::Sell, "2").grade, Grade::Approve);
    assert_eq!(ask(&mut harness, Side::Buy, "1").reason, "GUARD_REDUCING");
}

#[test]
fn reading_a_verdict() {
    let mut harness =
        with_limits(r#"{name="size", rule="position_size", breach="12", action="alert"}"#);
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    harness.buy("a1", "one", "S", "4", "10");
    let partly = order("o1", OrderStatus::PartiallyFilled, "10", "4", 20);
    harness.take(Event::Order(partly)).unwrap();
    let refused = ask(&mut harness, Side::Buy, "3");
    assert_eq!(
        (refused.rule.as_str(), refused.limit_name.as_str()),
        ("position_size", "size")
    );
    assert_eq!(
        [refused.value, refused.limit, refused.distance].map(|money| money.to_string()),
        ["13", "12", "-1"]
    );
    assert_eq!(
        refused.message,
        "BUY 3 S in a1 is refused. POSITION_SIZE_BREACHED: with this order and all open ones \
         filled, one holds 13 units of S, beyond its limit of 12 units"
    );
    let approved = ask(&mut harness, Side::Buy, "2");
    assert_eq!(
        approved.message,
        "BUY 2 S in a1 keeps within every limit; closest is size with 0 units left of 12"
    );
}

#[test]
fn opening_positions() {
    let taken_over = || AccountEvent {
        quantity: Some("10".parse().unwrap()),
        price: Some("15".parse().unwrap()),
        ..about_s(AccountMatter::Opening, "o", 5)
    };
    let figures = |harness: &mut RiskHarness| {
        let equity = whole(harness);
        [equity.equity, equity.high_water, equity.unrealised].map(figure)
    };
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "20");
    told(&mut harness, taken_over());
    assert_eq!(figures(&mut harness), ["1200", "1200", "50"]);
}

/// Profit since the day's open, in a portfolio that takes something over.
fn gained(harness: &mut RiskHarness) -> String {
    let equity = whole(harness);
    let target = equity.limits.iter().find(|limit| limit.limit == "target");
    figure(target.and_then(|limit| limit.value))
}

const TARGET: &str = r#"{name="target", rule="max_profit", calendar="24x7", basis="marked", breach="1000000", action="alert"}"#;

#[test]
fn not_counted_what_comes_before_its_price_or_rate() {
    let mut harness = with_limits(TARGET);
    harness.deposit("a1", "one", "1000");
    let opening = AccountEvent {
        quantity: Some("10".parse().unwrap()),
        price: Some("15".parse().unwrap()),
        ..about_s(AccountMatter::Opening, "o", 5)
    };
    told(&mut harness, opening);
    harness.mark("S", "20");
    assert_eq!(
        gained(&mut harness),
        "50",
        "what it gained until it had a price"
    );

    let mut harness = with_limits(TARGET);
    harness.deposit("a1", "one", "1000");
    let mut euros = deposit("a1", "one", "1000", "eur");
    euros.currency = "EUR".into();
    harness.take(Event::Account(euros)).unwrap();
    harness.mark("EURUSD", "1.1");
    assert_eq!(gained(&mut harness), "1100", "all of it instead of nothing");
}

#[test]
fn overfills_are_told_once_the_order_is_known() {
    let mut harness = RiskHarness::new();
    harness
        .take(Event::Order(order("o", OrderStatus::New, "10", "0", 5)))
        .unwrap();
    let said = harness.buy("a1", "one", "S", "13", "10");
    assert_eq!(said.positions[0].quantity.to_string(), "13");
    assert!(said.alerts.is_empty(), "a symbol that was never held");
    let filled = order("o", OrderStatus::Filled, "10", "13", 7);
    let said = harness.take(Event::Order(filled.clone())).unwrap();
    assert_eq!(
        said.alerts[0].message,
        "an order of S in a1 was filled for 3 more than was ordered"
    );
    assert!(
        harness
            .take(Event::Order(filled))
            .unwrap()
            .alerts
            .is_empty()
    );

    harness
        .take(Event::Order(order("p", OrderStatus::New, "5", "0", 8)))
        .unwrap();
    let mut bought = fill("a1", "one", "S", "6", "10");
    bought.order_id = OrderId::new("p");
    bought.exec_id = ExecId::new("e-p");
    let said = harness.take(Event::Fill(bought)).unwrap();
    assert_eq!(said.alerts.len(), 1, "at once where the symbol is held");
}
