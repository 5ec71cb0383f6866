//! Thinning by any chunks and workers, and after any edits, against thinning in one piece.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use timely::CommunicationConfig as Communication;
use timely::dataflow::operators::{Input, Inspect, Probe};

use super::*;
use crate::checkpoint::{KeptSweep, Rhythm};
use crate::error::Error;
use crate::kernel::mask::Layout;
use crate::kernel::thin::lee::Retest;
use crate::operators::thin_planes::{Provisions, ThinFirst, ThinPlanes};
use crate::space::{Region, Voxel};
use crate::wire::tests::{assert_garbled_bytes_are_refused, assert_is_sent_and_received, changes, messages};

/// Whether each voxel of a volume is foreground, in raster order.
type Volume = Vec<bool>;

/// Skeleton voxels by chunk and epoch.
type Thinned = BTreeMap<(ChunkId, usize), Vec<Voxel>>;

fn mask(grid: &Grid, id: ChunkId, volume: &Volume) -> Option<Mask> {
    let (region, [_, ny, nx]) = (grid.region(id), grid.bounds().shape());
    let mut mask = Mask::new(Layout::new(region));
    for z in region.min[0]..region.max[0] {
        for y in region.min[1]..region.max[1] {
            for x in region.min[2]..region.max[2] {
                if volume[(z as usize * ny + y as usize) * nx + x as usize] {
                    mask.set(mask.layout().bit_at([z, y, x]));
                }
            }
        }
    }
    (mask.count() > 0).then_some(mask)
}

/// Two workers that exchange bytes as processes do, one worker, or several in a process.
fn how(workers: usize) -> Communication {
    match workers {
        0 => Communication::ProcessBinary(2),
        1 => Communication::Thread,
        _ => Communication::Process(workers),
    }
}

/// Thins the masks of a stream.
type Thin =
    for<'s> fn(StreamVec<'s, usize, (ChunkId, Change)>, ThinningPlan) -> StreamVec<'s, usize, (ChunkId, Option<Mask>)>;

fn in_chunks<'s>(
    masks: StreamVec<'s, usize, (ChunkId, Change)>,
    plan: ThinningPlan,
) -> StreamVec<'s, usize, (ChunkId, Option<Mask>)> {
    masks.thin(plan, |_: &ThinningCounts| {}, Failure::default())
}

fn in_planes<'s>(
    masks: StreamVec<'s, usize, (ChunkId, Change)>,
    plan: ThinningPlan,
) -> StreamVec<'s, usize, (ChunkId, Option<Mask>)> {
    let retest = plan.method.retest_by_planes().expect("a method in six directions");
    masks.thin_planes(plan.grid, retest, Provisions::default(), |_: &ThinningCounts| {}, Failure::default())
}

/// The skeleton after each of a list of volumes, every one an epoch that changes the chunks that differ. With `keep`
/// only what changed is given; without, every volume is given whole.
fn skeletons(thin: Thin, plan: ThinningPlan, volumes: &[Volume], how: Communication) -> Vec<Vec<Voxel>> {
    let volumes = volumes.to_vec();
    let count = volumes.len();
    let thinned: Arc<Mutex<Thinned>> = Arc::default();
    let found = Arc::clone(&thinned);
    let config = timely::Config { communication: how, worker: timely::WorkerConfig::default() };
    let guards = timely::execute(config, move |worker| {
        let (index, peers) = (worker.index(), worker.peers());
        let found = Arc::clone(&found);
        let (mut input, probe) = worker.dataflow::<usize, _, _>(|scope| {
            let (input, masks) = scope.new_input::<Vec<(ChunkId, Change)>>();
            let (probe, _) = thin(masks, plan)
                .inspect_core(move |event| {
                    let Ok((stamp, masks)) = event else { return };
                    for (id, mask) in masks {
                        let voxels = mask
                            .iter()
                            .flat_map(|mask| mask.own_bits().map(|bit| Voxel::new(mask.layout().position(bit))));
                        found.lock().unwrap().insert((*id, *stamp.expect_singleton()), voxels.collect());
                    }
                })
                .probe();
            (input, probe)
        });
        for (epoch, volume) in volumes.iter().enumerate() {
            for id in plan.grid.chunks().filter(|&id| plan.grid.owner(id, peers) == index) {
                let new = mask(&plan.grid, id, volume);
                let old = if epoch == 0 { None } else { mask(&plan.grid, id, &volumes[epoch - 1]) };
                if !plan.keep || new != old {
                    input.send((id, new.map_or(Change::Gone, |mask| Change::Mask(mask.into()))));
                }
            }
            input.advance_to(epoch + 1);
            worker.step_while(|| probe.less_than(input.time()));
        }
    });
    drop(guards.map(|guards| guards.join()));
    let thinned = thinned.lock().unwrap();
    let current = |epoch: usize, id: ChunkId| {
        let since = if plan.keep { 0 } else { epoch };
        thinned.range((id, since)..=(id, epoch)).next_back().map(|(_, voxels)| voxels.clone()).unwrap_or_default()
    };
    (0..count)
        .map(|epoch| {
            let mut all: Vec<Voxel> = plan.grid.chunks().flat_map(|id| current(epoch, id)).collect();
            all.sort();
            all
        })
        .collect()
}

/// What became of chunks, by epoch: the voxels that are left, and the mask before, with its halo, and the seam log.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    voxels: BTreeMap<(usize, ChunkId), Option<Vec<usize>>>,
    logs: BTreeMap<(usize, ChunkId), (Mask, SeamLog)>,
    /// Chunks that took part, by epoch.
    taking_part: BTreeMap<usize, usize>,
    by_planes: bool,
}

/// When a run is killed whose first sweep is kept.
#[derive(Clone, Copy, Debug)]
enum Killed {
    InRound(u64),
    /// When the first thinned chunk comes out.
    AtTheEnd,
    Never,
}

/// A first sweep that is kept.
#[derive(Clone)]
struct Sweeping {
    sweep: KeptSweep,
    killed: Killed,
    failure: Failure,
}

impl Sweeping {
    fn new(sweep: &KeptSweep, killed: Killed) -> Sweeping {
        Sweeping { sweep: sweep.clone(), killed, failure: Failure::default() }
    }

    fn kill_if(&self, dies: impl Fn(Killed) -> bool) {
        if dies(self.killed) {
            self.failure.report(Error::internal("killed"));
        }
    }
}

/// Notes what is kept of the chunks of an epoch.
struct Note {
    epoch: usize,
    kept: Arc<Mutex<Kept>>,
    sweeping: Option<Sweeping>,
}

impl WatchThinning for Note {
    fn round(&mut self, counts: &ThinningCounts) {
        self.kept.lock().unwrap().by_planes |= counts.by_planes;
        if let Some(sweeping) = &self.sweeping {
            sweeping.kill_if(|killed| matches!(killed, Killed::InRound(round) if counts.rounds >= round));
        }
    }

    fn thinned(&mut self, chunk: ChunkId, initial: &Arc<Mask>, log: &Arc<SeamLog>) {
        self.sweeping.iter().for_each(|sweeping| sweeping.kill_if(|killed| matches!(killed, Killed::AtTheEnd)));
        let mut kept = self.kept.lock().unwrap();
        *kept.taking_part.entry(self.epoch).or_default() += 1;
        kept.logs.insert((self.epoch, chunk), (Mask::clone(initial), SeamLog::clone(log)));
    }
}

/// Notes under an epoch that all workers share.
#[derive(Clone)]
struct SharedNote(std::rc::Rc<std::cell::RefCell<Note>>);

impl WatchThinning for SharedNote {
    fn round(&mut self, counts: &ThinningCounts) {
        self.0.borrow_mut().round(counts);
    }

    fn thinned(&mut self, chunk: ChunkId, initial: &Arc<Mask>, log: &Arc<SeamLog>) {
        self.0.borrow_mut().thinned(chunk, initial, log);
    }
}

/// All that is kept of a history of edits, whose first masks are thinned by planes where that does well, or by chunks.
fn kept(grid: Grid, method: Method, volumes: &[Volume], by_planes: bool, how: Communication) -> Kept {
    kept_with(None, grid, method, volumes, by_planes, how)
}

/// The same, where the first sweep may be kept.
fn kept_with(
    sweeping: Option<Sweeping>,
    grid: Grid,
    method: Method,
    volumes: &[Volume],
    by_planes: bool,
    how: Communication,
) -> Kept {
    let volumes = volumes.to_vec();
    let all: Arc<Mutex<Kept>> = Arc::default();
    let shared = Arc::clone(&all);
    let config = timely::Config { communication: how, worker: timely::WorkerConfig::default() };
    let guards = timely::execute(config, move |worker| {
        let (index, peers) = (worker.index(), worker.peers());
        let (kept, canvas) = (Arc::clone(&shared), grid.with_bounds(Region::new(Voxel::MIN, Voxel::END)));
        let (sweeping, noted) = (sweeping.clone(), Arc::clone(&kept));
        let failure = sweeping.as_ref().map(|sweeping| sweeping.failure.clone()).unwrap_or_default();
        let sweep = sweeping.as_ref().map(|sweeping| sweeping.sweep.clone());
        let note = Note { epoch: 0, kept: noted, sweeping };
        let note = SharedNote(std::rc::Rc::new(std::cell::RefCell::new(note)));
        let (mut input, probe) = worker.dataflow::<usize, _, _>(|scope| {
            let (input, masks) = scope.new_input::<Vec<(ChunkId, Change)>>();
            let retest = method.retest_by_planes().filter(|_| by_planes);
            let masks = match retest {
                Some(retest) => masks.thin_first(canvas, retest, sweep, note.clone(), failure.clone()),
                None => masks,
            };
            let (probe, _) = masks
                .thin(ThinningPlan { grid: canvas, method, keep: true }, note.clone(), failure)
                .inspect_core(move |event| {
                    let Ok((stamp, masks)) = event else { return };
                    let epoch = *stamp.expect_singleton();
                    let voxels = |mask: &Option<Mask>| mask.as_ref().map(|mask| mask.own_bits().collect());
                    kept.lock().unwrap().voxels.extend(masks.iter().map(|(id, mask)| ((epoch, *id), voxels(mask))));
                })
                .probe();
            (input, probe)
        });
        for (epoch, volume) in volumes.iter().enumerate() {
            note.0.borrow_mut().epoch = epoch;
            for id in grid.chunks().filter(|&id| grid.owner(id, peers) == index) {
                let on_canvas = |mask: Mask| {
                    let mut placed = Mask::new(Layout::new(canvas.region(id)));
                    placed.paste(&mask.layout().own, &mask.cut(&mask.layout().own));
                    placed
                };
                let new = mask(&grid, id, volume);
                let old = if epoch == 0 { None } else { mask(&grid, id, &volumes[epoch - 1]) };
                if new != old {
                    input.send((id, new.map_or(Change::Gone, |mask| Change::Mask(on_canvas(mask).into()))));
                }
            }
            input.advance_to(epoch + 1);
            worker.step_while(|| probe.less_than(input.time()));
        }
    });
    drop(guards.map(|guards| guards.join()));
    std::mem::take(&mut *all.lock().unwrap())
}

/// Volumes of a shape, each made from the one before by new content in some boxes: a history of edits.
fn histories(shape: [usize; 3], chunk: [usize; 3], seed: u64, density: u64, edits: usize) -> Vec<Volume> {
    let grid = Grid::new(Region::of_shape(shape), chunk);
    let mut state = seed | 1;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let first: Volume = (0..shape.iter().product()).map(|_| random() % 100 < density).collect();
    let mut volumes = vec![first];
    for _ in 0..edits {
        let mut next = volumes[volumes.len() - 1].clone();
        for id in grid.chunks() {
            let (touched, density) = (random() % 3 == 0, [0, 30, 70, 100, density][random() as usize % 5]);
            let region = grid.region(id);
            for (place, value) in next.iter_mut().enumerate() {
                let p = [place / (shape[1] * shape[2]), place / shape[2] % shape[1], place % shape[2]];
                if touched && region.contains(p.map(|v| v as i64)) {
                    *value = random() % 100 < density;
                }
            }
        }
        volumes.push(next);
    }
    volumes
}

fn methods(shape: [usize; 3]) -> Vec<Method> {
    match shape[0] {
        1 => vec![Method::LeePlanar, Method::Zhang, Method::HomotopicPlanar],
        _ => in_space().to_vec(),
    }
}

fn in_space() -> [Method; 2] {
    [Method::Lee, Method::Homotopic]
}

/// Thins a solid box, of which worker 0 reports an error from a round on. Returns how many records came out, and how many
/// voxels were deleted.
fn thinned_until(round: u64, by_planes: bool, how: Communication) -> (usize, u64) {
    let processes = if let Communication::ProcessBinary(processes) = how { processes } else { 1 };
    let grid = Grid::new(Region::of_shape([32, 12, 12]), [4, 6, 6]).among(processes);
    let volume = vec![true; 32 * 12 * 12];
    // Workers of one process share it.
    let is_shared = by_planes && processes == 1;
    let shared = Failure::default();
    let found: Arc<Mutex<(usize, BTreeMap<usize, u64>)>> = Arc::default();
    let result = Arc::clone(&found);
    let config = timely::Config { communication: how, worker: timely::WorkerConfig::default() };
    let guards = timely::execute(config, move |worker| {
        let (index, peers) = (worker.index(), worker.peers());
        let failure = if is_shared { shared.clone() } else { Failure::default() };
        let (reports, counted, records) = (failure.clone(), Arc::clone(&found), Arc::clone(&found));
        let watch = move |counts: &ThinningCounts| {
            counted.lock().unwrap().1.insert(index, counts.deleted);
            if index == 0 && counts.rounds >= round {
                reports.report(Error::data("cannot be read"));
            }
        };
        worker.dataflow::<usize, _, _>(|scope| {
            let (mut input, masks) = scope.new_input::<Vec<(ChunkId, Change)>>();
            for id in grid.chunks().filter(|&id| grid.owner(id, peers) == index) {
                input.send((id, Change::Mask(mask(&grid, id, &volume).unwrap().into())));
            }
            let thinned = if by_planes {
                masks.thin_planes(grid, Retest::Simplicity, Provisions::default(), watch, failure)
            } else {
                masks.thin(ThinningPlan { grid, method: Method::Lee, keep: false }, watch, failure)
            };
            thinned.inspect(move |_| records.lock().unwrap().0 += 1);
        });
    });
    for guard in guards.unwrap().join() {
        guard.unwrap();
    }
    let (records, deleted) = std::mem::take(&mut *result.lock().unwrap());
    (records, deleted.values().sum())
}

#[test]
fn an_error_at_one_worker_ends_the_thinning_of_all() {
    for (by_planes, hows) in [(false, &[0, 1, 3][..]), (true, &[0, 1, 3])] {
        for &workers in hows {
            let (records, all) = thinned_until(u64::MAX, by_planes, how(workers));
            assert_eq!(records, 32, "without an error");
            let (records, deleted) = thinned_until(1, by_planes, how(workers));
            assert_eq!(records, 0, "by planes: {by_planes}, workers: {workers}");
            assert!(deleted < all, "by planes: {by_planes}, workers: {workers}: {deleted} of {all}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn rounds_are_received_as_they_are_sent_or_refused(
        messages in prop::collection::vec(messages(), 0..4), to: usize, number: u64, busy: bool, changes in changes(),
    ) {
        let round = Round { to, number, messages, busy, active: to / 2, horizon: to / 3, deleted: to / 5, failed: to % 2 == 1 };
        assert_is_sent_and_received(&round);
        assert_garbled_bytes_are_refused(&round, &changes);
    }


    #[test]
    fn chunks_and_workers_do_not_change_the_skeleton(
        shape in [1usize..6, 3usize..12, 3usize..12],
        chunk in [1usize..6, 1usize..8, 1usize..8],
        seed: u64,
        density in 20u64..95,
        workers in 0usize..4,
    ) {
        for method in methods(shape) {
            let volumes = histories(shape, chunk, seed, density, 0);
            let plan = |chunk| ThinningPlan { grid: Grid::new(Region::of_shape(shape), chunk), method, keep: false };
            let whole = skeletons(in_chunks, plan(shape), &volumes, Communication::Thread);
            prop_assert_eq!(skeletons(in_chunks, plan(chunk), &volumes, how(workers)), whole);
        }
    }

    #[test]
    fn planes_that_workers_hand_on_give_the_same_skeleton(
        shape in [2usize..30, 3usize..12, 3usize..12],
        chunk in [1usize..8, 1usize..8, 1usize..8],
        seed: u64,
        density in 0u64..95,
        workers in 0usize..5,
        epochs in 0usize..3,
    ) {
        let volumes = histories(shape, chunk, seed, density, epochs);
        let grid = Grid::new(Region::of_shape(shape), chunk);
        for method in in_space() {
            let plan = ThinningPlan { grid, method, keep: false };
            let chunks = skeletons(in_chunks, plan, &volumes, Communication::Thread);
            let plan = ThinningPlan { grid: grid.among(if workers == 0 { 2 } else { 1 }), ..plan };
            prop_assert_eq!(skeletons(in_planes, plan, &volumes, how(workers)), chunks);
        }
    }

    #[test]
    fn edits_end_in_the_skeleton_of_a_run_from_scratch(
        shape in [1usize..8, 6usize..16, 6usize..16],
        chunk in [2usize..5, 2usize..6, 3usize..8],
        seed: u64,
        density in 30u64..95,
        workers in 0usize..4,
        edits in 1usize..5,
    ) {
        for method in methods(shape) {
            let volumes = histories(shape, chunk, seed, density, edits);
            let plan = |keep| ThinningPlan { grid: Grid::new(Region::of_shape(shape), chunk), method, keep };
            let scratch = skeletons(in_chunks, plan(false), &volumes, Communication::Thread);
            prop_assert_eq!(skeletons(in_chunks, plan(true), &volumes, how(workers)), scratch);
        }
    }

    #[test]
    fn first_masks_thinned_by_planes_leave_what_thinning_by_chunks_leaves(
        shape in [16usize..30, 3usize..12, 3usize..12],
        chunk in [1usize..9, 2usize..8, 2usize..8],
        seed: u64,
        density in 0u64..95,
        workers in 0usize..3,
        edits in 0usize..4,
        starts_empty: bool,
    ) {
        let mut volumes = histories(shape, chunk, seed, density, edits);
        // The first masks reach through as many planes as all workers need.
        let last = volumes[0].len() - 1;
        (volumes[0][0], volumes[0][last]) = (true, true);
        if starts_empty {
            volumes.insert(0, vec![false; volumes[0].len()]);
        }
        let processes = if workers == 0 { 2 } else { 1 };
        let grid = Grid::new(Region::of_shape(shape), chunk).among(processes);
        for method in in_space() {
            let by_planes = kept(grid, method, &volumes, true, how(workers));
            let by_chunks = kept(grid, method, &volumes, false, how(workers));
            prop_assert_eq!(by_planes, Kept { by_planes: true, ..by_chunks });
        }
    }

    #[test]
    fn a_first_sweep_that_was_killed_again_and_again_leaves_what_one_does_that_was_not(
        shape in [40usize..90, 3usize..12, 3usize..12],
        chunk in [1usize..20, 2usize..8, 2usize..8],
        seed: u64,
        density in 1u64..95,
        workers in 1usize..4,
        edits in 0usize..3,
        rounds in prop::collection::vec(1u64..12, 0..4),
    ) {
        const ALWAYS: Rhythm = Rhythm { pause: Duration::ZERO, rest: 0, keeps_short: true };
        const NEVER: Rhythm = Rhythm { pause: Duration::from_secs(3600), rest: 0, keeps_short: false };
        let mut volumes = histories(shape, chunk, seed, density, edits);
        let last = volumes[0].len() - 1;
        (volumes[0][0], volumes[0][last]) = (true, true);
        let grid = Grid::new(Region::of_shape(shape), chunk);
        let folder = tempfile::tempdir().unwrap();
        for method in in_space() {
            let sweep = |rhythm| KeptSweep::with_rhythm(folder.path().join("sweep"), workers, rhythm);
            let with = |sweeping: &Sweeping, volumes: &[Volume]| {
                kept_with(Some(sweeping.clone()), grid, method, volumes, true, how(workers))
            };
            let kills = rounds.iter().map(|&round| Killed::InRound(round)).chain([Killed::AtTheEnd]);
            for killed in kills {
                with(&Sweeping::new(&sweep(ALWAYS), killed), &volumes[..1]);
            }
            let (sweep, whole) = (sweep(NEVER), kept(grid, method, &volumes, true, how(workers)));
            prop_assert_eq!(with(&Sweeping::new(&sweep, Killed::Never), &volumes), whole);
            prop_assert!(sweep.of_masks(0).is_some_and(|kept| kept.has_snapshot()), "it went on from what was kept");
            sweep.remove();
            prop_assert!(!folder.path().join("sweep").exists());
        }
    }
}
