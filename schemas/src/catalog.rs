//! Every schema version ever committed, oldest first. An id, once given, is
//! never given again, and a committed file never changes: a new version is a
//! new file (`<record>.v2.avsc`) and a new line.

pub(crate) struct Committed {
    pub id: u32,
    pub record: &'static str,
    pub version: u32,
    pub json: &'static str,
}

macro_rules! committed {
    ($($id:literal $record:literal v $version:literal $file:literal)*) => {
        &[$(Committed {
            id: $id,
            record: $record,
            version: $version,
            json: include_str!(concat!("../avro/", $file)),
        }),*]
    };
}

pub(crate) const COMMITTED: &[Committed] = committed! {
    1 "quote" v 1 "quote.avsc"
    2 "mark" v 1 "mark.avsc"
    3 "fill" v 1 "fill.avsc"
    4 "order" v 1 "order.avsc"
    5 "account_event" v 1 "account_event.avsc"
    6 "auth_event" v 1 "auth_event.avsc"
    7 "position" v 1 "position.avsc"
    8 "equity" v 1 "equity.avsc"
    9 "verdict" v 1 "verdict.avsc"
    10 "alert" v 1 "alert.avsc"
    11 "dead_letter" v 1 "dead_letter.avsc"
    12 "progress" v 1 "progress.avsc"
    13 "state_mark" v 1 "state_mark.avsc"
    14 "state_book" v 1 "state_book.avsc"
    15 "state_portfolio" v 1 "state_portfolio.avsc"
    16 "journal" v 1 "journal.avsc"
    17 "snapshot" v 1 "snapshot.avsc"
    18 "state_mark" v 2 "state_mark.v2.avsc"
    19 "progress" v 2 "progress.v2.avsc"
};
