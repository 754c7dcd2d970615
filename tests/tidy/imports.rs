//! What `use` declarations and paths say of the modules of a crate, read as text.

use std::collections::{BTreeMap, BTreeSet};

use super::{code, files, manifest};

type Edges = BTreeMap<String, BTreeSet<String>>;

/// The text without the tests at its end.
pub(super) fn without_tests(text: &str) -> &str {
    let mut starts = text.match_indices("#[cfg(test)]");
    let start = starts.find(|(at, _)| {
        let next = text[*at..].lines().find(|line| !line.starts_with('#'));
        next.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    });
    start.map_or(text, |(at, _)| &text[..at])
}

/// Each path that `use` declares, its braces resolved, with the line where it begins.
pub(super) fn imports(text: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in code(text) {
        let line = line.trim();
        let begins = line.starts_with("use ") || line.starts_with("pub") && line.contains(" use ");
        let tree = match &mut open {
            Some((_, tree)) => {
                tree.push_str(line);
                tree
            }
            None if begins => {
                let (_, tree) = line.split_once("use ").unwrap_or_default();
                &mut open.insert((number, tree.to_owned())).1
            }
            None => continue,
        };
        if let Some((tree, _)) = tree.split_once(';') {
            let tree = tree.to_owned();
            let (number, _) = open.take().unwrap_or((number, String::new()));
            paths.extend(expand("", &tree).into_iter().map(|path| (number, path)));
        }
    }
    paths
}

/// `a::{b, c::{d as e}}` is `a::b` and `a::c::d`.
fn expand(before: &str, tree: &str) -> Vec<String> {
    let Some((head, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        return vec![format!("{before}{path}")];
    };
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let before = format!("{before}{}", head.trim());
    let (mut paths, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    paths.extend(expand(&before, inner[start..at].trim()));
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    paths
}

/// Paths that begin with `crate` or `super`, wherever they stand.
fn own_paths(text: &str) -> Vec<String> {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut paths: Vec<String> = imports(text).into_iter().map(|(_, path)| path).collect();
    for (_, line) in code(text) {
        let words = line.split(|c: char| !is_path(c));
        paths.extend(words.filter(|word| word.contains("::")).map(str::to_owned));
    }
    paths.retain(|path| path.starts_with("crate::") || path.starts_with("super::"));
    paths
}

/// The first name behind the crate's root that a path of a module leads to.
fn from_root(path: &str, depth: usize) -> Option<&str> {
    let rest = path.strip_prefix("crate::").or_else(|| {
        let mut rest = path;
        for _ in 0..depth {
            rest = rest.strip_prefix("super::")?;
        }
        (depth > 0).then_some(rest)
    })?;
    rest.split("::").next()
}

/// Which top-level module of the crate imports which, tests left out.
fn edges(sources: &[(&str, &str)]) -> Edges {
    let is_root = |name: &str| ["lib.rs", "main.rs"].contains(&name);
    let top = |name: &str| name.split(['/', '.']).next().unwrap_or_default().to_owned();
    let roots = sources.iter().filter(|(name, _)| is_root(name));
    let roots: String = roots.map(|(_, text)| *text).collect();
    let for_tests = |module: &str| roots.contains(&format!("#[cfg(test)]\nmod {module};"));
    let modules = sources.iter().filter(|(name, _)| !is_root(name));
    let modules: BTreeSet<String> = modules.map(|(name, _)| top(name)).collect();
    // What the root gives out under its own name.
    let given: BTreeMap<String, String> = imports(&roots)
        .into_iter()
        .filter_map(|(_, path)| {
            let (module, name) = (path.split("::").next()?, path.rsplit("::").next()?);
            Some((name.to_owned(), module.to_owned()))
        })
        .collect();
    let mut edges = Edges::new();
    for (name, text) in sources {
        let from = top(name);
        let is_test = name.contains("tests") || for_tests(&from);
        if is_root(name) || is_test || name.starts_with("bin/") {
            continue;
        }
        let file = name.trim_end_matches(".rs").trim_end_matches("/mod");
        let depth = file.split('/').count();
        for path in own_paths(without_tests(text)) {
            let Some(to) = from_root(&path, depth) else {
                continue;
            };
            let to = given.get(to).map_or(to, String::as_str);
            if modules.contains(to) && to != from {
                edges.entry(from.clone()).or_default().insert(to.to_owned());
            }
        }
    }
    edges
}

/// All that a module leads to, over any others.
fn reached<'a>(edges: &'a Edges, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = edges
        .get(from)
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(edges.get(module).into_iter().flatten().map(String::as_str));
        }
    }
    reached
}

/// The modules that lead back to themselves.
fn on_circles(edges: &Edges) -> Vec<&str> {
    let modules = edges.keys().map(String::as_str);
    modules
        .filter(|module| reached(edges, module).contains(module))
        .collect()
}

#[test]
fn modules_of_a_crate_import_each_other_one_way() {
    let sources = files("rs");
    let workspace = manifest("");
    let members = workspace["workspace"]["members"].as_array().unwrap();
    for member in members.iter().map(|member| member.as_str().unwrap()) {
        let folder = format!("{member}/src/");
        let own: Vec<(&str, &str)> = sources
            .iter()
            .filter_map(|(name, text)| Some((name.strip_prefix(&folder)?, text.as_str())))
            .collect();
        let edges = edges(&own);
        let circles = on_circles(&edges);
        assert!(
            circles.is_empty(),
            "modules of {member} import each other in a circle: {circles:?}; \
             move what they share below them"
        );
    }
}

#[test]
fn braces_and_renames_hide_no_import() {
    let text = "use std::{collections::BTreeMap, fs as files,\n    io::{self, Read},\n};\n\
                pub(crate) use a::b; // not c\nlet used = 1;\n";
    let expected = [
        (1, "std::collections::BTreeMap"),
        (1, "std::fs"),
        (1, "std::io::self"),
        (1, "std::io::Read"),
        (4, "a::b"),
    ];
    let found = imports(text);
    let found: Vec<(usize, &str)> = found
        .iter()
        .map(|(at, path)| (*at, path.as_str()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_planted_circle_is_found() {
    let circles = |sources: &[(&str, &str)]| {
        let edges = edges(sources);
        on_circles(&edges).join(" ")
    };
    let root = (
        "lib.rs",
        "mod a;\nmod b;\nmod c;\npub use c::Shared;\n#[cfg(test)]\nmod d;\n",
    );
    let back = [
        ("b.rs", "use crate::{a::{X}, c};"),
        ("b.rs", "use super::{a, c};"),
        ("b/mod.rs", "use super::a;"),
        ("b/inner.rs", "fn f() { super::super::a::f() }"),
        ("b/inner.rs", "use crate::c::X;"),
    ];
    for (index, other) in back.iter().enumerate() {
        let sources = [root, ("a.rs", "use crate::b::Y;"), *other, ("c.rs", "")];
        let expected = if index < 4 { "a b" } else { "" };
        assert_eq!(circles(&sources), expected, "{other:?}");
    }
    let through_the_root = [
        root,
        ("a.rs", "use crate::Shared;"),
        ("c.rs", "use crate::a;"),
    ];
    assert_eq!(circles(&through_the_root), "a c");
    let tests = "#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n";
    let in_tests = [
        root,
        ("a.rs", "use crate::b;"),
        ("b.rs", tests),
        ("d.rs", "use crate::a;"),
    ];
    assert_eq!(circles(&in_tests), "");
}
