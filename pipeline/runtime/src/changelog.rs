//! Keys of the changelog: `progress`, or a store's name, a NUL and the key. A
//! snapshot holds the same keys behind the number of its transaction.

pub(crate) const PROGRESS: &[u8] = b"progress";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    Progress,
    State { store: &'a [u8], key: &'a [u8] },
}

pub(crate) fn state_key(store: &str, key: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(store.as_bytes());
    out.push(0);
    out.extend_from_slice(key);
}

pub(crate) fn parse_key(bytes: &[u8]) -> Option<Entry<'_>> {
    if bytes == PROGRESS {
        return Some(Entry::Progress);
    }
    let split = bytes.iter().position(|byte| *byte == 0)?;
    Some(Entry::State {
        store: &bytes[..split],
        key: &bytes[split + 1..],
    })
}

/// Closes a snapshot; no store has an empty name.
pub(crate) const SNAPSHOT_END: &[u8] = b"";

pub(crate) fn snapshot_key(transaction: i64, key: &[u8]) -> Vec<u8> {
    [&transaction.to_be_bytes(), key].concat()
}

/// The transaction and the changelog's key of an entry of a snapshot.
pub(crate) fn parse_snapshot_key(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (transaction, key) = bytes.split_first_chunk::<8>()?;
    Some((i64::from_be_bytes(*transaction), key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_back_as_they_went() {
        let mut bytes = vec![1, 2, 3];
        state_key("books", b"a\0b", &mut bytes);
        let expected = Entry::State {
            store: b"books",
            key: b"a\0b",
        };
        assert_eq!(parse_key(&bytes), Some(expected));
        assert_eq!(parse_key(PROGRESS), Some(Entry::Progress));
        assert_eq!(parse_key(b"nonsense"), None);
        let entry = snapshot_key(258, b"books\0k");
        assert_eq!(parse_snapshot_key(&entry), Some((258, &b"books\0k"[..])));
        assert_eq!(parse_snapshot_key(b"short"), None);
    }
}
