//! What SOPS keeps beside the values, in the part `sops` or in keys that begin so.

use super::error::SopsError;
use super::tree::Node;

const PART: &str = "sops";
/// Of dotenv, where nothing can stand within another.
const PREFIX: &str = "sops_";
/// Nobody encrypts to more.
const RECIPIENTS: usize = 64;

#[derive(Debug)]
pub(super) struct Metadata {
    /// The key of the values, encrypted to a recipient each.
    pub keys: Vec<String>,
    pub modified: String,
    pub mac: String,
    pub is_mac_of_encrypted: bool,
}

/// Takes it out of a document.
pub(super) fn take(tree: &mut Node) -> Result<Metadata, SopsError> {
    let Node::Map(entries) = tree else {
        return Err(SopsError::NotSops);
    };
    let is_ours = |key: &str| key == PART || key.starts_with(PREFIX);
    let part = entries.iter().position(|(key, _)| key == PART);
    if let Some(at) = part {
        let (_, part) = entries.remove(at);
        return of_part(&part);
    }
    let flat: Vec<(String, Node)> = entries.extract_if(.., |(key, _)| is_ours(key)).collect();
    of_lines(Node::Map(flat))
}

fn of_part(part: &Node) -> Result<Metadata, SopsError> {
    let groups = match part.get("key_groups") {
        Some(Node::List(groups)) => groups.as_slice(),
        _ => &[],
    };
    let age = match groups {
        [] => part.get("age"),
        [group] => group.get("age"),
        _ => return Err(SopsError::Groups),
    };
    let Some(Node::List(recipients)) = age else {
        return Err(if part.get("mac").is_some() {
            SopsError::NoAge
        } else {
            SopsError::NotSops
        });
    };
    let keys = recipients.iter().take(RECIPIENTS);
    let keys = keys.filter_map(|recipient| text(recipient, "enc"));
    metadata(part, "", keys.collect())
}

fn of_lines(lines: Node) -> Result<Metadata, SopsError> {
    if lines
        .get("sops_key_groups__list_1__map_age__list_0__map_enc")
        .is_some()
    {
        return Err(SopsError::Groups);
    }
    let keys =
        (0..RECIPIENTS).map_while(|at| text(&lines, &format!("sops_age__list_{at}__map_enc")));
    let keys: Vec<String> = keys.collect();
    metadata(&lines, PREFIX, keys)
}

fn metadata(part: &Node, prefix: &str, keys: Vec<String>) -> Result<Metadata, SopsError> {
    let field = |name: &str| text(part, &format!("{prefix}{name}"));
    let (Some(mac), Some(modified)) = (field("mac"), field("lastmodified")) else {
        return Err(SopsError::NotSops);
    };
    if keys.is_empty() {
        return Err(SopsError::NoAge);
    }
    let only = field("mac_only_encrypted").unwrap_or_default();
    Ok(Metadata {
        keys,
        modified,
        mac,
        is_mac_of_encrypted: only.eq_ignore_ascii_case("true"),
    })
}

fn text(part: &Node, name: &str) -> Option<String> {
    part.get(name)?.as_text().map(str::to_owned)
}
