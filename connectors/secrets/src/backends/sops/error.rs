/// Why a document cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SopsError {
    /// Another kind of file.
    NotSops,
    NoAge,
    /// Keys of several groups are needed together.
    Groups,
    /// None of the identities is a recipient.
    WrongKey,
    /// Cut short or changed.
    Damaged,
}
