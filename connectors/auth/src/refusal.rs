use std::time::Duration;

use tapeline_model::records::LoginCategory;

/// That a venue, or the way to it, refused, and what it said beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub category: LoginCategory,
    /// Not to be asked again before, as the venue says.
    pub not_within: Option<Duration>,
    /// How many wrong answers it still takes, if it says so.
    pub left: Option<u32>,
    /// Nobody saw the answer: the venue may have counted it.
    pub is_unseen: bool,
}

impl Refusal {
    /// What was sent may have arrived.
    pub fn unseen() -> Self {
        Self {
            is_unseen: true,
            ..LoginCategory::Network.into()
        }
    }
}

impl From<LoginCategory> for Refusal {
    fn from(category: LoginCategory) -> Self {
        Self {
            category,
            not_within: None,
            left: None,
            is_unseen: false,
        }
    }
}
