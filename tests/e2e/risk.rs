//! Limits, the guard, and what a person does about them, from the terminal.

use tapeline_model::Event;
use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_model::records::{OrderRequest, Side};
use tapeline_schemas::topics::Topic;
use tapeline_tests::{Finished, Namespace, Program, Running};

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

/// Live and replayed, every decision comes to the same bytes.
fn replays_alike(namespace: &Namespace) {
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

    replays_alike(&namespace);
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

/// `tapeline risk …` about `one`. After a kill, its task is free only once its session ended.
fn about_one(namespace: &Namespace, action: &str, author: &str, more: &[&str]) -> Finished {
    let mut arguments = vec!["risk", action, "one", "--author", author, "--wait", "60s"];
    arguments.extend(more);
    Program::new(arguments).folder(&namespace.folder()).run()
}

fn stop(namespace: &Namespace, action: &str, author: &str, reason: &str) -> String {
    let told = about_one(namespace, action, author, &["--reason", reason, "--json"]).ok();
    let told = told.json();
    assert_eq!(told[0]["guard"], "HALTED");
    told[0]["verdict"].as_str().unwrap().to_owned()
}

fn guard(namespace: &Namespace) -> (String, Vec<String>) {
    let status = namespace.program(["risk", "status", "one", "--json"]).run();
    let one = &status.json()[0];
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let held_by = one["held_by"].as_array().unwrap().iter();
    let held_by = held_by.map(|held| text(&held["verdict"])).collect();
    (text(&one["guard"]), held_by)
}

#[test]
fn what_a_second_person_stopped_holds_until_it_is_named_as_well() {
    let namespace = Namespace::new("second", CONFIGURATION);
    let running = namespace.roles(&["processors"]);
    let maria = stop(&namespace, "kill", "maria", "the prices are wrong");
    let jonas = stop(&namespace, "kill", "jonas", "do not trade before my call");
    running.kill_nine();

    let running = namespace.roles(&["processors"]);
    let ann = stop(&namespace, "reduce", "ann", "it is late");
    let all = [maria, jonas, ann];
    assert_eq!(guard(&namespace), ("HALTED".into(), all.to_vec()));
    let looked = about_one(&namespace, "reset", "maria", &["--reason", "look"]);
    looked.failed(2, &[&all[0], &all[1], &all[2]]);
    for (id, said) in all.iter().zip([
        "maria halted trading: the prices are wrong",
        "jonas halted trading: do not trade before my call",
        "ann allowed nothing but reducing: it is late",
    ]) {
        let line = format!("{id}  {said}");
        assert!(looked.stdout.contains(&line), "{}", looked.stdout);
    }

    let reset = |named: &[&str]| {
        let mut more = vec!["--reason", "prices are right"];
        for id in named {
            more.extend(["--verdict", *id]);
        }
        about_one(&namespace, "reset", "maria", &more)
    };
    let [maria, jonas, ann] = all.each_ref().map(String::as_str);
    reset(&[maria]).failed(1, &["RESET_NOT_NAMED", jonas, ann]);
    reset(&[maria, jonas]).failed(1, &["RESET_NOT_NAMED", ann]);
    assert_eq!(guard(&namespace), ("HALTED".into(), all.to_vec()));
    running.stop().ok();

    let running = namespace.roles(&["processors"]);
    reset(&[maria, ann]).failed(1, &["RESET_NOT_NAMED", jonas]);
    let said = reset(&[maria, jonas, ann]).ok();
    let active = "one is ACTIVE: maria reset the guard from HALTED: prices are right";
    assert!(said.stdout.contains(active), "{}", said.stdout);
    assert_eq!(guard(&namespace), ("ACTIVE".into(), Vec::new()));
    reset(&[maria]).failed(1, &["NOTHING_TO_RESET"]);
    running.stop().ok();
    replays_alike(&namespace);
}
