//! Cliff's delta: how often a value of one side is larger than one of the other.

/// Cliff's delta of two lists of ascending values: the share of pairs in which the second value is the larger one, less the
/// share in which it is the smaller one. From -1 (all of the second are smaller) over 0 to 1 (all are larger); ties count for
/// neither. It is 2 U / (n m) - 1 with the U statistic of Mann and Whitney for the second list. `None` if a list is empty.
///
/// Takes time linear in the values. Source: Cliff, "Dominance statistics: ordinal analyses to answer ordinal questions",
/// Psychological Bulletin 114 (1993).
///
/// ```
/// # use anabranch::compare::cliffs_delta;
/// assert_eq!(cliffs_delta(&[1.0, 2.0], &[2.0, 3.0]), Some(0.75));
/// ```
pub fn cliffs_delta(first: &[f64], second: &[f64]) -> Option<f64> {
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let (mut below, mut up_to) = (0, 0);
    let mut sum = 0i128;
    for value in second {
        below += first[below..].iter().take_while(|other| *other < value).count();
        up_to += first[up_to..].iter().take_while(|other| *other <= value).count();
        // Smaller ones of the first list, less larger ones.
        sum += below as i128 - (first.len() - up_to) as i128;
    }
    Some(sum as f64 / (first.len() as f64 * second.len() as f64))
}
