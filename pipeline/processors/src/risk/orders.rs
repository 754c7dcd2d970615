//! Orders as brokers report them: what may still be bought and sold.

use std::collections::{BTreeMap, BTreeSet};

use tapeline_model::Micros;
use tapeline_model::ids::{AccountId, OrderId, Symbol};
use tapeline_model::money::{Money, Quantity, Rounding};
use tapeline_model::records::{Order, OrderStatus, Side};

use super::holdings::Holdings;
use super::prices;
use crate::ledger::Missing;
use crate::limits::{Known, OpenOrders, RestingOrders};
use crate::store::{Names, Store};

/// Ended orders of an account that are remembered, so that a late report does not open
/// one of them again.
const ENDED: usize = 256;

pub(super) struct ReportedOrders {
    /// By account and order.
    pub store: Store<Names<2>, Order>,
    of_accounts: BTreeMap<AccountId, AccountOrders>,
}

#[derive(Default)]
struct AccountOrders {
    open: BTreeSet<OrderId>,
    ended: BTreeSet<(Micros, OrderId)>,
}

/// What a report says that was not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderNews {
    /// Somebody sent an order.
    Sent,
    Canceled,
    Other,
    /// It is older than what is known, or says it again.
    Nothing,
}

fn key(order: &Order) -> Names<2> {
    Names::new([order.account.as_str(), order.order_id.as_str()])
}

fn has_ended(order: &Order) -> bool {
    !matches!(
        order.status,
        OrderStatus::New | OrderStatus::PartiallyFilled
    )
}

impl ReportedOrders {
    pub fn new() -> Self {
        Self {
            store: Store::new("orders"),
            of_accounts: BTreeMap::new(),
        }
    }

    pub fn take(&mut self, order: &Order) -> OrderNews {
        let key = key(order);
        let known = self.store.get(&key);
        let ended = has_ended(order);
        let outdated =
            |known: &Order| has_ended(known) || (!ended && known.event_time > order.event_time);
        if known.is_some_and(outdated) {
            return OrderNews::Nothing;
        }
        let news = match (known, order.status) {
            (_, OrderStatus::Canceled) => OrderNews::Canceled,
            (None, _) => OrderNews::Sent,
            (Some(_), _) => OrderNews::Other,
        };
        self.store.put(key, order.clone());
        self.list(&order.account, &order.order_id, ended, order.event_time);
        news
    }

    /// State was restored.
    pub fn restored(&mut self) {
        self.of_accounts.clear();
        let known: Vec<_> = self.store.sorted().into_iter().map(listed).collect();
        for (account, order, ended, time) in known {
            self.list(&account, &order, ended, time);
        }
    }

    fn list(&mut self, account: &AccountId, order: &OrderId, ended: bool, time: Micros) {
        let of_account = self.of_accounts.entry(account.clone()).or_default();
        if !ended {
            of_account.open.insert(order.clone());
            return;
        }
        of_account.open.remove(order);
        of_account.ended.insert((time, order.clone()));
        if of_account.ended.len() > ENDED
            && let Some((_, oldest)) = of_account.ended.pop_first()
        {
            self.store
                .remove(Names::new([account.as_str(), oldest.as_str()]));
        }
    }

    /// What all open orders of these accounts could still do.
    pub fn open<'a>(
        &self,
        holdings: &Holdings,
        accounts: impl Iterator<Item = &'a AccountId>,
    ) -> OpenOrders {
        let mut open = OpenOrders::default();
        for account in accounts {
            let mut resting: BTreeMap<&Symbol, RestingOrders> = BTreeMap::new();
            for order in self.open_of(account) {
                let of_symbol = resting
                    .entry(&order.symbol)
                    .or_insert_with(|| nothing(holdings, account, &order.symbol));
                add(of_symbol, order);
            }
            for (symbol, resting) in resting {
                open.set(account, symbol, resting);
            }
        }
        open
    }

    fn open_of<'a>(&'a self, account: &'a AccountId) -> impl Iterator<Item = &'a Order> {
        let open = self.of_accounts.get(account).into_iter();
        let open = open.flat_map(|of_account| &of_account.open);
        open.filter_map(|id| self.store.get(&Names::new([account.as_str(), id.as_str()])))
    }
}

fn listed((_, order): (&Names<2>, &Order)) -> (AccountId, OrderId, bool, Micros) {
    let (account, id) = (order.account.clone(), order.order_id.clone());
    (account, id, has_ended(order), order.event_time)
}

fn nothing(holdings: &Holdings, account: &AccountId, symbol: &Symbol) -> RestingOrders {
    let instrument = holdings.instrument(account, symbol);
    RestingOrders {
        buys: Quantity::ZERO,
        sells: Quantity::ZERO,
        unit_value: unit_value(holdings, account, symbol),
        sector: instrument.and_then(|known| known.sector.map(str::to_owned)),
        currency: instrument
            .map_or(holdings.settings.currency, |known| known.currency)
            .to_string(),
        strategy: None,
    }
}

fn unit_value(holdings: &Holdings, account: &AccountId, symbol: &Symbol) -> Known {
    let instrument = holdings.instrument(account, symbol);
    let instrument = instrument.ok_or(Missing::Price)?;
    let prices = prices::of(holdings.marks.get(symbol));
    let price = prices.for_closing(false).ok_or(Missing::Price)?.price;
    let multiplier = instrument.multiplier.get();
    let value: Money = price.value(Quantity::ONE, multiplier, Rounding::HalfEven)?;
    holdings.rates.translate(value, instrument.currency)
}

fn add(resting: &mut RestingOrders, order: &Order) {
    let left = order.quantity.checked_sub(order.filled_quantity);
    let left = left.filter(|left| left.is_positive()).unwrap_or_default();
    let side = match order.side {
        Side::Buy => &mut resting.buys,
        Side::Sell => &mut resting.sells,
    };
    // More than a quantity can be is as much as can be: too much for every limit.
    *side = side.checked_add(left).unwrap_or(Quantity::MAX);
    if resting.strategy.is_none() {
        resting.strategy.clone_from(&order.strategy);
    }
}
