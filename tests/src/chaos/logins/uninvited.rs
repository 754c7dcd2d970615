//! Nothing is asked of a venue that nobody may ask, or only a person.

use std::collections::BTreeMap;

use tapeline_auth::LoginCategory;

use super::check::{Facts, Findings};
use super::logbook::{Asked, Entry, Exchange, Made};
use super::login_kind::LoginKind;
use super::terminal;

/// By so much a machine may take the end of a week for later, with a clock that was set.
const CLOCKS_DIFFER: i64 = 120_000_000;

/// What is known of a process.
#[derive(Default)]
struct ProcessKnowledge<'a> {
    is_stopped: bool,
    /// With these nothing is renewed any more, as it was told.
    dead: Vec<&'a str>,
}

pub(super) fn uninvited(findings: &mut Findings, entries: &[Entry], facts: &Facts) {
    let mut machines: BTreeMap<usize, ProcessKnowledge<'_>> = BTreeMap::new();
    let mut renewable = None;
    for entry in entries {
        match entry {
            Entry::Began { machine } => {
                machines.remove(machine);
            }
            Entry::Wanted { machine } => machines.entry(*machine).or_default().is_stopped = false,
            Entry::Told { machine, step, .. } => {
                let machine = machines.entry(*machine).or_default();
                machine.is_stopped = step.stopped;
            }
            Entry::Brought { .. } => {}
            Entry::Exchange(exchange) => {
                let machine = machines.entry(exchange.machine).or_default();
                if let Some(what) = machine.objects(exchange, facts.way, renewable) {
                    findings.uninvited += 1;
                    findings.note(format!("{what} at {}", exchange.sent));
                }
                machine.learns(exchange);
                if exchange.is_opened() && exchange.asked != Asked::Renewal {
                    renewable = facts.week.map(|week| exchange.ended + week);
                }
            }
        }
    }
}

impl<'a> ProcessKnowledge<'a> {
    fn objects(
        &self,
        exchange: &Exchange,
        way: LoginKind,
        renewable: Option<i64>,
    ) -> Option<&'static str> {
        let is_dead = |renewal: &String| self.dead.contains(&renewal.as_str());
        // A gateway may be looked at: perhaps somebody logged in there.
        let is_look = way == LoginKind::Gateway && exchange.asked == Asked::Other;
        let is_role = exchange.machine != terminal::NUMBER;
        if self.is_stopped && !is_look {
            return Some("asked after a stop");
        }
        if way == LoginKind::OAuth && is_role && exchange.asked == Asked::Proof {
            return Some("a code was sent without a person");
        }
        if exchange.renewal.as_ref().is_some_and(is_dead) {
            return Some("what was refused is to renew again");
        }
        let is_renewal = exchange.asked == Asked::Renewal;
        let is_late = renewable.is_some_and(|end| exchange.sent > end + CLOCKS_DIFFER);
        (is_renewal && is_late).then_some("renewed after the end of its week")
    }

    fn learns(&mut self, exchange: &'a Exchange) {
        let is_refused = exchange.truth == Some(LoginCategory::Expired);
        // A client's secret may have been rotated: the renewal itself may be good.
        if is_refused && exchange.made != Made::WrongClient {
            self.dead.extend(exchange.renewal.as_deref());
        }
    }
}
