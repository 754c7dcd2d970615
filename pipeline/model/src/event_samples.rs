//! One of each record, as the golden bytes have it.

use uuid::Uuid;

use crate::ids::{AccountId, ExecId, OrderId, PortfolioId, Symbol};
use crate::money::{Money, Price, Quantity};
use crate::records::{
    AccountEventKind, AccountMatter, AuthEventKind, BarSource, Charge, CommandKind, Direction,
    FillKind, Grade, GuardState, InputOffset, Journal, JournalStep, LedgerFill, LimitAction,
    LimitStanding, Lot, MarkBasis, MarkUsed, OrderStatus, Outcome, Progress, Severity, Side,
    Snapshot, StateBook, StateMark, StatePortfolio, StepKind, TradeKind,
};

use super::super::*;

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

pub(super) fn quote() -> Quote<'static> {
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
        fees: Some(vec![Charge {
            amount: money("-0.0021"),
            currency: "USD".into(),
        }]),
        voided_quantity: None,
        strategy: Some("trend".into()),
        event_time: EVENT,
        ingest_time: INGEST,
        source: "demo".into(),
    }
}

pub(super) fn samples() -> Vec<Event<'static>> {
    let cause = |s: &str| s.to_owned();
    vec![
        Event::Quote(quote()),
        Event::Trade(Trade {
            kind: TradeKind::Correction,
            trade_id: "T-2".into(),
            ref_trade_id: Some("T-1".into()),
            symbol: "AAPL".into(),
            venue: "XNAS".into(),
            seq: 8,
            price: price("189.13"),
            size: quantity("50"),
            event_time: EVENT,
            ingest_time: INGEST,
            source: "demo".into(),
        }),
        Event::Bar(Bar {
            symbol: Symbol::new("AAPL"),
            venue: "market".into(),
            interval: "1m".into(),
            start: EVENT,
            open: price("189"),
            high: price("190"),
            low: price("188.5"),
            close: price("189.13"),
            volume: money("1200"),
            count: 17,
            of: BarSource::Trades,
            revision: 1,
            event_time: EVENT,
            ingest_time: INGEST,
            source: "market".into(),
        }),
        Event::Mark(Mark {
            symbol: "AAPL".into(),
            price: price("189.125"),
            bid_price: price("189.12"),
            ask_price: price("189.13"),
            quotes: 12,
            basis: MarkBasis::Mid,
            last_price: Some(price("189.13")),
            last_time: Some(EVENT),
            event_time: EVENT,
            ingest_time: INGEST,
            source: "market".into(),
        }),
        Event::Signal(Signal {
            signal_id: Uuid::from_u128(4),
            symbol: Symbol::new("AAPL"),
            rule: "golden".into(),
            kind: "cross".into(),
            direction: Direction::Long,
            interval: "1m".into(),
            price: price("189.13"),
            inputs: [("ema(12)".to_owned(), 189.25)].into(),
            parameters: [("fast".to_owned(), "ema(12)".to_owned())].into(),
            config_hash: "ab12".into(),
            cause_topic: cause("market.trades"),
            cause_partition: 0,
            cause_offset: 12,
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
            strategy: None,
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
            matter: AccountMatter::Cash,
            symbol: None,
            quantity: None,
            price: None,
            ratio_new: None,
            ratio_old: None,
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
        Event::Request(OrderRequest {
            request_id: "R-1".into(),
            portfolio: portfolio(),
            account: account(),
            symbol: Symbol::new("AAPL"),
            side: Side::Buy,
            quantity: quantity("10"),
            limit_price: Some(price("189")),
            reduce_only: false,
            strategy: Some("trend".into()),
            author: "strategy".into(),
            reason: "golden went long".into(),
            signal_id: None,
            event_time: EVENT,
            ingest_time: INGEST,
            source: "strategy".into(),
        }),
        Event::Command(Command {
            command_id: "C-1".into(),
            portfolio: portfolio(),
            kind: CommandKind::Reset,
            author: "ann".into(),
            reason: "the feed was wrong".into(),
            overrides: vec!["V-1".into()],
            limit: None,
            definition: None,
            event_time: EVENT,
            ingest_time: INGEST,
            source: "cli".into(),
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
            market_value: None,
            price_kind: None,
            price_time: None,
            income: Some(money("3.25")),
            unknown_costs: 1,
            foreign_fees: vec![Charge {
                amount: money("0.5"),
                currency: "EUR".into(),
            }],
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
            account: Some(account()),
            currency: "USD".into(),
            cash: Some(money("90000")),
            gross: Some(money("9990.5")),
            net: Some(money("-9990.5")),
            leverage: Some(money("0.1")),
            buying_power_used: None,
            stale_prices: 1,
            missing_rates: 0,
            unknown_costs: 1,
            unknown_fees: 1,
            guard: GuardState::Reducing,
            limits: vec![LimitStanding {
                limit: "growth-drawdown".into(),
                rule: "max_drawdown".into(),
                group: String::new(),
                grade: Grade::Warn,
                value: Some(money("2100")),
                level: money("2500"),
                unit: "USD".into(),
            }],
            held_by: vec!["00000000-0000-0000-0000-000000000001".into()],
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
            grade: Grade::Breach,
            scope: "growth".into(),
            action: LimitAction::Reducing,
            guard: GuardState::Reducing,
            unit: "USD".into(),
            request_id: None,
            message: "growth is 2600 USD below its high".into(),
            marks: vec![MarkUsed {
                symbol: Symbol::new("AAPL"),
                price: Some(price("189.125")),
                kind: Some("MARK".into()),
                time: Some(EVENT),
            }],
            limit_version: 3,
            limit_author: "config".into(),
            limit_name: "growth-drawdown".into(),
            group: "AAPL".into(),
            author: "maria".into(),
            overrides: vec!["00000000-0000-0000-0000-000000000001".into()],
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

pub(super) fn state_samples() -> (Progress, StateMark, StateBook, StatePortfolio) {
    let progress = Progress {
        inputs: vec![InputOffset {
            topic: "market.quotes".into(),
            partition: 3,
            next_offset: 1_000_000,
        }],
        transactions: 17,
        snapshot_at: Some(INGEST),
        logic: "ab12".into(),
    };
    let mark = StateMark {
        price: price("189.125"),
        bid_price: price("189.12"),
        ask_price: price("189.13"),
        quotes: 12,
        event_time: EVENT,
        wide: true,
        basis: MarkBasis::Bid,
        last_price: Some(price("189")),
        last_time: Some(EVENT),
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

pub(super) fn history_samples() -> (Journal, Snapshot) {
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
        logic: "ab12".into(),
    };
    let snapshot = Snapshot {
        transaction: 17,
        entries: 2,
        state_hash: vec![9; 32],
    };
    (journal, snapshot)
}
