//! What people order: stop, reduce, reset, another limit.

use tapeline_model::ids::PortfolioId;
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{Command, CommandKind, GuardState, Severity};

use super::accounts::PortfolioIndex;
use super::verdicts::{self, Context, GUARD};
use super::{Cause, Risk};
use crate::contract::Out;
use crate::limits::LimitChange;

/// In a command: every portfolio.
const EVERYBODY: &str = "*";

impl Risk {
    pub(super) fn command(
        &mut self,
        command: &Command,
        cause: Cause,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        match command.kind {
            CommandKind::Halt | CommandKind::Reduce => self.stop(command, cause, out),
            CommandKind::Reset => self.reset(command, cause, out),
            CommandKind::SetLimit | CommandKind::RemoveLimit => self.limit(command, cause, out),
            // One of all tasks says so.
            CommandKind::Unknown if self.holdings.settings.share.has(EVERYBODY) => {
                let message = format!(
                    "command {}: this release does not know what it asks for",
                    command.command_id
                );
                Err(Refusal::new(Reason::UnknownCommand, message))
            }
            CommandKind::Unknown => Ok(()),
        }
    }

    /// Nobody who wants to stop is refused for anything but a wrong name.
    fn stop(&mut self, command: &Command, cause: Cause, out: &mut Out) -> Result<(), Refusal> {
        for portfolio in self.meant(command)? {
            self.guard(portfolio, command, cause, out)?;
        }
        Ok(())
    }

    fn reset(&mut self, command: &Command, cause: Cause, out: &mut Out) -> Result<(), Refusal> {
        if command.portfolio.as_str() == EVERYBODY {
            if !self.holdings.settings.share.has(EVERYBODY) {
                return Ok(());
            }
            let message = format!(
                "reset {}: name the portfolio; each is reset for its own reasons",
                command.command_id
            );
            return Err(Refusal::new(Reason::ResetNotNamed, message));
        }
        match self.meant(command)?.first() {
            Some(portfolio) => self.guard(*portfolio, command, cause, out),
            None => Ok(()),
        }
    }

    fn guard(
        &mut self,
        portfolio: PortfolioIndex,
        command: &Command,
        cause: Cause,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let accounts = &self.holdings.accounts;
        self.active_limits.begin(accounts, portfolio, cause.now);
        let id = accounts.portfolio_id(portfolio);
        let verdict_id = cause.id("verdict", &format!("{GUARD}/{id}"));
        let changed = self.active_limits.with(portfolio, id, |watch| {
            let changed = watch.command(command, &verdict_id.to_string(), cause.now);
            changed.map(|change| (change, watch.guard().state()))
        });
        let Some((change, guard)) = changed.transpose()? else {
            return Ok(());
        };
        let context = Context {
            portfolio: id,
            settings: &self.holdings.settings,
            cause,
            guard,
        };
        let verdict = context.guard(verdict_id, command, &change);
        let severity = match guard {
            GuardState::Active => Severity::Info,
            _ => Severity::Critical,
        };
        verdicts::emit(verdict, cause, severity, out);
        self.changed.note(portfolio, cause.event_time);
        Ok(())
    }

    /// Every task takes it in, and one of them tells. All tasks read one partition of commands
    /// in the same order, so all agree on what is in force.
    fn limit(&mut self, command: &Command, cause: Cause, out: &mut Out) -> Result<(), Refusal> {
        let tells = self.holdings.settings.share.has(EVERYBODY);
        let accepted = self.accept_limit(command);
        let change = match accepted {
            Ok(change) => change,
            Err(refusal) if tells => return Err(refusal),
            Err(_) => return Ok(()),
        };
        let name = change.name.clone();
        let was = self.active_limits.limits().get(&name).cloned();
        let accounts = &self.holdings.accounts;
        let Ok(adopted) = self.active_limits.change(change, accounts) else {
            return Ok(());
        };
        let is = self.active_limits.limits().get(&name).cloned();
        if tells {
            let limit = is.as_deref().or(was.as_deref());
            let owner = limit.and_then(|limit| limit.scope.portfolio.clone());
            let context = Context {
                portfolio: &owner.unwrap_or_else(|| PortfolioId::new(EVERYBODY)),
                settings: &self.holdings.settings,
                cause,
                guard: GuardState::Active,
            };
            let verdict = context.limit(command, was.as_deref(), is.as_deref());
            verdicts::emit(verdict, cause, Severity::Info, out);
        }
        for portfolio in adopted {
            self.changed.note(portfolio, cause.event_time);
            self.evaluate(portfolio, cause, out);
        }
        Ok(())
    }

    fn accept_limit(&self, command: &Command) -> Result<LimitChange, Refusal> {
        if command.portfolio.as_str() != EVERYBODY {
            let message = format!(
                "command {}: write `*` as the portfolio, so that all tasks read it in one order; \
                 whom the limit binds stands in its definition",
                command.command_id
            );
            return Err(Refusal::new(Reason::BadLimit, message));
        }
        LimitChange::from_command(
            command,
            self.active_limits.limits(),
            self.active_limits.calendars(),
        )
    }

    /// The portfolios of this task that a command is for.
    fn meant(&self, command: &Command) -> Result<Vec<PortfolioIndex>, Refusal> {
        let accounts = &self.holdings.accounts;
        let wanted = command.portfolio.as_str();
        if wanted == EVERYBODY {
            return Ok(accounts.portfolios().collect());
        }
        let found = accounts.portfolio_named(wanted);
        if found.is_none() && self.holdings.settings.share.has(wanted) {
            let message = format!(
                "command {}: no account belongs to portfolio {wanted}",
                command.command_id
            );
            return Err(Refusal::new(Reason::WrongPortfolio, message));
        }
        Ok(found.into_iter().collect())
    }
}
