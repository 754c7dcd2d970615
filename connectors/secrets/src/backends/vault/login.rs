//! Ways to a token.

use std::time::Instant;

use serde_json::{Value, json};

use super::answers::{Grant, WHOM, general, grant, own_grant};
use super::lease::Lease;
use super::{HeldToken, Vault, VaultLogin};
use crate::backends::file::read_text;
use crate::backends::read_here;
use crate::document;
use crate::error::{Category, SecretError};
use crate::http::Answer;
use crate::metric_names as names;
use crate::reference::Reference;
use crate::secret::Secret;

const REVOKE: &str = "revoke the secret_id and every token made with it, find out who used the \
    wrapping token, and make a new one; if it was this program itself, before a restart, \
    a new wrapping token is enough";

impl Vault {
    /// Whether there is another way than the token that was given.
    pub(super) fn can_log_in(&self) -> bool {
        !matches!(self.settings.login, VaultLogin::Token(_))
    }

    /// `unwrapped` is the secret_id that a wrapping token led to: it can do so only once.
    pub(super) async fn log_in(
        &self,
        unwrapped: &mut Option<Secret>,
    ) -> Result<HeldToken, SecretError> {
        let asked = Instant::now();
        let (method, grant) = match &self.settings.login {
            VaultLogin::Token(reference) => ("token", self.given(reference).await?),
            VaultLogin::AppRole {
                mount,
                role_id,
                secret_id,
                is_wrapped,
            } => {
                if *is_wrapped && unwrapped.is_none() {
                    *unwrapped = Some(self.unwrap(secret_id).await?);
                }
                let secret_id = match unwrapped {
                    Some(secret) => Secret::new(secret.expose()),
                    None => read_here(secret_id)?,
                };
                let body = json!({ "role_id": role_id, "secret_id": secret_id.expose() });
                let grant = self.ask_for_token(mount, body).await;
                if grant.as_ref().is_err_and(|e| !e.category.passes()) {
                    // It may have ended; the next login looks for a new one.
                    *unwrapped = None;
                }
                ("approle", grant?)
            }
            VaultLogin::Kubernetes { mount, role, jwt } => {
                let token = read_text(jwt).map(Secret::from_line);
                let token = token.map_err(|error| {
                    SecretError::new(
                        Category::NotFound,
                        jwt.display(),
                        format!("the token of the service account cannot be read: {error}"),
                        "see secrets.vault.jwt, and whether the pod mounts it",
                    )
                })?;
                let body = json!({ "role": role, "jwt": token.expose() });
                ("kubernetes", self.ask_for_token(mount, body).await?)
            }
        };
        metrics::counter!(names::VAULT_LOGINS, "method" => method).increment(1);
        let token = grant.token.ok_or_else(|| no_grant("the login"))?;
        Ok(HeldToken {
            token: token.into(),
            lease: Lease::new(asked, grant.seconds, grant.is_renewable),
        })
    }

    /// A token that was made by others: how long does it last?
    async fn given(&self, reference: &Reference) -> Result<Grant, SecretError> {
        let token = read_here(reference)?;
        let answer = self.ask_about_itself(&token).await?;
        match answer.status {
            200 => {
                let grant = own_grant(answer.document().as_ref());
                let grant = grant.ok_or_else(|| no_grant("the token's own answer"))?;
                Ok(Grant {
                    token: Some(token),
                    ..grant
                })
            }
            403 => Err(SecretError::new(
                Category::Expired,
                WHOM,
                "the token is not accepted: it has ended, was revoked or is of another namespace",
                format!("renew what {reference} leads to"),
            )),
            status => Err(general(WHOM, status)),
        }
    }

    pub(super) async fn ask_about_itself(&self, token: &Secret) -> Result<Answer, SecretError> {
        let url = self.url(&["auth", "token", "lookup-self"])?;
        self.send(self.http.get(url), Some(token)).await
    }

    async fn ask_for_token(&self, mount: &str, body: Value) -> Result<Grant, SecretError> {
        let parts: Vec<&str> = ["auth"].into_iter().chain(mount.split('/')).collect();
        let url = self.url(&[&parts[..], &["login"]].concat())?;
        let request = self.http.post(url, &document::body(body));
        let answer = self.send(request, None).await?;
        let place = format!("{WHOM}, login at auth/{mount}");
        match answer.status {
            200 => grant(answer.document().as_ref()).ok_or_else(|| no_grant("the login")),
            400 | 401 => Err(SecretError::new(
                Category::WrongKey,
                place,
                "the login is not accepted: the role or its credential is wrong or has ended",
                "see secrets.vault, and make a new credential",
            )),
            403 => Err(SecretError::new(
                Category::Forbidden,
                place,
                "the role does not let us in",
                "see what the role binds: service account, namespace of the cluster, addresses",
            )),
            404 => Err(SecretError::new(
                Category::BadReference,
                place,
                "no such method is mounted there",
                "see secrets.vault.mount and namespace",
            )),
            status => Err(general(place, status)),
        }
    }

    /// A wrapping token gives its secret_id once. Whoever comes second knows
    /// that somebody else has it.
    async fn unwrap(&self, reference: &Reference) -> Result<Secret, SecretError> {
        let token = read_here(reference)?;
        let url = self.url(&["sys", "wrapping", "unwrap"])?;
        let answer = self.send(self.http.post(url, b"{}"), Some(&token)).await?;
        match answer.status {
            200 => {
                let document = answer.document();
                let secret_id = document.as_ref().and_then(|d| d.text("/data/secret_id"));
                secret_id.map(Secret::new).ok_or_else(|| {
                    SecretError::new(
                        Category::Misused,
                        reference,
                        "the wrapping token wraps no secret_id: it may have been exchanged",
                        REVOKE,
                    )
                })
            }
            400 | 403 | 404 => Err(SecretError::new(
                Category::Misused,
                reference,
                "the wrapping token was used already, or has ended: \
                 somebody else may have the secret_id",
                REVOKE,
            )),
            status => Err(general(WHOM, status)),
        }
    }

    /// Nothing when Vault refuses: the token cannot be renewed any more.
    pub(super) async fn renew(&self, held: &HeldToken) -> Result<Option<Lease>, SecretError> {
        let asked = Instant::now();
        let url = self.url(&["auth", "token", "renew-self"])?;
        let request = self.http.post(url, b"{}");
        let answer = self.send(request, Some(&held.token)).await?;
        match answer.status {
            200 => {
                metrics::counter!(names::VAULT_RENEWALS).increment(1);
                let grant = grant(answer.document().as_ref());
                let grant = grant.ok_or_else(|| no_grant("the renewal"))?;
                Ok(Some(Lease::new(asked, grant.seconds, grant.is_renewable)))
            }
            400..=404 => Ok(None),
            status => Err(general(WHOM, status)),
        }
    }
}

pub(super) fn no_grant(of: &str) -> SecretError {
    SecretError::new(
        Category::Damaged,
        WHOM,
        format!("{of} says nothing of a token and how long it lasts"),
        "see whether secrets.vault.address is Vault",
    )
}
