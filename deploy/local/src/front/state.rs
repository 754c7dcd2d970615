//! What all requests of the front share.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::access::FrontUser;
use super::exec::{self, Limits};
use super::options::ClickHouseOptions;
use super::slots::Slots;
use crate::engine::Engine;

pub(super) struct Front {
    pub(super) engine: Engine,
    pub(super) users: Vec<FrontUser>,
    pub(super) origins: Vec<String>,
    pub(super) slots: Slots,
    pub(super) ids: Ids,
    pub(super) silence: Duration,
    pub(super) limits: Limits,
    pub(super) spool: PathBuf,
    pub(super) version: String,
    pub(super) timezone: String,
}

impl Front {
    pub(super) fn open(options: &ClickHouseOptions) -> Result<Self, Box<dyn std::error::Error>> {
        let spool = exec::spool_dir(&options.data);
        std::fs::create_dir_all(&spool)?;
        let engine = Engine::open(&options.library, &options.data)?;
        // To the engine, a table that it does not know is a file of the current folder.
        std::env::set_current_dir(&spool)?;
        let (version, timezone) = exec::identity(&engine).map_err(|error| error.body("unknown"))?;
        Ok(Self {
            engine,
            users: options.users.clone(),
            origins: options.origins.clone(),
            slots: Slots::new(
                options.max_queries,
                Duration::from_millis(options.max_wait_ms),
            ),
            ids: Ids::default(),
            silence: Duration::from_millis(options.client_silence_ms),
            limits: Limits {
                body: options.max_body_mb * 1024 * 1024,
                query_seconds: options.max_query_seconds,
                memory: options.max_memory_mb * 1024 * 1024,
            },
            spool,
            version,
            timezone,
        })
    }
}

/// The users and ids of the queries that run: each id of a user has one query.
#[derive(Default)]
pub(super) struct Ids(Mutex<HashSet<(String, String)>>);

impl Ids {
    pub(super) fn lock(&self) -> MutexGuard<'_, HashSet<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
