//! Fees, and what the broker changes afterwards: busts, corrections, and fees
//! that are told late.

use std::collections::VecDeque;

use tapeline_model::records::FillKind;

use crate::accounts::ACCOUNTS;
use crate::broker::order::OpenOrder;
use crate::broker::reports::{Execution, Reporter};
use crate::broker::strategy::Positions;
use crate::market::{CRASHING, Market};
use crate::outbox::Outbox;
use crate::random::Random;
use crate::steps::STEPS_PER_SECOND;

/// Only what is this recent is still amended.
const RECENT: usize = 64;
const FIRST_UNKNOWN_FEE: u64 = 4 * STEPS_PER_SECOND;
const UNKNOWN_FEE_EVERY: u64 = 60 * STEPS_PER_SECOND;
const FIRST_BUST: u64 = 8 * STEPS_PER_SECOND;
const BUST_EVERY: u64 = 25 * STEPS_PER_SECOND;
const FIRST_CORRECTION: u64 = 12 * STEPS_PER_SECOND;
const CORRECTION_EVERY: u64 = 18 * STEPS_PER_SECOND;

#[derive(Debug, Clone)]
pub(crate) struct Amendments {
    random: Random,
    recent: VecDeque<Execution>,
    next_unknown_fee: u64,
    next_bust: u64,
    next_correction: u64,
    corrections: u64,
}

impl Amendments {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed, 6),
            recent: VecDeque::with_capacity(RECENT),
            next_unknown_fee: FIRST_UNKNOWN_FEE,
            next_bust: FIRST_BUST,
            next_correction: FIRST_CORRECTION,
            corrections: 0,
        }
    }

    /// In hundredths of a cent; now and then the broker does not say yet.
    pub(crate) fn fee_of_fill(
        &mut self,
        step: u64,
        order: &OpenOrder,
        quantity: i64,
    ) -> Option<i64> {
        if step >= self.next_unknown_fee && order.instrument != CRASHING {
            self.next_unknown_fee = step + UNKNOWN_FEE_EVERY;
            return None;
        }
        let fees = &ACCOUNTS[order.account].fees;
        if order.makes && fees.making_per_share < 0 {
            return Some(fees.making_per_share * quantity);
        }
        let per_share = if order.makes {
            fees.making_per_share
        } else {
            fees.taking_per_share
        };
        Some((per_share * quantity).max(fees.minimum))
    }

    pub(crate) fn remember(&mut self, execution: Execution) {
        // The concentrated position stays as it is: the crash counts on it.
        if execution.instrument == CRASHING {
            return;
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(execution);
    }

    pub(crate) fn step(
        &mut self,
        step: u64,
        market: &Market,
        positions: &mut Positions,
        reporter: &mut Reporter,
        outbox: &mut Outbox<'_>,
    ) {
        if step >= self.next_bust
            && let Some(busted) = self.take_any()
        {
            self.next_bust = step + BUST_EVERY;
            positions.apply(&busted, -1);
            reporter.amended(FillKind::Bust, &busted, market, outbox);
        }
        if step >= self.next_correction
            && let Some(wrong) = self.take_for_correction()
        {
            self.next_correction = step + CORRECTION_EVERY;
            let right = self.correct(&wrong);
            positions.apply(&wrong, -1);
            positions.apply(&right, 1);
            reporter.amended(FillKind::Correction, &right, market, outbox);
        }
    }

    /// A fill is amended once at most. One without a fee waits for its correction.
    fn take_any(&mut self) -> Option<Execution> {
        let chosen = self.random.below(self.recent.len() as u64) as usize;
        let known = |e: &Execution| e.fee.is_some();
        let found = (chosen..self.recent.len())
            .chain(0..chosen)
            .find(|index| known(&self.recent[*index]))?;
        self.recent.remove(found)
    }

    fn take_for_correction(&mut self) -> Option<Execution> {
        match self.recent.iter().position(|e| e.fee.is_none()) {
            Some(index) => self.recent.remove(index),
            None => self.take_any(),
        }
    }

    /// What a fill without a fee lacked was the fee. Of the others the price was
    /// wrong, of every second one the quantity besides.
    fn correct(&mut self, wrong: &Execution) -> Execution {
        let mut right = wrong.clone();
        if wrong.fee.is_some() {
            self.corrections += 1;
            let cents = self.random.between(1, 4);
            let lower = self.random.one_in(2) && right.cents > cents;
            right.cents += if lower { -cents } else { cents };
            if self.corrections.is_multiple_of(2) && right.quantity > 1 {
                right.quantity -= 1;
            }
        }
        // Looked at again, it counts as taking.
        let fees = &ACCOUNTS[right.account].fees;
        right.fee = Some((fees.taking_per_share * right.quantity).max(fees.minimum));
        right
    }
}
