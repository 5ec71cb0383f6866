//! The sides of a chunk: where its voxels touch those of a neighbour.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::kernel::mask::Mask;
use crate::kernel::objects::connectivity::{Connectivity, step_at};
use crate::kernel::objects::run_code::{self, RowRun};
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
    /// Its packed runs ([`run_code`]).
    bytes: Bytes,
}

/// The sides of a chunk with foreground, and the object of each of their runs, in few bytes. A clone shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct OwnSides {
    /// For each side the place of its step among all, and, each after its number of bytes, the runs and their objects, packed
    /// ([`run_code`]).
    bytes: Bytes,
}

impl FromIterator<(Step, [Vec<u8>; 2])> for OwnSides {
    /// From the packed runs and objects of sides.
    fn from_iter<I: IntoIterator<Item = (Step, [Vec<u8>; 2])>>(sides: I) -> Self {
        let mut bytes = Vec::new();
        for (step, packed) in sides {
            let place = step.iter().fold(0, |place, d| 3 * place + d + 1);
            varint::push(&mut bytes, place as u64);
            for part in packed {
                varint::push(&mut bytes, part.len() as u64);
                bytes.extend_from_slice(&part);
            }
        }
        bytes.shrink_to_fit();
        OwnSides { bytes: bytes.into() }
    }
}

impl OwnSides {
    /// The sides in the order in which they came, each with the packed objects of its runs.
    fn packed(&self) -> impl Iterator<Item = (Step, &[u8], &[u8])> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let place = varint::read(&self.bytes, &mut at)? as i64;
            let mut part = || {
                let length = varint::read(&self.bytes, &mut at)? as usize;
                let part = self.bytes.get(at..)?.get(..length)?;
                at += length;
                Some(part)
            };
            Some((step_at(place), part()?, part()?))
        })
    }

    /// The sides. They share the memory of all.
    pub(super) fn sides(&self) -> impl Iterator<Item = (Step, Side)> {
        self.packed().map(|(step, side, _)| (step, Side { bytes: self.bytes.slice_ref(side) }))
    }

    /// The runs of each side of this box, turned, and their objects.
    pub(super) fn runs(&self, own: &Region) -> impl Iterator<Item = (Step, Vec<Run>, Vec<u32>)> {
        self.packed().map(|(step, side, listed)| {
            let (mut objects, mut at) = (Vec::<u32>::new(), 0);
            let mut next = || varint::read(listed, &mut at).unwrap_or_default() as u32;
            let runs = runs_of(side, &side_of(own, step), step, |other| {
                let object = other.map_or_else(&mut next, |other| objects[other]);
                objects.push(object);
            });
            (step, runs.unwrap_or_default(), objects)
        })
    }
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
    /// The runs of a side of this box, turned; `None` if they do not lie in it.
    pub(super) fn runs(&self, side: &Region, step: Step) -> Option<Vec<Run>> {
        runs_of(&self.bytes, side, step, |_| {})
    }
}

/// The packed runs, and the packed objects of them, of the side of a mask's own box at a step. `object_at` finds the object of
/// a foreground voxel. `None` if there is no foreground.
pub(super) fn packed_side(mask: &Mask, step: Step, mut object_at: impl FnMut(Voxel) -> u32) -> Option<[Vec<u8>; 2]> {
    let (turned, layout) = (Turned::new(step), mask.layout());
    let side = side_of(&layout.own, step);
    let [min, max] = [turned.position(side.min), turned.position(side.max)];
    let width = (max[2] - min[2]) as usize;
    let stride = [layout.plane(), layout.row(), 1][turned.0[2]];
    let (mut runs, mut objects) = (Vec::new(), Vec::new());
    for (row, [z, y]) in (0..).zip((min[0]..max[0]).flat_map(|z| (min[1]..max[1]).map(move |y| [z, y]))) {
        let first = layout.bit_at(turned.back([z, y, min[2]]));
        let read = |x: usize, count: usize| match stride {
            1 => mask.read(first + x, count),
            _ => (0..count).fold(0, |word, i| word | u64::from(mask.get(first + (x + i) * stride)) << i),
        };
        runs_of_row(width, read, |from, to| {
            runs.push(RowRun { row, first: from as i64, length: (to - from) as i64 });
            objects.push(object_at(Voxel::new(turned.back([z, y, min[2] + from as i64]))));
        });
    }
    (!runs.is_empty()).then(|| run_code::pack(&runs, &objects, width as i64))
}

/// The runs that are packed of a side of this box, turned; `None` if they do not lie in it. Calls `object` for each, with the
/// number of the run from which it goes on.
fn runs_of(bytes: &[u8], side: &Region, step: Step, mut object: impl FnMut(Option<usize>)) -> Option<Vec<Run>> {
    let turned = Turned::new(step);
    let [min, max] = [turned.position(side.min), turned.position(side.max)];
    let [depth, height, width] = [0, 1, 2].map(|axis| max[axis] - min[axis]);
    let mut runs = Vec::with_capacity(bytes.len());
    run_code::unpack(bytes, [depth * height, width], |RowRun { row, first, length }, other| {
        let x = min[2] + first;
        runs.push(Run { z: min[0] + row / height, y: min[1] + row % height, x: [x, x + length] });
        object(other);
    })?;
    Some(runs)
}
