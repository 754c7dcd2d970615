use std::fmt;

/// By what a venue makes sure that it is you.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// A code by time.
    Totp,
    /// A code in a text message.
    Sms,
    /// A code in a mail.
    Email,
    /// A tap on a telephone.
    Push,
    /// A code that the venue gives a person's browser.
    OAuth,
    /// A login of a person at a page.
    Browser,
}

impl Method {
    /// As it stands in `auth.events`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "TOTP",
            Self::Sms => "SMS",
            Self::Email => "EMAIL",
            Self::Push => "PUSH",
            Self::OAuth => "OAUTH",
            Self::Browser => "BROWSER",
        }
    }

    /// Whether a person says yes elsewhere, and no code is sent.
    pub fn is_approval(self) -> bool {
        matches!(self, Self::Push | Self::Browser)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Empty where the venue gives none.
    pub id: String,
    pub method: Method,
    pub wants: Wants,
    /// What a person has to open.
    pub link: Option<String>,
    /// How often it still takes an answer, if it says so.
    pub left: Option<u32>,
}

/// Without what a person has to open: it holds who asks.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("method", &self.method)
            .field("wants", &self.wants)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    Code,
    /// Nothing is sent: the venue is asked until somebody approved.
    Approval,
}
