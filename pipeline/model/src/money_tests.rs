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
