//! The wire format: `0x00`, the schema id (four bytes, big-endian), an Avro
//! datum. A record is read with the schema it was written with, straight into
//! the type that asks for it.

use serde::{Deserialize, Serialize};
use serde_avro_fast::de::{DeserializerConfig, DeserializerState, read::SliceRead};
use serde_avro_fast::ser::SerializerConfig;

use crate::registry::{SchemaVersion, registry};

const MAGIC: u8 = 0;
const HEADER: usize = 5;
/// No array in any record is longer: a corrupt length must not cost memory.
const MAX_ITEMS: usize = 100_000;

/// Why bytes are not the record they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the value is {len} bytes long, shorter than the {HEADER} bytes of its header")]
    TooShort { len: usize },
    #[error(
        "the value starts with byte {found:#04x} instead of 0x00: it is not in the Confluent wire format; \
         write it with an Avro serializer that talks to the schema registry"
    )]
    NotFramed { found: u8 },
    #[error(
        "schema id {id} is unknown; known are 1 to {newest}: write with a schema of this release, \
         or upgrade the reader first"
    )]
    UnknownSchema { id: u32, newest: usize },
    #[error(
        "schema id {id} is a {found}, but {expected} belongs here: was it sent to the wrong topic?"
    )]
    WrongRecord {
        id: u32,
        found: &'static str,
        expected: &'static str,
    },
    #[error("the bytes do not fit {record} version {version}: {detail}")]
    Corrupt {
        record: &'static str,
        version: u32,
        detail: String,
    },
    #[error("{count} bytes are left over behind {record} version {version}")]
    LeftOver {
        record: &'static str,
        version: u32,
        count: u64,
    },
}

#[derive(Debug, thiserror::Error)]
#[error("cannot encode {record}: {detail}")]
pub struct EncodeError {
    pub record: &'static str,
    pub detail: String,
}

/// Something that has a schema in the catalog.
pub trait Record {
    const RECORD: &'static str;

    /// The oldest version that holds all of this value, if not the newest: whoever knows no
    /// newer one can still read it.
    fn version(&self) -> Option<u32> {
        None
    }
}

/// Replaces what is in `out` with the framed record.
pub fn encode<T: Serialize + Record>(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let fail = |detail: String| EncodeError {
        record: T::RECORD,
        detail,
    };
    let schema = match value.version() {
        Some(version) => registry().version(T::RECORD, version),
        None => registry().newest(T::RECORD),
    };
    let schema = schema.ok_or_else(|| fail("no such schema".to_owned()))?;
    let mut buffer = std::mem::take(out);
    buffer.clear();
    buffer.push(MAGIC);
    buffer.extend_from_slice(&schema.id.to_be_bytes());
    let mut config = SerializerConfig::new(&schema.fast);
    *out =
        serde_avro_fast::to_datum(value, buffer, &mut config).map_err(|e| fail(e.to_string()))?;
    Ok(())
}

/// Reads a framed record with its writer's schema.
pub fn decode<'a, T: Deserialize<'a> + Record>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let (schema, datum) = unframe(bytes)?;
    if schema.record != T::RECORD {
        return Err(DecodeError::WrongRecord {
            id: schema.id,
            found: schema.record,
            expected: T::RECORD,
        });
    }
    decode_datum(schema, datum)
}

/// The value of a record: its schema and its datum.
pub fn frame(schema: &SchemaVersion, datum: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER + datum.len());
    value.push(MAGIC);
    value.extend_from_slice(&schema.id.to_be_bytes());
    value.extend_from_slice(datum);
    value
}

/// Splits a framed value into its schema and its datum.
pub fn unframe(bytes: &[u8]) -> Result<(&'static SchemaVersion, &[u8]), DecodeError> {
    let Some((header, datum)) = bytes.split_first_chunk::<HEADER>() else {
        return Err(DecodeError::TooShort { len: bytes.len() });
    };
    let [magic, id @ ..] = *header;
    if magic != MAGIC {
        return Err(DecodeError::NotFramed { found: magic });
    }
    let id = u32::from_be_bytes(id);
    let schema = registry().by_id(id).ok_or(DecodeError::UnknownSchema {
        id,
        newest: registry().all().len(),
    })?;
    Ok((schema, datum))
}

fn decode_datum<'a, T: Deserialize<'a>>(
    schema: &'static SchemaVersion,
    datum: &'a [u8],
) -> Result<T, DecodeError> {
    let corrupt = |detail: String| DecodeError::Corrupt {
        record: schema.record,
        version: schema.version,
        detail,
    };
    let mut config = DeserializerConfig::new(&schema.fast);
    config.max_seq_size = MAX_ITEMS;
    let mut state = DeserializerState::with_config(SliceRead::new(datum), config);
    let value = T::deserialize(state.deserializer()).map_err(|e| corrupt(e.to_string()))?;
    match std::io::copy(&mut state.into_reader(), &mut std::io::sink()) {
        Ok(0) => Ok(value),
        Ok(count) => Err(DecodeError::LeftOver {
            record: schema.record,
            version: schema.version,
            count,
        }),
        Err(e) => Err(corrupt(e.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Progress<'a> {
        #[serde(borrow)]
        inputs: Vec<Offset<'a>>,
        transactions: i64,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Offset<'a> {
        topic: &'a str,
        partition: i32,
        next_offset: i64,
    }
    impl Record for Progress<'_> {
        const RECORD: &'static str = "progress";

        fn version(&self) -> Option<u32> {
            Some(1)
        }
    }
    #[derive(Debug, Deserialize)]
    struct Quote {}
    impl Record for Quote {
        const RECORD: &'static str = "quote";
    }

    fn framed() -> Vec<u8> {
        let mut bytes = Vec::new();
        let inputs = vec![Offset {
            topic: "market.quotes",
            partition: 3,
            next_offset: 42,
        }];
        let value = Progress {
            inputs,
            transactions: 7,
        };
        encode(&value, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = framed();
        assert_eq!(unframe(&bytes).unwrap().0.version, 1);
        let back: Progress = decode(&bytes).unwrap();
        assert_eq!(back.transactions, 7);
        assert_eq!(back.inputs[0].next_offset, 42);
    }

    #[test]
    fn encoding_replaces_what_was_in_the_buffer() {
        let fresh = framed();
        let mut used = vec![9; 100];
        encode(&decode::<Progress>(&fresh).unwrap(), &mut used).unwrap();
        assert_eq!(used, fresh);
    }

    #[test]
    fn every_way_to_be_wrong_has_its_name() {
        let good = framed();
        let mut unframed = good.clone();
        unframed[0] = b'{';
        let mut unknown = good.clone();
        unknown[1..5].copy_from_slice(&70_000u32.to_be_bytes());
        let mut longer = good.clone();
        longer.push(0);
        assert!(matches!(
            decode::<Progress>(&[]),
            Err(DecodeError::TooShort { len: 0 })
        ));
        assert!(matches!(
            decode::<Progress>(&unframed),
            Err(DecodeError::NotFramed { found: b'{' })
        ));
        assert!(matches!(
            decode::<Progress>(&unknown),
            Err(DecodeError::UnknownSchema { id: 70_000, .. })
        ));
        assert!(matches!(
            decode::<Progress>(&longer),
            Err(DecodeError::LeftOver { count: 1, .. })
        ));
        assert!(matches!(
            decode::<Quote>(&good),
            Err(DecodeError::WrongRecord {
                found: "progress",
                ..
            })
        ));
        for cut in HEADER..good.len() {
            assert!(decode::<Progress>(&good[..cut]).is_err(), "cut at {cut}");
        }
    }
}
