use tapeline_model::Micros;

/// Until when a session is good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Validity {
    /// Never by itself, if there is none.
    pub expires: Option<Micros>,
    /// Until then it can be renewed without a login; not at all, if there is none.
    pub renewable: Option<Micros>,
}

/// What must outlive the process, besides the session itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SavedState {
    pub session: Option<Validity>,
    /// When the venue counted a refusal; also what was sent and whose answer nobody saw.
    pub refusals: Vec<Micros>,
}
