use tapeline_schemas::codec::{self, EncodeError};
use tapeline_schemas::topics::Topic;

use crate::reasons::{Reason, Refusal};
use crate::records::{
    AccountEvent, Alert, AuthEvent, Bar, Command, DeadLetter, Equity, Fill, Mark, Order,
    OrderRequest, Position, Quote, Signal, Trade, Verdict,
};
use crate::time::Micros;

/// Where a record was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub topic: Topic,
    pub partition: u32,
    pub offset: u64,
}

/// A record of any topic. This is the one place that says which record lives
/// in which topic and under which key.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    Quote(Quote<'a>),
    Trade(Trade<'a>),
    Bar(Bar),
    Mark(Mark<'a>),
    Signal(Signal),
    Fill(Fill),
    Order(Order),
    Account(AccountEvent),
    Auth(AuthEvent),
    Request(OrderRequest),
    Command(Command),
    Position(Position),
    Equity(Equity),
    Verdict(Verdict),
    Alert(Alert),
    DeadLetter(DeadLetter),
}

/// Does the same with the record inside, whichever it is.
macro_rules! each {
    ($event:expr, $record:ident => $then:expr) => {
        match $event {
            Event::Quote($record) => $then,
            Event::Trade($record) => $then,
            Event::Bar($record) => $then,
            Event::Mark($record) => $then,
            Event::Signal($record) => $then,
            Event::Fill($record) => $then,
            Event::Order($record) => $then,
            Event::Account($record) => $then,
            Event::Auth($record) => $then,
            Event::Request($record) => $then,
            Event::Command($record) => $then,
            Event::Position($record) => $then,
            Event::Equity($record) => $then,
            Event::Verdict($record) => $then,
            Event::Alert($record) => $then,
            Event::DeadLetter($record) => $then,
        }
    };
}

impl<'a> Event<'a> {
    pub fn topic(&self) -> Topic {
        match self {
            Self::Quote(_) => Topic::MarketQuotes,
            Self::Trade(_) => Topic::MarketTrades,
            Self::Bar(_) => Topic::MarketBars,
            Self::Mark(_) => Topic::MarketMarks,
            Self::Signal(_) => Topic::Signals,
            Self::Fill(_) => Topic::BrokerFills,
            Self::Order(_) => Topic::BrokerOrders,
            Self::Account(_) => Topic::BrokerAccounts,
            Self::Auth(_) => Topic::AuthEvents,
            Self::Request(_) => Topic::OrdersRequests,
            Self::Command(_) => Topic::ControlCommands,
            Self::Position(_) => Topic::RiskPositions,
            Self::Equity(_) => Topic::RiskEquity,
            Self::Verdict(_) => Topic::RiskVerdicts,
            Self::Alert(_) => Topic::Alerts,
            Self::DeadLetter(_) => Topic::DeadLetters,
        }
    }

    /// What must stay in order.
    pub fn key(&self) -> &str {
        match self {
            Self::Quote(r) => &r.symbol,
            Self::Trade(r) => &r.symbol,
            Self::Bar(r) => r.symbol.as_str(),
            Self::Mark(r) => &r.symbol,
            Self::Signal(r) => r.symbol.as_str(),
            Self::Fill(r) => r.portfolio.as_str(),
            Self::Order(r) => r.portfolio.as_str(),
            Self::Account(r) => r.portfolio.as_str(),
            Self::Auth(r) => r.portfolio.as_str(),
            Self::Request(r) => r.portfolio.as_str(),
            Self::Command(r) => r.portfolio.as_str(),
            Self::Position(r) => r.portfolio.as_str(),
            Self::Equity(r) => r.portfolio.as_str(),
            Self::Verdict(r) => r.portfolio.as_str(),
            Self::Alert(r) => &r.subject,
            Self::DeadLetter(r) => &r.topic,
        }
    }

    /// Someone waits for it: it does not wait for the next regular commit.
    pub fn is_urgent(&self) -> bool {
        matches!(
            self,
            Self::Alert(_) | Self::Verdict(_) | Self::Signal(_) | Self::Request(_)
        )
    }

    pub fn event_time(&self) -> Micros {
        each!(self, r => r.event_time)
    }

    /// Who wrote it.
    pub fn source(&self) -> &str {
        each!(self, r => r.source.as_ref())
    }

    pub fn ingest_time(&self) -> Micros {
        each!(self, r => r.ingest_time)
    }

    pub fn set_ingest_time(&mut self, now: Micros) {
        each!(self, r => r.ingest_time = now);
    }

    /// Replaces what is in `out` with the framed record.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        each!(self, r => codec::encode(r, out))
    }

    /// Reads what was found in `topic`.
    pub fn decode(topic: Topic, value: Option<&'a [u8]>) -> Result<Self, Refusal> {
        let Some(bytes) = value else {
            return Err(Refusal::new(
                Reason::NoValue,
                format!("a record of {topic} without a value: deletions have no meaning there"),
            ));
        };
        Ok(match topic {
            Topic::MarketQuotes => Self::Quote(codec::decode(bytes)?),
            Topic::MarketTrades => Self::Trade(codec::decode(bytes)?),
            Topic::MarketBars => Self::Bar(codec::decode(bytes)?),
            Topic::MarketMarks => Self::Mark(codec::decode(bytes)?),
            Topic::Signals => Self::Signal(codec::decode(bytes)?),
            Topic::BrokerFills => Self::Fill(codec::decode(bytes)?),
            Topic::BrokerOrders => Self::Order(codec::decode(bytes)?),
            Topic::BrokerAccounts => Self::Account(codec::decode(bytes)?),
            Topic::AuthEvents => Self::Auth(codec::decode(bytes)?),
            Topic::OrdersRequests => Self::Request(codec::decode(bytes)?),
            Topic::ControlCommands => Self::Command(codec::decode(bytes)?),
            Topic::RiskPositions => Self::Position(codec::decode(bytes)?),
            Topic::RiskEquity => Self::Equity(codec::decode(bytes)?),
            Topic::RiskVerdicts => Self::Verdict(codec::decode(bytes)?),
            Topic::Alerts => Self::Alert(codec::decode(bytes)?),
            Topic::DeadLetters => Self::DeadLetter(codec::decode(bytes)?),
        })
    }
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
