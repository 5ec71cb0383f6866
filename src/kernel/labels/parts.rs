//! The part of each label in a box: its runs, and its share in the Euler number.

use std::collections::HashMap;

use ndarray::{Array3, s};

use super::runs::runs_of_row;
use crate::chunk::{Value, Voxels};
use crate::kernel::mask::Mask;
use crate::kernel::objects::euler::share;
use crate::kernel::objects::runs::Run;
use crate::kernel::objects::sums::Sums;
use crate::kernel::objects::tally::Tally;
use crate::space::Region;
use crate::with_voxels;

/// The voxels of one label in a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelPart {
    /// The label. Unsigned ones of 64 bits have the same bits.
    pub label: i64,
    /// Its runs, at least one, in raster order.
    pub runs: Vec<Run>,
    /// Its share in the label's Euler number, of voxels that are connected at corners: that of the vertices, edges, faces and
    /// cubes whose first voxel of the label in raster order lies in the box.
    pub euler: i64,
}

impl LabelPart {
    /// The sums over its voxels.
    pub fn tally(&self) -> Tally {
        let mut runs = self.runs.iter().map(Tally::of);
        let mut sum = runs.next().expect("a label has a voxel");
        runs.for_each(|run| sum.merge(&run));
        sum.euler = self.euler;
        sum
    }
}

/// The labels in a box, each with its part, in the order of their first voxels. `voxels` are the values of `around`, which
/// holds the box and all voxels of the image that touch it. If there is a mask of a region of interest, of the box `around`,
/// voxels outside of it count as background. The parts of all boxes of a partition make up the labels, whatever the partition.
///
/// Takes time in proportion to the voxels, little for each, to the runs, and to voxels whose 13 neighbours before them in raster
/// order have not all the same label.
pub fn parts(voxels: &Voxels, around: &Region, own: &Region, inside: Option<&Mask>) -> Vec<LabelPart> {
    with_voxels!(voxels, array => Bordered::new(array, around, own, inside).parts())
}

/// The values of a box, with the plane before it, and with the rows and the voxels on either side of each plane: those that do
/// not count are 0.
struct Bordered<V> {
    values: Vec<V>,
    /// Voxels along y and x, those on either side included.
    size: [usize; 2],
    own: Region,
}

impl<V: Value> Bordered<V> {
    fn new(array: &Array3<V>, around: &Region, own: &Region, inside: Option<&Mask>) -> Self {
        let [depth, height, width] = own.shape();
        let size = [height + 2, width + 2];
        let mut values = vec![V::default(); (depth + 1) * size[0] * size[1]];
        let first = own.min.map(|p| p - 1);
        let within = own.dilated([1; 3]).intersection(around);
        for z in within.min[0]..own.max[0] {
            for y in within.min[1]..within.max[1] {
                let row = ((z - first[0]) as usize * size[0] + (y - first[1]) as usize) * size[1];
                let to = &mut values[row + (within.min[2] - first[2]) as usize..];
                let [plane, line] = [z - around.min[0], y - around.min[1]].map(|p| p as usize);
                let [from, end] = [within.min[2], within.max[2]].map(|x| (x - around.min[2]) as usize);
                let stored = array.slice(s![plane, line, from..end]);
                to.iter_mut().zip(stored).for_each(|(to, value)| *to = *value);
                if let Some(mask) = inside {
                    let bit = mask.layout().bit_at([z, y, within.min[2]]);
                    let outside = (0..end - from).filter(|x| !mask.get(bit + x));
                    outside.for_each(|x| to[x] = V::default());
                }
            }
        }
        Bordered { values, size, own: *own }
    }

    fn parts(&self) -> Vec<LabelPart> {
        let [height, width] = self.size;
        let mut places: HashMap<i64, usize> = HashMap::new();
        let mut parts: Vec<LabelPart> = Vec::new();
        let (mut runs, mut amid) = (Vec::new(), vec![0; width - 2]);
        let mut last: Option<(i64, usize)> = None;
        for (z, plane) in (self.own.min[0]..self.own.max[0]).zip(1..) {
            for (y, line) in (self.own.min[1]..self.own.max[1]).zip(1..) {
                let row = |plane: usize, line: usize| &self.values[(plane * height + line) * width..][..width];
                let here = row(plane, line);
                let before =
                    [row(plane - 1, line - 1), row(plane - 1, line), row(plane - 1, line + 1), row(plane, line - 1)];
                runs.clear();
                runs_of_row(&here[1..width - 1], &mut runs);
                mark_amid(here, before, &mut amid);
                for run in runs.iter().filter(|run| run.label != 0) {
                    let place = match last {
                        Some((label, place)) if label == run.label => place,
                        _ => *places.entry(run.label).or_insert_with(|| {
                            parts.push(LabelPart { label: run.label, runs: Vec::new(), euler: 0 });
                            parts.len() - 1
                        }),
                    };
                    last = Some((run.label, place));
                    let x = [run.start, run.end].map(|x| self.own.min[2] + i64::from(x));
                    parts[place].runs.push(Run { z, y, x });
                    let own = run.start as usize..run.end as usize;
                    // Voxels amid others of their label have no share.
                    let shares = own.filter(|&x| amid[x] == 0).map(|x| share(same(here, before, x)));
                    parts[place].euler += shares.sum::<i64>();
                }
            }
        }
        parts
    }
}

/// Marks with 1 the voxels of a row whose 13 neighbours before them have the same value. Rows have one more voxel on either
/// side.
fn mark_amid<V: Value>(here: &[V], before: [&[V]; 4], amid: &mut [u8]) {
    let width = amid.len();
    let (own, left) = (&here[1..=width], &here[..width]);
    for ((amid, value), left) in amid.iter_mut().zip(own).zip(left) {
        *amid = u8::from(value == left);
    }
    for row in before {
        let [one, two, three] = [&row[..width], &row[1..=width], &row[2..width + 2]];
        for ((((amid, value), a), b), c) in amid.iter_mut().zip(own).zip(one).zip(two).zip(three) {
            *amid &= u8::from((value == a) & (value == b) & (value == c));
        }
    }
}

/// Which of the 13 neighbours before a voxel of a row have its value, in the order of `Mask::neighbourhood`.
fn same<V: Value>(here: &[V], before: [&[V]; 4], x: usize) -> u32 {
    let value = here[x + 1];
    let three = |row: &[V]| (0..3).fold(0, |bits, i| bits | u32::from(row[x + i] == value) << i);
    let rows = before.iter().zip(0..).fold(0, |bits, (row, i)| bits | three(row) << (3 * i));
    rows | u32::from(here[x] == value) << 12
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::grid::Grid;
    use crate::kernel::mask::Layout;
    use crate::space::Position;

    /// Vertices less edges plus faces less cubes, of closed cubes.
    fn euler_of(voxels: &[Position]) -> i64 {
        let cells = voxels
            .iter()
            .flat_map(|p| (0..27i64).map(|i| [2 * p[0] + i / 9 - 1, 2 * p[1] + i / 3 % 3 - 1, 2 * p[2] + i % 3 - 1]));
        let sign =
            |cell: &Position| if cell.iter().filter(|&&c| c.rem_euclid(2) == 0).count() % 2 == 0 { 1 } else { -1 };
        cells.collect::<BTreeSet<Position>>().iter().map(sign).sum()
    }

    proptest! {
        #[test]
        fn parts_of_all_chunks_make_up_the_labels(
            values in prop::collection::vec(prop_oneof![2 => Just(0i64), 4 => 1..4i64, 1 => Just(i64::MIN)], 5 * 6 * 24),
            shape in (1usize..6, 1usize..7, 1usize..25).prop_map(|(z, y, x)| [z, y, x]),
            chunk in prop::array::uniform3(1usize..9),
            repeated in 1usize..9,
            outside in 2i64..7,
        ) {
            let array = Array3::from_shape_fn(shape, |(z, y, x)| values[(z * 6 + y) * 24 + x / repeated]);
            let bounds = Region::of_shape(shape);
            let counts = |p: Position| (p[0] + 2 * p[1] + 3 * p[2]) % outside != 0 || outside == 2;
            let mut expected: BTreeMap<i64, Vec<Position>> = BTreeMap::new();
            for ((z, y, x), &label) in array.indexed_iter().filter(|(_, label)| **label != 0) {
                let place = [z, y, x].map(|p| p as i64);
                if counts(place) {
                    expected.entry(label).or_default().push(place);
                }
            }
            let voxels = Voxels::I64(array);
            let grid = Grid::new(bounds, chunk);
            let mut found: BTreeMap<i64, (BTreeSet<Position>, Option<Tally>)> = BTreeMap::new();
            for id in grid.chunks() {
                let own = grid.region(id);
                let around = own.dilated([1; 3]).intersection(&bounds);
                let mut mask = Mask::new(Layout::new(around));
                for place in (0..around.volume() as i64).map(|i| {
                    let [_, height, width] = around.shape().map(|n| n as i64);
                    [around.min[0] + i / width / height, around.min[1] + i / width % height, around.min[2] + i % width]
                }) {
                    if counts(place) {
                        mask.set(mask.layout().bit_at(place));
                    }
                }
                for part in parts(&voxels.part(&around), &around, &own, (outside > 2).then_some(&mask)) {
                    let (places, tally) = found.entry(part.label).or_default();
                    for run in &part.runs {
                        places.extend((run.x[0]..run.x[1]).map(|x| [run.z, run.y, x]));
                    }
                    match tally {
                        Some(tally) => tally.merge(&part.tally()),
                        None => *tally = Some(part.tally()),
                    }
                }
            }
            prop_assert_eq!(found.len(), expected.len());
            for (label, voxels) in expected {
                let (places, tally) = &found[&label];
                let tally = tally.as_ref().expect("sums");
                prop_assert!(places.iter().eq(&voxels));
                prop_assert_eq!((tally.voxels, tally.euler), (voxels.len() as u64, euler_of(&voxels)));
            }
        }
    }
}
