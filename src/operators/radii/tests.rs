//! Radii by any chunks and workers, and after any edits, against the definition on what is there in the end.

use std::collections::BTreeSet;
use std::sync::Mutex;

use proptest::prelude::*;
use timely::CommunicationConfig as Communication;
use timely::dataflow::operators::{Input, Inspect, Probe};

use super::*;
use crate::checkpoint::{Checkpoint, TeamSize};
use crate::kernel::mask::recalled::RecallMasks;
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::measure::distance::Original;
use crate::kernel::measure::numbers::{InOrder, Numbers};
use crate::kernel::measure::radii::Radius;
use crate::operators::attic::Attic;
use crate::operators::failure::Failure;
use crate::space::{Position, Region, Voxel};
use crate::wire::tests::{assert_garbled_bytes_are_refused, assert_is_sent_and_received, changes};

/// Where foreground and skeleton are, inside some bounds.
#[derive(Clone, Debug)]
struct Scene {
    bounds: Region,
    foreground: BTreeSet<Voxel>,
    skeleton: BTreeSet<Voxel>,
}

/// Radii by voxel, with a number that another channel has there.
type Found = BTreeMap<Voxel, (u64, Radius)>;

/// What another channel has at a voxel of a scene.
fn other(scene: &Scene, voxel: Voxel) -> f64 {
    (voxel.position()[2] + scene.bounds.max[0]) as f64
}

fn voxels(region: Region) -> impl Iterator<Item = Position> {
    let [_, ny, nx] = region.shape();
    (0..region.volume()).map(move |i| {
        let place = [i / (ny * nx), i / nx % ny, i % nx];
        std::array::from_fn(|a| region.min[a] + place[a] as i64)
    })
}

/// The definition.
fn defined(scene: &Scene, Spacing(size): Spacing) -> Found {
    let bounds = scene.bounds;
    let background: Vec<_> = voxels(bounds).filter(|&p| !scene.foreground.contains(&Voxel::new(p))).collect();
    let radius = |&voxel: &Voxel| {
        let p = voxel.position();
        let squares = background.iter().map(|q| {
            let [z, y, x] = [0, 1, 2].map(|a| (size[a] * (q[a] - p[a]) as f64).powi(2));
            z + y + x
        });
        let radius = squares.fold(f64::INFINITY, f64::min).sqrt();
        let touches = (0..3).filter(|&a| bounds.shape()[a] > 1).any(|a| {
            [p[a] - bounds.min[a], bounds.max[a] - 1 - p[a]]
                .into_iter()
                .any(|between| between == 0 || (between + 1) as f64 * size[a] < radius)
        });
        (voxel, (other(scene, voxel).to_bits(), Radius::new(radius, touches)))
    };
    scene.skeleton.iter().map(radius).collect()
}

type Numbered = Numbers<InOrder>;
type Measured = (ChunkId, WithRadii<Numbered>);

fn mask(own: Region, scene: &Scene) -> Option<Arc<Mask>> {
    let mut mask = Mask::new(Layout::new(own));
    let inside = scene.foreground.iter().map(|voxel| voxel.position()).filter(|&p| own.contains(p));
    inside.for_each(|p| mask.set(mask.layout().bit_at(p)));
    (mask.count() > 0).then(|| Arc::new(mask))
}

fn skeleton(own: Region, scene: &Scene) -> Option<Arc<Skeleton<Numbered>>> {
    let voxels: Vec<Voxel> = scene.skeleton.iter().copied().filter(|voxel| own.contains(voxel.position())).collect();
    let values = Arc::new(voxels.iter().map(|&voxel| other(scene, voxel)).collect());
    (!voxels.is_empty()).then(|| Arc::new(Skeleton { voxels: voxels.into(), values }))
}

/// The radii after each of some scenes, whose changes are epochs, in chunks.
/// `room` limits the bytes of masks that are held in memory. With `recalls`, the first scene was measured by an earlier
/// dataflow.
fn followed(
    scenes: &[Scene],
    chunk: [usize; 3],
    spacing: Spacing,
    how: Communication,
    room: Option<usize>,
    recalls: bool,
    checkpoint: Option<&Checkpoint>,
) -> Vec<Found> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let attic = Arc::new(Attic::new(folder.path().to_owned(), Failure::default()));
    let store = room.map(|room| Arc::new(MaskStore::new(attic, room)));
    let (all, checkpoint) = (scenes.to_vec(), checkpoint.cloned());
    let processes = if let Communication::ProcessBinary(count) = how { count } else { 1 };
    let grid = Grid::new(scenes[0].bounds, chunk).among(processes);
    let changes: Arc<Mutex<Vec<(usize, Measured, isize)>>> = Arc::default();
    let noted = Arc::clone(&changes);
    let config = timely::Config { communication: how, worker: timely::WorkerConfig::default() };
    let guards = timely::execute(config, move |worker| {
        let (index, peers) = (worker.index(), worker.peers());
        let noted = Arc::clone(&noted);
        let (mut masks, mut bounds, mut known, mut skeletons, probe) = worker.dataflow::<usize, _, _>(|scope| {
            let (masks, mask_stream) = scope.new_input::<Vec<_>>();
            let (bounds, bounds_stream) = scope.new_input::<Vec<_>>();
            let (known, known_stream) = scope.new_input::<Vec<_>>();
            let (skeletons, skeleton_stream) = scope.new_input::<Vec<_>>();
            let (masks_of, measured, store) = (mask_stream, Some(known_stream), store.clone());
            let kept = checkpoint.clone().map(|kept| KeptRadii::new(kept, index, Failure::default()));
            let originals = Originals { masks: masks_of, bounds: bounds_stream, measured, store, kept };
            let measured = skeleton_stream.as_collection().measure_radii(originals, grid, spacing).inner;
            let (probe, _) = measured
                .inspect(move |(skeleton, time, diff)| noted.lock().unwrap().push((*time, skeleton.clone(), *diff)))
                .probe();
            (masks, bounds, known, skeletons, probe)
        });
        let everything = grid.with_bounds(Region::new([-99; 3], [99; 3]));
        for (epoch, scene) in all.iter().enumerate() {
            let before = epoch.checked_sub(1).map(|last| &all[last]);
            if before.is_none_or(|before| before.bounds != scene.bounds) {
                bounds.send(scene.bounds);
            }
            for id in everything.chunks_in(&scene.bounds).filter(|&id| grid.owner(id, peers) == index) {
                let own = grid.whole_region(id);
                let (old, new) = (before.and_then(|before| mask(own, before)), mask(own, scene));
                if recalls && epoch == 0 {
                    if new.is_some() {
                        let first = all[0].clone();
                        let recall = RecallMasks::new(move |id| mask(grid.whole_region(id), &first));
                        let (found, of_chunk) = (defined(scene, spacing), skeleton(own, scene));
                        let radii =
                            of_chunk.map(|skeleton| skeleton.voxels.iter().map(|voxel| found[&voxel].1).collect());
                        known.send((id, MeasuredChunk { mask: recall.of(id), radii }));
                    }
                } else if old != new {
                    masks.send((id, HeldMask::new(new, store.as_ref())));
                }
                let (old, new) = (before.and_then(|before| skeleton(own, before)), skeleton(own, scene));
                if old != new {
                    skeletons.send_batch(&mut old.into_iter().map(|old| ((id, old), epoch, -1)).collect());
                    skeletons.send_batch(&mut new.into_iter().map(|new| ((id, new), epoch, 1)).collect());
                }
            }
            masks.advance_to(epoch + 1);
            bounds.advance_to(epoch + 1);
            known.advance_to(epoch + 1);
            skeletons.advance_to(epoch + 1);
            worker.step_while(|| probe.less_than(&(epoch + 1)));
        }
    });
    drop(guards.map(|guards| guards.join()));
    let changes = changes.lock().unwrap();
    let until = |epoch: usize| {
        let mut there: BTreeMap<&Measured, isize> = BTreeMap::new();
        for (_, skeleton, diff) in changes.iter().filter(|(time, ..)| *time <= epoch) {
            *there.entry(skeleton).or_default() += diff;
        }
        let mut found = Found::new();
        for ((_, skeleton), count) in there.into_iter().filter(|(_, count)| *count != 0) {
            assert_eq!(count, 1);
            for (place, voxel) in skeleton.voxels.iter().enumerate() {
                let number = skeleton.values.0.along(&[place as u32], &[]).numbers().next().expect("a number");
                let radius = skeleton.values.1.at(place).expect("a radius");
                assert!(found.insert(voxel, (number.to_bits(), radius)).is_none());
            }
        }
        found
    };
    // What has not changed does not come out.
    for (place, (time, (id, skeleton), diff)) in changes.iter().enumerate() {
        let again = changes[..place].iter().find(|(t, (i, s), d)| t == time && i == id && s == skeleton && *d == -diff);
        assert!(again.is_none(), "{id:?} comes and goes at {time}");
    }
    (0..scenes.len()).map(until).collect()
}

/// Two workers that exchange bytes as processes do, one worker, or several in a process.
fn how(workers: usize) -> Communication {
    match workers {
        0 => Communication::ProcessBinary(2),
        1 => Communication::Thread,
        _ => Communication::Process(workers),
    }
}

/// Scenes of which each is made from the one before by new content in some box, or by bounds that grow.
fn scenes() -> impl Strategy<Value = Vec<Scene>> {
    let edit = (
        prop::array::uniform3(-8i64..14),
        prop::array::uniform3(1i64..9),
        prop::sample::select(vec![0u64, 40, 90, 100]),
        any::<u64>(),
        prop::option::weighted(0.3, (prop::array::uniform3(0i64..4), prop::array::uniform3(0i64..4))),
    );
    let bounds = (prop::array::uniform3(-5i64..3), prop_oneof![Just([1i64, 14, 14]), prop::array::uniform3(4i64..14)]);
    (bounds, prop::collection::vec(edit, 1..6), 0u64..4).prop_map(|((min, shape), edits, flat)| {
        let bounds = Region::new(min, [0, 1, 2].map(|a| min[a] + shape[a]));
        let mut scene = Scene { bounds, foreground: BTreeSet::new(), skeleton: BTreeSet::new() };
        let mut scenes = Vec::new();
        for (at, (from, shape, density, seed, grown)) in edits.into_iter().enumerate() {
            if let (Some((before, after)), true) = (grown, at > 0) {
                let keep = |a: usize| i64::from(a > 0 || flat > 0);
                let Region { min, max } = scene.bounds;
                scene.bounds = Region::new(
                    [0, 1, 2].map(|a| min[a] - keep(a) * before[a]),
                    [0, 1, 2].map(|a| max[a] + keep(a) * after[a]),
                );
            }
            // The first edit fills all there is.
            let edited = Region::new(from, [0, 1, 2].map(|a| from[a] + shape[a]));
            let edited = if at == 0 { scene.bounds } else { edited.intersection(&scene.bounds) };
            let mut state = seed;
            for p in voxels(edited) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (voxel, draw) = (Voxel::new(p), state >> 33);
                scene.foreground.remove(&voxel);
                scene.skeleton.remove(&voxel);
                if draw % 100 < density.max(if at == 0 { 60 } else { 0 }) {
                    scene.foreground.insert(voxel);
                    if draw / 100 % 5 == 0 {
                        scene.skeleton.insert(voxel);
                    }
                }
            }
            scenes.push(scene.clone());
        }
        scenes
    })
}

fn originals() -> impl Strategy<Value = Original> {
    let mixed = (prop::array::uniform3(-9i64..9), (1usize..4, 1usize..4, 1usize..140), any::<u64>());
    let mixed = mixed.prop_map(|(min, (z, y, x), bits)| {
        let own = Region::of_shape([z, y, x]).shifted(min);
        let mut mask = Mask::new(Layout::new(own));
        for (place, p) in voxels(own).enumerate() {
            if bits.rotate_left(place as u32 % 61) & 1 == 1 {
                mask.set(mask.layout().bit_at(p));
            }
        }
        Original::mixed(Arc::new(mask))
    });
    prop_oneof![Just(Original::Background), Just(Original::Foreground), mixed]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn radii_follow_edits_and_bounds_in_any_chunks(
        scenes in scenes(),
        chunk in prop::array::uniform3(2usize..9),
        spacing in prop::sample::select(vec![[1.0; 3], [0.5, 0.684, 0.684], [5.0, 1.0, 1.0]]),
        workers in 0usize..5,
        room in prop::option::of(0usize..600),
        recalls in any::<bool>(),
    ) {
        let spacing = Spacing(spacing);
        let expected: Vec<Found> = scenes.iter().map(|scene| defined(scene, spacing)).collect();
        prop_assert_eq!(followed(&scenes, chunk, spacing, how(workers), room, recalls, None), expected);
    }

    #[test]
    fn radii_that_an_earlier_run_has_kept_are_not_measured_again(
        scenes in scenes(),
        chunk in prop::array::uniform3(2usize..9),
        workers in 1usize..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let team = TeamSize { processes: 1, workers };
        // Of another mask other radii would be measured.
        let other = Scene { foreground: scenes[0].skeleton.clone(), ..scenes[0].clone() };
        let spacing = Spacing::default();
        let found = [&scenes[0], &other].map(|scene| {
            let checkpoint = Checkpoint::open(folder.path(), 7, team).unwrap();
            let scene = std::slice::from_ref(scene);
            let found = followed(scene, chunk, spacing, how(workers), None, false, Some(&checkpoint)).remove(0);
            found.into_iter().map(|(voxel, (_, radius))| (voxel, radius)).collect::<Vec<_>>()
        });
        let expected: Vec<_> = defined(&scenes[0], spacing).into_iter().map(|(voxel, (_, radius))| (voxel, radius)).collect();
        prop_assert_eq!(found, [expected.clone(), expected]);
    }

    #[test]
    fn rounds_are_received_as_they_are_sent_or_refused(
        ids in prop::collection::vec(prop::array::uniform3(-9i64..9).prop_map(ChunkId::at), 0..5),
        number: u64,
        busy: bool,
        answers in prop::collection::vec(originals(), 0..4),
        changes in changes(),
    ) {
        let held = |original| (ChunkId::at([1, 2, 3]), mask_store::Held::Original(original));
        let answers = answers.into_iter().map(held).collect();
        let round =
            Round { from: ids.len(), to: 7, number, busy, asks: ids.iter().rev().copied().collect(), edits: ids, answers };
        assert_is_sent_and_received(&round);
        assert_garbled_bytes_are_refused(&round, &changes);
    }
}
