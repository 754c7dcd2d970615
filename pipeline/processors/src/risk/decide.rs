//! Looks at the limits of a portfolio, and at orders that somebody wants.

use tapeline_model::ids::Symbol;
use tapeline_model::reasons::Refusal;
use tapeline_model::records::{GuardState, MarkUsed, OrderRequest};
use tapeline_model::{Event, Micros};

use super::accounts::PortfolioIndex;
use super::holdings::Holdings;
use super::snapshot::SnapshotParts;
use super::verdicts::{self, Context, MARKS};
use super::{Cause, Risk, position, prices};
use crate::contract::Out;
use crate::ledger::Valued;
use crate::limits::{Decision, Judgement, OrderContext, OrderRefusal, judge};

impl Risk {
    /// Days and windows that ended: what is lost from now on counts from what there is now.
    pub(super) fn roll(&mut self, now: Micros, out: &mut Out) {
        for portfolio in self.active_limits.rolled(&self.holdings.accounts, now) {
            self.evaluate(portfolio, Cause::time(now), out);
        }
    }

    /// Where the limits of a portfolio stand, and what follows from it.
    pub(super) fn evaluate(&mut self, portfolio: PortfolioIndex, cause: Cause, out: &mut Out) {
        let Self {
            holdings,
            trades,
            active_limits,
            ..
        } = self;
        let plan = active_limits.plan(portfolio);
        let parts = SnapshotParts::for_limits(holdings, trades, portfolio, &plan);
        let id = holdings.accounts.portfolio_id(portfolio);
        let decided = active_limits.with(portfolio, id, |watch| {
            let decisions = watch.evaluate(&plan, &parts.snapshot(), cause.now);
            let latch = |decision| {
                let Decision { limit, group, .. } = &decision;
                let matter = format!("{}/{group}/{id}", limit.name);
                let verdict_id = cause.id("verdict", &matter);
                let named = verdict_id.to_string();
                let raised = watch.latch(&decision, &named, cause.now);
                let note = watch.guard().merged_note(&named);
                (decision, verdict_id, raised, watch.guard().state(), note)
            };
            decisions.into_iter().map(latch).collect::<Vec<_>>()
        });
        for (decision, verdict_id, raised, guard, note) in decided.unwrap_or_default() {
            let context = Context {
                portfolio: id,
                settings: &holdings.settings,
                cause,
                guard,
            };
            let marks = if decision.limit.rule.is_of_prices() {
                marks_used(holdings, portfolio)
            } else {
                Vec::new()
            };
            let mut verdict = context.decision(verdict_id, &decision, raised.as_ref(), marks);
            verdict.message.push_str(&note.unwrap_or_default());
            verdicts::emit(verdict, cause, verdicts::severity(&decision), out);
            self.changed.note(portfolio, cause.event_time);
        }
    }

    /// Whoever asks for a stranger's account is answered as well.
    pub(super) fn refuse(
        &mut self,
        request: &OrderRequest,
        refusal: Refusal,
        cause: Cause,
        out: &mut Out,
    ) {
        let context = Context {
            portfolio: &request.portfolio,
            settings: &self.holdings.settings,
            cause,
            guard: GuardState::Halted,
        };
        let judgement = Judgement {
            refusals: vec![OrderRefusal {
                reason: refusal.reason,
                message: refusal.message,
                limit: None,
            }],
            headroom: Vec::new(),
        };
        out.emit(Event::Verdict(context.judgement(
            request,
            &judgement,
            Vec::new(),
        )));
    }

    /// May this order be sent?
    pub(super) fn judge(
        &mut self,
        request: &OrderRequest,
        portfolio: PortfolioIndex,
        cause: Cause,
        out: &mut Out,
    ) {
        let Self {
            holdings,
            trades,
            orders,
            active_limits,
            ..
        } = self;
        let accounts = &holdings.accounts;
        let id = accounts.portfolio_id(portfolio);
        let Some(watch) = active_limits.watches.get(id) else {
            return;
        };
        let parts = SnapshotParts::whole(holdings, trades, portfolio);
        let prices = prices::of(holdings.marks.get(&request.symbol));
        let judgement = judge(
            request,
            &OrderContext {
                accounts: &holdings.settings.accounts,
                plan: &active_limits.plan(portfolio),
                watch,
                snapshot: &parts.snapshot(),
                open_orders: &orders.open(holdings, accounts.accounts_of(portfolio)),
                instrument: holdings.instrument(&request.account, &request.symbol),
                prices: &prices,
                rates: &holdings.rates,
                policy: holdings.settings.policy,
                now: cause.now,
            },
        );
        let context = Context {
            portfolio: id,
            settings: &holdings.settings,
            cause,
            guard: watch.guard().state(),
        };
        let mut marks = marks_used(holdings, portfolio);
        if marks.iter().all(|mark| mark.symbol != request.symbol) {
            let market = prices.for_closing(true);
            marks.truncate(MARKS - 1);
            marks.push(mark_used(&request.symbol, market));
        }
        out.emit(Event::Verdict(
            context.judgement(request, &judgement, marks),
        ));
    }
}

/// The prices at which a portfolio is valued, by symbol.
fn marks_used(holdings: &Holdings, portfolio: PortfolioIndex) -> Vec<MarkUsed> {
    let held = holdings.accounts.held(portfolio);
    let mut marks: Vec<MarkUsed> = held
        .map(|(_, open)| mark_used(open.symbol, open.holding.price))
        .collect();
    marks.sort_by(|one, other| (&one.symbol, &one.kind).cmp(&(&other.symbol, &other.kind)));
    marks.dedup();
    marks.truncate(MARKS);
    marks
}

fn mark_used(symbol: &Symbol, price: Option<Valued>) -> MarkUsed {
    MarkUsed {
        symbol: symbol.clone(),
        price: price.map(|valued| valued.price),
        kind: price.map(|valued| position::name(valued.kind).to_owned()),
        time: price.map(|valued| valued.time),
    }
}
