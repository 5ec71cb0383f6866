//! The mask of a chunk from those of its parts.

use ndarray::Array3;

use super::binarise::{Binary, Foreground, Kept};
use crate::chunk::{Value, Voxels};
use crate::kernel::mask::{Layout, Mask};
use crate::space::Region;
use crate::with_voxels;

impl Binary {
    /// The mask of a box, from those of its parts that have foreground, in raster order: parts follow each other along z.
    /// `None` if there are none. The image's values are known where those of all parts are, in the same way. Takes time in
    /// proportion to the parts.
    ///
    /// # Panics
    /// If a part lies outside of the box.
    pub fn joined(parts: &[Binary], region: &Region) -> Option<Binary> {
        let mut mask = Mask::new(Layout::new(*region));
        let (mut strong, mut count): (Option<Mask>, _) = (None, 0);
        for part in parts {
            let own = part.mask.layout().own;
            mask.paste(&own, &part.mask.cut(&own));
            if let Some(part) = &part.strong {
                strong.get_or_insert_with(|| Mask::new(Layout::new(*region))).paste(&own, &part.cut(&own));
            }
            count += part.count;
        }
        let foreground = joined_foreground(parts, &mask)?;
        Some(Binary { mask, strong, count, foreground })
    }
}

/// What is known of the values of parts: of all of them alike, or else nothing.
fn joined_foreground(parts: &[Binary], mask: &Mask) -> Option<Foreground> {
    let first = &parts.first()?.foreground;
    if matches!(first, Foreground::Constant(_)) && parts.iter().all(|part| part.foreground == *first) {
        return Some(first.clone());
    }
    let values: Option<Vec<&Voxels>> = parts
        .iter()
        .map(|part| match &part.foreground {
            Foreground::Kept(kept) => Some(kept.values()),
            Foreground::Constant(_) | Foreground::Varying => None,
        })
        .collect();
    let values = values.and_then(|values| in_a_row(&values));
    Some(values.map_or(Foreground::Varying, |values| Foreground::Kept(Kept::of_values(values, mask).into())))
}

/// The values of arrays of one row, in one; `None` if they differ in type, or there are none.
fn in_a_row(parts: &[&Voxels]) -> Option<Voxels> {
    fn joined<V: Value>(_: &Array3<V>, parts: &[&Voxels]) -> Option<Voxels> {
        let mut all = Vec::with_capacity(parts.iter().map(|part| part.shape()[2]).sum());
        for part in parts {
            all.extend(V::unwrap(part)?.iter().copied());
        }
        Some(V::wrap(Array3::from_shape_vec((1, 1, all.len()), all).ok()?))
    }
    with_voxels!(parts.first()?, array => joined(array, parts))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chunk::Dtype;
    use crate::kernel::mask::binarise::Binarise;
    use crate::kernel::mask::threshold::Threshold;

    /// The mask of an array, made in parts that begin at these planes.
    fn made(array: &Array3<u16>, threshold: Threshold, keep: usize, cuts: &[i64]) -> Option<Binary> {
        let voxels = Voxels::U16(array.clone());
        let bounds = Region::of_shape(voxels.shape());
        let mut kernel = Binarise { gaussian: None, threshold, bounds, dtype: Dtype::U16, fill: 0.0, keep };
        let ends = cuts.iter().copied().chain([bounds.max[0]]);
        let mut begin = 0;
        let mut parts = Vec::new();
        for end in ends {
            let part = Region::new([begin, 0, 0], [end, bounds.max[1], bounds.max[2]]);
            parts.extend(kernel.mask(Some(&voxels.part(&part)), &part, &part));
            begin = end;
        }
        Binary::joined(&parts, &bounds)
    }

    proptest! {
        #[test]
        fn parts_joined_are_the_whole(
            shape in [3usize..6, 1..5, 1..70],
            most in 0u16..5,
            cut in 1i64..3,
            keep in prop::sample::select(vec![0, usize::MAX]),
            seed in any::<u64>(),
        ) {
            let value = |[z, y, x]: [usize; 3]| {
                let mixed = (seed ^ (z * 7919 + y * 104_729 + x) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
                (mixed % (u64::from(most) + 1)) as u16
            };
            let array = Array3::from_shape_fn(shape, |(z, y, x)| value([z, y, x]));
            for threshold in [Threshold::Nonzero, Threshold::Above(1.0), Threshold::Hysteresis { low: 0.0, high: 2.0 }] {
                let (whole, parts) = (made(&array, threshold, keep, &[]), made(&array, threshold, keep, &[cut]));
                prop_assert_eq!(whole.is_some(), parts.is_some());
                if let (Some(whole), Some(parts)) = (whole, parts) {
                    prop_assert_eq!((&whole.mask, &whole.strong, whole.count), (&parts.mask, &parts.strong, parts.count));
                    let differs = whole.foreground != parts.foreground;
                    // Where a part holds one integer, and another does not, values are read again.
                    prop_assert!(!differs || parts.foreground == Foreground::Varying, "{:?}", parts.foreground);
                }
            }
        }
    }
}
