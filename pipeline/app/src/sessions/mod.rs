//! Where the session of an account is kept, as `[auth] store` says: chosen here alone.

mod shared;

use std::path::PathBuf;
use std::time::Duration;

use tapeline_auth::{
    CacheError, FileSessionStore, LEASE, LeasedSessionStore, Log, MemorySessionStore, SessionStore,
    place_of, sealed_in,
};
use tapeline_kafka::{KafkaSettings, SharedKey};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::config::{Auth, SessionStoreKind};
use crate::failure::Failure;

use shared::SharedLog;

/// What runs looks twice a second whether somebody wants the login.
const HANDED_OVER_WITHIN: Duration = Duration::from_secs(20);
/// Others wait for the end of a lease instead.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(crate) struct Sessions {
    store: SessionStoreKind,
    folder: PathBuf,
    memory: MemorySessionStore,
    kafka: KafkaSettings,
    venue: String,
    account: String,
}

/// The place of an account, and when it was given back.
pub(crate) struct Lent {
    pub(crate) session_store: Box<dyn SessionStore>,
    pub(crate) back: Back,
}

/// Ends when others can have the place at once.
pub(crate) struct Back(Option<oneshot::Receiver<()>>);

impl Back {
    pub(crate) async fn wait(self) {
        if let Some(back) = self.0 {
            // It is never sent: its sender goes with the place.
            let _given = timeout(GIVEN_BACK_WITHIN, back).await;
        }
    }
}

impl Sessions {
    pub(crate) fn new(auth: &Auth, kafka: &KafkaSettings, venue: &str, account: &str) -> Self {
        Self {
            store: auth.store,
            folder: auth.sessions.clone(),
            memory: MemorySessionStore::default(),
            kafka: kafka.clone(),
            venue: venue.to_owned(),
            account: account.to_owned(),
        }
    }

    /// Waits until no other process has the place.
    pub(crate) async fn wait(&self) -> Result<Lent, CacheError> {
        match self.store {
            SessionStoreKind::File => {
                let (venue, account) = (&self.venue, &self.account);
                FileSessionStore::wait(&self.folder, venue, account)
                    .await
                    .map(lent)
            }
            SessionStoreKind::Memory => Ok(lent(self.memory.clone())),
            SessionStoreKind::Kafka => {
                let (log, back) = self.log()?;
                let session_store = LeasedSessionStore::wait(log).await?;
                Ok(Lent {
                    back,
                    ..lent(session_store)
                })
            }
        }
    }

    /// From the process that has it, if one does: for a person.
    pub(crate) async fn demand(&self) -> Result<Lent, Failure> {
        let lent = match self.store {
            SessionStoreKind::File => {
                let (venue, account) = (&self.venue, &self.account);
                FileSessionStore::ask_for(&self.folder, venue, account, HANDED_OVER_WITHIN)
                    .await
                    .map(lent)
            }
            SessionStoreKind::Memory => return Err(out_of_reach()),
            SessionStoreKind::Kafka => self.seize().await,
        };
        lent.map_err(Failure::external)
    }

    async fn seize(&self) -> Result<Lent, CacheError> {
        let (log, back) = self.log()?;
        let late = |_| CacheError::OutOfReach("Kafka did not answer in time".to_owned());
        let seized = timeout(LEASE, LeasedSessionStore::seize(log)).await;
        let session_store = seized.map_err(late)??;
        Ok(Lent {
            back,
            ..lent(session_store)
        })
    }

    /// What lies there sealed, without having the place.
    pub(crate) async fn peek(&self) -> Result<Option<Vec<u8>>, Failure> {
        let found = match self.store {
            SessionStoreKind::File => {
                FileSessionStore::peek(&self.folder, &self.venue, &self.account)
            }
            SessionStoreKind::Memory => return Err(out_of_reach()),
            SessionStoreKind::Kafka => {
                let (mut log, _) = self.log().map_err(Failure::external)?;
                let newest = log.newest().await;
                newest.map(|newest| newest.as_deref().and_then(sealed_in))
            }
        };
        found.map_err(Failure::external)
    }

    /// What only a person can put right, before anything waits for it.
    pub(crate) async fn check(&self) -> Result<(), Failure> {
        if self.store == SessionStoreKind::Kafka {
            let (log, _) = self.log().map_err(Failure::external)?;
            log.check().await?;
        }
        Ok(())
    }

    fn log(&self) -> Result<(SharedLog, Back), CacheError> {
        let topic = self.kafka.names().auth_sessions();
        let key = place_of(&self.venue, &self.account);
        let (log, back) = SharedLog::open(SharedKey::new(&self.kafka, &topic, &key))?;
        Ok((log, Back(Some(back))))
    }
}

fn lent(session_store: impl SessionStore + 'static) -> Lent {
    Lent {
        session_store: Box::new(session_store),
        back: Back(None),
    }
}

fn out_of_reach() -> Failure {
    Failure::Usage(
        "sessions are in the memory of what runs, and nothing else can reach them; \
         set [auth] store to `file` or `kafka`"
            .to_owned(),
    )
}
