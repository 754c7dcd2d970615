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

/// The sink writes on while a table is filled anew, also when an earlier rebuild was cut off while
/// writes were held.
#[test]
fn a_table_is_filled_anew_while_rows_come() {
    let namespace = Namespace::new("rebuild", "");
    let running = namespace.roles(&["sinks"]);
    let send = |from: usize, to: usize| {
        for number in from..to {
            namespace.publish(&Event::Quote(quote(&format!("S{}", number % 7), "9", "11")));
        }
    };
    send(0, 60);
    namespace.query_until("SELECT count() FROM quotes", "60");
    // What is lost comes back from the topic.
    namespace.query("DELETE FROM quotes WHERE _offset % 5 = 0");
    namespace.query("CREATE TABLE quotes__old AS quotes ENGINE = Merge(currentDatabase(), '^quotes__old$')");
    namespace.query("EXCHANGE TABLES quotes AND quotes__old");
    std::thread::scope(|scope| {
        scope.spawn(|| send(60, 160));
        let rebuilt = namespace.program(["store", "rebuild", "quotes", "--json"]);
        let rebuilt = rebuilt.run().ok().json();
        assert!(rebuilt["rows"].as_u64() >= Some(60), "{rebuilt}");
        let again = namespace.program(["store", "rebuild", "market.quotes"]);
        again.run().ok();
    });
    let audit = namespace.program(["audit", "--table", "quotes", "--json"]);
    let audit = audit.run().ok().json();
    let quotes = &audit["topics"][0];
    assert_eq!(quotes["kafka_records"], json!(160), "{audit}");
    assert_eq!(quotes["store_rows"], json!(160), "{audit}");
    running.stop();
    let left = "SELECT count() FROM system.tables WHERE database = currentDatabase() \
                AND (name LIKE 'quotes\\_\\_%' OR name LIKE '\\_lock%')";
    assert_eq!(namespace.query(left), "0");
    let unknown = namespace.program(["store", "rebuild", "nonsense"]).run();
    assert_eq!(unknown.status.code(), Some(2), "{}", unknown.stderr);
}

/// What an operator's constraint refuses is kept with the reason, and the rest is in the table.
#[test]
fn a_row_that_the_store_refuses_becomes_a_dead_letter() {
    let namespace = Namespace::new("poison", "");
    namespace.query("ALTER TABLE quotes ADD CONSTRAINT sane CHECK bid_price < 100");
    for (symbol, bid) in [("A", "9"), ("B", "900"), ("C", "10"), ("D", "11")] {
        namespace.publish(&Event::Quote(quote(symbol, bid, "1000")));
    }
    let running = namespace.roles(&["sinks"]);
    namespace.query_until("SELECT count() FROM quotes", "3");
    let letters = namespace.read_at_least(Topic::DeadLetters, 1);
    assert_eq!(letters.len(), 1);
    let letter = Event::decode(Topic::DeadLetters, letters[0].value.as_deref()).unwrap();
    let Event::DeadLetter(letter) = letter else {
        unreachable!("a letter is a letter");
    };
    assert_eq!(letter.reason, "NOT_STORABLE");
    assert!(letter.message.contains("sane"), "{}", letter.message);
    namespace.program(["audit"]).run().ok();
    // Mended, and replayed from where it was kept.
    namespace.query("ALTER TABLE quotes DROP CONSTRAINT sane");
    let replayed = namespace.program(["deadletters", "replay", "--all"]);
    replayed.run().ok();
    namespace.query_until("SELECT count() FROM quotes", "4");
    running.stop();
}
