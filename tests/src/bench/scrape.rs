//! Reading a program's own metrics.

/// The sum of all series of `name` that carry each of `labels`; none where there is no such series.
pub(crate) fn value(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let wanted: Vec<String> = labels.iter().map(|(k, v)| format!("{k}=\"{v}\"")).collect();
    text.lines()
        .filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (series, value) = rest.rsplit_once(' ')?;
            let series = series.strip_prefix('{')?.strip_suffix('}')?;
            wanted
                .iter()
                .all(|label| series.split(',').any(|l| l == label))
                .then(|| value.parse::<f64>().ok())?
        })
        .reduce(|a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE records_total counter\n\
        records_total{processor=\"market\"} 12\n\
        records_total{processor=\"risk\"} 30\n\
        records_total_created{processor=\"market\"} 1000\n\
        restore_seconds{processor=\"market\",task=\"0\"} 0.25\n\
        restore_seconds{processor=\"market\",task=\"1\"} 0.5\n";

    fn found(name: &str, labels: &[(&str, &str)]) -> Option<String> {
        value(TEXT, name, labels).map(|v| v.to_string())
    }

    #[test]
    fn series_are_chosen_by_label_and_added_up() {
        let market = ("processor", "market");
        assert_eq!(found("records_total", &[market]).unwrap(), "12");
        assert_eq!(found("records_total", &[]).unwrap(), "42");
        assert_eq!(found("restore_seconds", &[market]).unwrap(), "0.75");
        assert_eq!(
            found("restore_seconds", &[market, ("task", "1")]).unwrap(),
            "0.5"
        );
        assert_eq!(found("restore_seconds", &[("task", "2")]), None);
        assert_eq!(found("records", &[]), None);
    }
}
