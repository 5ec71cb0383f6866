//! Li's threshold, by steps over an image or its histogram: the next threshold follows from the mean of the values up
//! to the current one and the mean of the values above it.
//!
//! The steps are those of scikit-image 0.26's `threshold_li` with its tolerance and its first guess, the mean. Means
//! are equal to those of scikit-image if sums of integers are below 2^53.
//!
//! Source: C. Li and P. Tam, "An iterative algorithm for minimum cross entropy thresholding", Pattern Recognition Letters 19
//! (1998).

/// The next threshold, from the mean of the background and that of the foreground, which is larger.
pub(super) fn step(background: f64, foreground: f64) -> f64 {
    let next = (background - foreground) / (background.ln() - foreground.ln());
    if next.is_nan() { background } else { next }
}

/// The threshold of values that are all known: `values` are distinct values with their counts, in ascending order,
/// beginning with 0. `weight` returns the weight of a count in means. Steps end when the threshold moves by `tolerance`
/// or less, or when all of the background is 0. `None` without values. Each step takes time linear in the number of
/// distinct values.
pub(super) fn settled(
    values: impl Iterator<Item = (f64, u64)> + Clone,
    weight: impl Fn(u64) -> f64,
    tolerance: f64,
) -> Option<f64> {
    let (count, sum) =
        values.clone().fold((0, 0.0), |(n, sum), (value, count)| (n + count, sum + value * count as f64));
    if count == 0 {
        return None;
    }
    let mut threshold = sum / count as f64;
    loop {
        let (mut below, mut above) = ((0.0, 0.0), (0.0, 0.0));
        for (value, count) in values.clone() {
            let (weights, sum) = if value > threshold { &mut above } else { &mut below };
            *weights += weight(count);
            *sum += value * weight(count);
        }
        let background = below.1 / below.0;
        if background == 0.0 || above.0 == 0.0 {
            return Some(threshold);
        }
        let next = step(background, above.1 / above.0);
        if (next - threshold).abs() <= tolerance {
            return Some(next);
        }
        threshold = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[(f64, u64)]) -> Option<f64> {
        settled(values.iter().copied(), |count| count as f64, 0.5)
    }

    #[test]
    fn a_background_of_one_value_keeps_the_mean_and_one_value_is_its_own_threshold() {
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(0.0, 9)]), Some(0.0));
        assert_eq!(of(&[(0.0, 3), (8.0, 1)]), Some(2.0));
        // Means 1 and 9.
        let expected = 8.0 / 9f64.ln();
        assert_eq!(of(&[(0.0, 1), (1.0, 1), (2.0, 1), (9.0, 3)]), Some(expected));
    }
}
