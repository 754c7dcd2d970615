#![allow(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::print_stdout, clippy::expect_used)]
//! MANUAL
use std::time::{Duration, Instant};
use tapeline_kafka::*;

fn settings(prefix: &str) -> KafkaSettings {
    KafkaSettings { bootstrap: std::env::var("BS").unwrap(), topic_prefix: format!("{prefix}{}.", std::process::id()), market_partitions: 2, portfolio_partitions: 2, properties: std::env::var("PROP").ok().into_iter().map(|p| { let (a, b) = p.split_once('=').unwrap(); (a.to_owned(), b.to_owned()) }).collect(), ..Default::default() }
}
fn ready(prefix: &str) -> (KafkaSettings, Admin) {
    let s = settings(prefix);
    let a = Admin::new(&s).unwrap();
    a.wait_ready(Duration::from_secs(10)).unwrap();
    let t = Instant::now();
    let p = a.plan().unwrap();
    assert_eq!(p.len(), 13);
    a.apply(&p).unwrap();
    println!("apply 13 topics {:?}", t.elapsed());
    assert_eq!(a.plan().unwrap(), []);
    (s, a)
}
fn cpu() -> f64 {
    let s = std::fs::read_to_string("/proc/self/stat").unwrap();
    let v: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect();
    (v[11].parse::<f64>().unwrap() + v[12].parse::<f64>().unwrap()) / 100.0
}
fn all(s: &KafkaSettings, topic: &str, p: i32) -> Vec<OwnedMessage> {
    let mut v = vec![];
    let end = read_to_end::<KafkaError>(s, topic, p, None, Duration::from_secs(20), |m| { v.push(OwnedMessage::from(m)); Ok(()) }).unwrap();
    println!("read_to_end {topic}[{p}] -> {end}, {} records", v.len());
    v
}

#[test]
fn admin() {
    let (mut s, a) = ready("adm");
    // change a setting by lowering replication is not possible; conflict:
    s.market_partitions = 3;
    let b = Admin::new(&s).unwrap();
    let plan = b.plan().unwrap();
    for c in &plan { println!("{c}"); }
    println!("{}", b.apply(&plan).unwrap_err());
    s.market_partitions = 2;
    let t = s.names().topic(tapeline_schemas::topics::Topic::Alerts).to_owned();
    // own setting stays, changed one is repaired
    a.apply(&[TopicChange::SetConfig { topic: t.clone(), setting: "retention.ms".into(), from: None, to: "12345".into() }, TopicChange::SetConfig { topic: t.clone(), setting: "segment.bytes".into(), from: None, to: "33554432".into() }]).unwrap();
    let plan = a.plan().unwrap();
    for c in &plan { println!("{c}"); }
    assert_eq!(plan.len(), 1);
    a.apply(&plan).unwrap();
    assert_eq!(a.plan().unwrap(), []);
    println!("{:?}", a.watermarks(&t).unwrap());
    println!("{}", a.partition_count("nope").unwrap_err());
    println!("{}", a.watermarks("nope").unwrap_err());
    s.replication = 3; s.topic_prefix.push('x');
    let c = Admin::new(&s).unwrap();
    println!("{}", c.apply(&c.plan().unwrap()).unwrap_err());
}

#[test]
fn tx() {
    let (s, a) = ready("tx");
    let n = s.names();
    let out = n.topic(tapeline_schemas::topics::Topic::Alerts).to_owned();
    let log = n.changelog("risk");
    let p = TaskProducer::new(&s, &n.transactional_id("risk", 0)).unwrap();
    let t = Instant::now();
    p.fence().unwrap();
    println!("fence {:?}", t.elapsed());
    let c0 = cpu();
    for gap in [0u64, 5] {
        let mut v = vec![];
        let c1 = cpu();
        for i in 0..300 {
            p.begin().unwrap();
            let t = Instant::now();
            let k = format!("{i}");
            p.send(&out, None, k.as_bytes(), Some(b"hello"), &[("h", b"v")]).unwrap();
            p.send(&log, Some(0), b"progress", Some(k.as_bytes()), &[]).unwrap();
            p.commit().unwrap();
            v.push(t.elapsed().as_secs_f64() * 1e3);
            if gap > 0 { std::thread::sleep(Duration::from_millis(gap)); }
        }
        v.sort_by(f64::total_cmp);
        println!("gap {gap}: commit p50 {:.2} p90 {:.2} p99 {:.2} max {:.2} cpu {:.3}ms/commit", v[150], v[270], v[297], v[299], (cpu() - c1) * 1e3 / 300.0);
    }
    let _ = c0;
    // abort with lots in flight
    p.begin().unwrap();
    for i in 0..50_000 { p.send(&log, Some(0), format!("a{i}").as_bytes(), Some(&[0; 100]), &[]).unwrap(); }
    let t = Instant::now();
    p.abort().unwrap();
    println!("abort 50k {:?}", t.elapsed());
    assert!(!all(&s, &log, 0).iter().any(|m| m.key.as_deref().unwrap().starts_with(b"a")));
    // zombie
    p.begin().unwrap();
    p.send(&log, Some(0), b"zombie", Some(b"z"), &[]).unwrap();
    let t = Instant::now();
    let q = TaskProducer::new(&s, &n.transactional_id("risk", 0)).unwrap();
    q.fence().unwrap();
    println!("fence over an open tx {:?}", t.elapsed());
    assert_eq!(p.commit(), Err(TxError::Fenced));
    q.begin().unwrap();
    q.send(&log, Some(0), b"owner", Some(b"z"), &[]).unwrap();
    // open tx: LSO
    let before = a.watermarks(&log).unwrap();
    q.commit().unwrap();
    println!("lso before {before:?} after {:?}", a.watermarks(&log).unwrap());
    let r = all(&s, &log, 0);
    assert_eq!(r.len(), 601);
    assert_eq!(r.last().unwrap().key.as_deref(), Some(&b"owner"[..]));
    println!("tail {:?}", tail(&s, &log, 0, 2).unwrap().iter().map(|m| m.offset).collect::<Vec<_>>());
    // drop: message for timeout too large
    let big = KafkaSettings { transaction_timeout: Duration::from_secs(3600), ..s.clone() };
    println!("{:?}", TaskProducer::new(&big, "big").unwrap().fence());
    q.begin().unwrap();
    println!("{:?}", q.send("nope-topic", None, b"k", Some(b"v"), &[]));
    println!("{:?}", q.commit());
    println!("{:?}", q.abort());
    let mut rd = BatchReader::new(&s, "ro").unwrap();
    let t = Instant::now();
    println!("{} {:?}", rd.assign(&[Position::new("nope-topic", 0, 0)]).unwrap_err(), t.elapsed());
    println!("{} {:?}", rd.assign(&[Position::new(&log, 9, 0)]).unwrap_err(), t.elapsed());
    rd.assign(&[Position::new(&log, 0, 10_000_000)]).unwrap();
    loop { match rd.fetch(10, Duration::from_millis(200)) { Err(e) => { println!("{e}"); break } _ => assert!(t.elapsed().as_secs() < 60) } }
    rd.store_progress(&[Position::new(&log, 0, 100)]);
    for _ in 0..5 { rd.fetch(10, Duration::from_millis(50)).unwrap(); }
}

#[test]
fn throughput() {
    let (s, _a) = ready("thr");
    let t = s.names().topic(tapeline_schemas::topics::Topic::MarketQuotes).to_owned();
    let p = Publisher::new(&s, "pub").unwrap();
    let n: u64 = std::env::var("N").map_or(2_000_000, |n| n.parse().unwrap());
    let keys: Vec<String> = (0..500).map(|i| format!("SYM{i:03}")).collect();
    let st = Instant::now();
    let c0 = cpu();
    let mut v = [7u8; 58];
    for i in 0..n {
        v[..8].copy_from_slice(&i.to_le_bytes());
        p.publish(&t, keys[(i.wrapping_mul(2654435761) % 500) as usize].as_bytes(), &v, &[], None).unwrap();
    }
    p.flush(Duration::from_secs(60)).unwrap();
    println!("publish {:.0}/s {:.0}/cpu-s", n as f64 / st.elapsed().as_secs_f64(), n as f64 / (cpu() - c0));
    for round in 0..2 {
        let st = Instant::now();
        let c0 = cpu();
        let hs: Vec<_> = (0..2).map(|part| { let (s, t) = (s.clone(), t.clone()); std::thread::spawn(move || {
            let mut r = BatchReader::new(&s, &format!("thr{part}")).unwrap();
            r.assign(&[Position::new(&t, part, Position::BEGINNING)]).unwrap();
            let (mut k, mut sum, mut batches) = (0u64, 0u64, 0u64);
            loop {
                let b = r.fetch(2048, Duration::from_millis(100)).unwrap();
                batches += 1;
                for m in b.messages() { k += 1; sum += u64::from(m.value.unwrap()[3]) + m.key.unwrap().len() as u64; }
                if b.eofs().next().is_some() { break }
            }
            (k, sum, batches)
        })}).collect();
        let r: Vec<_> = hs.into_iter().map(|h| h.join().unwrap()).collect();
        let k: u64 = r.iter().map(|x| x.0).sum();
        println!("read {round}: {k} {:.0}/s {:.0}/cpu-s batches {:?}", k as f64 / st.elapsed().as_secs_f64(), k as f64 / (cpu() - c0), r);
        assert_eq!(k, n);
    }
    let mut g = GroupReader::join(&s, "grp", &[t.clone()]).unwrap();
    let (st, c0, mut k) = (Instant::now(), cpu(), 0);
    let mut nxt = std::collections::BTreeMap::new();
    while k < n { let b = g.fetch(8192, Duration::from_millis(100)).unwrap(); for m in b.messages() { k += 1; nxt.insert(m.partition, m.offset + 1); } if !b.gained.is_empty() { println!("gained {:?} after {:?}", b.gained, st.elapsed()); } }
    println!("group: {:.0}/s {:.0}/cpu-s", k as f64 / st.elapsed().as_secs_f64(), k as f64 / (cpu() - c0));
    let ps: Vec<_> = nxt.iter().map(|(p, o)| (Position::new(&t, *p, *o), format!("end={o}"))).collect();
    let st = Instant::now();
    g.commit(&ps).unwrap();
    println!("commit {:?} {:?}", st.elapsed(), g.committed(&[(t.clone(), 0), (t.clone(), 1)]).unwrap());
    // hand over
    let mut g2 = GroupReader::join(&s, "grp", &[t.clone()]).unwrap();
    let st = Instant::now();
    let mut done = false;
    while !done { let b = g.fetch(10, Duration::from_millis(20)).unwrap(); for l in &b.lost { println!("lost {l:?} {:?}", st.elapsed()); g.commit(&[(Position::new(&l.0, l.1, 5), "handed".into())]).unwrap(); }
        let b2 = g2.fetch(10, Duration::from_millis(20)).unwrap(); if let Some(x) = b2.gained.first() { println!("gained {x:?} {:?}", st.elapsed()); done = x.metadata == "handed"; assert!(done); } assert!(st.elapsed().as_secs() < 40); }
    let st = Instant::now();
    drop(g);
    println!("drop {:?}", st.elapsed());
    while { let b = g2.fetch(10, Duration::from_millis(20)).unwrap(); b.gained.is_empty() } { assert!(st.elapsed().as_secs() < 40); }
    println!("rest gained {:?}", st.elapsed());
}

#[test]
fn latency() {
    let (s, _a) = ready("lat");
    let t = s.names().topic(tapeline_schemas::topics::Topic::Alerts).to_owned();
    let (tt, ss) = (t.clone(), s.clone());
    let h = std::thread::spawn(move || {
        let mut r = BatchReader::new(&ss, "lat").unwrap();
        r.assign(&[Position::new(&tt, 0, Position::BEGINNING)]).unwrap();
        let mut v = vec![];
        let c0 = cpu();
        let st = Instant::now();
        while v.len() < 400 { let b = r.fetch(100, Duration::from_millis(500)).unwrap(); for m in b.messages() { let sent = u128::from_le_bytes(m.value.unwrap().try_into().unwrap()); let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros(); v.push((now - sent) as f64 / 1e3); } }
        println!("both cpu {:.1}%", (cpu() - c0) / st.elapsed().as_secs_f64() * 100.0);
        v
    });
    let p = TaskProducer::new(&s, "lat").unwrap();
    p.fence().unwrap();
    for _ in 0..400 {
        p.begin().unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
        p.send(&t, Some(0), b"k", Some(&now.to_le_bytes()), &[]).unwrap();
        p.commit().unwrap();
        std::thread::sleep(Duration::from_millis(15));
    }
    let mut v = h.join().unwrap().split_off(50);
    v.sort_by(f64::total_cmp);
    println!("send→read_committed p50 {:.2} p99 {:.2}", v[v.len() / 2], v[v.len() * 99 / 100]);
}

/// stop the broker while this waits
#[test]
fn idle() {
    let (s, _a) = ready("idl");
    let n = s.names();
    let mut v: Vec<_> = (0..8).map(|i| { let mut r = BatchReader::new(&s, &format!("idle{i}")).unwrap(); r.assign(&[Position::new(n.topic(tapeline_schemas::topics::Topic::Alerts), i % 2, 0)]).unwrap(); r }).collect();
    let (t, c) = (Instant::now(), cpu());
    while t.elapsed().as_secs() < 10 { for r in &mut v { r.fetch(10, Duration::from_millis(20)).unwrap(); } }
    println!("8 idle readers: {:.1}% cpu", (cpu() - c) * 10.0);
}
