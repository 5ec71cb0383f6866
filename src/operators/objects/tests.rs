//! Objects over histories of edits, against those of the whole mask as one chunk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use differential_dataflow::input::InputSession;
use proptest::prelude::*;
use timely::dataflow::operators::probe::Handle;

use super::*;
use crate::grid::Grid;
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::objects::sides::Step;
use crate::kernel::objects::tally::Tally;
use crate::space::{Position, Region};

type Voxels = BTreeSet<Position>;

fn local(voxels: &Voxels, own: Region, connectivity: Connectivity, grid: Option<(&Grid, ChunkId)>) -> Local<Tally> {
    let mut mask = Mask::new(Layout::new(own));
    voxels.iter().filter(|&&place| own.contains(place)).for_each(|&place| mask.set(mask.layout().bit_at(place)));
    let has_neighbour = |step: Step| {
        grid.is_some_and(|(grid, id)| !grid.region(id.offset(step)).intersection(&grid.bounds()).is_empty())
    };
    Local::new(&mask, connectivity, has_neighbour, Tally::of)
}

/// The objects after each epoch, on some workers.
fn maintained(
    history: &[Voxels],
    grid: Grid,
    connectivity: Connectivity,
    workers: usize,
) -> Vec<Vec<(Object<Tally>, isize)>> {
    type Chunks = BTreeMap<ChunkId, Shared<Local<Tally>>>;
    type Changes = Vec<(Object<Tally>, u64, isize)>;
    let chunks: Arc<[Chunks]> = history
        .iter()
        .map(|voxels| {
            let of = |id| Shared::new(local(voxels, grid.region(id), connectivity, Some((&grid, id))));
            grid.chunks().map(|id| (id, of(id))).filter(|(_, local)| !local.objects.is_empty()).collect()
        })
        .collect();
    let found: Arc<Mutex<Changes>> = Arc::default();
    let result = Arc::clone(&found);
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let mut input = InputSession::<u64, _, isize>::new();
        let (probe, found) = (Handle::new(), Arc::clone(&found));
        worker.dataflow(|scope| {
            input
                .to_collection(scope)
                .objects(Octree::new(grid), connectivity)
                .inspect(move |((_, object), time, diff)| found.lock().unwrap().push((object.clone(), *time, *diff)))
                .probe_with(&probe);
        });
        let mut before = &Chunks::new();
        for (now, epoch) in chunks.iter().zip(1..) {
            for id in grid.chunks().filter(|&id| grid.owner(id, worker.peers()) == worker.index()) {
                let (old, new) = (before.get(&id), now.get(&id));
                if old != new {
                    old.into_iter().for_each(|local| input.remove((id, local.clone())));
                    new.into_iter().for_each(|local| input.insert((id, local.clone())));
                }
            }
            before = now;
            input.advance_to(epoch);
            input.flush();
            worker.step_while(|| probe.less_than(&epoch));
        }
    });
    guards.unwrap().join().into_iter().for_each(|worker| worker.unwrap());
    let changes = result.lock().unwrap();
    let mut objects: BTreeMap<Object<Tally>, isize> = BTreeMap::new();
    (0..history.len() as u64)
        .map(|epoch| {
            for (object, _, diff) in changes.iter().filter(|change| change.1 == epoch) {
                *objects.entry(object.clone()).or_default() += diff;
            }
            objects.retain(|_, count| *count != 0);
            objects.iter().map(|(object, count)| (object.clone(), *count)).collect()
        })
        .collect()
}

fn expected(voxels: &Voxels, bounds: Region, connectivity: Connectivity) -> Vec<(Object<Tally>, isize)> {
    local(voxels, bounds, connectivity, None).objects.into_iter().map(|object| (object, 1)).collect()
}

fn hold(history: &[Voxels], grid: Grid, connectivity: Connectivity, workers: usize) -> Result<(), TestCaseError> {
    let found = maintained(history, grid, connectivity, workers);
    for (epoch, (found, voxels)) in found.iter().zip(history).enumerate() {
        prop_assert_eq!(found, &expected(voxels, grid.bounds(), connectivity), "epoch {}", epoch);
    }
    Ok(())
}

/// Histories in which boxes of random voxels are cleared, filled and drawn anew.
fn histories() -> impl Strategy<Value = (Vec<Voxels>, Grid, Connectivity)> {
    let (shape, chunk) = ([1..8usize, 1..10, 1..20], [1..5usize, 1..6, 1..8]);
    let edits = prop::collection::vec((prop::array::uniform6(0..20i64), 0..=100u64), 1..7);
    (shape, chunk, edits, 0..3usize, any::<u64>()).prop_map(|(shape, chunk, edits, connectivity, seed)| {
        let bounds = Region::of_shape(shape).shifted([-2, 3, -7]);
        let (mut state, mut voxels, mut history) = (seed | 1, Voxels::new(), Vec::new());
        for (i, (corners, density)) in edits.into_iter().enumerate() {
            let min: Position = std::array::from_fn(|a| bounds.min[a] + corners[a] % shape[a] as i64);
            let max = std::array::from_fn(|a| min[a] + 1 + corners[a + 3] % shape[a] as i64);
            let edited = if i == 0 { bounds } else { bounds.intersection(&Region::new(min, max)) };
            for z in edited.min[0]..edited.max[0] {
                for y in edited.min[1]..edited.max[1] {
                    for x in edited.min[2]..edited.max[2] {
                        state ^= state << 13;
                        state ^= state >> 7;
                        state ^= state << 17;
                        match state % 100 < density {
                            true => voxels.insert([z, y, x]),
                            false => voxels.remove(&[z, y, x]),
                        };
                    }
                }
            }
            history.push(voxels.clone());
        }
        (history, Grid::new(bounds, chunk), Connectivity::ALL[connectivity])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn objects_after_each_edit_are_those_of_the_mask_then((history, grid, connectivity) in histories(), workers in 1..4usize) {
        hold(&history, grid, connectivity, workers)?;
    }
}

#[test]
fn an_object_that_splits_and_merges_a_hundred_times_is_one_or_two() {
    let grid = Grid::new(Region::of_shape([3, 3, 40]), [2, 2, 8]);
    let bar: Voxels = (0..40).flat_map(|x| [[1, 1, x], [2, 1, x]]).collect();
    let cut = |at: i64| bar.iter().copied().filter(|place| place[2] != at).collect::<Voxels>();
    let history: Vec<Voxels> = (0..100).map(|i| if i % 2 == 0 { bar.clone() } else { cut(1 + i * 7 % 38) }).collect();
    hold(&history, grid, Connectivity::Corners, 2).unwrap();
    let counts = maintained(&history, grid, Connectivity::Corners, 2).into_iter().map(|objects| objects.len());
    assert!(counts.eq((0..100).map(|i| 1 + i % 2)));
}
