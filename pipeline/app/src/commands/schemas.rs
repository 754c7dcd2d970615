use tapeline_schemas::{SchemaVersion, registry};

use crate::cli::Schemas;
use crate::console;
use crate::failure::Failure;

pub(super) fn run(action: &Schemas) -> Result<(), Failure> {
    match action {
        Schemas::List { json: true } => {
            let all: Vec<_> = registry().all().iter().map(described).collect();
            console::json(&all)
        }
        Schemas::List { json: false } => {
            let rows: Vec<Vec<String>> = registry()
                .all()
                .iter()
                .map(|v| {
                    vec![
                        v.id.to_string(),
                        v.record.to_owned(),
                        v.version.to_string(),
                        hex::encode(v.fingerprint),
                    ]
                })
                .collect();
            console::table(&["ID", "RECORD", "VERSION", "FINGERPRINT"], &rows);
            Ok(())
        }
        Schemas::Show { which } => {
            let by_id = which.parse().ok().and_then(|id| registry().by_id(id));
            let Some(version) = by_id.or_else(|| registry().newest(which)) else {
                let known: Vec<&str> = registry().all().iter().map(|v| v.record).collect();
                let message = format!("`{which}` is neither an id nor one of {}", known.join(", "));
                return Err(Failure::Usage(message));
            };
            console::line(version.json.trim_end());
            Ok(())
        }
    }
}

fn described(version: &SchemaVersion) -> serde_json::Value {
    serde_json::json!({
        "id": version.id,
        "record": version.record,
        "version": version.version,
        "fingerprint": hex::encode(version.fingerprint),
    })
}
