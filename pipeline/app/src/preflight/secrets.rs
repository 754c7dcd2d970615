use std::time::{Duration, SystemTime};

use tapeline_secrets::{Reference, Secrets};

use super::{CheckContext, Checked, Finding, timed};
use crate::failure::Failure;

const DAY: u64 = 24 * 3600;

pub(super) async fn all(context: &CheckContext<'_>) -> Vec<Checked> {
    let old = context.config.preflight.secrets_older_than.0;
    let mut checked = Vec::new();
    for (reference, keys) in context.config.keys_by_reference() {
        let name = format!("secret {}", keys.join(", "));
        let check = one(&context.secrets, &reference, old);
        checked.push(timed(name, true, check).await);
    }
    checked
}

async fn one(secrets: &Result<Secrets, Failure>, reference: &Reference, old: Duration) -> Finding {
    let secrets = match secrets {
        Ok(secrets) => secrets,
        Err(failure) => return Finding::fail(failure.to_string(), "mend [secrets]"),
    };
    let value = match secrets.get(reference).await {
        Ok(value) => value,
        Err(error) => return Finding::fail(format!("{reference}: {}", error.what), error.remedy),
    };
    let age = SystemTime::now().duration_since(value.since);
    let days = age.unwrap_or_default().as_secs() / DAY;
    if !old.is_zero() && days > old.as_secs() / DAY {
        let found = format!("{reference} is {days} days old");
        return Finding::warn(found, "change it where it comes from");
    }
    Finding::pass(reference.to_string())
}
