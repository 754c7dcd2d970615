//! What a fill and a price cost the risk processor, and what a position takes in memory.
//! In one thread, without a broker: what it decides is made, encoded and thrown away.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use tapeline_model::ids::{AccountId, ExecId, OrderId, PortfolioId};
use tapeline_model::money::Price;
use tapeline_model::records::{Fill, Mark, MarkBasis};
use tapeline_model::{Event, Micros, Origin};
use tapeline_processors::ledger::Currency;
use tapeline_processors::limits::{Calendars, LimitDefinition, parse_all};
use tapeline_processors::risk::{Risk, RiskSettings};
use tapeline_processors::{Out, Processor};
use tapeline_tests::samples;

use super::arguments::Options;
use super::broker::deposit;
use super::report::{Better, Budget, Line, Report};
use super::statistics::median;
use super::{Outcome, say};

const PORTFOLIOS: usize = 100_000;
const FEW_PORTFOLIOS: usize = 1_000;
const SYMBOLS: usize = 10_000;
/// Of each portfolio, besides the symbol that some hold together.
const POSITIONS: usize = 5;
/// How many hold the symbol whose price is measured.
const HOLDERS: usize = 1_000;
const FILLS: usize = 200_000;
const MARKS: usize = 300;
/// As many as a transaction of a busy task has.
const RECORDS_A_COMMIT: usize = 5_000;
const SHARED: &str = "SHARED";
const PRICE: i64 = 100;

pub(crate) fn run(options: &Options, report: &mut Report) -> Outcome {
    let (mut fills, mut committed) = (Vec::new(), Vec::new());
    let (mut quiet, mut rising) = (Vec::new(), Vec::new());
    let (mut few_fills, mut few_quiet) = (Vec::new(), Vec::new());
    let (mut walks, mut memory) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        let before = resident();
        let mut world = World::new(PORTFOLIOS);
        let held = (PORTFOLIOS * POSITIONS + HOLDERS) as f64;
        memory.push((resident() - before) / held);
        fills.push(world.fills()?);
        committed.push(world.fills_with_commits()?);
        quiet.push(world.marks(|n| PRICE - 1 - (n % 2) as i64)?);
        rising.push(world.marks(|n| PRICE + 1 + n as i64)?);
        drop(world);
        let mut few = World::new(FEW_PORTFOLIOS);
        few_fills.push(few.fills()?);
        few_quiet.push(few.marks(|n| PRICE - 1 - (n % 2) as i64)?);
        drop(few);
        walks.push(hash_map_walk());
        say(&format!(
            "round {round}: fill {:.0} ns, mark and holder {:.0} ns",
            fills[round - 1],
            quiet[round - 1]
        ));
    }
    let aim = |must: f64| Budget::Ours {
        must,
        aim: Some(must),
    };
    let walk = Some(median(&walks));
    let mut line = |name, unit, ours: &[f64], limit, budget| {
        report.add(&Line {
            name,
            unit,
            better: Better::Less,
            ours: median(ours),
            peer: None,
            limit,
            budget,
        });
    };
    line("risk_fill", "ns", &fills, walk, aim(2_000.0));
    line("risk_fill_committed", "ns", &committed, walk, Budget::None);
    line("risk_mark_holder", "ns", &quiet, walk, aim(150.0));
    line(
        "risk_mark_holder_new_high",
        "ns",
        &rising,
        walk,
        Budget::None,
    );
    let few = Some(median(&few_fills));
    line("risk_fill_of_many", "ns", &fills, few, Budget::None);
    let few = Some(median(&few_quiet));
    line("risk_mark_holder_of_many", "ns", &quiet, few, Budget::None);
    line("risk_position_memory", "bytes", &memory, None, Budget::None);
    Ok(())
}

/// A record that is ignored is taken in no time.
fn all_taken(what: &str, made: usize, expected: usize) -> Result<(), String> {
    if made >= expected {
        return Ok(());
    }
    Err(format!("{what}: only {made} of {expected} were made"))
}

/// Portfolios of one account each, with the limits that hold where none are configured.
struct World {
    risk: Risk,
    out: Out,
    portfolios: usize,
    offset: u64,
}

fn portfolio(n: usize) -> String {
    format!("portfolio-{n:06}")
}

fn limits() -> Vec<LimitDefinition> {
    let limit = |name: &str, rule: &str, breach: &str| LimitDefinition {
        name: name.to_owned(),
        rule: rule.to_owned(),
        breach: Some(breach.to_owned()),
        action: Some("alert".to_owned()),
        ..LimitDefinition::default()
    };
    vec![
        LimitDefinition {
            mode: Some("trailing".to_owned()),
            basis: Some("marked".to_owned()),
            ..limit("max_drawdown", "max_drawdown", "500000")
        },
        limit("session", "lost_session", "60"),
        limit("reconciliation", "unreconciled", "60"),
    ]
}

impl World {
    fn new(portfolios: usize) -> Self {
        let calendars = Calendars::built_in().unwrap();
        let names = (0..portfolios).map(portfolio);
        let risk = Risk::new(RiskSettings {
            accounts: names
                .map(|name| (AccountId::new(&*name), PortfolioId::new(&*name)))
                .collect(),
            limits: parse_all(&limits(), &calendars).unwrap(),
            calendars,
            ..RiskSettings::new(Currency::USD)
        });
        let mut world = Self {
            risk,
            out: Out::default(),
            portfolios,
            offset: 0,
        };
        for symbol in 0..SYMBOLS {
            world.take(&mark(&symbol_name(symbol), PRICE, 1));
        }
        world.take(&mark(SHARED, PRICE, 1));
        for number in 0..portfolios {
            world.take(&deposit(&portfolio(number)));
            for place in 0..POSITIONS {
                let symbol = symbol_name((number * POSITIONS + place) % SYMBOLS);
                world.take(&world.fill(number, &symbol));
            }
        }
        for holder in 0..HOLDERS {
            let number = holder * portfolios / HOLDERS;
            world.take(&world.fill(number, SHARED));
        }
        world.commit();
        world
    }

    fn fill(&self, number: usize, symbol: &str) -> Event<'static> {
        let name = portfolio(number);
        let holder = (AccountId::new(&*name), PortfolioId::new(&*name));
        let (id, time) = (format!("e{}", self.offset), Micros(10 + self.offset as i64));
        Event::Fill(Fill {
            order_id: OrderId::new(format!("o{}", self.offset)),
            price: price(PRICE),
            fee: Some(Price::ZERO),
            ..samples::fill(&id, holder, symbol, time, "bench")
        })
    }

    /// Says how many records came of it.
    fn take(&mut self, event: &Event<'static>) -> usize {
        let origin = Origin {
            topic: event.topic(),
            partition: 0,
            offset: self.offset,
        };
        self.offset += 1;
        let now = Micros(1_000_000);
        self.risk
            .process(origin, event, now, &mut self.out)
            .unwrap();
        self.out.drain().count()
    }

    /// What a transaction costs besides: figures of what changed, and all of it encoded. Says how
    /// many figures there are.
    fn commit(&mut self) -> usize {
        let mut bytes = Vec::new();
        let mut made = 0;
        self.risk.before_commit(Micros(1_000_000), &mut self.out);
        for event in self.out.drain() {
            event.encode(&mut bytes).unwrap();
            black_box(&bytes);
            made += 1;
        }
        for store in self.risk.stores() {
            store
                .drain_changes(&mut |key, value| {
                    black_box((key, value));
                })
                .unwrap();
        }
        made
    }

    /// Nanoseconds for each of many fills of positions all over.
    fn fills(&mut self) -> Result<f64, String> {
        let fills = self.next_fills();
        let begun = Instant::now();
        let made = fills.iter().map(|fill| self.take(fill)).sum();
        let nanos = begun.elapsed().as_nanos() as f64 / FILLS as f64;
        all_taken("positions after fills", made, FILLS)?;
        Ok(nanos)
    }

    fn fills_with_commits(&mut self) -> Result<f64, String> {
        self.commit();
        let fills = self.next_fills();
        let (mut made, mut figures) = (0, 0);
        let begun = Instant::now();
        for batch in fills.chunks(RECORDS_A_COMMIT) {
            made += batch.iter().map(|fill| self.take(fill)).sum::<usize>();
            figures += self.commit();
        }
        let nanos = begun.elapsed().as_nanos() as f64 / FILLS as f64;
        all_taken("positions after fills", made, FILLS)?;
        // At least one portfolio changes in each commit.
        all_taken("figures of portfolios", figures, FILLS / RECORDS_A_COMMIT)?;
        Ok(nanos)
    }

    fn next_fills(&mut self) -> Vec<Event<'static>> {
        let number = |n: usize| n.wrapping_mul(7_919) % self.portfolios;
        let symbol = |n: usize| symbol_name((number(n) * POSITIONS + n % POSITIONS) % SYMBOLS);
        let mut fills = Vec::with_capacity(FILLS);
        for n in 0..FILLS {
            let mut fill = self.fill(number(n), &symbol(n));
            if let Event::Fill(fill) = &mut fill {
                let id = self.offset as usize + n;
                fill.exec_id = ExecId::new(format!("f{id}"));
                fill.event_time = Micros(10 + id as i64);
            }
            fills.push(fill);
        }
        fills
    }

    /// Nanoseconds for each holder of a symbol that gets a new price.
    fn marks(&mut self, dollars: impl Fn(usize) -> i64) -> Result<f64, String> {
        self.commit();
        let time = |n: usize, offset: u64| 1_000 + offset as i64 + n as i64;
        let offset = self.offset;
        let marks: Vec<_> = (0..MARKS)
            .map(|n| mark(SHARED, dollars(n), time(n, offset)))
            .collect();
        let begun = Instant::now();
        for mark in &marks {
            self.take(mark);
        }
        let nanos = begun.elapsed().as_nanos() as f64 / (MARKS * HOLDERS) as f64;
        all_taken("figures of holders", self.commit(), HOLDERS)?;
        Ok(nanos)
    }
}

fn symbol_name(n: usize) -> String {
    format!("SYM{n:05}")
}

fn price(dollars: i64) -> Price {
    Price::from_raw(dollars * 100_000_000).unwrap()
}

fn mark(symbol: &str, dollars: i64, time: i64) -> Event<'static> {
    let price = price(dollars);
    Event::Mark(Mark {
        symbol: symbol.to_owned().into(),
        price,
        bid_price: price,
        ask_price: price,
        quotes: 1,
        basis: MarkBasis::Mid,
        last_price: None,
        last_time: None,
        event_time: Micros(time),
        ingest_time: Micros(time),
        source: "bench".into(),
    })
}

/// The least that could be done: each holder is looked up by its key, and its equity moved.
fn hash_map_walk() -> f64 {
    let mut equities: HashMap<(u32, u32), (i128, i128)> = (0..(PORTFOLIOS * POSITIONS) as u32)
        .map(|n| ((n / POSITIONS as u32, n % POSITIONS as u32), (1, 0)))
        .collect();
    let holders: Vec<(u32, u32)> = (0..HOLDERS as u32)
        .map(|n| (n * (PORTFOLIOS / HOLDERS) as u32, 0))
        .collect();
    let begun = Instant::now();
    for n in 0..MARKS {
        let price = i128::from(PRICE + n as i64);
        for holder in &holders {
            if let Some((quantity, equity)) = equities.get_mut(holder) {
                *equity = *quantity * price;
            }
        }
    }
    black_box(&equities);
    begun.elapsed().as_nanos() as f64 / (MARKS * HOLDERS) as f64
}

/// Bytes of this process in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_and_prices_that_are_ignored_are_found() {
        const SOME: usize = 100;
        let mut world = World::new(HOLDERS);
        let fills = world.next_fills();
        let mut made = || fills.iter().take(SOME).map(|fill| world.take(fill)).sum();
        all_taken("positions", made(), SOME).unwrap();
        // The same reports again change nothing, nor do prices of long ago.
        assert!(all_taken("positions", made(), SOME).is_err());
        world.commit();
        world.take(&mark(SHARED, PRICE + 1, 0));
        assert!(all_taken("figures", world.commit(), HOLDERS).is_err());
        world.take(&mark(SHARED, PRICE + 1, 1_000));
        all_taken("figures", world.commit(), HOLDERS).unwrap();
    }
}
