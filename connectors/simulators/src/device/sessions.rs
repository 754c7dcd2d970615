//! The sessions of a [`Venue`], of which the newest may outlive its process.

use super::{Venue, VenueState};
use crate::settings::SavedSession;

impl Venue {
    /// Goes on with the session that was open.
    pub fn restore(&self, saved: SavedSession) {
        let mut state = self.open();
        state.saved = saved;
        if saved.issued > 0 {
            state.set_tokens();
        }
    }

    /// Ends the session, whatever was said of its end.
    pub fn drop_session(&self) {
        let mut state = self.open();
        let before = state.saved;
        state.saved.issued += 1;
        state.tokens.clear();
        state.renewals.clear();
        self.save_if_changed(before, &state);
    }

    /// Before an answer goes out, so that what is answered is never forgotten.
    pub(crate) fn save_if_changed(&self, before: SavedSession, state: &VenueState) {
        if state.saved != before {
            (self.settings.on_session)(state.saved);
        }
    }
}

impl VenueState {
    /// A token, and what renews it. Those of before end.
    pub(crate) fn issue(&mut self, expires: i64) -> (String, String) {
        self.saved = SavedSession {
            issued: self.saved.issued + 1,
            expires,
        };
        self.set_tokens()
    }

    fn set_tokens(&mut self) -> (String, String) {
        let (word, number) = (&self.word, self.saved.issued);
        let token = format!("{word}-token-{number}");
        let renewal = format!("{word}-renewal-{number}");
        self.tokens = vec![token.clone()];
        self.renewals = vec![renewal.clone()];
        (token, renewal)
    }
}
