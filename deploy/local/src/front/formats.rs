//! What the front must know about formats: content types, and which name their fields.

/// The Content-Type the real server gives for an output format.
pub(super) fn content_type(format: &str) -> &'static str {
    match format {
        "TabSeparated"
        | "TSV"
        | "TabSeparatedRaw"
        | "TSVRaw"
        | "TabSeparatedWithNames"
        | "TSVWithNames"
        | "TabSeparatedWithNamesAndTypes"
        | "TSVWithNamesAndTypes"
        | "TabSeparatedRawWithNames"
        | "TSVRawWithNames"
        | "TabSeparatedRawWithNamesAndTypes"
        | "TSVRawWithNamesAndTypes"
        | "TSKV" => "text/tab-separated-values; charset=UTF-8",
        "CSV" => "text/csv; charset=UTF-8; header=absent",
        "CSVWithNames" | "CSVWithNamesAndTypes" => "text/csv; charset=UTF-8; header=present",
        "XML" => "application/xml; charset=UTF-8",
        _ if format.starts_with("JSON") && format.contains("EachRow") => {
            "application/x-ndjson; charset=UTF-8"
        }
        _ if format.starts_with("JSON") => "application/json; charset=UTF-8",
        _ if is_binary(format) => "application/octet-stream",
        _ => "text/plain; charset=UTF-8",
    }
}

fn is_binary(format: &str) -> bool {
    const BINARY: [&str; 12] = [
        "RowBinary",
        "Native",
        "Parquet",
        "Arrow",
        "ORC",
        "Avro",
        "MsgPack",
        "Npy",
        "BSON",
        "Protobuf",
        "CapnProto",
        "RawBLOB",
    ];
    BINARY.iter().any(|prefix| format.starts_with(prefix))
}

/// Whether a row may leave fields out, so that the table's defaults must be known.
pub(super) fn may_omit_fields(format: &str) -> bool {
    format.starts_with("JSON")
        || format.contains("WithNames")
        || matches!(
            format,
            "TSKV"
                | "Values"
                | "RowBinaryWithDefaults"
                | "CSV"
                | "Native"
                | "Parquet"
                | "Avro"
                | "ORC"
                | "Arrow"
                | "ArrowStream"
                | "BSONEachRow"
        )
}
