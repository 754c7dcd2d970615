//! The configuration that `tapeline init` writes: every key with its default.

const TEMPLATE: &str = include_str!("template.toml");

pub(crate) fn template() -> String {
    super::local::template(TEMPLATE)
}
