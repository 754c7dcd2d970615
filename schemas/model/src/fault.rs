use std::fmt;

/// Whose fault an error is, and so who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Settings, credentials or a command: trying again changes nothing.
    User,
    /// A venue, the cluster, the store, the network.
    External,
    /// This program.
    Internal,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "settings or credentials",
            Self::External => "the venue or the network",
            Self::Internal => "an error in tapeline",
        })
    }
}
