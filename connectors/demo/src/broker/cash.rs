//! Money that moves for another reason than a trade.

use tapeline_model::Event;
use tapeline_model::records::{AccountEvent, AccountEventKind, AccountMatter};

use crate::NAME;
use crate::accounts::{ACCOUNTS, AccountIndex, OPENING_DEPOSIT_DOLLARS};
use crate::broker::reports::CURRENCY;
use crate::outbox::Outbox;
use crate::steps::STEPS_PER_SECOND;
use crate::units::{CENTS_PER_DOLLAR, money};

const EVERY_STEPS: u64 = 15 * STEPS_PER_SECOND;

/// What comes and goes in turn: account, kind, and cents as the account sees them.
const MOVES: [(AccountIndex, AccountEventKind, i64); 5] = [
    (2, AccountEventKind::Dividend, 1_875),
    (0, AccountEventKind::Fee, -150),
    (1, AccountEventKind::Withdrawal, -100_000),
    (0, AccountEventKind::Dividend, 1_240),
    (1, AccountEventKind::Deposit, 100_000),
];

#[derive(Debug, Clone, Default)]
pub(crate) struct Cash {
    events: u64,
    moves: usize,
}

impl Cash {
    pub(crate) fn open_accounts(&mut self, outbox: &mut Outbox<'_>) {
        let cents = OPENING_DEPOSIT_DOLLARS * CENTS_PER_DOLLAR;
        for account in 0..ACCOUNTS.len() {
            self.push(account, AccountEventKind::Deposit, cents, outbox);
        }
    }

    pub(crate) fn step(&mut self, step: u64, outbox: &mut Outbox<'_>) {
        if step > 0 && step.is_multiple_of(EVERY_STEPS) {
            let (account, kind, cents) = MOVES[self.moves % MOVES.len()];
            self.moves += 1;
            self.push(account, kind, cents, outbox);
        }
    }

    fn push(
        &mut self,
        account: AccountIndex,
        kind: AccountEventKind,
        cents: i64,
        outbox: &mut Outbox<'_>,
    ) {
        self.events += 1;
        let account = &ACCOUNTS[account];
        outbox.push(Event::Account(AccountEvent {
            event_id: format!("DEMO-A-{:06}", self.events),
            portfolio: account.portfolio_id(),
            account: account.account_id(),
            kind,
            amount: money(cents),
            currency: CURRENCY.to_owned(),
            matter: AccountMatter::Cash,
            symbol: None,
            quantity: None,
            price: None,
            ratio_new: None,
            ratio_old: None,
            event_time: outbox.now,
            ingest_time: outbox.now,
            source: NAME.to_owned(),
        }));
    }
}
