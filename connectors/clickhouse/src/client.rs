//! The store's client: every call bounded in time, every error explained.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clickhouse::{Client, Compression, Row, RowOwned, RowRead};
use serde::Deserialize;

use crate::error::{Place, StoreError};
use crate::settings::StoreSettings;

/// While waiting for the server, how long before it is asked again.
const RETRY: Duration = Duration::from_millis(100);
/// The longest that a statement over a whole table may take.
const LONG: Duration = Duration::from_secs(4 * 3600);
/// A body is sent in pieces of this size, so that compressing one overlaps with sending another.
const PIECE: usize = 1 << 20;

/// Under these a range of rows is one block, and so one part a partition of its
/// table, each known by the range's token: with more blocks, a retry after an
/// insert that got half way would insert the first half twice.
const ONE_BLOCK: &[(&str, &str)] = &[
    ("max_block_size", "1000000"),
    ("max_insert_block_size", "1000000"),
    ("min_insert_block_size_rows", "1000000"),
    ("min_insert_block_size_bytes", "0"),
    ("max_insert_threads", "1"),
    ("input_format_parallel_parsing", "0"),
    // A range may span many days: refusing it would only refuse it for ever.
    ("max_partitions_per_insert_block", "0"),
    // On by default since 26.3; it would merge ranges and answer too early.
    ("async_insert", "0"),
    ("insert_deduplicate", "1"),
];
/// A range must stay below the smallest of the block sizes.
pub(crate) const MOST_ROWS_A_BLOCK: usize = 1_000_000;

/// A connection pool to one database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    client: Client,
    settings: Arc<StoreSettings>,
}

#[derive(Row, Deserialize)]
struct RowCount {
    count: u64,
}

impl Store {
    /// Checks the settings; the server is not asked yet.
    pub fn connect(settings: &StoreSettings) -> Result<Self, StoreError> {
        if let Some((key, problem)) = settings.faults().into_iter().next() {
            return Err(StoreError::Setting { key, problem });
        }
        let compression = if settings.compress {
            Compression::Lz4
        } else {
            Compression::None
        };
        let client = Client::default()
            .with_url(&settings.url)
            .with_user(&settings.user)
            .with_password(settings.password.expose())
            .with_compression(compression)
            .with_product_info("tapeline", env!("CARGO_PKG_VERSION"));
        Ok(Self {
            client,
            settings: Arc::new(settings.clone()),
        })
    }

    pub fn database(&self) -> &str {
        &self.settings.database
    }

    pub fn url(&self) -> &str {
        &self.settings.url
    }

    /// Whether the server answers and knows the user; needs no database.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.bounded(self.client.query_raw("SELECT 1").execute())
            .await
    }

    /// Waits until the server answers. A wrong password is not waited for.
    pub async fn wait_ready(&self, within: Duration) -> Result<(), StoreError> {
        let started = Instant::now();
        loop {
            let left = within.saturating_sub(started.elapsed());
            let asked = tokio::time::timeout(left.max(RETRY), self.ping()).await;
            let error = match asked {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => self.place(within).timeout(),
            };
            if !error.retryable() || started.elapsed() >= within {
                return Err(error);
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Runs one statement in the database.
    pub async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.bounded(self.at_home().query_raw(sql).execute()).await
    }

    /// Runs one statement with values beside it.
    pub(crate) async fn execute_with(
        &self,
        sql: &str,
        values: &[(&str, &str)],
    ) -> Result<(), StoreError> {
        let client = self.at_home();
        let query = values
            .iter()
            .fold(client.query_raw(sql), |query, (name, value)| {
                query.param(name, value)
            });
        self.bounded(query.execute()).await
    }

    /// Runs one statement that may work through a whole table.
    pub(crate) async fn execute_long(&self, sql: &str) -> Result<(), StoreError> {
        let call = self.at_home().query_raw(sql).execute();
        self.within(LONG, call).await
    }

    /// Makes the database if it is missing.
    pub(crate) async fn create_database(&self) -> Result<(), StoreError> {
        let sql = format!("CREATE DATABASE IF NOT EXISTS {}", self.database());
        self.bounded(self.client.query_raw(&sql).execute()).await
    }

    /// All rows of a query in the database; the caller bounds their number.
    pub async fn rows<T: Row + RowOwned + RowRead>(&self, sql: &str) -> Result<Vec<T>, StoreError> {
        self.bounded(self.at_home().query_raw(sql).fetch_all::<T>())
            .await
    }

    /// How many rows there are: `from` is a table, also with a condition.
    pub(crate) async fn count(&self, from: &str) -> Result<u64, StoreError> {
        let sql = format!("SELECT count() AS count FROM {from}");
        let found = self.rows::<RowCount>(&sql).await?;
        Ok(found.first().map_or(0, |row| row.count))
    }

    /// However large it is: for tables that only this program knows of.
    pub(crate) async fn drop_own_table(&self, table: &str) -> Result<(), StoreError> {
        let sql = format!("DROP TABLE IF EXISTS {table} SETTINGS max_table_size_to_drop = 0");
        self.execute(&sql).await
    }

    /// Hands over the answer of a query, in pieces of this format. The server is given the
    /// values beside the statement.
    pub(crate) async fn stream(
        &self,
        sql: &str,
        values: &[(&str, String)],
        settings: &[(&str, &str)],
        format: &str,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), StoreError> {
        let mut client = self.at_home();
        for (name, value) in settings {
            client.set_setting(*name, *value);
        }
        let query = client.query_raw(sql);
        let query = values
            .iter()
            .fold(query, |query, (name, value)| query.param(name, value));
        let allowed = self.settings.request_timeout;
        let place = self.place(allowed);
        let answer = query.fetch_bytes(format);
        let mut answer = answer.map_err(|error| StoreError::of(&error, &place))?;
        loop {
            let piece = tokio::time::timeout(allowed, answer.next()).await;
            let piece = piece.map_err(|_| place.timeout())?;
            match piece.map_err(|error| StoreError::of(&error, &place))? {
                Some(piece) => each(&piece),
                None => return Ok(()),
            }
        }
    }

    /// Inserts rows in the format `RowBinaryWithNamesAndTypes`: all of them or,
    /// in a partition where rows with this token are already, none.
    pub(crate) async fn insert(
        &self,
        sql: &str,
        token: &str,
        body: Bytes,
    ) -> Result<(), StoreError> {
        let mut client = self
            .at_home()
            .with_setting("insert_deduplication_token", token);
        for (name, value) in ONE_BLOCK {
            client.set_setting(*name, *value);
        }
        let mut insert = client.insert_formatted_with(sql);
        let sending = async {
            let mut rest = body;
            while !rest.is_empty() {
                insert.send(rest.split_to(rest.len().min(PIECE))).await?;
            }
            insert.end().await
        };
        let allowed = self.settings.insert_timeout;
        match tokio::time::timeout(allowed, sending).await {
            Ok(outcome) => outcome.map_err(|error| StoreError::of(&error, &self.place(allowed))),
            Err(_) => Err(self.place(allowed).timeout()),
        }
    }

    /// Inserts what comes in pieces until an empty one; the inner error is that of the source.
    pub(crate) async fn insert_pieces(
        &self,
        sql: &str,
        mut next: impl FnMut() -> std::io::Result<Bytes>,
    ) -> Result<std::io::Result<()>, StoreError> {
        let mut insert = self.at_home().insert_formatted_with(sql);
        loop {
            let piece = match next() {
                Ok(piece) if piece.is_empty() => break,
                Ok(piece) => piece,
                Err(error) => return Ok(Err(error)),
            };
            self.within(LONG, insert.send(piece)).await?;
        }
        self.within(LONG, insert.end()).await.map(Ok)
    }

    fn at_home(&self) -> Client {
        self.client.clone().with_database(self.database())
    }

    async fn bounded<T>(
        &self,
        call: impl Future<Output = clickhouse::error::Result<T>>,
    ) -> Result<T, StoreError> {
        self.within(self.settings.request_timeout, call).await
    }

    async fn within<T>(
        &self,
        allowed: Duration,
        call: impl Future<Output = clickhouse::error::Result<T>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(allowed, call).await {
            Ok(outcome) => outcome.map_err(|error| StoreError::of(&error, &self.place(allowed))),
            Err(_) => Err(self.place(allowed).timeout()),
        }
    }

    fn place(&self, allowed: Duration) -> Place<'_> {
        Place {
            url: &self.settings.url,
            database: &self.settings.database,
            user: &self.settings.user,
            allowed,
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Password;
    use crate::testing::{FakeStore, Reply};

    #[tokio::test]
    async fn a_wrong_password_is_told_at_once_and_shown_nowhere() {
        let fake = FakeStore::start().await;
        fake.reply("SELECT 1", [Reply::Code(516)]);
        let store = fake.store();
        let error = store.wait_ready(Duration::from_secs(60)).await.unwrap_err();
        let shown = format!("{error} {error:?} {store:?}");
        assert!(shown.contains("[clickhouse] user and password"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(fake.requests("SELECT 1").len(), 1);
    }

    #[tokio::test]
    async fn a_server_that_comes_up_is_waited_for() {
        let fake = FakeStore::start().await;
        fake.reply("SELECT 1", [Reply::Vanish, Reply::Code(202)]);
        fake.store()
            .wait_ready(Duration::from_secs(60))
            .await
            .unwrap();
        assert_eq!(fake.requests("SELECT 1").len(), 3);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_within_the_bound() {
        // Bound and dropped: nobody listens there.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let settings = StoreSettings {
            url: format!("http://127.0.0.1:{port}"),
            password: Password::new("hunter2"),
            ..StoreSettings::default()
        };
        let started = Instant::now();
        let store = Store::connect(&settings).unwrap();
        let error = store
            .wait_ready(Duration::from_millis(300))
            .await
            .unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(10));
        let shown = error.to_string();
        assert!(
            shown.contains(&settings.url) && shown.contains("[clickhouse] url"),
            "{shown}"
        );
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_query_has_an_end() {
        let fake = FakeStore::start().await;
        fake.reply("SELECT sleep", [Reply::Hang]);
        let settings = StoreSettings {
            request_timeout: Duration::from_millis(200),
            ..fake.settings()
        };
        let error = Store::connect(&settings)
            .unwrap()
            .execute("SELECT sleep(3)")
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Timeout { .. }), "{error:?}");
    }

    #[test]
    fn bad_settings_are_refused_before_anything_is_asked() {
        let settings = StoreSettings {
            url: "localhost".to_owned(),
            ..StoreSettings::default()
        };
        let shown = Store::connect(&settings).unwrap_err().to_string();
        assert!(
            shown.starts_with("[clickhouse] url must be like"),
            "{shown}"
        );
    }
}
