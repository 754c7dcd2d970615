use std::fmt;

/// What kind of failure, for callers that branch and for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// There is no such secret, field or version.
    NotFound,
    /// The place knows us and refuses.
    Forbidden,
    /// The reference or the settings of its kind are wrong.
    BadReference,
    /// No answer, or one that may be another in a moment.
    Unreachable,
    /// What was read is not what was written.
    Damaged,
    /// A key or passphrase that does not fit.
    WrongKey,
    /// A token, lease or credential has ended.
    Expired,
    /// Somebody else may have used what only we should have: look into it.
    Misused,
}

impl Category {
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Forbidden => "forbidden",
            Self::BadReference => "bad_reference",
            Self::Unreachable => "unreachable",
            Self::Damaged => "damaged",
            Self::WrongKey => "wrong_key",
            Self::Expired => "expired",
            Self::Misused => "misused",
        }
    }

    /// Whether the same question may be answered a moment later.
    pub fn passes(self) -> bool {
        self == Self::Unreachable
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a secret could not be had: what, where and what to do. Holds no secret,
/// nor any text that a server chose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}; {remedy}")]
pub struct SecretError {
    pub category: Category,
    /// The reference or the system.
    pub place: String,
    pub what: String,
    pub remedy: String,
}

impl SecretError {
    pub(crate) fn new(
        category: Category,
        place: impl fmt::Display,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            category,
            place: place.to_string(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_where_and_what_to_do() {
        let error = SecretError::new(
            Category::NotFound,
            "secret://env/X",
            "the variable is not set",
            "set it",
        );
        let text = error.to_string();
        assert_eq!(text, "secret://env/X: the variable is not set; set it");
        assert!(!error.category.passes() && Category::Unreachable.passes());
    }
}
