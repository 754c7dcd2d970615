use std::collections::HashMap;
use std::sync::LazyLock;

use apache_avro::Schema as AvroSchema;
use serde_avro_fast::Schema as FastSchema;
use serde_avro_fast::schema::{LogicalType, SchemaMut};
use sha2::Sha256;

use crate::catalog::CATALOG;

/// One committed version of a record's schema, parsed.
pub struct SchemaVersion {
    pub id: u32,
    pub record: &'static str,
    pub version: u32,
    /// The file as committed.
    pub json: &'static str,
    /// SHA-256 of the parsing canonical form.
    pub fingerprint: [u8; 32],
    pub avro: AvroSchema,
    /// Decimals are plain bytes here: the model's money types read and write
    /// them without a detour over another decimal type.
    pub(crate) fast: FastSchema,
}

pub struct Registry {
    /// In the order of their ids, which start at 1 and have no gap.
    versions: Vec<SchemaVersion>,
    newest: HashMap<&'static str, usize>,
}

/// The compiled-in schemas, parsed at first use.
pub fn registry() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::parse);
    &REGISTRY
}

impl Registry {
    pub fn by_id(&self, id: u32) -> Option<&SchemaVersion> {
        let index = usize::try_from(id).ok()?.checked_sub(1)?;
        self.versions.get(index)
    }

    /// The newest version of a record: what writers use.
    pub fn newest(&self, record: &str) -> Option<&SchemaVersion> {
        self.versions.get(*self.newest.get(record)?)
    }

    pub fn version(&self, record: &str, version: u32) -> Option<&SchemaVersion> {
        let mut all = self.versions.iter();
        all.find(|v| v.record == record && v.version == version)
    }

    pub fn all(&self) -> &[SchemaVersion] {
        &self.versions
    }

    #[allow(
        clippy::expect_used,
        reason = "the files are compiled in; a test parses each"
    )]
    fn parse() -> Self {
        let versions: Vec<SchemaVersion> = CATALOG
            .iter()
            .map(|c| {
                let avro = AvroSchema::parse_str(c.json).expect("a committed schema parses");
                let fingerprint = avro.fingerprint::<Sha256>().bytes;
                SchemaVersion {
                    id: c.id,
                    record: c.record,
                    version: c.version,
                    json: c.json,
                    fingerprint: fingerprint.try_into().expect("SHA-256 has 32 bytes"),
                    fast: without_decimals(c.json).expect("a committed schema parses"),
                    avro,
                }
            })
            .collect();
        let numbered = versions.iter().enumerate();
        let newest = numbered.map(|(index, v)| (v.record, index)).collect();
        Self { versions, newest }
    }
}

fn without_decimals(json: &str) -> Result<FastSchema, serde_avro_fast::schema::SchemaError> {
    let mut schema: SchemaMut = json.parse()?;
    for node in schema.nodes_mut() {
        if matches!(node.logical_type, Some(LogicalType::Decimal(_))) {
            node.logical_type = None;
        }
    }
    schema.freeze()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::{fs, path::Path};

    use apache_avro::schema_compatibility::SchemaCompatibility;

    use serde_json::Value;

    use super::*;
    use crate::checksum;

    #[test]
    fn ids_are_dense_and_versions_count_up() {
        let mut last: BTreeMap<&str, u32> = BTreeMap::new();
        for (index, v) in registry().all().iter().enumerate() {
            assert_eq!(v.id as usize, index + 1, "{}", v.record);
            let expected = last.get(v.record).copied().unwrap_or(0) + 1;
            assert_eq!(v.version, expected, "{}", v.record);
            last.insert(v.record, v.version);
        }
    }

    /// The line of a file that has none yet is printed with the next id.
    #[test]
    fn a_committed_schema_never_changes() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("avro");
        let mut files: Vec<String> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let mut now: Vec<String> = Vec::new();
        for v in registry().all() {
            let file = match v.version {
                1 => format!("{}.avsc", v.record),
                version => format!("{}.v{version}.avsc", v.record),
            };
            files.retain(|known| *known != file);
            let checksum = checksum(v.json);
            now.push(format!(
                "schema {} {} v{} {checksum}",
                v.id, v.record, v.version
            ));
        }
        for (file, id) in files.iter().zip(now.len() + 1..) {
            let stem = file.strip_suffix(".avsc").unwrap();
            let (record, version) = stem.split_once('.').unwrap_or((stem, "v1"));
            let checksum = checksum(&fs::read_to_string(folder.join(file)).unwrap());
            now.push(format!("schema {id} {record} {version} {checksum}"));
        }
        assert_eq!(
            now,
            crate::golden::lines("schema "),
            "a committed schema changed, or a new one is not yet in golden/committed.txt: \
             edit no committed file, add a version, and append its line"
        );
    }

    /// The library's check does not know decimals: each kind becomes a named
    /// fixed type, so that another scale is another type.
    fn comparable(json: &str) -> AvroSchema {
        fn name_decimals(node: &mut Value, seen: &mut BTreeSet<String>) {
            if node["logicalType"] == "decimal" {
                let name = format!("decimal_{}_{}", node["precision"], node["scale"]);
                *node = if seen.insert(name.clone()) {
                    serde_json::json!({"type": "fixed", "size": 16, "name": name})
                } else {
                    Value::String(name)
                };
                return;
            }
            match node {
                Value::Array(items) => items.iter_mut().for_each(|n| name_decimals(n, seen)),
                Value::Object(map) => map.values_mut().for_each(|n| name_decimals(n, seen)),
                _ => {}
            }
        }
        let mut value = serde_json::from_str(json).unwrap();
        name_decimals(&mut value, &mut BTreeSet::new());
        AvroSchema::parse(&value).unwrap()
    }

    #[test]
    fn every_version_reads_every_other() {
        for a in registry().all() {
            for b in registry().all().iter().filter(|b| b.record == a.record) {
                SchemaCompatibility::can_read(&comparable(a.json), &comparable(b.json))
                    .unwrap_or_else(|e| {
                        panic!(
                            "{} v{} cannot be read as v{}: {e}",
                            a.record, a.version, b.version
                        )
                    });
            }
        }
    }

    #[test]
    fn the_compatibility_check_catches_breaking_changes() {
        let v1 = registry().newest("quote").unwrap().json;
        let no_default = v1.replacen(
            "\"fields\": [",
            "\"fields\": [{\"name\": \"added\", \"type\": \"long\"},",
            1,
        );
        let other_scale = v1.replacen("\"scale\": 8", "\"scale\": 6", 1);
        for changed in [no_default, other_scale] {
            assert_ne!(changed, v1);
            let check = SchemaCompatibility::can_read(&comparable(v1), &comparable(&changed));
            assert!(check.is_err(), "{changed}");
        }
    }
}
