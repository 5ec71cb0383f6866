//! Neighbours among skeleton voxels: 26-neighbours in 3-D, 8-neighbours in a plane.

use crate::kernel::network::step::Step;
use crate::space::Voxel;

/// Calls `visit(i, j, step)` for each pair of neighbours `i < j` among voxels in raster order, with the step from `i` to
/// `j`; `i` ascends, and `j` ascends for each `i`.
///
/// Moves five cursors along the list, one for each row of forward neighbours, so it takes time linear in the number of
/// voxels and no memory. The voxels must be sorted, without duplicates, and none may be at the outermost positions that
/// a [`Voxel`] can have.
pub(crate) fn for_each_link(voxels: &[Voxel], mut visit: impl FnMut(usize, usize, Step)) {
    const ROWS: [(i64, i64); 4] = [(0, 1), (1, -1), (1, 0), (1, 1)];
    let keys: &[u64] = bytemuck::cast_slice(voxels);
    // Positions are packed into one number, so a fixed offset is a fixed difference of numbers.
    let rows = ROWS.map(|(z, y)| (Voxel::difference([z, y, -1]), ((z + 1) * 9 + (y + 1) * 3) as u8));
    let mut cursors = [0; 4];
    for (i, &key) in keys.iter().enumerate() {
        if keys.get(i + 1) == Some(&(key + 1)) {
            visit(i, i + 1, Step::new(14));
        }
        for (&(to_first, code), cursor) in rows.iter().zip(&mut cursors) {
            let first = key + to_first;
            let mut j = *cursor;
            while j < keys.len() && keys[j] < first {
                j += 1;
            }
            *cursor = j;
            while j < keys.len() && keys[j] - first <= 2 {
                visit(i, j, Step::new(code + (keys[j] - first) as u8));
                j += 1;
            }
        }
    }
}

/// The neighbours of each voxel of a list in raster order, as a set of steps (see [`Step::bit`]).
pub fn neighbours(voxels: &[Voxel]) -> Vec<u32> {
    let mut sets = vec![0; voxels.len()];
    for_each_link(voxels, |i, j, step| {
        sets[i] |= step.bit();
        sets[j] |= step.reversed().bit();
    });
    sets
}

/// The indices of neighbours in a list of voxels, voxel by voxel, in raster order of the neighbours.
#[derive(Debug)]
pub struct Adjacency {
    /// Index in `targets` of the first neighbour of each voxel; one more at the end.
    pub starts: Vec<u32>,
    /// Indices of the neighbours; [`Adjacency::OUTSIDE`] for neighbours that are not in the list.
    pub targets: Vec<u32>,
}

impl Adjacency {
    /// Index of a neighbour that is not in the list.
    pub const OUTSIDE: u32 = u32::MAX;

    /// The adjacency of voxels in raster order. The set of steps of a voxel holds its neighbours, inside and outside
    /// the list.
    pub fn new(voxels: &[Voxel], sets: &[u32]) -> Self {
        let mut starts = Vec::with_capacity(sets.len() + 1);
        let mut total = 0;
        for set in sets {
            starts.push(total);
            total += set.count_ones();
        }
        starts.push(total);
        let mut adjacency = Adjacency { starts, targets: vec![Self::OUTSIDE; total as usize] };
        for_each_link(voxels, |i, j, step| {
            if sets[i] & step.bit() != 0 {
                let there = adjacency.slot(i, sets[i], step);
                let back = adjacency.slot(j, sets[j], step.reversed());
                adjacency.targets[there] = j as u32;
                adjacency.targets[back] = i as u32;
            }
        });
        adjacency
    }

    /// The index in `targets` of the neighbour that a step leads to, from a voxel with the given set of steps.
    #[inline]
    pub fn slot(&self, place: usize, set: u32, step: Step) -> usize {
        (self.starts[place] + (set & (step.bit() - 1)).count_ones()) as usize
    }
}

/// The steps of a set, in raster order of their targets.
#[inline]
pub fn steps(mut set: u32) -> impl Iterator<Item = Step> {
    std::iter::from_fn(move || {
        (set != 0).then(|| {
            let code = set.trailing_zeros() as u8;
            set &= set - 1;
            Step::new(code)
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn links_are_all_pairs_at_distance_one(places in prop::collection::btree_set((-2i64..3, -3i64..3, -4i64..4), 0..60)) {
            let voxels: Vec<Voxel> = places.into_iter().map(|(z, y, x)| Voxel::new([z, y, x])).collect();
            let mut links = Vec::new();
            for_each_link(&voxels, |i, j, step| links.push((i, j, step)));
            let mut expected = Vec::new();
            for i in 0..voxels.len() {
                for j in i + 1..voxels.len() {
                    if let Some(step) = Step::between(voxels[i], voxels[j]) {
                        expected.push((i, j, step));
                    }
                }
            }
            prop_assert_eq!(links, expected);
            let sets = neighbours(&voxels);
            let adjacency = Adjacency::new(&voxels, &sets);
            for i in 0..voxels.len() {
                let targets = &adjacency.targets[adjacency.starts[i] as usize..adjacency.starts[i + 1] as usize];
                let named: Vec<Voxel> = targets.iter().map(|&t| voxels[t as usize]).collect();
                let stepped: Vec<Voxel> = steps(sets[i]).map(|s| s.from(voxels[i])).collect();
                prop_assert_eq!(named, stepped);
            }
        }
    }
}
