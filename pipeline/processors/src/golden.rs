//! What is stored keeps its bytes: a new release goes on with what an old one left.

use std::fmt::Write;

use serde::Serialize;
use tapeline_schemas::codec::{self, Record};

const GOLDEN: &str = include_str!("../../../schemas/golden/records.txt");

pub(crate) fn is_golden<T: Serialize + Record>(value: &T) {
    let mut bytes = Vec::new();
    codec::encode(value, &mut bytes).unwrap();
    let (schema, _) = codec::unframe(&bytes).unwrap();
    let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let line = format!("{} v{} {hex}", T::RECORD, schema.version);
    assert!(GOLDEN.lines().any(|l| l == line), "not golden:\n{line}");
}
