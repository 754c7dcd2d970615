//! Every number was worked by hand; how stands above it.

mod accounts;
mod actions;
mod amendments;
mod limits;
mod properties;
mod storage;
mod trades;

use tapeline_model::Micros;
use tapeline_model::ids::{ExecId, OrderId};
use tapeline_model::money::Money;
use tapeline_model::records::Side;

use super::*;

fn currency(code: &str) -> Currency {
    Currency::new(code).unwrap()
}

fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn positive(text: &str) -> Positive {
    Positive::try_from(text.parse::<tapeline_model::money::Quantity>().unwrap()).unwrap()
}

fn shares(method: Method) -> Terms {
    Terms {
        currency: currency("USD"),
        multiplier: positive("1"),
        settlement: Settlement::InFull,
        method,
    }
}

fn charge(amount: &str, code: &str) -> Charge {
    Charge {
        amount: money(amount),
        currency: currency(code),
    }
}

/// `5 @ 10`, and ` fee 1` or ` fee ?` behind it; no fee is none.
fn execution(side: Side, text: &str) -> Execution {
    let (trade, fee) = text.split_once(" fee ").unwrap_or((text, ""));
    let (quantity, price) = trade.split_once(" @ ").unwrap();
    Execution {
        side,
        quantity: positive(quantity),
        price: price.parse().unwrap(),
        fees: match fee {
            "" => Fees::none(),
            "?" => Fees::UNKNOWN,
            fee => Fees::known([charge(fee, "USD")]),
        },
    }
}

fn fill_at(time: i64, id: &str, side: Side, text: &str) -> Event {
    Event::Fill(Fill {
        exec_id: ExecId::new(id),
        order_id: OrderId::new("O"),
        currency: currency("USD"),
        execution: execution(side, text),
        time: Micros(time),
    })
}

fn buy_at(time: i64, id: &str, text: &str) -> Event {
    fill_at(time, id, Side::Buy, text)
}

fn sell_at(time: i64, id: &str, text: &str) -> Event {
    fill_at(time, id, Side::Sell, text)
}

fn buy(id: &str, text: &str) -> Event {
    buy_at(1, id, text)
}

fn sell(id: &str, text: &str) -> Event {
    sell_at(1, id, text)
}

fn amend(of: &str, time: i64, change: Amendment) -> Event {
    Event::Amend(Amend {
        of: ExecId::new(of),
        time: Micros(time),
        change,
    })
}

fn bust(of: &str) -> Event {
    let whole = Void {
        quantity: None,
        returned: None,
    };
    amend(of, 9, Amendment::Bust(whole))
}

fn bust_part(of: &str, quantity: &str, returned: Option<&str>) -> Event {
    let part = Void {
        quantity: Some(positive(quantity)),
        returned: returned.map(|fee| vec![charge(fee, "USD")]),
    };
    amend(of, 9, Amendment::Bust(part))
}

fn correct_at(time: i64, of: &str, side: Side, text: &str) -> Event {
    let change = Amendment::Correction(currency("USD"), execution(side, text));
    amend(of, time, change)
}

fn fee_report(of: &str, time: i64, fee: &str) -> Event {
    amend(of, time, Amendment::Fees(vec![charge(fee, "USD")]))
}

fn opening(time: i64, quantity: &str, price: Option<&str>) -> Event {
    Event::Opening(Opening {
        quantity: quantity.parse().unwrap(),
        price: price.map(|price| price.parse().unwrap()),
        time: Micros(time),
    })
}

fn order(quantity: &str) -> Event {
    Event::Order(OrderSize {
        order_id: OrderId::new("O"),
        quantity: positive(quantity),
    })
}

fn split(id: &str, time: i64, new: u32, old: u32, cash: Option<&str>) -> Event {
    Event::Split(Split {
        id: id.into(),
        ratio: Ratio {
            new: new.try_into().unwrap(),
            old: old.try_into().unwrap(),
        },
        cash_in_lieu: cash.map(money),
        time: Micros(time),
    })
}

fn dividend(id: &str, time: i64, per_unit: &str) -> Event {
    Event::Dividend(Dividend {
        id: id.into(),
        currency: currency("USD"),
        per_unit: per_unit.parse().unwrap(),
        time: Micros(time),
    })
}

fn kept(terms: Terms, events: &[Event]) -> Position {
    let mut position = Position::new(terms);
    for event in events {
        position.apply(event).unwrap();
    }
    position
}

fn averaged(events: &[Event]) -> Position {
    kept(shares(Method::Average), events)
}

fn in_lots(events: &[Event]) -> Position {
    kept(shares(Method::Fifo), events)
}

fn marked(price: &str) -> Prices {
    Prices {
        mark: Some(Quoted {
            price: price.parse().unwrap(),
            time: Micros(1),
        }),
        ..Prices::default()
    }
}

fn text<T: std::fmt::Display>(value: Result<T, Missing>) -> String {
    value.map_or_else(|missing| format!("{missing:?}?"), |value| value.to_string())
}

/// Quantity, average price, realised after fees, fees.
fn shown(position: &Position) -> String {
    let valuation = position.value(&Prices::default()).valuation();
    let average = position
        .average_price()
        .map(|price| price.map_or("-".to_owned(), |price| price.to_string()));
    format!(
        "{} @ {}, realised {}, fees {}",
        position.quantity(),
        text(average),
        text(valuation.realised().value()),
        text(valuation.booked.fees.value()),
    )
}

fn lots(position: &Position) -> String {
    let lots = position.totals().lots().iter().map(|lot| {
        let cost = lot.cost.map_or("?".to_owned(), |cost| cost.to_string());
        format!("{} for {cost}", lot.quantity)
    });
    lots.collect::<Vec<_>>().join(", ")
}

fn changed() -> Applied {
    Applied::Changed(Change::default())
}
