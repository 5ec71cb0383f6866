//! Volumes that are thinned while they are read, against those that are thinned when all of them is known.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ndarray::Array3;
use proptest::prelude::*;
use timely::dataflow::operators::Inspect;
use timely::dataflow::operators::vec::Map;

use super::*;
use crate::chunk::{Dtype, Voxels};
use crate::kernel::mask::binarise::Binarise;
use crate::kernel::mask::threshold::Threshold;
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

/// The voxels that are left of each chunk with foreground, and whether the last layer was admitted when the first chunk came.
type Left = (BTreeMap<ChunkId, Vec<usize>>, bool);

fn thinned(image: &Array3<u8>, chunk: [usize; 3], depth: usize, workers: usize, retest: Retest, as_read: bool) -> Left {
    let shape: [usize; 3] = image.dim().into();
    let source: Arc<dyn Source> = Arc::new(MemorySource::of(Voxels::U8(image.clone()), 3));
    let (grid, window) = (Grid::new(Region::of_shape(shape), chunk), Window::new(5));
    let found: Arc<Mutex<BTreeMap<ChunkId, Vec<usize>>>> = Arc::default();
    let is_all_admitted: Arc<Mutex<Option<bool>>> = Arc::default();
    let (left, admitted) = (Arc::clone(&found), Arc::clone(&is_all_admitted));
    let guards = timely::execute(timely::Config::process(workers), move |worker| {
        let (left, admitted, seen) = (Arc::clone(&left), Arc::clone(&admitted), window.clone());
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
            let inflow = Inflow { chunks: Selection::All, window: window.clone(), reach };
            let last = grid.shape()[0] as i64 - 1;
            scope
                .read_chunks(source.clone(), grid, [depth; 3], Selection::All, window.clone(), Failure::default())
                .overlap(grid, [depth; 3], Selection::All, Dtype::U8, 0.0, &window)
                .binarise(kernel, move |padded, _| {
                    let layer = padded.chunk.place()[0];
                    assert!(!as_read || seen.admits_layer(layer), "{layer} is read before it is wanted");
                    admitted.lock().unwrap().get_or_insert(seen.admits_layer(last));
                })
                .masks
                .map(|(id, change)| (id, if let Change::Mask(mask) = change { Some(mask) } else { None }))
                .thin_planes(grid, retest, as_read.then_some(inflow), |_: &ThinningCounts| {}, Failure::default())
                .inspect(move |(id, mask)| {
                    let voxels = mask.iter().flat_map(|mask| mask.own_bits()).collect();
                    assert!(left.lock().unwrap().insert(*id, voxels).is_none(), "a chunk comes once");
                });
        });
    });
    guards.expect("workers start").join().into_iter().for_each(|result| result.expect("a worker ends"));
    let left = std::mem::take(&mut *found.lock().unwrap());
    let is_all_admitted = is_all_admitted.lock().unwrap().expect("chunks are read");
    (left, is_all_admitted)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn volumes_are_thinned_while_they_are_read_as_when_all_of_them_is_known(
        shape in [150usize..260, 3usize..9, 3usize..9],
        chunk in [1usize..12, 2usize..8, 2usize..8],
        depth in 0usize..6,
        workers in 1usize..4,
        (seed, density) in (any::<u64>(), 0u64..60),
        retest in prop::sample::select(vec![Retest::Simplicity, Retest::Whole]),
    ) {
        let image = image(shape, seed, density);
        let (all, is_all_admitted) = thinned(&image, chunk, depth, workers, retest, false);
        prop_assert!(is_all_admitted, "reading waits for nothing");
        let (as_read, is_all_admitted) = thinned(&image, chunk, depth, workers, retest, true);
        prop_assert!(!is_all_admitted, "reading waits for thinning");
        prop_assert_eq!(as_read, all);
    }
}

#[test]
fn a_volume_without_foreground_or_with_some_at_its_end_alone_ends() {
    for workers in [1, 2, 3] {
        let mut image = Array3::zeros([500, 4, 5]);
        let (left, _) = thinned(&image, [7, 2, 3], 1, workers, Retest::Simplicity, true);
        assert!(left.is_empty());
        image.slice_mut(ndarray::s![470.., 1.., 1..]).fill(1);
        let [as_read, all] =
            [true, false].map(|as_read| thinned(&image, [7, 2, 3], 1, workers, Retest::Whole, as_read).0);
        assert!(as_read == all && !all.is_empty());
    }
}
