mod accounts;
mod drawdown;
mod restart;

use tapeline_model::ids::{ExecId, OrderId};
use tapeline_model::money::Price;
use tapeline_model::records::{
    AccountEventKind, AccountMatter, Alert, Equity, FillKind, MarkBasis, Outcome, Position, Side,
    Verdict,
};

use super::*;

/// A risk processor with two portfolios and a limit of 100, fed record by record.
struct Desk {
    risk: Risk,
    offset: u64,
}

#[derive(Default)]
struct Said {
    positions: Vec<Position>,
    equity: Vec<Equity>,
    verdicts: Vec<Verdict>,
    alerts: Vec<Alert>,
}

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
        max_drawdown: Some("100".parse().unwrap()),
        max_drawdown_of: [(PortfolioId::new("two"), "1000000".parse().unwrap())].into(),
        config_hash: "hash".into(),
        ..RiskSettings::new(Currency::USD)
    }
}

fn currency(code: &str) -> Currency {
    Currency::new(code).unwrap()
}

impl Desk {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: RiskSettings) -> Self {
        Self {
            risk: Risk::new(settings),
            offset: 0,
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
        self.risk.process(origin, &event, Micros(77), &mut out)?;
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

    fn commit(&mut self) -> Said {
        let mut out = Out::default();
        self.risk.before_commit(Micros(88), &mut out);
        sort(&mut out)
    }

    fn equity_of(&mut self, portfolio: &str) -> Option<String> {
        let portfolio = self.risk.accounts.portfolio_named(portfolio)?;
        let equity = self.risk.equity(portfolio).ok();
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
