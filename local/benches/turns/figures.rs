//! Quantiles of what was measured.

use serde::Serialize;

/// The middle and the ends of a list, each rounded to a tenth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Figures {
    pub(crate) count: usize,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Figures {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        // The smallest value that this share of all does not exceed.
        let at = |percent: usize| {
            let index = (values.len() * percent).div_ceil(100).max(1) - 1;
            values.get(index).map_or(0.0, |value| tenths(*value))
        };
        Self { count: values.len(), p50: at(50), p95: at(95), p99: at(99), max: at(100) }
    }
}

/// Rounded to a tenth.
pub(crate) fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Rounded to a ten-thousandth.
pub(crate) fn fine(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
