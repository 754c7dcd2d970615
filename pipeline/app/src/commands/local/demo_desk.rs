//! Plays the person of the demo: looks at a stopped portfolio and lets it go on, and asks
//! now and then for an order, of which some are too large.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tapeline_kafka::{KafkaSettings, Publisher};
use tapeline_model::Event;
use tapeline_model::ids::{AccountId, PortfolioId, Symbol, output_id};
use tapeline_model::money::Quantity;
use tapeline_model::records::{
    CommandKind, Equity, Grade, GuardState, OrderRequest, Side, Verdict,
};
use tapeline_schemas::topics::Topic;

use crate::commands::risk::order::{new_command, send};
use crate::commands::tail::{Begin, EventTail};
use crate::failure::Failure;
use crate::publish::{now, put};
use crate::roles::{Part, Parts, Start};

const NAME: &str = "demo-desk";
const WAIT: Duration = Duration::from_millis(200);
/// So long it takes to look.
const REVIEW_TIME: Duration = Duration::from_secs(4);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// Far beyond what the portfolio may hold of a symbol.
const TOO_MANY: Quantity = match Quantity::from_raw(1000 * 100_000_000) {
    Some(many) => many,
    None => Quantity::MAX,
};
const REMEMBERED: usize = 1000;
const REQUEST_INTERVAL: Duration = Duration::from_secs(2);

/// Portfolios that are stopped: since when, and by which verdicts.
type Stopped = BTreeMap<PortfolioId, (Instant, Vec<String>)>;

pub(crate) fn start(with: &Start<'_>) -> Result<Parts, Failure> {
    let mut parts = Parts::default();
    if !with.config.demo.enabled {
        return Ok(parts);
    }
    let kafka = with.config.kafka_settings()?;
    let topics = [Topic::RiskEquity, Topic::RiskVerdicts];
    let mut tail = EventTail::open(&kafka, &topics, Begin::Newest)?;
    parts.add(Part::spawn("demo desk", None, move |stop| {
        let mut stopped = Stopped::new();
        let mut limit_verdicts = LimitVerdicts::default();
        let mut requests = OrderRequests::new(&kafka)?;
        while !stop.load(Ordering::Relaxed) {
            tail.next(WAIT, |event| match event {
                Event::Equity(equity) => note(&mut stopped, equity),
                Event::Verdict(verdict) => limit_verdicts.note(&verdict),
                _ => {}
            })?;
            requests.send_if_due()?;
            let due = stopped.extract_if(.., |_, (since, _)| since.elapsed() > REVIEW_TIME);
            for (portfolio, (_, verdicts)) in due.collect::<Vec<_>>() {
                if limit_verdicts.has(&verdicts) {
                    reset(&kafka, &portfolio, verdicts);
                }
            }
        }
        Ok(())
    })?);
    Ok(parts)
}

/// Verdicts with which a limit stopped a portfolio. What a person stopped is left alone.
#[derive(Default)]
struct LimitVerdicts(VecDeque<String>);

impl LimitVerdicts {
    fn note(&mut self, verdict: &Verdict) {
        if verdict.grade == Grade::Breach && verdict.author.is_empty() {
            self.0.push_back(verdict.verdict_id.to_string());
            if self.0.len() > REMEMBERED {
                self.0.pop_front();
            }
        }
    }

    fn has(&self, verdicts: &[String]) -> bool {
        verdicts.iter().all(|id| self.0.contains(id))
    }
}

fn note(stopped: &mut Stopped, equity: Equity) {
    if equity.account.is_some() {
        return;
    }
    if equity.guard == GuardState::Active {
        stopped.remove(&equity.portfolio);
        return;
    }
    let known = stopped.get(&equity.portfolio);
    let since = known.map_or_else(Instant::now, |(since, _)| *since);
    stopped.insert(equity.portfolio, (since, equity.held_by));
}

fn reset(kafka: &KafkaSettings, portfolio: &PortfolioId, verdicts: Vec<String>) {
    let why = "looked at it: it is only a demo";
    let mut command = new_command(CommandKind::Reset, portfolio.as_str(), NAME, why, NAME);
    command.overrides = verdicts;
    // What was stopped again in between is looked at again.
    if let Err(failure) = send(kafka, &command, ANSWER_TIMEOUT) {
        tracing::debug!(%portfolio, %failure, "the reset did not pass");
    }
}

/// Requests for orders, which nothing sends to a broker.
struct OrderRequests {
    publisher: Publisher,
    topic: String,
    count: u64,
    last: Instant,
}

impl OrderRequests {
    fn new(kafka: &KafkaSettings) -> Result<Self, Failure> {
        Ok(Self {
            publisher: Publisher::new(kafka, NAME)?,
            topic: kafka.names().topic(Topic::OrdersRequests).to_owned(),
            count: 0,
            last: Instant::now(),
        })
    }

    fn send_if_due(&mut self) -> Result<(), Failure> {
        if self.last.elapsed() < REQUEST_INTERVAL {
            return Ok(());
        }
        self.last = Instant::now();
        self.count += 1;
        let request = Event::Request(request(self.count));
        put(&self.publisher, &self.topic, &request)
    }
}

fn request(count: u64) -> OrderRequest {
    let (side, quantity) = match count % 3 {
        0 => (Side::Buy, TOO_MANY),
        1 => (Side::Sell, Quantity::ONE),
        _ => (Side::Buy, Quantity::ONE),
    };
    let now = now();
    OrderRequest {
        request_id: output_id(NAME, std::process::id(), now.0 as u64, "request", 0).to_string(),
        portfolio: PortfolioId::new("momentum"),
        account: AccountId::new("beta-2"),
        symbol: Symbol::new("TSLA"),
        side,
        quantity,
        limit_price: None,
        reduce_only: false,
        strategy: None,
        author: NAME.to_owned(),
        reason: "to see what risk says".to_owned(),
        signal_id: None,
        event_time: now,
        ingest_time: now,
        source: NAME.to_owned(),
    }
}
