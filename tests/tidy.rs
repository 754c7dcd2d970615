//! The rules of the house that no linter knows.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tapeline_model::reasons::Reason;
use tapeline_processors::limits::RULES;

#[path = "tidy/commits.rs"]
mod commits;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/markdown.rs"]
mod markdown;

/// Which crates of the workspace a crate may use: dependencies point one way.
const MAY_USE: &[(&str, &[&str])] = &[
    ("schemas", &[]),
    ("schemas/model", &["schemas"]),
    ("pipeline/processors", &["model", "schemas"]),
    ("pipeline/backtest", &["processors", "model", "schemas"]),
    (
        "pipeline/runtime",
        &["processors", "model", "schemas", "kafka"],
    ),
    ("connectors/kafka", &["model", "schemas"]),
    ("connectors/clickhouse", &["kafka", "model", "schemas"]),
    ("connectors/venue", &["model", "schemas"]),
    ("connectors/auth", &["secrets", "model", "schemas"]),
    ("connectors/demo", &["venue", "model", "schemas"]),
    ("connectors/simulators", &[]),
    ("connectors/secrets", &[]),
    ("deploy/local", &[]),
];

/// Protocols that one crate alone knows.
const KNOWN_ONCE: &[(&str, &str)] = &[
    ("rdkafka", "connectors/kafka"),
    ("clickhouse", "connectors/clickhouse"),
    ("libloading", "deploy/local"),
    ("parquet", "pipeline/backtest"),
    ("rqrr", "connectors/auth"),
];

/// The only files that may hold `unsafe`.
const UNSAFE: &[&str] = &[
    "connectors/kafka/src/batch.rs",
    "deploy/local/src/engine/ffi.rs",
    "deploy/local/src/engine/space.rs",
];

/// A longer file is refused,
const LONG: usize = 500;
/// but for these, for the reason beside them, which may be twice as long.
const LONGER: &[(&str, &str)] = &[
    (
        "pipeline/app/src/cli.rs",
        "the command line in one place, as its help shows it",
    ),
    (
        "pipeline/processors/src/risk/mod.rs",
        "the processor itself: one method an input",
    ),
    (
        "pipeline/processors/src/risk/tests/numbers.rs",
        "the worked examples of docs/numbers.md, in its order",
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Every file, from the root.
fn paths() -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !name.starts_with('.') && name != "target" {
                    walk(&path, found);
                }
            } else {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    walk(&root, &mut found);
    found.sort();
    found
        .into_iter()
        .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
        .collect()
}

fn files(extension: &str) -> Vec<(String, String)> {
    let is_one = |name: &String| Path::new(name).extension().is_some_and(|e| e == extension);
    let found: Vec<String> = paths().into_iter().filter(is_one).collect();
    assert!(!found.is_empty(), "no .{extension} below the root");
    found
        .into_iter()
        .map(|name| {
            let text = fs::read_to_string(root().join(&name)).unwrap();
            (name, text)
        })
        .collect()
}

/// The lines of a file with comments taken out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
}

fn manifest(folder: &str) -> toml::Table {
    fs::read_to_string(root().join(folder).join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap()
}

fn dependencies(folder: &str) -> Vec<String> {
    let manifest = manifest(folder);
    let table = manifest.get("dependencies").and_then(|d| d.as_table());
    table
        .map(|t| t.keys().cloned().collect())
        .unwrap_or_default()
}

#[test]
fn dependencies_point_one_way() {
    for (folder, allowed) in MAY_USE {
        for dependency in dependencies(folder) {
            let Some(name) = dependency.strip_prefix("tapeline-") else {
                continue;
            };
            assert!(
                allowed.contains(&name),
                "{folder} must not use {dependency}; it may use {allowed:?}"
            );
        }
    }
}

/// Arrows between the top folders go one way; the embedded stack is the program's alone.
#[test]
fn folders_point_one_way() {
    const FLOORS: &[&str] = &["schemas", "connectors", "pipeline", "tests"];
    let floor = |folder: &str| {
        let top = folder.split('/').next().unwrap();
        FLOORS.iter().position(|floor| *floor == top)
    };
    let workspace = manifest("");
    let places = workspace["workspace"]["dependencies"].as_table().unwrap();
    let members = workspace["workspace"]["members"].as_array().unwrap();
    for member in members.iter().map(|m| m.as_str().unwrap()) {
        for dependency in dependencies(member) {
            let place = places.get(&dependency).and_then(|d| d.get("path"));
            let Some(place) = place.and_then(|place| place.as_str()) else {
                continue;
            };
            if place == "deploy/local" {
                let may = ["pipeline/app", "tests"].contains(&member);
                assert!(may, "{member} must not use {place}");
                continue;
            }
            assert!(
                member.starts_with("deploy/") || floor(member) >= floor(place),
                "{member} must not use {place}, which is a floor above it"
            );
        }
    }
}

#[test]
fn every_crate_is_placed() {
    let workspace = manifest("");
    let members = workspace["workspace"]["members"].as_array().unwrap();
    for member in members.iter().map(|m| m.as_str().unwrap()) {
        let placed = MAY_USE.iter().any(|(folder, _)| *folder == member);
        let top = ["pipeline/app", "tests"].contains(&member);
        assert!(placed || top, "{member} has no line in MAY_USE");
        assert!(
            manifest(member).get("lints").is_some(),
            "{member} does not take the workspace's lints"
        );
    }
}

#[test]
fn the_top_level_is_what_the_design_says() {
    let known = [
        "Cargo.toml",
        "Cargo.lock",
        "pipeline",
        "schemas",
        "connectors",
        "deploy",
        "docs",
        "tests",
        "docker-compose.yml",
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE",
        "dev",
        "target",
        "rust-toolchain.toml",
        "clippy.toml",
        "deny.toml",
        "rustfmt.toml",
        "tapeline.toml",
    ];
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(
            name.starts_with('.') || known.contains(&name.as_str()),
            "{name} is not of the layout"
        );
    }
}

#[test]
fn each_protocol_is_known_in_one_crate() {
    for (library, home) in KNOWN_ONCE {
        for (folder, _) in MAY_USE
            .iter()
            .chain(&[("pipeline/app", &[] as &[&str]), ("tests", &[])])
        {
            let uses = dependencies(folder).iter().any(|d| d == library);
            assert!(
                !uses || folder == home,
                "{folder} uses {library}, which only {home} may know"
            );
        }
    }
}

/// Whether the word stands in the line, and is not the end of a longer one.
fn names(line: &str, word: &str) -> bool {
    let mut places = line.match_indices(word);
    places.any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

const AT_THE_EDGE: &[&str] = &[
    "SystemTime::now",
    "Instant",
    "std::fs",
    "std::net",
    "std::thread",
    "rand::",
    "async ",
];

/// Where a pure source uses what belongs at the edge. Tests at its end may read files.
fn impurities(text: &str) -> BTreeSet<(usize, &'static str)> {
    let mut found = BTreeSet::new();
    for word in AT_THE_EDGE {
        let lines = code(text).filter(|(_, line)| names(line, word));
        found.extend(lines.map(|(number, _)| (number, *word)));
        let imports = imports::imports(imports::without_tests(text)).into_iter();
        let imports = imports.filter(|(_, path)| names(path, word));
        found.extend(imports.map(|(number, _)| (number, *word)));
    }
    found
}

#[test]
fn processors_see_no_clock_no_chance_and_no_io() {
    for (name, text) in files("rs") {
        let pure = ["pipeline/processors/", "schemas/"]
            .iter()
            .any(|folder| name.starts_with(folder));
        if !pure {
            continue;
        }
        let mut found = impurities(&text);
        // Build scripts read sources and write generated ones.
        found.retain(|(_, word)| *word != "std::fs" || !name.ends_with("build.rs"));
        assert!(
            found.is_empty(),
            "{name} uses what belongs at the edge: {found:?}"
        );
    }
}

#[test]
fn planted_input_and_output_is_found() {
    for planted in [
        "use std::fs;",
        "use std::{env, fs};",
        "use std::{\n    collections::BTreeMap,\n    fs as files,\n};",
        "use std::{io, thread::{self, JoinHandle}};",
        "let now = std::time::SystemTime::now();",
    ] {
        assert_eq!(impurities(planted).len(), 1, "{planted}");
    }
    assert!(impurities("use std::{fmt, mem};").is_empty());
}

#[test]
fn no_test_is_ignored() {
    let ignore = ["#[", "ignore"].concat();
    for (name, text) in files("rs") {
        for (number, line) in code(&text) {
            assert!(
                !line.contains(&ignore),
                "{name}:{number} is ignored: mend it or remove it"
            );
        }
    }
}

/// A test may wait between two looks at a condition, up to a deadline; never for luck.
#[test]
fn no_test_sleeps_without_a_deadline() {
    let sleep = ["thread::", "sleep"].concat();
    for (name, text) in files("rs") {
        let whole =
            name.contains("tests/") || name.contains("_tests") || name.ends_with("/tests.rs");
        let lines: Vec<&str> = text.lines().collect();
        let first_test = lines.iter().position(|l| l.contains("#[cfg(test)]"));
        let start = if whole {
            0
        } else {
            first_test.unwrap_or(lines.len())
        };
        for number in start..lines.len() {
            let above = &lines[number.saturating_sub(12)..number];
            let polls = above.iter().any(|line| line.contains("deadline"));
            assert!(
                !lines[number].contains(&sleep) || polls,
                "{name}:{} sleeps: wait for a condition instead",
                number + 1
            );
        }
    }
}

#[test]
fn unsafe_stands_in_two_files_only() {
    let word = ["unsafe", " "].concat();
    for (name, text) in files("rs") {
        let allowed = UNSAFE.contains(&name.as_str());
        for (number, line) in code(&text) {
            assert!(
                allowed || !line.contains(&word),
                "{name}:{number} is unsafe"
            );
        }
    }
}

#[test]
fn files_stay_short() {
    let sources = files("rs");
    let lines = |name: &str| {
        let found = sources.iter().find(|(known, _)| known == name);
        found.map_or(0, |(_, text)| text.lines().count())
    };
    for (name, _) in &sources {
        let is_listed = LONGER.iter().any(|(known, _)| known == name);
        let most = if is_listed { 2 * LONG } else { LONG };
        assert!(
            lines(name) <= most,
            "{name} has {} lines: split it by responsibility",
            lines(name)
        );
    }
    for (name, _) in LONGER {
        assert!(lines(name) > LONG, "{name} is short: take it off the list");
    }
}

#[test]
fn nothing_names_a_machine() {
    let home = ["/ro", "ot/"].concat();
    let work = ["/wo", "rk/"].concat();
    for extension in ["rs", "toml", "md", "sql", "avsc", "yml", "yaml"] {
        for (name, text) in files(extension) {
            assert!(
                !text.contains(&home) && !text.contains(&work),
                "{name} names a folder of one machine"
            );
        }
    }
}

const PROCEDURES: &str = "docs/procedures.md";
/// Verdicts about orders have this rule, and no alert.
const NEVER_ALERTED: &str = "order";

/// The value of `const NAME: &str = "value";`
fn constant(line: &str) -> Option<&str> {
    let (_, value) = line.split_once(": &str = \"")?;
    value.strip_suffix("\";")
}

/// The keys that the alerts of a file carry: what is written out, and what is made of the
/// names of rules that stand in the file.
fn procedure_keys(text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines: Vec<&str> = code(text).map(|(_, line)| line.trim()).collect();
    let mut keys = BTreeSet::new();
    let mut is_made = false;
    for line in &lines {
        let Some(value) = line.strip_prefix("procedure: ") else {
            continue;
        };
        if let Some((key, _)) = value.strip_prefix('"').and_then(|v| v.split_once('"')) {
            keys.insert(key.to_owned());
        } else {
            assert!(value.ends_with(".replace('_', \"-\"),"), "{value}");
            is_made = true;
        }
    }
    if is_made {
        let constants = lines.iter().filter_map(|line| constant(line));
        let names = constants.filter(|name| *name != NEVER_ALERTED);
        keys.extend(names.map(|name| name.replace('_', "-")));
        let said = |reason: &&Reason| {
            let variant = format!("Reason::{reason:?}");
            text.contains(&format!("{variant},")) || text.contains(&format!("{variant} "))
        };
        let reasons = Reason::ALL.iter().filter(said);
        if text.contains("reason.code().to_ascii_lowercase()") {
            keys.extend(reasons.map(|r| r.code().to_ascii_lowercase().replace('_', "-")));
        }
    }
    keys
}

#[test]
fn every_alert_has_an_operating_procedure() {
    let mut keys: BTreeSet<String> = RULES.iter().map(|r| r.name.replace('_', "-")).collect();
    for (name, text) in files("rs") {
        let told = [
            "pipeline/processors/src/",
            "pipeline/runtime/src/",
            "pipeline/app/src/roles/",
        ];
        if told.iter().any(|folder| name.starts_with(folder)) && !name.contains("tests") {
            keys.extend(procedure_keys(&text));
        }
    }
    for known in ["guard", "late-fill", "price-jump", "strategy-blocked"] {
        assert!(keys.contains(known), "{known} was not found in the sources");
    }
    let page = fs::read_to_string(root().join(PROCEDURES)).unwrap();
    let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
    let sections: BTreeSet<String> = headings.map(str::to_owned).collect();
    for key in &keys {
        assert!(
            sections.contains(key),
            "alerts carry the procedure {key}, but {PROCEDURES} has no section `### {key}`"
        );
    }
    for section in &sections {
        assert!(
            keys.contains(section),
            "{PROCEDURES} has a section {section}, but no alert carries it"
        );
    }
}
