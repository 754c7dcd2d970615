//! One account's position in one symbol.

use serde::{Deserialize, Serialize, Serializer};
use tapeline_model::Micros;
use tapeline_model::money::{Money, MoneyError, Price, Quantity};
use tapeline_schemas::codec::Record;

use super::ROUNDING;
use super::amount::Missing;
use super::charges::check;
use super::entry::{Amended, Entry, FillEntry};
use super::error::LedgerError;
use super::events::{Amend, Amendment, Dividend, Event, Fill, Opening, OrderSize, Split};
use super::orders::Tally;
use super::position_totals::PositionTotals;
use super::state::{OPEN_ENTRIES, PositionState};
use super::terms::{Currency, Terms};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PositionState")]
pub struct Position {
    state: PositionState,
    /// The base and the entries added up.
    now: PositionTotals,
}

impl Record for Position {
    const RECORD: &'static str = "state_position";
}

/// Only the state is stored.
impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.state.serialize(serializer)
    }
}

impl TryFrom<PositionState> for Position {
    type Error = LedgerError;

    fn try_from(state: PositionState) -> Result<Self, LedgerError> {
        let now = state.totals_from(state.base.clone(), state.entries.iter())?;
        Ok(Self { state, now })
    }
}

/// What a report did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Changed(Change),
    /// It counts already.
    Repeated,
    /// A newer or larger amendment counts already.
    Superseded,
    /// It waits for its fill.
    Held,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    pub late: Option<Late>,
    /// How much more was filled than was ordered.
    pub overfilled: Option<Quantity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// What came after it in time was counted again behind it.
    Reordered,
    /// It is older than what is settled, and counts as if it came right after:
    /// quantity and cash are right, the cost of what was closed may differ.
    BehindSettled,
}

impl Position {
    pub fn new(terms: Terms) -> Self {
        Self {
            state: PositionState::new(terms),
            now: PositionTotals::default(),
        }
    }

    pub fn terms(&self) -> &Terms {
        &self.state.terms
    }

    /// Of the reports that count, the newest one's time.
    pub fn newest(&self) -> Option<Micros> {
        let state = &self.state;
        let entry = state.entries.back().map(Entry::time);
        let opening = state.opening.map(|opening| opening.time);
        entry.max(state.settled_until).max(opening)
    }

    pub fn totals(&self) -> &PositionTotals {
        &self.now
    }

    /// What closing brought, after fees in its own currency, as far as costs are known.
    pub fn realised(&self) -> Result<Money, MoneyError> {
        let fees = self.now.fees.get(self.state.terms.currency);
        self.now.realised.checked_sub(fees)
    }

    /// What the open quantity cost; none where that is unknown.
    pub fn cost(&self) -> Option<Money> {
        self.now.inventory.cost().ok().flatten()
    }

    pub fn quantity(&self) -> Quantity {
        self.now.quantity()
    }

    /// What one unit of the open position cost; nothing when flat.
    pub fn average_price(&self) -> Result<Option<Price>, Missing> {
        let quantity = self.now.quantity();
        if quantity.is_zero() {
            return Ok(None);
        }
        let cost = self.now.inventory.cost()?.ok_or(Missing::Cost)?;
        let multiplier = self.state.terms.multiplier.get();
        Ok(Some(cost.unit_price(quantity, multiplier, ROUNDING)?))
    }

    pub fn apply(&mut self, event: &Event) -> Result<Applied, LedgerError> {
        match event {
            Event::Opening(opening) => self.open(opening),
            Event::Order(order) => Ok(self.order(order)),
            Event::Fill(fill) => self.fill(fill),
            Event::Amend(amend) => self.amend(amend),
            Event::Split(split) => self.split(split),
            Event::Dividend(dividend) => self.dividend(dividend),
        }
    }

    /// Told again with the cost that was unknown, it replaces itself.
    fn open(&mut self, opening: &Opening) -> Result<Applied, LedgerError> {
        if let Some(known) = self.state.opening {
            if known == *opening {
                return Ok(Applied::Repeated);
            }
            let same = (known.quantity, known.time) == (opening.quantity, opening.time);
            if !same || known.price.is_some() {
                return Err(LedgerError::Conflicting);
            }
        }
        let oldest = self.state.entries.front();
        let contains_some = oldest.is_some_and(|entry| entry.time() <= opening.time);
        if contains_some || self.state.settled_until.is_some() {
            return Err(LedgerError::OpeningNotFirst);
        }
        let base = PositionTotals::opened(&self.state.terms, opening)?;
        self.now = self
            .state
            .totals_from(base.clone(), self.state.entries.iter())?;
        self.state.base = base;
        self.state.opening = Some(*opening);
        Ok(Applied::Changed(Change::default()))
    }

    fn order(&mut self, order: &OrderSize) -> Applied {
        let tally = self.state.orders.ordered(&order.order_id, order.quantity);
        if self.state.orders.holds(&tally) {
            return Applied::Repeated;
        }
        let overfilled = tally.overfilled();
        self.state.orders.put(tally);
        Applied::Changed(Change {
            late: None,
            overfilled,
        })
    }

    fn fill(&mut self, fill: &Fill) -> Result<Applied, LedgerError> {
        self.check_currency(fill.currency)?;
        check(fill.execution.fees.told().unwrap_or_default())?;
        if let Some((_, known)) = self.state.fill_at(&fill.exec_id) {
            return match told_again(known, fill)? {
                Some(amend) => self.amend(&amend),
                None => Ok(Applied::Repeated),
            };
        }
        if self.state.settled.knows(fill.exec_id.as_str()) {
            return Ok(Applied::Repeated);
        }
        if self.state.is_in_opening(fill.time) {
            return Err(LedgerError::BeforeOpening);
        }
        if self.state.settled.may_have_forgotten(fill.time) {
            return Err(LedgerError::TooOld);
        }
        let entry = FillEntry {
            exec_id: fill.exec_id.clone(),
            order_id: fill.order_id.clone(),
            reported: fill.execution.clone(),
            amendments: self
                .state
                .amendments_for(&fill.exec_id)
                .cloned()
                .map(Box::new),
            time: fill.time,
        };
        entry.check()?;
        let tally = self
            .state
            .orders
            .filled(&fill.order_id, entry.quantity()?.abs())?;
        let late = self.insert(Entry::Fill(entry))?;
        self.state.release(&fill.exec_id);
        Ok(self.counted(late, tally))
    }

    fn amend(&mut self, amend: &Amend) -> Result<Applied, LedgerError> {
        if let Amendment::Correction(currency, _) = &amend.change {
            self.check_currency(*currency)?;
        }
        let Some((at, known)) = self.state.fill_at(&amend.of) else {
            return self.hold_amendment(amend);
        };
        let amendments = match known.amended_by(amend)? {
            Amended::Anew(amendments) => amendments,
            Amended::Repeated => return Ok(Applied::Repeated),
            Amended::Superseded => return Ok(Applied::Superseded),
        };
        let amended = FillEntry {
            amendments: Some(Box::new(amendments)),
            ..known.clone()
        };
        amended.check()?;
        let more = amended
            .quantity()?
            .abs()
            .checked_sub(known.quantity()?.abs())
            .unwrap_or_default();
        let tally = self.state.orders.filled(&known.order_id, more)?;
        let amended = Entry::Fill(amended);
        self.now = self.state.totals_with(at, at + 1, &amended)?;
        self.state.entries.replace(at, amended);
        Ok(self.counted(None, tally))
    }

    fn hold_amendment(&mut self, amend: &Amend) -> Result<Applied, LedgerError> {
        if self.state.settled.knows(amend.of.as_str()) {
            return Err(LedgerError::Settled);
        }
        Ok(match self.state.hold_amendment(amend)? {
            Amended::Anew(_) => Applied::Held,
            Amended::Repeated => Applied::Repeated,
            Amended::Superseded => Applied::Superseded,
        })
    }

    fn split(&mut self, split: &Split) -> Result<Applied, LedgerError> {
        let known = self
            .state
            .entries
            .iter()
            .enumerate()
            .find_map(|(at, entry)| match entry {
                Entry::Split(known) if known.id == split.id => Some((at, known)),
                _ => None,
            });
        let Some((at, known)) = known else {
            return self.act(Entry::Split(split.clone()));
        };
        if (known.ratio, known.time) != (split.ratio, split.time) {
            return Err(LedgerError::Conflicting);
        }
        match (known.cash_in_lieu, split.cash_in_lieu) {
            (None, Some(_)) => {
                let entry = Entry::Split(split.clone());
                self.now = self.state.totals_with(at, at + 1, &entry)?;
                self.state.entries.replace(at, entry);
                Ok(Applied::Changed(Change::default()))
            }
            (Some(known), Some(told)) if known != told => Err(LedgerError::Conflicting),
            _ => Ok(Applied::Repeated),
        }
    }

    fn dividend(&mut self, dividend: &Dividend) -> Result<Applied, LedgerError> {
        self.check_currency(dividend.currency)?;
        let known = self.state.entries.iter().find_map(|entry| match entry {
            Entry::Dividend(known) if known.id == dividend.id => Some(known),
            _ => None,
        });
        match known {
            Some(known) if known == dividend => Ok(Applied::Repeated),
            Some(_) => Err(LedgerError::Conflicting),
            None => self.act(Entry::Dividend(dividend.clone())),
        }
    }

    /// A corporate action needs what was held at its time, so it must not lie
    /// behind what is settled.
    fn act(&mut self, action: Entry) -> Result<Applied, LedgerError> {
        if self.state.is_in_opening(action.time()) {
            return Err(LedgerError::BeforeOpening);
        }
        let time = Some(action.time());
        if time < self.state.settled_until || self.state.settled.may_have_forgotten(action.time()) {
            return Err(LedgerError::TooOld);
        }
        let late = self.insert(action)?;
        Ok(Applied::Changed(Change {
            late,
            overfilled: None,
        }))
    }

    fn insert(&mut self, entry: Entry) -> Result<Option<Late>, LedgerError> {
        let state = &self.state;
        let at = state.place_of(entry.time());
        let late = if state
            .settled_until
            .is_some_and(|until| entry.time() < until)
        {
            Some(Late::BehindSettled)
        } else {
            (at < state.entries.len()).then_some(Late::Reordered)
        };
        let now = if at == state.entries.len() {
            self.now.clone().after(&state.terms, &entry)?
        } else {
            state.totals_with(at, at, &entry)?
        };
        let oldest = state.entries.front().filter(|_| at > 0).unwrap_or(&entry);
        let settled = if state.entries.len() >= OPEN_ENTRIES {
            Some(state.base.clone().after(&state.terms, oldest)?)
        } else {
            None
        };
        self.now = now;
        self.state.entries.insert(at, entry);
        if let Some(base) = settled {
            self.state.settle(base);
        }
        Ok(late)
    }

    fn counted(&mut self, late: Option<Late>, tally: Tally) -> Applied {
        let overfilled = tally.overfilled();
        self.state.orders.put(tally);
        Applied::Changed(Change { late, overfilled })
    }

    fn check_currency(&self, found: Currency) -> Result<(), LedgerError> {
        let kept_in = self.state.terms.currency;
        if found == kept_in {
            Ok(())
        } else {
            Err(LedgerError::WrongCurrency { found, kept_in })
        }
    }
}

/// A known fill that is reported again: nothing new, the fees that were
/// missing, or a contradiction.
fn told_again(known: &FillEntry, fill: &Fill) -> Result<Option<Amend>, LedgerError> {
    let same_trade = |other| fill.execution.same_trade(other);
    if !same_trade(&known.reported) && !same_trade(known.execution()) {
        return Err(LedgerError::Conflicting);
    }
    let Some(told) = fill.execution.fees.told() else {
        return Ok(None);
    };
    match (known.reported.fees.told(), known.fees()) {
        (Some(reported), _) if reported == told => Ok(None),
        (_, Some(fees)) if fees == told => Ok(None),
        (_, Some(_)) => Err(LedgerError::Conflicting),
        (_, None) => Ok(Some(Amend {
            of: fill.exec_id.clone(),
            time: fill.time,
            change: Amendment::Fees(told.to_vec()),
        })),
    }
}
