use std::fmt;

/// Why a venue, or the way to it, refused. What follows depends on nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    BadCredentials,
    /// The venue wants a second factor, and nothing may or can give one.
    MfaRequired,
    /// The code was wrong or late, or none came.
    MfaFailed,
    RateLimited,
    Locked,
    Forbidden,
    /// What would have renewed the session is not valid any more.
    Expired,
    Network,
    VenueDown,
    /// An answer of a shape that was never seen.
    ChangedApi,
}

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

impl Category {
    pub const ALL: [Self; 10] = [
        Self::BadCredentials,
        Self::MfaRequired,
        Self::MfaFailed,
        Self::RateLimited,
        Self::Locked,
        Self::Forbidden,
        Self::Expired,
        Self::Network,
        Self::VenueDown,
        Self::ChangedApi,
    ];

    /// As it stands in `auth.events`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadCredentials => "BAD_CREDENTIALS",
            Self::MfaRequired => "MFA_REQUIRED",
            Self::MfaFailed => "MFA_FAILED",
            Self::RateLimited => "RATE_LIMITED",
            Self::Locked => "LOCKED",
            Self::Forbidden => "FORBIDDEN",
            Self::Expired => "EXPIRED",
            Self::Network => "NETWORK",
            Self::VenueDown => "VENUE_DOWN",
            Self::ChangedApi => "CHANGED_API",
        }
    }

    pub(crate) fn consequence(self) -> Consequence {
        match self {
            Self::RateLimited | Self::Locked | Self::Expired | Self::Network | Self::VenueDown => {
                Consequence::Again
            }
            Self::BadCredentials | Self::MfaFailed => Consequence::Counted,
            Self::MfaRequired | Self::Forbidden | Self::ChangedApi => Consequence::Stop,
        }
    }

    /// Says nothing of what was asked: the same question may have an answer a little later.
    pub(crate) fn passes(self) -> bool {
        matches!(self, Self::RateLimited | Self::Network | Self::VenueDown)
    }

    /// What a person may do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::BadCredentials => "check the key or the password that the secret holds",
            Self::MfaRequired => "set up a second factor for this account",
            Self::MfaFailed => {
                "check the seed or the sender of the codes, and this machine's clock"
            }
            Self::RateLimited => "it goes on by itself; fewer programs may use the account",
            Self::Locked => {
                "it goes on by itself when the lock ends, or unlock the account at the venue"
            }
            Self::Forbidden => "look at the account at the venue: it is refused, not broken",
            Self::Expired => "log in again",
            Self::Network => "look at the network and the venue's address",
            Self::VenueDown => "it goes on by itself when the venue does",
            Self::ChangedApi => {
                "the venue answers in a way this version does not know: update, or report it"
            }
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
