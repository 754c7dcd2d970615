//! Every name of the pinned engine is classified.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::BTreeSet;

use common::select;
use tapeline_local::{NameKind, Reach, engine_names};

fn names(sql: &str) -> BTreeSet<String> {
    select(sql).lines().map(str::to_owned).collect()
}

fn classified(kind: NameKind) -> BTreeSet<String> {
    let of_kind = engine_names().iter().filter(|name| name.kind == kind);
    of_kind.map(|name| name.name.to_owned()).collect()
}

#[track_caller]
fn compare(kind: NameKind, there: &BTreeSet<String>) {
    let known = classified(kind);
    let new: Vec<_> = there.difference(&known).collect();
    let gone: Vec<_> = known.difference(there).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "{kind:?}: deploy/local/engine/names.txt needs a line for each of {new:?} (does it read or \
         write anything outside of the store?), and none for {gone:?}"
    );
}

#[test]
fn every_name_of_the_engine_is_classified() {
    for (kind, table) in [
        (NameKind::Function, "functions WHERE origin = 'System'"),
        (NameKind::TableFunction, "table_functions"),
        (NameKind::TableEngine, "table_engines"),
        (NameKind::DatabaseEngine, "database_engines"),
    ] {
        compare(kind, &names(&format!("SELECT name FROM system.{table}")));
    }
}

/// A setting that is a text may be a path, an address or an expression.
#[test]
fn every_setting_that_is_a_text_is_classified() {
    let texts = "type IN ('String', 'Map', 'URI', 'Dialect')";
    let there = names(&format!("SELECT name FROM system.settings WHERE {texts}"));
    let all = names("SELECT name FROM system.settings");
    let known = classified(NameKind::Setting);
    let others = known.difference(&there).filter(|name| all.contains(*name));
    let with_others = there.iter().chain(others).cloned().collect();
    compare(NameKind::Setting, &with_others);
}

/// Only so is a name, as it is written, all that must be looked for.
#[test]
fn refused_functions_have_one_spelling_each() {
    let outside: Vec<_> = engine_names()
        .iter()
        .filter(|name| name.kind == NameKind::Function && name.reach == Reach::Outside)
        .map(|name| format!("'{}'", name.name))
        .collect();
    let outside = outside.join(", ");
    let loose = names(&format!(
        "SELECT name FROM system.functions WHERE name IN ({outside}) AND case_insensitive"
    ));
    assert!(loose.is_empty(), "{loose:?}");
    let aliases = names(&format!(
        "SELECT name FROM system.functions WHERE alias_to IN ({outside}) AND name NOT IN ({outside})"
    ));
    assert!(aliases.is_empty(), "{aliases:?}");
}
