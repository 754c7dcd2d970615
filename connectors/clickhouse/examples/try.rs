#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::pedantic)]
use std::borrow::Cow;
use std::time::{Duration, Instant};
use tapeline_clickhouse::*;
use tapeline_kafka::*;
use tapeline_model::records::Quote;
use tapeline_model::{Event, Micros};
use tapeline_schemas::topics::Topic;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let get = |name: &str, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let mut kafka = KafkaSettings {
        bootstrap: get("KAFKA", ""),
        topic_prefix: get("PREFIX", "t."),
        ..Default::default()
    };
    let settings = StoreSettings {
        url: get("CH", ""),
        database: get("DB", "t"),
        compress: get("LZ4", "") == "1",
        ..Default::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let store = Store::connect(&settings).unwrap();
    if let Ok(app) = std::env::var("APP") {
        kafka.app_id = app;
    }
    kafka
        .properties
        .insert("session.timeout.ms".into(), "6000".into());
    let names = kafka.names();
    let topic = names.topic(Topic::MarketQuotes).to_owned();
    match args[0].as_str() {
        "setup" => {
            let admin = Admin::new(&kafka).unwrap();
            admin.apply(&admin.plan().unwrap()).unwrap();
            println!("{:?}", runtime.block_on(apply(&store)).unwrap());
            println!("{:?}", runtime.block_on(plan(&store)).unwrap());
        }
        "produce" => {
            let n: u64 = args[1].parse().unwrap();
            let from: u64 = args.get(2).map_or(0, |x| x.parse().unwrap());
            let poison: u64 = args.get(3).map_or(u64::MAX, |x| x.parse().unwrap());
            let publisher = Publisher::new(&kafka, "try").unwrap();
            let mut out = Vec::new();
            let base = 1_795_251_600_000_000i64;
            let started = Instant::now();
            for i in from..from + n {
                let symbol = format!("SYM{}", i % 500);
                let event = Event::Quote(Quote {
                    symbol: Cow::Borrowed(&symbol),
                    venue: Cow::Borrowed("DEMO"),
                    seq: i as i64,
                    bid_price: tapeline_model::money::Price::from_raw(
                        10_000_000_000 + (i as i64 * 7919) % 1_000_000,
                    )
                    .unwrap(),
                    ask_price: tapeline_model::money::Price::from_raw(
                        10_000_100_000 + (i as i64 * 7919) % 1_000_000,
                    )
                    .unwrap(),
                    bid_size: tapeline_model::money::Quantity::from_raw(100_000_000).unwrap(),
                    ask_size: tapeline_model::money::Quantity::from_raw(200_000_000).unwrap(),
                    // three days, mixed
                    event_time: Micros(if i % poison == poison - 1 {
                        -5
                    } else {
                        base + (i as i64 % 3) * 86_400_000_000 + i as i64 * 100
                    }),
                    ingest_time: Micros(base),
                    source: Cow::Borrowed("try"),
                });
                event.encode(&mut out).unwrap();
                if i % (poison.saturating_mul(2)) == poison {
                    out.truncate(9);
                }
                publisher
                    .publish(&topic, symbol.as_bytes(), &out, &[], None)
                    .unwrap();
            }
            publisher.flush(Duration::from_secs(60)).unwrap();
            println!("produced {n} in {:?}", started.elapsed());
        }
        "sink" => {
            let seconds: f64 = args[1].parse().unwrap();
            let target: u64 = args.get(2).map_or(u64::MAX, |x| x.parse().unwrap());
            let mut s = SinkSettings::default();
            if let Ok(v) = std::env::var("ROWS") {
                s.batch_rows = v.parse().unwrap();
            }
            if let Ok(v) = std::env::var("AGE") {
                s.batch_age = Duration::from_millis(v.parse().unwrap());
            }
            if let Ok(v) = std::env::var("BUF") {
                s.buffer_bytes = v.parse().unwrap();
                s.batch_bytes = s.buffer_bytes / 4;
            }
            let sink = Sink::new(&kafka, store, s, runtime.handle().clone()).unwrap();
            let progress = sink.progress();
            let started = Instant::now();
            let first = std::cell::Cell::new(None);
            let p = progress.clone();
            if let Ok(v) = std::env::var("KILL") {
                let p = progress.clone();
                let after: u64 = v.parse().unwrap();
                std::thread::spawn(move || {
                    while p.ranges() == 0 {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    std::thread::sleep(Duration::from_millis(after));
                    std::process::Command::new("kill")
                        .args(["-9", &std::process::id().to_string()])
                        .status()
                        .unwrap();
                });
            }
            let outcome = sink.run(|| {
                if first.get().is_none() && p.ranges() > 0 {
                    first.set(Some(Instant::now()));
                }
                started.elapsed().as_secs_f64() > seconds || p.rows(Topic::MarketQuotes) >= target
            });
            let took = first.get().map_or(Duration::ZERO, |f| f.elapsed());
            let rows = progress.rows(Topic::MarketQuotes);
            println!(
                "{outcome:?} rows={rows} ranges={} retries={} refused={} failing={:?} since first insert {took:?} = {:.0} rows/s; cpu {}",
                progress.ranges(),
                progress.retries(),
                progress.refused(),
                progress.failing(),
                rows as f64 / took.as_secs_f64(),
                cpu()
            );
        }
        "junk" => {
            let publisher = Publisher::new(&kafka, "try").unwrap();
            for t in Topic::ALL {
                for i in 0..3u8 {
                    publisher
                        .publish(names.topic(*t), b"k", &[0, 0, 0, 0, 1, i], &[], None)
                        .unwrap();
                }
            }
            publisher.flush(Duration::from_secs(10)).unwrap();
        }
        "audit" => {
            let started = Instant::now();
            let options = AuditOptions {
                wait: std::env::var("WAIT")
                    .ok()
                    .map(|s| Duration::from_secs(s.parse().unwrap())),
                ..Default::default()
            };
            let report = audit(&kafka, &store, &options, runtime.handle(), |_, _| {});
            match report {
                Ok(report) => {
                    for t in report
                        .topics
                        .iter()
                        .filter(|t| t.kafka_records > 0 || t.store_rows > 0)
                    {
                        println!("{}", serde_json::to_string(t).unwrap());
                    }
                    println!(
                        "AUDIT lost={} duplicated={} extra={} in {:?}",
                        report.lost,
                        report.duplicated,
                        report.extra,
                        started.elapsed()
                    );
                }
                Err(error) => println!("AUDIT ERROR {error}"),
            }
            println!("{:?}", runtime.block_on(counts(&store)));
        }
        _ => panic!(),
    }
}

fn cpu() -> String {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let rss = status
        .lines()
        .find(|l| l.starts_with("VmHWM"))
        .unwrap()
        .to_owned();
    format!(
        "user {} ms sys {} ms {rss}",
        f[11].parse::<u64>().unwrap() * 10,
        f[12].parse::<u64>().unwrap() * 10
    )
}
