//! What thinning leaves of objects.

use std::hash::Hash;
use std::sync::Arc;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::{ExchangeData, VecCollection};
use serde::{Deserialize, Serialize};
use timely::progress::Timestamp;

use crate::grid::ChunkId;
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::network::voxel_list::VoxelList;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::sums::{Remains, Sums};
use crate::operators::reduce_chunks::ReduceChunks;
use crate::operators::shared::Shared;
use crate::space::Voxel;

/// What is known of a chunk: its objects `L`, its skeleton voxels, and first voxels of skeletons.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Known<L> {
    Objects(L),
    Skeleton(VoxelList),
    First(Voxel),
}

/// The objects of chunks, with what is left of them.
pub type WithRemains<'scope, T, S> = VecCollection<'scope, T, (ChunkId, Shared<Local<(S, Remains)>>)>;

/// Extension trait on the objects of single chunks.
pub trait CountRemains<'scope, T: Timestamp, S> {
    /// The same objects, with what the skeletons of the chunks hold of them. Without the first voxels of skeletons none are
    /// counted. Partitioned by chunk; a change counts its chunk again.
    fn with_remains(
        self,
        skeletons: VecCollection<'scope, T, (ChunkId, Arc<Skeleton>)>,
        firsts: Option<VecCollection<'scope, T, (ChunkId, Voxel)>>,
    ) -> WithRemains<'scope, T, S>;
}

impl<'scope, T: Timestamp + Lattice, S: Sums + ExchangeData + Sync + Hash> CountRemains<'scope, T, S>
    for VecCollection<'scope, T, (ChunkId, Shared<Local<S>>)>
{
    fn with_remains(
        self,
        skeletons: VecCollection<'scope, T, (ChunkId, Arc<Skeleton>)>,
        firsts: Option<VecCollection<'scope, T, (ChunkId, Voxel)>>,
    ) -> WithRemains<'scope, T, S> {
        let mut known = self
            .map(|(id, local)| (id, Known::Objects(local)))
            .concat(skeletons.map(|(id, skeleton)| (id, Known::Skeleton(skeleton.voxels.clone()))));
        if let Some(firsts) = firsts {
            known = known.concat(firsts.map(|(id, first)| (id, Known::First(first))));
        }
        known.reduce_chunks("CountRemains", |_, known, output| {
            let found = known.iter().find_map(|(known, _)| match known {
                Known::Objects(local) => Some(local.with()),
                _ => None,
            });
            let Some(mut local) = found else { return };
            let mut count = |voxels: &mut dyn Iterator<Item = Voxel>, add: fn(&mut Remains)| {
                let held: Vec<usize> = local.objects_of(voxels).collect();
                held.into_iter().for_each(|object| add(&mut local.objects[object].sums.1));
            };
            let skeletons = known.iter().filter_map(|(known, _)| match known {
                Known::Skeleton(voxels) => Some(voxels),
                _ => None,
            });
            count(&mut skeletons.flat_map(VoxelList::iter), |remains| remains.voxels += 1);
            // They are sorted: in raster order.
            let mut firsts = known.iter().filter_map(|(known, _)| match known {
                Known::First(first) => Some(*first),
                _ => None,
            });
            count(&mut firsts, |remains| remains.skeletons += 1);
            output.push((Shared::new(local), 1));
        })
    }
}
