//! The broker of paper: what it fills, at which price, and what it does not.

use tapeline_backtest::paper::{Fees, Instrument, Paper, PaperSettings};
use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::money::Money;
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{AccountEventKind, Grade, Mark, MarkBasis, OrderRequest, Side};
use tapeline_model::{Event, Micros, Origin};
use tapeline_processors::{Out, Processor};

use crate::harness::{millis, verdict};

/// How many orders may wait.
const MAX_OPEN: usize = 10_000;

fn at(second: i64) -> Micros {
    millis(second * 1_000)
}

/// A broker, and what it said.
struct Desk {
    paper: Paper,
    said: Vec<String>,
}

impl Desk {
    fn new(fees: Fees) -> Self {
        let settings = PaperSettings {
            accounts: [(AccountId::new("a1"), PortfolioId::new("one"))].into(),
            deposit: "1000".parse().unwrap(),
            currency: "USD".to_owned(),
            fees,
            instruments: [(
                Symbol::new("ES"),
                Instrument {
                    currency: "EUR".to_owned(),
                    multiplier: "50".parse().unwrap(),
                },
            )]
            .into(),
        };
        Self {
            paper: Paper::new(settings),
            said: Vec::new(),
        }
    }

    fn give(&mut self, event: &Event<'static>, second: i64) -> Result<(), Refusal> {
        let origin = Origin {
            topic: event.topic(),
            partition: 0,
            offset: 0,
        };
        let mut out = Out::default();
        let result = self.paper.process(origin, event, at(second), &mut out);
        self.said.extend(out.drain().map(|event| shown(&event)));
        result
    }

    /// `B 10 A`, `S 10 A at 5`, `S 10 A reduce`
    fn ask(&mut self, id: &str, wanted: &str, second: i64) {
        let request = Event::Request(request(id, wanted));
        self.give(&request, second).unwrap();
    }

    fn judge(&mut self, id: &str, grade: Grade, second: i64) {
        let verdict = Event::Verdict(verdict(id, grade, at(second)));
        self.give(&verdict, second).unwrap();
    }

    fn mark(&mut self, symbol: &'static str, bid: &str, ask: &str, second: i64) {
        self.mark_of(symbol, (bid, ask), MarkBasis::Mid, second);
    }

    fn mark_of(
        &mut self,
        symbol: &'static str,
        (bid, ask): (&str, &str),
        basis: MarkBasis,
        second: i64,
    ) {
        let mark = Mark {
            symbol: symbol.into(),
            price: bid.parse().unwrap(),
            bid_price: bid.parse().unwrap(),
            ask_price: ask.parse().unwrap(),
            quotes: 1,
            basis,
            last_price: None,
            last_time: None,
            event_time: at(second),
            ingest_time: at(second),
            source: "market".into(),
        };
        self.give(&Event::Mark(mark), second).unwrap();
    }

    fn said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }
}

fn request(id: &str, wanted: &str) -> OrderRequest {
    let words: Vec<&str> = wanted.split(' ').collect();
    OrderRequest {
        request_id: id.to_owned(),
        portfolio: PortfolioId::new("one"),
        account: AccountId::new("a1"),
        symbol: Symbol::new(words[2]),
        side: if words[0] == "B" {
            Side::Buy
        } else {
            Side::Sell
        },
        quantity: words[1].parse().unwrap(),
        limit_price: words.get(4).map(|limit| limit.parse().unwrap()),
        reduce_only: words.get(3) == Some(&"reduce"),
        strategy: Some("s".to_owned()),
        author: "test".to_owned(),
        reason: String::new(),
        signal_id: None,
        event_time: at(0),
        ingest_time: at(0),
        source: "test".to_owned(),
    }
}

fn shown(event: &Event<'_>) -> String {
    match event {
        Event::Order(o) => {
            let reason = o.reason.as_deref().map(|r| format!(": {r}"));
            format!("{} {}{}", o.order_id, o.status, reason.unwrap_or_default())
        }
        Event::Fill(f) => format!(
            "{} {} {} at {} for {} {}",
            f.side,
            f.quantity,
            f.symbol,
            f.price,
            f.fee.unwrap(),
            f.currency
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_approved_is_filled_at_the_next_mark_and_not_at_the_one_it_was_decided_on() {
    let mut desk = Desk::new(Fees::default());
    desk.mark("A", "9", "10", 1);
    desk.ask("r", "B 10 A", 1);
    desk.mark("A", "9", "10", 2);
    assert!(desk.said().is_empty(), "nobody approved it");
    desk.judge("r", Grade::Approve, 2);
    assert_eq!(desk.said(), ["paper-1 NEW"]);
    desk.mark("A", "9", "10", 2);
    desk.mark("B", "9", "10", 3);
    assert!(desk.said().is_empty(), "no later mark of A came");
    desk.mark("A", "10", "11", 3);
    assert_eq!(desk.said(), ["paper-1 FILLED", "BUY 10 A at 11 for 0 USD"]);
    desk.mark("A", "10", "11", 4);
    assert!(desk.said().is_empty(), "it is filled once");
}

#[test]
fn what_is_not_approved_is_never_filled() {
    let mut desk = Desk::new(Fees::default());
    desk.ask("r", "B 10 A", 1);
    desk.judge("other", Grade::Approve, 1);
    desk.judge("r", Grade::Breach, 1);
    desk.judge("r", Grade::Refuse, 1);
    desk.judge("r", Grade::Approve, 1);
    desk.mark("A", "9", "10", 2);
    assert!(desk.said().is_empty());

    desk.ask("s", "B 10 A", 3);
    desk.judge("s", Grade::Approve, 3);
    desk.judge("s", Grade::Refuse, 3);
    desk.mark("A", "9", "10", 4);
    assert_eq!(
        desk.said(),
        [
            "paper-1 NEW",
            "paper-1 CANCELED: refused after it was approved"
        ]
    );
}

#[test]
fn a_repeated_request_is_one_order() {
    let mut desk = Desk::new(Fees::default());
    for second in [1, 2, 3] {
        desk.ask("r", "S 10 A", 1);
        desk.judge("r", Grade::Approve, 1);
        desk.mark("A", "9", "10", second);
    }
    assert_eq!(
        desk.said(),
        ["paper-1 NEW", "paper-1 FILLED", "SELL 10 A at 9 for 0 USD"]
    );
    let none = Event::Request(request("z", "B 0 A"));
    assert_eq!(desk.give(&none, 4).unwrap_err().reason, Reason::BadQuantity);
}

#[test]
fn a_limit_waits_for_the_market_and_then_gets_its_price() {
    let mut desk = Desk::new(Fees::default());
    desk.ask("b", "B 1 A at 10", 0);
    desk.ask("s", "S 1 A at 12", 0);
    // Better than its limit at once: it gets what the market offers.
    desk.ask("m", "B 1 A at 20", 0);
    for id in ["b", "s", "m"] {
        desk.judge(id, Grade::Approve, 0);
    }
    desk.said();
    desk.mark("A", "10.5", "11", 1);
    assert_eq!(desk.said(), ["paper-3 FILLED", "BUY 1 A at 11 for 0 USD"]);
    desk.mark("A", "13", "14", 2);
    assert_eq!(desk.said(), ["paper-2 FILLED", "SELL 1 A at 12 for 0 USD"]);
    desk.mark("A", "8", "9", 3);
    assert_eq!(desk.said(), ["paper-1 FILLED", "BUY 1 A at 10 for 0 USD"]);
}

#[test]
fn a_side_that_is_missing_fills_nothing() {
    let mut desk = Desk::new(Fees::default());
    desk.ask("b", "B 1 A", 0);
    desk.judge("b", Grade::Approve, 0);
    desk.said();
    desk.mark_of("A", ("9", "9"), MarkBasis::Bid, 1);
    assert!(desk.said().is_empty());
    desk.mark_of("A", ("9", "9"), MarkBasis::Last, 2);
    assert_eq!(desk.said(), ["paper-1 FILLED", "BUY 1 A at 9 for 0 USD"]);
}

#[test]
fn what_only_reduces_never_turns_a_position_round() {
    let mut desk = Desk::new(Fees::default());
    for (second, (id, wanted)) in [
        ("a", "S 5 A reduce"),
        ("b", "B 3 A"),
        ("c", "S 5 A reduce"),
        ("d", "S 5 A reduce"),
    ]
    .into_iter()
    .enumerate()
    {
        desk.ask(id, wanted, second as i64);
        desk.judge(id, Grade::Approve, second as i64);
        desk.mark("A", "9", "10", second as i64 + 1);
    }
    let none = "CANCELED: there is no position to reduce";
    assert_eq!(
        desk.said(),
        [
            "paper-1 NEW".to_owned(),
            format!("paper-1 {none}"),
            "paper-2 NEW".to_owned(),
            "paper-2 FILLED".to_owned(),
            "BUY 3 A at 10 for 0 USD".to_owned(),
            "paper-3 NEW".to_owned(),
            "paper-3 FILLED".to_owned(),
            "SELL 3 A at 9 for 0 USD".to_owned(),
            "paper-4 NEW".to_owned(),
            format!("paper-4 {none}"),
        ]
    );
}

/// 2 contracts of 50 units at 100 are worth 10,000: 1 bp is 1, and 2 × 0.25 for them.
#[test]
fn fees_count_what_a_contract_stands_for() {
    let mut desk = Desk::new(Fees {
        per_unit: "0.25".parse().unwrap(),
        bps: "1".parse().unwrap(),
        minimum: Money::ZERO,
    });
    desk.ask("r", "B 2 ES", 0);
    desk.judge("r", Grade::Approve, 0);
    desk.mark("ES", "99", "100", 1);
    assert_eq!(desk.said()[2], "BUY 2 ES at 100 for 1.5 EUR");
}

#[test]
fn each_account_begins_with_a_deposit() {
    let desk = Desk::new(Fees::default());
    let [Event::Account(deposit)] = &desk.paper.deposits(at(7))[..] else {
        panic!("one account, one deposit")
    };
    assert_eq!(deposit.kind, AccountEventKind::Deposit);
    assert_eq!(
        (deposit.amount.to_string(), deposit.event_time),
        ("1000".to_owned(), at(7))
    );
}

#[test]
fn orders_that_wait_have_a_bound() {
    let mut desk = Desk::new(Fees::default());
    for n in 0..=MAX_OPEN {
        let id = n.to_string();
        desk.ask(&id, "B 1 A at 1", 0);
        desk.judge(&id, Grade::Approve, 0);
    }
    let last = desk.said().pop().unwrap();
    assert_eq!(last, "paper-10001 REJECTED: 10000 orders wait already");
}
