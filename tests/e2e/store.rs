//! What people ask the store.

use serde_json::{Value, json};
use tapeline_model::Event;
use tapeline_model::records::Side;
use tapeline_schemas::topics::Topic;
use tapeline_tests::Namespace;

use crate::records::{deposit, fill, quote};

const ACCOUNTS: &str = "[[accounts]]\nid = 'a1'\nportfolio = 'one'\n";

fn sold(exec_id: &str, quantity: &str, price: &str) -> Event<'static> {
    let Event::Fill(mut fill) = fill("a1", exec_id, quantity, price) else {
        unreachable!("a fill is a fill");
    };
    fill.side = Side::Sell;
    Event::Fill(fill)
}

fn ask(namespace: &Namespace, question: &str, parameter: &str) -> Value {
    let arguments = ["query", question, "--json", "--param", parameter];
    namespace.program(arguments).run().ok().json()
}

#[test]
fn questions_are_answered_from_what_happened() {
    let namespace = Namespace::new("ask", ACCOUNTS);
    let running = namespace.roles(&["processors", "sinks"]);
    namespace.publish(&deposit());
    namespace.publish(&Event::Quote(quote("S", "9", "11")));
    namespace.read_at_least(Topic::MarketMarks, 1);
    namespace.publish(&fill("a1", "e1", "10", "10"));
    namespace.publish(&sold("e2", "4", "12"));
    namespace.publish(&sold("e3", "6", "13"));
    namespace.publish(&fill("a1", "e4", "5", "10"));
    namespace.query_until("SELECT count() FROM positions", "4");
    running.stop();

    // Four at two more and six at three more than they cost, less three fees of 0.50; the
    // fourth fee is of the position that is open.
    let performance = ask(&namespace, "performance", "portfolio=one");
    assert_eq!(performance[0]["trades"], json!(1), "{performance}");
    assert_eq!(performance[0]["best"], json!("24.5"), "{performance}");
    let days = ask(&namespace, "pnl_by_day", "days=20000");
    assert_eq!(days[0]["realised"], json!("24"), "{days}");
    let held = ask(&namespace, "positions", "portfolio=one");
    assert_eq!(held[0]["quantity"], json!("5"), "{held}");
    assert_eq!(held[0]["market_value"], json!("50"), "{held}");
    // Bought at the middle of 9 and 11, sold above it.
    let fills = namespace.query("SELECT sum(cost) FROM v_slippage");
    assert_eq!(fills, "-26");

    let evil = "portfolio=x' OR 1=1 --";
    assert_eq!(ask(&namespace, "positions", evil), json!([]));
    let said = namespace.program(["query", "nonsense"]).run();
    assert!(
        said.stderr.contains("`nonsense` is no question"),
        "{}",
        said.stderr
    );
    assert_eq!(said.status.code(), Some(2));
    let listed = namespace.program(["query", "--json"]).run().ok().json();
    for query in listed.as_array().unwrap() {
        let name = query["name"].as_str().unwrap();
        namespace.program(["query", name]).run().ok();
        namespace.program(["query", name, "--csv"]).run().ok();
    }
    let views = namespace.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'v\\_%'",
    );
    assert!(views.lines().count() > 25, "{views}");
    for view in views.lines() {
        // Panics on an error.
        namespace.query(&format!("SELECT * FROM {view} LIMIT 10"));
    }
}

/// Sums that lie beside the rows are what the rows come to, and are what is read.
#[test]
fn sums_kept_with_the_rows_are_used_and_right() {
    let namespace = Namespace::new("sums", "");
    for batch in 0..3 {
        namespace.query(&format!(
            "INSERT INTO quotes (symbol, seq, bid_price, ask_price, event_time, ingest_time, _partition, _offset) \
             SELECT concat('S', toString(number % 5)), number, number % 7, number % 7 + 2, \
             toDateTime64('2026-11-20 10:00:00', 6, 'UTC') + toIntervalSecond((number * 37 + {batch}) % 600), \
             toDateTime64('2026-11-20 10:00:01', 6, 'UTC'), 0, number + {batch} * 1000 FROM numbers(1000)"
        ));
    }
    for (view, key) in [
        ("v_quote_bars_1m", "start"),
        ("v_quote_bars_1h", "start"),
        ("v_quote_bars_1d", "start"),
        ("v_quote_rates", "minute"),
    ] {
        let asked = |setting: &str| {
            namespace.query(&format!(
                "SELECT * FROM {view} ORDER BY symbol, {key} SETTINGS {setting}"
            ))
        };
        let kept = asked("force_optimize_projection = 1");
        let anew = asked("optimize_use_projections = 0");
        assert!(!kept.is_empty());
        assert_eq!(kept, anew, "{view}");
    }
}
