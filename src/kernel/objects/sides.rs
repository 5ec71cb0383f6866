//! The sides of a chunk: where its voxels touch those of a neighbour.

use serde::{Deserialize, Serialize};

use crate::kernel::mask::Mask;
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::runs::{Run, runs_of_row};
use crate::kernel::varint;
use crate::space::{Position, Region, Voxel};

/// A step to a neighbouring chunk: -1, 0 or 1 along each axis.
pub type Step = [i64; 3];

/// The steps to the neighbours in which an object may go on.
pub(super) fn all_steps(connectivity: Connectivity) -> impl Iterator<Item = Step> {
    connectivity.steps().flat_map(|step| [step, step.map(|d| -d)])
}

/// The foreground of a box that is one voxel thick along the axes of a step, as runs along another axis.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Side {
    /// For each run, the number of voxels since the one before, and its length, packed.
    bytes: Vec<u8>,
}

/// A view of space in which the axes of a step come first, so that runs lie along one of the others, if there is any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turned([usize; 3]);

impl Turned {
    pub(super) fn new(step: Step) -> Turned {
        let mut axes = [0, 1, 2];
        axes.sort_by_key(|&axis| step[axis] == 0);
        Turned(axes)
    }

    fn position(&self, position: Position) -> Position {
        self.0.map(|axis| position[axis])
    }

    fn back(&self, turned: Position) -> Position {
        let mut position = [0; 3];
        self.0.iter().zip(turned).for_each(|(&axis, p)| position[axis] = p);
        position
    }

    /// The first voxel of a run.
    pub(super) fn first(&self, run: &Run) -> Voxel {
        Voxel::new(self.back([run.z, run.y, run.x[0]]))
    }

    /// The positions of a run.
    pub(super) fn positions(self, run: &Run) -> impl Iterator<Item = Position> + use<> {
        let (z, y) = (run.z, run.y);
        (run.x[0]..run.x[1]).map(move |x| self.back([z, y, x]))
    }
}

/// The voxels of a box that touch the box's neighbour at a step.
pub(super) fn side_of(own: &Region, step: Step) -> Region {
    let mut side = *own;
    for axis in 0..3 {
        match step[axis] {
            1 => side.min[axis] = side.max[axis] - 1,
            -1 => side.max[axis] = side.min[axis] + 1,
            _ => {}
        }
    }
    side
}

impl Side {
    /// The side of a mask's own box at a step, and its runs, turned.
    pub(super) fn of(mask: &Mask, step: Step) -> (Side, Vec<Run>) {
        let (turned, layout) = (Turned::new(step), mask.layout());
        let side = side_of(&layout.own, step);
        let [min, max] = [turned.position(side.min), turned.position(side.max)];
        let width = (max[2] - min[2]) as usize;
        let stride = [layout.plane(), layout.row(), 1][turned.0[2]];
        let (mut bytes, mut runs, mut end) = (Vec::new(), Vec::new(), 0);
        for (row, [z, y]) in (min[0]..max[0]).flat_map(|z| (min[1]..max[1]).map(move |y| [z, y])).enumerate() {
            let first = layout.bit_at(turned.back([z, y, min[2]]));
            let read = |x: usize, count: usize| match stride {
                1 => mask.read(first + x, count),
                _ => (0..count).fold(0, |word, i| word | u64::from(mask.get(first + (x + i) * stride)) << i),
            };
            runs_of_row(width, read, |from, to| {
                varint::push(&mut bytes, (row * width + from - end) as u64);
                varint::push(&mut bytes, (to - from) as u64);
                end = row * width + to;
                runs.push(Run { z, y, x: [min[2] + from as i64, min[2] + to as i64] });
            });
        }
        (Side { bytes }, runs)
    }

    /// The runs of a side of this box, turned; `None` if they do not lie in it.
    pub(super) fn runs(&self, side: &Region, step: Step) -> Option<Vec<Run>> {
        let turned = Turned::new(step);
        let [min, max] = [turned.position(side.min), turned.position(side.max)];
        let [depth, height, width] = [0, 1, 2].map(|axis| (max[axis] - min[axis]) as u64);
        let (mut runs, mut at, mut end) = (Vec::new(), 0, 0u64);
        while at < self.bytes.len() {
            let from = end.checked_add(varint::read(&self.bytes, &mut at)?)?;
            end = from.checked_add(varint::read(&self.bytes, &mut at)?)?;
            let (row, x) = (from / width, (from % width) as i64);
            if end > depth * height * width || (end - 1) / width != row {
                return None;
            }
            let (z, y) = (min[0] + (row / height) as i64, min[1] + (row % height) as i64);
            runs.push(Run { z, y, x: [min[2] + x, min[2] + x + (end - from) as i64] });
        }
        Some(runs)
    }
}
