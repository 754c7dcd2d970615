//! Names what decides: a hash over the sources of the schemas, the model and the
//! processors. Two programs with the same hash come to the same outputs.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest, Sha256};

/// What is hashed, by a name that stays when a folder moves, and where it is.
const SOURCES: &[(&str, &str)] = &[
    ("avro", "../../schemas/avro"),
    ("schemas", "../../schemas/src"),
    ("catalog", "../../schemas/build.rs"),
    ("topics", "../../schemas/topics.toml"),
    ("model", "../../schemas/model/src"),
    ("processors", "src"),
];

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut hash = Sha256::new();
    for (name, path) in SOURCES {
        println!("cargo::rerun-if-changed={path}");
        add(name, &here.join(path), &mut hash)?;
    }
    let digest = hash.finalize();
    let Some(first) = digest.first_chunk() else {
        return Err(io::Error::other("SHA-256 has 32 bytes"));
    };
    let name = u64::from_be_bytes(*first);
    println!("cargo::rustc-env=TAPELINE_LOGIC={name:016x}");
    Ok(())
}

fn add(name: &str, path: &Path, hash: &mut Sha256) -> io::Result<()> {
    if !path.is_dir() {
        let text = fs::read(path)?;
        // Lengths keep a name apart from the text behind it.
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
        return Ok(());
    }
    let entries: io::Result<Vec<_>> = fs::read_dir(path)?.collect();
    let mut names: Vec<_> = entries?
        .into_iter()
        .map(|entry| entry.file_name())
        .collect();
    names.sort();
    for file in names {
        let name = format!("{name}/{}", file.to_string_lossy());
        add(&name, &path.join(file), hash)?;
    }
    Ok(())
}
