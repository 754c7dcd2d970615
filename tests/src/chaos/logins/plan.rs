//! What goes wrong.

use crate::chaos::plan::kinds;

kinds! {
    /// The clock of a machine is set to another wrong time.
    ClockSkew "clock_skew"
    /// The venue says 429 for some time.
    TooMany "too_many"
    /// The venue says 503 for some time.
    VenueDown "venue_down"
    /// Half of what is sent never arrives.
    Dropped "dropped"
    /// The venue does what it is asked, and its answer is lost.
    LostAnswer "lost_answer"
    /// A page for people instead of an answer.
    Page "page"
    /// 403.
    Forbidden "forbidden"
    /// The venue takes no code for some time.
    WrongCode "wrong_code"
    /// The next code is wrong, ...
    WrongText "wrong_text"
    /// ... comes too late, ...
    LateText "late_text"
    /// ... never, ...
    LostText "lost_text"
    /// ... twice, ...
    DuplicateText "duplicate_text"
    /// ... behind one of somebody else, ...
    ForeignText "foreign_text"
    /// ... behind one that nobody signed, ...
    ForgedText "forged_text"
    /// ... or in a message with another one.
    TwoCodes "two_codes"
    /// The venue forgets the session.
    SessionDropped "session_dropped"
    /// And with it what renews it.
    RenewalRefused "renewal_refused"
    /// The password changes at the venue, and a little later in its secret.
    PasswordRotated "password_rotated"
    /// The process that has the login ends, and is started again.
    Kill "kill"
    /// The process that has the login does not reach the shared log.
    CutOff "cut_off"
    /// Both processes end, and come back at the same moment.
    Race "race"
}

impl Kind {
    fn away(self) -> (u64, u64) {
        match self {
            Self::ClockSkew
            | Self::SessionDropped
            | Self::RenewalRefused
            | Self::WrongText
            | Self::LateText
            | Self::LostText
            | Self::DuplicateText
            | Self::ForeignText
            | Self::ForgedText
            | Self::TwoCodes => (0, 0),
            Self::TooMany | Self::VenueDown | Self::Dropped => (5_000, 400_000),
            Self::LostAnswer | Self::Page | Self::Forbidden => (1_000, 1_000),
            Self::WrongCode => (10_000, 600_000),
            Self::PasswordRotated => (0, 300_000),
            Self::Kill | Self::Race => (0, 90_000),
            Self::CutOff => (5_000, 120_000),
        }
    }
}
