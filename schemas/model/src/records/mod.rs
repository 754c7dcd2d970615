//! One type a record of the schema catalog, field for field.
//!
//! Records that come by the hundred thousand borrow their text from the bytes
//! they were read from; the others own it.

mod broker;
mod closed_sets;
mod market;
mod risk;
mod state;

use tapeline_schemas::codec::Record;

pub use broker::*;
pub use closed_sets::*;
pub use market::*;
pub use risk::*;
pub use state::*;

/// Records of state and of processors' own topics; those of topics have theirs from
/// `topic_records!`.
macro_rules! records {
    ($($type:ty = $name:literal)*) => {
        $(impl Record for $type { const RECORD: &'static str = $name; })*
    };
}

records! {
    Progress = "progress"
    StateMark = "state_mark"
    StateBook = "state_book"
    StatePortfolio = "state_portfolio"
    Journal = "journal"
    Snapshot = "snapshot"
}
