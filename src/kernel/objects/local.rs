//! The objects of a chunk, as far as they follow from its own voxels.

use serde::{Deserialize, Serialize};

use crate::kernel::mask::Mask;
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::euler;
use crate::kernel::objects::runs::{RowRuns, Run};
use crate::kernel::objects::sides::{Side, Step, all_steps};
use crate::kernel::objects::sums::{Object, Sums};
use crate::space::Region;

/// The objects of a chunk's own voxels, as if there were no other chunks, and where they touch its sides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Local<S> {
    /// The chunk's box.
    pub own: Region,
    /// The objects, in the order of their first voxels.
    pub objects: Vec<Object<S>>,
    /// The sides with foreground, in the order of their steps.
    pub(super) sides: Vec<OwnSide>,
}

/// A side with foreground, and the object of each of its runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct OwnSide {
    pub(super) step: Step,
    pub(super) side: Side,
    pub(super) objects: Vec<u32>,
}

impl<S: Sums> Local<S> {
    /// The objects of a mask's own voxels; its halo must be empty. `sums` returns what is added up over a run, and
    /// `has_neighbour` whether there can be a chunk at a step: sides without one are left out. Takes nearly linear time in
    /// the number of runs, and linear time in that of words, and of voxels on the sides.
    pub fn new(
        mask: &Mask,
        connectivity: Connectivity,
        has_neighbour: impl Fn(Step) -> bool,
        mut sums: impl FnMut(&Run) -> S,
    ) -> Local<S> {
        let rows = RowRuns::of(mask);
        let mut sets = rows.connect(connectivity);
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
        if S::EULER {
            euler::for_each_share(mask, &rows.runs, |run, share| {
                objects[object_of[run] as usize].sums.add_euler(share);
            });
        }
        let mut sides = Vec::new();
        for step in all_steps(connectivity).filter(|&step| has_neighbour(step)) {
            let (side, runs) = Side::of(mask, step);
            if !runs.is_empty() {
                let turned = super::sides::Turned::new(step);
                let objects = runs.iter().map(|run| object_of[rows.at(turned.first(run))]).collect();
                sides.push(OwnSide { step, side, objects });
            }
        }
        sides.sort_unstable_by_key(|side| side.step);
        Local { own: mask.layout().own, objects, sides }
    }

    /// The sides with foreground, each with the step to the neighbour that must know it.
    pub fn sides(&self) -> impl Iterator<Item = (Step, &Side)> {
        self.sides.iter().map(|side| (side.step, &side.side))
    }
}
