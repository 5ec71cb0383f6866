//! Links between the objects of chunks that were found before, so that they are not looked for again where nothing at a
//! chunk's seams has changed.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::grid::ChunkId;
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::parts::{OwnLink, Part, linked, links, parts};
use crate::kernel::objects::sides::{Side, Step};
use crate::kernel::objects::sums::Sums;

/// The links of a chunk, and a hash of all that they follow from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChunkLinks {
    seams: u64,
    links: Vec<OwnLink>,
}

/// The links of chunks, which all workers of a process share; by default none are held.
#[derive(Clone, Debug, Default)]
pub struct KnownLinks(Option<Arc<Mutex<BTreeMap<ChunkId, ChunkLinks>>>>);

impl KnownLinks {
    /// Holds the links of all chunks from now on.
    pub fn held() -> KnownLinks {
        KnownLinks(Some(Arc::default()))
    }

    /// Takes the links of a chunk that were found before, for the same connectivity.
    pub fn insert(&self, chunk: ChunkId, links: ChunkLinks) {
        if let Some(mut held) = self.lock() {
            held.insert(chunk, links);
        }
    }

    /// The links of a chunk that were found last.
    pub fn get(&self, chunk: ChunkId) -> Option<ChunkLinks> {
        self.lock()?.get(&chunk).cloned()
    }

    /// As [`parts`]: without Euler numbers, links are only looked for if they are not held.
    pub(super) fn parts<S: Sums>(
        &self,
        chunk: ChunkId,
        local: &Local<S>,
        neighbours: &[(Step, &Side)],
        connectivity: Connectivity,
    ) -> Vec<Part<S>> {
        if self.0.is_none() || S::EULER {
            return parts(local, neighbours, connectivity);
        }
        let mut hasher = XxHash3_64::new();
        local.hash_seams(neighbours, &mut hasher);
        let seams = hasher.finish();
        if let Some(known) = self.get(chunk).filter(|known| known.seams == seams && known.is_of(local)) {
            return linked(local, known.links);
        }
        let links = links(local, neighbours, connectivity);
        self.insert(chunk, ChunkLinks { seams, links: links.clone() });
        linked(local, links)
    }

    fn lock(&self) -> Option<MutexGuard<'_, BTreeMap<ChunkId, ChunkLinks>>> {
        self.0.as_ref().map(|held| held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ChunkLinks {
    /// Whether the chunk has the objects that the links are of.
    fn is_of<S>(&self, local: &Local<S>) -> bool {
        self.links.iter().all(|&(object, _)| (object as usize) < local.objects.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::mask::{Layout, Mask};
    use crate::kernel::objects::runs::Run;
    use crate::space::Region;

    /// The objects of a chunk of 1 x 2 x 2 voxels with these.
    fn local(x: i64, voxels: &[[i64; 3]]) -> Local<u64> {
        let mut mask = Mask::new(Layout::new(Region::new([0, 0, x], [1, 2, x + 2])));
        voxels.iter().for_each(|&place| mask.set(mask.layout().bit_at(place)));
        Local::new(&mask, Connectivity::Corners, |_| true, Run::voxels)
    }

    #[test]
    fn links_are_found_again_where_a_seam_has_changed_and_only_there() {
        let (chunk, known, step) = (ChunkId::at([0; 3]), KnownLinks::held(), [0, 0, 1]);
        let here = local(0, &[[0, 0, 1]]);
        let parts_beside = |known: &KnownLinks, other: &Local<u64>| {
            let sides: Vec<(Step, Side)> = other.sides().filter(|(back, _)| *back == step.map(|d| -d)).collect();
            let touching: Vec<(Step, &Side)> = sides.iter().map(|(_, side)| (step, side)).collect();
            known.parts(chunk, &here, &touching, Connectivity::Corners)
        };
        for other in [&[[0, 0, 2]][..], &[[0, 1, 2], [0, 0, 2]], &[[0, 1, 2]], &[[0, 0, 3]]] {
            let other = local(2, other);
            let expected = parts_beside(&KnownLinks::default(), &other);
            assert_eq!(parts_beside(&known, &other), expected);
            let held = known.get(chunk).unwrap();
            assert_eq!(held.links.len(), expected[0].links.len());
            // What is held is used, and what is of an object that the chunk does not have is not.
            known.insert(chunk, ChunkLinks { links: Vec::new(), ..held.clone() });
            assert!(parts_beside(&known, &other)[0].links.is_empty());
            known.insert(chunk, ChunkLinks { links: vec![(1, [here.objects[0].first; 2])], ..held.clone() });
            assert_eq!(parts_beside(&known, &other), expected);
            assert_eq!(known.get(chunk), Some(held));
        }
    }
}
