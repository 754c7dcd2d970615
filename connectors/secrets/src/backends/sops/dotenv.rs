//! Lines of `KEY=value`, as SOPS reads and writes them.

use super::tree::Node;

pub(super) fn parse(text: &str) -> Option<Node> {
    let lines = text.split('\n');
    let entries = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entries = entries.map(|line| {
        let (key, value) = line.split_once('=')?;
        Some((key.to_owned(), Node::text(value.replace("\\n", "\n"))))
    });
    Node::map(entries.collect::<Option<_>>()?)
}
