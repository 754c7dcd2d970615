//! Records as people and scripts write them: decimals and times as text, the rest as JSON has it.

use std::fmt::Write;

use apache_avro::Schema;
use apache_avro::schema::{NamesRef, RecordField, ResolvedSchema};
use apache_avro::types::Value;
use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use tapeline_schemas::codec::{self, DecodeError};
use tapeline_schemas::registry;
use uuid::Uuid;

use crate::money::Money;
use crate::time::Micros;

/// What a number of JSON holds without losing a digit.
const EXACT_DIGITS: usize = 15;

/// What is wrong with a field, or with the record as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", at(.field))]
pub struct JsonError {
    /// `inputs[2].topic`; empty for the record.
    pub field: String,
    pub problem: String,
}

fn at(field: &str) -> String {
    match field {
        "" => String::new(),
        field => format!("`{field}` "),
    }
}

/// The fields of a framed record.
pub fn to_json(framed: &[u8]) -> Result<Map<String, Json>, DecodeError> {
    let (schema, mut datum) = codec::unframe(framed)?;
    let corrupt = |detail: String| DecodeError::Corrupt {
        record: schema.record,
        version: schema.version,
        detail,
    };
    let value = apache_avro::from_avro_datum(&schema.avro, &mut datum, None);
    match shown(value.map_err(|error| corrupt(error.to_string()))?) {
        Json::Object(fields) => Ok(fields),
        _ => Err(corrupt("it is no record".to_owned())),
    }
}

fn shown(value: Value) -> Json {
    match value {
        Value::Union(_, inner) => shown(*inner),
        Value::Boolean(flag) => flag.into(),
        Value::Int(number) => number.into(),
        Value::Long(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Double(number) => number.into(),
        Value::String(text) | Value::Enum(_, text) => text.into(),
        Value::Uuid(id) => id.to_string().into(),
        Value::TimestampMicros(micros) => Micros(micros).to_string().into(),
        Value::Decimal(decimal) => match Vec::<u8>::try_from(&decimal) {
            Ok(bytes) => shown_decimal(&bytes),
            Err(_) => Json::Null,
        },
        Value::Bytes(bytes) | Value::Fixed(_, bytes) => shown_bytes(&bytes),
        Value::Array(items) => items.into_iter().map(shown).collect(),
        Value::Map(entries) => {
            let mut entries: Vec<(String, Value)> = entries.into_iter().collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            let entries = entries.into_iter();
            Json::Object(entries.map(|(name, value)| (name, shown(value))).collect())
        }
        Value::Record(fields) => {
            let fields = fields.into_iter();
            Json::Object(fields.map(|(name, value)| (name, shown(value))).collect())
        }
        _ => Json::Null,
    }
}

fn shown_decimal(bytes: &[u8]) -> Json {
    let raw = serde::de::Deserialize::deserialize(serde::de::value::BytesDeserializer::<
        serde::de::value::Error,
    >::new(bytes));
    raw.map_or(Json::Null, |money: Money| money.to_string().into())
}

fn shown_bytes(bytes: &[u8]) -> Json {
    let mut text = String::from("0x");
    for byte in bytes {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}

/// The record, framed, in the newest version of its schema. A field that is left out has its
/// default, where it has one.
pub fn from_json(record: &str, fields: &Map<String, Json>) -> Result<Vec<u8>, JsonError> {
    let whole = |problem: String| JsonError {
        field: String::new(),
        problem,
    };
    let schema = registry().newest(record);
    let schema = schema.ok_or_else(|| whole(format!("there is no record {record}")))?;
    let resolved = ResolvedSchema::try_from(&schema.avro);
    let resolved = resolved.map_err(|error| whole(error.to_string()))?;
    let reader = Reader {
        names: resolved.get_names(),
    };
    let value = reader.read(&schema.avro, &Json::Object(fields.clone()), "")?;
    let value = value
        .resolve(&schema.avro)
        .map_err(|error| whole(error.to_string()))?;
    let datum = apache_avro::to_avro_datum(&schema.avro, value);
    let datum = datum.map_err(|error| whole(error.to_string()))?;
    Ok(codec::frame(schema, &datum))
}

struct Reader<'s> {
    names: &'s NamesRef<'s>,
}

impl Reader<'_> {
    fn read(&self, schema: &Schema, json: &Json, field: &str) -> Result<Value, JsonError> {
        let wrong = |wanted: &str| JsonError {
            field: field.to_owned(),
            problem: format!("is {}, but must be {wanted}", described(json)),
        };
        match schema {
            Schema::Ref { name } => match self.names.get(name) {
                Some(schema) => self.read(schema, json, field),
                None => Err(wrong("of a type that its schema does not have")),
            },
            Schema::Record(record) => match json {
                Json::Object(fields) => self.record(&record.fields, fields, field),
                _ => Err(wrong("an object")),
            },
            Schema::Union(union) => {
                let is_null = |schema: &Schema| matches!(schema, Schema::Null);
                let mut branches = (0u32..).zip(union.variants());
                let branch = branches.find(|(_, schema)| is_null(schema) == json.is_null());
                let (index, schema) = branch.ok_or_else(|| wrong("null"))?;
                let value = self.read(schema, json, field)?;
                Ok(Value::Union(index, Box::new(value)))
            }
            Schema::Array(array) => {
                let items = json.as_array().ok_or_else(|| wrong("a list"))?;
                let items = items.iter().enumerate();
                let items = items.map(|(index, item)| {
                    self.read(&array.items, item, &format!("{field}[{index}]"))
                });
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            Schema::Map(map) => {
                let entries = json.as_object().ok_or_else(|| wrong("an object"))?.iter();
                let entries = entries.map(|(name, value)| {
                    let value = self.read(&map.types, value, &inside(field, name))?;
                    Ok((name.clone(), value))
                });
                Ok(Value::Map(entries.collect::<Result<_, _>>()?))
            }
            simple => value_of(simple, json).ok_or_else(|| wrong(&wanted(simple))),
        }
    }

    fn record(
        &self,
        known: &[RecordField],
        given: &Map<String, Json>,
        field: &str,
    ) -> Result<Value, JsonError> {
        if let Some(name) = given
            .keys()
            .find(|name| known.iter().all(|k| k.name != **name))
        {
            let names: Vec<&str> = known.iter().map(|known| known.name.as_str()).collect();
            return Err(JsonError {
                field: inside(field, name),
                problem: format!("is no field of this record; there are {}", names.join(", ")),
            });
        }
        let mut fields = Vec::with_capacity(known.len());
        for known in known {
            let path = inside(field, &known.name);
            match given.get(&known.name) {
                Some(json) => {
                    fields.push((known.name.clone(), self.read(&known.schema, json, &path)?));
                }
                None if known.default.is_some() => {}
                None => {
                    return Err(JsonError {
                        field: path,
                        problem: format!("is missing; it is {}", self.wanted(&known.schema)),
                    });
                }
            }
        }
        Ok(Value::Record(fields))
    }

    fn wanted(&self, schema: &Schema) -> String {
        match schema {
            Schema::Ref { name } => match self.names.get(name) {
                Some(Schema::Ref { .. }) | None => "a value".to_owned(),
                Some(schema) => self.wanted(schema),
            },
            Schema::Union(union) => {
                let variants = union.variants().iter().map(|schema| self.wanted(schema));
                variants.collect::<Vec<_>>().join(" or ")
            }
            simple => wanted(simple),
        }
    }
}

fn inside(field: &str, name: &str) -> String {
    match field {
        "" => name.to_owned(),
        field => format!("{field}.{name}"),
    }
}

/// Nothing, if it is none.
fn value_of(schema: &Schema, json: &Json) -> Option<Value> {
    Some(match schema {
        Schema::Null => Value::Null,
        Schema::Boolean => Value::Boolean(json.as_bool()?),
        Schema::Int => Value::Int(i32::try_from(json.as_i64()?).ok()?),
        Schema::Long => Value::Long(json.as_i64()?),
        Schema::Double => Value::Double(json.as_f64()?),
        Schema::String => Value::String(json.as_str()?.to_owned()),
        Schema::Uuid => Value::Uuid(json.as_str()?.parse::<Uuid>().ok()?),
        Schema::Enum(closed) => {
            let text = json.as_str()?;
            let index = closed.symbols.iter().position(|symbol| symbol == text)?;
            Value::Enum(u32::try_from(index).ok()?, text.to_owned())
        }
        Schema::TimestampMicros => Value::TimestampMicros(moment(json)?),
        Schema::Decimal(_) => Value::Decimal(decimal(json)?.into()),
        Schema::Bytes => Value::Bytes(bytes(json.as_str()?)?),
        _ => return None,
    })
}

fn moment(json: &Json) -> Option<i64> {
    let micros = match json {
        Json::String(text) => text.parse::<Timestamp>().ok()?.as_microsecond(),
        number => number.as_i64()?,
    };
    Micros(micros).is_storable().then_some(micros)
}

fn decimal(json: &Json) -> Option<Vec<u8>> {
    let text = match json {
        Json::String(text) => text.clone(),
        // What has more digits has been rounded before it came here.
        Json::Number(number) => {
            let text = number.to_string();
            let digits = text.chars().filter(char::is_ascii_digit).count();
            Some(text).filter(|_| number.is_i64() || digits <= EXACT_DIGITS)?
        }
        _ => return None,
    };
    Some(text.parse::<Money>().ok()?.raw().to_be_bytes().to_vec())
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| match pair {
            [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
            _ => None,
        })
        .collect()
}

fn wanted(schema: &Schema) -> String {
    let text = match schema {
        Schema::Null => "null",
        Schema::Boolean => "true or false",
        Schema::Int | Schema::Long => "a whole number",
        Schema::Double => "a number",
        Schema::String => "a text",
        Schema::Uuid => "a UUID",
        Schema::Enum(closed) => return format!("one of {}", closed.symbols.join(", ")),
        Schema::TimestampMicros => {
            "a time like \"2026-11-21T09:30:00Z\", or microseconds since 1970"
        }
        Schema::Decimal(_) => "a decimal as text, like \"189.12\", with at most 8 places",
        Schema::Bytes => "bytes, like \"0x00ff\"",
        Schema::Array(_) => "a list",
        _ => "an object",
    };
    text.to_owned()
}

fn described(json: &Json) -> String {
    match json {
        Json::Object(_) => "an object".to_owned(),
        Json::Array(_) => "a list".to_owned(),
        simple => simple.to_string(),
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
