//! Cost of radii, on one thread and without timely: nanoseconds per skeleton voxel, for sparse tubes, for a dense mask,
//! and for a solid ball, in the chunks of runs and in others.
//!
//! The tubes are the library's phantom: about 5 % of the volume, radii up to 14. The dense mask is noise, smoothed with
//! sigma 6, above the quantile that leaves 27 %: as thick as in scripts/bench_peers.py. The ball has a radius of 0.45
//! times the edge.
//!
//!     cargo bench --no-default-features --bench distance -- [EDGE [ROUNDS [NAME]]]
//!
//! EDGE is the edge of the volumes in voxels (256), ROUNDS the number of times that radii are found (5, of which the
//! shortest counts). With NAME (`tubes`, `dense` or `ball`) only measurements whose names begin with it are made; NAME
//! may also be the path of a mask in an `.npy` file.

mod images;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anabranch::chunk::Voxels;
use anabranch::grid::{ChunkId, Grid};
use anabranch::kernel::mask::Mask;
use anabranch::kernel::measure::distance::{Distances, Original, Ruler, Space};
use anabranch::kernel::measure::radii::Radii;
use anabranch::kernel::phantom::PhantomTree;
use anabranch::kernel::thin::method::Method;
use anabranch::kernel::thin::partition::Partition;
use anabranch::space::{Region, Spacing, Voxel};
use anabranch::store::OpenOptions;
use anabranch::store::{Source, npy};
use ndarray::Array3;

use images::{above, masks, uniform};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let number = |at: usize, otherwise| arguments.get(at).map_or(otherwise, |a| a.parse().expect("a number"));
    let (edge, rounds) = (number(0, 256), number(1, 5));
    let name = arguments.get(2).map_or("", |name| name.as_str());
    let wanted = |what: &str| what.starts_with(name);
    if wanted("tubes") {
        let tree = PhantomTree::new(&[edge; 3], 1, None, Some(14.0)).expect("a phantom");
        measure("tubes", &tree.mask(&Region::of_shape([edge; 3])), rounds);
    }
    if wanted("dense") {
        measure("dense", &blobs([edge; 3], 6.0, 0.73), rounds);
    }
    if wanted("ball") {
        let middle = edge as f64 / 2.0;
        let from_middle = |n: usize| (n as f64 - middle).powi(2);
        let inside = |(z, y, x)| from_middle(z) + from_middle(y) + from_middle(x) < (0.9 * middle).powi(2);
        measure("ball", &Array3::from_shape_fn([edge; 3], |place| u8::from(inside(place))), rounds);
    }
    if Path::new(name).extension().is_some_and(|extension| extension == "npy") {
        let source = npy::open(name, &OpenOptions::default()).expect("an image");
        let region = Region::of_shape(source.description().shape);
        let chunk = source.read(&region).expect("an image that can be read");
        let Some(Voxels::U8(mask)) = chunk.map(|chunk| chunk.voxels) else { panic!("a mask of u8") };
        measure(name, &mask, rounds);
    }
}

/// Noise from a generator with a fixed seed, smoothed and thresholded at a quantile.
fn blobs(shape: [usize; 3], sigma: f64, quantile: f64) -> Array3<u8> {
    let mut uniform = uniform();
    // Approximately normal: the sum of four uniform numbers.
    let noise = Array3::from_shape_simple_fn(shape, || (0..4).map(|_| uniform()).sum::<f32>());
    above(&noise, [sigma; 3], (noise.len() as f64 * quantile) as usize)
}

/// The radii at the voxels of a skeleton, and the times for reading the masks and for finding the radii.
fn radii(
    masks: &BTreeMap<ChunkId, Arc<Mask>>,
    skeletons: &BTreeMap<ChunkId, Vec<Voxel>>,
    space: &Space,
) -> (Vec<Radii>, [f64; 2]) {
    let start = Instant::now();
    let originals: BTreeMap<ChunkId, Original> =
        masks.iter().map(|(&id, mask)| (id, Original::new(Some(Arc::clone(mask))))).collect();
    let taken = Instant::now();
    let known = |chunk| Some(originals.get(&chunk).cloned().unwrap_or_default());
    let found = skeletons.iter().map(|(&id, voxels)| {
        let mut distances = Distances::new(space.clone(), id, voxels.clone());
        assert!(distances.search(known).is_empty());
        distances.radii()
    });
    let found = found.collect();
    (found, [taken - start, taken.elapsed()].map(|time| time.as_nanos() as f64))
}

fn measure(name: &str, image: &Array3<u8>, rounds: usize) {
    let (depth, height, width) = image.dim();
    let bounds = Region::of_shape([depth, height, width]);
    let whole = Grid::new(bounds, [64, 64, 256]);
    let thinned = Partition::new(whole, Method::Lee, false)
        .thin(masks(image, &whole).into_iter().map(|(id, mask)| (id, Some(mask))).collect());
    let voxels: Vec<Voxel> = thinned.iter().flat_map(|(_, mask)| mask.own_voxels()).collect();
    let inside = image.iter().filter(|value| **value != 0).count();
    println!(
        "{name}: {:?}, {:.1} % foreground, {} skeleton voxels",
        [depth, height, width],
        inside as f64 * 100.0 / image.len() as f64,
        voxels.len()
    );
    for (chunk, spacing) in
        [([64, 64, 256], [1.0; 3]), ([64; 3], [1.0; 3]), ([512; 3], [1.0; 3]), ([64, 64, 256], [0.5, 0.684, 0.684])]
    {
        let grid = Grid::new(bounds, chunk);
        let space = Space { grid, bounds, ruler: Ruler::new(Spacing(spacing)) };
        let masks = masks(image, &grid).into_iter().map(|(id, mask)| (id, Arc::new(mask))).collect();
        let mut skeletons: BTreeMap<ChunkId, Vec<Voxel>> = BTreeMap::new();
        for voxel in &voxels {
            skeletons.entry(grid.chunk_at(voxel.position())).or_default().push(*voxel);
        }
        skeletons.values_mut().for_each(|voxels| voxels.sort_unstable());
        let mut least = [f64::INFINITY; 2];
        let (mut sum, mut largest) = (0.0, 0f64);
        for _ in 0..rounds {
            let (found, times) = radii(&masks, &skeletons, &space);
            least = [0, 1].map(|at| least[at].min(times[at]));
            let all = || found.iter().flat_map(|radii| (0..).map_while(|place| radii.at(place)));
            sum = all().map(|radius| radius.get()).sum();
            largest = all().map(|radius| radius.get()).fold(0.0, f64::max);
        }
        let count = voxels.len() as f64;
        println!(
            "  chunk {chunk:?}, spacing {spacing:?}: masks {:.1} ms, radii {:.1} ms, {:.0} ns a voxel; mean {:.4}, largest {largest:.2}",
            least[0] / 1e6,
            least[1] / 1e6,
            least[1] / count,
            sum / count,
        );
    }
}
