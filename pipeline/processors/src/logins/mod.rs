//! What a person should know of logins: those that fail, are refused or stop, sessions that end
//! or are away, machines that were never seen. What a lost session means for trading is for
//! [`risk`](crate::risk) to say.
//!
//! A step of a login changes what is known of its account ([`state`]); what follows
//! from it becomes alerts ([`alerts`]), each once until it is resolved or worse.

mod alerts;
mod category;
mod settings;
mod state;

use std::collections::BTreeMap;

use tapeline_model::ids::AccountId;
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::AuthEvent;
use tapeline_model::{Event, Micros, Origin};
use tapeline_schemas::topics::Topic;

use self::alerts::{PendingAlert, alert};
use self::state::LoginState;
use crate::cause::Cause;
use crate::contract::{Input, Out, Processor, StateError, StateStore, event_time};
use crate::store::Store;
pub use settings::LoginSettings;

pub const NAME: &str = "logins";

pub struct Logins {
    settings: LoginSettings,
    states: Store<AccountId, LoginState>,
    /// When the accounts that have no session are checked again.
    wakes: BTreeMap<AccountId, Micros>,
}

impl Logins {
    pub fn new(settings: LoginSettings) -> Self {
        Self {
            settings,
            states: Store::new("logins"),
            wakes: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: &AuthEvent, cause: Cause, out: &mut Out) -> Result<(), Refusal> {
        let Some(portfolio) = self.settings.accounts.get(&step.account) else {
            return Ok(());
        };
        if *portfolio != step.portfolio {
            let message = format!(
                "account {} belongs to portfolio {portfolio}, the record says {}",
                step.account, step.portfolio
            );
            return Err(Refusal::new(Reason::WrongPortfolio, message));
        }
        if !self.settings.share.has(portfolio.as_str()) {
            let message = format!(
                "records of portfolio {portfolio} belong into another partition: its key must be \
                 the portfolio, and the partitioner murmur2"
            );
            return Err(Refusal::new(Reason::WrongPartition, message));
        }
        let before = self.states.get(&step.account);
        let mut state = before.cloned().unwrap_or_default();
        let alerts = state.apply(step, cause.now, &self.settings);
        let is_changed = before != Some(&state);
        self.emit_alerts(&step.account, alerts, cause, out);
        if is_changed {
            self.put_state(&step.account, state);
        }
        Ok(())
    }

    fn put_state(&mut self, account: &AccountId, state: LoginState) {
        match state.wakes_at(&self.settings) {
            Some(at) => self.wakes.insert(account.clone(), at),
            None => self.wakes.remove(account),
        };
        self.states.put(account.clone(), state);
    }

    fn emit_alerts(
        &self,
        account: &AccountId,
        alerts: Vec<PendingAlert>,
        cause: Cause,
        out: &mut Out,
    ) {
        let Some(portfolio) = self.settings.accounts.get(account) else {
            return;
        };
        let alerts = alerts
            .into_iter()
            .map(|pending| alert(account, portfolio, pending, cause));
        out.extend(alerts.map(Event::Alert));
    }
}

impl Processor for Logins {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inputs(&self) -> &'static [Input] {
        const INPUTS: &[Input] = &[Input::keyed(Topic::AuthEvents)];
        INPUTS
    }

    fn outputs(&self) -> &'static [Topic] {
        &[Topic::Alerts]
    }

    fn process(
        &mut self,
        origin: Origin,
        event: &Event<'_>,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let cause = Cause::record(origin, event_time(event)?, now);
        match event {
            Event::Auth(step) => self.step(step, cause, out),
            _ => Ok(()),
        }
    }

    fn wake_at(&self) -> Option<Micros> {
        self.wakes.values().min().copied()
    }

    fn tick(&mut self, now: Micros, out: &mut Out) {
        let due = self.wakes.iter().filter(|(_, at)| **at <= now);
        let accounts: Vec<AccountId> = due.map(|(account, _)| account.clone()).collect();
        for account in accounts {
            let Some(mut state) = self.states.get(&account).cloned() else {
                self.wakes.remove(&account);
                continue;
            };
            let alerts = state.check_absence(&account, now, &self.settings);
            self.emit_alerts(&account, alerts, Cause::time(now), out);
            self.put_state(&account, state);
        }
    }

    fn stores(&mut self) -> Vec<&mut dyn StateStore> {
        vec![&mut self.states]
    }

    fn restored(&mut self) -> Result<(), StateError> {
        let states = self.states.sorted().into_iter();
        let ours = states.filter(|(account, _)| self.settings.accounts.contains_key(*account));
        let wakes = ours.filter_map(|(account, state)| {
            let at = state.wakes_at(&self.settings)?;
            Some((account.clone(), at))
        });
        self.wakes = wakes.collect();
        Ok(())
    }
}

#[cfg(test)]
mod harness;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
