//! May this order be sent?

use super::*;

/// A desk whose parts a test can change.
pub(super) struct Counter {
    pub harness: LimitsHarness,
    pub owners: BTreeMap<AccountId, PortfolioId>,
    pub open_orders: OpenOrders,
    pub prices: Prices,
    pub rates: Rates,
    pub currency: &'static str,
    pub known: bool,
    pub may_be_negative: bool,
}

fn quoted(text: &str) -> Quoted {
    Quoted {
        price: price(text),
        time: noon(),
    }
}

impl Counter {
    /// AAPL at 100, nothing held, 10,000 of equity.
    pub fn new(lines: &str) -> Self {
        let mut harness = LimitsHarness::new(lines);
        harness.evaluate();
        let growth = PortfolioId::new("growth");
        let owners = harness
            .accounts
            .keys()
            .map(|id| (id.clone(), growth.clone()));
        Self {
            owners: owners.collect(),
            harness,
            open_orders: OpenOrders::default(),
            prices: Prices {
                mark: Some(quoted("100")),
                bid: Some(quoted("99.9")),
                ask: Some(quoted("100.1")),
                last: None,
            },
            rates: Rates::into(Currency::new("USD").unwrap()),
            currency: "USD",
            known: true,
            may_be_negative: false,
        }
    }

    pub fn hold(mut self, held: &str) -> Self {
        let value = price("100").notional(quantity(held), ROUNDING).unwrap();
        self.harness
            .rows
            .push(row("a", "AAPL", held, &value.to_string()));
        self
    }

    pub fn rest(mut self, symbol: &str, buys: &str, sells: &str) -> Self {
        let resting = RestingOrders {
            buys: quantity(buys),
            sells: quantity(sells),
            unit_value: Ok(money("100")),
            sector: None,
            currency: "USD".to_owned(),
            strategy: None,
        };
        self.open_orders
            .set(&AccountId::new("a"), &Symbol::new(symbol), resting);
        self
    }

    pub fn judge(&self, request: &OrderRequest) -> Judgement {
        let held = held(&self.harness.rows);
        let snapshot = Snapshot {
            portfolio: &self.harness.portfolio,
            currency: "USD",
            whole: self.harness.whole,
            accounts: &self.harness.accounts,
            positions: &held,
        };
        let instrument = Instrument {
            currency: Currency::new(self.currency).unwrap(),
            multiplier: Positive::try_from(quantity("1")).unwrap(),
            sector: None,
            may_be_negative: self.may_be_negative,
        };
        let context = OrderContext {
            accounts: &self.owners,
            plan: &self.harness.plan,
            watch: &self.harness.watch,
            snapshot: &snapshot,
            open_orders: &self.open_orders,
            instrument: self.known.then_some(instrument),
            prices: &self.prices,
            rates: &self.rates,
            policy: Policy::default(),
            now: self.harness.now,
        };
        judge(request, &context)
    }

    #[track_caller]
    pub fn refused(&self, request: &OrderRequest, reasons: &[Reason]) -> Judgement {
        let judgement = self.judge(request);
        let found: Vec<Reason> = judgement
            .refusals
            .iter()
            .map(|refused| refused.reason)
            .collect();
        assert_eq!(found, reasons, "{:?}", judgement.refusals);
        judgement
    }

    fn guarded(mut self, kind: CommandKind) -> Self {
        let command = command(kind, &[]);
        self.harness.watch.command(&command, "v1", noon()).unwrap();
        self
    }
}

pub(super) fn order(side: Side, amount: &str) -> OrderRequest {
    OrderRequest {
        request_id: "r1".to_owned(),
        portfolio: PortfolioId::new("growth"),
        account: AccountId::new("a"),
        symbol: Symbol::new("AAPL"),
        side,
        quantity: quantity(amount),
        limit_price: None,
        reduce_only: false,
        strategy: None,
        author: "maria".to_owned(),
        reason: "test".to_owned(),
        signal_id: None,
        event_time: noon(),
        ingest_time: noon(),
        source: "test".to_owned(),
    }
}

pub(super) fn buy(amount: &str) -> OrderRequest {
    order(Side::Buy, amount)
}

pub(super) fn sell(amount: &str) -> OrderRequest {
    order(Side::Sell, amount)
}

fn at_limit(request: OrderRequest, limit: &str) -> OrderRequest {
    OrderRequest {
        limit_price: Some(price(limit)),
        ..request
    }
}

#[test]
fn an_order_within_every_limit_is_told_what_is_left() {
    let counter = Counter::new(
        r#"
        {name="dd", rule="max_drawdown", mode="trailing", basis="marked", breach="1000", action="halted"}
        {name="gross", rule="gross_exposure", breach="5000", action="alert"}
        {name="rate", rule="order_rate", window="1m", breach="3", action="alert"}
        {name="size", rule="position_size", breach="60", action="alert"}
        "#,
    )
    .hold("20")
    .rest("MSFT", "10", "0");
    let judgement = counter.judge(&buy("15"));
    assert!(judgement.is_approved());
    assert_eq!(judgement.reason(), Reason::WithinLimits);
    let left: Vec<_> = judgement
        .headroom
        .iter()
        .map(|left| {
            (
                left.limit.name.as_str(),
                left.value.to_string(),
                left.distance.to_string(),
            )
        })
        .collect();
    let expected = [
        ("rate", "1", "2"),
        // 35 AAPL and 10 MSFT at 100
        ("gross", "4500", "500"),
        ("size", "35", "25"),
        ("dd", "0", "1000"),
    ];
    let expected = expected.map(|(name, value, left)| (name, value.to_owned(), left.to_owned()));
    assert_eq!(left, expected);
}

#[test]
fn every_reason_is_given_and_not_the_first_alone() {
    let mut counter = Counter::new(
        r#"
        {name="gross", rule="gross_exposure", breach="5000", action="alert"}
        {name="hours", rule="trading_hours", calendar="XNYS"}
        {name="list", rule="restricted", symbols=["AAPL"]}
        {name="rate", rule="order_rate", window="1m", breach="1", action="alert"}
        "#,
    )
    .guarded(CommandKind::Halt);
    let request = OrderRequest {
        reduce_only: true,
        ..at_limit(buy("51"), "150")
    };
    let activity = Activity {
        account: &request.account,
        symbol: &request.symbol,
        strategy: None,
    };
    counter
        .harness
        .watch
        .order(&counter.harness.plan, &activity, noon());
    counter
        .harness
        .watch
        .session(&request.account, false, noon());
    counter
        .harness
        .watch
        .unreconciled(&request.account, None, Some(noon()));
    counter.harness.whole.equity = Err(Missing::Rate);
    // The minute is over, and so is the day.
    counter.harness.now = at("2026-01-05T21:00:00Z");
    counter.prices.bid = Some(quoted("101"));
    let judgement = counter.refused(
        &request,
        &[
            Reason::RestrictedSymbol,
            Reason::ReduceOnlyWouldIncrease,
            Reason::GuardHalted,
            Reason::SessionLost,
            Reason::Unreconciled,
            Reason::EquityMissing,
            Reason::QuotesCrossed,
            Reason::PriceStale,
            Reason::PriceOutsideCollar,
            Reason::MarketClosed,
            Reason::GrossExposureBreached,
        ],
    );
    let messages: Vec<&str> = judgement
        .refusals
        .iter()
        .map(|refused| refused.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "AAPL is on the restricted list list",
            "it is reduce-only, but buying 51 would not only reduce the 0 held; with all open orders filled it could be 0 to 51",
            "trading is halted: maria halted trading: prices were wrong",
            "account a has no session with its broker: log in again",
            "account a differs from its broker's report: compare both before trading AAPL",
            "the equity of growth is unknown: a rate into the account's currency is missing",
            "the bid 101 of AAPL is above its ask 100.1",
            "the price of AAPL is of 2026-01-05T17:00:00.000000Z, more than 60 s old",
            "the limit price 150 is more than 10 percent away from the market's 100",
            "AAPL is not traded now (hours): it opens at 2026-01-06T14:30:00.000000Z",
            "with this order and all open ones filled, growth holds 5100 USD gross, beyond its limit of 5000 USD",
        ]
    );
    let limit = judgement.refusals.last().unwrap().limit.as_ref().unwrap();
    assert_eq!(
        (limit.value, limit.level, limit.distance),
        (money("5100"), money("5000"), money("-100"))
    );
}

#[test]
fn whose_order_it_is_must_be_known() {
    let mut counter = Counter::new("");
    let of = |account: &str, portfolio: &str| OrderRequest {
        account: AccountId::new(account),
        portfolio: PortfolioId::new(portfolio),
        ..buy("1")
    };
    counter.refused(&of("a", "growth"), &[]);
    counter.refused(
        &of("z", "growth"),
        &[Reason::UnknownAccount, Reason::EquityMissing],
    );
    counter.refused(&of("a", "income"), &[Reason::WrongPortfolio]);
    counter
        .owners
        .insert(AccountId::new("a"), PortfolioId::new("income"));
    counter.refused(&of("a", "income"), &[Reason::WrongPortfolio]);
    counter
        .owners
        .insert(AccountId::new("a"), PortfolioId::new("growth"));
    counter.refused(&buy("0"), &[Reason::BadQuantity]);
    counter.refused(&sell("-5"), &[Reason::BadQuantity]);
    counter.known = false;
    counter.refused(&buy("1"), &[Reason::UnknownSymbol]);
}

#[test]
fn reducing_never_opens_enlarges_or_flips_a_position_whatever_else_is_filled() {
    let reducing = || Counter::new("").guarded(CommandKind::Reduce);
    let not = &[Reason::GuardReducing];
    let flat = reducing();
    flat.refused(&buy("1"), not);
    flat.refused(&sell("1"), not);
    let long = reducing().hold("100");
    long.refused(&sell("100"), &[]);
    long.refused(&sell("100.00000001"), not);
    long.refused(&buy("1"), not);
    // 60 are being sold already: 40 are left.
    let selling = reducing().hold("100").rest("AAPL", "0", "60");
    selling.refused(&sell("40"), &[]);
    selling.refused(&sell("41"), not);
    // Purchases that may never be filled make no room.
    let buying = reducing().hold("100").rest("AAPL", "500", "0");
    buying.refused(&sell("100"), &[]);
    buying.refused(&sell("101"), not);
    let short = reducing().hold("-100").rest("AAPL", "30", "0");
    short.refused(&buy("70"), &[]);
    short.refused(&buy("70.5"), not);
    short.refused(&sell("1"), not);
    // Reduce-only says the same without a guard.
    let only = |request: OrderRequest| OrderRequest {
        reduce_only: true,
        ..request
    };
    let long = Counter::new("").hold("100");
    long.refused(&only(sell("100")), &[]);
    long.refused(&only(sell("101")), &[Reason::ReduceOnlyWouldIncrease]);
    long.refused(&sell("101"), &[]);
}

#[test]
fn halted_lets_nothing_pass() {
    let halted = Counter::new("").hold("100").guarded(CommandKind::Halt);
    halted.refused(&sell("100"), &[Reason::GuardHalted]);
    halted.refused(&buy("1"), &[Reason::GuardHalted]);
}

#[test]
fn where_something_is_missing_only_what_reduces_may_pass() {
    let mut counter =
        Counter::new(r#"{name="gross", rule="gross_exposure", breach="50000", action="alert"}"#)
            .hold("100");
    counter.prices = Prices::default();
    counter.harness.rows[0].value = Err(Missing::Price);
    counter.refused(&sell("100"), &[]);
    counter.refused(&sell("101"), &[Reason::PriceMissing, Reason::ValueMissing]);
    let mut counter = Counter::new("").hold("100");
    counter.currency = "EUR";
    counter.refused(&sell("100"), &[]);
    counter.refused(&buy("1"), &[Reason::RateMissing]);
    let mut counter = Counter::new("").hold("100");
    counter.harness.watch = Watch::default();
    counter.refused(&sell("100"), &[]);
    counter.refused(&buy("1"), &[Reason::StateNotReady]);
    let mut counter = Counter::new("").hold("100");
    counter.harness.watch.unreconciled(
        &AccountId::new("a"),
        Some(&Symbol::new("MSFT")),
        Some(noon()),
    );
    counter.refused(&buy("1"), &[]);
    counter.harness.watch.unreconciled(
        &AccountId::new("a"),
        Some(&Symbol::new("AAPL")),
        Some(noon()),
    );
    counter.refused(&sell("1"), &[]);
    counter.refused(&buy("1"), &[Reason::Unreconciled]);
}

#[test]
fn a_limit_that_cannot_be_measured_is_against_the_order_if_it_could_stop_trading() {
    let with = |action: &str| {
        let line = r#"{name="dd", rule="max_drawdown", mode="trailing", basis="realised", breach="1000", action="ACTION"}"#;
        let mut counter = Counter::new(&line.replace("ACTION", action));
        counter.harness.whole.realised_equity = Err(Missing::Cost);
        counter.harness.evaluate();
        counter
    };
    let judgement = with("reducing").refused(&buy("1"), &[Reason::ValueMissing]);
    assert_eq!(
        judgement.refusals[0].message,
        "limit dd cannot be measured: what the position cost is unknown"
    );
    with("alert").refused(&buy("1"), &[]);
}

#[test]
fn prices_must_be_there_fresh_and_sane() {
    let mut counter = Counter::new("").hold("10");
    counter.refused(&at_limit(buy("1"), "110"), &[]);
    counter.refused(
        &at_limit(buy("1"), "110.00000001"),
        &[Reason::PriceOutsideCollar],
    );
    counter.refused(&at_limit(sell("1"), "89.9"), &[Reason::PriceOutsideCollar]);
    counter.refused(
        &at_limit(sell("1"), "-1"),
        &[Reason::PriceAbsurd, Reason::PriceOutsideCollar],
    );
    counter.harness.now = seconds_on(noon(), 60);
    counter.refused(&buy("1"), &[]);
    counter.harness.now = Micros(seconds_on(noon(), 60).0 + 1);
    counter.refused(&buy("1"), &[Reason::PriceStale]);
    counter.refused(&sell("1"), &[]);
    counter.harness.now = noon();
    counter.prices.mark = Some(quoted("-5"));
    counter.refused(&buy("1"), &[Reason::PriceAbsurd]);
    counter.may_be_negative = true;
    counter.refused(&at_limit(buy("1"), "-5.5"), &[]);
    counter.refused(&at_limit(buy("1"), "5"), &[Reason::PriceOutsideCollar]);
    // Locked is not crossed.
    counter.prices.bid = counter.prices.ask;
    counter.refused(&buy("1"), &[]);
    // Without a mark, buying looks at the ask, selling at the bid.
    counter.prices = Prices {
        ask: Some(quoted("200")),
        bid: Some(quoted("190")),
        ..Prices::default()
    };
    counter.refused(&at_limit(buy("1"), "220"), &[]);
    counter.refused(&at_limit(sell("1"), "220"), &[Reason::PriceOutsideCollar]);
}

#[test]
fn a_breach_that_was_set_aside_does_not_stop_orders() {
    let mut counter = Counter::new(
        r#"{name="dd", rule="max_drawdown", mode="static", basis="marked", breach="1000", action="halted"}"#,
    );
    counter.harness.latch("8500", 1);
    counter.refused(&buy("1"), &[Reason::GuardHalted]);
    let reset = command(CommandKind::Reset, &["v1"]);
    counter.harness.watch.command(&reset, "v2", noon()).unwrap();
    let judgement = counter.refused(&buy("1"), &[]);
    assert_eq!(
        judgement.headroom[0].distance,
        money("-500"),
        "but it is told"
    );
}

#[test]
fn the_narrowest_trading_hours_count_and_lists_add_up() {
    let mut counter = Counter::new(
        r#"
        {name="always", rule="trading_hours", calendar="24x7", symbol="BTC"}
        {name="hours", rule="trading_hours", calendar="XNYS"}
        {name="list", rule="restricted", symbols=["GME"]}
        {name="mine", rule="restricted", portfolio="growth", symbols=["AMC"]}
        "#,
    );
    let of = |symbol: &str| OrderRequest {
        symbol: Symbol::new(symbol),
        ..buy("1")
    };
    // A Sunday.
    counter.harness.now = at("2026-01-04T17:00:00Z");
    counter.refused(&of("BTC"), &[]);
    counter.refused(&of("AAPL"), &[Reason::MarketClosed]);
    counter.harness.now = noon();
    for symbol in ["GME", "AMC"] {
        counter.refused(&of(symbol), &[Reason::RestrictedSymbol]);
    }
    counter.refused(&of("AAPL"), &[]);
}

#[test]
fn orders_that_come_too_fast_are_refused() {
    let mut counter = Counter::new(
        r#"{name="rate", rule="order_rate", window="10s", account="a", breach="2", action="alert"}"#,
    );
    for _ in 0..2 {
        let request = buy("1");
        counter.refused(&request, &[]);
        let activity = Activity {
            account: &request.account,
            symbol: &request.symbol,
            strategy: None,
        };
        counter
            .harness
            .watch
            .order(&counter.harness.plan, &activity, noon());
    }
    let judgement = counter.refused(&buy("1"), &[Reason::OrderRateBreached]);
    assert_eq!(
        judgement.refusals[0].message,
        "with this order, account a of growth sent 3 orders in 10s, beyond its limit of 2"
    );
    let other = OrderRequest {
        account: AccountId::new("b"),
        ..buy("1")
    };
    counter.refused(&other, &[]);
}
