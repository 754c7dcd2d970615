//! What an order would lead to, with all open ones filled.

use super::judgements::{Counter, buy, sell};
use super::*;

#[test]
fn each_projected_limit_has_its_reason() {
    for (line, reason, value) in [
        (
            r#"rule="net_exposure", breach="1000""#,
            Reason::NetExposureBreached,
            "1100",
        ),
        (
            r#"rule="symbol_exposure", breach="1000""#,
            Reason::SymbolExposureBreached,
            "1100",
        ),
        (
            r#"rule="sector_exposure", breach="1000""#,
            Reason::SectorExposureBreached,
            "1100",
        ),
        (
            r#"rule="currency_exposure", breach="1000""#,
            Reason::CurrencyExposureBreached,
            "1100",
        ),
        // 1,100 of exposure over 10,000 of equity
        (
            r#"rule="leverage", breach="0.1""#,
            Reason::LeverageBreached,
            "0.11",
        ),
        (
            r#"rule="buying_power", breach="1000""#,
            Reason::BuyingPowerBreached,
            "1100",
        ),
        (
            r#"rule="position_size", breach="10""#,
            Reason::PositionSizeBreached,
            "11",
        ),
        (
            r#"rule="gross_exposure", strategy="trend", breach="1000""#,
            Reason::GrossExposureBreached,
            "1100",
        ),
    ] {
        let counter = Counter::new(&format!("{{name=\"cap\", {line}, action=\"alert\"}}"));
        let of_trend = |amount: &str| OrderRequest {
            strategy: Some("trend".to_owned()),
            ..buy(amount)
        };
        counter.refused(&of_trend("10"), &[]);
        let judgement = counter.refused(&of_trend("11"), &[reason]);
        assert_eq!(judgement.headroom[0].value, money(value), "{line}");
    }
    let counter =
        Counter::new(r#"{name="cap", rule="position_count", breach="1", action="alert"}"#)
            .rest("MSFT", "1", "0");
    counter.refused(&buy("1"), &[Reason::PositionCountBreached]);
}

#[test]
fn net_exposure_is_projected_to_its_worst_side() {
    // Short 50 of 5,000, 30 more being sold: 8,000 short at worst. Buying 20 cannot help that,
    // and does no harm; selling 25 more can.
    let counter =
        Counter::new(r#"{name="net", rule="net_exposure", breach="10000", action="alert"}"#)
            .hold("-50")
            .rest("AAPL", "0", "30");
    let judgement = counter.refused(&buy("20"), &[]);
    assert_eq!(judgement.headroom[0].value, money("8000"));
    let judgement = counter.refused(&sell("25"), &[Reason::NetExposureBreached]);
    assert_eq!(judgement.headroom[0].value, money("10500"));
}

#[test]
fn limits_of_others_say_nothing() {
    let counter = Counter::new(
        r#"
        {name="of-b", rule="gross_exposure", account="b", breach="1", action="alert"}
        {name="of-mean", rule="gross_exposure", strategy="mean", breach="1", action="alert"}
        {name="of-msft", rule="position_size", symbol="MSFT", breach="1", action="alert"}
        {name="of-aapl", rule="position_size", symbol="AAPL", breach="50", action="alert"}
        {name="size", rule="position_size", breach="1", action="alert"}
        "#,
    );
    let judgement = counter.refused(&buy("50"), &[]);
    let bound: Vec<&str> = judgement
        .headroom
        .iter()
        .map(|left| left.limit.name.as_str())
        .collect();
    assert_eq!(bound, ["of-aapl"]);
}

#[test]
fn a_position_told_in_two_rows_is_one() {
    let counter =
        Counter::new(r#"{name="gross", rule="gross_exposure", breach="2100", action="alert"}"#)
            .hold("10")
            .hold("10");
    let judgement = counter.refused(&buy("1"), &[]);
    assert_eq!(judgement.headroom[0].value, money("2100"));
}

#[test]
fn a_limit_that_is_beyond_already_refuses_only_what_makes_it_worse() {
    let counter =
        Counter::new(r#"{name="size", rule="position_size", breach="50", action="alert"}"#)
            .hold("80");
    counter.refused(&sell("10"), &[]);
    // From 80 long to 40 short.
    counter.refused(&sell("120"), &[]);
    counter.refused(&sell("140"), &[]);
    // To 81 short.
    counter.refused(&sell("161"), &[Reason::PositionSizeBreached]);
    counter.refused(&buy("1"), &[Reason::PositionSizeBreached]);
}
