//! Limits, the guard, and what a person does about them, from the terminal.

use tapeline_model::Event;
use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::records::{OrderRequest, Side};
use tapeline_schemas::topics::Topic;
use tapeline_tests::{Namespace, Running};

use crate::records::{deposit, fill, quote};

const CONFIGURATION: &str = "\
[[accounts]]
id = 'a1'
portfolio = 'one'
[[accounts]]
id = 'a2'
portfolio = 'two'
[[limits]]
name = 'dd'
rule = 'max_drawdown'
mode = 'trailing'
basis = 'marked'
warn = '80'
breach = '100'
action = 'halted'
";

fn request(id: &str) -> Event<'static> {
    let time = quote("S", "1", "1").event_time;
    Event::Request(OrderRequest {
        request_id: id.into(),
        portfolio: PortfolioId::new("one"),
        account: AccountId::new("a1"),
        symbol: Symbol::new("S"),
        side: Side::Sell,
        quantity: "1".parse().unwrap(),
        limit_price: None,
        reduce_only: false,
        strategy: None,
        author: "test".into(),
        reason: "to see".into(),
        signal_id: None,
        event_time: time,
        ingest_time: time,
        source: "test".into(),
    })
}

/// 50 of S at 10 in `one`, priced at 7 after it was priced at 10.
fn halted(namespace: &Namespace) -> Running {
    let running = namespace.roles(&["processors"]);
    namespace.publish(&deposit());
    namespace.publish(&fill("a1", "e1", "50", "10"));
    namespace.read_at_least(Topic::RiskPositions, 1);
    namespace.publish(&Event::Quote(quote("S", "9.99", "10.01")));
    namespace.read_at_least(Topic::MarketMarks, 1);
    namespace.publish(&Event::Quote(quote("S", "6.99", "7.01")));
    namespace.read_at_least(Topic::RiskVerdicts, 1);
    running
}

#[test]
fn a_breach_halts_a_portfolio_until_somebody_names_the_verdict() {
    let namespace = Namespace::new("halted", CONFIGURATION);
    let running = halted(&namespace);
    let status = namespace.program(["risk", "status", "--json"]).run();
    assert_eq!(status.code(), 1, "one is halted: {status:?}");
    let one = &status.json()[0];
    assert_eq!(one["portfolio"], "one");
    assert_eq!(
        (&one["guard"], &one["state"]),
        (&"HALTED".into(), &"beyond".into())
    );
    assert_eq!(
        (&one["equity"], &one["drawdown"]),
        (&"849.5".into(), &"150.5".into())
    );
    let limit = &one["limits"][0];
    assert_eq!(
        (&limit["limit"], &limit["grade"]),
        (&"dd".into(), &"BREACH".into())
    );
    assert_eq!(
        (&limit["level"], &limit["distance"]),
        (&"100".into(), &"-50.5".into())
    );
    assert_eq!(one["verdict"]["reason"], "DRAWDOWN_BREACHED");
    let verdict = one["held_by"][0]["verdict"].as_str().unwrap();
    let sentence = "one is 150.5 USD below its high, beyond its limit of 100 USD; \
                    trading is halted until a person resets it";
    assert_eq!(one["held_by"][0]["message"], sentence);
    let shown = namespace.program(["risk", "status", "one"]).run();
    assert!(shown.stdout.contains(sentence), "{}", shown.stdout);
    let unknown = namespace.program(["risk", "status", "three"]).run();
    unknown.failed(1, &["portfolio three"]);

    namespace.publish(&request("r1"));
    let refused = "SELECT reason FROM verdicts WHERE request_id = 'r1'";
    let sink = namespace.roles(&["sinks"]);
    namespace.query_until(refused, "GUARD_HALTED");
    sink.stop().ok();

    let looked = namespace
        .program(["risk", "reset", "one", "--reason", "known"])
        .run();
    looked.failed(2, &["--verdict", verdict]);
    assert!(looked.stdout.contains(sentence), "{}", looked.stdout);
    let wrong = [
        "risk",
        "reset",
        "one",
        "--verdict",
        "x",
        "--reason",
        "known",
        "--author",
        "ann",
    ];
    namespace
        .program(wrong)
        .run()
        .failed(1, &["RESET_NOT_NAMED", verdict]);
    let right = [
        "risk",
        "reset",
        "one",
        "--verdict",
        verdict,
        "--reason",
        "known",
        "--author",
        "ann",
    ];
    let reset = namespace.program(right).run().ok();
    let said = "one is ACTIVE: ann reset the guard from HALTED: known";
    assert!(reset.stdout.contains(said), "{}", reset.stdout);
    running.stop().ok();

    // Live and replayed, every decision comes to the same bytes.
    let replayed = namespace
        .program(["replay", "--processor", "risk", "--json"])
        .run()
        .ok();
    let tasks = replayed.json();
    let done = |task: &serde_json::Value| {
        let count = |key: &str| task[key].as_u64().unwrap();
        (count("transactions"), count("differences"))
    };
    let done: Vec<(u64, u64)> = tasks.as_array().unwrap().iter().map(done).collect();
    assert!(
        done.iter()
            .map(|(transactions, _)| transactions)
            .sum::<u64>()
            >= 5,
        "{done:?}"
    );
    assert!(
        done.iter().all(|(_, differences)| *differences == 0),
        "{done:?}"
    );
}

#[test]
fn a_person_stops_everything_and_sets_limits_while_it_runs() {
    let namespace = Namespace::new("stopped", CONFIGURATION);
    let running = halted(&namespace);
    let why = ["--reason", "maintenance", "--author", "ann"];
    let [reason, maintenance, author, ann] = why;
    let all = [
        "risk",
        "kill",
        "--all",
        "--json",
        reason,
        maintenance,
        author,
        ann,
    ];
    let killed = namespace.program(all).run().ok().json();
    let killed: Vec<(&str, &str)> = killed
        .as_array()
        .unwrap()
        .iter()
        .map(|v| {
            (
                v["portfolio"].as_str().unwrap(),
                v["guard"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(killed.len(), 2);
    assert!(killed.contains(&("two", "HALTED")), "{killed:?}");

    let definition =
        r#"{"name": "gross", "rule": "gross_exposure", "breach": "300", "action": "alert"}"#;
    let set = [
        "risk",
        "limit",
        "set",
        definition,
        reason,
        maintenance,
        author,
        ann,
    ];
    let said = namespace.program(set).run().ok();
    assert!(
        said.stdout
            .contains("ann changed a limit (maintenance): now gross"),
        "{said:?}"
    );
    let listed = namespace
        .program(["risk", "limit", "list", "--json"])
        .run()
        .ok()
        .json();
    let names: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|limit| limit["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["dd", "gross"]);
    assert_eq!(
        (&listed[1]["author"], &listed[1]["version"]),
        (&"ann".into(), &1.into())
    );
    let faulty = definition.replace("300", "-300");
    let set = [
        "risk",
        "limit",
        "set",
        &faulty,
        reason,
        maintenance,
        author,
        ann,
    ];
    namespace
        .program(set)
        .run()
        .failed(2, &["limits.gross.breach"]);
    let remove = [
        "risk",
        "limit",
        "remove",
        "gross",
        reason,
        maintenance,
        author,
        ann,
    ];
    namespace.program(remove).run().ok();
    namespace
        .program(remove)
        .run()
        .failed(1, &["UNKNOWN_LIMIT"]);
    let nobody = ["risk", "reduce", "three", reason, maintenance, author, ann];
    namespace
        .program(nobody)
        .run()
        .failed(1, &["WRONG_PORTFOLIO"]);
    running.stop().ok();
}
