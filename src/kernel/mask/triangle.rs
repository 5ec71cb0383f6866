//! The triangle threshold: the bin of a histogram that lies farthest from the line between its peak and its longer tail.
//!
//! The arithmetic is that of scikit-image 0.26's `threshold_triangle`, operation by operation, except for counts whose
//! squares exceed 63 bits (above 3·10⁹ voxels in one bin), which overflow there. The entry point is
//! [`Histogram::threshold`](crate::kernel::mask::histogram::Histogram::threshold).
//!
//! Source: G. Zack, W. Rogers and S. Latt, "Automatic measurement of sister chromatid exchange frequency", J. Histochem.
//! Cytochem. 25 (1977).

/// The centre of the bin that lies farthest below the line, for `bins` bins with a count and a centre each; of equal
/// ones, the first from the end of the tail. `None` if no values were counted.
pub(super) fn corner<F>(bins: usize, count: impl Fn(usize) -> u64, center: impl Fn(usize) -> F) -> Option<F> {
    let (mut peak, mut most, mut ends) = (0, 0, None);
    for bin in 0..bins {
        let height = count(bin);
        if height > most {
            (peak, most) = (bin, height);
        }
        if height > 0 {
            ends = Some((ends.map_or(bin, |(low, _)| low), bin));
        }
    }
    let (low, high) = ends?;
    // Seen from the end of the longer tail.
    let flip = peak - low < high - peak;
    let at = |place: usize| if flip { high - place } else { low + place };
    let width = if flip { high - peak } else { peak - low };
    let norm = ((u128::from(most).pow(2) + (width as u128).pow(2)) as f64).sqrt();
    let (rise, run) = (most as f64 / norm, width as f64 / norm);
    let (mut corner, mut farthest) = (0, f64::NEG_INFINITY);
    for place in 0..width {
        let length = rise * place as f64 - run * count(at(place)) as f64;
        if length > farthest {
            (corner, farthest) = (place, length);
        }
    }
    Some(center(at(corner)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_tail_decides_and_one_value_is_its_own_threshold() {
        let of = |counts: &[u64]| corner(counts.len(), |bin| counts[bin], |bin| bin);
        assert_eq!(of(&[0, 0, 0]), None);
        assert_eq!(of(&[0, 9, 0]), Some(1));
        assert_eq!(of(&[50, 90, 30, 5, 3, 2, 1, 1]), Some(3));
        assert_eq!(of(&[1, 1, 2, 3, 5, 30, 90, 50]), Some(4));
        // Counts whose squares exceed 64 bits.
        assert_eq!(of(&[50, 90, 30, 5, 3, 2, 1, 1].map(|n| n << 32)), Some(3));
    }
}
