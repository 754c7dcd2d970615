use tapeline_model::records::LimitAction;

use super::*;

fn faults(lines: &str) -> Vec<String> {
    let found = parse_all(&definitions(lines), &calendars()).unwrap_err();
    found.iter().map(ToString::to_string).collect()
}

const DAY: &str = r#"{name="day", rule="daily_loss", basis="marked", portfolio="growth", warn="1500", breach="2000", action="reducing"}"#;

#[test]
fn a_limit_reads_the_same_from_the_configuration_and_from_a_command() {
    let json = r#"{"name": "day", "rule": "daily_loss", "basis": "marked", "portfolio": "growth",
        "warn": "1500", "breach": "2000", "action": "reducing"}"#;
    let from_command = LimitDefinition::from_json(json).unwrap();
    assert_eq!(from_command, definitions(DAY)[0]);
    let limit = from_command.parse(&calendars(), "maria", 3).unwrap();
    assert_eq!(
        limit.rule,
        Rule::Loss(LossRule::Daily {
            calendar: "XNYS".to_owned(),
            basis: Basis::Marked,
        })
    );
    assert_eq!(limit.action, LimitAction::Reducing);
    assert_eq!(
        limit.levels,
        Some(Levels::new(Some(money("1500")), money("2000"), 20))
    );
    assert_eq!(
        limit.to_string(),
        "day: daily_loss XNYS-marked of portfolio growth, warn 1500, breach 2000, release 20, \
         REDUCING, version 3 by maria"
    );
}

#[test]
fn every_rule_and_mode_can_be_written() {
    let lines = r#"
        {name="a", rule="max_drawdown", mode="static", basis="marked", breach="1", action="alert"}
        {name="b", rule="max_drawdown", mode="trailing", basis="realised", breach="1", action="alert"}
        {name="c", rule="max_drawdown", mode="session", calendar="24x7", basis="marked", breach="1", action="alert"}
        {name="d", rule="max_drawdown", mode="rolling", window="90m", basis="marked", breach="1", action="alert"}
        {name="e", rule="daily_loss", basis="realised", breach="1", action="halted"}
        {name="f", rule="max_profit", basis="marked", calendar="24x5", breach="1", action="reducing"}
        {name="g", rule="gross_exposure", strategy="trend", breach="1", action="alert"}
        {name="h", rule="net_exposure", breach="1", action="alert"}
        {name="i", rule="symbol_exposure", symbol="AAPL", breach="1", action="alert"}
        {name="j", rule="sector_exposure", breach="1", action="alert"}
        {name="k", rule="currency_exposure", breach="1", action="alert"}
        {name="l", rule="leverage", account="a", breach="2.5", release=0, action="alert"}
        {name="m", rule="buying_power", breach="1", action="alert"}
        {name="n", rule="position_size", breach="1", action="alert"}
        {name="o", rule="position_count", breach="1", action="alert"}
        {name="p", rule="order_rate", window="10s", breach="1", action="alert"}
        {name="q", rule="cancel_rate", window="1d", breach="1", action="alert"}
        {name="r", rule="loss_streak", breach="3", action="alert"}
        {name="s", rule="stale_price", breach="60", action="alert"}
        {name="t", rule="lost_session", breach="60", action="alert"}
        {name="u", rule="unreconciled", breach="60", action="alert"}
        {name="v", rule="trading_hours"}
        {name="w", rule="restricted", symbols=["GME", "AMC"]}
    "#;
    let limits = limits(lines);
    for (definition, limit) in definitions(lines).iter().zip(limits.iter()) {
        assert_eq!(limit.rule.name(), definition.rule);
    }
    let modes: Vec<String> = limits
        .iter()
        .take(6)
        .map(|limit| limit.rule.mode())
        .collect();
    assert_eq!(
        modes,
        [
            "static-marked",
            "trailing-realised",
            "session-24x7-marked",
            "rolling-90m-marked",
            "XNYS-realised",
            "24x5-marked",
        ]
    );
    let written: std::collections::BTreeSet<&str> =
        limits.iter().map(|limit| limit.rule.name()).collect();
    assert_eq!(written.len(), RULES.len(), "one of each");
}

#[test]
fn all_faults_are_told_at_once_each_with_its_place_and_what_to_write() {
    let found = faults(
        r#"
        {name="day", rule="daily_loss", basis="marked", warn="3000", breach="2000", action="reducing"}
        {name="my day", rule="daily_loss", calendar="XMARS", breach="-1", release=100, action="stop"}
        {name="dd", rule="max_drawdown", basis="marked", breach="2000", action="alert"}
        {name="list", rule="restricted", symbols=[], breach="1", action="halted"}
        {name="gross", rule="gros", breach="0", action="alert"}
        {name="lev", rule="leverage", symbol="AAPL", window="5m", breach="2,5", action="alert"}
        {name="roll", rule="max_drawdown", mode="rolling", basis="gross", window="5", calendar="24x7", breach="1"}
        "#,
    );
    let expected = [
        "limits.day.warn: `3000` must be below the breach level of 2000",
        "limits.my day.name: `my day` must be 1 to 64 letters, digits, `-` and `_`",
        "limits.my day.calendar: `XMARS` is no calendar; write one of 24x5, 24x7, XNAS, XNYS",
        "limits.my day.basis: must say which equity is meant: write `realised` (without what open positions gained or lost) or `marked` (at the prices of the moment)",
        "limits.my day.breach: `-1` must be a decimal above zero in quotes, like \"2000\" or \"2.5\"",
        "limits.my day.release: `100` must be from 0 to 99: how far back, in percent of the level, a value must be",
        "limits.my day.action: `stop` must say what a breach does: write `alert`, `reducing` or `halted`",
        "limits.dd.mode: must say from where the drawdown is counted: write `static` (from the start), `trailing` (from the highest ever), `session` (from the highest of the day) or `rolling` (from the highest of `window`)",
        "limits.list.symbols: must list the symbols that must not be traded, like [\"GME\"]",
        "limits.list.breach: `1` means nothing for restricted; leave it out",
        "limits.list.action: `halted` means nothing for restricted, which refuses orders; leave it out",
        "limits.lev.window: `5m` means nothing for leverage; leave it out",
        "limits.lev.symbol: `AAPL` cannot narrow leverage, only portfolio, account can; leave it out",
        "limits.lev.breach: `2,5` must be a decimal above zero in quotes, like \"2000\" or \"2.5\"",
        "limits.roll.window: `5` must be a length of time from 1s to 366d, like `10s`, `5m`, `12h` or `30d`",
        "limits.roll.basis: `gross` must say which equity is meant: write `realised` (without what open positions gained or lost) or `marked` (at the prices of the moment)",
        "limits.roll.action: must say what a breach does: write `alert`, `reducing` or `halted`",
    ];
    for fault in expected {
        assert!(
            found.iter().any(|known| known == fault),
            "not told: {fault}\nfound: {found:#?}"
        );
    }
    let rule = found
        .iter()
        .find(|fault| fault.starts_with("limits.gross.rule: `gros` is no rule"))
        .unwrap();
    assert!(rule.contains("gross_exposure"), "{rule}");
    let zero =
        "limits.gross.breach: `0` must be a decimal above zero in quotes, like \"2000\" or \"2.5\"";
    assert!(found.contains(&zero.to_owned()));
    assert_eq!(found.len(), expected.len() + 2, "{found:#?}");
}

#[test]
fn a_warning_at_the_breach_level_is_none() {
    assert_eq!(
        faults(&DAY.replace("1500", "2000.0")),
        ["limits.day.warn: `2000` must be below the breach level of 2000"]
    );
}

#[test]
fn a_key_of_another_mode_is_a_fault() {
    assert_eq!(
        faults(
            r#"{name="a", rule="max_drawdown", mode="trailing", window="1d", basis="marked", breach="1", action="alert"}"#
        ),
        ["limits.a.window: `1d` means nothing in the mode trailing; leave it out"]
    );
}

#[test]
fn two_limits_of_one_rule_and_scope_contradict_each_other() {
    let same = DAY.replace("\"day\"", "\"other\"").replace("2000", "3000");
    assert_eq!(
        faults(&format!("{DAY}\n{same}")),
        [
            "limits.other.rule: `daily_loss` contradicts the limit day, which has the same rule, mode and scope \
         (portfolio growth); keep one of them"
        ]
    );
    assert!(
        faults(&format!("{DAY}\n{DAY}"))[0]
            .starts_with("limits.day.name: `day` is the name of another limit")
    );
    // Another basis, another scope or another window is another limit.
    let realised = same.replace("marked", "realised");
    let whole = same.replace("portfolio=\"growth\", ", "");
    for other in [realised, whole] {
        assert!(parse_all(&definitions(&format!("{DAY}\n{other}")), &calendars()).is_ok());
    }
    limits(
        r#"
        {name="a", rule="order_rate", window="10s", breach="5", action="alert"}
        {name="b", rule="order_rate", window="1m", breach="20", action="alert"}
        "#,
    );
    let hours = r#"
        {name="a", rule="trading_hours", calendar="XNYS"}
        {name="b", rule="trading_hours", calendar="24x7"}
        "#;
    assert_eq!(faults(hours).len(), 1, "one cannot keep both hours");
}

#[test]
fn a_definition_that_is_no_limit_is_refused_with_its_place() {
    for (text, told) in [
        ("{", "EOF"),
        (r#"{"name": "x"}"#, "missing field `rule`"),
        (
            r#"{"name": "x", "rule": "leverage", "breech": "2"}"#,
            "unknown field `breech`",
        ),
        (
            r#"{"name": "x", "rule": "leverage", "breach": 2.5}"#,
            "expected a string",
        ),
    ] {
        let fault = LimitDefinition::from_json(text).unwrap_err();
        assert_eq!(fault.key, "definition");
        assert!(fault.remedy.contains(told), "{}", fault.remedy);
    }
}

#[test]
fn the_narrowest_limit_of_what_is_measured_counts() {
    let limits = limits(
        r#"
        {name="gross-all", rule="gross_exposure", breach="1", action="alert"}
        {name="gross-growth", rule="gross_exposure", portfolio="growth", breach="2", action="alert"}
        {name="gross-income", rule="gross_exposure", portfolio="income", breach="3", action="alert"}
        {name="gross-a", rule="gross_exposure", account="a", breach="4", action="alert"}
        {name="gross-c", rule="gross_exposure", account="c", breach="5", action="alert"}
        "#,
    );
    let of = |portfolio: &str, accounts: &[&str]| {
        let accounts: Vec<AccountId> = accounts.iter().map(|id| AccountId::new(*id)).collect();
        let plan = Plan::new(
            &limits,
            &calendars(),
            &PortfolioId::new(portfolio),
            &accounts,
        );
        let names: Vec<String> = plan.limits().map(|limit| limit.name.clone()).collect();
        names
    };
    assert_eq!(of("growth", &["a", "b"]), ["gross-a", "gross-growth"]);
    assert_eq!(of("income", &["c"]), ["gross-c", "gross-income"]);
    assert_eq!(of("third", &["d"]), ["gross-all"]);
}

#[test]
fn scopes_are_ordered_from_everything_to_one_symbol_of_one_account() {
    let scope = |portfolio: bool, account: bool, strategy: bool, symbol: bool| Scope {
        portfolio: portfolio.then(|| PortfolioId::new("p")),
        account: account.then(|| AccountId::new("a")),
        strategy: strategy.then(|| "s".to_owned()),
        symbol: symbol.then(|| Symbol::new("X")),
    };
    let ordered = [
        scope(false, false, false, false),
        scope(true, false, false, false),
        scope(false, true, false, false),
        scope(true, true, false, false),
        scope(false, false, true, false),
        scope(true, true, true, false),
        scope(false, false, false, true),
        scope(true, true, true, true),
    ];
    assert!(ordered.is_sorted_by_key(Scope::narrowness));
    let texts: Vec<String> = [&ordered[0], &ordered[3]]
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(texts, ["everything", "portfolio p, account a"]);
}

#[test]
fn the_pages_have_every_rule_and_every_code() {
    let page = reference::limits();
    for info in RULES {
        assert!(
            page.contains(&format!("(`{}`)", info.name)),
            "{}",
            info.name
        );
    }
    let codes = reference::reason_codes();
    for reason in Reason::ALL {
        assert!(codes.contains(&format!("| `{}` | {} |", reason.code(), reason.meaning())));
    }
    assert!(page.contains("`24x5`, `24x7`, `XNAS`, `XNYS`; `XNYS` unless said"));
}
