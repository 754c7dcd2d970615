//! What is stored, in the encoding that it is stored in.

use tapeline_model::records::GuardState;
use tapeline_schemas::codec;

use super::*;
use crate::golden::{assert_golden, golden};

const EVERY_KIND: &str = r#"
    {name="cancels", rule="cancel_rate", window="1m", breach="1", action="alert"}
    {name="dd", rule="max_drawdown", mode="rolling", window="1d", basis="realised", breach="100", action="halted"}
    {name="loss", rule="daily_loss", basis="marked", warn="50", breach="5000", action="reducing"}
    {name="row", rule="loss_streak", breach="1", action="alert"}
    {name="size", rule="position_size", breach="5", action="alert"}
"#;

fn eventful() -> LimitsHarness {
    let mut harness = LimitsHarness::new(EVERY_KIND);
    let (a, aapl) = (AccountId::new("a"), Symbol::new("AAPL"));
    let activity = Activity {
        account: &a,
        symbol: &aapl,
        strategy: Some("trend"),
    };
    harness.latch("10000", 1);
    for second in 0..2 {
        harness
            .watch
            .cancel(&harness.plan, &activity, seconds_on(noon(), second));
        harness
            .watch
            .closed_trade(&harness.plan, &activity, Ok(money("-1")));
    }
    harness.watch.session(&a, false, noon());
    harness.watch.unreconciled(&a, Some(&aapl), Some(noon()));
    harness.watch.unreconciled(&a, None, Some(noon()));
    harness.rows = vec![row("a", "AAPL", "6", "600")];
    harness.latch("9800", 1);
    let reset = command(CommandKind::Reset, &["v2"]);
    harness.watch.command(&reset, "v9", noon()).unwrap();
    let halt = command(CommandKind::Halt, &[]);
    harness.watch.command(&halt, "v10", noon()).unwrap();
    harness
}

fn through(state: &LimitState) -> LimitState {
    let mut bytes = Vec::new();
    codec::encode(state, &mut bytes).unwrap();
    codec::decode(&bytes).unwrap()
}

/// The same, of whose causes the last stands for seven.
fn merged() -> LimitState {
    let mut state = eventful().watch.state().clone();
    state.guard.holds.last_mut().unwrap().merged = Some(7);
    state
}

#[test]
fn what_is_stored_keeps_its_bytes() {
    assert_golden(&merged());
    assert_golden(&LimitChange {
        name: "day".into(),
        definition: Some(r#"{"rule": "daily_loss"}"#.into()),
        version: 2,
        author: "ann".into(),
    });
}

/// Before, all stops of one kind were one cause.
#[test]
fn what_a_former_release_stored_holds_on_until_it_is_named() {
    let mut former = eventful().watch.state().clone();
    former.guard.holds[0].group = "HALTED".into();
    assert_eq!(golden::<LimitState>(1), former);

    let mut watch = Watch::from(golden::<LimitState>(1));
    let mut command = |kind, author: &str, overrides: &[&str], verdict: &str| {
        let command = Command {
            author: author.into(),
            ..command(kind, overrides)
        };
        let done = watch.command(&command, verdict, noon());
        (
            done.err().map(|refusal| refusal.reason),
            watch.guard().state(),
        )
    };
    let unnamed = (Some(Reason::ResetNotNamed), GuardState::Halted);
    assert_eq!(command(CommandKind::Reset, "ann", &[], "v11"), unnamed);
    let halted = (None, GuardState::Halted);
    assert_eq!(command(CommandKind::Halt, "jonas", &[], "v12"), halted);
    assert_eq!(command(CommandKind::Reset, "ann", &["v10"], "v13"), unnamed);
    let active = (None, GuardState::Active);
    assert_eq!(
        command(CommandKind::Reset, "ann", &["v10", "v12"], "v14"),
        active
    );
}

#[test]
fn state_without_merged_causes_is_written_for_a_former_release() {
    let version = |state: &LimitState| {
        let mut bytes = Vec::new();
        codec::encode(state, &mut bytes).unwrap();
        let watch: Watch = codec::decode(&bytes).unwrap();
        let mut again = Vec::new();
        codec::encode(&watch, &mut again).unwrap();
        assert_eq!(again, bytes);
        codec::unframe(&bytes).unwrap().0.version
    };
    assert_eq!(version(eventful().watch.state()), 1);
    assert_eq!(version(&merged()), 2);
}

#[test]
fn a_stored_watch_comes_back_the_same() {
    let harness = eventful();
    let back = through(harness.watch.state());
    assert_eq!(&back, harness.watch.state());
    assert_eq!(through(&LimitState::default()), LimitState::default());
    assert_eq!(through(&merged()), merged());
}

#[test]
fn a_restored_watch_goes_on_the_same() {
    let mut harness = eventful();
    let mut copy = eventful();
    copy.watch = Watch::from(through(harness.watch.state()));
    for (second, amount) in [
        (1, "9800"),
        (2, "9600"),
        (60, "9990"),
        (70_000, "9000"),
        (90_000, "20000"),
    ] {
        for harness in [&mut harness, &mut copy] {
            harness.now = seconds_on(noon(), second);
        }
        assert_eq!(
            copy.latch(amount, 20),
            harness.latch(amount, 20),
            "after {second} s"
        );
        assert_eq!(copy.watch.state(), harness.watch.state());
        assert_eq!(copy.watch.guard(), harness.watch.guard());
    }
}

#[test]
fn what_did_not_change_need_not_be_stored_again() {
    let mut harness = LimitsHarness::new(
        r#"
        {name="dd", rule="max_drawdown", mode="trailing", basis="marked", breach="500", action="halted"}
        {name="window", rule="max_drawdown", mode="rolling", window="1h", basis="marked", breach="500", action="halted"}
        "#,
    );
    harness.set_equity("10000");
    assert!(harness.watch.take_changed());
    for amount in ["9900", "10000", "9950"] {
        harness.set_equity(amount);
        assert!(!harness.watch.take_changed(), "{amount} is no new high");
    }
    harness.set_equity("10001");
    assert!(harness.watch.take_changed());
    harness.set_equity("9400");
    assert!(harness.watch.take_changed(), "breached");
}

#[test]
fn a_stored_change_of_a_limit_comes_back_the_same() {
    for definition in [None, Some("{}".to_owned())] {
        let change = LimitChange {
            name: "day".to_owned(),
            definition,
            version: 7,
            author: "maria".to_owned(),
        };
        let mut bytes = Vec::new();
        codec::encode(&change, &mut bytes).unwrap();
        assert_eq!(codec::decode::<LimitChange>(&bytes).unwrap(), change);
    }
}
