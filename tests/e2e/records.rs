//! Records that nobody can use: dead letters with their bytes, and the rest flows on.

use tapeline_model::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol};
use tapeline_model::records::{
    AccountEvent, AccountEventKind, AccountMatter, Fill, FillKind, Quote, Side,
};
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;
use tapeline_tests::Namespace;

const NOW: Micros = Micros(1_704_196_800_000_000);
const ACCOUNTS: &str = "[[accounts]]\nid = 'a1'\nportfolio = 'one'\n";

pub(crate) fn quote(symbol: &str, bid: &str, ask: &str) -> Quote<'static> {
    Quote {
        symbol: symbol.to_owned().into(),
        venue: "XNAS".into(),
        seq: 1,
        bid_price: bid.parse().unwrap(),
        ask_price: ask.parse().unwrap(),
        bid_size: "100".parse().unwrap(),
        ask_size: "100".parse().unwrap(),
        event_time: NOW,
        ingest_time: NOW,
        source: "test".into(),
    }
}

pub(crate) fn fill(account: &str, exec_id: &str, quantity: &str, price: &str) -> Event<'static> {
    Event::Fill(Fill {
        kind: FillKind::Fill,
        exec_id: ExecId::new(exec_id),
        ref_exec_id: None,
        order_id: OrderId::new("o1"),
        portfolio: PortfolioId::new("one"),
        account: AccountId::new(account),
        symbol: Symbol::new("S"),
        side: Side::Buy,
        price: price.parse().unwrap(),
        quantity: quantity.parse().unwrap(),
        fee: Some("0.5".parse().unwrap()),
        currency: "USD".into(),
        fees: None,
        voided_quantity: None,
        strategy: None,
        event_time: NOW,
        ingest_time: NOW,
        source: "test".into(),
    })
}

/// 1,000 USD into account `a1` of portfolio `one`.
pub(crate) fn deposit() -> Event<'static> {
    let time = quote("S", "1", "1").event_time;
    Event::Account(AccountEvent {
        event_id: "d1".into(),
        portfolio: PortfolioId::new("one"),
        account: AccountId::new("a1"),
        kind: AccountEventKind::Deposit,
        amount: "1000".parse().unwrap(),
        currency: "USD".into(),
        matter: AccountMatter::Cash,
        symbol: None,
        quantity: None,
        price: None,
        ratio_new: None,
        ratio_old: None,
        event_time: time,
        ingest_time: time,
        source: "test".into(),
    })
}

fn framed(event: &Event<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    event.encode(&mut bytes).unwrap();
    bytes
}

#[test]
fn bad_records_become_dead_letters_and_the_good_ones_pass() {
    let namespace = Namespace::new("records", ACCOUNTS);
    let good = Event::Quote(quote("GOOD", "10", "11"));
    let mut corrupt = framed(&good);
    corrupt.truncate(12);
    let mut unknown = framed(&good);
    unknown[1..5].copy_from_slice(&4711_u32.to_be_bytes());
    let mut negative = quote("BAD", "10", "11");
    negative.bid_size = "-5".parse().unwrap();

    let running = namespace.roles(&["processors", "sinks"]);
    namespace.publish_raw(Topic::MarketQuotes, "BAD", &corrupt);
    namespace.publish_raw(Topic::MarketQuotes, "BAD", &unknown);
    namespace.publish(&Event::Quote(negative));
    namespace.publish(&good);
    namespace.publish(&fill("stranger", "e0", "1", "10"));
    namespace.publish(&fill("a1", "e1", "2", "10"));

    // The processors refuse four, the sink the two that nobody can read.
    let refused = "SELECT reason, source, message != '' FROM deadletters ORDER BY reason, source";
    namespace.query_until(
        refused,
        "CORRUPT\tmarket\t1\nCORRUPT\tsink\t1\nNEGATIVE_SIZE\tmarket\t1\n\
         UNKNOWN_ACCOUNT\trisk\t1\nUNKNOWN_SCHEMA\tmarket\t1\nUNKNOWN_SCHEMA\tsink\t1",
    );
    let kept = "SELECT hex(value) FROM deadletters WHERE reason = 'CORRUPT' AND source = 'market'";
    assert_eq!(
        namespace.query(kept),
        hex::encode_upper(corrupt),
        "the bytes as they came"
    );

    // The rest flows on.
    namespace.query_until("SELECT symbol, price FROM marks", "GOOD\t10.5");
    namespace.query_until(
        "SELECT quantity, average_price, realised FROM positions",
        "2\t10\t-0.5",
    );

    let audit = namespace.program(["audit", "--json"]).run().ok().json();
    assert_eq!(
        (&audit["lost"], &audit["duplicated"]),
        (&0.into(), &0.into()),
        "{audit}"
    );
    running.stop().ok();
}

#[test]
fn dead_letters_are_listed_shown_and_sent_again() {
    let namespace = Namespace::new("letters", "");
    let running = namespace.roles(&["processors"]);
    namespace.publish(&fill("a1", "e1", "3", "10"));
    namespace.read_at_least(Topic::DeadLetters, 1);
    running.stop().ok();

    let listed = namespace
        .program(["deadletters", "list", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(listed[0]["reason"], "UNKNOWN_ACCOUNT");
    assert_eq!(listed[0]["topic"], "broker.fills");
    let id = listed[0]["letter_id"].as_str().unwrap();
    let shown = namespace
        .program(["deadletters", "show", id])
        .run()
        .ok()
        .stdout;
    assert!(
        shown.contains("add it under [[accounts]]") && shown.contains("bytes"),
        "{shown}"
    );
    namespace
        .program(["deadletters", "show", "no-such-id"])
        .run()
        .failed(1, &["no-such-id"]);

    // The operator adds the account, and sends the record again.
    let path = namespace.folder().join("tapeline.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\n{ACCOUNTS}")).unwrap();
    let dry = namespace
        .program(["deadletters", "replay", "--reason", "UNKNOWN_ACCOUNT"])
        .run()
        .ok();
    assert!(dry.stdout.contains("add --yes"), "{}", dry.stdout);
    namespace
        .program(["deadletters", "replay", id, "--yes"])
        .run()
        .ok();
    let running = namespace.roles(&["processors"]);
    let positions = namespace.read_at_least(Topic::RiskPositions, 1);
    let Event::Position(position) =
        Event::decode(Topic::RiskPositions, positions[0].value.as_deref()).unwrap()
    else {
        panic!("no position");
    };
    assert_eq!(position.quantity.to_string(), "3");
    running.stop().ok();
}
