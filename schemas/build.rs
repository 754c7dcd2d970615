//! Lists the committed files: schemas by the ids that `golden/committed.txt` gives them,
//! migrations by the numbers that their names begin with.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const COMMITTED: &str = "golden/committed.txt";
const MIGRATIONS: &str = "clickhouse";

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    for input in [COMMITTED, MIGRATIONS, "build.rs"] {
        println!("cargo::rerun-if-changed={input}");
    }
    let committed = fs::read_to_string(here.join(COMMITTED))?;
    fs::write(out.join("catalog.rs"), catalog(&committed)?)?;
    fs::write(out.join("migrations.rs"), migrations(&here)?)
}

fn catalog(committed: &str) -> io::Result<String> {
    let mut list = String::from("&[\n");
    let lines = committed.lines();
    for line in lines.filter_map(|line| line.strip_prefix("schema ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let [id, record, version, _checksum] = words[..] else {
            return Err(malformed(line));
        };
        let Some(number) = version.strip_prefix('v') else {
            return Err(malformed(line));
        };
        let file = if number == "1" {
            format!("{record}.avsc")
        } else {
            format!("{record}.{version}.avsc")
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            list,
            "Committed {{ id: {id}, record: {record:?}, version: {number}, json: {} }},",
            include("avro", &file)
        );
    }
    Ok(list + "]")
}

fn migrations(here: &Path) -> io::Result<String> {
    let entries: io::Result<Vec<_>> = fs::read_dir(here.join(MIGRATIONS))?.collect();
    let mut files: Vec<String> = entries?
        .iter()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let stem = file.strip_suffix(".sql").and_then(|s| s.split_once('_'));
        let Some((number, name)) = stem else {
            return Err(malformed(file));
        };
        let version: u32 = number.parse().map_err(|_| malformed(file))?;
        let _ = writeln!(
            list,
            "Migration {{ version: {version}, name: {name:?}, sql: {} }},",
            include(MIGRATIONS, file)
        );
    }
    Ok(list + "]")
}

fn include(folder: &str, file: &str) -> String {
    format!("include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{folder}/{file}\"))")
}

fn malformed(what: &str) -> io::Error {
    io::Error::other(format!(
        "cannot read `{what}`: {COMMITTED} has lines like `schema 1 quote v1 CHECKSUM`, \
         {MIGRATIONS} has files like `0001_base_tables.sql`"
    ))
}
