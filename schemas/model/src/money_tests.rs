use proptest::prelude::*;

use super::*;

fn price(text: &str) -> Price {
    text.parse().unwrap()
}
fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}
fn money(text: &str) -> Money {
    text.parse().unwrap()
}

#[test]
fn text_goes_both_ways() {
    for text in ["0", "1", "-1", "0.00000001", "-0.5", "9999999999.99999999"] {
        assert_eq!(price(text).to_string(), text);
    }
    assert_eq!(price("1.50").to_string(), "1.5");
    assert_eq!(price("007").raw(), 700_000_000);
}

#[test]
fn what_is_not_a_decimal_is_refused() {
    for text in [
        "",
        "-",
        ".",
        "1.",
        ".5",
        "1e3",
        "+1",
        "NaN",
        "1,5",
        " 1",
        "1.123456789",
        "--1",
    ] {
        assert_eq!(text.parse::<Price>(), Err(MoneyError::Syntax), "{text:?}");
    }
    assert_eq!("10000000000".parse::<Price>(), Err(MoneyError::Overflow));
    assert_eq!("9".repeat(60).parse::<Money>(), Err(MoneyError::Overflow));
}

#[test]
fn ties_go_to_the_even_neighbour() {
    let half = |raw| divide(raw, 2, Rounding::HalfEven).unwrap();
    assert_eq!([half(1), half(3), half(5)], [0, 2, 2]);
    assert_eq!([half(-1), half(-3), half(-5)], [0, -2, -2]);
    assert_eq!(divide(3, 2, Rounding::Truncate), Ok(1));
    assert_eq!(divide(-3, 2, Rounding::Truncate), Ok(-1));
    assert_eq!(
        divide(1, 0, Rounding::HalfEven),
        Err(MoneyError::DivisionByZero)
    );
}

#[test]
fn notional_is_exact_where_it_fits() {
    let n = |p: &str, q: &str| price(p).notional(quantity(q), Rounding::HalfEven).unwrap();
    assert_eq!(n("101.25", "3"), money("303.75"));
    assert_eq!(n("-37.63", "1000"), money("-37630"));
    // 0.00000001 × 0.5 lies halfway between 0 and 0.00000001: even is 0.
    assert_eq!(n("0.00000001", "0.5"), Money::ZERO);
    assert_eq!(n("9999999999", "9999999999"), money("99999999980000000001"));
}

#[test]
fn a_share_survives_products_beyond_128_bits() {
    let whole = quantity("9999999999");
    let huge = money("999999999999999999999999999999");
    assert_eq!(huge.share(whole, whole, Rounding::HalfEven), Ok(huge));
    assert_eq!(
        huge.share(quantity("1"), quantity("0"), Rounding::HalfEven),
        Err(MoneyError::DivisionByZero)
    );
}

#[test]
fn overflow_is_an_error_not_a_wrap() {
    let most = Money::from_raw(MAX_MONEY).unwrap();
    assert_eq!(
        most.checked_add(Money::from_raw(1).unwrap()),
        Err(MoneyError::Overflow)
    );
    assert_eq!(
        Price::from_raw(MAX_SMALL)
            .unwrap()
            .checked_add(Price::from_raw(1).unwrap()),
        None
    );
    assert_eq!(Price::from_raw(i64::MAX), None);
}

/// Serializes into the bytes that Avro's decimal holds.
fn wire<T: Serialize>(value: T) -> Vec<u8> {
    serde_json::to_value(value)
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .map(|b| u8::try_from(b.as_u64().unwrap()).unwrap())
        .collect()
}

fn unwire(bytes: &[u8]) -> Result<i128, serde::de::value::Error> {
    serde::de::Visitor::visit_bytes(Unscaled, bytes)
}

#[test]
fn the_wire_form_is_minimal_twos_complement() {
    let raw = |raw| Price::from_raw(raw).unwrap();
    assert_eq!(wire(raw(0)), [0]);
    assert_eq!(wire(raw(127)), [0x7f]);
    assert_eq!(wire(raw(128)), [0x00, 0x80]);
    assert_eq!(wire(raw(-1)), [0xff]);
    assert_eq!(wire(raw(-128)), [0x80]);
    assert_eq!(wire(raw(-129)), [0xff, 0x7f]);
    assert!(unwire(&[]).is_err());
    assert!(unwire(&[0; 17]).is_err());
}

proptest! {
    #[test]
    fn wire_round_trip(raw in -MAX_MONEY..=MAX_MONEY) {
        prop_assert_eq!(unwire(&wire(Money::from_raw(raw).unwrap())).unwrap(), raw);
    }

    #[test]
    fn text_round_trip(raw in -MAX_SMALL..=MAX_SMALL) {
        let p = Price::from_raw(raw).unwrap();
        prop_assert_eq!(p.to_string().parse::<Price>().unwrap(), p);
    }

    #[test]
    fn narrow_and_wide_division_agree(value: i64, by in 1i64.., negative: bool) {
        let by = if negative { -by } else { by };
        for rounding in [Rounding::HalfEven, Rounding::Truncate] {
            let narrow = divide(value.into(), by.into(), rounding).unwrap();
            let wide = wide_divide(I256::from(value), I256::from(by), rounding).unwrap();
            prop_assert_eq!(I256::from(narrow), wide);
        }
    }

    #[test]
    fn parts_of_a_cost_add_up(raw in -MAX_MONEY/2..MAX_MONEY/2, part in 1i64..1_000_000, more in 0i64..1_000_000) {
        let cost = Money::from_raw(raw).unwrap();
        let q = |raw| Quantity::from_raw(raw).unwrap();
        let released = cost.share(q(part), q(part + more), Rounding::HalfEven).unwrap();
        let rest = cost.checked_sub(released).unwrap();
        prop_assert_eq!(released.checked_add(rest).unwrap(), cost);
        prop_assert!(released.abs() <= cost.abs());
    }
}

#[test]
fn a_contract_is_worth_price_times_quantity_times_multiplier() {
    let worth = |p: &str, q: &str, m: &str| {
        price(p)
            .value(quantity(q), quantity(m), Rounding::HalfEven)
            .map(|money| money.to_string())
    };
    // 2.5 × 3 × 100, and half a cent's hundred millionth to the even neighbour
    assert_eq!(worth("2.5", "3", "100").unwrap(), "750");
    assert_eq!(worth("-37.63", "2", "1000").unwrap(), "-75260");
    assert_eq!(worth("0.00000003", "0.5", "1").unwrap(), "0.00000002");
    assert_eq!(worth("0.00000001", "0.00000001", "1").unwrap(), "0");
    // rounded once: 0.00000001 × 0.5 would be 0 before the multiplier
    assert_eq!(worth("0.00000001", "0.5", "100").unwrap(), "0.0000005");
    let most = "9999999999.99999999";
    assert_eq!(
        worth(most, most, most).unwrap(),
        "999999999999999997000000000000.000003",
        "the largest there is fits"
    );
}

#[test]
fn the_unit_price_undoes_the_multiplier() {
    let of = |money: &str, q: &str, m: &str| {
        let money: Money = money.parse().unwrap();
        money
            .unit_price(quantity(q), quantity(m), Rounding::HalfEven)
            .map(|price| price.to_string())
    };
    assert_eq!(of("750", "3", "100").unwrap(), "2.5");
    assert_eq!(of("-750", "-3", "100").unwrap(), "2.5");
    assert_eq!(of("1", "3", "1").unwrap(), "0.33333333");
    assert_eq!(of("1", "0", "100"), Err(MoneyError::DivisionByZero));
    assert_eq!(
        of("99999999999999999999", "0.00000001", "1"),
        Err(MoneyError::Overflow)
    );
}

#[test]
fn a_quantity_is_scaled_and_made_whole() {
    let scaled = |q: &str, times: u32, by: u32| {
        quantity(q)
            .scaled(
                times.try_into().unwrap(),
                by.try_into().unwrap(),
                Rounding::HalfEven,
            )
            .map(|q| q.to_string())
    };
    assert_eq!(scaled("101", 3, 2).unwrap(), "151.5");
    assert_eq!(scaled("-100", 1, 3).unwrap(), "-33.33333333");
    assert_eq!(scaled("9999999999", 2, 1), Err(MoneyError::Overflow));
    assert_eq!(quantity("151.5").whole().to_string(), "151");
    assert_eq!(quantity("-33.33333333").whole().to_string(), "-33");
}

#[test]
fn an_amount_is_told_as_times_another_and_in_percent() {
    let times = |a: &str, b: &str| {
        let (a, b) = (a.parse::<Money>().unwrap(), b.parse::<Money>().unwrap());
        a.times(b, Rounding::HalfEven).map(|m| m.to_string())
    };
    assert_eq!(times("25000", "10000").unwrap(), "2.5");
    assert_eq!(times("-1", "3").unwrap(), "-0.33333333");
    assert_eq!(times("1", "0"), Err(MoneyError::DivisionByZero));
    // 10^30 less a bit, over 10^-8, is beyond decimal(38,8); over itself it is 1.
    let most = "999999999999999999999999999999.99999999";
    assert_eq!(times(most, "0.00000001"), Err(MoneyError::Overflow));
    assert_eq!(times(most, most).unwrap(), "1");
    let percent = |a: &str, p| {
        let amount = a.parse::<Money>().unwrap();
        amount.percent(p, Rounding::HalfEven).unwrap().to_string()
    };
    assert_eq!(percent("2000", 80), "1600");
    assert_eq!(percent("0.00000001", 50), "0", "a tie goes to even");
    assert_eq!(percent(most, 100), most);
}
