use std::borrow::Borrow;
use std::hash::Hash;

use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tapeline_model::ids::{AccountId, PortfolioId, Symbol};
use tapeline_schemas::codec::{self, Record};

use crate::contract::{StateError, StateStore, WriteChange};

/// A key as it stands in the changelog.
pub trait StateKey: Clone + Eq + Hash {
    fn write(&self, out: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Option<Self>;
}

macro_rules! text_keys {
    ($($id:ident)*) => {$(
        impl StateKey for $id {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.as_str().as_bytes());
            }

            fn read(bytes: &[u8]) -> Option<Self> {
                std::str::from_utf8(bytes).ok().map(Self::new)
            }
        }
    )*};
}

text_keys! { Symbol AccountId PortfolioId }

/// Several names as one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Names<const N: usize>([String; N]);

impl<const N: usize> Names<N> {
    pub fn new(names: [&str; N]) -> Self {
        Self(names.map(str::to_owned))
    }

    pub fn parts(&self) -> [&str; N] {
        self.0.each_ref().map(String::as_str)
    }
}

impl<const N: usize> StateKey for Names<N> {
    fn write(&self, out: &mut Vec<u8>) {
        write_names(self.parts(), out);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        read_names(bytes).map(Self::new)
    }
}

/// Of several names as one key, none but the last holds a NUL.
pub(crate) fn write_names<const N: usize>(names: [&str; N], out: &mut Vec<u8>) {
    for (at, name) in names.into_iter().enumerate() {
        if at > 0 {
            out.push(0);
        }
        out.extend_from_slice(name.as_bytes());
    }
}

pub(crate) fn read_names<const N: usize>(bytes: &[u8]) -> Option<[&str; N]> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut names = text.splitn(N, '\0');
    let mut found = [""; N];
    for name in &mut found {
        *name = names.next()?;
    }
    Some(found)
}

/// Typed state in memory. A key is written once a commit, however often it
/// changed. It is iterated in the order of keys only: the hash's own order would differ between runs.
pub struct Store<K, V> {
    name: &'static str,
    slots: HashMap<K, Slot<V>>,
    changed: Vec<K>,
}

struct Slot<V> {
    /// None once removed, until the removal is written.
    value: Option<V>,
    changed: bool,
}

impl<K: StateKey, V> Store<K, V> {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            slots: HashMap::new(),
            changed: Vec::new(),
        }
    }

    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.slots.get(key)?.value.as_ref()
    }

    /// The value of a key that is there, noted as changed.
    pub fn change<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (key, slot) = self.slots.get_key_value_mut(key)?;
        slot.value.as_ref()?;
        if !slot.changed {
            slot.changed = true;
            self.changed.push(key.clone());
        }
        slot.value.as_mut()
    }

    /// Edits the value of a key that is there; it is noted as changed if the edit says so.
    pub fn edit<Q, R>(&mut self, key: &Q, edit: impl FnOnce(&mut V) -> (R, bool)) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (key, slot) = self.slots.get_key_value_mut(key)?;
        let (result, changed) = edit(slot.value.as_mut()?);
        if changed && !slot.changed {
            slot.changed = true;
            self.changed.push(key.clone());
        }
        Some(result)
    }

    /// The same as [`change`](Self::change), beginning with `first` if the key is not there.
    pub fn change_or_put<Q>(&mut self, key: &Q, first: impl FnOnce() -> V) -> &mut V
    where
        K: Borrow<Q> + for<'q> From<&'q Q>,
        Q: Hash + Eq + ?Sized,
    {
        let slot = match self.slots.entry_ref(key) {
            EntryRef::Occupied(entry) => entry.into_mut(),
            EntryRef::Vacant(entry) => entry.insert(Slot {
                value: None,
                changed: false,
            }),
        };
        if !slot.changed {
            slot.changed = true;
            self.changed.push(K::from(key));
        }
        slot.value.get_or_insert_with(first)
    }

    pub fn put(&mut self, key: K, value: V) {
        self.set(key, Some(value));
    }

    pub fn remove(&mut self, key: K) {
        if self.slots.contains_key(&key) {
            self.set(key, None);
        }
    }

    fn set(&mut self, key: K, value: Option<V>) {
        let slot = self.slots.entry(key.clone()).or_insert(Slot {
            value: None,
            changed: false,
        });
        slot.value = value;
        if !slot.changed {
            slot.changed = true;
            self.changed.push(key);
        }
    }

    /// Everything, by key: for rebuilding what is derived from it.
    pub fn sorted(&self) -> Vec<(&K, &V)>
    where
        K: Ord,
    {
        let mut all: Vec<_> = self
            .slots
            .iter()
            .filter_map(|(key, slot)| Some((key, slot.value.as_ref()?)))
            .collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    /// What changed since the last commit, in the order of the first change.
    pub fn changed(&self) -> impl Iterator<Item = (&K, &V)> {
        self.changed
            .iter()
            .filter_map(|key| Some((key, self.get(key)?)))
    }
}

impl<K, V> StateStore for Store<K, V>
where
    K: StateKey,
    V: Serialize + DeserializeOwned + Record,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn drain_changes(&mut self, write: &mut WriteChange<'_>) -> Result<(), StateError> {
        let mut key_bytes = Vec::new();
        let mut value_bytes = Vec::new();
        for key in self.changed.drain(..) {
            key_bytes.clear();
            key.write(&mut key_bytes);
            let Some(slot) = self.slots.get_mut(&key) else {
                continue;
            };
            slot.changed = false;
            if let Some(value) = &slot.value {
                codec::encode(value, &mut value_bytes).map_err(|source| StateError::Encode {
                    store: self.name,
                    source,
                })?;
                write(&key_bytes, Some(&value_bytes));
            } else {
                self.slots.remove(&key);
                write(&key_bytes, None);
            }
        }
        Ok(())
    }

    fn dump(&self, write: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StateError> {
        let mut all: Vec<(Vec<u8>, &V)> = Vec::with_capacity(self.slots.len());
        for (key, slot) in &self.slots {
            if let Some(value) = &slot.value {
                let mut bytes = Vec::new();
                key.write(&mut bytes);
                all.push((bytes, value));
            }
        }
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let mut value_bytes = Vec::new();
        for (key, value) in all {
            codec::encode(value, &mut value_bytes).map_err(|source| StateError::Encode {
                store: self.name,
                source,
            })?;
            write(&key, &value_bytes);
        }
        Ok(())
    }

    fn restore(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), StateError> {
        let store = self.name;
        let parsed = K::read(key).ok_or(StateError::Key {
            store,
            len: key.len(),
        })?;
        let Some(bytes) = value else {
            self.slots.remove(&parsed);
            return Ok(());
        };
        let value = codec::decode(bytes).map_err(|source| StateError::Decode { store, source })?;
        let slot = Slot {
            value: Some(value),
            changed: false,
        };
        self.slots.insert(parsed, slot);
        Ok(())
    }

    fn len(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use tapeline_model::records::StatePortfolio;

    use super::*;

    type Portfolios = Store<PortfolioId, StatePortfolio>;
    type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

    fn id(name: &str) -> PortfolioId {
        PortfolioId::new(name)
    }

    fn drain(store: &mut Portfolios) -> Changes {
        let mut changes = Vec::new();
        store
            .drain_changes(&mut |k, v| changes.push((k.to_vec(), v.map(<[u8]>::to_vec))))
            .unwrap();
        changes
    }

    #[test]
    fn a_key_is_written_once_however_often_it_changed() {
        let mut store = Portfolios::new("portfolios");
        store.put(id("b"), StatePortfolio::default());
        store.put(id("a"), StatePortfolio::default());
        store.change("b").unwrap().breached.push("x".into());
        let changes = drain(&mut store);
        let keys: Vec<&[u8]> = changes.iter().map(|(k, _)| k.as_slice()).collect();
        assert_eq!(keys, [b"b", b"a"]);
        assert!(drain(&mut store).is_empty());
        store.change("a").unwrap();
        assert_eq!(drain(&mut store).len(), 1);
    }

    #[test]
    fn an_edit_that_changed_nothing_is_not_written() {
        let mut store = Portfolios::new("portfolios");
        assert_eq!(store.edit("a", |_| ((), true)), None);
        store.put(id("a"), StatePortfolio::default());
        drain(&mut store);
        assert_eq!(
            store.edit("a", |value| (value.breached.len(), false)),
            Some(0)
        );
        assert!(drain(&mut store).is_empty());
        store.edit("a", |value| (value.breached.push("x".into()), true));
        assert_eq!(drain(&mut store).len(), 1);
    }

    #[test]
    fn what_is_drained_restores_the_same_state() {
        let mut store = Portfolios::new("portfolios");
        store.put(id("a"), StatePortfolio::default());
        store.put(id("b"), StatePortfolio::default());
        store.change("b").unwrap().breached.push("x".into());
        let mut log = drain(&mut store);
        store.remove(id("a"));
        log.extend(drain(&mut store));

        let mut copy = Portfolios::new("portfolios");
        for (key, value) in &log {
            copy.restore(key, value.as_deref()).unwrap();
        }
        assert_eq!(copy.len(), 1);
        assert_eq!(copy.get("a"), None);
        assert_eq!(copy.get("b"), store.get("b"));
        assert!(drain(&mut copy).is_empty(), "restoring changes nothing");
    }

    #[test]
    fn a_dump_is_everything_in_the_order_of_keys_and_changes_nothing() {
        let mut store = Portfolios::new("portfolios");
        for name in ["c", "a", "b"] {
            store.put(id(name), StatePortfolio::default());
        }
        store.remove(id("b"));
        let mut keys = Vec::new();
        store.dump(&mut |key, _| keys.push(key.to_vec())).unwrap();
        assert_eq!(keys, [b"a", b"c"]);
        assert_eq!(drain(&mut store).len(), 3, "still to be written");
    }

    #[test]
    fn a_removed_key_that_comes_back_is_written_with_its_value() {
        let mut store = Portfolios::new("portfolios");
        store.put(id("a"), StatePortfolio::default());
        store.remove(id("a"));
        assert_eq!(store.get("a"), None);
        assert!(store.change("a").is_none());
        store.put(id("a"), StatePortfolio::default());
        let changes = drain(&mut store);
        assert_eq!(changes.len(), 1);
        assert!(changes[0].1.is_some());
    }

    #[test]
    fn names_are_as_many_as_they_were() {
        let names = Names::new(["s", "", "A"]);
        let mut bytes = Vec::new();
        names.write(&mut bytes);
        assert_eq!(Names::<3>::read(&bytes), Some(names));
        assert_eq!(Names::<3>::read(b"s\0A"), None);
    }

    #[test]
    fn bytes_of_another_kind_are_refused_by_name() {
        let mut store = Portfolios::new("portfolios");
        let error = store.restore(&[0xff], Some(&[0])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "store portfolios: a key of 1 bytes cannot be read"
        );
        assert!(store.restore(b"a", Some(&[0, 0, 0, 0, 1])).is_err());
    }
}
