//! Numbers for the voxels of a skeleton at which branches end.

use crate::space::Voxel;

/// A set of voxels. The number of a voxel is how many the set has before it in raster order. Takes eight bytes for each, and four for
/// each plane.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    voxels: Vec<Voxel>,
    /// The plane of the first voxel; and for each plane from there on the number of voxels before it, with one more at the end.
    first: i64,
    planes: Vec<u32>,
}

impl Ends {
    /// The set of these voxels; fastest where they consist of sorted parts. `None` if there are 2^32 or more.
    pub(super) fn new(mut voxels: Vec<Voxel>) -> Option<Self> {
        voxels.sort();
        voxels.dedup();
        voxels.shrink_to_fit();
        let count = u32::try_from(voxels.len()).ok()?;
        let first = voxels.first().map_or(0, |voxel| voxel.position()[0]);
        let mut planes = Vec::new();
        for (number, voxel) in (0..count).zip(&voxels) {
            planes.resize(planes.len().max((voxel.position()[0] - first) as usize + 1), number);
        }
        planes.push(count);
        Some(Ends { voxels, first, planes })
    }

    /// The voxels, in raster order.
    pub(super) fn voxels(&self) -> &[Voxel] {
        &self.voxels
    }

    /// The number of a voxel of the set.
    #[inline]
    pub(super) fn number(&self, voxel: Voxel) -> u32 {
        let plane = (voxel.position()[0] - self.first) as usize;
        let [from, to] = [self.planes[plane], self.planes[plane + 1]];
        from + self.voxels[from as usize..to as usize].partition_point(|&other| other < voxel) as u32
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_places_among_the_voxels(places in prop::collection::vec((-9i64..9, -5i64..5, 0i64..30), 0..200)) {
            let voxels: Vec<Voxel> = places.into_iter().map(|(z, y, x)| Voxel::new([z, y, x])).collect();
            let mut sorted = voxels.clone();
            sorted.sort();
            sorted.dedup();
            let ends = Ends::new(voxels).unwrap();
            prop_assert_eq!(ends.voxels(), &sorted[..]);
            for (number, &voxel) in (0..).zip(&sorted) {
                prop_assert_eq!(ends.number(voxel), number);
            }
        }
    }
}
