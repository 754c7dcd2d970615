//! A person's own login, as `tapeline auth login` makes it: it takes the account from whoever has
//! it, and gives it back.

use std::time::Duration;

use tapeline_auth::mfa::Factors;
use tapeline_auth::{CacheError, LeasedSessionStore};
use tapeline_model::records::AuthEventKind;

use super::keeping::Place;
use super::person::AtTerminal;

/// Beside the two machines.
pub(super) const NUMBER: usize = 2;
/// A person has so long for what the venue asks.
const PATIENCE: Duration = Duration::from_mins(5);

pub(super) async fn log_in(place: Place) -> Result<(), CacheError> {
    let log = place.world.records.of(NUMBER);
    let session_store = Box::new(LeasedSessionStore::seize(log).await?);
    let factors = Factors {
        person: Some(Box::new(AtTerminal {
            person: place.world.road.person.clone(),
            machine: NUMBER,
            clock: place.clock.clone(),
        })),
        ..Factors::default()
    };
    let (keeper, mut ends) = place.keeper(session_store, factors, Some(PATIENCE)).await?;
    let keeping = keeper.anew().run();
    tokio::pin!(keeping);
    loop {
        let step = tokio::select! {
            biased;
            Some(step) = ends.steps.recv() => step,
            ended = &mut keeping => return ended.map(drop),
        };
        let (kind, is_stop) = (step.kind, step.stopped);
        place.hear(step);
        let is_over = matches!(
            kind,
            AuthEventKind::LoginSucceeded | AuthEventKind::LoginFailed
        );
        if is_over || is_stop {
            return Ok(());
        }
    }
}
