//! `apache-avro` is the oracle: what our fast path writes, it reads as the same
//! values, and the other way round. Golden pairs hold the bytes of each version.

use std::fmt::Write;

use apache_avro::types::Value;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tapeline_schemas::codec::Record;
use tapeline_schemas::registry;
use uuid::Uuid;

use super::*;
use crate::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol};
use crate::money::{Money, Price, Quantity};
use crate::records::{
    AccountEventKind, AuthEventKind, FillKind, InputOffset, Journal, JournalStep, LedgerFill, Lot,
    OrderStatus, Outcome, Progress, Severity, Side, Snapshot, StateBook, StateMark, StatePortfolio,
    StepKind,
};

const GOLDEN: &str = include_str!("../../../schemas/golden/records.txt");

fn price(text: &str) -> Price {
    text.parse().unwrap()
}
fn quantity(text: &str) -> Quantity {
    text.parse().unwrap()
}
fn money(text: &str) -> Money {
    text.parse().unwrap()
}
fn portfolio() -> PortfolioId {
    PortfolioId::new("growth")
}
fn account() -> AccountId {
    AccountId::new("alpha-1")
}
const EVENT: Micros = Micros(1_795_251_600_000_001);
const INGEST: Micros = Micros(1_795_251_600_000_321);

fn quote() -> Quote<'static> {
    Quote {
        symbol: "AAPL".into(),
        venue: "XNAS".into(),
        seq: 7,
        bid_price: price("189.12"),
        ask_price: price("189.13"),
        bid_size: quantity("100"),
        ask_size: quantity("250.5"),
        event_time: EVENT,
        ingest_time: INGEST,
        source: "demo".into(),
    }
}

fn fill() -> Fill {
    Fill {
        kind: FillKind::Correction,
        exec_id: ExecId::new("E-2"),
        ref_exec_id: Some(ExecId::new("E-1")),
        order_id: OrderId::new("O-1"),
        portfolio: portfolio(),
        account: account(),
        symbol: Symbol::new("AAPL"),
        side: Side::Sell,
        price: price("189.125"),
        quantity: quantity("40"),
        fee: Some(price("-0.0021")),
        currency: "USD".into(),
        event_time: EVENT,
        ingest_time: INGEST,
        source: "demo".into(),
    }
}

fn samples() -> Vec<Event<'static>> {
    let cause = |s: &str| s.to_owned();
    vec![
        Event::Quote(quote()),
        Event::Mark(Mark {
            symbol: "AAPL".into(),
            price: price("189.125"),
            bid_price: price("189.12"),
            ask_price: price("189.13"),
            quotes: 12,
            event_time: EVENT,
            ingest_time: INGEST,
            source: "market".into(),
        }),
        Event::Fill(fill()),
        Event::Order(Order {
            order_id: OrderId::new("O-1"),
            portfolio: portfolio(),
            account: account(),
            symbol: Symbol::new("AAPL"),
            side: Side::Buy,
            status: OrderStatus::PartiallyFilled,
            quantity: quantity("100"),
            filled_quantity: quantity("40"),
            limit_price: None,
            reason: Some("day order".into()),
            event_time: EVENT,
            ingest_time: INGEST,
            source: "demo".into(),
        }),
        Event::Account(AccountEvent {
            event_id: "D-1".into(),
            portfolio: portfolio(),
            account: account(),
            kind: AccountEventKind::Deposit,
            amount: money("100000"),
            currency: "USD".into(),
            event_time: EVENT,
            ingest_time: INGEST,
            source: "demo".into(),
        }),
        Event::Auth(AuthEvent {
            event_id: "A-1".into(),
            portfolio: portfolio(),
            account: account(),
            venue: "demo".into(),
            kind: AuthEventKind::ExpiresSoon,
            method: Some("TOTP".into()),
            attempt: 1,
            category: None,
            expires_at: Some(INGEST),
            detail: "the session ends in 5 minutes".into(),
            event_time: EVENT,
            ingest_time: INGEST,
            source: "demo".into(),
        }),
        Event::Position(Position {
            portfolio: portfolio(),
            account: account(),
            symbol: Symbol::new("AAPL"),
            quantity: quantity("-60"),
            average_price: Some(price("189.1")),
            realised: money("-12.5"),
            fees: money("1.25"),
            unknown_fees: 1,
            unrealised: None,
            mark_price: None,
            currency: "USD".into(),
            cause_topic: cause("broker.fills"),
            cause_partition: 2,
            cause_offset: 99,
            event_time: EVENT,
            ingest_time: INGEST,
            source: "risk".into(),
        }),
        Event::Equity(Equity {
            portfolio: portfolio(),
            cash_flow: money("100000"),
            realised: money("-12.5"),
            unrealised: Some(money("3.00000001")),
            equity: Some(money("99990.50000001")),
            high_water: Some(money("100010")),
            drawdown: Some(money("19.49999999")),
            missing_prices: 0,
            event_time: EVENT,
            ingest_time: INGEST,
            source: "risk".into(),
        }),
        Event::Verdict(Verdict {
            verdict_id: Uuid::from_u128(1),
            portfolio: portfolio(),
            rule: "max_drawdown".into(),
            mode: "trailing-marked".into(),
            reason: Reason::DrawdownBreached.code().into(),
            outcome: Outcome::Breach,
            value: money("2600"),
            limit: money("2500"),
            distance: money("-100"),
            cause_topic: cause("market.marks"),
            cause_partition: 0,
            cause_offset: 12,
            config_hash: "ab12".into(),
            event_time: EVENT,
            ingest_time: INGEST,
            source: "risk".into(),
        }),
        Event::Alert(Alert {
            alert_id: Uuid::from_u128(2),
            key: "growth/max_drawdown".into(),
            subject: "growth".into(),
            rule: "max_drawdown".into(),
            severity: Severity::Critical,
            message: "growth is 2600 USD below its high".into(),
            value: Some(money("2600")),
            limit: None,
            procedure: "drawdown".into(),
            cause_topic: cause("market.marks"),
            cause_partition: 0,
            cause_offset: 12,
            event_time: EVENT,
            ingest_time: INGEST,
            source: "risk".into(),
        }),
        Event::DeadLetter(DeadLetter {
            letter_id: Uuid::from_u128(3),
            topic: "market.quotes".into(),
            partition: 1,
            offset: 5,
            key: None,
            value: Some(vec![0, 255, 10]),
            reason: Reason::NotFramed.code().into(),
            message: "not framed".into(),
            event_time: EVENT,
            ingest_time: INGEST,
            source: "market".into(),
        }),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}

/// `name hex`, a line each.
fn golden_line<T: Serialize + Record>(record: &T) -> String {
    let mut bytes = Vec::new();
    codec::encode(record, &mut bytes).unwrap();
    let version = registry().newest(T::RECORD).unwrap().version;
    format!("{} v{version} {}", T::RECORD, hex(&bytes))
}

fn state_samples() -> (Progress, StateMark, StateBook, StatePortfolio) {
    let progress = Progress {
        inputs: vec![InputOffset {
            topic: "market.quotes".into(),
            partition: 3,
            next_offset: 1_000_000,
        }],
        transactions: 17,
        snapshot_at: Some(INGEST),
    };
    let mark = StateMark {
        price: price("189.125"),
        bid_price: price("189.12"),
        ask_price: price("189.13"),
        quotes: 12,
        event_time: EVENT,
        wide: true,
    };
    let book = StateBook {
        base: Lot {
            quantity: quantity("10"),
            cost: money("1891"),
            realised: money("-1"),
            fees: money("1"),
            unknown_fees: 0,
        },
        fills: vec![LedgerFill {
            exec_id: ExecId::new("E-9"),
            side: Side::Buy,
            price: price("190"),
            quantity: quantity("5"),
            fee: None,
            voided: true,
            amended: false,
        }],
        currency: "USD".into(),
    };
    let portfolio = StatePortfolio {
        cash_flow: money("100000"),
        high_water: money("100010"),
        breached: vec!["max_drawdown".into()],
        recent_events: vec!["D-1".into()],
    };
    (progress, mark, book, portfolio)
}

fn history_samples() -> (Journal, Snapshot) {
    let journal = Journal {
        transaction: 17,
        steps: vec![JournalStep {
            kind: StepKind::Read,
            now: EVENT,
            topic: "market.quotes".into(),
            partition: 3,
            first_offset: 100,
            last_offset: 120,
            count: 20,
        }],
        sealed_at: INGEST,
        outputs: 2,
        output_hash: vec![7; 32],
        state_hash: None,
    };
    let snapshot = Snapshot {
        transaction: 17,
        entries: 2,
        state_hash: vec![9; 32],
    };
    (journal, snapshot)
}

#[test]
fn golden_bytes_of_every_version() {
    let mut lines: Vec<String> = samples()
        .iter()
        .map(|event| each!(event, r => golden_line(r)))
        .collect();
    let (progress, mark, book, portfolio) = state_samples();
    let (journal, snapshot) = history_samples();
    lines.extend([
        golden_line(&journal),
        golden_line(&snapshot),
        golden_line(&progress),
        golden_line(&mark),
        golden_line(&book),
        golden_line(&portfolio),
    ]);
    let committed: Vec<&str> = GOLDEN.lines().collect();
    for line in &lines {
        assert!(committed.contains(&line.as_str()), "not golden: {line}");
    }
    assert_eq!(
        committed.len(),
        registry().all().len(),
        "one line a version"
    );
}

/// A new release goes on with what an old one left in its changelog.
#[test]
fn state_of_former_versions_is_read() {
    fn golden<T: DeserializeOwned + Record>(version: u32) -> T {
        let name = format!("{} v{version} ", T::RECORD);
        let mut lines = GOLDEN.lines();
        let hex = lines.find_map(|line| line.strip_prefix(&name)).unwrap();
        let digits: Vec<u8> = hex.bytes().collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| byte(pair).unwrap()).collect();
        codec::decode(&bytes).unwrap()
    }
    let (progress, mark, _, _) = state_samples();
    let former = StateMark {
        wide: false,
        ..mark
    };
    assert_eq!(golden::<StateMark>(1), former);
    let former = Progress {
        snapshot_at: None,
        ..progress
    };
    assert_eq!(golden::<Progress>(1), former);
}

#[test]
fn events_come_back_as_they_went() {
    for event in samples() {
        let mut bytes = Vec::new();
        event.encode(&mut bytes).unwrap();
        assert_eq!(Event::decode(event.topic(), Some(&bytes)).unwrap(), event);
    }
}

#[test]
fn state_comes_back_as_it_went() {
    fn check<T: Serialize + DeserializeOwned + Record + PartialEq + std::fmt::Debug>(value: &T) {
        let mut bytes = Vec::new();
        codec::encode(value, &mut bytes).unwrap();
        assert_eq!(&codec::decode::<T>(&bytes).unwrap(), value);
    }
    let (progress, mark, book, portfolio) = state_samples();
    let (journal, snapshot) = history_samples();
    check(&journal);
    check(&snapshot);
    check(&progress);
    check(&mark);
    check(&book);
    check(&portfolio);
}

#[test]
fn each_topic_holds_the_record_of_the_manifest() {
    for event in samples() {
        let record = each!(&event, r => record_name(r));
        assert_eq!(event.topic().spec().record, record);
    }
    assert_eq!(
        samples().len(),
        Topic::ALL.len(),
        "a sample for every topic"
    );
}

fn record_name<T: Record>(_: &T) -> &'static str {
    T::RECORD
}

#[test]
fn a_record_of_another_topic_is_refused() {
    let mut bytes = Vec::new();
    Event::Quote(quote()).encode(&mut bytes).unwrap();
    let refusal = Event::decode(Topic::BrokerFills, Some(&bytes)).unwrap_err();
    assert_eq!(refusal.reason, Reason::WrongRecord);
    let refusal = Event::decode(Topic::BrokerFills, None).unwrap_err();
    assert_eq!(refusal.reason, Reason::NoValue);
}

/// What `apache-avro` reads from our bytes.
fn oracle(bytes: &[u8]) -> Vec<(String, Value)> {
    let (schema, mut datum) = codec::unframe(bytes).unwrap();
    match apache_avro::from_avro_datum(&schema.avro, &mut datum, None).unwrap() {
        Value::Record(fields) => {
            assert!(datum.is_empty());
            fields
        }
        other => panic!("{other:?}"),
    }
}

fn unscaled(value: &Value) -> i128 {
    match value {
        Value::Decimal(d) => {
            let bytes: Vec<u8> = d.clone().try_into().unwrap();
            let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
            let mut wide = [sign; 16];
            wide[16 - bytes.len()..].copy_from_slice(&bytes);
            i128::from_be_bytes(wide)
        }
        Value::Union(_, inner) => unscaled(inner),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_oracle_reads_every_sample_and_writes_the_same_bytes() {
    for event in samples() {
        let mut bytes = Vec::new();
        event.encode(&mut bytes).unwrap();
        let (schema, _) = codec::unframe(&bytes).unwrap();
        let written =
            apache_avro::to_avro_datum(&schema.avro, Value::Record(oracle(&bytes))).unwrap();
        assert_eq!(hex(&written), hex(&bytes[5..]), "{}", schema.record);
    }
}

proptest! {
    #[test]
    fn the_oracle_agrees_on_quotes(
        symbol in "\\PC{0,12}", seq: i64, time: i64,
        bid in -999_999_999_999_999_999i64..=999_999_999_999_999_999,
        size in -999_999_999_999_999_999i64..=999_999_999_999_999_999,
    ) {
        let written = Quote {
            symbol: symbol.as_str().into(),
            seq,
            bid_price: Price::from_raw(bid).unwrap(),
            ask_size: Quantity::from_raw(size).unwrap(),
            event_time: Micros(time),
            ..quote()
        };
        let mut bytes = Vec::new();
        codec::encode(&written, &mut bytes).unwrap();
        let read = oracle(&bytes);
        let field = |name: &str| &read.iter().find(|(n, _)| n == name).unwrap().1;
        prop_assert_eq!(field("symbol"), &Value::String(symbol.clone()));
        prop_assert_eq!(field("seq"), &Value::Long(seq));
        prop_assert_eq!(unscaled(field("bid_price")), i128::from(bid));
        prop_assert_eq!(unscaled(field("ask_size")), i128::from(size));
        prop_assert_eq!(field("event_time"), &Value::TimestampMicros(time));
        prop_assert_eq!(codec::decode::<Quote>(&bytes).unwrap(), written);
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes: Vec<u8>, topic in 0..Topic::ALL.len(), id in 0u32..20) {
        let mut framed = vec![0];
        framed.extend_from_slice(&id.to_be_bytes());
        framed.extend_from_slice(&bytes);
        let _ = Event::decode(Topic::ALL[topic], Some(&framed));
        let _ = Event::decode(Topic::ALL[topic], Some(&bytes));
    }
}
