use std::time::{Duration, SystemTime};

use tapeline_secrets::{Reference, Secrets};

use super::{Checked, Desk, Found, timed};
use crate::failure::Failure;

const DAY: u64 = 24 * 3600;

pub(super) async fn all(desk: &Desk<'_>) -> Vec<Checked> {
    let old = desk.config.preflight.secrets_older_than.0;
    let mut checked = Vec::new();
    for (reference, keys) in desk.config.keys_by_reference() {
        let name = format!("secret {}", keys.join(", "));
        let check = one(&desk.secrets, &reference, old);
        checked.push(timed(name, true, check).await);
    }
    checked
}

async fn one(secrets: &Result<Secrets, Failure>, reference: &Reference, old: Duration) -> Found {
    let secrets = match secrets {
        Ok(secrets) => secrets,
        Err(failure) => return Found::fail(failure.to_string(), "mend [secrets]"),
    };
    let value = match secrets.get(reference).await {
        Ok(value) => value,
        Err(error) => return Found::fail(format!("{reference}: {}", error.what), error.remedy),
    };
    let age = SystemTime::now().duration_since(value.since);
    let days = age.unwrap_or_default().as_secs() / DAY;
    if !old.is_zero() && days > old.as_secs() / DAY {
        let found = format!("{reference} is {days} days old");
        return Found::warn(found, "change it where it comes from");
    }
    Found::pass(reference.to_string())
}
