//! What holds the guard up, however many say stop and in whatever order.

use proptest::prelude::*;
use tapeline_model::records::GuardState;
use tapeline_schemas::codec;

use super::super::guard::MAX_CAUSES;
use super::*;

fn by(author: &str, id: &str, kind: CommandKind) -> Command {
    Command {
        command_id: id.to_owned(),
        author: author.to_owned(),
        ..command(kind, &[])
    }
}

fn held_by(watch: &Watch) -> Vec<&str> {
    let holds = watch.guard().causes().iter();
    holds.map(|hold| hold.verdict_id.as_str()).collect()
}

/// The guard after a command, or why it was refused.
fn give(watch: &mut Watch, command: &Command, verdict: &str) -> Result<GuardState, Reason> {
    match watch.command(command, verdict, noon()) {
        Ok(change) => Ok(change.to),
        Err(refusal) => Err(refusal.reason),
    }
}

fn reset(watch: &mut Watch, named: &[&str]) -> Result<GuardState, Reason> {
    give(watch, &command(CommandKind::Reset, named), "reset")
}

#[test]
fn each_persons_stop_holds_by_itself_at_any_level() {
    let mut watch = Watch::default();
    for (author, id, kind, guard) in [
        ("ann", "c1", CommandKind::Reduce, GuardState::Reducing),
        ("maria", "c2", CommandKind::Halt, GuardState::Halted),
        ("jonas", "c3", CommandKind::Halt, GuardState::Halted),
        ("jonas", "c4", CommandKind::Reduce, GuardState::Halted),
    ] {
        assert_eq!(give(&mut watch, &by(author, id, kind), id), Ok(guard));
    }
    assert_eq!(held_by(&watch), ["c1", "c2", "c3", "c4"]);
    for missing in 0..4 {
        let mut named = held_by(&watch);
        named.remove(missing);
        let named: Vec<String> = named.into_iter().map(str::to_owned).collect();
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        assert_eq!(reset(&mut watch, &named), Err(Reason::ResetNotNamed));
        assert_eq!(held_by(&watch), ["c1", "c2", "c3", "c4"]);
        assert_eq!(watch.guard().state(), GuardState::Halted);
    }
    let all = ["c4", "c3", "c2", "unknown", "c1"];
    assert_eq!(reset(&mut watch, &all), Ok(GuardState::Active));
    assert_eq!(reset(&mut watch, &all), Err(Reason::NothingToReset));
    // What was set aside once says nothing about another stop.
    let halt = by("maria", "c5", CommandKind::Halt);
    assert_eq!(give(&mut watch, &halt, "c5"), Ok(GuardState::Halted));
    assert_eq!(reset(&mut watch, &all), Err(Reason::ResetNotNamed));
}

#[test]
fn a_command_that_comes_twice_holds_once_and_under_its_first_verdict() {
    let mut watch = Watch::default();
    let halt = by("maria", "c1", CommandKind::Halt);
    for verdict in ["v1", "v2"] {
        assert_eq!(give(&mut watch, &halt, verdict), Ok(GuardState::Halted));
    }
    assert_eq!(held_by(&watch), ["v1"]);
    let other = by("jonas", "c1", CommandKind::Halt);
    assert_eq!(give(&mut watch, &other, "v3"), Ok(GuardState::Halted));
    assert_eq!(held_by(&watch), ["v1", "v3"], "one id, and two people");
}

#[test]
fn a_limit_that_is_breached_while_a_person_halts_holds_as_well() {
    let mut harness = LimitsHarness::new(
        r#"{name="loss", rule="max_drawdown", mode="static", basis="marked", breach="2000", action="reducing"}"#,
    );
    harness.latch("10000", 1);
    let halt = by("jonas", "c1", CommandKind::Halt);
    assert_eq!(
        give(&mut harness.watch, &halt, "p1"),
        Ok(GuardState::Halted)
    );
    for (n, amount) in ["7900", "10000", "7800"].into_iter().enumerate() {
        harness.latch(amount, n + 1);
    }
    assert_eq!(held_by(&harness.watch), ["p1", "v1"], "its first verdict");
    let unnamed = Err(Reason::ResetNotNamed);
    assert_eq!(reset(&mut harness.watch, &["p1"]), unnamed);
    assert_eq!(reset(&mut harness.watch, &["v1"]), unnamed);
    let active = Ok(GuardState::Active);
    assert_eq!(reset(&mut harness.watch, &["p1", "v1"]), active);
}

fn crowded() -> Watch {
    let mut watch = Watch::default();
    for n in 0..MAX_CAUSES {
        let id = format!("c{n}");
        let reduce = by("ann", &id, CommandKind::Reduce);
        let change = watch.command(&reduce, &id, noon()).unwrap();
        assert_eq!(
            change.message,
            "ann allowed nothing but reducing: prices were wrong"
        );
    }
    watch
}

#[test]
fn causes_beyond_the_most_are_merged_into_one_that_must_be_named_as_well() {
    let mut watch = crowded();
    let mut halt = |author, id: &str| {
        let change = watch.command(&by(author, id, CommandKind::Halt), id, noon());
        change.unwrap().message
    };
    let note = "256 causes hold already, so this verdict stands for all later ones";
    let said = "maria halted trading: prices were wrong";
    assert_eq!(halt("maria", "p1"), format!("{said}; {note}, 1 by now"));
    let jonas = "jonas halted trading: prices were wrong";
    assert_eq!(halt("jonas", "p2"), format!("{jonas}; {note}, 2 by now"));
    let reduce = by("ann", "p3", CommandKind::Reduce);
    assert_eq!(give(&mut watch, &reduce, "p3"), Ok(GuardState::Halted));
    assert_eq!(give(&mut watch, &reduce, "p4"), Ok(GuardState::Halted));

    let last = watch.guard().causes().last().unwrap();
    assert_eq!((watch.guard().causes().len(), last.merged), (257, Some(3)));
    assert_eq!(
        last.sentence(),
        "3 causes together, the newest: ann allowed nothing but reducing: prices were wrong"
    );
    let names = |last: &str| -> Vec<String> {
        let singles = (0..MAX_CAUSES).map(|n| format!("c{n}"));
        singles.chain([last.to_owned()]).collect()
    };
    let mut name = |last: &str| {
        let names = names(last);
        let named: Vec<&str> = names.iter().map(String::as_str).collect();
        reset(&mut watch, &named)
    };
    let unnamed = Err(Reason::ResetNotNamed);
    assert_eq!(name("p1"), unnamed, "it does not know of what came after");
    assert_eq!(name("c0"), unnamed);
    assert_eq!(name("p3"), Ok(GuardState::Active));
}

/// Kafka takes no record of more than 1 MiB unless it is set up for it.
#[test]
fn whatever_people_write_the_state_fits_into_a_record() {
    let mut watch = Watch::default();
    let long = "ä".repeat(100_000);
    for n in 0..2 * MAX_CAUSES {
        let halt = Command {
            reason: long.clone(),
            ..by(&long, &format!("{long}{n}"), CommandKind::Halt)
        };
        let id = format!("00000000-0000-0000-0000-{n:012}");
        let change = watch.command(&halt, &id, noon()).unwrap();
        assert!(change.message.contains(&long), "the verdict says all of it");
    }
    let mut bytes = Vec::new();
    codec::encode(&watch, &mut bytes).unwrap();
    assert!(bytes.len() < 256 * 1024, "{}", bytes.len());
    let back: Watch = codec::decode(&bytes).unwrap();
    assert_eq!(back.state(), watch.state());
}

#[derive(Debug, Clone)]
enum Step {
    Stop(Stop),
    /// So many different ones.
    Crowd(usize),
    Breach {
        limit: u8,
        group: u8,
        halts: bool,
    },
    Reset(Named),
    Restart,
}

#[derive(Debug, Clone)]
struct Stop {
    author: u8,
    id: u8,
    halts: bool,
}

#[derive(Debug, Clone)]
enum Named {
    All,
    AllBut(prop::sample::Index),
    Only(prop::sample::Index),
    Before,
    Unknown,
}

fn any_step() -> impl Strategy<Value = Step> {
    let stop = (0..3u8, 0..6u8, any::<bool>());
    let breach = (0..3u8, 0..2u8, any::<bool>());
    let named = prop_oneof![
        2 => Just(Named::All),
        1 => any::<prop::sample::Index>().prop_map(Named::AllBut),
        1 => any::<prop::sample::Index>().prop_map(Named::Only),
        1 => Just(Named::Before),
        1 => Just(Named::Unknown),
    ];
    prop_oneof![
        6 => stop.prop_map(|(author, id, halts)| Step::Stop(Stop { author, id, halts })),
        4 => breach.prop_map(|(limit, group, halts)| Step::Breach { limit, group, halts }),
        1 => (1..300usize).prop_map(Step::Crowd),
        3 => named.prop_map(Step::Reset),
        1 => Just(Step::Restart),
    ]
}

fn level(halts: bool) -> GuardState {
    if halts {
        GuardState::Halted
    } else {
        GuardState::Reducing
    }
}

/// Forgets nothing: every cause since the last reset, with what tells it from others.
#[derive(Default)]
struct Model {
    single: Vec<(String, String, GuardState)>,
    merged: Vec<(String, String, GuardState)>,
}

impl Model {
    fn raise(&mut self, cause: String, verdict: String, level: GuardState) {
        let newest = self.merged.last_mut();
        let mut known = self.single.iter_mut().chain(newest);
        if let Some(known) = known.find(|known| known.0 == cause) {
            known.2 = known.2.max(level);
        } else if self.single.len() < 256 {
            self.single.push((cause, verdict, level));
        } else {
            self.merged.push((cause, verdict, level));
        }
    }

    fn state(&self) -> GuardState {
        let all = self.single.iter().chain(&self.merged);
        all.map(|cause| cause.2).max().unwrap_or_default()
    }

    fn names(&self) -> Vec<String> {
        let all = self.single.iter().chain(self.merged.last());
        all.map(|cause| cause.1.clone()).collect()
    }
}

/// A watch beside its model.
#[derive(Default)]
struct Both {
    watch: Watch,
    model: Model,
    count: usize,
    /// What a person saw at the last reset.
    seen: Vec<String>,
}

impl Both {
    fn verdict(&mut self) -> String {
        self.count += 1;
        format!("v{}", self.count)
    }

    fn stop(&mut self, author: &str, id: &str, halts: bool) {
        let verdict = self.verdict();
        let kind = if halts {
            CommandKind::Halt
        } else {
            CommandKind::Reduce
        };
        let stop = by(author, id, kind);
        let change = self.watch.command(&stop, &verdict, noon()).unwrap();
        let cause = format!("{author} {id} {kind}");
        self.model.raise(cause, verdict, level(halts));
        assert_eq!(change.to, self.model.state());
    }

    fn breach(&mut self, limit: u8, group: u8, halts: bool) {
        let verdict = self.verdict();
        self.watch.state.guard.raise(GuardCause {
            verdict_id: verdict.clone(),
            state: level(halts),
            limit: format!("limit {limit}"),
            group: format!("group {group}"),
            since: noon(),
            author: "config".to_owned(),
            message: "it is too much".to_owned(),
            merged: None,
        });
        let cause = format!("limit {limit} group {group}");
        self.model.raise(cause, verdict, level(halts));
    }

    fn reset(&mut self, named: &Named) {
        let mut names = self.model.names();
        let all = names.clone();
        let place = |at: &prop::sample::Index| (!all.is_empty()).then(|| at.index(all.len()));
        match named {
            Named::All => {}
            Named::AllBut(at) => names.retain(|name| Some(name) != place(at).map(|at| &all[at])),
            Named::Only(at) => names = place(at).map(|at| all[at].clone()).into_iter().collect(),
            Named::Before => names.clone_from(&self.seen),
            Named::Unknown => names = vec!["unknown".to_owned()],
        }
        let named: Vec<&str> = names.iter().map(String::as_str).collect();
        let expected = if all.is_empty() {
            Err(Reason::NothingToReset)
        } else if all.iter().all(|name| names.contains(name)) {
            self.model = Model::default();
            Ok(GuardState::Active)
        } else {
            Err(Reason::ResetNotNamed)
        };
        assert_eq!(reset(&mut self.watch, &named), expected);
        self.seen = self.model.names();
    }

    fn restart(&mut self) {
        let mut bytes = Vec::new();
        codec::encode(&self.watch, &mut bytes).unwrap();
        self.watch = codec::decode(&bytes).unwrap();
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Stop(Stop { author, id, halts }) => {
                self.stop(&format!("a{author}"), &format!("c{id}"), *halts);
            }
            Step::Crowd(size) => {
                for _ in 0..*size {
                    let id = format!("of {}", self.count);
                    self.stop("crowd", &id, false);
                }
            }
            Step::Breach {
                limit,
                group,
                halts,
            } => self.breach(*limit, *group, *halts),
            Step::Reset(named) => self.reset(named),
            Step::Restart => self.restart(),
        }
    }
}

proptest! {
    #[test]
    fn nothing_goes_on_while_a_cause_holds_that_was_not_named(
        steps in prop::collection::vec(any_step(), 1..40),
    ) {
        let mut both = Both::default();
        for step in &steps {
            both.take(step);
            prop_assert_eq!(both.watch.guard().state(), both.model.state());
            prop_assert_eq!(held_by(&both.watch), both.model.names());
            let holds = both.watch.guard().causes();
            prop_assert!(holds.len() <= 257);
            let merged = holds.last().and_then(|hold| hold.merged).unwrap_or_default();
            prop_assert_eq!(merged as usize, both.model.merged.len());
        }
    }
}
