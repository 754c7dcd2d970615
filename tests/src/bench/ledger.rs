//! What was due, when it was sent, and what came of it. Pure: what was observed goes in, so that
//! planted faults can show that each of them fails a run.

use std::fmt;
use std::time::Duration;

use tapeline_model::Micros;

use super::statistics::percentile;

const MICROS: u64 = 1_000_000;
/// So many are named; the others are counted.
const NAMED: usize = 5;

/// Records at a steady pace. Each is known by the time at which it is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// In microseconds, when the first is due.
    pub begin: i64,
    pub per_second: u64,
    pub count: u64,
}

impl Schedule {
    pub fn due(&self, number: u64) -> i64 {
        self.begin + (number * MICROS / self.per_second) as i64
    }

    /// How many are due at this time.
    pub fn due_by(&self, now: i64) -> u64 {
        let elapsed = u64::try_from(now - self.begin + 1).unwrap_or(0);
        let due = (elapsed * self.per_second).div_ceil(MICROS);
        due.min(self.count)
    }

    fn number(&self, due: i64) -> Option<usize> {
        let elapsed = u64::try_from(due - self.begin).ok()?;
        let number = (elapsed * self.per_second).div_ceil(MICROS);
        let is_known = number < self.count && self.due(number) == due;
        usize::try_from(number).ok().filter(|_| is_known)
    }
}

/// What the sender did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    /// By how many microseconds each awaited record was sent after it was due.
    pub lags: Vec<i64>,
    /// The longest that a record without an output was sent after it was due.
    pub background_lag: i64,
    /// Records without an output that were never sent.
    pub background_unsent: u64,
}

/// The outputs as they came.
pub(crate) struct Ledger {
    schedule: Schedule,
    /// By the number of its record: when the first output came, and how many there are.
    arrived: Vec<(i64, u64)>,
    missing: usize,
    foreign: Named,
    unreadable: Named,
}

/// What a run is held to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// How long outputs were waited for after the last record.
    pub drain: Duration,
    /// Records due before this time are not measured.
    pub measured_from: i64,
    /// The sender may be so late; without a limit, it is only reported.
    pub lag_limit: Option<Duration>,
}

impl Ledger {
    pub fn new(schedule: Schedule) -> Self {
        let count = schedule.count as usize;
        Self {
            schedule,
            arrived: vec![(0, 0); count],
            missing: count,
            foreign: Named::default(),
            unreadable: Named::default(),
        }
    }

    /// An output of the record that was due then.
    pub fn take(&mut self, due: i64, now: i64) {
        let Some(number) = self.schedule.number(due) else {
            self.foreign.add(|| Micros(due).to_string());
            return;
        };
        let (first, times) = &mut self.arrived[number];
        if *times == 0 {
            *first = now;
            self.missing -= 1;
        }
        *times += 1;
    }

    pub fn unreadable(&mut self, why: &str) {
        self.unreadable.add(|| why.to_owned());
    }

    /// Every record has an output.
    pub fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// The latencies of a run in which every record had exactly one output and the sender kept its
    /// schedule; else what is wrong.
    pub fn verdict(&self, sent: &Sent, terms: &Terms) -> Result<Latencies, String> {
        let faults = [
            self.outputs_at_fault(terms),
            self.sender_at_fault(sent, terms),
        ];
        let faults: Vec<String> = faults.into_iter().flatten().collect();
        if faults.is_empty() {
            Ok(self.latencies(sent, terms))
        } else {
            Err(faults.join("; "))
        }
    }

    fn outputs_at_fault(&self, terms: &Terms) -> Vec<String> {
        let (mut missing, mut doubled) = (Named::default(), Named::default());
        for (number, (_, times)) in self.arrived.iter().enumerate() {
            match times {
                0 => missing.add(|| self.named(number)),
                1 => {}
                _ => doubled.add(|| format!("{}, {times} times", self.named(number))),
            }
        }
        let (all, drain) = (self.arrived.len(), terms.drain.as_secs());
        let found = [
            (
                format!("outputs missing {drain} s after the last record was sent"),
                format!(" of {all}"),
                &missing,
            ),
            (
                "outputs that came more than once".to_owned(),
                format!(" of {all}"),
                &doubled,
            ),
            (
                "outputs of no record that was due".to_owned(),
                String::new(),
                &self.foreign,
            ),
            (
                "outputs that cannot be read".to_owned(),
                String::new(),
                &self.unreadable,
            ),
        ];
        let at_fault = found.into_iter().filter(|(.., named)| named.count > 0);
        at_fault
            .map(|(what, of_all, named)| format!("{what}: {}{of_all} ({named})", named.count))
            .collect()
    }

    fn sender_at_fault(&self, sent: &Sent, terms: &Terms) -> Vec<String> {
        let mut faults = Vec::new();
        let unsent = self.arrived.len().saturating_sub(sent.lags.len()) as u64;
        if unsent + sent.background_unsent > 0 {
            faults.push(format!(
                "{unsent} awaited and {} background records were not sent in time: \
                 choose a lower --background",
                sent.background_unsent
            ));
        }
        let awaited = sent.lags.iter().copied().max().unwrap_or(0);
        let worst = awaited.max(sent.background_lag);
        if let Some(limit) = terms.lag_limit
            && worst > limit.as_micros() as i64
        {
            faults.push(format!(
                "the sender fell {} ms behind its schedule, and {} ms are allowed: \
                 leave the machine alone, or choose a lower --background",
                worst / 1000,
                limit.as_millis()
            ));
        }
        faults
    }

    fn latencies(&self, sent: &Sent, terms: &Terms) -> Latencies {
        let measured = |number: &usize| self.schedule.due(*number as u64) >= terms.measured_from;
        let milliseconds = |micros: i64| micros as f64 / 1000.0;
        let numbers = || (0..self.arrived.len()).filter(measured);
        Latencies {
            samples: numbers()
                .map(|number| self.arrived[number].0 - self.schedule.due(number as u64))
                .map(milliseconds)
                .collect(),
            lags: numbers()
                .filter_map(|number| sent.lags.get(number).copied())
                .map(milliseconds)
                .collect(),
        }
    }

    fn named(&self, number: usize) -> String {
        let due = Micros(self.schedule.due(number as u64));
        format!("record {number}, due {due}")
    }
}

/// How many there are, and the first of them.
#[derive(Debug, Clone, Default)]
struct Named {
    count: u64,
    first: Vec<String>,
}

impl Named {
    fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(name());
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first.join(" | "))?;
        if self.count > self.first.len() as u64 {
            f.write_str(" | …")?;
        }
        Ok(())
    }
}

/// Of a run without a fault, in milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Latencies {
    /// From the time at which a record was due to its output.
    samples: Vec<f64>,
    /// From the time at which a record was due to when it was sent.
    pub lags: Vec<f64>,
}

impl Latencies {
    pub fn percentile(&self, percent: f64) -> f64 {
        percentile(&self.samples, percent)
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} outputs, each once", self.samples.len())?;
        for (name, percent) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("max", 100.0)] {
            write!(f, ", {name} {:.1} ms", self.percentile(percent))?;
        }
        let (p99, max) = (percentile(&self.lags, 99.0), percentile(&self.lags, 100.0));
        write!(f, "; sent late by p99 {p99:.1} ms, max {max:.1} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule {
        begin: 1_000_000_000,
        per_second: 50,
        count: 100,
    };
    const TERMS: Terms = Terms {
        drain: Duration::from_secs(30),
        measured_from: SCHEDULE.begin,
        lag_limit: Some(Duration::from_secs(1)),
    };

    /// All outputs, each this long after its record was due; without those of some records.
    fn run(milliseconds: i64, without: impl Fn(u64) -> bool) -> Ledger {
        let mut ledger = Ledger::new(SCHEDULE);
        for number in (0..SCHEDULE.count).filter(|number| !without(*number)) {
            let due = SCHEDULE.due(number);
            ledger.take(due, due + milliseconds * 1000);
        }
        ledger
    }

    fn punctual() -> Sent {
        Sent {
            lags: vec![200; SCHEDULE.count as usize],
            ..Sent::default()
        }
    }

    #[track_caller]
    fn fails(ledger: &Ledger, sent: &Sent, said: &[&str]) {
        let fault = ledger.verdict(sent, &TERMS).unwrap_err();
        for part in said {
            assert!(fault.contains(part), "`{part}` is not in: {fault}");
        }
    }

    #[test]
    fn a_run_with_every_output_once_passes() {
        let ledger = run(7, |_| false);
        assert!(ledger.is_complete());
        let latencies = ledger.verdict(&punctual(), &TERMS).unwrap();
        assert_eq!(
            latencies.to_string(),
            "100 outputs, each once, p50 7.0 ms, p90 7.0 ms, p99 7.0 ms, max 7.0 ms; \
             sent late by p99 0.2 ms, max 0.2 ms"
        );
    }

    #[test]
    fn one_missing_output_fails_the_run_and_is_named() {
        let ledger = run(7, |number| number == 17);
        assert!(!ledger.is_complete());
        fails(
            &ledger,
            &punctual(),
            &[
                "outputs missing 30 s after the last record was sent: 1 of 100",
                "(record 17, due 1970-01-01T00:16:40.34",
            ],
        );
    }

    #[test]
    fn half_of_the_outputs_missing_fails_the_run() {
        let ledger = run(7, |number| number % 2 == 1);
        let said = ["was sent: 50 of 100 (", "record 9, due", "| …)"];
        fails(&ledger, &punctual(), &said);
    }

    #[test]
    fn an_output_that_comes_twice_fails_the_run() {
        let mut ledger = run(7, |_| false);
        let due = SCHEDULE.due(3);
        ledger.take(due, due + 900_000);
        fails(
            &ledger,
            &punctual(),
            &[
                "outputs that came more than once: 1 of 100 (record 3",
                "2 times)",
            ],
        );
    }

    #[test]
    fn a_double_does_not_stand_for_one_that_is_missing() {
        let mut ledger = run(7, |number| number == 4);
        ledger.take(SCHEDULE.due(3), SCHEDULE.due(90));
        assert!(!ledger.is_complete());
        let said = [
            "was sent: 1 of 100 (record 4",
            "more than once: 1 of 100 (record 3",
        ];
        fails(&ledger, &punctual(), &said);
    }

    #[test]
    fn an_output_of_no_record_and_an_unreadable_one_fail_the_run() {
        let mut ledger = run(7, |_| false);
        ledger.take(SCHEDULE.due(3) + 1, SCHEDULE.due(90));
        ledger.take(SCHEDULE.due(SCHEDULE.count), SCHEDULE.due(90));
        ledger.take(SCHEDULE.begin - 1, SCHEDULE.due(90));
        ledger.unreadable("too short");
        let said = [
            "outputs of no record that was due: 3 (",
            "outputs that cannot be read: 1 (too short)",
        ];
        fails(&ledger, &punctual(), &said);
    }

    /// The wait of what should have been sent while the sender was held up counts.
    #[test]
    fn late_outputs_count_from_when_their_records_were_due() {
        let mut ledger = run(7, |number| number >= 90);
        for number in 90..SCHEDULE.count {
            ledger.take(SCHEDULE.due(number), SCHEDULE.due(90) + 29_000_000);
        }
        let latencies = ledger.verdict(&punctual(), &TERMS).unwrap();
        assert!((latencies.percentile(100.0) - 29_000.0).abs() < 0.01);
        assert!((latencies.percentile(90.0) - 7.0).abs() < 0.01);
    }

    #[test]
    fn a_sender_behind_its_schedule_is_shown_and_beyond_the_limit_fails_the_run() {
        let mut sent = punctual();
        sent.lags[40] = 900_000;
        let shown = run(901, |_| false).verdict(&sent, &TERMS).unwrap();
        assert!(shown.to_string().ends_with("max 900.0 ms"), "{shown}");
        let behind = ["the sender fell 1001 ms behind its schedule, and 1000 ms are allowed"];
        sent.lags[40] = 1_001_000;
        fails(&run(1002, |_| false), &sent, &behind);
        let mut sent = punctual();
        sent.background_lag = 1_001_000;
        fails(&run(7, |_| false), &sent, &behind);
        let unlimited = Terms {
            lag_limit: None,
            ..TERMS
        };
        assert!(run(7, |_| false).verdict(&sent, &unlimited).is_ok());
    }

    #[test]
    fn what_was_never_sent_fails_the_run() {
        let mut sent = punctual();
        sent.lags.truncate(98);
        sent.background_unsent = 5;
        let said = ["2 awaited and 5 background records were not sent in time"];
        fails(&run(7, |_| false), &sent, &said);
    }

    #[test]
    fn what_was_due_before_the_measurement_must_come_and_is_not_measured() {
        let terms = Terms {
            measured_from: SCHEDULE.due(60),
            ..TERMS
        };
        let latencies = run(7, |_| false).verdict(&punctual(), &terms).unwrap();
        assert_eq!((latencies.samples.len(), latencies.lags.len()), (40, 40));
        let ledger = run(7, |number| number == 2);
        assert!(ledger.verdict(&punctual(), &terms).is_err());
    }

    #[test]
    fn a_time_leads_back_to_its_record_at_any_pace() {
        for per_second in [1, 3, 7, 50, 10_000, 999_983] {
            let schedule = Schedule {
                per_second,
                ..SCHEDULE
            };
            for number in 0..schedule.count {
                let due = schedule.due(number);
                assert_eq!(schedule.number(due), Some(number as usize));
                assert_eq!(schedule.due_by(due), number + 1, "{per_second}");
                assert_eq!(schedule.due_by(due - 1), number, "{per_second}");
            }
            assert_eq!(schedule.due_by(i64::from(u32::MAX) * 1000), 100);
        }
        assert_eq!(SCHEDULE.due_by(0), 0);
    }
}
