use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::money::{Price, Quantity, Rounding};

/// One price at one moment: a trade, or the middle of a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Print {
    order: PrintOrder,
    /// By this a correction or a cancel names it.
    id: Option<Box<str>>,
    price: Price,
    quantity: Quantity,
}

/// Which print comes first: by event time, then by the number its source gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct PrintOrder {
    pub time: Micros,
    pub seq: i64,
}

/// Why a print was not used. What was published so far stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrintError {
    #[error(
        "the print of {time} comes too late: bars up to {final_to} are final; \
         allow more lateness or more kept prints if that is common"
    )]
    TooLate { time: Micros, final_to: Micros },
    #[error("the print {id} of {time} came before")]
    Duplicate { id: Box<str>, time: Micros },
    #[error(
        "the print {id} is not kept, so it cannot be corrected or cancelled: \
         it never came, or its bars are final"
    )]
    NotKept { id: Box<str> },
    #[error("the quantity {quantity} of a trade is not above zero")]
    BadQuantity { quantity: Quantity },
    #[error("the bid {bid} is above the ask {ask}: there is no price between")]
    Crossed { bid: Price, ask: Price },
    #[error("the time {} lies outside 1970 to 2262; times are microseconds", time.0)]
    BadTime { time: Micros },
    #[error(
        "the print of {time} is ahead of the clock, which says {now}: \
         set the clock of whoever wrote it, or allow more lateness"
    )]
    Ahead { time: Micros, now: Micros },
}

impl Print {
    /// `seq` increases from print to print of the same time.
    pub fn trade(
        time: Micros,
        seq: i64,
        id: &str,
        price: Price,
        quantity: Quantity,
    ) -> Result<Self, PrintError> {
        if !quantity.is_positive() {
            return Err(PrintError::BadQuantity { quantity });
        }
        Self::new(time, seq, Some(id.into()), price, quantity)
    }

    /// The middle of a quote: it moves the price and trades nothing.
    pub fn mid(time: Micros, seq: i64, bid: Price, ask: Price) -> Result<Self, PrintError> {
        if bid > ask {
            return Err(PrintError::Crossed { bid, ask });
        }
        let price = Price::mid(bid, ask, Rounding::HalfEven);
        Self::new(time, seq, None, price, Quantity::ZERO)
    }

    pub fn time(&self) -> Micros {
        self.order.time
    }

    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub fn price(&self) -> Price {
        self.price
    }

    pub fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// The number its source gave it.
    pub fn seq(&self) -> i64 {
        self.order.seq
    }

    pub(super) fn order(&self) -> PrintOrder {
        self.order
    }

    fn new(
        time: Micros,
        seq: i64,
        id: Option<Box<str>>,
        price: Price,
        quantity: Quantity,
    ) -> Result<Self, PrintError> {
        if !time.is_storable() {
            return Err(PrintError::BadTime { time });
        }
        Ok(Self {
            order: PrintOrder { time, seq },
            id,
            price,
            quantity,
        })
    }
}
