//! Positions of releases before the ledger, taken into it.

use super::holdings::Holdings;
use crate::contract::StateError;
use crate::ledger::{Currency, Position};

impl Holdings {
    pub(super) fn migrate_books(&mut self) -> Result<(), StateError> {
        let mut migrated = Vec::new();
        for (key, book) in self.books.sorted() {
            let wrong = |detail: String| StateError::Inconsistent {
                store: "books",
                detail: format!("{} in {}: {detail}", key.symbol, key.account),
            };
            let currency = Currency::new(&book.currency).map_err(|e| wrong(e.to_string()))?;
            let terms = self.settings.terms(&key.symbol, currency);
            let position = Position::from_book(terms, book).map_err(|e| wrong(e.to_string()))?;
            migrated.push((key.clone(), position));
        }
        for (key, position) in migrated {
            self.books.remove(key.clone());
            self.positions.put(key, position);
        }
        Ok(())
    }
}
