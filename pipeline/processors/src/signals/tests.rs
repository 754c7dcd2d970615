use super::*;
use crate::settings::{Faults, SymbolSet};

#[derive(serde::Deserialize)]
struct Page {
    market: TestMarket,
}

#[derive(serde::Deserialize)]
struct TestMarket {
    rules: Vec<RuleSettings>,
}

fn rules(toml: &str) -> Vec<RuleSettings> {
    toml::from_str::<Page>(toml).unwrap().market.rules
}

/// `key: value remedy` of everything that is wrong; only the symbol A has bars.
fn faults(toml: &str) -> Vec<String> {
    let mut faults = Faults::default();
    let has_bars = |symbols: &SymbolSet| SymbolSet::new(&["A".to_owned()]).covers(symbols);
    check(&rules(toml), &has_bars, &mut faults);
    faults.all().iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_of_the_page_can_be_used() {
    let page = reference();
    let (_, example) = page.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let mut faults = Faults::default();
    check(&rules(example), &|_| true, &mut faults);
    assert_eq!(faults.all(), []);
    assert_eq!(rules(example).len(), 3);
}

#[test]
fn settings_come_back_as_they_went() {
    let page = reference();
    let (_, example) = page.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    for rule in rules(example) {
        let text = toml::to_string(&rule).unwrap();
        assert_eq!(toml::from_str::<RuleSettings>(&text).unwrap(), rule);
    }
}

#[test]
fn unknown_keys_are_refused() {
    let unknown = |toml: &str| {
        toml::from_str::<RuleSettings>(toml)
            .unwrap_err()
            .to_string()
    };
    let number = "{ number = 1 }";
    for toml in [
        format!(
            "name = 'a'\ninterval = '1m'\nwhat = 1\nwhen = {{ cross = {{ a = {number}, b = {number} }} }}"
        ),
        format!(
            "name = 'a'\ninterval = '1m'\nwhen = {{ cross = {{ a = {number}, b = {number}, c = 1 }} }}"
        ),
        format!(
            "name = 'a'\ninterval = '1m'\nwhen = {{ cross = {{ a = {number}, b = {{ numbr = 1 }} }} }}"
        ),
    ] {
        assert!(unknown(&toml).contains("unknown field"), "{toml}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let toml = r#"
        [[market.rules]]
        name = "a b"
        symbols = ["A", "*"]
        interval = "1m"
        when = { cross = { a = { indicator = "emma" }, b = { number = nan } } }
        session = { from = "9:30", to = "16:00" }

        [[market.rules]]
        name = "t"
        symbols = ["A"]
        interval = "quote"
        when = { threshold = { of = { indicator = "atr" }, above = 1.0, back = 2.0 } }
        with = [{ indicator = "macd" }, { bar = "volume" }, {}]

        [[market.rules]]
        name = "u"
        symbols = ["B"]
        interval = "1m"
        when = { combination = { of = { any = [{ rule = { name = "u" } }] } } }

        [[market.rules]]
        name = "v"
        symbols = ["A"]
        interval = "quote"
        when = { breakout = { period = 0 } }
    "#;
    let expected = [
        "rules[0].name: \"a b\" must be letters, digits and _ - . only",
        "rules[0].symbols: [\"A\", \"*\"] mixes * with symbols: write [\"*\"] alone",
        "rules[0].when.cross.a.indicator: emma cannot be used: there is no indicator emma; there are: ",
        "rules[0].when.cross.b.number: NaN is not a finite number: write one like 30",
        "rules[0].session: 9:30-16:00 must be two different times of day in UTC, ",
        "rules[1].when.threshold.of.indicator: atr reads bars, and so not at the interval quote",
        "rules[1].when.threshold.back: 2 is beyond the level 1 itself: it must not be above it",
        "rules[1].with[0].line: nothing is no line of macd; write one of macd, signal, histogram",
        "rules[1].with[1].bar: volume is no part of a quote: write close, ",
        "rules[1].with[2]: the value must be exactly one of indicator, bar and number",
        "rules[2].when.combination.of.any[0].rule.name: the formula names the rule u, but no rule of that name stands before this one",
        "rules[3].interval: quote has no bars to break out of: write 1s, 1m, 5m, 1h or 1d",
        "rules[0].symbols: [\"A\", \"*\"] has a symbol without bars: ",
        "rules[2].symbols: [\"B\"] has a symbol without bars: add it to [[market.bars]]",
    ];
    let found = faults(toml);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn names_and_symbols_of_parts_are_checked() {
    let when = "{ cross = { a = { bar = \"close\" }, b = { number = 1.0 } } }";
    let toml = format!(
        r#"
        [[market.rules]]
        name = "a"
        symbols = ["A"]
        interval = "1m"
        when = {when}

        [[market.rules]]
        name = "a"
        interval = "quote"
        when = {{ combination = {{ of = {{ rule = {{ name = "a" }} }} }} }}
        "#
    );
    let found = faults(&toml);
    assert_eq!(
        found,
        [
            "rules[1].name: a is the name of an earlier rule: write another one",
            "rules[1].when.combination.of: a is not there for all symbols of this rule: list its symbols here, or more there",
        ]
    );
}

#[test]
fn an_input_is_named_by_its_indicator() {
    let name = |name: &str, line: Option<&str>| {
        let mut settings = OperandSettings::indicator(name, &[]);
        settings.line = line.map(str::to_owned);
        input_name(&settings)
    };
    assert_eq!(name("atr", None).unwrap(), "atr(period=14)");
    assert_eq!(
        name("macd", Some("signal")).unwrap(),
        "macd(fast=12,slow=26,signal=9).signal"
    );
    assert_eq!(
        name("quote_gap", Some("score")).unwrap(),
        "quote_gap(period=20).score"
    );
    assert_eq!(name("macd", None), None);
    assert_eq!(name("nothing", None), None);
}

#[test]
fn the_page_has_every_kind_and_key() {
    let page = reference();
    for word in [
        "`cross",
        "`threshold",
        "`breakout",
        "`combination",
        "`cooldown_seconds`",
        "`session`",
        "`with`",
        "`tell`",
        "1 long or on",
    ] {
        assert!(page.contains(word), "{word}");
    }
}
