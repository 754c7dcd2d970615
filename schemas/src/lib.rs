//! The contracts between everything that reads or writes: record schemas with
//! stable ids, the wire codec, the topic manifest and the store's migrations.
//! Pure: all of it is compiled in, nothing here does I/O.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod catalog;
pub mod codec;
#[cfg(test)]
mod golden;
pub mod migrations;
mod partitioner;
mod records;
mod registry;
pub mod topics;

pub use partitioner::partition_of;
pub use registry::{Registry, SchemaVersion, registry};

/// SHA-256, in hexadecimal digits.
pub fn checksum(text: &str) -> String {
    use std::fmt::Write;

    use sha2::{Digest, Sha256};
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
