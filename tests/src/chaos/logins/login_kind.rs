//! The kinds of account that a life may be of.

use tapeline_simulators::{CodeChannel, Factor, SecondFactor};

/// How an account is logged in to, and what its venue wants besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginKind {
    /// A password and a code by time.
    App,
    /// A code by text message, from the webhook or from the list.
    Sms,
    /// The same, where the webhook is never reached.
    SmsList,
    Mail,
    /// A workflow, and in it a prompt on a telephone,
    Prompt,
    /// or a code.
    WorkflowSms,
    WorkflowMail,
    OAuth,
    Gateway,
    Key,
}

impl LoginKind {
    pub(super) const ALL: [Self; 10] = [
        Self::App,
        Self::Sms,
        Self::SmsList,
        Self::Mail,
        Self::Prompt,
        Self::WorkflowSms,
        Self::WorkflowMail,
        Self::OAuth,
        Self::Gateway,
        Self::Key,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Sms => "sms",
            Self::SmsList => "sms_list",
            Self::Mail => "mail",
            Self::Prompt => "prompt",
            Self::WorkflowSms => "workflow_sms",
            Self::WorkflowMail => "workflow_mail",
            Self::OAuth => "oauth",
            Self::Gateway => "gateway",
            Self::Key => "key",
        }
    }

    /// What a venue that is logged in to with a password wants besides.
    pub(super) fn asks(self) -> SecondFactor {
        match self {
            Self::App => SecondFactor::App,
            Self::Sms | Self::SmsList => SecondFactor::Sent(CodeChannel::Sms),
            Self::Mail => SecondFactor::Sent(CodeChannel::Email),
            Self::Prompt => SecondFactor::Workflow(Factor::Prompt),
            Self::WorkflowSms => SecondFactor::Workflow(Factor::Sent(CodeChannel::Sms)),
            Self::WorkflowMail => SecondFactor::Workflow(Factor::Sent(CodeChannel::Email)),
            Self::OAuth | Self::Gateway | Self::Key => SecondFactor::Nothing,
        }
    }

    /// By what the codes come that the venue sends.
    pub(super) fn sent(self) -> Option<CodeChannel> {
        match self.asks() {
            SecondFactor::Sent(by) | SecondFactor::Workflow(Factor::Sent(by)) => Some(by),
            _ => None,
        }
    }

    /// With a password, and a second factor.
    pub(super) fn has_factor(self) -> bool {
        self.asks() != SecondFactor::Nothing
    }

    /// Only a person can open a session.
    pub(super) fn needs_person(self) -> bool {
        matches!(self, Self::OAuth | Self::Gateway)
    }
}
