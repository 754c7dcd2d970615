//! Which record lives in which topic, under which key and in which table.

/// Hands every record that has a topic to the macro named: one line a record, the one
/// description from which topics, events, and the dispatch to tables and rows are made.
///
/// A line is: the event, its type, the record's name in the schema catalog, the topic, its name,
/// the field that is the key, the table, the topics it is co-partitioned with, and for how many
/// days it is kept. `urgent`: someone waits for it, so it does not wait for the next regular
/// commit. `versioned`: its type says by itself which schema version holds it.
#[macro_export]
macro_rules! topic_records {
    ($then:ident) => {
        $then! {
            Quote [Quote<'a>] "quote" MarketQuotes "market.quotes"
                key symbol table "quotes" group Market keep 7;
            Trade [Trade<'a>] "trade" MarketTrades "market.trades"
                key symbol table "trades" group Market keep 7;
            Bar [Bar] "bar" MarketBars "market.bars"
                key symbol table "bars" group Market keep 365;
            Mark [Mark<'a>] "mark" MarketMarks "market.marks"
                key symbol table "marks" group Market keep 7 versioned;
            Signal [Signal] "signal" Signals "signals"
                key symbol table "signals" group Market keep 365 urgent;
            Fill [Fill] "fill" BrokerFills "broker.fills"
                key portfolio table "fills" group Portfolio keep forever;
            Order [Order] "order" BrokerOrders "broker.orders"
                key portfolio table "orders" group Portfolio keep 90;
            Account [AccountEvent] "account_event" BrokerAccounts "broker.accounts"
                key portfolio table "account_events" group Portfolio keep forever;
            Auth [AuthEvent] "auth_event" AuthEvents "auth.events"
                key portfolio table "auth_events" group Portfolio keep 90;
            Request [OrderRequest] "order_request" OrdersRequests "orders.requests"
                key portfolio table "order_requests" group Portfolio keep forever urgent;
            Command [Command] "command" ControlCommands "control.commands"
                key portfolio table "commands" group Portfolio keep forever;
            Position [Position] "position" RiskPositions "risk.positions"
                key portfolio table "positions" group Portfolio keep 30;
            Equity [Equity] "equity" RiskEquity "risk.equity"
                key portfolio table "equity" group Portfolio keep 30;
            Verdict [Verdict] "verdict" RiskVerdicts "risk.verdicts"
                key portfolio table "verdicts" group Portfolio keep forever urgent;
            Alert [Alert] "alert" Alerts "alerts"
                key subject table "alerts" group Portfolio keep 90 urgent;
            DeadLetter [DeadLetter] "dead_letter" DeadLetters "deadletters"
                key topic table "deadletters" group Portfolio keep 90;
        }
    };
}
