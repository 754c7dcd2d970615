//! A document as a tree whose order is kept: what vouches for it depends on the order.

use zeroize::Zeroizing;

/// Deeper ones are refused.
pub(super) const DEEPEST: usize = 64;

#[derive(Debug, PartialEq)]
pub(super) enum Node {
    Map(Vec<(String, Node)>),
    List(Vec<Node>),
    Leaf(Leaf),
    Nothing,
}

/// A value, as SOPS counts it.
#[derive(PartialEq)]
pub(super) struct Leaf {
    pub text: Zeroizing<String>,
    /// Written as a text; only these can be encrypted.
    pub is_text: bool,
    /// It was encrypted, so that nobody else can have written it.
    pub is_vouched: bool,
}

/// A document that was found to be whole.
#[derive(Debug)]
pub(super) struct Opened {
    pub tree: Node,
    /// Also what is not encrypted is as SOPS wrote it.
    pub vouches_for_all: bool,
}

impl Node {
    pub fn text(text: impl Into<String>) -> Self {
        Self::leaf(text, true)
    }

    /// A number, a truth value or a time, in the one way that SOPS writes it.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::leaf(text, false)
    }

    pub fn truth(value: bool) -> Self {
        Self::plain(if value { "True" } else { "False" })
    }

    fn leaf(text: impl Into<String>, is_text: bool) -> Self {
        Self::Leaf(Leaf {
            text: Zeroizing::new(text.into()),
            is_text,
            is_vouched: false,
        })
    }

    /// None if a key is there twice.
    pub fn map(entries: Vec<(String, Node)>) -> Option<Self> {
        let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        let is_twice = keys.windows(2).any(|pair| pair[0] == pair[1]);
        (!is_twice).then_some(Self::Map(entries))
    }

    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => {
                let mut found = entries.iter().filter(|(name, _)| name == key);
                found.next().map(|(_, node)| node)
            }
            Self::List(items) => items.get(key.parse::<usize>().ok()?),
            Self::Leaf(_) | Self::Nothing => None,
        }
    }

    /// Names of keys and numbers of items, with `/` between them.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |node, step| node.get(step))
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Leaf(leaf) => Some(&leaf.text),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Leaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
