//! What people ask the store.

use serde_json::{Value, json};
use tapeline_clickhouse::{Password, Store, StoreSettings};
use tapeline_model::Event;
use tapeline_model::records::Side;
use tapeline_schemas::topics::Topic;
use tapeline_tests::{Namespace, shared};

use crate::bad_input::damage;
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
    running.stop().ok();

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
    let listed = listed.as_array().unwrap();
    assert!(listed.len() > 20, "{listed:?}");
    for query in listed {
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
    for batch in 0..3 {
        namespace.query(&format!(
            "INSERT INTO positions (portfolio, account, symbol, strategy, currency, realised_change, fees_change, income_change, \
             trade_side, trade_quantity, trade_opened_at, trade_result, event_time, ingest_time, _partition, _offset) \
             WITH number % 3 = 0 AS closes, toDateTime64('2026-11-20 10:00:00', 6, 'UTC') + toIntervalHour(number % 60) AS at \
             SELECT concat('P', toString(number % 2)), 'A', concat('S', toString(number % 5)), 'one', 'USD', 1, 0.5, NULL, \
             if(closes, 'BUY', NULL), if(closes, 5, NULL), if(closes, at - toIntervalSecond(number), NULL), \
             if(closes AND number % 4 > 0, toDecimal128(number, 8) - 200, NULL), at, at, 0, number + {batch} * 1000 FROM numbers(500)"
        ));
        namespace.query(&format!(
            "INSERT INTO equity (portfolio, currency, equity, high_water, drawdown, event_time, ingest_time, _partition, _offset) \
             WITH toDateTime64('2026-11-20 10:00:00', 6, 'UTC') + toIntervalMinute(number * 10) AS at \
             SELECT concat('P', toString(number % 2)), 'USD', 100, number % 90, (number * 7 + {batch}) % 501, at, at, 0, number + {batch} * 1000 \
             FROM numbers(500)"
        ));
    }
    for (view, key) in [
        ("v_quote_bars_1m", "symbol, start"),
        ("v_quote_bars_1h", "symbol, start"),
        ("v_quote_bars_1d", "symbol, start"),
        ("v_quote_rates", "symbol, minute"),
        ("v_pnl_by_day", "day, portfolio"),
        ("v_pnl_by_symbol", "portfolio, symbol"),
        ("v_pnl_by_strategy", "portfolio, strategy"),
        ("v_performance", "portfolio, strategy"),
        ("v_hold_times", "portfolio, symbol"),
        ("v_drawdowns", "day, portfolio"),
    ] {
        let asked = |setting: &str| {
            namespace.query(&format!(
                "SELECT * FROM {view} ORDER BY {key} SETTINGS {setting}"
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
    namespace.query("TRUNCATE TABLE quotes");
    namespace.query(
        "CREATE TABLE quotes__old AS quotes ENGINE = Merge(currentDatabase(), '^quotes__old$')",
    );
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
    running.stop().ok();
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
    let replayed =
        namespace.program(["deadletters", "replay", "--reason", "NOT_STORABLE", "--yes"]);
    replayed.run().ok();
    namespace.query_until("SELECT count() FROM quotes", "4");
    running.stop().ok();
}

/// From each release on, with rows in the tables, the migrations lead to the same store.
#[test]
fn every_former_store_becomes_the_present_one() {
    let namespace = Namespace::new("former", "");
    let tables = |database: &str| {
        let sql = format!(
            "SELECT name, replaceAll(create_table_query, '{database}', 'db') FROM system.tables \
             WHERE database = '{database}' AND name NOT LIKE '\\_%' ORDER BY name"
        );
        namespace.query(&sql)
    };
    let present = tables(&namespace.database);
    let versions: u32 = namespace
        .query("SELECT max(version) FROM _migrations")
        .parse()
        .unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for version in 1..versions {
        let database = format!("{}_from_{version}", namespace.database);
        let settings = StoreSettings {
            url: shared().clickhouse.clone(),
            database: database.clone(),
            password: Password::new(&shared().password),
            ..StoreSettings::default()
        };
        let store = Store::connect(&settings).unwrap();
        let row = format!(
            "INSERT INTO {database}.quotes (symbol, seq, bid_price, event_time) VALUES ('S', 1, 9.5, '2026-11-20 10:00:00')"
        );
        let applied = runtime.block_on(async {
            tapeline_clickhouse::apply_up_to(&store, version)
                .await
                .unwrap();
            store.execute(&row).await.unwrap();
            tapeline_clickhouse::apply(&store).await.unwrap()
        });
        assert_eq!(applied.len(), (versions - version) as usize);
        assert_eq!(tables(&database), present, "from version {version}");
        let kept = namespace.query(&format!("SELECT bid_price FROM {database}.quotes"));
        assert_eq!(kept, "9.5");
    }
}

/// What somebody changed by hand, or edited after it was applied, is refused and shown.
#[test]
fn a_store_that_is_not_ours_is_refused_with_the_difference() {
    let namespace = Namespace::new("drift", "");
    namespace.query("ALTER TABLE quotes DROP PROJECTION of_minute");
    namespace.query("ALTER TABLE trades MODIFY COLUMN size Float64");
    let planned = namespace.program(["store", "plan"]).run();
    assert_eq!(planned.status.code(), Some(1), "{}", planned.stderr);
    let expected = "trades.size is Float64 and should be Decimal(18, 8)";
    assert!(planned.stdout.contains(expected), "{}", planned.stdout);
    let refused = namespace.program(["store", "apply"]).run();
    assert_ne!(refused.status.code(), Some(0));
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);

    let edited = "ALTER TABLE _migrations UPDATE checksum = 'x', sql = replaceOne(sql, 'Every quote as it arrived', 'Nearly every quote') \
                  WHERE version = 1 SETTINGS mutations_sync = 1";
    namespace.query(edited);
    let refused = namespace.program(["store", "apply"]).run();
    assert_ne!(refused.status.code(), Some(0));
    for part in [
        "migration 1",
        "- COMMENT 'Nearly every quote",
        "+ COMMENT 'Every quote as it arrived",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
}

#[test]
fn tables_keep_their_rows_for_as_long_as_they_are_told() {
    let namespace = Namespace::new("kept", "[clickhouse.retention]\nquotes = '90days'\n");
    let ttl = "SELECT engine_full LIKE '%TTL event_time + toIntervalSecond(7776000)%' FROM system.tables \
               WHERE database = currentDatabase() AND name = 'quotes'";
    assert_eq!(namespace.query(ttl), "1");
    namespace.program(["store", "plan"]).run().ok();
    let running = namespace.roles(&["sinks"]);
    for (symbol, days_ago) in [("OLD", 200), ("NEW", 0)] {
        let mut quote = quote(symbol, "9", "11");
        let now = namespace.query("SELECT toUnixTimestamp64Micro(now64(6))");
        quote.event_time.0 = now.parse::<i64>().unwrap() - days_ago * 86_400_000_000;
        namespace.publish(&Event::Quote(quote));
    }
    namespace.query_until("SELECT count() > 0 FROM quotes WHERE symbol = 'NEW'", "1");
    namespace.query("OPTIMIZE TABLE quotes FINAL");
    running.stop().ok();
    namespace.query_until("SELECT count() FROM quotes", "1");
    // What is past its time is not lost.
    let audit = namespace.program(["audit", "--table", "quotes", "--json"]);
    let audit = audit.run().ok().json();
    assert_eq!(audit["topics"][0]["expired"], json!(1), "{audit}");
    let wrong = namespace.folder().join("wrong.toml");
    std::fs::write(&wrong, "[clickhouse.retention]\nquote = '1h'\n").unwrap();
    let checked = namespace.program(["check", "--config", "wrong.toml"]).run();
    assert_ne!(checked.status.code(), Some(0));
    assert!(
        checked.stderr.contains("clickhouse.retention.quote"),
        "{}",
        checked.stderr
    );
}

/// An audit compares contents, too, and a table comes back from a file.
#[test]
fn a_changed_row_is_found_and_rows_come_back_from_a_file() {
    let namespace = Namespace::new("archive", ACCOUNTS);
    let running = namespace.roles(&["sinks"]);
    for number in 0..20 {
        namespace.publish(&fill("a1", &format!("e{number}"), "10", "10"));
    }
    namespace.query_until("SELECT count() FROM fills", "20");
    running.stop().ok();
    let file = "fills.parquet";
    namespace
        .program(["store", "export", "fills", file])
        .run()
        .ok();
    let again = namespace.program(["store", "export", "fills", file]).run();
    assert_eq!(again.status.code(), Some(2), "{}", again.stderr);

    let change =
        "ALTER TABLE fills UPDATE price = 11 WHERE exec_id = 'e7' SETTINGS mutations_sync = 1";
    namespace.query(change);
    let audited = namespace
        .program(["audit", "--table", "fills", "--since", "1h", "--json"])
        .run();
    assert_eq!(audited.status.code(), Some(1), "{}", audited.stderr);
    let audit = audited.json();
    assert_eq!(audit["differing"], json!(1), "{audit}");
    assert_eq!(audit["topics"][0]["sampled"], json!(20), "{audit}");
    namespace.program(["store", "rebuild", "fills"]).run().ok();
    namespace.program(["audit", "--table", "fills"]).run().ok();

    // What the topic still holds is never taken from a file.
    let backfill = || {
        let ran = namespace.program(["store", "backfill", "fills", file, "--json"]);
        ran.run().ok().json()
    };
    assert_eq!(backfill(), json!({"rows": 20, "added": 0}));
    let before = namespace.query("SELECT * EXCEPT _inserted FROM fills ORDER BY ALL");
    namespace.query("TRUNCATE TABLE fills");
    damage(&namespace, "remove-records", "broker.fills", &[]);
    assert_eq!(backfill(), json!({"rows": 20, "added": 20}));
    assert_eq!(backfill(), json!({"rows": 20, "added": 0}));
    let after = namespace.query("SELECT * EXCEPT _inserted FROM fills ORDER BY ALL");
    assert_eq!(after, before);
}
