//! Runs of foreground along x, and which of them are connected.

use crate::kernel::mask::Mask;
use crate::kernel::network::forest::DisjointSets;
use crate::kernel::objects::connectivity::Connectivity;
use crate::space::{Region, Voxel};

/// Successive voxels of a row: from `x[0]` to before `x[1]`. Runs are in raster order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run {
    pub(super) z: i64,
    pub(super) y: i64,
    pub(super) x: [i64; 2],
}

impl Run {
    /// Its first voxel.
    pub(super) fn first(&self) -> Voxel {
        Voxel::new([self.z, self.y, self.x[0]])
    }
}

/// The runs of a mask inside a box, which lies in the mask's box and its halo.
pub(super) fn runs_in(mask: &Mask, region: &Region) -> Vec<Run> {
    let mut runs = Vec::new();
    let [from, to] = [region.min[2], region.max[2]];
    for z in region.min[0]..region.max[0] {
        for y in region.min[1]..region.max[1] {
            let mut open: Option<i64> = None;
            for x in (from..to).step_by(64) {
                let count = (to - x).min(64);
                let mut word = mask.read(mask.layout().bit_at([z, y, x]), count as usize);
                let mut at = 0;
                while at < count {
                    // Up to where the row changes.
                    let same = if open.is_some() { (!word).trailing_zeros() } else { word.trailing_zeros() };
                    let same = i64::from(same).min(count - at);
                    at += same;
                    word = word.checked_shr(same as u32).unwrap_or(0);
                    if at < count {
                        match open.take() {
                            Some(start) => runs.push(Run { z, y, x: [start, x + at] }),
                            None => open = Some(x + at),
                        }
                    }
                }
            }
            runs.extend(open.map(|start| Run { z, y, x: [start, to] }));
        }
    }
    runs
}

/// The components of runs in raster order. Takes nearly linear time.
pub(super) fn connect(runs: &[Run], connectivity: Connectivity) -> DisjointSets {
    let mut sets = DisjointSets::new(runs.len());
    let mut rows: Vec<(i64, i64, usize)> = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        if rows.last().is_none_or(|row| (row.0, row.1) != (run.z, run.y)) {
            rows.push((run.z, run.y, i));
        }
    }
    let end = |row: usize| rows.get(row + 1).map_or(runs.len(), |next| next.2);
    for (row, &(z, y, first)) in rows.iter().enumerate() {
        // Runs of a row touch where they come from two boxes.
        for i in first + 1..end(row) {
            if runs[i - 1].x[1] == runs[i].x[0] {
                sets.unite(i as u32 - 1, i as u32);
            }
        }
        for (dz, dy) in [(0, -1), (-1, -1), (-1, 0), (-1, 1)] {
            let Some(reach) = connectivity.reach(usize::from(dz != 0) + usize::from(dy != 0)) else { continue };
            let Ok(other) = rows.binary_search_by_key(&(z + dz, y + dy), |row| (row.0, row.1)) else { continue };
            let (mut i, mut j) = (first, rows[other].2);
            while i < end(row) && j < end(other) {
                let (a, b) = (runs[i].x, runs[j].x);
                if a[0] < b[1] + reach && b[0] < a[1] + reach {
                    sets.unite(i as u32, j as u32);
                }
                if a[1] < b[1] {
                    i += 1;
                } else {
                    j += 1;
                }
            }
        }
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::mask::Layout;

    #[test]
    fn runs_are_those_of_the_rows_however_long_they_are() {
        for length in [1, 63, 64, 65, 127, 128, 129, 200] {
            let own = Region::new([3, -2, 5], [4, 0, 5 + length]);
            let mut mask = Mask::new(Layout::new(own));
            let mut expected = Vec::new();
            for (y, inside) in [(-2, [5, 5 + length]), (-1, [5 + length / 3, 5 + length - length / 4])] {
                (inside[0]..inside[1]).for_each(|x| mask.set(mask.layout().bit_at([3, y, x])));
                expected.push(Run { z: 3, y, x: inside });
            }
            assert_eq!(runs_in(&mask, &own), expected, "{length}");
        }
    }
}
