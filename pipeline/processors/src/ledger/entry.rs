//! A report as the ledger keeps it, with whatever amended it since.

use serde::{Deserialize, Serialize};
use tapeline_model::Micros;
use tapeline_model::ids::{ExecId, OrderId};
use tapeline_model::money::Quantity;
use tapeline_model::records::Side;

use super::charges::{Charge, ChargeSums, check};
use super::error::LedgerError;
use super::events::{Amend, Amendment, Dividend, Execution, Split, Void};
use super::queue::Named;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Entry {
    #[serde(rename = "tapeline.LedgerFill")]
    Fill(FillEntry),
    #[serde(rename = "tapeline.LedgerSplit")]
    Split(Split),
    #[serde(rename = "tapeline.LedgerDividend")]
    Dividend(Dividend),
}

impl Named for Entry {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Fill(fill) => Some(fill.exec_id.as_str()),
            Self::Split(_) | Self::Dividend(_) => None,
        }
    }
}

impl Entry {
    pub fn time(&self) -> Micros {
        match self {
            Self::Fill(fill) => fill.time,
            Self::Split(split) => split.time,
            Self::Dividend(dividend) => dividend.time,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FillEntry {
    pub exec_id: ExecId,
    pub order_id: OrderId,
    pub reported: Execution,
    /// Few fills have any.
    pub amendments: Option<Box<Amendments>>,
    pub time: Micros,
}

/// What a fill cost, and what busts gave back of that.
#[derive(Default)]
pub(super) struct Charged<'a> {
    pub charges: &'a [Charge],
    pub returned: &'a [Charge],
}

impl FillEntry {
    /// What was traded, after the last correction.
    pub fn execution(&self) -> &Execution {
        let amendments = self.amendments.as_deref();
        let correction = amendments.and_then(|amendments| amendments.correction.as_ref());
        correction.map_or(&self.reported, |correction| &correction.execution)
    }

    /// What is left of it after busts; negative when sold.
    pub fn quantity(&self) -> Result<Quantity, LedgerError> {
        let execution = self.execution();
        let whole = execution.quantity.get();
        let void = match self.void() {
            Some(void) => void.quantity.map_or(whole, Quantity::from),
            None => Quantity::ZERO,
        };
        let left = whole.checked_sub(void).filter(|left| !left.is_negative());
        let left = left.ok_or(LedgerError::OverVoid)?;
        Ok(match execution.side {
            Side::Buy => left,
            Side::Sell => left.negated(),
        })
    }

    /// The fees reported last, before busts.
    pub fn fees(&self) -> Option<&[Charge]> {
        let amended = self.amendments.as_deref().and_then(Amendments::fees);
        amended.or(self.reported.fees.told())
    }

    fn void(&self) -> Option<&Void> {
        self.amendments.as_deref()?.void.as_ref()
    }

    /// None when unknown.
    pub fn charged(&self) -> Result<Option<Charged<'_>>, LedgerError> {
        let returned = self.void().and_then(|void| void.returned.as_deref());
        if returned.is_none() && self.quantity()?.is_zero() {
            return Ok(Some(Charged::default()));
        }
        Ok(self.fees().map(|charges| Charged {
            charges,
            returned: returned.unwrap_or_default(),
        }))
    }

    pub fn amend(&mut self, amend: &Amend) -> Result<(), LedgerError> {
        if let Amended::Anew(amendments) = self.amended_by(amend)? {
            self.amendments = Some(Box::new(amendments));
        }
        Ok(())
    }

    pub fn amended_by(&self, amend: &Amend) -> Result<Amended, LedgerError> {
        match self.amendments.as_deref() {
            Some(amendments) => amendments.with(amend),
            None => Amendments::default().with(amend),
        }
    }

    /// Whether its amendments can be true of it.
    pub fn check(&self) -> Result<(), LedgerError> {
        self.quantity()?;
        let Some(Charged { charges, returned }) = self.charged()? else {
            return Ok(());
        };
        if ChargeSums::sum_of(charges)?.contain(&ChargeSums::sum_of(returned)?)? {
            Ok(())
        } else {
            Err(LedgerError::OverVoid)
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Amendments {
    correction: Option<Correction>,
    fees: Option<FeeReport>,
    void: Option<Void>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Correction {
    time: Micros,
    execution: Execution,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FeeReport {
    time: Micros,
    charges: Vec<Charge>,
}

/// What an amendment does to those before it.
pub(super) enum Amended {
    Anew(Amendments),
    Repeated,
    /// One that came before is newer, or undoes more.
    Superseded,
}

impl Amendments {
    /// Those of the fee report or of the correction, whichever is newer.
    fn fees(&self) -> Option<&[Charge]> {
        let correction = self.correction.as_ref();
        let corrected = correction.and_then(|c| Some((c.time, c.execution.fees.told()?)));
        let reported = self.fees.as_ref().map(|f| (f.time, f.charges.as_slice()));
        let newest = [corrected, reported].into_iter().flatten();
        newest.max_by_key(|(time, _)| *time).map(|(_, fees)| fees)
    }

    pub fn with(&self, amend: &Amend) -> Result<Amended, LedgerError> {
        let mut next = self.clone();
        let is_newer = match &amend.change {
            Amendment::Bust(void) => {
                check(void.returned.as_deref().unwrap_or_default())?;
                let known = next.void.replace(void.clone());
                known.is_none_or(|known| undoes(void) >= undoes(&known))
            }
            Amendment::Correction(_, execution) => {
                check(execution.fees.told().unwrap_or_default())?;
                let known = next.correction.replace(Correction {
                    time: amend.time,
                    execution: execution.clone(),
                });
                known.is_none_or(|known| amend.time >= known.time)
            }
            Amendment::Fees(charges) => {
                check(charges)?;
                let known = next.fees.replace(FeeReport {
                    time: amend.time,
                    charges: charges.clone(),
                });
                known.is_none_or(|known| amend.time >= known.time)
            }
        };
        Ok(if !is_newer {
            Amended::Superseded
        } else if next == *self {
            Amended::Repeated
        } else {
            Amended::Anew(next)
        })
    }
}

/// Voids in the order of how much they undo: the whole is most.
fn undoes(void: &Void) -> (bool, Quantity) {
    (
        void.quantity.is_none(),
        void.quantity.map_or(Quantity::ZERO, Quantity::from),
    )
}
