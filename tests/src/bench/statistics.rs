//! Medians and percentiles of samples.

/// The middle sample; of an even number the mean of the two in the middle.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let sorted = sorted(samples);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// The smallest sample that is not below `percent` of them (nearest rank).
pub(crate) fn percentile(samples: &[f64], percent: f64) -> f64 {
    let sorted = sorted(samples);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    match sorted.len() {
        0 => f64::NAN,
        count => sorted[rank.clamp(1, count) - 1],
    }
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: f64, b: f64) -> bool {
        a.total_cmp(&b).is_eq()
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!(same(median(&[3.0, 1.0, 2.0]), 2.0));
        assert!(same(median(&[4.0, 1.0, 3.0, 2.0]), 2.5));
        assert!(same(median(&[7.0]), 7.0));
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn percentiles_are_samples() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert!(same(percentile(&hundred, 50.0), 50.0));
        assert!(same(percentile(&hundred, 99.0), 99.0));
        assert!(same(percentile(&hundred, 99.5), 100.0));
        assert!(same(percentile(&[1.0, 2.0], 99.0), 2.0));
        assert!(same(percentile(&[1.0], 0.0), 1.0));
        assert!(percentile(&[], 50.0).is_nan());
    }
}
