//! What the command `audit` and the audits of the sinks have in common.

use std::time::Duration;

use tapeline_clickhouse::AuditReport;

use crate::publish::now;

/// What is wrong, in numbers.
pub(crate) fn problem(report: &AuditReport) -> String {
    format!(
        "the store does not hold every record once: {} lost, {} duplicated, {} extra, {} with another content",
        report.lost, report.duplicated, report.extra, report.differing
    )
}

pub(crate) fn ago_ms(span: Duration) -> i64 {
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    now().millis().saturating_sub(span).max(0)
}
