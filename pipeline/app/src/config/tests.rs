use super::load::{parse, parse_text};
use super::*;

fn faults(text: &str) -> Vec<String> {
    let error = parse_text(text).expect_err("has faults");
    error.faults.iter().map(ToString::to_string).collect()
}

fn with_environment(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let owned = variables
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    parse("test.toml", text, owned)
}

#[test]
fn nothing_written_is_the_defaults() {
    assert_eq!(parse_text("").unwrap(), Config::default());
}

/// The template with its keys uncommented; sections that are comments stay so.
fn uncommented() -> String {
    let mut in_comment = false;
    let line_of = |line: &str| {
        if line.starts_with('[') || line.starts_with("# [") {
            in_comment = line.starts_with('#');
        }
        let key = line
            .strip_prefix("# ")
            .filter(|rest| rest.contains(" = ") && !in_comment);
        key.unwrap_or(line).to_owned() + "\n"
    };
    template().lines().map(line_of).collect()
}

fn keys(table: &toml::Table) -> usize {
    let below = |value: &toml::Value| value.as_table().map_or(1, keys);
    table.values().map(below).sum()
}

#[test]
fn the_template_says_every_key_with_its_default() {
    assert_eq!(parse_text(&template()).unwrap(), Config::default());
    let text = uncommented();
    assert_eq!(parse_text(&text).unwrap(), Config::default());
    let defaults = toml::Table::try_from(Config::default()).unwrap();
    // Only lists have no default to show.
    assert_eq!(
        keys(&text.parse().unwrap()),
        keys(&defaults) - 7,
        "a key is missing in the template"
    );
}

#[test]
fn every_fault_is_told_at_once_with_its_place_and_a_remedy() {
    let found = faults(
        "[kafka]\nbootstrap = 'nowhere'\nmarket_partitions = 'four'\nspeed = 9\n\
         [risk]\ncurrency = 'dollars'\nmax_drawdown = '-5'\n\
         [clickhouse]\npassword = 'hunter2'\n\
         [[accounts]]\nid = 'a'\n[[accounts]]\nid = 'a'\n",
    );
    let has = |start: &str, part: &str| {
        assert!(
            found
                .iter()
                .any(|f| f.starts_with(start) && f.contains(part)),
            "{start} {part} is not in {found:#?}"
        );
    };
    has("kafka.bootstrap:", "host:port");
    has("kafka.market_partitions:", "\"four\" does not fit");
    has("kafka.speed:", "unknown field `speed`");
    has("risk.currency:", "`dollars`");
    has("risk.max_drawdown:", "above zero");
    has("clickhouse.password:", "secret://env/NAME");
    has("accounts[1].id:", "listed twice");
    assert_eq!(found.len(), 7, "{found:#?}");
    assert!(!found.concat().contains("hunter2"));
}

#[test]
fn instruments_and_rates_are_told_or_refused() {
    let config = parse_text(
        "[risk]\nmethod = 'fifo'\nstale_after = '5s'\n\
         [risk.rates]\nJPY = { symbol = 'USDJPY', inverse = true }\n\
         [[accounts]]\nid = 'a'\nleverage = '2'\n\
         [[instruments]]\nsymbol = 'ESZ6'\ncurrency = 'USD'\nmultiplier = '50'\nmargined = true\n",
    )
    .unwrap()
    .risk_settings();
    let (symbol, future) = config.instruments.first_key_value().unwrap();
    assert_eq!(
        (symbol.as_str(), future.multiplier.get().to_string()),
        ("ESZ6", "50".into())
    );
    assert_eq!(config.rates.first_key_value().unwrap().0.as_str(), "JPY");
    assert_eq!(config.stale_after, Some(5_000_000));
    assert_eq!(config.leverage.len(), 1);

    let found = faults(
        "[risk.rates]\nUSD = { symbol = 'X' }\nEUR = { symbol = 'Y' }\nJPY = { symbol = 'Y' }\n\
         [[accounts]]\nid = 'a'\nleverage = '0'\n\
         [[instruments]]\nsymbol = 'S'\ncurrency = 'usd'\nmultiplier = '-1'\n\
         [[instruments]]\nsymbol = 'S'\ncurrency = 'USD'\n",
    );
    let keys: Vec<&str> = found.iter().filter_map(|f| f.split(':').next()).collect();
    let expected = [
        "risk.rates.JPY",
        "risk.rates.USD",
        "accounts[0].leverage",
        "instruments[0].currency",
        "instruments[0].multiplier",
        "instruments[1].symbol",
    ];
    assert_eq!(keys, expected, "{found:#?}");
}

/// The examples of the template that are comments, taken at their word.
#[test]
fn the_examples_of_the_template_can_be_used() {
    let mut text = String::from("[[accounts]]\nid = 'alpha-1'\n");
    let mut wanted = false;
    for line in template().lines() {
        let Some(line) = line.strip_prefix("# ") else {
            wanted = false;
            continue;
        };
        if line.starts_with('[') {
            wanted = [
                "market.bars",
                "market.rules",
                "strategies",
                "instruments",
                "limits",
                "risk.rates",
            ]
            .iter()
            .any(|section| line.contains(section));
        }
        if wanted && (line.starts_with('[') || line.contains(" = ")) {
            text += line;
            text.push('\n');
        }
    }
    let config = parse_text(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let market = config.market_settings();
    assert_eq!((market.bars.len(), config.market.rules.len()), (1, 1));
    assert!(market.rules.len() > 1, "the strategy brings its own");
    assert_eq!(config.strategy_settings().instances.len(), 1);
    assert_eq!(config.risk_settings().rates.len(), 2);
    assert_eq!(config.instruments.len(), 1);
    let rails = Config::default().limit_definitions();
    assert_eq!(
        config.limits,
        Some(rails),
        "what holds where none are listed"
    );
}

#[test]
fn what_is_wrong_with_rules_and_strategies_is_told_with_its_place() {
    let found = faults(
        "[market]\nmax_jump_percent = 50\n\
         [[market.rules]]\nname = 'r'\ninterval = '1m'\n\
         when.threshold = { of = { indicator = 'rsy' }, above = 70.0 }\n\
         [[strategies]]\nname = 's'\naccounts = ['nobody']\nsymbols = ['S']\ninterval = '1m'\n\
         trade.trend = {}\nsize.fixed = { quantity = '0' }\n",
    );
    let all = found.concat();
    for part in [
        "market.max_jump_percent",
        "market.rules[0]",
        "strategies[0].accounts",
        "strategies[0].size",
    ] {
        assert!(all.contains(part), "{part} is not in {found:#?}");
    }
}

#[test]
fn an_unknown_section_and_a_broken_file_are_told() {
    assert!(faults("[kafak]\nbootstrap = 'x:1'\n")[0].starts_with("kafak: unknown field `kafak`"));
    let found = faults("[kafka\n");
    assert!(found[0].contains("line 1"), "{found:?}");
}

#[test]
fn the_environment_overrides_the_file() {
    let config = with_environment(
        "[kafka]\nbootstrap = 'a:1'\n",
        &[
            ("TAPELINE__KAFKA__BOOTSTRAP", "b:2"),
            ("TAPELINE__KAFKA__TOPIC_PREFIX", "7"),
            ("TAPELINE__PROCESSORS__RUN", "['market']"),
            ("TAPELINE__RISK__MAX_DRAWDOWN", "250.5"),
        ],
    )
    .unwrap();
    assert_eq!(config.kafka.bootstrap, "b:2");
    assert_eq!(config.kafka.topic_prefix, "7", "text stays text");
    assert_eq!(config.processors.run, ["market"]);
    assert_eq!(config.risk.max_drawdown.as_deref(), Some("250.5"));
    let error = with_environment("", &[("TAPELINE__KAFKA__SPEED", "9")]).unwrap_err();
    assert!(error.to_string().contains("kafka.speed"), "{error}");
}

#[test]
fn the_hash_in_verdicts_changes_with_what_decides_them() {
    let hash = |text: &str| parse_text(text).unwrap().risk_settings().config_hash;
    let plain = hash("");
    assert_eq!(plain.len(), 64);
    assert_eq!(hash("[telemetry]\nlog = 'debug'\n"), plain);
    assert_ne!(hash("[risk]\nmax_drawdown = '1'\n"), plain);
    assert_ne!(hash("[[accounts]]\nid = 'a'\n"), plain);
}

#[test]
fn limits_are_those_that_are_listed_or_the_rails() {
    let names = |text: &str| {
        let settings = parse_text(text).unwrap().risk_settings();
        let names = settings.limits.iter().map(|limit| limit.name.clone());
        names.collect::<Vec<_>>()
    };
    let rails = ["max_drawdown", "reconciliation", "session"];
    assert_eq!(names(""), rails);
    assert!(names("limits = []\n").is_empty());
    assert_eq!(
        names(
            "[risk]\nmax_drawdown = '1'\n[risk.max_drawdown_of]\na = '2'\n[[accounts]]\nid = 'a'\n"
        ),
        [
            "max_drawdown",
            "max_drawdown-a",
            "reconciliation",
            "session"
        ]
    );
    let own = "[[limits]]\nname = 'day'\nrule = 'daily_loss'\nbasis = 'marked'\nbreach = '5'\naction = 'halted'\n";
    assert_eq!(names(own), ["day"]);
}

#[test]
fn what_is_wrong_with_limits_is_told_with_its_place() {
    let found = faults(
        "[risk]\nprice_collar_percent = 0\nbalance_tolerance = '-1'\n\
         [risk.max_drawdown_of]\nghost = '5'\n\
         [[limits]]\nname = 'day'\nrule = 'daily_loss'\nbreach = '5'\naction = 'panic'\n\
         [[limits]]\nname = 'gross'\nrule = 'gross_exposure'\nwarn = '9'\nbreach = '5'\n\
         action = 'alert'\naccount = 'nobody'\n",
    );
    let expected = [
        ("risk.price_collar_percent:", "1 to 1000"),
        ("risk.balance_tolerance:", "from zero on"),
        (
            "limits.max_drawdown-ghost.portfolio:",
            "belongs to portfolio `ghost`",
        ),
        ("limits.day.basis:", "marked"),
        ("limits.day.action:", "halted"),
        ("limits.gross.warn:", "`9`"),
        ("limits.gross.account:", "not listed under [[accounts]]"),
    ];
    for (start, part) in expected {
        let has = |fault: &&String| fault.starts_with(start) && fault.contains(part);
        assert!(found.iter().any(|fault| has(&fault)), "{start} {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

/// With an account that limits can bind, and bars that rules can look at.
#[test]
fn the_examples_of_the_reference_pages_are_a_configuration() {
    const SETTING: &str = "
        [[accounts]]
        id = 'alpha-1'
        portfolio = 'growth'
        [[market.bars]]
        symbols = ['*']
        of = 'mids'
        intervals = ['1m', '5m']
    ";
    let limits = tapeline_processors::limits::reference::limits();
    let indicators = tapeline_processors::indicators::reference();
    let signals = tapeline_processors::signals::reference();
    let mut tried = 0;
    for page in [limits, indicators, signals] {
        for part in page.split("```toml\n").skip(1) {
            let (example, _) = part.split_once("```").unwrap();
            let parsed = parse_text(&format!("{SETTING}\n{example}"));
            assert!(parsed.is_ok(), "{example}\n{:?}", parsed.err());
            tried += 1;
        }
    }
    assert_eq!(tried, tapeline_processors::limits::RULES.len() + 2);
}
