//! What follows from a refusal depends on its category alone.

use tapeline_model::records::LoginCategory;

/// What a refusal leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// Try again, later and later.
    Again,
    /// The same, but the venue counts it, and locks the account after some.
    Counted,
    /// Only a person can help.
    Stop,
}

/// What a refusal leads to.
pub(crate) fn consequence_of(category: LoginCategory) -> Consequence {
    match category {
        LoginCategory::RateLimited
        | LoginCategory::Locked
        | LoginCategory::Expired
        | LoginCategory::Network
        | LoginCategory::VenueDown => Consequence::Again,
        LoginCategory::BadCredentials | LoginCategory::MfaFailed => Consequence::Counted,
        LoginCategory::MfaRequired | LoginCategory::Forbidden | LoginCategory::ChangedApi => {
            Consequence::Stop
        }
    }
}

/// Says nothing of what was asked: the same question may have an answer a little later.
pub(crate) fn is_transient(category: LoginCategory) -> bool {
    matches!(
        category,
        LoginCategory::RateLimited | LoginCategory::Network | LoginCategory::VenueDown
    )
}

/// What a person may do about it.
pub fn remedy_of(category: LoginCategory) -> &'static str {
    match category {
        LoginCategory::BadCredentials => "check the key or the password that the secret holds",
        LoginCategory::MfaRequired => "set up a second factor for this account",
        LoginCategory::MfaFailed => {
            "check the seed or the sender of the codes, and this machine's clock"
        }
        LoginCategory::RateLimited => "it goes on by itself; fewer programs may use the account",
        LoginCategory::Locked => {
            "it goes on by itself when the lock ends, or unlock the account at the venue"
        }
        LoginCategory::Forbidden => "look at the account at the venue: it is refused, not broken",
        LoginCategory::Expired => "log in again",
        LoginCategory::Network => "look at the network and the venue's address",
        LoginCategory::VenueDown => "it goes on by itself when the venue does",
        LoginCategory::ChangedApi => {
            "the venue answers in a way this version does not know: update, or report it"
        }
    }
}
