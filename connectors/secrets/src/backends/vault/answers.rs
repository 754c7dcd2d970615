//! What Vault's answers mean. Pure; none of Vault's own words are repeated.

use std::time::SystemTime;

use crate::backends::time_of;
use crate::document::{Document, NoField, field};
use crate::error::{Category, SecretError};
use crate::fetch::Fetched;
use crate::reference::Reference;

pub(super) const WHOM: &str = "Vault";

/// Where a secret of a KV engine, version 2, is.
#[derive(Debug, Clone, Copy)]
pub(super) struct KvSecret<'a> {
    pub reference: &'a Reference,
    pub mount: &'a str,
    pub path: &'a str,
    pub field: &'a str,
}

impl KvSecret<'_> {
    pub fn error(
        &self,
        category: Category,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> SecretError {
        SecretError::new(category, self.reference, what, remedy)
    }

    /// Of an answer with status 200.
    pub fn value(&self, answer: Option<&Document>) -> Result<Fetched, SecretError> {
        let object = answer.and_then(|answer| answer.at("/data/data"));
        let (Some(answer), Some(object)) = (answer, object) else {
            return Err(self.error(
                Category::Damaged,
                "the answer is none of a KV engine, version 2",
                format!("see whether {} is mounted as kv-v2", self.mount),
            ));
        };
        let secret = field(object, self.field).map_err(|why| self.no_field(why))?;
        let version = answer.number("/data/metadata/version");
        let created = answer.text("/data/metadata/created_time");
        Ok(Fetched {
            secret,
            version: version.map(|v| v.to_string()).unwrap_or_default(),
            since: created.and_then(time),
        })
    }

    fn no_field(&self, why: NoField) -> SecretError {
        let name = self.field;
        match why {
            NoField::Missing => self.error(
                Category::NotFound,
                format!("the secret has no field `{name}`"),
                "name one that it has",
            ),
            NoField::NoObject | NoField::NoText => self.error(
                Category::BadReference,
                format!("the field `{name}` is a list or an object"),
                "name a field that is a text",
            ),
        }
    }

    /// Status 404: never there, or its newest version is gone.
    pub fn missing(&self, answer: Option<&Document>) -> SecretError {
        let place = format!("{}/{}", self.mount, self.path);
        let number = answer.and_then(|answer| answer.number("/data/metadata/version"));
        let (Some(answer), Some(number)) = (answer, number) else {
            return self.error(
                Category::NotFound,
                "there is no such secret, or no such mount",
                format!("see `vault kv get {place}`"),
            );
        };
        if answer.is_true("/data/metadata/destroyed") {
            return self.error(
                Category::NotFound,
                format!("its version {number} was destroyed"),
                format!("write a new one: `vault kv put {place} …`"),
            );
        }
        let deleted = answer.text("/data/metadata/deletion_time");
        // Shown as a time only if it is one.
        let deleted = deleted.filter(|text| time(text).is_some());
        self.error(
            Category::NotFound,
            match deleted {
                Some(time) => format!("its version {number} was deleted at {time}"),
                None => format!("its version {number} was deleted"),
            },
            format!("bring it back: `vault kv undelete -versions={number} {place}`"),
        )
    }

    /// Status 403 with a token that is accepted elsewhere.
    pub fn forbidden(&self) -> SecretError {
        self.error(
            Category::Forbidden,
            format!("the token may not read {}/data/{}", self.mount, self.path),
            format!(
                "give its policy: path \"{}/data/{}\" {{ capabilities = [\"read\"] }}",
                self.mount, self.path
            ),
        )
    }
}

/// What a login or a renewal granted.
#[derive(Debug)]
pub(super) struct Grant {
    pub token: Option<crate::secret::Secret>,
    pub seconds: u64,
    pub is_renewable: bool,
}

/// Of a login or a renewal.
pub(super) fn grant(answer: Option<&Document>) -> Option<Grant> {
    let answer = answer?;
    answer.at("/auth")?;
    Some(Grant {
        token: answer
            .text("/auth/client_token")
            .map(crate::secret::Secret::new),
        seconds: answer.number("/auth/lease_duration")?,
        is_renewable: answer.is_true("/auth/renewable"),
    })
}

/// Of a question of a token about itself.
pub(super) fn own_grant(answer: Option<&Document>) -> Option<Grant> {
    let answer = answer?;
    Some(Grant {
        token: None,
        seconds: answer.number("/data/ttl")?,
        is_renewable: answer.is_true("/data/renewable"),
    })
}

/// Whatever an answer of another status means anywhere.
pub(super) fn general(place: impl std::fmt::Display, status: u16) -> SecretError {
    let (category, what, remedy) = match status {
        301 | 302 | 303 | 307 | 308 => (
            Category::BadReference,
            "it sends us elsewhere, and tokens are not sent after".to_owned(),
            "give the address of the active node, or of the load balancer",
        ),
        429 => (
            Category::Unreachable,
            "it asks for fewer requests".to_owned(),
            "wait; a longer secrets.poll_every asks less",
        ),
        472 | 473 => (
            Category::Unreachable,
            "this node is a standby".to_owned(),
            "give the address of the active node",
        ),
        503 => (
            Category::Unreachable,
            "it is sealed or in maintenance".to_owned(),
            "unseal it",
        ),
        _ if status >= 500 => (
            Category::Unreachable,
            format!("it failed with HTTP status {status}"),
            "see its log",
        ),
        _ => (
            Category::BadReference,
            format!("it refused the request with HTTP status {status}"),
            "see secrets.vault.address and namespace",
        ),
    };
    SecretError::new(category, place, what, remedy)
}

/// `2018-03-22T02:24:06.945319214Z`
fn time(text: &str) -> Option<SystemTime> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_second()).ok().map(time_of)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn reference() -> Reference {
        "secret://vault/kv/app/db#password".parse().unwrap()
    }

    fn kept(reference: &Reference) -> KvSecret<'_> {
        KvSecret {
            reference,
            mount: "kv",
            path: "app/db",
            field: "password",
        }
    }

    fn value(answer: &Value) -> Result<Fetched, SecretError> {
        let document = Document::parse(answer.to_string().as_bytes());
        kept(&reference()).value(document.as_ref())
    }

    #[test]
    fn a_value_has_its_version_and_its_time() {
        let answer = json!({"data": {
            "data": {"password": "canary"},
            "metadata": {"version": 3, "created_time": "2018-03-22T02:24:06.945319214Z"},
        }});
        let got = value(&answer).unwrap();
        assert_eq!((got.secret.expose(), &*got.version), ("canary", "3"));
        assert_eq!(got.since, Some(time_of(1_521_685_446)));
    }

    #[test]
    fn other_answers_are_told_apart() {
        let category = |answer: Value| {
            let error = value(&answer).unwrap_err();
            assert!(!format!("{error:?}").contains("canary"));
            error.category
        };
        assert_eq!(category(json!("canary")), Category::Damaged);
        assert_eq!(
            category(json!({"data": {"password": "canary"}})),
            Category::Damaged
        );
        let other = json!({"data": {"data": {"other": "canary"}}});
        assert_eq!(category(other), Category::NotFound);
        let list = json!({"data": {"data": {"password": ["canary"]}}});
        assert_eq!(category(list), Category::BadReference);
    }

    #[test]
    fn a_version_that_is_gone_is_told_from_none() {
        let told = |answer: Value| {
            let document = Document::parse(answer.to_string().as_bytes());
            let error = kept(&reference()).missing(document.as_ref());
            assert_eq!(error.category, Category::NotFound);
            error.to_string()
        };
        assert!(told(json!({"errors": []})).contains("no such secret"));
        let metadata = |deleted: &str, destroyed: bool| {
            json!({"data": {"data": null, "metadata": {
                "version": 4, "deletion_time": deleted, "destroyed": destroyed,
            }}})
        };
        let deleted = told(metadata("2026-11-20T10:00:00Z", false));
        assert!(deleted.contains("version 4 was deleted at 2026-11-20T10:00:00Z"));
        assert!(deleted.contains("undelete -versions=4 kv/app/db"));
        assert!(told(metadata("2026-11-20T10:00:00Z", true)).contains("was destroyed"));
        assert!(!told(metadata("canary", false)).contains("canary"));
    }

    #[test]
    fn what_is_forbidden_says_which_right_is_missing() {
        let error = kept(&reference()).forbidden();
        assert_eq!(error.category, Category::Forbidden);
        let right = "path \"kv/data/app/db\" { capabilities = [\"read\"] }";
        assert!(error.remedy.contains(right), "{error}");
    }

    #[test]
    fn statuses_say_whether_to_wait() {
        for (status, category) in [
            (307, Category::BadReference),
            (400, Category::BadReference),
            (429, Category::Unreachable),
            (473, Category::Unreachable),
            (503, Category::Unreachable),
            (500, Category::Unreachable),
        ] {
            assert_eq!(general(WHOM, status).category, category, "{status}");
        }
    }
}
