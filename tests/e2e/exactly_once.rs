//! Processes that are killed in the middle: every record still counts once.

use std::time::Duration;

use tapeline_model::Event;
use tapeline_model::records::Mark;
use tapeline_schemas::topics::Topic;
use tapeline_tests::{Namespace, Running, get};

use crate::records::{fill, quote};

const WITHIN: Duration = Duration::from_secs(60);
const ROUNDS: usize = 4;
const FILLS: usize = 50;
const CONFIGURATION: &str = "[[accounts]]\nid = 'a1'\nportfolio = 'one'\n[sink]\nbatch_age = '50ms'\n[processors]\nsnapshot_transactions = 20\n";

#[test]
fn killed_processors_and_sinks_count_every_record_once() {
    let namespace = Namespace::new("killed", CONFIGURATION);
    for round in 0..ROUNDS {
        let running = namespace.roles(&["processors", "sinks"]);
        for n in 0..FILLS {
            let number = round * FILLS + n;
            namespace.publish(&fill("a1", &format!("e{number}"), "1", "10"));
            namespace.publish(&Event::Quote(quote(
                &format!("S{}", number % 7),
                "10",
                "11",
            )));
        }
        // Killed while it works: something was committed, not all need be.
        namespace.read_at_least(Topic::RiskPositions, round * FILLS + 1);
        running.kill_nine();
    }
    let running = namespace.roles(&["processors", "sinks"]);
    let total = ROUNDS * FILLS;
    let positions = namespace.read_at_least(Topic::RiskPositions, total);
    let last = positions.iter().max_by_key(|m| m.offset).unwrap();
    let Event::Position(last) = Event::decode(Topic::RiskPositions, last.value.as_deref()).unwrap()
    else {
        panic!("no position");
    };
    // Bought 1 at 10 for a fee of 0.5, each time.
    assert_eq!(last.quantity.to_string(), total.to_string());
    assert_eq!(last.fees.to_string(), (total / 2).to_string());

    let counted = format!("{total}\t{total}");
    namespace.query_until("SELECT count(), uniqExact(exec_id) FROM fills", &counted);
    namespace.query_until(
        "SELECT count(), uniqExact(_partition, _offset) FROM positions",
        &counted,
    );
    let audit = namespace.program(["audit", "--json"]).run().ok().json();
    assert_eq!(
        (&audit["lost"], &audit["duplicated"]),
        (&0.into(), &0.into()),
        "{audit}"
    );
    running.stop().ok();
    // Only now, after the last commit, is it known that none came twice.
    assert_eq!(
        namespace.read(Topic::RiskPositions).len(),
        total,
        "one position a fill, committed once"
    );

    // What the killed and restarted tasks did comes out again, bit for bit.
    for processor in ["market", "risk"] {
        let replayed = namespace
            .program(["replay", "--processor", processor, "--verify", "--json"])
            .run();
        let reports = replayed.ok().json();
        let sum = |key: &str| -> u64 {
            let tasks = reports.as_array().unwrap().iter();
            tasks.map(|task| task[key].as_u64().unwrap()).sum()
        };
        assert_eq!(sum("differences"), 0, "{reports}");
        assert!(sum("transactions") > 0, "{reports}");
    }

    // Every quote stands behind exactly one count of its symbol's marks.
    let mut quotes = std::collections::BTreeMap::new();
    for message in namespace.read(Topic::MarketMarks) {
        let Event::Mark(Mark {
            symbol,
            quotes: count,
            ..
        }) = Event::decode(Topic::MarketMarks, message.value.as_deref()).unwrap()
        else {
            panic!("no mark");
        };
        quotes.insert(symbol.into_owned(), count);
    }
    assert_eq!(quotes.values().sum::<i64>(), total as i64, "{quotes:?}");
}

#[test]
fn a_second_process_takes_over_what_the_first_one_leaves() {
    let namespace = Namespace::new("takeover", CONFIGURATION);
    let first = namespace.roles(&["processors"]);
    namespace.publish(&fill("a1", "e1", "1", "10"));
    namespace.read_at_least(Topic::RiskPositions, 1);
    let second = namespace.roles(&["processors"]);
    first.stop().ok();
    namespace.publish(&fill("a1", "e2", "1", "10"));
    namespace.read_at_least(Topic::RiskPositions, 2);
    second.stop().ok();
    let positions = namespace.read(Topic::RiskPositions);
    let quantities: Vec<String> = positions
        .iter()
        .map(
            |m| match Event::decode(Topic::RiskPositions, m.value.as_deref()).unwrap() {
                Event::Position(position) => position.quantity.to_string(),
                other => panic!("{other:?}"),
            },
        )
        .collect();
    assert_eq!(quantities, ["1", "2"]);
}

#[test]
fn the_audit_finds_a_lost_and_a_doubled_row() {
    let namespace = Namespace::new("audit", CONFIGURATION);
    let running = namespace.roles(&["sinks"]);
    for n in 0..5 {
        namespace.publish(&fill("a1", &format!("e{n}"), "1", "10"));
    }
    namespace.query_until("SELECT count() FROM fills", "5");
    running.stop().ok();
    namespace.program(["audit"]).run().ok();

    namespace.query("INSERT INTO fills SELECT * FROM fills WHERE exec_id = 'e3' SETTINGS insert_deduplicate = 0");
    namespace.query("ALTER TABLE fills DELETE WHERE exec_id = 'e1' SETTINGS mutations_sync = 2");
    let finished = namespace.program(["audit", "--json"]).run();
    assert_eq!(finished.code(), 1, "{finished:?}");
    let audit = finished.json();
    assert_eq!(
        (&audit["lost"], &audit["duplicated"]),
        (&1.into(), &1.into()),
        "{audit}"
    );
}

/// More processes than tasks: whoever has none is ready to take one.
#[test]
fn a_process_without_a_task_is_ready_and_takes_over() {
    let namespace = Namespace::new("surplus", CONFIGURATION);
    let [first, second, third] = [(); 3].map(|()| namespace.roles(&["processors"]));
    first.kill_nine();
    second.kill_nine();
    namespace.publish(&fill("a1", "e1", "1", "10"));
    namespace.read_at_least(Topic::RiskPositions, 1);
    third.stop().ok();
    assert_eq!(namespace.read(Topic::RiskPositions).len(), 1);
}

/// A standby follows the state, so that taking a task over reads next to nothing.
#[test]
fn a_standby_takes_over_without_reading_everything_again() {
    const SYMBOLS: usize = 400;
    let configuration = "[processors]\nrun = ['market']\nstandby = true\n";
    let namespace = Namespace::new("standby", configuration);
    let first = namespace.roles(&["processors"]);
    for n in 0..SYMBOLS {
        namespace.publish(&Event::Quote(quote(&format!("S{n}"), "10", "10.02")));
    }
    namespace.read_at_least(Topic::MarketMarks, SYMBOLS);
    let mut second = namespace.roles(&["processors"]);
    second.until("it runs one task and follows the other", WITHIN, |second| {
        let followed = series(second, "tapeline_standby_tasks{");
        (followed == [1.0]).then_some(())
    });
    second.until("it has read what it follows", WITHIN, |second| {
        let read = series(second, "tapeline_standby_records{");
        let read = read.iter().sum::<f64>();
        (read >= SYMBOLS as f64 / 4.0).then_some(())
    });
    let before = second.until("it has taken its task", WITHIN, |second| {
        let read = series(second, "tapeline_restore_records{");
        (read.len() == 1).then(|| read[0])
    });
    first.kill_nine();
    let both = second.until("it has taken both tasks", WITHIN, |second| {
        let read = series(second, "tapeline_restore_records{");
        (read.len() == 2).then(|| read.iter().sum::<f64>())
    });
    // Without a standby it would be a quarter of the symbols at least.
    let read = both - before;
    assert!(read < 50.0, "{read} records");
    second.stop().ok();
}

/// The values of all series whose line begins so.
fn series(running: &Running, beginning: &str) -> Vec<f64> {
    let said = running.stderr();
    let mut lines = said.lines();
    let address = lines.find_map(|line| line.strip_prefix("metrics and health on "));
    let text = address.and_then(|address| get(address, "/metrics").ok());
    let text = text.map_or(String::new(), |(_, text)| text);
    let found = text.lines().filter(|line| line.starts_with(beginning));
    found
        .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
        .collect()
}
