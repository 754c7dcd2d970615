//! The bytes that state has: the next release must go on with them.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tapeline_schemas::codec::{self, Record};
use tapeline_schemas::registry;

const COMMITTED: &str = include_str!("../../../schemas/golden/committed.txt");

pub(crate) fn assert_golden<T>(state: &T)
where
    T: Serialize + DeserializeOwned + Record + PartialEq + Debug,
{
    let mut bytes = Vec::new();
    codec::encode(state, &mut bytes).unwrap();
    assert_eq!(&codec::decode::<T>(&bytes).unwrap(), state);
    let version = registry().newest(T::RECORD).unwrap().version;
    let line = format!("record {} v{version} {}", T::RECORD, hex::encode(bytes));
    let is_golden = COMMITTED.lines().any(|golden| golden == line);
    assert!(is_golden, "not golden:\n{line}");
}

/// What a former release wrote in this version.
pub(crate) fn golden<T: DeserializeOwned + Record>(version: u32) -> T {
    let name = format!("record {} v{version} ", T::RECORD);
    let mut lines = COMMITTED.lines();
    let hex = lines.find_map(|line| line.strip_prefix(&name)).unwrap();
    codec::decode(&hex::decode(hex).unwrap()).unwrap()
}
