//! Processors behind one another: the order of things, and what never ends.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use tapeline_backtest::{Pipeline, PipelineError};
use tapeline_model::reasons::{Reason, Refusal};
use tapeline_model::{Event, Micros, Origin};
use tapeline_processors::market::{Market, MarketSettings};
use tapeline_processors::{CommitUrgency, Input, Out, Processor, StateStore};
use tapeline_schemas::topics::Topic;

use crate::harness::{millis, quote};

type Notes = Arc<Mutex<Vec<String>>>;

/// Notes what it is told, and does what it is made for.
struct Probe {
    notes: Notes,
    urgency: CommitUrgency,
    wake: Option<i64>,
    again: bool,
    echo: bool,
    refuse: bool,
}

impl Probe {
    fn new(notes: &Notes) -> Self {
        Self {
            notes: Arc::clone(notes),
            urgency: CommitUrgency::Regular,
            wake: None,
            again: false,
            echo: false,
            refuse: false,
        }
    }

    fn note(&self, what: &str, now: Micros) {
        let at = now.since(millis(0)) / 1_000;
        self.notes.lock().unwrap().push(format!("{what} {at}"));
    }
}

impl Processor for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }

    fn inputs(&self) -> &'static [Input] {
        const INPUTS: &[Input] = &[Input::keyed(Topic::MarketQuotes)];
        INPUTS
    }

    fn outputs(&self) -> &'static [Topic] {
        &[Topic::MarketQuotes]
    }

    fn commit_urgency(&self) -> CommitUrgency {
        self.urgency
    }

    fn process(
        &mut self,
        origin: Origin,
        event: &Event<'_>,
        now: Micros,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        self.note(&format!("read {}", origin.offset), now);
        if self.refuse {
            return Err(Refusal::new(Reason::BadTime, "no"));
        }
        if self.echo {
            out.emit(quote(event.event_time(), "A", "1", "2"));
        }
        Ok(())
    }

    fn wake_at(&self) -> Option<Micros> {
        self.wake.map(millis)
    }

    fn tick(&mut self, now: Micros, _out: &mut Out) {
        self.note("tick", now);
        if !self.again {
            self.wake = None;
        }
    }

    fn before_commit(&mut self, now: Micros, _out: &mut Out) {
        self.note("commit", now);
    }

    fn stores(&mut self) -> Vec<&mut dyn StateStore> {
        Vec::new()
    }
}

fn feed(pipeline: &mut Pipeline, at: &[i64]) -> Result<(), PipelineError> {
    for at in at {
        pipeline.feed(quote(millis(*at), "A", "1", "2"), &mut |_| {})?;
    }
    pipeline.finish(&mut |_| {})
}

fn noted(probe: Probe, at: &[i64]) -> Vec<String> {
    let notes = Arc::clone(&probe.notes);
    feed(&mut Pipeline::new(vec![Box::new(probe)]), at).unwrap();
    let notes = notes.lock().unwrap();
    notes.clone()
}

#[test]
fn commits_come_100_ms_after_the_first_record_and_at_the_end() {
    let probe = Probe::new(&Notes::default());
    assert_eq!(
        noted(probe, &[0, 60, 100, 101, 250, 900]),
        [
            "read 0 0",
            "read 1 60",
            "read 2 100",
            "commit 100",
            "read 3 101",
            "commit 201",
            "read 4 250",
            "commit 350",
            "read 5 900",
            "commit 900"
        ]
    );
    let prompt = Probe {
        urgency: CommitUrgency::Prompt,
        ..Probe::new(&Notes::default())
    };
    assert_eq!(
        noted(prompt, &[0, 30]),
        ["read 0 0", "commit 20", "read 1 30", "commit 30"]
    );
}

#[test]
fn a_tick_comes_when_it_was_asked_for_and_before_what_is_later() {
    let at = |wake| Probe {
        wake: Some(wake),
        ..Probe::new(&Notes::default())
    };
    assert_eq!(
        noted(at(500), &[0, 500, 501]),
        [
            "read 0 0",
            "commit 100",
            "read 1 500",
            "tick 500",
            "read 2 501",
            "commit 501"
        ]
    );
    // What lies behind the end of the history never comes.
    assert_eq!(noted(at(500), &[0, 499]).last().unwrap(), "commit 499");
}

#[test]
fn a_refused_record_becomes_a_dead_letter() {
    let probe = Probe {
        refuse: true,
        ..Probe::new(&Notes::default())
    };
    let mut pipeline = Pipeline::new(vec![Box::new(probe)]);
    let mut letters = Vec::new();
    let mut sink = |event: &Event<'static>| letters.push(event.clone());
    pipeline
        .feed(quote(millis(0), "A", "1", "2"), &mut sink)
        .unwrap();
    pipeline.finish(&mut sink).unwrap();
    let [Event::DeadLetter(letter)] = &letters[..] else {
        panic!("{letters:?}")
    };
    assert_eq!(
        (&*letter.reason, &*letter.topic, letter.offset),
        ("BAD_TIME", "market.quotes", 0)
    );
}

#[test]
fn a_line_that_never_ends_is_an_error() {
    let echo = Probe {
        echo: true,
        ..Probe::new(&Notes::default())
    };
    // It commits at the end only, and then answers itself again and again.
    let error = feed(&mut Pipeline::new(vec![Box::new(echo)]), &[0]).unwrap_err();
    assert!(
        matches!(
            error,
            PipelineError::Endless {
                topic: Topic::MarketQuotes,
                ..
            }
        ),
        "{error}"
    );
    let sleepless = Probe {
        wake: Some(10),
        again: true,
        ..Probe::new(&Notes::default())
    };
    let error = feed(&mut Pipeline::new(vec![Box::new(sleepless)]), &[0, 20]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("probe is woken again and again"),
        "{error}"
    );
}

/// Notes which marks it is given.
struct Venue(Notes);
impl Processor for Venue {
    fn name(&self) -> &'static str {
        "venue"
    }
    fn inputs(&self) -> &'static [Input] {
        const INPUTS: &[Input] = &[Input::broadcast(Topic::MarketMarks)];
        INPUTS
    }
    fn outputs(&self) -> &'static [Topic] {
        &[]
    }
    fn process(
        &mut self,
        origin: Origin,
        _event: &Event<'_>,
        now: Micros,
        _out: &mut Out,
    ) -> Result<(), Refusal> {
        let at = now.since(millis(0)) / 1_000;
        self.0
            .lock()
            .unwrap()
            .push(format!("{} {at}", origin.offset));
        Ok(())
    }
    fn stores(&mut self) -> Vec<&mut dyn StateStore> {
        Vec::new()
    }
}

/// Marks are conflated for 20 ms, and those of the end are no venue's.
#[test]
fn marks_come_as_they_do_live_and_the_venue_misses_those_of_the_end() {
    let notes = Notes::default();
    let market = Box::new(Market::new(MarketSettings::default()));
    let mut pipeline = Pipeline::new(vec![market]).with_venue(Box::new(Venue(Arc::clone(&notes))));
    let marks = Rc::new(RefCell::new(0));
    let mut sink = |event: &Event<'static>| {
        if matches!(event, Event::Mark(_)) {
            *marks.borrow_mut() += 1;
        }
    };
    for at in [0, 5, 19, 50, 60] {
        pipeline
            .feed(quote(millis(at), "A", "1", "2"), &mut sink)
            .unwrap();
    }
    pipeline.finish(&mut sink).unwrap();
    assert_eq!(*notes.lock().unwrap(), ["0 20"]);
    assert_eq!(*marks.borrow(), 2);
}
