//! Random bytes, from the system.

use crate::error::{Category, SecretError};

pub(crate) fn random_bytes<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| {
        SecretError::new(
            Category::Unreachable,
            "this machine",
            "it gives no random bytes",
            "see why its random source fails",
        )
    })?;
    Ok(bytes)
}

/// From 0 up to 1. Only for spreading waits: half where the system gives none.
pub(crate) fn fraction() -> f64 {
    let bytes = random_bytes::<4>().unwrap_or([0, 0, 0, 128]);
    f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}
