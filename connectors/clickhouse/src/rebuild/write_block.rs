//! Writes are held while a table that takes none stands in the place of the table. An answer that
//! is lost does not say which of the two stands there, so it is looked up.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use clickhouse::Row;
use serde::Deserialize;

use super::{NEW, OLD, Rebuild, RebuildError};
use crate::error::StoreError;

/// How long inserts that are under way may take to end; then the rebuild gives up.
const ENDED_WITHIN: Duration = Duration::from_secs(120);
const POLL_EVERY: Duration = Duration::from_millis(20);

#[derive(Row, Deserialize)]
struct Engine {
    engine: String,
}

#[derive(Row, Deserialize)]
struct RunningQuery {
    id: String,
}

impl Rebuild<'_> {
    /// What an interrupted rebuild left. The table takes its own place again, if need be.
    pub(super) fn clear(&self) -> Result<(), RebuildError> {
        if self.is_blocked()? {
            self.exchange(OLD)?;
        }
        self.drop_table(NEW)?;
        Ok(self.drop_table(OLD)?)
    }

    fn is_blocked(&self) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT engine FROM system.tables WHERE database = currentDatabase() AND name = '{}'",
            self.topic.table()
        );
        let found = self.rows::<Engine>(&sql)?;
        Ok(found.iter().any(|found| found.engine == "Merge"))
    }

    /// Once writes are held: until every insert that may have found the table before has ended.
    /// What is not under way by now finds the table that takes nothing.
    pub(super) fn wait_for_inserts(&self) -> Result<(), RebuildError> {
        self.wait_for("query_kind = 'Insert'")
    }

    /// An exchange whose answer was lost may still be under way.
    fn wait_for_exchanges(&self) -> Result<(), RebuildError> {
        let table = self.topic.table();
        self.wait_for(&format!("query LIKE 'EXCHANGE TABLES {table} AND %'"))
    }

    /// Until what is under way now has ended.
    fn wait_for(&self, queries: &str) -> Result<(), RebuildError> {
        let started = Instant::now();
        let mut left = self.running_queries(queries)?;
        while !left.is_empty() {
            let waited = started.elapsed();
            if waited >= ENDED_WITHIN {
                return Err(RebuildError::Busy { waited });
            }
            std::thread::sleep(POLL_EVERY);
            let running = self.running_queries(queries)?;
            left.retain(|id| running.contains(id));
        }
        Ok(())
    }

    fn running_queries(&self, queries: &str) -> Result<BTreeSet<String>, StoreError> {
        let sql = format!("SELECT query_id AS id FROM system.processes WHERE {queries}");
        let running = self.rows::<RunningQuery>(&sql)?;
        Ok(running.into_iter().map(|query| query.id).collect())
    }

    pub(super) fn swap_in_new(&self) -> Result<(), RebuildError> {
        let Err(error) = self.exchange(NEW) else {
            return Ok(());
        };
        self.wait_for_exchanges()?;
        if self.is_blocked()? {
            return Err(error.into());
        }
        Ok(())
    }

    /// The table takes its place again. Where it has it, nothing may be changed: rows may have
    /// come since.
    pub(super) fn unblock_writes(&self, cause: RebuildError) -> RebuildError {
        match self.restore_table() {
            Ok(()) => cause,
            Err(error) => RebuildError::StillHeld {
                cause: Box::new(cause),
                error: Box::new(error),
            },
        }
    }

    fn restore_table(&self) -> Result<(), RebuildError> {
        self.wait_for_exchanges()?;
        if self.is_blocked()? {
            self.exchange(OLD)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tapeline_kafka::KafkaSettings;
    use tapeline_schemas::topics::Topic;
    use tokio::runtime::Runtime;

    use super::*;
    use crate::cells::put_bytes;
    use crate::client::Store;
    use crate::testing::{FakeStore, Reply};

    const EXCHANGE_OLD: &str = "EXCHANGE TABLES quotes AND quotes__old";
    const EXCHANGE_NEW: &str = "EXCHANGE TABLES quotes AND quotes__new";
    const PROCESSES: &str = "FROM system.processes";
    const ENGINE: &str = "FROM system.tables";

    fn texts(column: &str, texts: &[&str]) -> Reply {
        let rows: Vec<Vec<u8>> = texts
            .iter()
            .map(|text| {
                let mut row = Vec::new();
                put_bytes(&mut row, text.as_bytes());
                row
            })
            .collect();
        let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        Reply::table(&[(column, "String")], &rows)
    }

    fn engine(name: &str) -> Reply {
        texts("engine", &[name])
    }

    /// A rebuild with a server that answers so.
    struct Scripted {
        runtime: Runtime,
        kafka: KafkaSettings,
        fake: FakeStore,
        store: Store,
    }

    impl Scripted {
        fn new<const N: usize>(replies: [(&'static str, Vec<Reply>); N]) -> Self {
            let runtime = Runtime::new().unwrap();
            let fake = runtime.block_on(FakeStore::start());
            for (part, replies) in replies {
                fake.reply(part, replies);
            }
            Self {
                kafka: KafkaSettings::default(),
                store: fake.store(),
                fake,
                runtime,
            }
        }

        fn rebuild(&self) -> Rebuild<'_> {
            Rebuild {
                kafka: &self.kafka,
                store: &self.store,
                topic: Topic::MarketQuotes,
                runtime: self.runtime.handle(),
            }
        }
    }

    fn busy() -> RebuildError {
        let waited = Duration::ZERO;
        RebuildError::Busy { waited }
    }

    #[test]
    fn each_insert_that_was_under_way_is_waited_for_and_no_later_one() {
        let running: [&[&str]; 3] = [&["a", "b"], &["b", "later"], &["later"]];
        let replies = running.map(|ids| texts("id", ids)).to_vec();
        let scripted = Scripted::new([(PROCESSES, replies)]);
        scripted.rebuild().wait_for_inserts().unwrap();
        assert_eq!(scripted.fake.requests(PROCESSES).len(), 3);
    }

    #[test]
    fn a_new_table_that_is_in_place_stays_there_though_the_answer_was_lost() {
        let taken = |stands_there: &str| {
            let lost = (EXCHANGE_NEW, vec![Reply::Vanish]);
            let still = (PROCESSES, vec![texts("id", &["x"]), texts("id", &[])]);
            let scripted = Scripted::new([lost, still, (ENGINE, vec![engine(stands_there)])]);
            let taken = scripted.rebuild().swap_in_new();
            let asked = scripted.fake.requests(PROCESSES).len();
            assert_eq!(
                asked, 2,
                "the exchange has ended before anything is concluded"
            );
            taken
        };
        taken("MergeTree").unwrap();
        assert!(taken("Merge").is_err(), "it did not happen");
    }

    #[test]
    fn only_what_is_held_is_let_go() {
        let unblock_writes = |answer: Reply| {
            let none = (PROCESSES, vec![texts("id", &[])]);
            let scripted = Scripted::new([none, (ENGINE, vec![answer])]);
            let error = scripted.rebuild().unblock_writes(busy());
            (error, scripted.fake.requests(EXCHANGE_OLD).len())
        };
        for (stands_there, exchanged) in [("Merge", 1), ("MergeTree", 0)] {
            let (error, exchanges) = unblock_writes(engine(stands_there));
            assert!(matches!(error, RebuildError::Busy { .. }), "{error}");
            assert_eq!(exchanges, exchanged, "{stands_there}");
        }
        let (error, _) = unblock_writes(Reply::Vanish);
        assert!(matches!(error, RebuildError::StillHeld { .. }), "{error}");
    }
}
