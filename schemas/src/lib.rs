//! The contracts between everything that reads or writes: record schemas with
//! stable ids, the wire codec, the topic manifest and the store's migrations.
//! Pure: all of it is compiled in, nothing here does I/O.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod catalog;
pub mod codec;
pub mod golden;
pub mod migrations;
mod partitioner;
mod records;
mod registry;
pub mod topics;

pub use partitioner::partition_of;
pub use registry::{Registry, SchemaVersion, registry};

/// SHA-256, in hexadecimal digits.
pub fn checksum(text: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(text.as_bytes()))
}
