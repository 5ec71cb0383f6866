//! Volumes that are thinned while they are read, against those that are thinned when all of them is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ndarray::Array3;
use proptest::prelude::*;
use timely::CommunicationConfig;
use timely::dataflow::operators::Inspect;
use timely::dataflow::operators::vec::Map;

use super::*;
use crate::checkpoint::{Checkpoint, Rhythm, TeamSize};
use crate::chunk::{Dtype, Voxels};
use crate::error::Error;
use crate::kernel::mask::binarise::Binarise;
use crate::kernel::mask::recalled::RecallMasks;
use crate::kernel::mask::threshold::Threshold;
use crate::operators::attic::Attic;
use crate::operators::binarise::BinariseChunks;
use crate::operators::overlap::OverlapChunks;
use crate::operators::read::{ReadChunks, Selection};
use crate::operators::thin::ThinningCounts;
use crate::operators::window::Window;
use crate::space::Region;
use crate::store::Source;
use crate::store::memory::MemorySource;

/// Sheets and noise, with some planes of background.
fn image(shape: [usize; 3], seed: u64, density: u64) -> Array3<u8> {
    let mut state = seed | 1;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    Array3::from_shape_fn(shape, |(z, y, _)| {
        u8::from((z / 20) % 3 != 2 && (random() % 100 < density || (z + 3 * y) % 17 < 3))
    })
}

/// The same change, with a mask that is stored elsewhere.
fn elsewhere(change: Change, loads: &Arc<AtomicUsize>) -> Change {
    let Change::Mask(mask) = change else { return change };
    let loads = Arc::clone(loads);
    let load = move |_| {
        loads.fetch_add(1, Ordering::Relaxed);
        Some(Arc::clone(&mask))
    };
    Change::Recalled(RecallMasks::new(load).of(ChunkId::at([0; 3])))
}

/// The chunks with foreground, which are all that a sparse array stores.
fn stored(image: &Array3<u8>, chunk: [usize; 3]) -> Selection {
    let grid = Grid::new(Region::of_shape(image.dim().into()), chunk);
    let foreground = image.indexed_iter().filter(|&(_, &value)| value > 0);
    let chunks = foreground.map(|((z, y, x), _)| grid.chunk_at([z, y, x].map(|n| n as i64)));
    Selection::Some(Arc::new(chunks.collect::<BTreeSet<ChunkId>>()))
}

/// How a volume is read and thinned.
#[derive(Clone)]
struct Way {
    chunk: [usize; 3],
    chunks: Selection,
    depth: usize,
    workers: usize,
    /// Whether workers exchange bytes, as processes of one worker each do.
    apart: bool,
    retest: Retest,
    /// Whether it is thinned while it is read.
    as_read: bool,
    /// Whether there is no memory for planes that are awake.
    aside: bool,
    /// Where the sweep is kept, and when it is killed.
    kept: Option<Kept>,
}

/// A sweep that is kept. Masks are then stored elsewhere.
#[derive(Clone)]
struct Kept {
    checkpoint: Checkpoint,
    killed: Killed,
    /// How often a mask was loaded.
    loads: Arc<AtomicUsize>,
}

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
enum Killed {
    Never,
    /// When this chunk comes.
    AtChunk(usize),
    /// When the first thinned chunk comes out.
    AtTheEnd,
}

/// The voxels that are left of each chunk with foreground, and whether the last layer was admitted when the first chunk
/// came, if one did.
type Left = (BTreeMap<ChunkId, Vec<usize>>, Option<bool>);

fn thinned(image: &Array3<u8>, way: &Way) -> Left {
    let Way { chunk, ref chunks, depth, workers, apart, retest, as_read, aside, ref kept } = *way;
    let killed = kept.as_ref().map_or(Killed::Never, |kept| kept.killed);
    let (checkpoint, loads) = kept.clone().map(|kept| (kept.checkpoint, kept.loads)).unzip();
    let (failure, come) = (Failure::default(), Arc::new(AtomicUsize::new(0)));
    let (shape, chunks): ([usize; 3], _) = (image.dim().into(), chunks.clone());
    let source: Arc<dyn Source> = Arc::new(MemorySource::of(Voxels::U8(image.clone()), 3));
    let processes = if apart { workers } else { 1 };
    let grid = Grid::new(Region::of_shape(shape), chunk).among(processes);
    let windows: Vec<Window> = (0..processes).map(|_| Window::new(5)).collect();
    let found: Arc<Mutex<BTreeMap<ChunkId, Vec<usize>>>> = Arc::default();
    let is_all_admitted: Arc<Mutex<Option<bool>>> = Arc::default();
    let shown: Arc<Mutex<BTreeMap<usize, ThinningCounts>>> = Arc::default();
    let (counted, all) = (Arc::clone(&shown), chunks.clone());
    let (left, admitted) = (Arc::clone(&found), Arc::clone(&is_all_admitted));
    let communication =
        if apart { CommunicationConfig::ProcessBinary(workers) } else { CommunicationConfig::Process(workers) };
    let config = timely::Config { communication, worker: timely::WorkerConfig::default() };
    let guards = timely::execute(config, move |worker| {
        let window = windows[grid.process_of(worker.index(), worker.peers())].clone();
        let (left, admitted, seen) = (Arc::clone(&left), Arc::clone(&admitted), window.clone());
        let (failure, failed, come) = (failure.clone(), failure.clone(), Arc::clone(&come));
        let (counted, index, loads) = (Arc::clone(&counted), worker.index(), loads.clone());
        let kill = move || failed.report(Error::internal("killed"));
        let kill_at_the_end = kill.clone();
        worker.dataflow::<u64, _, _>(|scope| {
            let kernel = Binarise {
                gaussian: None,
                threshold: Threshold::Nonzero,
                bounds: grid.bounds(),
                dtype: Dtype::U8,
                fill: 0.0,
                keep: 0,
            };
            let reach = depth.div_ceil(chunk[0]);
            let inflow = Inflow { chunks: chunks.clone(), window: window.clone(), reach };
            let last = grid.shape()[0] as i64 - 1;
            scope
                .read_chunks(source.clone(), grid, [depth; 3], chunks.clone(), window.clone(), failure.clone())
                .overlap(grid, [depth; 3], chunks.clone(), Dtype::U8, 0.0, &window)
                .binarise(kernel, move |padded| {
                    let layer = padded.chunk.place()[0];
                    assert!(!as_read || seen.admits_layer(layer), "{layer} is read before it is wanted");
                    admitted.lock().unwrap().get_or_insert(seen.admits_layer(last));
                    let come = come.fetch_add(1, Ordering::Relaxed);
                    if matches!(killed, Killed::AtChunk(at) if at == come) {
                        kill();
                    }
                })
                .masks
                .map(move |(id, change)| (id, if let Some(loads) = &loads { elsewhere(change, loads) } else { change }))
                .thin_planes(
                    grid,
                    retest,
                    Provisions {
                        inflow: as_read.then_some(inflow),
                        checkpoint: checkpoint.clone(),
                        first: None,
                        attic: aside.then(|| Arc::new(Attic::new(std::env::temp_dir(), failure.clone()))),
                        planes: Some(0),
                    },
                    move |counts: &ThinningCounts| {
                        counted.lock().unwrap().insert(index, *counts);
                    },
                    failure,
                )
                .inspect(move |(id, mask)| {
                    if let Killed::AtTheEnd = killed {
                        kill_at_the_end();
                    }
                    let voxels = mask.iter().flat_map(|mask| mask.own_bits()).collect();
                    assert!(left.lock().unwrap().insert(*id, voxels).is_none(), "a chunk comes once");
                });
        });
    });
    guards.expect("workers start").join().into_iter().for_each(|result| result.expect("a worker ends"));
    let left = std::mem::take(&mut *found.lock().unwrap());
    if kept.is_none() {
        let in_chunks = |&(p, &value): &((usize, usize, usize), &u8)| {
            value > 0 && all.contains(grid.chunk_at([p.0, p.1, p.2].map(|n| n as i64)))
        };
        let before = image.indexed_iter().filter(in_chunks).count();
        let after: usize = left.values().map(Vec::len).sum();
        let shown = shown.lock().unwrap();
        let deleted: u64 = shown.values().map(|counts| counts.deleted).sum();
        assert_eq!((deleted as usize, shown.values().map(|counts| counts.chunks).sum()), (before - after, left.len()));
    }
    let is_all_admitted = *is_all_admitted.lock().unwrap();
    (left, is_all_admitted)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn volumes_are_thinned_while_they_are_read_as_when_all_of_them_is_known(
        shape in [150usize..260, 3usize..9, 3usize..9],
        chunk in [1usize..12, 2usize..8, 2usize..8],
        depth in 0usize..6,
        (workers, apart) in (1usize..4, any::<bool>()),
        (seed, density) in (any::<u64>(), 0u64..60),
        retest in prop::sample::select(vec![Retest::Simplicity, Retest::Whole]),
        aside in any::<bool>(),
    ) {
        let image = image(shape, seed, density);
        let all_at_once =
            Way { chunk, chunks: Selection::All, depth, workers, apart, retest, as_read: false, aside: false, kept: None };
        let (all, is_all_admitted) = thinned(&image, &all_at_once);
        prop_assert_eq!(is_all_admitted, Some(true), "reading waits for nothing");
        let all_as_read = Way { as_read: true, aside, ..all_at_once.clone() };
        let (as_read, is_all_admitted) = thinned(&image, &all_as_read);
        prop_assert_eq!(is_all_admitted, Some(false), "reading waits for thinning");
        prop_assert_eq!(&as_read, &all);
        let (as_read, _) = thinned(&image, &Way { chunks: stored(&image, chunk), ..all_as_read });
        prop_assert_eq!(&as_read, &all);
    }
}

/// Some snapshots in each run.
const OFTEN: Rhythm = Rhythm { pause: Duration::from_millis(1), rest: 1, keeps_short: true };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn a_sweep_that_was_killed_again_and_again_goes_on_from_what_it_kept(
        shape in [60usize..160, 3usize..9, 3usize..9],
        chunk in [1usize..12, 2usize..8, 2usize..8],
        (workers, apart) in (1usize..5, any::<bool>()),
        (seed, density) in (any::<u64>(), 0u64..60),
        retest in prop::sample::select(vec![Retest::Simplicity, Retest::Whole]),
        (as_read, aside) in (any::<bool>(), any::<bool>()),
        kills in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
    ) {
        let image = image(shape, seed, density);
        let whole =
            Way { chunk, chunks: Selection::All, depth: 0, workers, apart, retest, as_read, aside, kept: None };
        let (all, _) = thinned(&image, &whole);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        let chunks = Selection::All.count(&Grid::new(Region::of_shape(shape), chunk));
        // The last one is killed when all is thinned.
        let mut kills: Vec<Killed> = kills.iter().map(|at| Killed::AtChunk(at.index(chunks))).collect();
        kills.extend([Killed::AtTheEnd, Killed::Never]);
        let (mut left, mut loads) = (BTreeMap::new(), 0);
        let team = TeamSize { processes: 1, workers };
        for killed in kills {
            let checkpoint = Checkpoint::with_rhythm(&path, 7, team, OFTEN).unwrap();
            let kept = Kept { checkpoint, killed, loads: Arc::default() };
            left = thinned(&image, &Way { kept: Some(kept.clone()), ..whole.clone() }).0;
            loads = kept.loads.load(Ordering::Relaxed);
        }
        prop_assert_eq!(&left, &all);
        prop_assert_eq!(loads, 0, "all planes had entered, and no mask was looked at");
        let checkpoint = Checkpoint::with_rhythm(&path, 7, team, OFTEN).unwrap();
        prop_assert!(checkpoint.has_snapshot());
    }
}

#[test]
fn a_volume_without_foreground_or_with_some_at_its_ends_alone_ends() {
    let mut image = Array3::zeros([500, 4, 5]);
    for (from, to) in [(0, 0), (470, 500), (0, 3), (250, 251)] {
        image.slice_mut(ndarray::s![from..to, 1.., 1..]).fill(1);
        for (workers, chunks) in
            [1, 2, 3].into_iter().flat_map(|n| [(n, Selection::All), (n, stored(&image, [7, 2, 3]))])
        {
            for retest in [Retest::Simplicity, Retest::Whole] {
                let chunks = chunks.clone();
                let all_at_once = Way {
                    chunk: [7, 2, 3],
                    chunks,
                    depth: 1,
                    workers,
                    apart: false,
                    retest,
                    as_read: false,
                    aside: false,
                    kept: None,
                };
                let (all, _) = thinned(&image, &all_at_once);
                for apart in [false, true] {
                    let (as_read, _) = thinned(&image, &Way { as_read: true, apart, ..all_at_once.clone() });
                    assert!(as_read == all && all.is_empty() == (to == 0), "{from}..{to}, {workers} workers");
                }
            }
        }
    }
}
