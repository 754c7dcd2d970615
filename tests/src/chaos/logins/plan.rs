//! What goes wrong.

use tapeline_simulators::CodeChannel;

use super::login_kind::LoginKind;
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
    WrongMessage "wrong_message"
    /// ... comes too late, ...
    LateMessage "late_message"
    /// ... never, ...
    LostMessage "lost_message"
    /// ... twice, ...
    DuplicateMessage "duplicate_message"
    /// ... behind one of somebody else, ...
    ForeignMessage "foreign_message"
    /// ... behind one that its sender did not sign, ...
    ForgedMessage "forged_message"
    /// ... in a message with another one, ...
    TwoCodes "two_codes"
    /// ... in a mail that is a page, ...
    HtmlMail "html_mail"
    /// ... or behind a mail that names two senders.
    TwoSenders "two_senders"
    /// Messages are not brought for some time, only listed.
    WebhookAway "webhook_away"
    /// The list of messages is not to be had for some questions.
    ListDown "list_down"
    /// The next time, the person comes too late, ...
    LatePerson "late_person"
    /// ... not at all, ...
    NoPerson "no_person"
    /// ... says no, ...
    Denied "denied"
    /// ... lets the prompt run out, ...
    PromptEnds "prompt_ends"
    /// ... brings an address of another login, ...
    WrongState "wrong_state"
    /// ... a code of another login, ...
    ForeignCode "foreign_code"
    /// ... or one that somebody else has used.
    UsedCode "used_code"
    /// The venue forgets the session. A gateway's rests.
    SessionDropped "session_dropped"
    /// And with it what renews it.
    RenewalRefused "renewal_refused"
    /// The password changes at the venue, and a little later in its secret.
    PasswordRotated "password_rotated"
    /// The venue does not take the key for some time.
    KeyBlocked "key_blocked"
    /// The login of a gateway ends, as at the end of its week.
    WeekEnds "week_ends"
    /// A gateway's session rests, and does not wake for some time.
    SleepsOn "sleeps_on"
    /// A person uses the account elsewhere for some time.
    Elsewhere "elsewhere"
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
            Self::TooMany | Self::VenueDown | Self::Dropped => (5_000, 400_000),
            Self::LostAnswer | Self::Page | Self::Forbidden => (1_000, 1_000),
            Self::WrongCode
            | Self::KeyBlocked
            | Self::WebhookAway
            | Self::SleepsOn
            | Self::Elsewhere => (10_000, 600_000),
            Self::PasswordRotated => (0, 300_000),
            Self::Kill | Self::Race => (0, 90_000),
            Self::CutOff => (5_000, 120_000),
            _ => (0, 0),
        }
    }

    /// Whether it can happen to accounts of that kind.
    pub(super) fn meets(self, way: LoginKind) -> bool {
        match self {
            Self::WrongCode => way == LoginKind::App || way.sent().is_some(),
            Self::WrongMessage
            | Self::LateMessage
            | Self::LostMessage
            | Self::DuplicateMessage
            | Self::ForeignMessage
            | Self::ForgedMessage
            | Self::TwoCodes => way.sent().is_some(),
            Self::HtmlMail | Self::TwoSenders => way.sent() == Some(CodeChannel::Email),
            Self::WebhookAway => way.sent() == Some(CodeChannel::Sms) && way != LoginKind::SmsList,
            Self::ListDown => way.sent() == Some(CodeChannel::Sms),
            Self::LatePerson | Self::NoPerson => way.needs_person() || way == LoginKind::Prompt,
            Self::Denied => matches!(way, LoginKind::OAuth | LoginKind::Prompt),
            Self::PromptEnds => way == LoginKind::Prompt,
            Self::WrongState | Self::ForeignCode | Self::UsedCode => way == LoginKind::OAuth,
            Self::SessionDropped => way != LoginKind::Key,
            Self::RenewalRefused => way == LoginKind::OAuth || way.has_factor(),
            Self::PasswordRotated => way != LoginKind::Gateway,
            Self::KeyBlocked => way == LoginKind::Key,
            Self::WeekEnds | Self::SleepsOn | Self::Elsewhere => way == LoginKind::Gateway,
            _ => true,
        }
    }
}
