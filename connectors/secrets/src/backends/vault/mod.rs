//! HashiCorp Vault: secrets of KV engines, version 2. These have no leases, only
//! the token has one; a secret that changed is found by looking again.

mod answers;
mod lease;
mod login;
mod settings;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use reqwest::{RequestBuilder, Url};
use tokio::sync::Mutex;

use super::Backend;
use crate::error::{Category, SecretError};
use crate::fetch::{Fetch, Fetched, Fetching};
use crate::http::{Answer, Http, hidden_header};
use crate::reference::{Kind, Location, Reference, ReferenceError, Syntax};
use crate::retry::retried;
use crate::secret::Secret;
use answers::{KvSecret, WHOM, general};
use lease::{Due, Lease};
use login::no_grant;
pub use settings::{VaultAuth, VaultLogin, VaultSection, VaultSettings};

/// The token is looked at this often at least: another one may have come with less time.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

pub(super) static BACKEND: Backend = Backend {
    syntax: Syntax {
        name: "vault",
        form: "secret://vault/MOUNT/PATH#FIELD",
        section: "vault",
        parse,
    },
    read_here: None,
    open: |settings| {
        let vault = settings.vault.clone().map(Vault::new).transpose()?;
        Ok(vault.map(|vault| Box::new(vault) as Box<dyn Fetch>))
    },
};

fn parse(kind: Kind, rest: &str) -> Result<Location, ReferenceError> {
    let no_field = ReferenceError::NoField(kind);
    let (place, field) = rest.split_once('#').ok_or(no_field)?;
    if field.is_empty() {
        return Err(no_field);
    }
    let no_path = ReferenceError::NoPath(kind);
    let (mount, path) = place.split_once('/').ok_or(no_path)?;
    if mount.is_empty() || path.is_empty() {
        return Err(no_path);
    }
    // A mount may itself have slashes; they are written %2F, so that it ends somewhere.
    let mount = mount.replace("%2F", "/").replace("%2f", "/");
    let odd = |part: &str| part.is_empty() || part == "." || part == "..";
    if mount.split('/').chain(path.split('/')).any(odd) {
        return Err(ReferenceError::OddPath(kind));
    }
    if mount.contains(['%', '?']) || path.contains(['%', '?']) {
        return Err(ReferenceError::OddCharacter(kind));
    }
    Ok(Location {
        mount,
        name: path.to_owned(),
        field: Some(field.to_owned()),
    })
}

impl Fetch for Arc<Vault> {
    fn fetch<'a>(&'a self, reference: &'a Reference) -> Fetching<'a> {
        Box::pin(self.read(reference))
    }
}

struct Vault {
    settings: VaultSettings,
    http: Http,
    session: Mutex<Session>,
    is_kept: AtomicBool,
}

#[derive(Default)]
struct Session {
    held: Option<HeldToken>,
    /// Of a wrapping token.
    unwrapped: Option<Secret>,
}

/// A token in use.
struct HeldToken {
    token: Arc<Secret>,
    lease: Lease,
}

impl Vault {
    fn new(settings: VaultSettings) -> Result<Arc<Self>, SecretError> {
        let http = Http::new(settings.ca.as_deref())?;
        Ok(Arc::new(Self {
            settings,
            http,
            session: Mutex::default(),
            is_kept: AtomicBool::new(false),
        }))
    }

    async fn read(self: &Arc<Self>, reference: &Reference) -> Result<Fetched, SecretError> {
        let location = reference.location();
        let kv = KvSecret {
            reference,
            mount: &location.mount,
            path: &location.name,
            field: location.field.as_deref().unwrap_or_default(),
        };
        retried(|| self.ask(&kv)).await
    }

    async fn ask(self: &Arc<Self>, kv: &KvSecret<'_>) -> Result<Fetched, SecretError> {
        let token = self.token().await?;
        let answer = self.ask_with(kv, &token).await?;
        let answer = if answer.status == 403 && !self.is_accepted(&token).await? {
            // Revoked before its time: once more with another one.
            self.forget(&token).await;
            let token = self.token().await?;
            self.ask_with(kv, &token).await?
        } else {
            answer
        };
        match answer.status {
            200 => kv.value(answer.document().as_ref()),
            403 => Err(kv.forbidden()),
            404 => Err(kv.missing(answer.document().as_ref())),
            status => Err(general(kv.reference, status)),
        }
    }

    async fn ask_with(&self, kv: &KvSecret<'_>, token: &Secret) -> Result<Answer, SecretError> {
        let mut parts: Vec<&str> = kv.mount.split('/').collect();
        parts.push("data");
        parts.extend(kv.path.split('/'));
        self.send(self.http.get(self.url(&parts)?), Some(token))
            .await
    }

    /// Whether a token that may not read something may at least look at itself.
    async fn is_accepted(&self, token: &Secret) -> Result<bool, SecretError> {
        Ok(self.ask_about_itself(token).await?.status != 403)
    }

    async fn forget(&self, token: &Arc<Secret>) {
        let mut session = self.session.lock().await;
        if session
            .held
            .as_ref()
            .is_some_and(|h| Arc::ptr_eq(&h.token, token))
        {
            session.held = None;
        }
    }

    /// A token that lasts for a moment at least; one login or renewal at a time.
    async fn token(self: &Arc<Self>) -> Result<Arc<Secret>, SecretError> {
        let own = Arc::clone(self);
        // On a task of its own: whoever stops waiting must not lose what can be had only
        // once, such as the secret_id of a wrapping token.
        let task = tokio::spawn(async move { own.session.lock().await.token(&own).await });
        let token = task
            .await
            .unwrap_or_else(|_| Err(no_grant("this process")))?;
        if !self.is_kept.swap(true, Ordering::AcqRel) {
            tokio::spawn(keep(Arc::downgrade(self)));
        }
        Ok(token)
    }

    fn url(&self, parts: &[&str]) -> Result<Url, SecretError> {
        let bad = || {
            SecretError::new(
                Category::BadReference,
                WHOM,
                "its address is none",
                "see secrets.vault.address",
            )
        };
        let mut url: Url = self.settings.address.parse().map_err(|_| bad())?;
        url.path_segments_mut()
            .map_err(|()| bad())?
            .pop_if_empty()
            .push("v1")
            .extend(parts);
        Ok(url)
    }

    async fn send(
        &self,
        mut request: RequestBuilder,
        token: Option<&Secret>,
    ) -> Result<Answer, SecretError> {
        // Vault's own sign that no browser was tricked into asking.
        request = request.header("X-Vault-Request", "true");
        if !self.settings.namespace.is_empty() {
            request = request.header("X-Vault-Namespace", &self.settings.namespace);
        }
        if let Some(token) = token {
            request = request.header("X-Vault-Token", hidden_header(WHOM, token)?);
        }
        self.http.send(WHOM, request).await
    }
}

impl Session {
    async fn token(&mut self, vault: &Vault) -> Result<Arc<Secret>, SecretError> {
        let mut due = self.due();
        if due == Due::Renewal {
            due = self.renewed(vault).await;
        }
        if matches!(due, Due::Login | Due::End) && (due == Due::End || vault.can_log_in()) {
            self.logged_in(vault, due).await?;
        }
        match &self.held {
            Some(held) => Ok(Arc::clone(&held.token)),
            None => Err(no_grant("the login")),
        }
    }

    fn due(&self) -> Due {
        self.held
            .as_ref()
            .map_or(Due::End, |held| held.lease.due(Instant::now()))
    }

    /// What is due after trying. Without an answer the token is used on.
    async fn renewed(&mut self, vault: &Vault) -> Due {
        let Some(held) = &mut self.held else {
            return Due::End;
        };
        match vault.renew(held).await {
            Ok(Some(lease)) => {
                held.lease = lease;
                lease.due_once_renewed(Instant::now())
            }
            Ok(None) => Due::Login,
            Err(error) => {
                tracing::warn!("Vault's token could not be renewed yet: {error}");
                Due::Nothing
            }
        }
    }

    async fn logged_in(&mut self, vault: &Vault, due: Due) -> Result<(), SecretError> {
        match vault.log_in(&mut self.unwrapped).await {
            Ok(held) => {
                self.held = Some(held);
                Ok(())
            }
            Err(error) if due == Due::Login && error.category.passes() => {
                tracing::warn!("no new login to Vault yet: {error}");
                Ok(())
            }
            Err(error) => {
                if due == Due::End {
                    self.held = None;
                }
                Err(error)
            }
        }
    }
}

/// Renews the token also while no secret is looked up, so that one which cannot
/// be had anew does not end unseen.
async fn keep(vault: Weak<Vault>) {
    loop {
        let wait = {
            let Some(vault) = vault.upgrade() else {
                return;
            };
            let session = vault.session.lock().await;
            let held = session.held.as_ref();
            held.and_then(|held| held.lease.wait(Instant::now()))
        };
        tokio::time::sleep(wait.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)).await;
        let Some(vault) = vault.upgrade() else {
            return;
        };
        let mut session = vault.session.lock().await;
        if session.held.is_some()
            && let Err(error) = session.token(&vault).await
        {
            tracing::warn!(category = %error.category, "Vault's token was not renewed: {error}");
        }
    }
}
