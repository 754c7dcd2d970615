//! Every schema version ever committed, oldest first. An id, once given, is never given again,
//! and a committed file never changes: a new version is a new file (`<record>.v2.avsc`) and a
//! new line of `golden/committed.txt`, which gives it its id.

pub(crate) struct Committed {
    pub id: u32,
    pub record: &'static str,
    pub version: u32,
    pub json: &'static str,
}

pub(crate) const CATALOG: &[Committed] = include!(concat!(env!("OUT_DIR"), "/catalog.rs"));
