use hashbrown::HashMap;

/// A symbol as a small number, valid within the [`Symbols`] that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(u32);

impl SymbolId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Symbols seen so far, numbered in the order of their first appearance: state
/// that is looked up for every quote lies in a vector by that number.
#[derive(Debug, Default)]
pub struct Symbols {
    ids: HashMap<Box<str>, SymbolId>,
    names: Vec<Box<str>>,
}

impl Symbols {
    pub fn intern(&mut self, name: &str) -> SymbolId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = SymbolId(self.names.len() as u32);
        self.names.push(name.into());
        self.ids.insert(name.into(), id);
        id
    }

    pub fn get(&self, name: &str) -> Option<SymbolId> {
        self.ids.get(name).copied()
    }

    pub fn name(&self, id: SymbolId) -> &str {
        &self.names[id.index()]
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_keeps_its_number() {
        let mut symbols = Symbols::default();
        let a = symbols.intern("AAPL");
        let b = symbols.intern("MSFT");
        assert_eq!(symbols.intern("AAPL"), a);
        assert_eq!((a.index(), b.index(), symbols.len()), (0, 1, 2));
        assert_eq!(symbols.name(b), "MSFT");
        assert_eq!(symbols.get("GOOG"), None);
    }
}
