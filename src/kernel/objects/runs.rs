//! Runs of foreground along an axis, and which of them are connected.

use crate::kernel::mask::Mask;
use crate::kernel::network::forest::DisjointSets;
use crate::kernel::objects::connectivity::Connectivity;
use crate::space::{Region, Voxel};

/// Successive voxels of a row: from `x[0]` to before `x[1]`. Runs are in raster order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// Where the row is along z.
    pub z: i64,
    /// Where the row is along y.
    pub y: i64,
    /// The first voxel, and one past the last.
    pub x: [i64; 2],
}

impl Run {
    /// Its first voxel.
    pub fn first(&self) -> Voxel {
        Voxel::new([self.z, self.y, self.x[0]])
    }

    /// How many voxels there are.
    pub fn voxels(&self) -> u64 {
        (self.x[1] - self.x[0]) as u64
    }
}

/// The runs of the own voxels of a mask, in raster order, and the place of the first run of each row, with one more place
/// for the end.
#[derive(Debug)]
pub(super) struct RowRuns {
    pub(super) runs: Vec<Run>,
    starts: Vec<u32>,
    own: Region,
}

impl RowRuns {
    /// Takes time in proportion to the words of the mask and the runs.
    pub(super) fn of(mask: &Mask) -> RowRuns {
        let layout = mask.layout();
        let own = layout.own;
        let [depth, height, width] = layout.shape;
        let (mut runs, mut starts) = (Vec::new(), Vec::with_capacity(depth * height + 1));
        for (z, plane) in (own.min[0]..own.max[0]).zip(1..) {
            for (y, row) in (own.min[1]..own.max[1]).zip(1..) {
                starts.push(runs.len() as u32);
                if mask.is_row_empty([plane, row]) {
                    continue;
                }
                let first = layout.bit([plane, row, 1]);
                runs_of_row(
                    width,
                    |x, count| mask.read(first + x, count),
                    |from, to| {
                        runs.push(Run { z, y, x: [own.min[2] + from as i64, own.min[2] + to as i64] });
                    },
                );
            }
        }
        starts.push(runs.len() as u32);
        RowRuns { runs, starts, own }
    }

    /// The run that holds a voxel.
    pub(super) fn at(&self, voxel: Voxel) -> usize {
        let position = voxel.position();
        let row = self.row([position[0], position[1]]);
        let runs = &self.runs[self.starts[row] as usize..self.starts[row + 1] as usize];
        self.starts[row] as usize + runs.partition_point(|run| run.x[0] <= position[2]) - 1
    }

    fn row(&self, [z, y]: [i64; 2]) -> usize {
        ((z - self.own.min[0]) * (self.own.max[1] - self.own.min[1]) + y - self.own.min[1]) as usize
    }

    /// The components of the runs, which are those of this mask. Takes nearly linear time.
    pub(super) fn connect(&self, mask: &Mask, connectivity: Connectivity) -> DisjointSets {
        let mut sets = DisjointSets::new(self.runs.len());
        let height = (self.own.max[1] - self.own.min[1]) as usize;
        for row in 0..self.starts.len() - 1 {
            let here = self.range(row);
            if here.is_empty() {
                continue;
            }
            let [plane, y] = [row / height, row % height];
            // Rows beside this one differ along one axis, so they have neighbours whatever the connectivity.
            let beside = i64::from(connectivity != Connectivity::Faces);
            let before = (y > 0).then(|| row - 1);
            let above = (plane > 0).then(|| row - height);
            for other in [before, above].into_iter().flatten() {
                unite(&self.runs, here.clone(), self.range(other), beside, &mut sets);
            }
            let (Some(above), Some(reach)) = (above, connectivity.reach(2)) else { continue };
            for (other, step) in [((y > 0).then(|| above - 1), -1), ((y + 1 < height).then(|| above + 1), 1)] {
                if let Some(other) = other.filter(|&other| !self.range(other).is_empty()) {
                    self.unite_aslant(mask, [row, other], step, reach, &mut sets);
                }
            }
        }
        sets
    }

    fn range(&self, row: usize) -> std::ops::Range<usize> {
        self.starts[row] as usize..self.starts[row + 1] as usize
    }

    /// Unites the runs of a row with those of one that is a step along y from the row above, as far as they are not joined
    /// through the two rows that lie between them: a voxel there at the same place is a neighbour of both. The one along y
    /// after this row is not joined with it yet, but will be.
    fn unite_aslant(&self, mask: &Mask, [row, other]: [usize; 2], step: i64, reach: i64, sets: &mut DisjointSets) {
        let layout = mask.layout();
        let (here, there) = (self.range(row), self.range(other));
        let Run { z, y, .. } = self.runs[here.start];
        // Where both rows have runs.
        let from = self.runs[here.start].x[0].max(self.runs[there.start].x[0] - reach) - self.own.min[2];
        let to = self.runs[here.end - 1].x[1].min(self.runs[there.end - 1].x[1] + reach) - self.own.min[2];
        if from >= to {
            return;
        }
        let (from, to) = (from as usize, to as usize);
        let first = layout.bit_at([z, y, self.own.min[2]]);
        let aside = |bit: usize| if step < 0 { bit - layout.row() } else { bit + layout.row() };
        let (mut i, mut j) = (here.start, there.start);
        for x in (from..to).step_by(64) {
            let (bit, count) = (first + x, (to - x).min(64));
            let above = bit - layout.plane();
            let mut alone = mask.read(bit, count) & !mask.read(above, count) & !mask.read(aside(bit), count);
            if alone == 0 {
                continue;
            }
            let near = mask.read(aside(above), count);
            alone &= match reach {
                0 => near,
                _ => near | mask.read(aside(above) - 1, count) | mask.read(aside(above) + 1, count),
            };
            while alone != 0 {
                let at = self.own.min[2] + (x + alone.trailing_zeros() as usize) as i64;
                alone &= alone - 1;
                while self.runs[i].x[1] <= at {
                    i += 1;
                }
                while j < there.end && self.runs[j].x[1] + reach <= at {
                    j += 1;
                }
                for k in j..there.end {
                    if self.runs[k].x[0] > at + reach {
                        break;
                    }
                    sets.unite(i as u32, k as u32);
                }
            }
        }
    }
}

/// Unites the runs of two rows that are at most so many voxels apart.
fn unite(
    runs: &[Run],
    here: std::ops::Range<usize>,
    there: std::ops::Range<usize>,
    reach: i64,
    sets: &mut DisjointSets,
) {
    let (mut i, mut j) = (here.start, there.start);
    while i < here.end && j < there.end {
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

/// Calls `found` with the bounds of each run in a row of bits, which `read` returns, up to 64 from a place.
pub(super) fn runs_of_row(width: usize, read: impl Fn(usize, usize) -> u64, mut found: impl FnMut(usize, usize)) {
    let mut open: Option<usize> = None;
    for x in (0..width).step_by(64) {
        let count = (width - x).min(64);
        let mut word = read(x, count);
        if word == 0 && open.is_none() {
            continue;
        }
        let mut at = 0;
        while at < count {
            // Up to where the row changes.
            let same = if open.is_some() { (!word).trailing_zeros() } else { word.trailing_zeros() };
            let same = (same as usize).min(count - at);
            at += same;
            word = word.checked_shr(same as u32).unwrap_or(0);
            if at < count {
                match open.take() {
                    Some(start) => found(start, x + at),
                    None => open = Some(x + at),
                }
            }
        }
    }
    if let Some(start) = open {
        found(start, width);
    }
}

/// The components of runs in raster order, of any rows; runs of one row may touch, and are connected then. Takes time
/// O(n log n).
pub(in crate::kernel) fn connect(runs: &[Run], connectivity: Connectivity) -> DisjointSets {
    let mut sets = DisjointSets::new(runs.len());
    let mut rows: Vec<(i64, i64, usize)> = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        if rows.last().is_none_or(|row| (row.0, row.1) != (run.z, run.y)) {
            rows.push((run.z, run.y, i));
        }
    }
    let end = |row: usize| rows.get(row + 1).map_or(runs.len(), |next| next.2);
    let near = [[0, -1], [-1, -1], [-1, 0], [-1, 1]];
    let near = near.map(|[dz, dy]| (dz, dy, connectivity.reach(usize::from(dz != 0) + usize::from(dy != 0))));
    // For each of these, the first row that is not before the one that is so far away: they follow each other as rows do.
    let mut others = [0; 4];
    for (row, &(z, y, first)) in rows.iter().enumerate() {
        for i in first + 1..end(row) {
            if runs[i - 1].x[1] == runs[i].x[0] {
                sets.unite(i as u32 - 1, i as u32);
            }
        }
        for (other, (dz, dy, reach)) in others.iter_mut().zip(near) {
            let Some(reach) = reach else { continue };
            while (rows[*other].0, rows[*other].1) < (z + dz, y + dy) {
                *other += 1;
            }
            if (rows[*other].0, rows[*other].1) == (z + dz, y + dy) {
                unite(runs, first..end(row), rows[*other].2..end(*other), reach, &mut sets);
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
            let found = RowRuns::of(&mask);
            assert_eq!(found.runs, expected, "{length}");
            for (place, run) in expected.iter().enumerate() {
                assert!((run.x[0]..run.x[1]).all(|x| found.at(Voxel::new([3, run.y, x])) == place));
            }
        }
    }
}
