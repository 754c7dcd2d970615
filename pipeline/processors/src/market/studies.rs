//! What is computed of symbols beyond their mark: bars, and rules over them.

use std::collections::{BTreeMap, BTreeSet};

use tapeline_model::ids::Symbol;
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::records::{BarSource, Quote, Trade};
use tapeline_model::{Event, Micros, Origin};

use super::NAME;
use super::bar_record::{frame_of, record};
use super::settings::{BarSettings, BarsOf, MarketSettings};
use super::symbol_mark::Follow;
use super::tracked::{Prints, SecondKey, Tracked};
use crate::bars::{Bar, BarEvent, Frame, Print, PrintError, Retention};
use crate::contract::{Out, StateStore};
use crate::settings::SymbolSet;
use crate::signals::{Rules, SymbolRules};
use crate::store::Store;

const SECOND: i64 = 1_000_000;
/// Quotes come by the thousand and are not corrected: only some may change places.
const MID_PRINTS: usize = 16;

/// Where a symbol's plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StudyId(u32);

/// What is computed of a symbol; asked for once, then found with its mark.
struct SymbolStudy {
    symbol: Symbol,
    /// Its place among the sets of bars.
    set: Option<usize>,
    rules: SymbolRules,
    /// As it stands in `Studies::due`.
    wake: Option<Micros>,
}

struct BarSet {
    symbols: SymbolSet,
    of: BarSource,
    frames: Vec<Frame>,
    retention: Retention,
    /// A print further ahead of the clock would make those that are on time late.
    max_ahead: i64,
}

pub(super) struct Studies {
    sets: Vec<BarSet>,
    rules: Rules,
    studies: Vec<SymbolStudy>,
    /// None of symbols of which nothing is computed.
    known: BTreeMap<Symbol, Option<StudyId>>,
    series: Store<Symbol, Tracked>,
    prints: Store<SecondKey, Prints>,
    /// When bars are to be closed though nothing comes.
    due: BTreeSet<(Micros, Symbol)>,
    closed_bars: Vec<BarEvent>,
}

impl Studies {
    pub fn new(settings: &MarketSettings) -> Self {
        Self {
            sets: settings.bars.iter().filter_map(BarSet::new).collect(),
            rules: Rules::new(&settings.rules, NAME, &settings.config_hash),
            studies: Vec::new(),
            known: BTreeMap::new(),
            series: Store::new("series"),
            prints: Store::new("prints"),
            due: BTreeSet::new(),
            closed_bars: Vec::new(),
        }
    }

    pub fn stores(&mut self) -> [&mut dyn StateStore; 3] {
        [&mut self.series, &mut self.prints, self.rules.store()]
    }

    pub fn follow(&mut self, symbol: &str) -> Follow {
        self.plan(symbol).map_or(Follow::Nothing, Follow::Plan)
    }

    /// What is to be computed of a symbol, if anything.
    fn plan(&mut self, symbol: &str) -> Option<StudyId> {
        if let Some(known) = self.known.get(symbol) {
            return *known;
        }
        let symbol = Symbol::new(symbol);
        let set = self.bar_set_of(symbol.as_str());
        let rules = self.rules.of(&symbol, set.is_some());
        let id = (set.is_some() || rules.at_quotes).then(|| {
            self.studies.push(SymbolStudy {
                symbol: symbol.clone(),
                set,
                rules,
                wake: None,
            });
            StudyId(self.studies.len() as u32 - 1)
        });
        self.known.insert(symbol, id);
        id
    }

    /// Who lists the symbol comes before who takes every one.
    fn bar_set_of(&self, symbol: &str) -> Option<usize> {
        let listed = |set: &BarSet| set.symbols != SymbolSet::Every && set.symbols.holds(symbol);
        let every = |set: &BarSet| set.symbols == SymbolSet::Every;
        let mut sets = self.sets.iter();
        sets.position(listed)
            .or_else(|| self.sets.iter().position(every))
    }

    /// A quote with both sides that is believed. Rules look at it if it is the newest.
    pub fn quote(
        &mut self,
        id: StudyId,
        quote: &Quote<'_>,
        is_newest: bool,
        origin: Origin,
        now: Micros,
        out: &mut Out,
    ) {
        if set_of(&self.studies, &self.sets, id, BarSource::Mids).is_some() {
            let (bid, ask) = (quote.bid_price, quote.ask_price);
            // One that is too late for its bars says nothing that is still asked.
            let _too_late = Print::mid(quote.event_time, quote.seq, bid, ask)
                .and_then(|print| self.take(id, BarSource::Mids, print, origin, now, out));
        }
        if let Some(plan) = self.studies.get(id.0 as usize)
            && plan.rules.at_quotes
            && is_newest
        {
            self.rules.quote(&plan.rules, quote, origin, now, out);
        }
    }

    pub fn trade(
        &mut self,
        id: StudyId,
        trade: &Trade<'_>,
        origin: Origin,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        if set_of(&self.studies, &self.sets, id, BarSource::Trades).is_none() {
            return Ok(());
        }
        Print::trade(
            trade.event_time,
            trade.seq,
            &trade.trade_id,
            trade.price,
            trade.size,
        )
        .and_then(|print| self.take(id, BarSource::Trades, print, origin, now, out))
        .map_err(|error| refusal(trade, &error))
    }

    /// A correction, which keeps the place of the print in time, or a cancellation.
    /// Returns the newest print then.
    pub fn amend(
        &mut self,
        id: StudyId,
        (print_id, trade): (&str, &Trade<'_>),
        replaces: bool,
        (origin, now): (Origin, Micros),
        out: &mut Out,
    ) -> Result<Option<Print>, Refusal> {
        let bars = set_of(&self.studies, &self.sets, id, BarSource::Trades);
        let Some((plan, set)) = bars else {
            return Ok(None);
        };
        let refused = |error: PrintError| refusal(trade, &error);
        let not_kept = || PrintError::NotKept {
            id: print_id.into(),
        };
        let tracked = self
            .series
            .get(&plan.symbol)
            .ok_or_else(|| refused(not_kept()))?;
        let kept = tracked.series.kept(print_id).map_err(refused)?;
        let (time, seq) = (kept.time(), kept.seq());
        let replacement = if replaces {
            let print = Print::trade(time, seq, print_id, trade.price, trade.size);
            Some(print.map_err(refused)?)
        } else {
            None
        };
        let Some(tracked) = self.series.change(&plan.symbol) else {
            return Ok(None);
        };
        let (series, closed_bars) = (&mut tracked.series, &mut self.closed_bars);
        match replacement {
            Some(print) => series.correct(print_id, print, &set.retention, closed_bars),
            None => series.cancel(print_id, &set.retention, closed_bars),
        }
        .map_err(refused)?;
        tracked.note(origin, None, now);
        let newest = tracked.series.newest().cloned();
        self.finish(id, origin, now, out);
        Ok(newest)
    }

    pub fn wake_at(&self) -> Option<Micros> {
        self.due.first().map(|(time, _)| *time)
    }

    /// Closes the bars of symbols of which nothing came.
    pub fn tick(&mut self, now: Micros, out: &mut Out) {
        while self.due.first().is_some_and(|(time, _)| *time <= now) {
            let Some((_, symbol)) = self.due.pop_first() else {
                return;
            };
            let Some(id) = self.plan(symbol.as_str()) else {
                continue;
            };
            if let Some(plan) = self.studies.get_mut(id.0 as usize) {
                plan.wake = None;
            }
            self.close(id, now, out);
        }
    }

    fn close(&mut self, id: StudyId, now: Micros, out: &mut Out) {
        let Some(plan) = self.studies.get(id.0 as usize) else {
            return;
        };
        let Some(set) = plan.set.and_then(|set| self.sets.get(set)) else {
            return;
        };
        let Some(tracked) = self.series.change(&plan.symbol) else {
            return;
        };
        let time = now.plus_millis(-tracked.lag_seconds.saturating_mul(1_000));
        let series = &mut tracked.series;
        series.close_until(time, &set.retention, &mut self.closed_bars);
        let origin = tracked.origin();
        self.finish(id, origin, now, out);
    }

    /// The seconds whose prints changed are to be stored.
    pub fn before_commit(&mut self) {
        let changed = self.series.changed().map(|(symbol, _)| symbol.clone());
        for symbol in changed.collect::<Vec<Symbol>>() {
            let Some(tracked) = self.series.change(&symbol) else {
                continue;
            };
            for start in tracked.series.touched() {
                let prints: Vec<Print> = tracked.series.of_second(start).cloned().collect();
                let symbol = symbol.clone();
                let key = SecondKey { symbol, start };
                if prints.is_empty() {
                    self.prints.remove(key);
                } else {
                    self.prints.put(key, Prints { prints });
                }
            }
        }
    }

    /// State was restored: prints belong to their series, and when to wake is derived
    /// from it.
    pub fn restored(&mut self) {
        self.due.clear();
        for plan in &mut self.studies {
            plan.wake = None;
        }
        let mut kept: BTreeMap<Symbol, Vec<Print>> = BTreeMap::new();
        for (symbol, _) in self.series.sorted() {
            kept.insert(symbol.clone(), Vec::new());
        }
        for (key, second) in self.prints.sorted() {
            if let Some(prints) = kept.get_mut(&key.symbol) {
                prints.extend(second.prints.iter().cloned());
            }
        }
        for (symbol, prints) in kept {
            // That is no change: the prints are stored apart.
            self.series
                .edit(&symbol, |tracked| (tracked.series.restore(prints), false));
            if let Some(id) = self.plan(symbol.as_str()) {
                self.reschedule(id);
            }
        }
    }

    fn take(
        &mut self,
        id: StudyId,
        of: BarSource,
        print: Print,
        origin: Origin,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), PrintError> {
        let Some((plan, set)) = set_of(&self.studies, &self.sets, id, of) else {
            return Ok(());
        };
        let time = print.time();
        if time.since(now) > set.max_ahead {
            return Err(PrintError::Ahead { time, now });
        }
        match self
            .series
            .get(&plan.symbol)
            .filter(|tracked| tracked.of == of)
        {
            Some(tracked) => tracked.series.admits(&print)?,
            None => self.series.put(plan.symbol.clone(), Tracked::new(of)),
        }
        let Some(tracked) = self.series.change(&plan.symbol) else {
            return Ok(());
        };
        tracked
            .series
            .take(print, &set.retention, &mut self.closed_bars)?;
        tracked.note(origin, Some(time), now);
        self.finish(id, origin, now, out);
        Ok(())
    }

    /// Tells what happened to bars, and when to look again.
    fn finish(&mut self, id: StudyId, origin: Origin, now: Micros, out: &mut Out) {
        self.reschedule(id);
        if self.closed_bars.is_empty() {
            return;
        }
        let closed_bars = std::mem::take(&mut self.closed_bars);
        let Some(plan) = self.studies.get(id.0 as usize) else {
            return;
        };
        let tracked = self.series.get(&plan.symbol);
        if let (Some(set), Some(tracked)) = (plan.set.and_then(|s| self.sets.get(s)), tracked) {
            for event in &closed_bars {
                let bar = record(&plan.symbol, tracked.of, event, now);
                if set.frames.contains(&frame_of(event)) {
                    out.extend(bar.map(Event::Bar));
                }
            }
        }
        let first_told = closed_bars.iter().filter_map(|event| match event {
            BarEvent::Closed(bar) => Some(*bar),
            BarEvent::Amended(_) | BarEvent::Withdrawn { .. } => None,
        });
        let closed: Vec<Bar> = first_told.collect();
        self.rules.bars(&plan.rules, &closed, origin, now, out);
        // The buffer is used again.
        self.closed_bars = closed_bars;
        self.closed_bars.clear();
    }

    fn reschedule(&mut self, id: StudyId) {
        let Some(plan) = self.studies.get_mut(id.0 as usize) else {
            return;
        };
        let wake = self.series.get(&plan.symbol).and_then(Tracked::wake);
        if wake == plan.wake {
            return;
        }
        if let Some(old) = plan.wake {
            self.due.remove(&(old, plan.symbol.clone()));
        }
        self.due
            .extend(wake.map(|wake| (wake, plan.symbol.clone())));
        plan.wake = wake;
    }
}

impl BarSet {
    /// None of settings with a fault.
    fn new(settings: &BarSettings) -> Option<Self> {
        let most = match settings.of {
            BarsOf::Trades => settings.max_prints,
            BarsOf::Mids => settings.max_prints.min(MID_PRINTS),
        };
        let retention = Retention::new(settings.lateness_ms, most).ok()?;
        Some(Self {
            symbols: SymbolSet::new(&settings.symbols),
            of: match settings.of {
                BarsOf::Trades => BarSource::Trades,
                BarsOf::Mids => BarSource::Mids,
            },
            frames: settings
                .intervals
                .iter()
                .filter_map(|i| i.frame())
                .collect(),
            retention,
            max_ahead: (settings.lateness_ms * 1_000).max(SECOND),
        })
    }
}

/// A plan whose bars are made of this, and the set of these.
fn set_of<'s>(
    studies: &'s [SymbolStudy],
    sets: &'s [BarSet],
    id: StudyId,
    of: BarSource,
) -> Option<(&'s SymbolStudy, &'s BarSet)> {
    let plan = studies.get(id.0 as usize)?;
    let set = sets.get(plan.set?)?;
    (set.of == of).then_some((plan, set))
}

fn refusal(trade: &Trade<'_>, error: &PrintError) -> Refusal {
    let reason = match error {
        PrintError::TooLate { .. } => Reason::TooLate,
        PrintError::Duplicate { .. } => Reason::DuplicateTrade,
        PrintError::NotKept { .. } => Reason::UnknownTrade,
        PrintError::BadQuantity { .. } => Reason::BadQuantity,
        PrintError::Crossed { .. } => Reason::CrossedQuote,
        PrintError::BadTime { .. } | PrintError::Ahead { .. } => Reason::BadTime,
    };
    Refusal::new(
        reason,
        format!("trade {} of {}: {error}", trade.trade_id, trade.symbol),
    )
}
