//! What the simulated topics hold: fills with repetitions, busts and garbage in
//! one partition, marks in two others.

use tapeline_model::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol};
use tapeline_model::records::{
    AccountEvent, AccountEventKind, AccountMatter, Fill, FillKind, Mark, MarkBasis, Side,
};
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;

use crate::log::Partition;

/// SplitMix64: a seed is a run.
#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

pub(crate) const ACCOUNT: &str = "a";
pub(crate) const PORTFOLIO: &str = "p";

pub(crate) fn inputs(random: &mut Random) -> Vec<Partition> {
    let fills = (0..20 + random.below(30))
        .map(|n| fill(n, random))
        .collect();
    let marks = |random: &mut Random, symbol: &'static str| -> Vec<Vec<u8>> {
        (0..15 + random.below(30))
            .map(|n| mark(symbol, n, random))
            .collect()
    };
    vec![
        Partition::new(Topic::BrokerAccounts, 0, vec![deposit()], random),
        Partition::new(Topic::BrokerFills, 0, fills, random),
        Partition::new(Topic::MarketMarks, 0, marks(random, "S"), random),
        Partition::new(Topic::MarketMarks, 1, marks(random, "T"), random),
    ]
}

fn encoded(event: &Event<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    event.encode(&mut bytes).unwrap();
    bytes
}

fn deposit() -> Vec<u8> {
    encoded(&Event::Account(AccountEvent {
        event_id: "d".into(),
        portfolio: PortfolioId::new(PORTFOLIO),
        account: AccountId::new(ACCOUNT),
        kind: AccountEventKind::Deposit,
        amount: "1000".parse().unwrap(),
        currency: "USD".into(),
        matter: AccountMatter::Cash,
        symbol: None,
        quantity: None,
        price: None,
        ratio_new: None,
        ratio_old: None,
        event_time: Micros(1),
        ingest_time: Micros(1),
        source: "simulation".into(),
    }))
}

fn fill(n: u64, random: &mut Random) -> Vec<u8> {
    if random.chance(5) {
        return b"garbage".to_vec();
    }
    // Brokers repeat themselves: the same execution comes again now and then.
    let number = if random.chance(15) { n / 2 } else { n };
    let mut own = Random::new(number);
    let bust = number > 3 && own.chance(10);
    let side = if own.chance(60) {
        Side::Buy
    } else {
        Side::Sell
    };
    encoded(&Event::Fill(Fill {
        kind: if bust { FillKind::Bust } else { FillKind::Fill },
        exec_id: ExecId::new(format!("e{number}")),
        ref_exec_id: bust.then(|| ExecId::new(format!("e{}", number - 2))),
        order_id: OrderId::new("o"),
        portfolio: PortfolioId::new(PORTFOLIO),
        account: AccountId::new(if own.chance(3) { "stranger" } else { ACCOUNT }),
        symbol: Symbol::new(if number % 2 == 0 { "S" } else { "T" }),
        side,
        price: (10 + own.below(20)).to_string().parse().unwrap(),
        quantity: (1 + own.below(9)).to_string().parse().unwrap(),
        fee: Some("0.5".parse().unwrap()),
        currency: "USD".into(),
        fees: None,
        voided_quantity: None,
        strategy: None,
        event_time: Micros(10 + number as i64),
        ingest_time: Micros(10),
        source: "simulation".into(),
    }))
}

fn mark(symbol: &'static str, n: u64, random: &mut Random) -> Vec<u8> {
    let price = (5 + random.below(30)).to_string().parse().unwrap();
    encoded(&Event::Mark(Mark {
        symbol: symbol.into(),
        price,
        bid_price: price,
        ask_price: price,
        quotes: n as i64 + 1,
        basis: MarkBasis::Mid,
        last_price: None,
        last_time: None,
        event_time: Micros(100 + n as i64),
        ingest_time: Micros(100),
        source: "simulation".into(),
    }))
}
