//! What holds for every Markdown file: links lead somewhere, and the paths it names exist.

use std::collections::BTreeMap;

use super::{files, paths, root};

/// The index of all pages.
const INDEX: &str = "docs/README.md";
/// A path that begins with one of these is complete: it is looked up from the root.
const FOLDERS: &[&str] = &[
    "connectors",
    "deploy",
    "docs",
    "pipeline",
    "schemas",
    "tests",
];
/// A name that ends with one of these is a file of the repository, wherever it is.
const SOURCES: &[&str] = &["avsc", "md", "py", "rs", "sql", "toml"];
/// Files that users write.
const OF_USERS: &[&str] = &["tapeline.toml"];

/// Lines that are not in a fenced block, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        (!fenced && !is_fence).then_some((at + 1, line))
    })
}

/// What stands in backticks.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The targets of links; a link in backticks is none.
fn links(line: &str) -> Vec<String> {
    let outside: String = line.split('`').step_by(2).collect();
    let targets = outside.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

/// The anchors of a file: a heading in lower case, spaces as hyphens, without punctuation. The
/// second of two alike ends with `-1`.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter_map(|(_, line)| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then(|| title.strip_prefix(' '))?
    });
    let anchor = |title: &str| {
        let kept = title.trim().to_lowercase();
        let kept = kept
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = seen.entry(anchor.clone()).or_default();
        *before += 1;
        match *before {
            1 => anchor,
            more => format!("{anchor}-{}", more - 1),
        }
    };
    headings.map(anchor).collect()
}

/// A path relative to the folder of a file, from the root.
fn resolved(file: &str, target: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn fault_of_link(pages: &BTreeMap<String, String>, file: &str, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() {
        file.to_owned()
    } else {
        resolved(file, path)
    };
    if !root().join(&path).exists() {
        return Some(format!("links to {target}, which is not there"));
    }
    let is_known = anchor.is_empty()
        || pages
            .get(&path)
            .is_some_and(|text| anchors(text).iter().any(|known| known == anchor));
    (!is_known).then(|| format!("links to {target}, but {path} has no such heading"))
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn expanded(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else {
        return vec![path.to_owned()];
    };
    let Some((choices, after)) = rest.split_once('}') else {
        return vec![path.to_owned()];
    };
    let choices = choices.split(',');
    choices
        .map(|choice| format!("{before}{choice}{after}"))
        .collect()
}

/// The paths that a word in backticks names, if it names any. Commands, addresses, keys and
/// placeholders have characters that no path of ours has.
fn named_paths(span: &str) -> Vec<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./{},#".contains(c);
    if !span.chars().all(is_plain) || OF_USERS.contains(&span) {
        return Vec::new();
    }
    let path = span.split('#').next().unwrap_or_default();
    let is_complete = path
        .split_once('/')
        .is_some_and(|(first, _)| FOLDERS.contains(&first));
    let is_source = path.rsplit_once('.').is_some_and(|(name, ending)| {
        SOURCES.contains(&ending) && !name.is_empty() && !name.starts_with('.')
    });
    if is_complete || is_source {
        expanded(path)
    } else {
        Vec::new()
    }
}

/// A complete path is looked up from the root; any other must be how some file's path ends.
fn exists(all: &[String], path: &str) -> bool {
    let is_complete = path
        .split_once('/')
        .is_some_and(|(first, _)| FOLDERS.contains(&first));
    if is_complete {
        return root().join(path).exists();
    }
    let end = format!("/{path}");
    all.iter().any(|file| file == path || file.ends_with(&end))
}

fn pages() -> BTreeMap<String, String> {
    files("md").into_iter().collect()
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_link_is_dead() {
    let pages = pages();
    let mut faults = Vec::new();
    for (file, text) in &pages {
        for (number, line) in prose(text) {
            for target in links(line) {
                let fault = fault_of_link(&pages, file, &target);
                faults.extend(fault.map(|fault| format!("{file}:{number} {fault}")));
            }
        }
    }
    none(&faults);
}

#[test]
fn every_path_that_is_named_exists() {
    let all = paths();
    let mut faults = Vec::new();
    for (file, text) in pages() {
        for (number, line) in prose(&text) {
            let named = code_spans(line).flat_map(named_paths);
            for path in named.filter(|path| !exists(&all, path)) {
                faults.push(format!("{file}:{number} names {path}, which is not there"));
            }
        }
    }
    none(&faults);
}

#[test]
fn every_page_has_a_title_and_is_listed() {
    let pages = pages();
    let mut faults = Vec::new();
    for (file, text) in pages.iter().filter(|(file, _)| file.starts_with("docs/")) {
        if !text.starts_with("# ") {
            faults.push(format!("{file} does not begin with its title"));
        }
        // A folder with an index of its own is listed by that.
        let own = resolved(file, "README.md");
        let index = if pages.contains_key(&own) && own != *file {
            &own
        } else {
            INDEX
        };
        let mut listed = prose(&pages[index]).flat_map(|(_, line)| links(line));
        if file != INDEX && !listed.any(|target| resolved(index, &target) == *file) {
            faults.push(format!("{file} is not listed in {index}"));
        }
    }
    none(&faults);
}

#[test]
fn links_and_anchors_are_read_as_they_are_shown() {
    let line = "see [a](b.md#c), [`x`](#y) and `[not](this.md)`";
    assert_eq!(links(line), ["b.md#c", "#y"]);
    let text = "# A page\n## Limits, and `max_x`: more\n```\n# none\n```\n## A page\n#none\n";
    assert_eq!(
        anchors(text),
        ["a-page", "limits-and-max_x-more", "a-page-1"]
    );
    assert_eq!(resolved("docs/design/a.md", "../../README.md"), "README.md");
    let pages = BTreeMap::from([("README.md".to_owned(), text.to_owned())]);
    let fault = |target: &str| fault_of_link(&pages, "docs/x.md", target).is_some();
    assert!(!fault("https://example.org/#x") && !fault("../README.md#a-page"));
    assert!(fault("../README.md#b-page") && fault("gone.md") && fault("README-too.md"));
}

#[test]
fn only_what_can_be_a_path_is_taken_for_one() {
    let all = ["pipeline/app/src/main.rs".to_owned()];
    for path in ["main.rs", "src/main.rs", "tests/tidy.rs", "tests"] {
        assert!(exists(&all, path) || named_paths(path).is_empty(), "{path}");
    }
    for path in ["tests/gone.rs", "n.rs", "in.rs", "app/main.rs", "docs/gone"] {
        let named = named_paths(path);
        assert_eq!(named, [path]);
        assert!(!exists(&all, path), "{path}");
    }
    let both = named_paths("tests/{a,b}.rs");
    assert_eq!(both, ["tests/a.rs", "tests/b.rs"]);
    for other in [
        "tapeline.toml",
        "Worker::step",
        "tests/<name>.rs",
        "cargo test -p x.rs",
        "secret://file/x.py",
        "/health/live",
        "market.marks/3/1831",
        "*.rs",
        ".md",
        "….md",
    ] {
        assert!(named_paths(other).is_empty(), "{other}");
    }
}
