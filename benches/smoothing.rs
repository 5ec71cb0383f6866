//! Cost of making masks of gray chunks: nanoseconds per voxel.
//!
//! Every image is cut into chunks of 64 voxels a side with the halo that a sigma of 1 needs. `smooth` is smoothing
//! alone, all of it in `f64`; `mask` is smoothing, threshold and packing as in a run, without keeping values of the
//! foreground; `keep` is the same with these values; `project` is a chunk's contribution to the overview. The phantom
//! is mostly dark, with the threshold between its background and its vessels; half of the noise is foreground.
//!
//!     cargo bench --no-default-features --bench smoothing

use std::hint::black_box;
use std::time::Instant;

use anabranch::chunk::{Dtype, Voxels};
use anabranch::grid::Grid;
use anabranch::kernel::image::project::Projections;
use anabranch::kernel::mask::binarise::Binarise;
use anabranch::kernel::mask::smooth::Gaussian;
use anabranch::kernel::mask::threshold::Threshold;
use anabranch::kernel::phantom::PhantomTree;
use anabranch::space::Region;
use ndarray::Array3;

/// Voxels along the sides of an image.
const SIDE: usize = 192;
/// Voxels along the sides of a chunk.
const CHUNK: usize = 64;

/// A chunk's own box, and the values of the box around it.
struct Padded {
    own: Region,
    region: Region,
    voxels: Voxels,
}

/// Nanoseconds per voxel, from each chunk's shortest time of several rounds, to exclude other work on the machine.
fn shortest(chunks: &[Padded], mut work: impl FnMut(&Padded)) -> f64 {
    const ROUNDS: usize = 15;
    let mut shortest = vec![f64::INFINITY; chunks.len()];
    for _ in 0..ROUNDS {
        for (chunk, shortest) in chunks.iter().zip(&mut shortest) {
            let start = Instant::now();
            work(chunk);
            *shortest = shortest.min(start.elapsed().as_nanos() as f64);
        }
    }
    shortest.iter().sum::<f64>() / chunks.iter().map(|chunk| chunk.own.volume() as f64).sum::<f64>()
}

/// Uncorrelated values around 1000.
fn noise() -> Voxels {
    let mut state = 1u64;
    Voxels::U16(Array3::from_shape_simple_fn([SIDE; 3], || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 53) as u16
    }))
}

fn main() {
    let bounds = Region::of_shape([SIDE; 3]);
    let Ok(tree) = PhantomTree::new(&[SIDE; 3], 1, None, None) else { return };
    println!("{:10} {:>9} {:>8} {:>8} {:>8} {:>8}", "image", "threshold", "smooth", "mask", "keep", "project");
    for (name, image, threshold) in
        [("phantom", Voxels::U16(tree.gray(&bounds)), 10000.0), ("noise", noise(), 1023.5), ("dark", noise(), 30000.0)]
    {
        let Ok(gaussian) = Gaussian::new([1.0; 3]) else { return };
        let mut kernel = Binarise {
            gaussian: Some(gaussian.clone()),
            threshold: Threshold::Above(threshold),
            bounds,
            dtype: Dtype::U16,
            fill: 0.0,
            keep: 0,
        };
        let grid = Grid::new(bounds, [CHUNK; 3]);
        let padded = |own: Region| {
            let region = own.dilated(kernel.depth()).intersection(&bounds);
            Padded { own, region, voxels: image.part(&region) }
        };
        let chunks: Vec<Padded> = grid.chunks().map(|id| padded(grid.region(id))).collect();
        let mut smoothing = kernel.clone();
        let smooth = shortest(&chunks, |c| drop(black_box(smoothing.smooth(&c.voxels, &c.region, &c.own))));
        let mask = shortest(&chunks, |c| drop(black_box(kernel.mask(Some(&c.voxels), &c.region, &c.own))));
        let keep = shortest(&chunks, |c| {
            kernel.keep = usize::MAX;
            drop(black_box(kernel.mask(Some(&c.voxels), &c.region, &c.own)));
        });
        let mut overview = Projections::new(bounds, 3);
        let project = shortest(&chunks, |c| overview.add_own(&c.own, &c.region, Some(&c.voxels), 0.0));
        println!("{name:10} {threshold:9.1} {smooth:8.3} {mask:8.3} {keep:8.3} {project:8.3}");
    }
}
