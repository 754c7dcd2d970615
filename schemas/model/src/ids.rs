//! Ids that cannot be mistaken for one another, and ids that come out the same
//! whenever the same record is read again.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use uuid::Uuid;

macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl $name {
            pub fn new(id: impl AsRef<str>) -> Self {
                Self(SmolStr::new(id))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self::new(id)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )*};
}

text_ids! {
    /// A set of accounts that share limits.
    PortfolioId
    /// An account at one broker.
    AccountId
    /// What is traded, by the name the market-data connectors use.
    Symbol
    /// The broker's id of an order.
    OrderId
    /// The broker's id of one report of a fill, a bust or a correction.
    ExecId
}

/// Everything Tapeline derives an id for.
const NAMESPACE: Uuid = Uuid::from_u128(0x7b1c_4e0a_52f3_5d1e_9c3b_6a7d_20e8_41f6);

/// The id of the `n`th output that `rule` made of one input record: whoever
/// reads it twice can drop the second.
pub fn output_id(topic: &str, partition: u32, offset: u64, rule: &str, n: u32) -> Uuid {
    // Lengths come first, so that no two different inputs share their bytes.
    let mut name = Vec::with_capacity(topic.len() + rule.len() + 24);
    for text in [topic, rule] {
        name.extend_from_slice(&(text.len() as u32).to_be_bytes());
        name.extend_from_slice(text.as_bytes());
    }
    name.extend_from_slice(&partition.to_be_bytes());
    name.extend_from_slice(&offset.to_be_bytes());
    name.extend_from_slice(&n.to_be_bytes());
    Uuid::new_v5(&NAMESPACE, &name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn output_ids_are_stable() {
        let id = output_id("market.quotes", 3, 42, "max_drawdown", 0);
        assert_eq!(id, output_id("market.quotes", 3, 42, "max_drawdown", 0));
        assert_eq!(id.get_version_num(), 5);
        assert_eq!(
            id.to_string(),
            "69ea07bb-dff3-5540-a50f-23299e12362f",
            "golden"
        );
    }

    #[test]
    fn every_part_counts() {
        let ids: HashSet<Uuid> = [
            output_id("a", 0, 0, "r", 0),
            output_id("b", 0, 0, "r", 0),
            output_id("a", 1, 0, "r", 0),
            output_id("a", 0, 1, "r", 0),
            output_id("a", 0, 0, "s", 0),
            output_id("a", 0, 0, "r", 1),
            output_id("ar", 0, 0, "", 0),
        ]
        .into();
        assert_eq!(ids.len(), 7);
    }
}
