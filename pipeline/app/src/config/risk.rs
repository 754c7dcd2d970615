//! What the risk processor is told: accounts, instruments, rates and limits.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tapeline_model::ids::{AccountId, Symbol};
use tapeline_model::money::{Money, Quantity};
use tapeline_processors::Share;
use tapeline_processors::ledger::{self, Currency, Positive};
use tapeline_processors::limits::Policy;
use tapeline_processors::risk::{self, RateSource, RiskSettings};
use tapeline_schemas::checksum;

use super::limits::{self, calendars};
use super::{Config, Fault, Span};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Risk {
    /// The currency in which portfolios are judged.
    pub currency: String,
    /// Which cost leaves when a part of a position is closed: "average" or "fifo".
    pub method: Method,
    /// A price older than this is told as stale; 0 for never.
    pub stale_after: Span,
    /// A broker's report may differ for so long before that is told.
    pub reconcile_after: Span,
    /// By how much a reported balance may differ, as a decimal in quotes.
    pub balance_tolerance: String,
    /// How far the limit price of an order may be from the market, in percent.
    pub price_collar_percent: u32,
    /// A limit in short: how far a portfolio's marked equity may fall below its high, as a decimal in quotes.
    pub max_drawdown: Option<String>,
    /// The same for single portfolios.
    pub max_drawdown_of: BTreeMap<String, String>,
    /// The symbol whose price is the rate of a currency.
    pub rates: BTreeMap<String, Rate>,
}

impl Default for Risk {
    fn default() -> Self {
        let policy = Policy::default();
        Self {
            currency: "USD".to_owned(),
            method: Method::Average,
            stale_after: Span(std::time::Duration::from_secs(60)),
            reconcile_after: Span(std::time::Duration::from_secs(10)),
            balance_tolerance: "0.01".to_owned(),
            price_collar_percent: policy.collar_percent,
            max_drawdown: None,
            max_drawdown_of: BTreeMap::new(),
            rates: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Method {
    Average,
    Fifo,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rate {
    pub symbol: String,
    /// Its price is what one unit of our currency buys, as of USDJPY for dollars.
    #[serde(default)]
    pub inverse: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub id: String,
    /// Accounts of one portfolio share limits; by default one of the account's own name.
    #[serde(default)]
    pub portfolio: Option<String>,
    /// How many times its equity it may hold; by default once.
    #[serde(default)]
    pub leverage: Option<String>,
}

impl Account {
    pub fn portfolio(&self) -> &str {
        self.portfolio.as_deref().unwrap_or(&self.id)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instrument {
    pub symbol: String,
    pub currency: String,
    /// How much one unit stands for: 100 for most options.
    #[serde(default)]
    pub multiplier: Option<String>,
    /// Whether only gains and losses change hands, as with futures.
    #[serde(default)]
    pub margined: bool,
    #[serde(default)]
    pub sector: Option<String>,
    /// Whether it may trade at zero and below, as spreads and some futures do.
    #[serde(default)]
    pub negative_prices: bool,
}

impl Config {
    /// What the risk processor is told. Only for a configuration without faults.
    pub fn risk_settings(&self) -> RiskSettings {
        let risk = &self.risk;
        let micros = |span: Span| i64::try_from(span.0.as_micros()).unwrap_or(i64::MAX);
        let stale = micros(risk.stale_after);
        let accounts = self.accounts.iter();
        RiskSettings {
            share: Share::ALL,
            currency: Currency::new(&risk.currency).unwrap_or(Currency::USD),
            accounts: self.portfolios(),
            leverage: accounts
                .filter_map(|a| Some((AccountId::new(&*a.id), positive(a.leverage.as_deref()?)?)))
                .collect(),
            instruments: self.instruments.iter().filter_map(instrument).collect(),
            rates: risk.rates.iter().filter_map(rate).collect(),
            method: match risk.method {
                Method::Average => ledger::Method::Average,
                Method::Fifo => ledger::Method::Fifo,
            },
            stale_after: Some(stale).filter(|micros| *micros > 0),
            limits: self.seeded_limits(),
            calendars: calendars(),
            policy: Policy {
                collar_percent: risk.price_collar_percent,
                max_price_age_seconds: match stale / 1_000_000 {
                    0 => u32::MAX,
                    seconds => u32::try_from(seconds).unwrap_or(u32::MAX),
                },
            },
            reconcile_after: micros(risk.reconcile_after),
            balance_tolerance: risk.balance_tolerance.parse().unwrap_or_default(),
            config_hash: self.risk_hash(),
        }
    }

    /// Of everything a verdict depends on.
    fn risk_hash(&self) -> String {
        let decides = serde_json::json!({
            "risk": self.risk, "accounts": self.accounts, "instruments": self.instruments,
            "limits": self.limit_definitions(),
        });
        checksum(&decides.to_string())
    }
}

fn positive(text: &str) -> Option<Positive> {
    Positive::try_from(text.parse::<Quantity>().ok()?).ok()
}

fn instrument(instrument: &Instrument) -> Option<(Symbol, risk::InstrumentSettings)> {
    let multiplier = instrument
        .multiplier
        .as_deref()
        .map_or(Some(Positive::ONE), positive);
    let known = risk::InstrumentSettings {
        currency: Currency::new(&instrument.currency).ok()?,
        multiplier: multiplier?,
        settlement: if instrument.margined {
            ledger::Settlement::Margined
        } else {
            ledger::Settlement::InFull
        },
        sector: instrument.sector.clone(),
        may_be_negative: instrument.negative_prices,
    };
    Some((Symbol::new(&*instrument.symbol), known))
}

fn rate((currency, rate): (&String, &Rate)) -> Option<(Currency, RateSource)> {
    let source = RateSource {
        symbol: Symbol::new(&*rate.symbol),
        inverse: rate.inverse,
    };
    Some((Currency::new(currency).ok()?, source))
}

/// All that is wrong with these sections.
pub(super) fn faults(config: &Config) -> Vec<Fault> {
    let mut faults = Vec::new();
    amounts(config, &mut faults);
    limits::faults(config, &mut faults);
    rates(config, &mut faults);
    accounts(config, &mut faults);
    instruments(config, &mut faults);
    faults
}

fn amounts(config: &Config, faults: &mut Vec<Fault>) {
    let risk = &config.risk;
    currency_is_one("risk.currency", &risk.currency, faults);
    let tolerance = &risk.balance_tolerance;
    if !tolerance
        .parse::<Money>()
        .is_ok_and(|amount| !amount.is_negative())
    {
        let message = format!("`{tolerance}` must be an amount from zero on, like \"0.01\"");
        faults.push(Fault::new("risk.balance_tolerance", message));
    }
    if !(1..=1000).contains(&risk.price_collar_percent) {
        let message = format!("{} must be 1 to 1000 percent", risk.price_collar_percent);
        faults.push(Fault::new("risk.price_collar_percent", message));
    }
}

fn rates(config: &Config, faults: &mut Vec<Fault>) {
    let rates = &config.risk.rates;
    for (code, rate) in rates {
        let key = format!("risk.rates.{code}");
        currency_is_one(&key, code, faults);
        if *code == config.risk.currency {
            let message = "is the currency portfolios are judged in; it needs no rate";
            faults.push(Fault::new(&*key, message));
        }
        let others = rates.range::<String, _>(..code);
        if rate.symbol.is_empty() || others.into_iter().any(|(_, r)| r.symbol == rate.symbol) {
            let message = format!(
                "symbol `{}` must name one symbol for this currency alone",
                rate.symbol
            );
            faults.push(Fault::new(key, message));
        }
    }
}

fn accounts(config: &Config, faults: &mut Vec<Fault>) {
    for (index, account) in config.accounts.iter().enumerate() {
        let key = |field: &str| format!("accounts[{index}].{field}");
        if account.id.is_empty() || account.id.contains('\0') {
            faults.push(Fault::new(
                key("id"),
                "must be the broker's name of the account",
            ));
        }
        if account.portfolio().is_empty() {
            faults.push(Fault::new(
                key("portfolio"),
                "must be a name; leave it out for the account's own",
            ));
        }
        if account
            .leverage
            .as_deref()
            .is_some_and(|text| positive(text).is_none())
        {
            let message = "must be a number above zero in quotes, like \"2\"";
            faults.push(Fault::new(key("leverage"), message));
        }
        if config.accounts[..index]
            .iter()
            .any(|other| other.id == account.id)
        {
            let message = format!(
                "`{}` is listed twice; an account is in one portfolio",
                account.id
            );
            faults.push(Fault::new(key("id"), message));
        }
    }
}

fn instruments(config: &Config, faults: &mut Vec<Fault>) {
    for (index, instrument) in config.instruments.iter().enumerate() {
        let key = |field: &str| format!("instruments[{index}].{field}");
        let symbol = &instrument.symbol;
        let before = &config.instruments[..index];
        if symbol.is_empty() || before.iter().any(|other| other.symbol == *symbol) {
            let message = format!("`{symbol}` must be a symbol that is listed once");
            faults.push(Fault::new(key("symbol"), message));
        }
        currency_is_one(&key("currency"), &instrument.currency, faults);
        let multiplier = instrument.multiplier.as_deref();
        if multiplier.is_some_and(|text| positive(text).is_none()) {
            let message = "must be a number above zero in quotes, like \"100\"";
            faults.push(Fault::new(key("multiplier"), message));
        }
    }
}

fn currency_is_one(key: &str, code: &str, faults: &mut Vec<Fault>) {
    let fits = (3..=12).contains(&code.len());
    if !fits
        || !code
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
    {
        let message = format!("`{code}` is no currency code like `USD`");
        faults.push(Fault::new(key, message));
    }
}
