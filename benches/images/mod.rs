//! Images that benches make, and their masks.

use std::collections::BTreeMap;

use anabranch::grid::{ChunkId, Grid};
use anabranch::kernel::mask::smooth::Gaussian;
use anabranch::kernel::mask::{Layout, Mask};
use anabranch::space::Region;
use ndarray::Array3;

/// Numbers below 1 from a generator with a fixed seed.
pub(crate) fn uniform() -> impl FnMut() -> f32 {
    let mut state = 1u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    }
}

/// Where noise, smoothed, lies above the value that stands at a place when all are in order.
pub(crate) fn above(noise: &Array3<f32>, sigma: [f64; 3], place: usize) -> Array3<u8> {
    let region = Region::of_shape(noise.dim().into());
    let mut gaussian = Gaussian::new(sigma).expect("a standard deviation");
    let smoothed = gaussian.smooth(noise.view(), &region, &region, &region);
    let mut values: Vec<f32> = smoothed.iter().copied().collect();
    let limit = *values.select_nth_unstable_by(place, f32::total_cmp).1;
    smoothed.mapv(|value| u8::from(value > limit))
}

/// The bit-packed masks of an image's chunks that have foreground.
pub(crate) fn masks(image: &Array3<u8>, grid: &Grid) -> BTreeMap<ChunkId, Mask> {
    let mut masks: BTreeMap<ChunkId, Mask> = BTreeMap::new();
    for ((z, y, x), _) in image.indexed_iter().filter(|(_, value)| **value != 0) {
        let at = [z as i64, y as i64, x as i64];
        let id = grid.chunk_at(at);
        let mask = masks.entry(id).or_insert_with(|| Mask::new(Layout::new(grid.region(id))));
        mask.set(mask.layout().bit_at(at));
    }
    masks
}
