//! The objects of a chunk, as far as they follow from its own voxels.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::kernel::mask::Mask;
use crate::kernel::objects::cells::{Contact, contacts};
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::euler;
use crate::kernel::objects::runs::{RowRuns, Run};
use crate::kernel::objects::sides::{Side, Step, Turned, all_steps};
use crate::kernel::objects::sums::{Object, Sums};
use crate::kernel::varint;
use crate::space::{Region, Voxel};

/// The objects of a chunk's own voxels, as if there were no other chunks, and where they touch its sides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Local<S> {
    /// The chunk's box.
    pub own: Region,
    /// The objects, in the order of their first voxels.
    pub objects: Vec<Object<S>>,
    /// The sides with foreground, in the order of their steps.
    pub(super) sides: Arc<Vec<OwnSide>>,
    pub(super) places: Arc<Places>,
    /// Where objects meet that are not connected there, if Euler numbers are wanted.
    pub(super) contacts: Arc<Vec<Contact>>,
}

/// Which object holds which voxel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) enum Places {
    /// There is one object at most, and nobody asked for its runs.
    Single,
    /// For each run, the number of voxels since the one before, its length, and its object, packed.
    Runs(Vec<u8>),
}

/// A side with foreground, and the object of each of its runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct OwnSide {
    pub(super) step: Step,
    pub(super) side: Side,
    pub(super) objects: Vec<u32>,
}

impl<S: Sums> Local<S> {
    /// The objects of a mask's own voxels, whatever its halo holds. `sums` returns what is added up over a run, and
    /// `has_neighbour` whether there can be a chunk at a step: sides without one are left out. Takes nearly linear time in
    /// the number of runs, and linear time in that of words, and of voxels on the sides.
    pub fn new(
        mask: &Mask,
        connectivity: Connectivity,
        has_neighbour: impl Fn(Step) -> bool,
        sums: impl FnMut(&Run) -> S,
    ) -> Local<S> {
        Self::found(mask, connectivity, false, has_neighbour, sums)
    }

    /// The same, and keeps all runs, for [`LabelledChunk`](super::labels::LabelledChunk).
    pub fn with_runs(
        mask: &Mask,
        connectivity: Connectivity,
        has_neighbour: impl Fn(Step) -> bool,
        sums: impl FnMut(&Run) -> S,
    ) -> Local<S> {
        Self::found(mask, connectivity, true, has_neighbour, sums)
    }

    fn found(
        mask: &Mask,
        connectivity: Connectivity,
        keep_runs: bool,
        has_neighbour: impl Fn(Step) -> bool,
        mut sums: impl FnMut(&Run) -> S,
    ) -> Local<S> {
        let rows = RowRuns::of(mask);
        let mut sets = rows.connect(mask, connectivity);
        // The object of each run; the first run of an object is the smallest number of its set.
        let mut object_of = vec![0; rows.runs.len()];
        let mut objects: Vec<Object<S>> = Vec::new();
        for (i, run) in rows.runs.iter().enumerate() {
            let root = sets.find(i as u32) as usize;
            if root == i {
                object_of[i] = objects.len() as u32;
                objects.push(Object::of(run, sums(run)));
            } else {
                object_of[i] = object_of[root];
                objects[object_of[root] as usize].sums.merge(&sums(run));
            }
        }
        let mut met = Vec::new();
        if S::EULER {
            let mut alone = Cow::Borrowed(mask);
            if !mask.has_empty_halo() {
                let own = mask.layout().own;
                let mut inside = Mask::new(*mask.layout());
                inside.paste(&own, &mask.cut(&own));
                alone = Cow::Owned(inside);
            }
            euler::for_each_share(&alone, &rows.runs, |run, share| {
                objects[object_of[run] as usize].sums.add_euler(share);
            });
            met = contacts(&alone, &rows, &object_of, connectivity);
            for contact in &met {
                contact.for_each_other(|object, share| objects[object as usize].sums.add_euler(share));
            }
        }
        let mut sides = Vec::new();
        // Euler numbers depend on all voxels that touch, connected or not.
        let told = if S::EULER { Connectivity::Corners } else { connectivity };
        for step in all_steps(told).filter(|&step| has_neighbour(step)) {
            let (side, runs) = Side::of(mask, step);
            if !runs.is_empty() {
                let turned = Turned::new(step);
                let objects = runs.iter().map(|run| object_of[rows.at(turned.first(run))]).collect();
                sides.push(OwnSide { step, side, objects });
            }
        }
        sides.sort_unstable_by_key(|side| side.step);
        let own = mask.layout().own;
        let places = match objects.len() {
            ..2 if !keep_runs => Places::Single,
            _ => Places::of(&own, &rows.runs, &object_of),
        };
        Local { own, objects, sides: Arc::new(sides), places: Arc::new(places), contacts: Arc::new(met) }
    }

    /// The place in the list of the object of each voxel, which are in raster order; `None` for voxels of the chunk that are
    /// not foreground. If there is one object, all voxels are its. Takes time in proportion to the runs of the chunk.
    pub fn objects_of<'a>(
        &'a self,
        voxels: impl Iterator<Item = Voxel> + 'a,
    ) -> impl Iterator<Item = Option<usize>> + 'a {
        let (mut at, mut run, mut object) = (0, [0; 2], 0);
        voxels.map(move |voxel| {
            if let Places::Runs(bytes) = &*self.places {
                let place = index(&self.own, voxel);
                while run[1] <= place {
                    let [gap, length, next] = std::array::from_fn(|_| varint::read(bytes, &mut at));
                    let (Some(gap), Some(length), Some(next)) = (gap, length, next) else { return None };
                    run = [run[1] + gap, run[1] + gap + length];
                    object = next as usize;
                }
                return (run[0] <= place).then_some(object);
            }
            (!self.objects.is_empty()).then_some(0)
        })
    }

    /// The same objects, with more sums, which are 0 at first.
    pub fn with<M: Sums + Default>(&self) -> Local<(S, M)> {
        let with = |object: &Object<S>| Object { first: object.first, sums: (object.sums.clone(), M::default()) };
        Local {
            own: self.own,
            objects: self.objects.iter().map(with).collect(),
            sides: Arc::clone(&self.sides),
            places: Arc::clone(&self.places),
            contacts: Arc::clone(&self.contacts),
        }
    }

    /// The sides with foreground, each with the step to the neighbour that must know it.
    pub fn sides(&self) -> impl Iterator<Item = (Step, &Side)> {
        self.sides.iter().map(|side| (side.step, &side.side))
    }
}

/// The place of a voxel of a box in raster order.
fn index(own: &Region, voxel: Voxel) -> u64 {
    let ([_, height, width], position) = (own.shape(), voxel.position());
    let [z, y, x] = [0, 1, 2].map(|axis| (position[axis] - own.min[axis]) as u64);
    (z * height as u64 + y) * width as u64 + x
}

impl Places {
    /// Calls `found` with each run in a box, and the number of its object.
    pub(super) fn for_each_run(&self, own: &Region, mut found: impl FnMut(Run, usize)) {
        let Places::Runs(bytes) = self else { return };
        let [_, height, width] = own.shape().map(|n| n as u64);
        let (mut at, mut end) = (0, 0);
        let mut next = || varint::read(bytes, &mut at);
        while let (Some(gap), Some(length), Some(object)) = (next(), next(), next()) {
            let first = end + gap;
            end = first + length;
            let [z, y] = [first / width / height, first / width % height].map(|n| n as i64);
            let x = own.min[2] + (first % width) as i64;
            let run = Run { z: own.min[0] + z, y: own.min[1] + y, x: [x, x + length as i64] };
            found(run, object as usize);
        }
    }

    fn of(own: &Region, runs: &[Run], object_of: &[u32]) -> Places {
        let (mut bytes, mut end) = (Vec::new(), 0);
        for (run, &object) in runs.iter().zip(object_of) {
            let first = index(own, run.first());
            varint::push(&mut bytes, first - end);
            varint::push(&mut bytes, run.voxels());
            varint::push(&mut bytes, u64::from(object));
            end = first + run.voxels();
        }
        Places::Runs(bytes)
    }
}

/// The runs of a mask's own voxels, each with the first voxel of the component of the chunk that it is part of. Takes nearly
/// linear time in the number of runs, and linear time in that of words.
pub fn labelled_runs(mask: &Mask, connectivity: Connectivity) -> Vec<(Run, Voxel)> {
    let rows = RowRuns::of(mask);
    let mut sets = rows.connect(mask, connectivity);
    let firsts: Vec<Voxel> = (0..rows.runs.len()).map(|i| rows.runs[sets.find(i as u32) as usize].first()).collect();
    rows.runs.into_iter().zip(firsts).collect()
}
