//! Things in a queue that are searched by their names all the time, mostly in vain.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize, Serializer};

pub(super) trait Named {
    /// None for what is never searched.
    fn name(&self) -> Option<&str>;
}

/// Most searches compare short hashes of the names, which lie side by side, and end there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    from = "VecDeque<T>",
    bound(deserialize = "T: Named + Deserialize<'de>")
)]
pub(super) struct Queue<T> {
    all: VecDeque<T>,
    hashes: VecDeque<u32>,
}

/// The hashes are not stored.
impl<T: Serialize> Serialize for Queue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(serializer)
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            all: VecDeque::new(),
            hashes: VecDeque::new(),
        }
    }
}

impl<T: Named> From<VecDeque<T>> for Queue<T> {
    fn from(all: VecDeque<T>) -> Self {
        let hashes = all.iter().map(|it| hash_of(it)).collect();
        Self { all, hashes }
    }
}

fn hash(name: &str) -> u32 {
    crc32fast::hash(name.as_bytes())
}

fn hash_of(named: &impl Named) -> u32 {
    named.name().map(hash).unwrap_or_default()
}

impl<T: Named> Queue<T> {
    /// The newest of this name, and its place.
    pub fn find(&self, name: &str) -> Option<(usize, &T)> {
        let wanted = hash(name);
        let (older, newer) = self.hashes.as_slices();
        if !older.contains(&wanted) && !newer.contains(&wanted) {
            return None;
        }
        let hashes = self.hashes.iter().zip(&self.all).enumerate().rev();
        let alike = hashes.filter(|(_, (hash, _))| **hash == wanted);
        alike
            .map(|(at, (_, found))| (at, found))
            .find(|(_, found)| found.name() == Some(name))
    }

    pub fn push_back(&mut self, new: T) {
        self.hashes.push_back(hash_of(&new));
        self.all.push_back(new);
    }

    pub fn insert(&mut self, at: usize, new: T) {
        self.hashes.insert(at, hash_of(&new));
        self.all.insert(at, new);
    }

    /// Puts something else of the same name in its place.
    pub fn replace(&mut self, at: usize, new: T) {
        self.hashes[at] = hash_of(&new);
        self.all[at] = new;
    }

    pub fn remove(&mut self, at: usize) -> Option<T> {
        self.hashes.remove(at);
        self.all.remove(at)
    }

    pub fn pop_front(&mut self) -> Option<T> {
        self.hashes.pop_front();
        self.all.pop_front()
    }
}

/// Everything that does not change it.
impl<T> std::ops::Deref for Queue<T> {
    type Target = VecDeque<T>;

    fn deref(&self) -> &VecDeque<T> {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    struct Thing(String, u8);

    impl Named for Thing {
        fn name(&self) -> Option<&str> {
            Some(&self.0)
        }
    }

    fn thing(name: &str, number: u8) -> Thing {
        Thing(name.to_owned(), number)
    }

    #[test]
    fn the_newest_of_a_name_is_found_wherever_things_were_put() {
        let mut queue = Queue::default();
        for (name, number) in [("a", 1), ("b", 2), ("a", 3)] {
            queue.push_back(thing(name, number));
        }
        assert_eq!(queue.find("a"), Some((2, &thing("a", 3))));
        queue.insert(0, thing("c", 4));
        assert_eq!(queue.find("c"), Some((0, &thing("c", 4))));
        assert_eq!(queue.find("b"), Some((2, &thing("b", 2))));
        queue.remove(3);
        assert_eq!(queue.find("a"), Some((1, &thing("a", 1))));
        queue.replace(1, thing("d", 5));
        assert_eq!(queue.find("a"), None);
        assert_eq!(queue.pop_front(), Some(thing("c", 4)));
        assert_eq!(queue.find("d"), Some((0, &thing("d", 5))));
        assert_eq!(queue.len(), 2);
    }

    /// Both have the CRC-32 4ddb0c25.
    #[test]
    fn names_of_one_hash_are_told_apart() {
        assert_eq!(hash("plumless"), hash("buckeroo"));
        let queue = Queue::from(VecDeque::from([thing("plumless", 1)]));
        assert_eq!(queue.find("buckeroo"), None);
        assert_eq!(queue.find("plumless").map(|(at, _)| at), Some(0));
    }
}
