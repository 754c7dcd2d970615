use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tapeline_secrets::{Reference, Secrets};

use super::{Checked, Found, timed};
use crate::config::Config;

const DAY: u64 = 24 * 3600;

/// Each reference once, with the keys that need it.
pub(super) async fn all(config: &Config) -> Vec<Checked> {
    let mut keys: BTreeMap<Reference, Vec<String>> = BTreeMap::new();
    for (key, reference) in config.references() {
        keys.entry(reference).or_default().push(key);
    }
    let settings = config.secrets.settings();
    let secrets = settings
        .map_err(|faults| faults.first().map(ToString::to_string).unwrap_or_default())
        .and_then(|settings| Secrets::new(&settings).map_err(|error| error.to_string()));
    let mut checked = Vec::new();
    for (reference, keys) in keys {
        let name = format!("secret {}", keys.join(", "));
        let check = one(&secrets, &reference, config.preflight.secrets_older_than.0);
        checked.push(timed(name, true, check).await);
    }
    checked
}

async fn one(secrets: &Result<Secrets, String>, reference: &Reference, old: Duration) -> Found {
    let secrets = match secrets {
        Ok(secrets) => secrets,
        Err(error) => return Found::fail(error, "mend [secrets]"),
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
