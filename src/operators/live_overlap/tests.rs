//! Overlaps that follow edits, compared with those of the final content, time by time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use ndarray::Array3;
use proptest::prelude::*;
use timely::CommunicationConfig as Communication;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::operators::{Input, Inspect};

use super::OverlapLiveChunks;
use crate::chunk::{Dtype, Voxels};
use crate::grid::{ChunkId, Grid};
use crate::operators::extract::ExtractRecords;
use crate::operators::overlap::{OverlapChunks, Padded};
use crate::operators::read::{Piece, Selection};
use crate::operators::window::Window;
use crate::space::{Region, Voxel};

/// A volume, how far around a chunk is looked, and what stands where nothing is stored.
#[derive(Clone, Copy, Debug)]
struct Setting {
    grid: Grid,
    depth: [usize; 3],
    fill: u8,
}

/// What is given at a time.
type Edits = BTreeMap<ChunkId, Option<Voxels>>;
type Content = BTreeMap<ChunkId, Voxels>;
/// Where values around a voxel are not the fill value, and a number that depends on each of them.
type Record = (Voxel, u64);

/// What came out: chunks, and changes of records, with their times.
#[derive(Default)]
struct Found {
    chunks: Vec<(u64, Padded)>,
    records: Vec<(Record, u64, isize)>,
}

impl Setting {
    /// The values of a whole box.
    fn values(&self, content: &Content, region: &Region) -> Array3<u8> {
        let mut values = Array3::from_elem(region.shape(), self.fill);
        for (p, value) in values.indexed_iter_mut() {
            let at = [p.0, p.1, p.2].map(|n| n as i64);
            let at: [i64; 3] = std::array::from_fn(|a| at[a] + region.min[a]);
            let chunk = self.grid.chunk_at(at);
            let own = self.grid.region(chunk).min;
            if let Some(Voxels::U8(held)) = content.get(&chunk) {
                *value = held[std::array::from_fn::<_, 3, _>(|a| (at[a] - own[a]) as usize)];
            }
        }
        values
    }

    fn padded(&self, chunk: ChunkId) -> Region {
        self.grid.region(chunk).dilated(self.depth).intersection(&self.grid.bounds())
    }

    /// Records of a chunk's own voxels that depend on all values within the depth of them.
    fn records(self, padded: &Padded) -> Vec<Record> {
        assert_eq!(padded.region, self.padded(padded.chunk));
        let Some(Voxels::U8(values)) = &padded.voxels else { return Vec::new() };
        let mut records = Vec::new();
        for z in padded.own.min[0]..padded.own.max[0] {
            for y in padded.own.min[1]..padded.own.max[1] {
                for x in padded.own.min[2]..padded.own.max[2] {
                    let around = Region::new([z, y, x], [z + 1, y + 1, x + 1]).dilated(self.depth);
                    let around = around.intersection(&self.grid.bounds()).shifted(padded.region.min.map(|m| -m));
                    let [z_range, y_range, x_range] =
                        std::array::from_fn(|a| around.min[a] as isize..around.max[a] as isize);
                    let near = values.slice(ndarray::s![z_range, y_range, x_range]);
                    if near.iter().any(|&value| value != self.fill) {
                        let number = near.iter().fold(7, |sum: u64, &v| sum.wrapping_mul(31).wrapping_add(v.into()));
                        records.push((Voxel::new([z, y, x]), number));
                    }
                }
            }
        }
        records
    }
}

/// Feeds what is given at each time, chunk by chunk to one worker after the other, and gathers what comes out.
fn run(setting: Setting, history: &[Edits], live: bool, how: Communication) -> Found {
    let history: Arc<[Edits]> = history.into();
    let found: Arc<Mutex<Found>> = Arc::default();
    let result = Arc::clone(&found);
    let config = timely::Config { communication: how, worker: timely::WorkerConfig::default() };
    let guards = timely::execute(config, move |worker| {
        let (chunks_found, records_found) = (Arc::clone(&found), Arc::clone(&found));
        let probe = Handle::new();
        let Setting { grid, depth, fill } = setting;
        let mut input = worker.dataflow::<u64, _, _>(|scope| {
            let (input, pieces) = scope.new_input::<Vec<Piece>>();
            let chunks = if live {
                pieces.overlap_live(grid, depth, Dtype::U8, fill.into())
            } else {
                pieces.overlap(grid, depth, Selection::All, Dtype::U8, fill.into(), &Window::new(1 << 20))
            };
            chunks
                .inspect_core(move |event| {
                    if let Ok((stamp, chunks)) = event {
                        let time = *stamp.least().unwrap();
                        let chunks = chunks.iter().map(|padded| (time, padded.clone()));
                        chunks_found.lock().unwrap().chunks.extend(chunks);
                    }
                })
                .extract(move |padded| setting.records(padded))
                .inspect(move |change| records_found.lock().unwrap().records.push(*change))
                .probe_with(&probe);
            input
        });
        for (edits, epoch) in history.iter().zip(1..) {
            let own = |(n, _): &(usize, _)| n % worker.peers() == worker.index();
            for (_, (&chunk, voxels)) in edits.iter().enumerate().filter(own) {
                input.send(Piece { chunk, region: grid.region(chunk), voxels: voxels.clone() });
            }
            input.advance_to(epoch);
            // Now and then several times are under way at once.
            if epoch % 2 == 0 {
                worker.step_while(|| probe.less_than(&epoch));
            }
        }
    });
    for guard in guards.unwrap().join() {
        guard.unwrap();
    }
    std::mem::take(&mut *result.lock().unwrap())
}

/// The records after a time, each of which must be there once.
fn accumulated(records: &[(Record, u64, isize)], until: u64) -> BTreeSet<Record> {
    let mut counts: BTreeMap<Record, isize> = BTreeMap::new();
    for (record, _, diff) in records.iter().filter(|(_, time, _)| *time <= until) {
        *counts.entry(*record).or_default() += diff;
    }
    assert!(counts.values().all(|count| (0..=1).contains(count)));
    counts.into_iter().filter(|(_, count)| *count == 1).map(|(record, _)| record).collect()
}

const BOUNDS: Region = Region { min: [-1, 0, -3], max: [2, 6, 9] };

/// Values are few, so that chunks come again as they were, or as the fill value is.
fn histories() -> impl Strategy<Value = (Setting, Vec<Edits>)> {
    let edit = (any::<prop::sample::Index>(), prop::option::weighted(0.7, prop::collection::vec(0u8..3, 1..9)));
    let history = prop::collection::vec(prop::collection::vec(edit, 0..6), 1..6);
    let setting = (prop::array::uniform3(1usize..6), (0usize..3, 0usize..4, 0usize..8), 0u8..3);
    (setting, history).prop_map(|((chunk, (z, y, x), fill), history)| {
        let setting = Setting { grid: Grid::new(BOUNDS, chunk), depth: [z, y, x], fill };
        let chunks: Vec<ChunkId> = setting.grid.chunks().collect();
        let filled = |chunk: ChunkId, values: Vec<u8>| {
            let shape = setting.grid.region(chunk).shape();
            let mut next = values.into_iter().cycle();
            Voxels::U8(Array3::from_shape_fn(shape, |_| next.next().unwrap_or_default()))
        };
        let given = |edits: Vec<(prop::sample::Index, Option<Vec<u8>>)>| -> Edits {
            let edits = edits.into_iter().map(|(index, values)| (chunks[index.index(chunks.len())], values));
            edits.map(|(chunk, values)| (chunk, values.map(|values| filled(chunk, values)))).collect()
        };
        (setting, history.into_iter().map(given).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn after_every_edit_overlaps_and_records_are_those_of_the_content(
        (setting, history) in histories(), workers in 0usize..3,
    ) {
        // One worker, three, and two that exchange bytes as processes do.
        let how = [Communication::Thread, Communication::Process(3), Communication::ProcessBinary(2)][workers].clone();
        let found = run(setting, &history, true, how);
        let mut content = Content::new();
        for (time, edits) in (0..).zip(&history) {
            let before = content.clone();
            for (&chunk, voxels) in edits {
                match voxels {
                    Some(voxels) => drop(content.insert(chunk, voxels.clone())),
                    None => drop(content.remove(&chunk)),
                }
            }
            // Exactly the chunks whose boxes changed, and those given where there was nothing.
            let changed = |chunk: &ChunkId| {
                let region = setting.padded(*chunk);
                setting.values(&before, &region) != setting.values(&content, &region)
            };
            let asked = |chunk: &ChunkId| {
                edits.contains_key(chunk) && (setting.depth == [0; 3] || !before.contains_key(chunk))
            };
            let expected: Vec<ChunkId> = setting.grid.chunks().filter(|chunk| changed(chunk) || asked(chunk)).collect();
            let out = found.chunks.iter().filter(|(at, _)| *at == time).map(|(_, padded)| padded);
            let mut given: Vec<ChunkId> = out.clone().map(|padded| padded.chunk).collect();
            given.sort_unstable();
            prop_assert_eq!(given, expected);
            for padded in out {
                let stored = setting.grid.chunks_in(&padded.region).any(|chunk| content.contains_key(&chunk));
                prop_assert_eq!(padded.voxels.is_some(), stored);
                let values = Voxels::U8(setting.values(&content, &padded.region));
                prop_assert!(padded.voxels.as_ref().is_none_or(|voxels| *voxels == values));
            }
            let all = setting.grid.chunks().map(|chunk| (chunk, content.get(&chunk).cloned())).collect();
            let scratch = run(setting, &[all], false, Communication::Thread);
            prop_assert_eq!(accumulated(&found.records, time), accumulated(&scratch.records, 0));
        }
    }
}

#[test]
fn a_chunk_that_never_came_follows_its_neighbours() {
    let grid = Grid::new(Region::of_shape([1, 1, 12]), [1, 1, 4]);
    let setting = Setting { grid, depth: [0, 0, 1], fill: 0 };
    let line = |values: [u8; 4]| Some(Voxels::U8(Array3::from_shape_fn((1, 1, 4), |(_, _, x)| values[x])));
    let at = |x| ChunkId::at([0, 0, x]);
    let history = [
        Edits::from([(at(1), line([5, 0, 0, 0]))]),
        // Out of reach of others, and then the same again.
        Edits::from([(at(1), line([5, 6, 6, 0]))]),
        Edits::from([(at(1), line([5, 6, 6, 0]))]),
        Edits::from([(at(1), None)]),
    ];
    let found = run(setting, &history, true, Communication::Process(2));
    let mut out: Vec<_> = found.chunks.iter().map(|(time, padded)| (*time, padded.chunk.place()[2])).collect();
    out.sort_unstable();
    assert_eq!(out, [(0, 0), (0, 1), (1, 1), (3, 0), (3, 1)]);
    let (_, first) = found.chunks.iter().find(|(time, padded)| (*time, padded.chunk) == (0, at(0))).unwrap();
    assert_eq!(first.voxels, Some(Voxels::U8(Array3::from_shape_vec((1, 1, 5), vec![0, 0, 0, 0, 5]).unwrap())));
    let mut last = found.chunks.iter().filter(|(time, _)| *time == 3);
    assert!(last.all(|(_, padded)| padded.voxels.is_none()));
}
