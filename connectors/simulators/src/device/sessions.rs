//! The sessions of a [`Venue`], of which the newest may outlive its process.

use super::{Book, Venue};
use crate::settings::SavedSession;

impl Venue {
    /// Goes on with the session that was open.
    pub fn restore(&self, kept: SavedSession) {
        let mut book = self.open();
        book.kept = kept;
        if kept.issued > 0 {
            book.know_newest();
        }
    }

    /// Ends the session, whatever was said of its end.
    pub fn drop_session(&self) {
        let mut book = self.open();
        let before = book.kept;
        book.kept.issued += 1;
        book.tokens.clear();
        book.renewals.clear();
        self.note(before, &book);
    }

    /// Before an answer goes out, so that what is answered is never forgotten.
    pub(crate) fn note(&self, before: SavedSession, book: &Book) {
        if book.kept != before {
            (self.settings.on_session)(book.kept);
        }
    }
}

impl Book {
    /// A token, and what renews it. Those of before end.
    pub(crate) fn issue(&mut self, expires: i64) -> (String, String) {
        self.kept = SavedSession {
            issued: self.kept.issued + 1,
            expires,
        };
        self.know_newest()
    }

    fn know_newest(&mut self) -> (String, String) {
        let (word, number) = (&self.word, self.kept.issued);
        let token = format!("{word}-token-{number}");
        let renewal = format!("{word}-renewal-{number}");
        self.tokens = vec![token.clone()];
        self.renewals = vec![renewal.clone()];
        (token, renewal)
    }
}
