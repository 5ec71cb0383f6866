//! The objects of a chunk, as far as they follow from its own voxels.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::kernel::mask::Mask;
use crate::kernel::objects::cells::{Contact, contacts};
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::euler;
use crate::kernel::objects::places::Places;
use crate::kernel::objects::runs::{RowRuns, Run};
use crate::kernel::objects::sides::{OwnSides, Side, Step, all_steps, packed_side};
use crate::kernel::objects::sums::{Object, Sums};
use crate::space::{Region, Voxel};

/// Of all chunks without contacts, which are many.
static NO_CONTACTS: LazyLock<Arc<Vec<Contact>>> = LazyLock::new(Arc::default);

/// The objects of a chunk's own voxels, as if there were no other chunks, and where they touch its sides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Local<S> {
    /// The chunk's box.
    pub own: Region,
    /// The objects, in the order of their first voxels.
    pub objects: Vec<Object<S>>,
    /// The sides with foreground, in the order of their steps.
    pub(super) sides: OwnSides,
    pub(super) places: Arc<Places>,
    /// Where objects meet that are not connected there, if Euler numbers are wanted.
    pub(super) contacts: Arc<Vec<Contact>>,
}

impl<S> Local<S> {
    /// Hashes the sides, their objects and those of neighbours: what the chunk's links follow from.
    pub fn hash_seams(&self, neighbours: &[(Step, &Side)], state: &mut impl Hasher) {
        (self.own, &self.sides, neighbours).hash(state);
    }
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
        // Euler numbers depend on all voxels that touch, connected or not.
        let told = if S::EULER { Connectivity::Corners } else { connectivity };
        let mut steps: Vec<Step> = all_steps(told).filter(|&step| has_neighbour(step)).collect();
        steps.sort_unstable();
        let object_at = |voxel| object_of[rows.at(voxel)];
        let sides = steps.into_iter().filter_map(|step| Some((step, packed_side(mask, step, object_at)?)));
        let sides = sides.collect();
        let own = mask.layout().own;
        let places = match keep_runs {
            true => Places::in_runs(&own, &rows.runs, &object_of),
            false => Places::new(&own, &rows.runs, &object_of, objects.len()),
        };
        objects.shrink_to_fit();
        let contacts = if met.is_empty() { Arc::clone(&NO_CONTACTS) } else { Arc::new(met) };
        Local { own, objects, sides, places: Arc::new(places), contacts }
    }

    /// The place in the list of the object of each of some foreground voxels of the chunk, in raster order. Takes time in
    /// proportion to what is held of their places: boxes, which are halved where objects meet, or all runs.
    pub fn objects_of<'a>(&'a self, voxels: impl Iterator<Item = Voxel> + 'a) -> impl Iterator<Item = usize> + 'a {
        let mut finder = self.places.finder(self.own);
        let is_any = !self.objects.is_empty();
        voxels.filter(move |_| is_any).map(move |voxel| finder.object_of(voxel))
    }

    /// The same objects, with more sums, which are 0 at first.
    pub fn with<M: Sums + Default>(&self) -> Local<(S, M)> {
        let with = |object: &Object<S>| Object { first: object.first, sums: (object.sums.clone(), M::default()) };
        Local {
            own: self.own,
            objects: self.objects.iter().map(with).collect(),
            sides: self.sides.clone(),
            places: Arc::clone(&self.places),
            contacts: Arc::clone(&self.contacts),
        }
    }

    /// The sides with foreground, each with the step to the neighbour that must know it.
    pub fn sides(&self) -> impl Iterator<Item = (Step, Side)> {
        self.sides.sides()
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
