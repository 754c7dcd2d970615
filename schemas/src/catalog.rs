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
    20 "fill" v 2 "fill.v2.avsc"
    21 "order" v 2 "order.v2.avsc"
    22 "account_event" v 2 "account_event.v2.avsc"
    23 "mark" v 2 "mark.v2.avsc"
    24 "position" v 2 "position.v2.avsc"
    25 "equity" v 2 "equity.v2.avsc"
    26 "verdict" v 2 "verdict.v2.avsc"
    27 "trade" v 1 "trade.avsc"
    28 "bar" v 1 "bar.avsc"
    29 "signal" v 1 "signal.avsc"
    30 "order_request" v 1 "order_request.avsc"
    31 "command" v 1 "command.avsc"
    32 "state_position" v 1 "state_position.avsc"
    33 "state_cash" v 1 "state_cash.avsc"
    34 "state_mark" v 3 "state_mark.v3.avsc"
    35 "journal" v 2 "journal.v2.avsc"
    36 "progress" v 3 "progress.v3.avsc"
    37 "state_limits" v 1 "state_limits.avsc"
    38 "state_limit" v 1 "state_limit.avsc"
    39 "state_flags" v 1 "state_flags.avsc"
    40 "state_series" v 1 "state_series.avsc"
    41 "state_rule" v 1 "state_rule.avsc"
    42 "state_strategy" v 1 "state_strategy.avsc"
    43 "state_prints" v 1 "state_prints.avsc"
    44 "verdict" v 3 "verdict.v3.avsc"
    45 "state_trade" v 1 "state_trade.avsc"
    46 "state_difference" v 1 "state_difference.avsc"
    47 "equity" v 3 "equity.v3.avsc"
    48 "position" v 3 "position.v3.avsc"
    49 "state_trade" v 2 "state_trade.v2.avsc"
    50 "auth_event" v 2 "auth_event.v2.avsc"
    51 "auth_event" v 3 "auth_event.v3.avsc"
    52 "state_login" v 1 "state_login.avsc"
    53 "state_limits" v 2 "state_limits.v2.avsc"
};
