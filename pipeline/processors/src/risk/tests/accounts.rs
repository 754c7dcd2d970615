use proptest::prelude::{Strategy as _, prop, prop_assert_eq, prop_oneof, proptest};

use super::*;
use crate::risk::accounts::sums;

fn foreign(code: &str, quantity: &str, price: &str, id: &str) -> Event<'static> {
    let mut bought = fill("a1", "one", "X", quantity, price);
    bought.currency = code.into();
    bought.exec_id = ExecId::new(id);
    Event::Fill(bought)
}

#[test]
fn what_is_held_in_another_currency_counts_at_its_newest_rate() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("X", "10");
    harness.take(foreign("EUR", "5", "10", "e1")).unwrap();
    assert_eq!(harness.equity_of("one"), None, "no value without a rate");
    let told = harness.commit().equity.pop().unwrap();
    assert_eq!((told.equity, told.missing_rates > 0), (None, true));
    harness.mark("EURUSD", "1.1");
    // 50 EUR were paid and shares worth 50 EUR are held
    assert_eq!(harness.equity_of("one").as_deref(), Some("1000"));
    harness.mark("X", "12");
    // 10 EUR gained at 1.1
    assert_eq!(harness.equity_of("one").as_deref(), Some("1011"));
    harness.mark("EURUSD", "1.2");
    assert_eq!(harness.equity_of("one").as_deref(), Some("1012"));
}

#[test]
fn a_rate_may_be_quoted_the_other_way() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("USDJPY", "150");
    harness.mark("X", "3000");
    harness.take(foreign("JPY", "10", "2700", "e1")).unwrap();
    // 3,000 yen gained, at 150 for a dollar
    assert_eq!(harness.equity_of("one").as_deref(), Some("1020"));
}

#[test]
fn a_rate_that_moves_can_breach_a_limit() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("EURUSD", "1");
    let mut euros = deposit("a1", "one", "1000", "eur");
    euros.currency = "EUR".into();
    harness.take(Event::Account(euros)).unwrap();
    // High 2,000; at 0.89 it is 1,890
    let told = harness.mark("EURUSD", "0.89");
    assert_eq!(told.verdicts[0].value.to_string(), "110");
}

#[test]
fn an_opening_position_is_no_profit_and_no_drawdown() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "20");
    let mut opening = about_s(AccountMatter::Opening, "o", 5);
    opening.quantity = Some("10".parse().unwrap());
    opening.price = Some("15".parse().unwrap());
    let told = harness.take(Event::Account(opening)).unwrap();
    assert_eq!(told.positions[0].unrealised.unwrap().to_string(), "50");
    let equity = harness.commit().equity.pop().unwrap();
    assert_eq!(equity.equity.unwrap().to_string(), "1200");
    assert_eq!(equity.drawdown.unwrap().to_string(), "0");
    assert_eq!(equity.high_water.unwrap().to_string(), "1200");
    // What it cost was put in, and 50 are profit already.
    assert_eq!(equity.cash_flow.to_string(), "1150");
    assert!(
        harness.mark("S", "9").verdicts.len() == 1,
        "110 below the high"
    );
}

#[test]
fn money_that_comes_while_a_price_is_missing_raises_the_high_all_the_same() {
    let mut harness = RiskHarness::new();
    harness.buy("a1", "one", "S", "50", "10");
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "9.99");
    harness.mark("S", "10");
    // 0.5 were lost at first, and nothing is now.
    let told = harness.commit().equity.pop().unwrap();
    assert_eq!(told.high_water.unwrap().to_string(), "1000");
    assert_eq!(told.drawdown.unwrap().to_string(), "0");
}

#[test]
fn a_split_changes_the_quantity_and_a_distribution_is_income() {
    let mut harness = RiskHarness::new();
    harness.mark("S", "5");
    harness.buy("a1", "one", "S", "3", "10");
    let mut split = about_s(AccountMatter::Split, "s", 5);
    (split.ratio_new, split.ratio_old) = (Some(2), Some(1));
    split.event_time = Micros(10);
    let told = harness.take(Event::Account(split.clone())).unwrap();
    assert_eq!(told.positions[0].quantity.to_string(), "6");
    assert!(
        harness
            .take(Event::Account(split))
            .unwrap()
            .positions
            .is_empty()
    );
    let mut paid = about_s(AccountMatter::Distribution, "d", 5);
    paid.price = Some("0.5".parse().unwrap());
    paid.event_time = Micros(11);
    let told = harness.take(Event::Account(paid)).unwrap();
    assert_eq!(told.positions[0].income.unwrap().to_string(), "3");
    // 30 paid, 6 worth 5 each, and 3 of income
    assert_eq!(harness.equity_of("one").as_deref(), Some("3"));
    let mut incomplete = about_s(AccountMatter::Split, "x", 5);
    incomplete.ratio_new = Some(2);
    let refusal = harness.take(Event::Account(incomplete)).err().unwrap();
    assert_eq!(refusal.reason, Reason::MissingField);
    assert_eq!(refusal.message, "account event x: its ratio_old is missing");
}

#[test]
fn several_accounts_are_told_apart_and_together() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.deposit("a2", "one", "500");
    harness.mark("S", "10");
    harness.buy("a1", "one", "S", "20", "10");
    let mut short = fill("a2", "one", "S", "5", "10");
    short.side = Side::Sell;
    short.exec_id = ExecId::new("short");
    harness.take(Event::Fill(short)).unwrap();
    let told = harness.commit().equity;
    let row = |e: &Equity| {
        let account = e
            .account
            .as_ref()
            .map_or("all", AccountId::as_str)
            .to_owned();
        let text = |money: Option<Money>| money.unwrap().to_string();
        (
            account,
            text(e.equity),
            text(e.gross),
            text(e.net),
            text(e.cash),
        )
    };
    let expected = [
        ("a1", "1000", "200", "200", "800"),
        ("a2", "500", "50", "-50", "550"),
        ("all", "1500", "250", "150", "1350"),
    ];
    let expected = expected.map(|(a, b, c, d, e)| {
        (
            a.to_owned(),
            b.to_owned(),
            c.to_owned(),
            d.to_owned(),
            e.to_owned(),
        )
    });
    assert_eq!(told.iter().map(row).collect::<Vec<_>>(), expected);
    // 250 of 1,500
    assert_eq!(told[2].leverage.unwrap().to_string(), "0.16666667");
}

#[test]
fn an_unknown_fee_is_counted_and_takes_nothing_away() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.mark("S", "10");
    let mut bought = fill("a1", "one", "S", "1", "10");
    bought.fee = None;
    harness.take(Event::Fill(bought)).unwrap();
    let told = harness.commit().equity.pop().unwrap();
    assert_eq!(told.equity.unwrap().to_string(), "1000");
    assert_eq!(told.unknown_fees, 1);
}

#[test]
fn fees_in_several_currencies_are_kept_apart() {
    let mut harness = RiskHarness::new();
    harness.mark("S", "10");
    harness.mark("EURUSD", "2");
    let fee = |amount: &str, code: &str| tapeline_model::records::Charge {
        amount: amount.parse().unwrap(),
        currency: code.into(),
    };
    let mut bought = fill("a1", "one", "S", "1", "10");
    bought.fees = Some(vec![
        fee("1", "USD"),
        fee("0.5", "EUR"),
        fee("-0.25", "USD"),
    ]);
    let told = harness.take(Event::Fill(bought)).unwrap();
    let position = &told.positions[0];
    assert_eq!(position.fees.to_string(), "0.75");
    assert_eq!(position.foreign_fees, [fee("0.5", "EUR")]);
    // 0.75, and half a euro at 2
    assert_eq!(harness.equity_of("one").as_deref(), Some("-1.75"));
}

#[test]
fn a_price_that_is_old_is_counted_as_stale() {
    let mut harness = RiskHarness::with(RiskSettings {
        stale_after: Some(50),
        ..settings()
    });
    harness.take(mark("S", "10", Micros(20))).unwrap();
    harness.buy("a1", "one", "S", "1", "10");
    // Told at 88: 68 later.
    assert_eq!(harness.commit().equity[0].stale_prices, 1);
    harness.take(mark("S", "10", Micros(40))).unwrap();
    assert_eq!(harness.commit().equity[0].stale_prices, 0);
}

#[test]
fn a_one_sided_price_values_what_it_can_close() {
    let mut harness = RiskHarness::new();
    harness.deposit("a1", "one", "1000");
    harness.buy("a1", "one", "S", "10", "10");
    let Event::Mark(both) = mark("S", "11", Micros(50)) else {
        unreachable!()
    };
    let of = |basis, time| {
        let mut mark = both.clone();
        (mark.basis, mark.event_time) = (basis, Micros(time));
        Event::Mark(mark)
    };
    harness.take(of(MarkBasis::Ask, 60)).unwrap();
    assert_eq!(
        harness.equity_of("one"),
        None,
        "nobody bids for what is long"
    );
    harness.take(of(MarkBasis::Bid, 70)).unwrap();
    assert_eq!(harness.equity_of("one").as_deref(), Some("1010"));
    harness.take(of(MarkBasis::Last, 80)).unwrap();
    assert_eq!(harness.equity_of("one").as_deref(), Some("1010"));
}

#[derive(Debug, Clone)]
enum Step {
    Buy(bool, u8, i8),
    Price(u8, u8, u8),
    Deposit(i16),
}

proptest! {
    /// Sums are kept while prices move; they must be what is computed anew.
    #[test]
    fn what_is_kept_is_what_would_be_computed(
        steps in prop::collection::vec(
            prop_oneof![
                (prop::bool::ANY, 0..2_u8, -9..9_i8).prop_map(|(a, s, q)| Step::Buy(a, s, q)),
                (0..3_u8, 1..200_u8, 0..4_u8).prop_map(|(s, p, b)| Step::Price(s, p, b)),
                (-500..500_i16).prop_map(Step::Deposit),
            ],
            1..60,
        )
    ) {
        let mut harness = RiskHarness::new();
        for step in steps {
            match step {
                Step::Buy(first, symbol, quantity) => {
                    let (account, symbol) = (["a1", "a2"][usize::from(first)], ["S", "X"][usize::from(symbol)]);
                    let mut bought = fill(account, "one", symbol, &quantity.unsigned_abs().max(1).to_string(), "10");
                    bought.side = if quantity < 0 { Side::Sell } else { Side::Buy };
                    // X is kept in euros.
                    bought.currency = if symbol == "X" { "EUR" } else { "USD" }.into();
                    bought.exec_id = ExecId::new(format!("e{}", harness.offset));
                    harness.take(Event::Fill(bought)).unwrap();
                }
                Step::Price(symbol, price, basis) => {
                    let symbol = ["S", "X", "EURUSD"][usize::from(symbol)];
                    let Event::Mark(mut mark) = mark(symbol, &price.to_string(), Micros(1000 + harness.offset as i64)) else {
                        unreachable!()
                    };
                    mark.basis = [MarkBasis::Mid, MarkBasis::Bid, MarkBasis::Ask, MarkBasis::Last][usize::from(basis)];
                    harness.take(Event::Mark(mark)).unwrap();
                }
                Step::Deposit(amount) => {
                    harness.deposit("a1", "one", &amount.to_string());
                }
            }
            let holdings = &mut harness.risk.holdings;
            let one = holdings.accounts.portfolio_named("one").unwrap();
            let kept = holdings.keep_sums(one);
            let valuation = holdings.accounts.valuation(one, &holdings.rates);
            prop_assert_eq!(kept, sums(&valuation, Money::ZERO));
        }
    }
}
