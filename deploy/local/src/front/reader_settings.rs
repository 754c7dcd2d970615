//! What a reader may set: an explicit list, since the engine knows no constraints on settings. All
//! else is refused in the engine's own words.
//!
//! On the list is what changes how rows look or lowers a bound, and what clients send unasked
//! (JDBC, Go, Grafana). What writes or reads files, reaches other machines, shows secrets or lifts a
//! bound is not on it: `output_format_schema`, for one, names a file to write.

use super::exception::Exception;

/// Bounds that hold unasked, and may be lowered.
const LIMITS: [(&str, u64); 4] = [
    (TIME, 60),
    // A quarter of the slots is theirs: together less than the engine's memory.
    ("max_memory_usage", 768 * 1024 * 1024),
    (
        "max_temporary_data_on_disk_size_for_query",
        1024 * 1024 * 1024,
    ),
    // Metabase asks for what a spreadsheet holds, 1048575 rows.
    ("max_result_rows", 1024 * 1024),
];
const TIME: &str = "max_execution_time";

/// The engine's own unless asked for, then at least 1 and at most this.
const NUMBERS: [(&str, u64); 2] = [("max_block_size", 1024 * 1024), ("max_threads", 64)];

const HARMLESS: [&str; 26] = [
    // How values are written.
    "bool_false_representation",
    "bool_true_representation",
    "date_time_input_format",
    "date_time_output_format",
    "format_csv_delimiter",
    "format_csv_null_representation",
    "format_tsv_null_representation",
    "input_format_binary_read_json_as_string",
    "low_cardinality_allow_in_native_format",
    "output_format_avro_codec",
    "output_format_decimal_trailing_zeros",
    "output_format_enable_streaming",
    "output_format_trim_fixed_string",
    "output_format_write_statistics",
    "session_timezone",
    // What a query means.
    "cast_keep_nullable",
    "describe_include_subcolumns",
    "extremes",
    "join_use_nulls",
    "prefer_column_name_to_alias",
    "result_overflow_mode",
    "transform_null_in",
    // What clients send whatever the query is; nothing of it concerns one that reads.
    "async_insert",
    "wait_for_async_insert",
    "log_comment",
    "network_compression_method",
];

/// Families of options of one format each.
const OUTPUT: [&str; 13] = [
    "arrow", "binary", "bson", "csv", "json", "markdown", "msgpack", "native", "orc", "parquet",
    "pretty", "tsv", "values",
];

/// The settings of a reader's query: the bounds, and what the reader asks for.
pub(super) fn settings(asked: &[(String, String)]) -> Result<Vec<(String, String)>, Exception> {
    let mut settings: Vec<(String, String)> = LIMITS
        .iter()
        .map(|(name, most)| ((*name).to_owned(), most.to_string()))
        .collect();
    for (name, value) in asked {
        if !may_set(name, value) {
            return Err(Exception::readonly(&format!(
                "Cannot modify '{name}' setting in readonly mode"
            )));
        }
        // The bound holds for a client that would be more patient, and the error says so.
        let lifts = name == TIME && bounded(&LIMITS, name, value) != Some(true);
        // It is the query's level already.
        if !lifts && name != "readonly" {
            settings.push((name.clone(), value.clone()));
        }
    }
    Ok(settings)
}

fn may_set(name: &str, value: &str) -> bool {
    let is_output = |rest: &str| {
        OUTPUT.iter().any(|format| {
            rest.strip_prefix(format)
                .is_some_and(|option| option.starts_with('_'))
        })
    };
    match name {
        "readonly" => value == "1",
        // clickhouse-go sends the seconds until its caller's deadline, and five.
        TIME => value.parse().is_ok_and(|seconds: u64| seconds > 0),
        _ => bounded(&LIMITS, name, value)
            .or_else(|| bounded(&NUMBERS, name, value))
            .unwrap_or_else(|| {
                HARMLESS.contains(&name)
                    || name.strip_prefix("output_format_").is_some_and(is_output)
            }),
    }
}

/// Whether the value is within the bound of this name; `None` where it has none.
fn bounded(bounds: &[(&str, u64)], name: &str, value: &str) -> Option<bool> {
    let (_, most) = bounds.iter().find(|(bound, _)| *bound == name)?;
    Some(
        value
            .parse()
            .is_ok_and(|wanted| (1..=*most).contains(&wanted)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, value: &str) -> Result<Vec<(String, String)>, Exception> {
        settings(&[(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn what_clients_send_is_passed_on_behind_the_bounds() {
        for (name, value) in [
            ("async_insert", "0"),
            ("session_timezone", "Europe/Vienna"),
            ("result_overflow_mode", "break"),
            ("output_format_json_quote_64bit_integers", "0"),
            ("max_result_rows", "10"),
            ("max_execution_time", "60"),
            ("max_threads", "2"),
        ] {
            let settings = asked(name, value).unwrap();
            assert_eq!(settings.len(), LIMITS.len() + 1, "{name}");
            let last = settings.last().unwrap();
            assert_eq!((last.0.as_str(), last.1.as_str()), (name, value));
        }
    }

    #[test]
    fn what_holds_already_may_be_said() {
        assert_eq!(asked("readonly", "1").unwrap().len(), LIMITS.len());
        // clickhouse-go behind Grafana, whose queries have a minute.
        assert_eq!(asked(TIME, "65").unwrap().len(), LIMITS.len());
    }

    #[test]
    fn all_else_is_refused_in_the_engines_words() {
        for (name, value) in [
            ("readonly", "0"),
            ("readonly", "2"),
            ("allow_ddl", "1"),
            ("max_result_rows", "0"),
            ("max_result_rows", "99999999"),
            ("max_memory_usage", "0"),
            ("max_memory_usage", "-1"),
            ("max_execution_time", "0"),
            ("max_execution_time", "1e9"),
            ("max_threads", "100000"),
            ("max_block_size", "0"),
            ("max_query_size", "0"),
            ("output_format_schema", "/tmp/x"),
            ("output_format_jsonx", "1"),
            ("output_format_avro_confluent_subject", "x"),
            ("format_schema", "x"),
            ("format_template_row", "x"),
            ("format_avro_schema_registry_url", "http://127.0.0.1"),
            ("format_display_secrets_in_show_and_select", "1"),
            ("dialect", "kusto"),
            ("", ""),
        ] {
            let error = asked(name, value).unwrap_err();
            assert_eq!(error.code, 164, "{name}={value}");
            let words = format!("Cannot modify '{name}' setting in readonly mode");
            assert!(error.body("").contains(&words), "{name}={value}");
        }
    }
}
