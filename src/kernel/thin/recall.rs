//! Chunks that a partition does not hold until it needs them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::grid::ChunkId;
use crate::kernel::mask::Mask;
use crate::kernel::thin::message::Link;
use crate::kernel::thin::seam_log::SeamLog;

/// A chunk as an earlier partition left it.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The mask before thinning, with its halo.
    pub initial: Arc<Mask>,
    /// What crossed its seams.
    pub log: SeamLog,
    /// Whether the chunk and its neighbours may contradict each other. Then it has to run in the next epoch, by a mask
    /// or by [`Change::Rerun`](super::change::Change::Rerun), and so do the neighbours that it contradicts.
    pub doubtful: bool,
}

/// How chunks that are stored elsewhere are restored: as an earlier partition left them.
#[derive(Clone)]
pub struct Recall(Arc<Load>);

type Load = dyn Fn(ChunkId) -> Option<Restored> + Send + Sync;

impl Recall {
    /// Restores chunks by a function, each at most once. The function returns `None` for a chunk that cannot be loaded, and
    /// reports the reason: the chunk then counts as gone, and the epoch's result is of no use.
    pub fn new(load: impl Fn(ChunkId) -> Option<Restored> + Send + Sync + 'static) -> Self {
        Recall(Arc::new(load))
    }
}

impl fmt::Debug for Recall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recall").finish_non_exhaustive()
    }
}

/// The chunks of a partition that are stored elsewhere. None of them is active.
#[derive(Debug, Default)]
pub(super) struct StoredChunks {
    chunks: HashMap<ChunkId, Recall>,
    /// Neighbours that have become active in this epoch.
    live: HashMap<ChunkId, Vec<ChunkId>>,
}

impl StoredChunks {
    pub(super) fn insert(&mut self, id: ChunkId, recall: Recall) {
        self.chunks.insert(id, recall);
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.len()
    }

    pub(super) fn contains(&self, id: ChunkId) -> bool {
        self.chunks.contains_key(&id)
    }

    /// Notes that a neighbour of a stored chunk is active. Returns whether the chunk is one.
    pub(super) fn note_live(&mut self, link: Link) -> bool {
        let is_stored = self.contains(link.to);
        if is_stored {
            self.live.entry(link.to).or_default().push(link.from);
        }
        is_stored
    }

    /// Takes a chunk out, with its active neighbours, if it is stored and can be loaded.
    pub(super) fn take(&mut self, id: ChunkId) -> Option<(Restored, Vec<ChunkId>)> {
        let Recall(load) = self.chunks.remove(&id)?;
        Some((load(id)?, self.live.remove(&id).unwrap_or_default()))
    }

    /// Prepares for the next epoch.
    pub(super) fn rest(&mut self) {
        self.live.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;

    use crate::grid::{ChunkId, Grid};
    use crate::kernel::mask::{Layout, Mask};
    use crate::kernel::thin::change::Change;
    use crate::kernel::thin::method::Method;
    use crate::kernel::thin::partition::Partition;
    use crate::kernel::thin::recall::{Recall, Restored};
    use crate::space::Region;

    fn random_mask(grid: &Grid, id: ChunkId, percent: u64, seed: u64) -> Option<Mask> {
        let layout = Layout::new(grid.region(id));
        let (mut mask, mut state) = (Mask::new(layout), seed ^ u64::from_le_bytes(bytemuck::cast(id)));
        let [nz, ny, nx] = layout.shape;
        for z in 1..=nz {
            for y in 1..=ny {
                for x in 1..=nx {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    if (state >> 33) % 100 < percent {
                        mask.set(layout.bit([z, y, x]));
                    }
                }
            }
        }
        (mask.count() > 0).then_some(mask)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        #[test]
        fn chunks_that_are_restored_when_they_are_needed_are_thinned_as_if_they_had_been_held(
            chunk in prop::array::uniform3(1usize..7),
            percent in prop::sample::select(vec![3u64, 20, 60, 80, 97, 100]),
            homotopic in any::<bool>(),
            first in any::<u64>(),
            epochs in prop::collection::vec(
                prop::collection::vec((any::<prop::sample::Index>(), prop::option::weighted(0.8, any::<u64>())), 1..3),
                1..4,
            ),
        ) {
            let shape = [0, 1, 2].map(|a| (2 + a) * chunk[a]);
            let grid = Grid::new(Region::of_shape(shape), chunk);
            let ids: Vec<ChunkId> = grid.chunks().collect();
            let method = if homotopic { Method::Homotopic } else { Method::Lee };
            let mut held = Partition::new(grid, method, true);
            held.thin(ids.iter().map(|&id| (id, random_mask(&grid, id, percent, first))).collect());
            for edits in epochs {
                let kept: BTreeMap<ChunkId, Restored> = ids
                    .iter()
                    .filter_map(|&id| Some((id, held.kept(id)?)))
                    .map(|(id, (initial, log))| {
                        (id, Restored { initial: Arc::clone(initial), log: (**log).clone(), doubtful: false })
                    })
                    .collect();
                let loaded: Arc<Mutex<BTreeSet<ChunkId>>> = Arc::default();
                let recall = {
                    let (kept, loaded) = (kept.clone(), Arc::clone(&loaded));
                    Recall::new(move |id| {
                        assert!(loaded.lock().unwrap().insert(id), "{id:?} is loaded twice");
                        kept.get(&id).cloned()
                    })
                };
                let mut stored = Partition::new(grid, method, true);
                let all = kept.keys().map(|&id| (id, Change::Stored(recall.clone()))).collect();
                stored.change(all, &mut |_| ());
                prop_assert!(stored.finish().is_empty() && loaded.lock().unwrap().is_empty());
                let edits: BTreeMap<ChunkId, Option<Mask>> = edits
                    .into_iter()
                    .map(|(index, seed)| {
                        let id = *index.get(&ids);
                        (id, seed.and_then(|seed| random_mask(&grid, id, percent, seed)))
                    })
                    .collect();
                let (now, expected) = (stored.thin(edits.clone()), held.thin(edits.clone()));
                prop_assert_eq!(&now, &expected);
                prop_assert_eq!(stored.len(), held.len());
                let mut near: BTreeSet<ChunkId> = now.iter().map(|(id, _)| *id).chain(edits.into_keys()).collect();
                near.extend(near.clone().into_iter().flat_map(|id| grid.within(id, [1; 3])));
                prop_assert!(loaded.lock().unwrap().is_subset(&near));
                for id in ids.iter().copied().filter(|id| stored.kept(*id).is_some()) {
                    prop_assert_eq!(stored.kept(id), held.kept(id));
                }
                for (id, _) in now {
                    prop_assert!(stored.kept(id).is_some());
                }
            }
        }
    }
}
