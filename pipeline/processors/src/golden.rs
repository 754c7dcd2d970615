//! The bytes that state has: the next release must go on with them.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tapeline_schemas::codec::{self, Record};
use tapeline_schemas::{golden as committed, registry};

pub(crate) fn assert_golden<T>(state: &T)
where
    T: Serialize + DeserializeOwned + Record + PartialEq + Debug,
{
    let mut bytes = Vec::new();
    codec::encode(state, &mut bytes).unwrap();
    assert_eq!(&codec::decode::<T>(&bytes).unwrap(), state);
    let version = registry().newest(T::RECORD).unwrap().version;
    let line = format!("record {} v{version} {}", T::RECORD, hex::encode(bytes));
    assert!(committed::holds(&line), "not golden:\n{line}");
}

/// What a former release wrote in this version.
pub(crate) fn golden<T: DeserializeOwned + Record>(version: u32) -> T {
    let hex = committed::record(T::RECORD, version).unwrap();
    codec::decode(&hex::decode(hex).unwrap()).unwrap()
}
