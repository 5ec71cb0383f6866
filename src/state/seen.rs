//! Hashes of what neighbouring chunks saw of each other, which agree if their records belong to the same epoch.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::dependencies::hash_words;
use crate::grid::{ChunkId, Grid};
use crate::kernel::mask::Mask;
use crate::kernel::thin::seam::{Seams, offset};
use crate::kernel::thin::seam_log::SeamLog;
use crate::space::{Region, Voxel};

thread_local! {
    /// The numbers that are hashed of each neighbour. Reused, because lists that grow from nothing take as long as what is put
    /// into them.
    static NUMBERS: RefCell<[[Vec<u64>; 27]; 2]> = RefCell::default();
}

/// What crossed the seams of a chunk, by the numbers of its neighbours (see [`Seams`]): a hash of the voxels of the
/// initial mask next to the seam, and of the deletions there by sub-iteration. 0 if there are none.
///
/// If the records of two neighbours belong together, `told` of each equals `heard` of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Hashes of what each neighbour could see of this chunk.
    pub told: [u64; 27],
    /// Hashes of what this chunk saw of each neighbour.
    pub heard: [u64; 27],
}

impl Seen {
    /// The hashes of a chunk without foreground.
    pub const NOTHING: Seen = Seen { told: [0; 27], heard: [0; 27] };

    /// The hashes of a chunk, from its mask with halo before thinning, and its log. Takes time proportional to the
    /// surface of the chunk and the length of the log.
    pub fn new(seams: &Seams, initial: &Mask, log: &SeamLog) -> Seen {
        NUMBERS.with_borrow_mut(|[told, heard]| {
            let own = initial.layout().own;
            told.iter_mut().chain(&mut *heard).for_each(Vec::clear);
            for (n, _, layout) in seams.neighbours() {
                cut(initial, &own.intersection(&layout.own.dilated([1; 3])), &mut told[n]);
                cut(initial, &layout.own.intersection(&own.dilated([1; 3])), &mut heard[n]);
            }
            // The order of voxels is the same in both layouts, so both sides hash these numbers in the same order.
            let decision = |sub_iteration: usize, bit: usize| (sub_iteration as u64) << 32 | bit as u64;
            for at in 0..log.len() {
                for &bit in log.sent.at(at) {
                    seams.visit(bit as usize, |n, there| told[n].push(decision(at, there)));
                }
                for &bit in log.received.at(at) {
                    heard[seams.owner_of_halo(bit as usize)].push(decision(at, bit as usize));
                }
            }
            let [told, heard] = [told, heard].map(|all| all.each_mut().map(|words| hash(words)));
            Seen { told, heard }
        })
    }
}

/// A hash of numbers; 0 of none.
fn hash(words: &mut [u64]) -> u64 {
    if words.is_empty() { 0 } else { hash_words(words) }
}

/// Puts the bits of a box of a mask into an empty list, unless none is set.
fn cut(mask: &Mask, region: &Region, words: &mut Vec<u64>) {
    mask.cut_to(region, words);
    if words.iter().all(|&word| word == 0) {
        words.clear();
    }
}

/// The neighbours of a chunk that do not agree with it about their seam, in raster order of the offsets. `seen` returns
/// the hashes of a chunk's record, if it has one.
fn disagreeing(grid: &Grid, id: ChunkId, seen: impl Fn(ChunkId) -> Option<Seen>) -> Vec<ChunkId> {
    let mine = seen(id);
    let agrees = |told: Option<Seen>, n: usize, heard: Option<Seen>, back: usize| {
        heard.is_none_or(|heard| heard.heard[back] == told.unwrap_or(Seen::NOTHING).told[n])
    };
    let mut found = Vec::new();
    for n in (0..27).filter(|&n| n != 13) {
        let Some(neighbour) = neighbour(grid, id, n) else { continue };
        let theirs = seen(neighbour);
        if !agrees(mine, n, theirs, 26 - n) || !agrees(theirs, 26 - n, mine, n) {
            found.push(neighbour);
        }
    }
    found
}

/// The chunks, among `ids` and their neighbours, that do not agree with a neighbour about their seam: both of each
/// pair, even if one has no record.
///
/// A chunk without a record has shown nothing to its neighbours. What they showed it does not matter: if it has
/// foreground after all, its owner computes it from the start.
pub fn verify(
    grid: &Grid,
    ids: impl IntoIterator<Item = ChunkId>,
    seen: impl Fn(ChunkId) -> Option<Seen>,
) -> BTreeSet<ChunkId> {
    let mut found = BTreeSet::new();
    for id in ids {
        let others = disagreeing(grid, id, &seen);
        if !others.is_empty() {
            found.insert(id);
            found.extend(others);
        }
    }
    found
}

/// The neighbour of a chunk by its number, if it is on the grid.
fn neighbour(grid: &Grid, id: ChunkId, number: usize) -> Option<ChunkId> {
    let (place, step) = (id.place(), offset(number));
    let place = std::array::from_fn(|a| place[a] + step[a]);
    let other = Region::new(Voxel::MIN, Voxel::END).contains(place).then(|| ChunkId::at(place))?;
    (!grid.region(other).is_empty()).then_some(other)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::kernel::thin::method::Method;
    use crate::kernel::thin::partition::Partition;
    use crate::space::Position;
    use crate::state::examples::{random_mask, records};
    use crate::state::{ThinningRecord, hash_of_mask};

    type Records = BTreeMap<ChunkId, ThinningRecord>;

    /// What crossed from one chunk to a neighbour, voxel by voxel: at which sub-iteration (0: before the first) and where.
    type Crossing = BTreeSet<(usize, Position)>;

    /// All set and deleted voxels of a box that a record holds.
    fn known(record: &ThinningRecord, region: &Region) -> Crossing {
        let layout = *record.initial.layout();
        let positions = (0..layout.rows() * layout.row()).filter(|&bit| record.initial.get(bit));
        let mut known: Crossing = positions.map(|bit| (0, layout.position(bit))).collect();
        for at in 0..record.log.len() {
            let bits = record.log.sent.at(at).iter().chain(record.log.received.at(at));
            known.extend(bits.map(|&bit| (at + 1, layout.position(bit as usize))));
        }
        known.retain(|(_, p)| region.contains(*p));
        known
    }

    /// The definition, for a pair of neighbours.
    fn agree(grid: &Grid, records: &Records, from: ChunkId, to: ChunkId) -> bool {
        let region = grid.region(from).intersection(&grid.region(to).dilated([1; 3]));
        let Some(heard) = records.get(&to).map(|record| known(record, &region)) else { return true };
        heard == records.get(&from).map_or_else(Crossing::new, |record| known(record, &region))
    }

    fn verified(grid: &Grid, records: &Records) -> BTreeSet<ChunkId> {
        verify(grid, records.keys().copied(), |id| records.get(&id).map(|record| *record.seen()))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        #[test]
        fn records_of_two_epochs_disagree_exactly_where_a_seam_differs(
            chunk in prop::array::uniform3(1usize..7),
            percent in prop::sample::select(vec![3u64, 20, 60, 80, 97]),
            seeds in prop::array::uniform3(any::<u64>()),
            changed in 0usize..12,
            gone in any::<bool>(),
            unbounded in any::<bool>(),
        ) {
            let part = Grid::new(Region::of_shape([2 * chunk[0], 2 * chunk[1], 3 * chunk[2]]), chunk);
            let grid = if unbounded { Grid::new(Region::new(Voxel::MIN, Voxel::END), chunk) } else { part };
            let ids: Vec<_> = part.chunks().collect();
            let mut partition = Partition::new(grid, Method::Lee, true);
            let mut thinned = BTreeMap::new();
            thinned.extend(partition.thin(ids.iter().map(|&id| (id, random_mask(&grid, id, percent, seeds[0]))).collect()));
            let before = records(&partition, &grid, ids.clone(), &thinned);
            let mask = if gone { None } else { random_mask(&grid, ids[changed], percent, seeds[1]) };
            thinned.extend(partition.thin([(ids[changed], mask)].into()));
            let after = records(&partition, &grid, ids.clone(), &thinned);
            for whole in [&before, &after] {
                prop_assert_eq!(verified(&grid, whole), BTreeSet::new());
                for record in whole.values() {
                    prop_assert_eq!(record.mask(), hash_of_mask(Some(&record.initial)));
                }
            }
            // The record of each chunk is of one epoch or the other, or lost.
            let mixed: Records = ids.iter().enumerate().filter_map(|(i, id)| match seeds[2] >> (3 * i) & 7 {
                0 => None,
                1..4 => before.get_key_value(id),
                _ => after.get_key_value(id),
            }).map(|(&id, record)| (id, record.clone())).collect();
            let mut expected = BTreeSet::new();
            for &a in &ids {
                for b in grid.within(a, [1; 3]) {
                    if !agree(&grid, &mixed, a, b) || !agree(&grid, &mixed, b, a) {
                        expected.extend([a, b]);
                    }
                }
            }
            prop_assert_eq!(verified(&grid, &mixed), expected);
        }
    }

    /// A rod over three chunks loses its middle: the earlier records of its ends do not fit the later one.
    #[test]
    fn a_seam_that_changed_is_always_noticed() {
        let grid = Grid::new(Region::of_shape([3, 3, 24]), [3, 3, 8]);
        let ids: Vec<_> = grid.chunks().collect();
        let rod = |id: ChunkId| {
            let mut mask = Mask::new(crate::kernel::mask::Layout::new(grid.region(id)));
            (1..=8).for_each(|x| mask.set(mask.layout().bit([2, 2, x])));
            mask
        };
        let mut partition = Partition::new(grid, Method::Lee, true);
        partition.thin(ids.iter().map(|&id| (id, Some(rod(id)))).collect());
        let before = records(&partition, &grid, ids.clone(), &BTreeMap::new());
        partition.thin([(ids[1], None)].into());
        let after = records(&partition, &grid, ids.clone(), &BTreeMap::new());
        assert_eq!((before.len(), after.len()), (3, 2));
        let mixed = [(ids[0], before[&ids[0]].clone()), (ids[2], after[&ids[2]].clone())].into();
        assert_eq!(verified(&grid, &mixed), BTreeSet::from([ids[0], ids[1]]));
        assert_eq!(disagreeing(&grid, ids[2], |id| mixed.get(&id).map(|record| *record.seen())), []);
    }

    #[test]
    fn chunks_without_anything_at_their_seams_have_seen_nothing() {
        let grid = Grid::new(Region::of_shape([5, 5, 10]), [5, 5, 5]);
        let id = ChunkId::at([0, 0, 0]);
        let mut mask = Mask::new(crate::kernel::mask::Layout::new(grid.region(id)));
        mask.set(mask.layout().bit([3, 3, 3]));
        let record = ThinningRecord::new(&Seams::new(&grid, id), mask.into(), Default::default(), None, 0);
        assert_eq!(*record.seen(), Seen::NOTHING);
        assert!(record.mask() != 0 && hash_of_mask(None) == 0);
    }
}
