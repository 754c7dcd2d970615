//! Why a login was refused, as `auth.events` says it, and what a person can do.

use tapeline_model::records::LoginCategory;

/// What a person can do about it.
pub(super) fn remedy_of(category: LoginCategory) -> &'static str {
    match category {
        LoginCategory::BadCredentials => "check the key or the password that the secret holds",
        LoginCategory::MfaRequired => "set up a second factor for the account",
        LoginCategory::MfaFailed => {
            "check the seed or the sender of the codes, and this machine's clock"
        }
        LoginCategory::RateLimited => "see which other programs use the account",
        LoginCategory::Locked => "unlock the account at the venue",
        LoginCategory::Forbidden => "look at the account at the venue's own site",
        LoginCategory::Expired => "log in anew",
        LoginCategory::Network => "look at the network and the venue's address",
        LoginCategory::VenueDown => "see at the venue's status page when it will be back",
        LoginCategory::ChangedApi => "update Tapeline, or report what the venue answers",
    }
}

/// From 1, for the state: the set is only ever added to at its end.
pub(super) fn number_of(category: LoginCategory) -> i32 {
    category as i32 + 1
}

/// Refusals that are counted together, as HTTP does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalKind {
    Unauthorised,
    Forbidden,
    RateLimited,
}

impl RefusalKind {
    pub const ALL: [Self; 3] = [Self::Unauthorised, Self::Forbidden, Self::RateLimited];

    pub fn of(category: LoginCategory) -> Option<Self> {
        match category {
            LoginCategory::BadCredentials | LoginCategory::Expired => Some(Self::Unauthorised),
            LoginCategory::Forbidden => Some(Self::Forbidden),
            LoginCategory::RateLimited => Some(Self::RateLimited),
            _ => None,
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::Unauthorised => "401",
            Self::Forbidden => "403",
            Self::RateLimited => "429",
        }
    }

    pub fn meaning(self) -> &'static str {
        match self {
            Self::Unauthorised => "credentials or a session that it does not take",
            Self::Forbidden => "what it forbids",
            Self::RateLimited => "too many requests",
        }
    }

    pub fn remedy(self) -> &'static str {
        match self {
            Self::Unauthorised => {
                "see whether another program logs in to the account, and check its credentials"
            }
            Self::Forbidden => remedy_of(LoginCategory::Forbidden),
            Self::RateLimited => remedy_of(LoginCategory::RateLimited),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_the_state_stay_as_they_are() {
        let numbers: Vec<i32> = LoginCategory::ALL.iter().copied().map(number_of).collect();
        assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
        assert_eq!(number_of(LoginCategory::BadCredentials), 1);
        assert_eq!(number_of(LoginCategory::ChangedApi), 10);
    }
}
