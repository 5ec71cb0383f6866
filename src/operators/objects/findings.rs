//! What an analysis finds out about objects: their numbers, and on request a table of them.

use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use timely::dataflow::StreamVec;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::find::{FindObjects, Latest, ObjectPlan, mask_of};
use super::measure::measured;
use super::remains::CountRemains;
use super::seams::KnownLinks;
use super::{JoinObjects, JoinParts, LabelledChunks};
use crate::grid::ChunkId;
use crate::kernel::mask::binarise::Foreground;
use crate::kernel::network::octree::Octree;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::measures::ObjectSums;
use crate::kernel::objects::sums::{Object, Remains};
use crate::kernel::thin::change::Change;
use crate::operators::attic::Attic;
use crate::operators::failure::Failure;
use crate::operators::rested::RestLatest;
use crate::operators::shared::Shared;
use crate::space::Voxel;
use crate::store::Source;
use crate::table::summary::ObjectCounts;

/// An object of a table: its sums, and what thinning left of it.
pub type FoundObject = Object<(ObjectSums, Remains)>;

/// The objects of single chunks, by chunk.
pub type Locals<'scope, T, S> = VecCollection<'scope, T, (ChunkId, Shared<Local<S>>)>;

/// The objects of single chunks.
#[derive(Clone)]
pub enum LocalObjects<'scope, T: Timestamp> {
    /// With their numbers of voxels.
    Counted(Locals<'scope, T, u64>),
    /// With all that a table of objects tells.
    Measured(Locals<'scope, T, ObjectSums>),
}

/// The objects of single chunks, which replace each other.
pub enum LatestObjects<'scope, T: Timestamp> {
    /// With their numbers of voxels.
    Counted(Latest<'scope, T, u64>),
    /// With all that a table of objects tells.
    Measured(Latest<'scope, T, ObjectSums>),
}

impl<'scope, T: Timestamp + TotalOrder> LatestObjects<'scope, T> {
    /// The objects that chunks have, each time when it is complete and `until` has nothing more of it (see [`RestLatest`]).
    pub fn rested<D: Clone + 'static>(
        self,
        until: StreamVec<'scope, T, D>,
        attic: Arc<Attic>,
    ) -> LocalObjects<'scope, T> {
        match self {
            LatestObjects::Counted(latest) => LocalObjects::Counted(latest.rested(until, attic)),
            LatestObjects::Measured(latest) => LocalObjects::Measured(latest.rested(until, attic)),
        }
    }
}

/// What is known of the objects of a volume.
#[derive(Clone)]
pub struct ObjectFindings<'scope, T: Timestamp> {
    /// Their numbers, in counts by part of the volume that are to be added up.
    pub counts: VecCollection<'scope, T, ObjectCounts>,
    /// Each object, if there is a table.
    pub table: Option<VecCollection<'scope, T, FoundObject>>,
    /// What an image of their labels needs of chunks, if there is one.
    pub labels: Option<LabelledChunks<'scope, T>>,
}

impl<T: Timestamp> std::fmt::Debug for LatestObjects<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LatestObjects").finish_non_exhaustive()
    }
}

impl<T: Timestamp> std::fmt::Debug for LocalObjects<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalObjects").finish_non_exhaustive()
    }
}

impl<T: Timestamp> std::fmt::Debug for ObjectFindings<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectFindings").finish_non_exhaustive()
    }
}

/// The masks of chunks on their way to thinning, and their objects as a plan wants them (see [`FindObjects`]). For a table,
/// values of the foreground that vary and are not held are read again; without one, objects that `known` returns are not looked
/// for.
pub fn find<'scope, T: Timestamp + TotalOrder + Lattice>(
    masks: StreamVec<'scope, T, (ChunkId, Change)>,
    foregrounds: StreamVec<'scope, T, (ChunkId, Foreground)>,
    plan: ObjectPlan,
    source: Arc<dyn Source>,
    known: impl Fn(ChunkId) -> Option<Local<u64>> + 'static,
    failure: Failure,
) -> (StreamVec<'scope, T, (ChunkId, Change)>, LatestObjects<'scope, T>) {
    if plan.table {
        let find = move |id, change: &Change, foreground: &_| {
            measured(&plan, id, &*mask_of(change)?, &plan.grid.region(id), foreground, Some(&source))
        };
        let (masks, locals) = masks.find_objects(foregrounds, find, failure);
        (masks, LatestObjects::Measured(locals))
    } else {
        let find = move |id, change: &Change, _: &_| match known(id) {
            Some(objects) => Ok(objects),
            None => Ok(plan.counted(id, &*mask_of(change)?)),
        };
        let (masks, locals) = masks.find_objects(foregrounds, find, failure);
        (masks, LatestObjects::Counted(locals))
    }
}

impl<'scope, T: Timestamp + Lattice> LocalObjects<'scope, T> {
    /// The objects of the volume, from those of chunks, their skeletons, and the first voxels of skeletons, which are asked
    /// for where there is a table; with links that are known, if they are only counted.
    pub fn join(
        self,
        plan: &ObjectPlan,
        skeletons: VecCollection<'scope, T, (ChunkId, Arc<Skeleton>)>,
        firsts: impl FnOnce() -> VecCollection<'scope, T, (ChunkId, Voxel)>,
        known: &KnownLinks,
    ) -> ObjectFindings<'scope, T> {
        let octree = Octree::new(plan.grid);
        let counts = |voxels: u64, remains: &Remains| {
            let lost = i64::from(remains.voxels == 0);
            ObjectCounts { objects: 1, lost, lost_voxels: lost * voxels as i64 }
        };
        match self {
            LocalObjects::Counted(locals) => {
                let locals = locals.with_remains(skeletons, None);
                let (parts, labels) = locals.object_parts(octree, plan.connectivity, plan.labels, known);
                let objects = parts.join_parts(octree);
                let counts = objects.map(move |(_, object)| counts(object.sums.0, &object.sums.1));
                ObjectFindings { counts, table: None, labels: plan.labels.then_some(labels) }
            }
            LocalObjects::Measured(locals) => {
                let locals = locals.with_remains(skeletons, Some(firsts()));
                let (parts, labels) =
                    locals.object_parts(octree, plan.connectivity, plan.labels, &KnownLinks::default());
                let objects = parts.join_parts(octree).map(|(_, object)| object);
                let counts = objects.clone().map(move |object| counts(object.sums.0.shape.voxels, &object.sums.1));
                ObjectFindings { counts, table: Some(objects), labels: plan.labels.then_some(labels) }
            }
        }
    }
}
