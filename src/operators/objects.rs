//! The connected components of a mask, maintained.

use differential_dataflow::lattice::Lattice;
use differential_dataflow::{ExchangeData, VecCollection};
use serde::{Deserialize, Serialize};
use timely::progress::Timestamp;

use self::seams::KnownLinks;
use crate::grid::ChunkId;
use crate::kernel::network::octree::{Octree, OctreeBox};
use crate::kernel::network::rise::Risen;
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::join::{leaf, merge};
use crate::kernel::objects::labels::LabelledChunk;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::parts::Part;
use crate::kernel::objects::sides::Side;
use crate::kernel::objects::sums::{Object, Sums};
use crate::operators::reduce_chunks::ReduceChunks;
use crate::operators::rise::RiseRecords;
use crate::operators::shared::Shared;

/// What a chunk knows: its own objects `L`, and the sides of others that touch it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Known<L> {
    Own(L),
    /// With the step to the other chunk.
    Touching([i8; 3], Side),
}

/// What is said of a chunk: leaves `L` of the fold, and what an image of labels needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said<L> {
    Leaf(L),
    Labels(Shared<LabelledChunk>),
}

/// The parts of objects in chunks, in the records of a fold.
pub type Leaves<'scope, T, S> = VecCollection<'scope, T, (ChunkId, Risen<Object<S>, Shared<Part<S>>>)>;

/// What an image of labels needs of chunks.
pub type LabelledChunks<'scope, T> = VecCollection<'scope, T, (ChunkId, Shared<LabelledChunk>)>;

/// Extension trait on the objects of single chunks.
pub trait JoinObjects<'scope, T: Timestamp, S> {
    /// The parts of objects in chunks: those that are complete, and those that go on in other chunks, for the fold over the
    /// octree. The sides of each chunk travel to the neighbours that they touch.
    ///
    /// Beside them is what an image of labels needs of each chunk, if `labels` is set; then the chunks' runs must have been
    /// kept.
    ///
    /// Links that are `known` are not looked for where nothing at the chunk's seams has changed.
    ///
    /// Partitioned by chunk. Holds the objects of chunks and their sides; a change computes the parts of its chunk again, and
    /// of neighbours whose side has changed.
    fn object_parts(
        self,
        octree: Octree,
        connectivity: Connectivity,
        labels: bool,
        known: &KnownLinks,
    ) -> (Leaves<'scope, T, S>, LabelledChunks<'scope, T>);

    /// The objects of the volume, each once, with the box in which it became complete. Takes what
    /// [`JoinObjects::object_parts`] takes, and the fold ([`RiseRecords`]) over parts with links to other chunks.
    fn objects(self, octree: Octree, connectivity: Connectivity) -> VecCollection<'scope, T, (OctreeBox, Object<S>)>;
}

impl<'scope, T: Timestamp + Lattice, S: Sums + ExchangeData + Sync + std::hash::Hash> JoinObjects<'scope, T, S>
    for VecCollection<'scope, T, (ChunkId, Shared<Local<S>>)>
{
    fn object_parts(
        self,
        octree: Octree,
        connectivity: Connectivity,
        labels: bool,
        known: &KnownLinks,
    ) -> (Leaves<'scope, T, S>, LabelledChunks<'scope, T>) {
        let links = known.clone();
        let told = self.flat_map(|(id, local)| {
            let touching: Vec<(ChunkId, Known<Shared<Local<S>>>)> = local
                .sides()
                .map(|(step, side)| (id.offset(step), Known::Touching(step.map(|d| -d as i8), side)))
                .collect();
            touching.into_iter().chain([(id, Known::Own(local))])
        });
        let said = told.reduce_chunks("ObjectParts", move |&id, known, output| {
            let (mut own, mut touching) = (None, Vec::new());
            for (known, _) in known {
                match known {
                    Known::Own(local) => own = Some(local),
                    Known::Touching(step, side) => touching.push((step.map(i64::from), side)),
                }
            }
            if let Some(local) = own {
                let parts = links.parts(id, local, &touching, connectivity);
                if labels {
                    output.push((Said::Labels(Shared::new(LabelledChunk::new(local, &parts))), 1));
                }
                let leaves = parts.into_iter().map(|part| leaf(part, &octree).map(|object| object, Shared::new));
                output.extend(leaves.map(|leaf| (Said::Leaf(leaf), 1)));
            }
        });
        let leaves = said.clone().flat_map(|(id, said)| match said {
            Said::Leaf(leaf) => Some((id, leaf)),
            Said::Labels(_) => None,
        });
        let labels = said.flat_map(|(id, said)| match said {
            Said::Labels(labels) => Some((id, labels)),
            Said::Leaf(_) => None,
        });
        (leaves, labels)
    }

    fn objects(self, octree: Octree, connectivity: Connectivity) -> VecCollection<'scope, T, (OctreeBox, Object<S>)> {
        self.object_parts(octree, connectivity, false, &KnownLinks::default()).0.join_parts(octree)
    }
}

/// Extension trait on parts of objects.
pub trait JoinParts<'scope, T: Timestamp, S> {
    /// The objects of the volume: the fold over their parts.
    fn join_parts(self, octree: Octree) -> VecCollection<'scope, T, (OctreeBox, Object<S>)>;
}

impl<'scope, T: Timestamp + Lattice, S: Sums + ExchangeData + Sync + std::hash::Hash> JoinParts<'scope, T, S>
    for Leaves<'scope, T, S>
{
    fn join_parts(self, octree: Octree) -> VecCollection<'scope, T, (OctreeBox, Object<S>)> {
        self.rise("Objects", octree, move |(level, _), parts| merge(parts, level, &octree))
    }
}

pub mod find;
pub mod findings;
pub mod measure;
pub mod remains;
pub mod seams;
#[cfg(test)]
mod tests;
