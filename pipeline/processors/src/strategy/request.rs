use tapeline_model::Micros;
use tapeline_model::ids::output_id;
use tapeline_model::money::Quantity;
use tapeline_model::records::{Alert, Direction, GuardState, OrderRequest, Severity, Side};

use super::sizing::NoSize;
use super::{Instance, NAME, SignalContext, TradedAccount};

/// The rule of its alerts.
const BLOCKED: &str = "strategy_blocked";

/// What an instance wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WantedOrder {
    pub side: Side,
    pub quantity: Quantity,
    pub reduce_only: bool,
}

impl WantedOrder {
    pub fn entry(direction: Direction, quantity: Quantity) -> Self {
        Self {
            side: match direction {
                Direction::Short => Side::Sell,
                Direction::Long | Direction::Flat | Direction::Neutral => Side::Buy,
            },
            quantity,
            reduce_only: false,
        }
    }

    pub fn exit(held: Direction, quantity: Quantity) -> Self {
        Self {
            side: match held {
                Direction::Short => Side::Buy,
                Direction::Long | Direction::Flat | Direction::Neutral => Side::Sell,
            },
            quantity,
            reduce_only: true,
        }
    }
}

/// Why a signal makes no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Blocked {
    #[error("the signal of {0} is too old to enter on")]
    OldSignal(Micros),
    #[error("the portfolio is {0}, so nothing is entered")]
    Guard(GuardState),
    #[error("no price is known")]
    NoPrice,
    #[error("the newest price is of {0}, too old to enter on")]
    OldPrice(Micros),
    #[error("the equity of the account is unknown")]
    NoEquity,
    #[error("the equity of {0} rests on prices that are too old to enter on")]
    OldEquity(Micros),
    #[error(transparent)]
    Size(#[from] NoSize),
    #[error(
        "it asked for a {0} position, but the account holds none to leave: look for open orders"
    )]
    NothingHeld(Direction),
}

impl Instance {
    pub(super) fn request(
        &self,
        account: &TradedAccount,
        wanted: &WantedOrder,
        context: SignalContext<'_>,
    ) -> OrderRequest {
        let signal = context.signal;
        let name = format!("request/{}/{}", signal.signal_id, account.id);
        OrderRequest {
            request_id: output_id(context.origin.topic.name(), 0, 0, &name, 0).to_string(),
            portfolio: account.portfolio.clone(),
            account: account.id.clone(),
            symbol: signal.symbol.clone(),
            side: wanted.side,
            quantity: wanted.quantity,
            limit_price: None,
            reduce_only: wanted.reduce_only,
            strategy: Some(self.name.clone()),
            author: NAME.to_owned(),
            reason: format!(
                "{} says {} for {} at {} ({} bars)",
                signal.rule, signal.direction, signal.symbol, signal.price, signal.interval
            ),
            signal_id: Some(signal.signal_id.to_string()),
            event_time: signal.event_time,
            ingest_time: context.now,
            source: NAME.to_owned(),
        }
    }

    pub(super) fn alert(
        &self,
        account: &TradedAccount,
        blocked: &Blocked,
        context: SignalContext<'_>,
    ) -> Alert {
        let (signal, origin) = (context.signal, context.origin);
        let topic = origin.topic.name();
        let (name, symbol) = (&self.name, &signal.symbol);
        let rule = format!("alert/{BLOCKED}/{name}/{}", account.id);
        Alert {
            alert_id: output_id(topic, origin.partition, origin.offset, &rule, 0),
            key: format!("{}/{BLOCKED}/{name}/{symbol}", account.id),
            subject: account.portfolio.as_str().to_owned(),
            rule: BLOCKED.to_owned(),
            severity: Severity::Warning,
            message: format!(
                "strategy {name} does nothing in {} on {} {} of {symbol}: {blocked}",
                account.id, signal.rule, signal.direction
            ),
            value: None,
            limit: None,
            procedure: BLOCKED.replace('_', "-"),
            cause_topic: topic.to_owned(),
            cause_partition: origin.partition as i32,
            cause_offset: origin.offset as i64,
            event_time: signal.event_time,
            ingest_time: context.now,
            source: NAME.to_owned(),
        }
    }
}
