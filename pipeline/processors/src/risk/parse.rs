//! What brokers report, as the ledger takes it.

use std::num::NonZeroU32;

use tapeline_model::ids::Symbol;
use tapeline_model::money::{Money, Price, Quantity};
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{self, AccountEvent, AccountEventKind, AccountMatter, FillKind};

use crate::ledger::{
    Amend, Amendment, CashEvent, CashKind, Charge, Currency, Dividend, Event, Execution, Fees,
    Fill, LedgerError, Opening, Positive, Ratio, Split, Void,
};

/// What a report about an account says.
#[derive(Debug, PartialEq)]
pub(super) enum Report {
    Cash(CashEvent),
    /// Something that happened to its position in the report's symbol.
    Position(Currency, Event),
    /// What the broker believes that there is.
    Balance(Currency, Money),
    Held(Quantity),
    BuyingPower,
}

/// What messages call a fill.
pub(super) fn fill_name(fill: &records::Fill) -> String {
    format!("{} {}", fill.kind.as_str().to_lowercase(), fill.exec_id)
}

pub(super) fn event_name(event: &AccountEvent) -> String {
    format!("account event {}", event.event_id)
}

pub(super) fn fill(fill: &records::Fill) -> Result<(Currency, Event), Refusal> {
    let what = || fill_name(fill);
    let currency = currency(&fill.currency, what)?;
    let change = match fill.kind {
        FillKind::Fill => {
            let first = Fill {
                exec_id: fill.exec_id.clone(),
                order_id: fill.order_id.clone(),
                currency,
                execution: execution(fill, currency)?,
                time: fill.event_time,
            };
            return Ok((currency, Event::Fill(first)));
        }
        FillKind::Correction => Amendment::Correction(currency, execution(fill, currency)?),
        FillKind::Bust => Amendment::Bust(Void {
            quantity: match fill.voided_quantity {
                Some(quantity) => Some(positive(quantity, what)?),
                None => None,
            },
            returned: match &fill.fees {
                Some(fees) => Some(charges(fees, what)?),
                None => None,
            },
        }),
    };
    let amend = Amend {
        of: fill.ref_exec_id.as_ref().unwrap_or(&fill.exec_id).clone(),
        time: fill.event_time,
        change,
    };
    Ok((currency, Event::Amend(amend)))
}

pub(super) fn account(event: &AccountEvent) -> Result<Report, Refusal> {
    let what = || event_name(event);
    let currency = currency(&event.currency, what)?;
    let position = |report| Report::Position(currency, report);
    let id = event.event_id.clone();
    let time = event.event_time;
    let cash = |kind| {
        Report::Cash(CashEvent {
            id: id.clone(),
            kind,
            amount: event.amount,
            currency,
            time,
        })
    };
    Ok(match (event.matter, event.kind) {
        (AccountMatter::Cash, AccountEventKind::Balance) => Report::Balance(currency, event.amount),
        (AccountMatter::Cash, AccountEventKind::Deposit | AccountEventKind::Withdrawal) => {
            cash(CashKind::Transfer)
        }
        (AccountMatter::Cash, AccountEventKind::Dividend) | (AccountMatter::Interest, _) => {
            cash(CashKind::Income)
        }
        (AccountMatter::Cash, AccountEventKind::Fee) => cash(CashKind::Fee),
        (AccountMatter::Opening, _) => position(Event::Opening(Opening {
            quantity: told(event.quantity, "quantity", what)?,
            price: event.price,
            time,
        })),
        (AccountMatter::Position, _) => Report::Held(told(event.quantity, "quantity", what)?),
        (AccountMatter::Split, _) => position(Event::Split(Split {
            id,
            ratio: ratio(event)?,
            cash_in_lieu: Some(event.amount).filter(|amount| !amount.is_zero()),
            time,
        })),
        (AccountMatter::Distribution, _) => position(Event::Dividend(Dividend {
            id,
            currency,
            per_unit: told::<Price>(event.price, "price", what)?,
            time,
        })),
        (AccountMatter::BuyingPower, _) => Report::BuyingPower,
    })
}

pub(super) fn symbol(event: &AccountEvent) -> Result<Symbol, Refusal> {
    told(event.symbol.clone(), "symbol", || event_name(event))
}

/// The ledger's refusal in the words of the dead letters.
pub(super) fn refusal(what: &str, refused: &LedgerError) -> Refusal {
    let reason = match refused {
        LedgerError::WrongCurrency { .. } => Reason::WrongCurrency,
        LedgerError::Conflicting => Reason::ConflictingFill,
        LedgerError::Settled => Reason::Settled,
        LedgerError::OverVoid => Reason::OverVoid,
        LedgerError::BeforeOpening => Reason::BeforeOpening,
        LedgerError::OpeningNotFirst => Reason::OpeningNotFirst,
        LedgerError::TooOld => Reason::TooOld,
        LedgerError::TooManyHeld { .. } => Reason::TooManyHeld,
        LedgerError::TooManyCharges { .. } => Reason::TooManyCharges,
        LedgerError::TooManyCurrencies { .. } => Reason::TooManyCurrencies,
        LedgerError::Amount(_) => Reason::AmountOverflow,
    };
    Refusal::new(reason, format!("{what}: {refused}"))
}

fn execution(fill: &records::Fill, currency: Currency) -> Result<Execution, Refusal> {
    let what = || fill_name(fill);
    let fees = match (&fill.fees, fill.fee) {
        (Some(fees), _) => Fees::known(charges(fees, what)?),
        (None, Some(fee)) => Fees::known([Charge {
            amount: fee.into(),
            currency,
        }]),
        (None, None) => Fees::UNKNOWN,
    };
    Ok(Execution {
        side: fill.side,
        quantity: positive(fill.quantity, what)?,
        price: fill.price,
        fees,
    })
}

fn charges(
    fees: &[records::Charge],
    what: impl Fn() -> String + Copy,
) -> Result<Vec<Charge>, Refusal> {
    let charge = |fee: &records::Charge| {
        Ok(Charge {
            amount: fee.amount,
            currency: currency(&fee.currency, what)?,
        })
    };
    fees.iter().map(charge).collect()
}

fn currency(code: &str, what: impl Fn() -> String) -> Result<Currency, Refusal> {
    Currency::new(code).map_err(|e| Refusal::new(Reason::NotACurrency, format!("{}: {e}", what())))
}

fn positive(quantity: Quantity, what: impl Fn() -> String) -> Result<Positive, Refusal> {
    Positive::try_from(quantity).map_err(|_| {
        let message = format!("{}: quantity {quantity} is not above zero", what());
        Refusal::new(Reason::BadQuantity, message)
    })
}

fn told<T>(value: Option<T>, field: &str, what: impl Fn() -> String) -> Result<T, Refusal> {
    value.ok_or_else(|| missing(field, what))
}

fn missing(field: &str, what: impl Fn() -> String) -> Refusal {
    let message = format!("{}: its {field} is missing", what());
    Refusal::new(Reason::MissingField, message)
}

fn ratio(event: &AccountEvent) -> Result<Ratio, Refusal> {
    let what = || event_name(event);
    let part = |value: Option<i32>, field: &str| {
        let value = value.and_then(|value| u32::try_from(value).ok());
        value
            .and_then(NonZeroU32::new)
            .ok_or_else(|| missing(field, what))
    };
    Ok(Ratio {
        new: part(event.ratio_new, "ratio_new")?,
        old: part(event.ratio_old, "ratio_old")?,
    })
}
