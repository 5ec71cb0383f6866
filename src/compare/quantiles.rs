//! Quantiles of sorted values.

/// The quantile of ascending values at a share from 0 to 1, with linear interpolation between neighbours: `numpy.quantile`,
/// definition 7 of Hyndman and Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996). `None`
/// without values.
///
/// ```
/// # use anabranch::compare::quantile;
/// assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.5), Some(3.0));
/// assert_eq!(quantile(&[], 0.5), None);
/// ```
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    let (low, high) = (sorted[place as usize], sorted[place.ceil() as usize]);
    let part = place.fract();
    // As NumPy has it: from the nearer end, so that rounding never leaves the interval.
    Some(if part >= 0.5 { high - (high - low) * (1.0 - part) } else { low + (high - low) * part })
}

/// The median of ascending values; `None` without values.
pub fn median(sorted: &[f64]) -> Option<f64> {
    quantile(sorted, 0.5)
}

/// The mean of some values; `None` without values.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
