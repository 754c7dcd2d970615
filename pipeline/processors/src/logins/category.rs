//! Why a login was refused, as `auth.events` says it, and what a person can do.

macro_rules! categories {
    ($($variant:ident $code:literal $remedy:literal)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Category { $($variant),* }

        impl Category {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// What a person can do about it.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy),* }
            }
        }
    };
}

categories! {
    BadCredentials "BAD_CREDENTIALS" "check the key or the password that the secret holds"
    MfaRequired "MFA_REQUIRED" "set up a second factor for the account"
    MfaFailed "MFA_FAILED" "check the seed or the sender of the codes, and this machine's clock"
    RateLimited "RATE_LIMITED" "see which other programs use the account"
    Locked "LOCKED" "unlock the account at the venue"
    Forbidden "FORBIDDEN" "look at the account at the venue's own site"
    Expired "EXPIRED" "log in anew"
    Network "NETWORK" "look at the network and the venue's address"
    VenueDown "VENUE_DOWN" "see at the venue's status page when it will be back"
    ChangedApi "CHANGED_API" "update Tapeline, or report what the venue answers"
}

impl Category {
    /// None for what a connector of another release, or the demo, calls it.
    pub fn of(code: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|category| category.code() == code)
    }

    /// From 1, for the state; only ever added to at the end.
    pub fn number(self) -> i32 {
        self as i32 + 1
    }
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

    pub fn of(category: Category) -> Option<Self> {
        match category {
            Category::BadCredentials | Category::Expired => Some(Self::Unauthorised),
            Category::Forbidden => Some(Self::Forbidden),
            Category::RateLimited => Some(Self::RateLimited),
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
            Self::Forbidden => Category::Forbidden.remedy(),
            Self::RateLimited => Category::RateLimited.remedy(),
        }
    }
}
