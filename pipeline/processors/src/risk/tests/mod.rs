mod accounts;
mod closed;
mod commands;
mod drawdown;
mod guard;
mod numbers;
mod orders;
mod reconcile;
mod restart;
mod share;

use tapeline_model::ids::{ExecId, OrderId, PortfolioId};
use tapeline_model::money::Price;
use tapeline_model::records::{
    AccountEventKind, AccountMatter, Alert, Command, CommandKind, Equity, FillKind, Grade,
    GuardState, MarkBasis, OrderStatus, Outcome, Position, Severity, Side, Verdict,
};

use super::*;
use crate::limits::tests::{calendars, limits};

/// A risk processor with two portfolios and a limit of 100, fed record by record.
struct RiskHarness {
    risk: Risk,
    offset: u64,
    now: Micros,
}

#[derive(Default)]
struct Said {
    positions: Vec<Position>,
    equity: Vec<Equity>,
    verdicts: Vec<Verdict>,
    alerts: Vec<Alert>,
}

/// Of everything 100, of `two` a million.
const LIMITS: &str = r#"
    {name="all", rule="max_drawdown", mode="trailing", basis="marked", breach="100", action="alert"}
    {name="two", rule="max_drawdown", mode="trailing", basis="marked", portfolio="two", breach="1000000", action="alert"}
"#;

fn settings() -> RiskSettings {
    let euro = RateSource {
        symbol: Symbol::new("EURUSD"),
        inverse: false,
    };
    let yen = RateSource {
        symbol: Symbol::new("USDJPY"),
        inverse: true,
    };
    let account = |a: &str, p: &str| (AccountId::new(a), PortfolioId::new(p));
    RiskSettings {
        accounts: [
            account("a1", "one"),
            account("a2", "one"),
            account("b", "two"),
        ]
        .into(),
        rates: [(currency("EUR"), euro), (currency("JPY"), yen)].into(),
        limits: limits(LIMITS),
        calendars: calendars(),
        config_hash: "hash".into(),
        ..RiskSettings::new(Currency::USD)
    }
}

fn currency(code: &str) -> Currency {
    Currency::new(code).unwrap()
}

impl RiskHarness {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: RiskSettings) -> Self {
        Self {
            risk: Risk::new(settings),
            offset: 0,
            now: Micros(77),
        }
    }

    fn take(&mut self, event: Event<'static>) -> Result<Said, Refusal> {
        let origin = Origin {
            topic: event.topic(),
            partition: 0,
            offset: self.offset,
        };
        self.offset += 1;
        let mut out = Out::default();
        self.risk.process(origin, &event, self.now, &mut out)?;
        Ok(sort(&mut out))
    }

    fn deposit(&mut self, account: &str, portfolio: &str, amount: &str) -> Said {
        let event = deposit(account, portfolio, amount, &format!("d{}", self.offset));
        self.take(Event::Account(event)).unwrap()
    }

    fn buy(
        &mut self,
        account: &str,
        portfolio: &str,
        symbol: &str,
        quantity: &str,
        price: &str,
    ) -> Said {
        let mut fill = fill(account, portfolio, symbol, quantity, price);
        fill.exec_id = ExecId::new(format!("e{}", self.offset));
        self.take(Event::Fill(fill)).unwrap()
    }

    fn mark(&mut self, symbol: &'static str, price: &str) -> Said {
        let event_time = Micros(1000 + self.offset as i64);
        self.take(mark(symbol, price, event_time)).unwrap()
    }

    /// The time comes that the processor asked for, and so many seconds more.
    fn wait(&mut self, seconds: i64) -> Said {
        self.now = self.risk.wake_at().unwrap().max(self.now);
        self.now.0 += seconds * 1_000_000;
        let mut out = Out::default();
        self.risk.tick(self.now, &mut out);
        sort(&mut out)
    }

    fn command(&mut self, command: Command) -> Result<Said, Refusal> {
        self.take(Event::Command(command))
    }

    fn commit(&mut self) -> Said {
        let mut out = Out::default();
        self.risk.before_commit(Micros(88), &mut out);
        sort(&mut out)
    }

    fn equity_of(&mut self, portfolio: &str) -> Option<String> {
        let holdings = &self.risk.holdings;
        let portfolio = holdings.accounts.portfolio_named(portfolio)?;
        let equity = holdings.sums(portfolio).equity.ok();
        equity.map(|money| money.to_string())
    }

    /// Everything a restart would find.
    fn changelog(&mut self) -> Vec<(usize, Vec<u8>, Vec<u8>)> {
        let mut log = Vec::new();
        for (n, store) in self.risk.stores().into_iter().enumerate() {
            store
                .drain_changes(&mut |k, v| log.push((n, k.to_vec(), v.unwrap().to_vec())))
                .unwrap();
        }
        log
    }

    /// A start with what another one wrote.
    fn put_back(&mut self, log: &[(usize, Vec<u8>, Vec<u8>)]) -> Result<(), StateError> {
        for (n, key, value) in log {
            self.risk.stores()[*n].restore(key, Some(value)).unwrap();
        }
        self.risk.restored()
    }
}

/// A fill, and the position it makes.
fn report(harness: &mut RiskHarness, fill: Fill) -> Position {
    harness.take(Event::Fill(fill)).unwrap().positions.remove(0)
}

fn sort(out: &mut Out) -> Said {
    let mut said = Said::default();
    for event in out.drain() {
        match event {
            Event::Position(p) => said.positions.push(p),
            Event::Equity(e) => said.equity.push(e),
            Event::Verdict(v) => said.verdicts.push(v),
            Event::Alert(a) => said.alerts.push(a),
            other => panic!("{other:?}"),
        }
    }
    said
}

fn deposit(account: &str, portfolio: &str, amount: &str, id: &str) -> AccountEvent {
    AccountEvent {
        event_id: id.into(),
        portfolio: PortfolioId::new(portfolio),
        account: AccountId::new(account),
        kind: AccountEventKind::Deposit,
        amount: amount.parse().unwrap(),
        currency: "USD".into(),
        matter: AccountMatter::Cash,
        symbol: None,
        quantity: None,
        price: None,
        ratio_new: None,
        ratio_old: None,
        event_time: Micros(5),
        ingest_time: Micros(5),
        source: "test".into(),
    }
}

/// What a broker reports of symbol `S` that is no fill.
fn about_s(matter: AccountMatter, id: &str, time: i64) -> AccountEvent {
    AccountEvent {
        kind: AccountEventKind::Balance,
        matter,
        symbol: Some(Symbol::new("S")),
        event_time: Micros(time),
        ..deposit("a1", "one", "0", id)
    }
}

fn fill(account: &str, portfolio: &str, symbol: &str, quantity: &str, price: &str) -> Fill {
    Fill {
        kind: FillKind::Fill,
        exec_id: ExecId::new("e"),
        ref_exec_id: None,
        order_id: OrderId::new("o"),
        portfolio: PortfolioId::new(portfolio),
        account: AccountId::new(account),
        symbol: Symbol::new(symbol),
        side: Side::Buy,
        price: price.parse().unwrap(),
        quantity: quantity.parse().unwrap(),
        fee: Some("0".parse().unwrap()),
        currency: "USD".into(),
        fees: None,
        voided_quantity: None,
        strategy: None,
        event_time: Micros(6),
        ingest_time: Micros(6),
        source: "test".into(),
    }
}

fn command(kind: CommandKind, portfolio: &str) -> Command {
    Command {
        command_id: "c1".into(),
        portfolio: PortfolioId::new(portfolio),
        kind,
        author: "maria".into(),
        reason: "prices were wrong".into(),
        overrides: Vec::new(),
        limit: None,
        definition: None,
        event_time: Micros(50),
        ingest_time: Micros(50),
        source: "test".into(),
    }
}

fn request(account: &str, portfolio: &str, side: Side, quantity: &str) -> OrderRequest {
    OrderRequest {
        request_id: "r1".into(),
        portfolio: PortfolioId::new(portfolio),
        account: AccountId::new(account),
        symbol: Symbol::new("S"),
        side,
        quantity: quantity.parse().unwrap(),
        limit_price: None,
        reduce_only: false,
        strategy: None,
        author: "maria".into(),
        reason: "it is cheap".into(),
        signal_id: None,
        event_time: Micros(60),
        ingest_time: Micros(60),
        source: "test".into(),
    }
}

fn order(id: &str, status: OrderStatus, quantity: &str, filled: &str, time: i64) -> Order {
    Order {
        order_id: OrderId::new(id),
        portfolio: PortfolioId::new("one"),
        account: AccountId::new("a1"),
        symbol: Symbol::new("S"),
        side: Side::Buy,
        status,
        quantity: quantity.parse().unwrap(),
        filled_quantity: filled.parse().unwrap(),
        limit_price: None,
        reason: None,
        strategy: None,
        event_time: Micros(time),
        ingest_time: Micros(time),
        source: "test".into(),
    }
}

fn auth(kind: AuthEventKind, account: &str, portfolio: &str) -> Event<'static> {
    Event::Auth(AuthEvent {
        event_id: "x".into(),
        portfolio: PortfolioId::new(portfolio),
        account: AccountId::new(account),
        venue: "v".into(),
        kind,
        method: None,
        attempt: 1,
        category: None,
        expires_at: None,
        detail: String::new(),
        login_id: None,
        latency_ms: None,
        host: None,
        stopped: None,
        event_time: Micros(70),
        ingest_time: Micros(70),
        source: "test".into(),
    })
}

fn mark(symbol: &'static str, price: &str, event_time: Micros) -> Event<'static> {
    let price: Price = price.parse().unwrap();
    Event::Mark(Mark {
        symbol: symbol.into(),
        price,
        bid_price: price,
        ask_price: price,
        quotes: 1,
        basis: MarkBasis::Mid,
        last_price: None,
        last_time: None,
        event_time,
        ingest_time: event_time,
        source: "market".into(),
    })
}
