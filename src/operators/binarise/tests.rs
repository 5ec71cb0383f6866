//! Masks that are made tier by tier, compared with those of whole chunks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use ndarray::Array3;
use proptest::prelude::*;
use timely::dataflow::operators::Inspect;

use super::*;
use crate::chunk::{Dtype, Voxels};
use crate::kernel::mask::smooth::Gaussian;
use crate::kernel::mask::threshold::Threshold;
use crate::operators::overlap::OverlapChunks;
use crate::operators::read::{ReadChunks, Selection};
use crate::operators::window::Window;
use crate::store::Source;
use crate::store::memory::MemorySource;

/// How masks are made.
#[derive(Clone, Debug)]
struct Way {
    chunk: [usize; 3],
    tiers: usize,
    chunks: Selection,
    workers: usize,
    kernel: Binarise,
}

/// What came of each chunk.
#[derive(Debug, Default, PartialEq)]
struct Found {
    masks: BTreeMap<ChunkId, Option<Vec<usize>>>,
    strong: BTreeMap<ChunkId, Vec<usize>>,
    /// The values of the foreground.
    foregrounds: BTreeMap<ChunkId, Vec<f64>>,
    /// The voxels that were seen before.
    seen: BTreeMap<ChunkId, usize>,
    /// Chunks, and voxels of their foreground.
    made: BTreeMap<ChunkId, usize>,
}

/// Adds to what came.
struct Seen(Grid, Arc<Mutex<Found>>);

impl Watch for Seen {
    fn see(&mut self, padded: &Padded) {
        assert!(padded.missing == 0, "no chunk is without its surroundings");
        *self.1.lock().unwrap().seen.entry(self.0.chunk_at(padded.own.min)).or_default() += padded.own.volume();
    }

    fn made(&mut self, chunk: ChunkId, binary: Option<&Binary>) {
        let before = self.1.lock().unwrap().made.insert(chunk, binary.map_or(0, |binary| binary.count));
        assert_eq!(before, None, "a chunk is made once");
    }
}

fn values(mask: &Mask, foreground: &Foreground, image: &Array3<u16>) -> Vec<f64> {
    let of_image = |p: [i64; 3]| f64::from(image[p.map(|p| p as usize)]);
    let positions = mask.own_bits().map(|bit| mask.layout().position(bit));
    match foreground {
        Foreground::Constant(value) => positions.map(|_| *value as f64).collect(),
        Foreground::Varying => positions.map(of_image).collect(),
        Foreground::Kept(kept) => match kept.values() {
            Voxels::U16(values) => positions.map(|p| f64::from(values[kept.place(p)])).collect(),
            other => panic!("{other:?}"),
        },
    }
}

fn made(image: &Array3<u16>, way: &Way) -> Found {
    let Way { chunk, tiers, chunks, workers, kernel } = way.clone();
    let shape: [usize; 3] = image.dim().into();
    let source: Arc<dyn Source> = Arc::new(MemorySource::of(Voxels::U16(image.clone()), 3));
    let (grid, window, failure) = (Grid::new(Region::of_shape(shape), chunk), Window::new(1), Failure::default());
    let found: Arc<Mutex<Found>> = Arc::default();
    let (result, reported) = (Arc::clone(&found), failure.clone());
    let masks: Arc<Mutex<BTreeMap<ChunkId, Mask>>> = Arc::default();
    let foregrounds: Arc<Mutex<BTreeMap<ChunkId, Foreground>>> = Arc::default();
    let (all, known) = (Arc::clone(&masks), Arc::clone(&foregrounds));
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let (kernel, depth, tiers) = (kernel.clone(), kernel.depth(), grid.in_tiers(tiers));
        let [masked, strong, seen] = std::array::from_fn(|_| Arc::clone(&found));
        let (held, known) = (Arc::clone(&masks), Arc::clone(&foregrounds));
        worker.dataflow::<u64, _, _>(|scope| {
            let binaries = scope
                .read_chunks(source.clone(), grid, depth, chunks.clone(), window.clone(), failure.clone())
                .overlap(tiers, depth, chunks.clone(), Dtype::U16, 0.0, &window)
                .binarise_within(Some(tiers), kernel, |mask, _| Ok(Some(mask)), failure.clone(), Seen(grid, seen));
            binaries.masks.inspect(move |(id, change)| {
                let mask = if let Change::Mask(mask) = change { Some(mask) } else { None };
                held.lock().unwrap().extend(mask.map(|mask| (*id, Mask::clone(mask))));
                let bits = mask.map(|mask| mask.own_bits().collect());
                assert!(masked.lock().unwrap().masks.insert(*id, bits).is_none(), "a mask comes once");
            });
            binaries.strong.inspect(move |(id, mask)| {
                let bits = mask.iter().flat_map(|mask| mask.own_bits()).collect();
                strong.lock().unwrap().strong.insert(*id, bits);
            });
            binaries.foregrounds.inspect(move |(id, foreground)| {
                known.lock().unwrap().insert(*id, foreground.clone());
            });
        });
    });
    guards.expect("workers start").join().into_iter().for_each(|result| result.expect("a worker ends"));
    assert!(!reported.happened());
    let (masks, known) = (all.lock().unwrap(), known.lock().unwrap());
    let mut found = std::mem::take(&mut *result.lock().unwrap());
    found.foregrounds = known.iter().map(|(id, foreground)| (*id, values(&masks[id], foreground, image))).collect();
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn tiers_make_the_masks_of_whole_chunks(
        shape in [1usize..20, 1..9, 1..70],
        (thickness, [height, width]) in (prop::sample::select(vec![4usize, 6, 8]), [2usize..6, 20..40]),
        sigma in [0.0..1.2, 0.0..1.2, 0.0..0.6],
        some in prop::option::of(prop::collection::vec(any::<bool>(), 60)),
        (workers, keep) in (1usize..4, prop::sample::select(vec![0, 3000, usize::MAX])),
        threshold in prop::sample::select(vec![
            Threshold::Above(3.0), Threshold::AtMost(2.0), Threshold::Hysteresis { low: 2.5, high: 4.0 },
        ]),
        seed in any::<u64>(),
    ) {
        let value = |z: usize, y: usize, x: usize| {
            let mixed = (seed ^ (z * 7919 + y * 104_729 + x / 3) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            ((mixed >> 32) % 7) as u16
        };
        let image = Array3::from_shape_fn(shape, |(z, y, x)| value(z, y, x));
        let (bounds, chunk) = (Region::of_shape(shape), [thickness, height, width]);
        let chunks = some.map_or(Selection::All, |some| {
            let all = Grid::new(bounds, chunk).chunks();
            Selection::Some(Arc::new(all.zip(some).filter(|(_, is_in)| *is_in).map(|(id, _)| id).collect::<BTreeSet<_>>()))
        });
        let gaussian = Some(Gaussian::new(sigma).unwrap());
        let kernel = Binarise { gaussian, threshold, bounds, dtype: Dtype::U16, fill: 0.0, keep };
        let whole = Way { chunk, tiers: 1, chunks, workers, kernel };
        let expected = made(&image, &whole);
        for tiers in (2..=chunk[0]).filter(|count| chunk[0].is_multiple_of(*count)) {
            prop_assert_eq!(&made(&image, &Way { tiers, ..whole.clone() }), &expected, "{} tiers", tiers);
        }
    }
}
