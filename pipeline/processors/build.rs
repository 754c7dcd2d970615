//! Names what decides: a hash over the sources of the schemas, the model and the
//! processors. Two programs with the same hash come to the same outputs.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest, Sha256};

const SOURCES: &[&str] = &[
    "../../schemas/avro",
    "../../schemas/src",
    "../../schemas/topics.toml",
    "../model/src",
    "src",
];

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut hash = Sha256::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        add(&here, Path::new(source), &mut hash)?;
    }
    let digest = hash.finalize();
    let Some(first) = digest.first_chunk() else {
        return Err(io::Error::other("SHA-256 has 32 bytes"));
    };
    let name = u64::from_be_bytes(*first);
    println!("cargo::rustc-env=TAPELINE_LOGIC={name:016x}");
    Ok(())
}

fn add(here: &Path, source: &Path, hash: &mut Sha256) -> io::Result<()> {
    let path = here.join(source);
    if !path.is_dir() {
        hash.update(source.to_string_lossy().as_bytes());
        hash.update(fs::read(path)?);
        return Ok(());
    }
    let entries: io::Result<Vec<_>> = fs::read_dir(path)?.collect();
    let mut names: Vec<_> = entries?
        .into_iter()
        .map(|entry| entry.file_name())
        .collect();
    names.sort();
    for name in names {
        add(here, &source.join(name), hash)?;
    }
    Ok(())
}
