//! JSON that may hold secrets: wiped when it is dropped.

use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::secret::Secret;

pub(crate) struct Document(Value);

/// Why a field gives no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoField {
    /// The whole is no JSON object.
    NoObject,
    Missing,
    /// A list or an object.
    NoText,
}

impl Document {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self)
    }

    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer).filter(|value| !value.is_null())
    }

    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.at(pointer)?.as_str()
    }

    pub fn number(&self, pointer: &str) -> Option<u64> {
        self.at(pointer)?.as_u64()
    }

    pub fn is_true(&self, pointer: &str) -> bool {
        self.at(pointer).and_then(Value::as_bool).unwrap_or(false)
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(list) => list.iter_mut().for_each(wipe),
        Value::Object(map) => map.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Numbers and booleans are given as they are written.
pub(crate) fn field(object: &Value, name: &str) -> Result<Secret, NoField> {
    let map = object.as_object().ok_or(NoField::NoObject)?;
    match map.get(name) {
        None | Some(Value::Null) => Err(NoField::Missing),
        Some(Value::String(text)) => Ok(Secret::new(text.as_str())),
        Some(Value::Array(_) | Value::Object(_)) => Err(NoField::NoText),
        Some(plain) => Ok(Secret::new(plain.to_string())),
    }
}

/// Of a text that should be a JSON object.
pub(crate) fn field_of_text(text: &str, name: &str) -> Result<Secret, NoField> {
    let document = Document::parse(text.as_bytes()).ok_or(NoField::NoObject)?;
    field(&document.0, name)
}

/// A body for a request.
pub(crate) fn body(value: Value) -> Zeroizing<Vec<u8>> {
    let document = Document(value);
    Zeroizing::new(document.0.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_texts_or_plain_values() {
        let object = json!({"a": "x", "n": 5, "b": true, "o": {}, "l": [1], "none": null});
        let got = |name: &str| field(&object, name).map(|secret| secret.expose().to_owned());
        assert_eq!(got("a"), Ok("x".to_owned()));
        assert_eq!(got("n"), Ok("5".to_owned()));
        assert_eq!(got("b"), Ok("true".to_owned()));
        assert_eq!(got("o"), Err(NoField::NoText));
        assert_eq!(got("l"), Err(NoField::NoText));
        assert_eq!(got("none"), Err(NoField::Missing));
        assert_eq!(got("other"), Err(NoField::Missing));
        assert_eq!(
            field_of_text("hunter2", "a").unwrap_err(),
            NoField::NoObject
        );
        assert_eq!(field_of_text("[1]", "a").unwrap_err(), NoField::NoObject);
        assert_eq!(field_of_text(r#"{"a":"y"}"#, "a").unwrap().expose(), "y");
    }

    #[test]
    fn wiping_leaves_no_text() {
        let mut value = json!({"a": "x", "l": ["y", {"z": "w"}]});
        wipe(&mut value);
        assert_eq!(value, json!({"a": "", "l": ["", {"z": ""}]}));
    }
}
