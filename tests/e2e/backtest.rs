//! Files through the processors, without a stack.

use std::path::Path;

use tapeline_tests::{Program, scratch};

const CONFIGURATION: &str = r#"
[[accounts]]
id = "a1"

[[market.bars]]
symbols = ["AAPL"]
of = "trades"
intervals = ["1m"]

[[strategies]]
name = "breakout"
accounts = ["a1"]
symbols = ["AAPL"]
interval = "1m"
sides = "long"
trade.breakout = { period = 2 }
size.fixed = { quantity = "10" }
"#;

/// The third close is above the range of the two before it; the sixth is below the
/// middle of the range of the fourth and the fifth.
const BARS: &str = "\
time,symbol,interval,open,high,low,close,volume
2026-11-20T14:30:00Z,AAPL,1m,100,101,99,100,5000
2026-11-20T14:31:00Z,AAPL,1m,100,101,99,100,4000
2026-11-20T14:32:00Z,AAPL,1m,100,104,100,103,9000
2026-11-20T14:33:00Z,AAPL,1m,103,106,102,105,8000
2026-11-20T14:34:00Z,AAPL,1m,105,108,104,107,7000
2026-11-20T14:35:00Z,AAPL,1m,107,107,104,104.5,6000
2026-11-20T14:36:00Z,AAPL,1m,104.5,105,104,105,3000
";

fn tapeline<const N: usize>(folder: &Path, arguments: [&str; N]) -> tapeline_tests::Finished {
    Program::new(arguments).folder(folder).run()
}

#[test]
fn a_backtest_needs_no_stack_and_comes_to_the_same_twice() {
    let scratch = scratch();
    let folder = scratch.path();
    std::fs::write(folder.join("tapeline.toml"), CONFIGURATION).unwrap();
    std::fs::write(folder.join("bars.csv"), BARS).unwrap();
    let command = [
        "replay",
        "--history",
        "bars.csv",
        "--out",
        "result",
        "--json",
    ];
    let told = tapeline(folder, command).ok().json();
    assert_eq!(told["records"], 35, "five prints a bar: {told}");
    assert_eq!(
        (&told["currency"], &told["deposits"]),
        (&"USD".into(), &"100000".into())
    );
    let count = |key: &str| told[key].as_u64().unwrap();
    assert!(count("signals") > 0 && count("requests") > 0, "{told}");
    let judged = count("approved") + count("refused") + count("unjudged");
    assert_eq!(count("requests"), judged, "{told}");
    assert!(count("fills") <= count("approved"), "{told}");
    assert_eq!(count("refused_records"), 0, "{told}");

    let lines = |name: &str| {
        let text = std::fs::read_to_string(folder.join("result").join(name)).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines("equity.csv")[0], "time,portfolio,equity,drawdown");
    assert_eq!(
        lines("equity.csv")[1],
        "2026-11-20T14:30:00.000000Z,a1,100000,0"
    );
    assert_eq!(lines("trades.csv").len() as u64, 1 + count("trades"));
    assert_eq!(lines("verdicts.jsonl").len() as u64, count("verdicts"));

    assert_eq!(tapeline(folder, command).ok().json(), told);
    let shown = tapeline(folder, ["replay", "--history", "bars.csv"]).ok();
    let hash = told["sha256"].as_str().unwrap();
    assert!(shown.stdout.contains(hash), "{shown:?}");
}

#[test]
fn what_cannot_be_read_is_told_with_its_place() {
    let scratch = scratch();
    let folder = scratch.path();
    std::fs::write(folder.join("bad.csv"), BARS.replace("104.5,105", "104.5,4")).unwrap();
    std::fs::write(folder.join("empty.csv"), BARS.lines().next().unwrap()).unwrap();
    let history = |file: &str| tapeline(folder, ["replay", "--history", file]);
    history("bad.csv").failed(
        2,
        &["bad.csv line 8: column open `104.5` does not lie between"],
    );
    history("empty.csv").failed(2, &["the history holds no rows"]);
    history("nowhere.csv").failed(2, &["nowhere.csv: cannot be read"]);
    let with_kafka = ["replay", "--history", "bad.csv", "--processor", "risk"];
    tapeline(folder, with_kafka).failed(2, &["cannot be used with"]);
    let below = ["replay", "--history", "bad.csv", "--fee-minimum=-1"];
    tapeline(folder, below).failed(2, &["--fee-minimum -1 is below zero"]);
}
