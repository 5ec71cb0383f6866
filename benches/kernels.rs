//! Cost of thinning, on one thread and without timely: nanoseconds per voxel, per deletion, per test of a neighbourhood
//! and per decision that crosses a seam. Measured for sparse tubes and a dense mask, with Lee's method and the
//! homotopic one, and for all methods on images.
//!
//! The tubes are the library's phantom: about 5 % of the volume, radii up to 14. The dense mask is noise, smoothed with
//! sigma 3 and thresholded at its median: thick, touching sheets. A decision that crosses a seam is one about a voxel
//! of a neighbouring chunk; its cost is the additional time of thinning in chunks compared with thinning in one piece.
//!
//!     cargo bench --no-default-features --bench kernels -- [EDGE [ROUNDS [NAME]]]
//!
//! EDGE is the edge of the volumes in voxels (256), ROUNDS the number of times that each is thinned (5, of which the
//! shortest counts). With NAME (`tubes`, `dense`, `image` or `tests`) only measurements whose names begin with it are
//! made.

mod images;

use std::collections::{BTreeMap, VecDeque};
use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Instant;

use anabranch::grid::{ChunkId, Grid};
use anabranch::kernel::mask::Mask;
use anabranch::kernel::phantom::PhantomTree;
use anabranch::kernel::thin::lee::Retest;
use anabranch::kernel::thin::method::Method;
use anabranch::kernel::thin::neighbourhood::{Tests, is_endpoint, is_euler_invariant, is_simple};
use anabranch::kernel::thin::partition::Partition;
use anabranch::kernel::thin::planes::{Passage, Plane, PlaneLayout, Sweep};
use anabranch::space::Region;
use ndarray::Array3;

use images::{above, masks, uniform};

type Masks = BTreeMap<ChunkId, Option<Mask>>;

/// The masks of an image, for thinning.
fn changes(image: &Array3<u8>, grid: &Grid) -> Masks {
    masks(image, grid).into_iter().map(|(id, mask)| (id, Some(mask))).collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let number = |at: usize, otherwise| arguments.get(at).map_or(otherwise, |a| a.parse().expect("a number"));
    let (edge, rounds) = (number(0, 256), number(1, 5));
    let wanted = |name: &str| arguments.get(2).is_none_or(|only| name.starts_with(only.as_str()));
    if wanted("tubes") || wanted("tests") {
        let tree = PhantomTree::new(&[edge; 3], 1, None, Some(14.0)).expect("a phantom");
        let tubes = tree.mask(&Region::of_shape([edge; 3]));
        measure("tubes", &tubes, Method::Lee, rounds, &wanted);
        measure("tubes, homotopic", &tubes, Method::Homotopic, rounds, &wanted);
    }
    if wanted("dense") || wanted("tests") {
        let dense = sheets([edge; 3], 3.0);
        measure("dense", &dense, Method::Lee, rounds, &wanted);
        measure("dense, homotopic", &dense, Method::Homotopic, rounds, &wanted);
    }
    if wanted("image") {
        let image = sheets([1, 16 * edge, 16 * edge], 2.0);
        measure("image, Zhang and Suen", &image, Method::Zhang, rounds, &wanted);
        measure("image, Lee", &image, Method::LeePlanar, rounds, &wanted);
        measure("image, homotopic", &image, Method::HomotopicPlanar, rounds, &wanted);
    }
}

/// Noise from a generator with a fixed seed, smoothed and thresholded at its median.
fn sheets(shape: [usize; 3], sigma: f64) -> Array3<u8> {
    let noise = Array3::from_shape_simple_fn(shape, uniform());
    let sigma = [if shape[0] == 1 { 0.0 } else { sigma }, sigma, sigma];
    above(&noise, sigma, noise.len() / 2)
}

fn count<'a>(masks: impl Iterator<Item = &'a Mask>) -> usize {
    masks.map(Mask::count).sum()
}

/// CPU time of this thread in nanoseconds, if the system has it (Linux); otherwise wall time.
fn now() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = spent.and_then(|text| text.split(' ').next().and_then(|word| word.parse().ok()));
    spent.unwrap_or_else(|| START.elapsed().as_nanos() as f64)
}

/// Time to thin, number of skeleton voxels, and number of decisions that crossed seams.
fn thin(masks: &Masks, grid: Grid, method: Method, rounds: usize) -> (f64, usize, usize) {
    let mut least = f64::INFINITY;
    let mut skeleton = 0;
    for _ in 0..rounds {
        let (own, mut partition) = (masks.clone(), Partition::new(grid, method, false));
        let start = now();
        let thinned = partition.thin(own);
        least = least.min(now() - start);
        skeleton = count(thinned.iter().map(|(_, mask)| mask));
    }
    // Decisions at seams are recorded only if the partition keeps them.
    let mut kept = Partition::new(grid, method, true);
    kept.thin(masks.clone());
    let logs = masks.keys().filter_map(|id| kept.kept(*id)).map(|(_, log)| &log.received);
    let decisions = logs.map(|log| (0..log.len()).map(|s| log.at(s).len()).sum::<usize>()).sum();
    (least, skeleton, decisions)
}

/// Time to thin a volume plane by plane, like a single worker, and number of skeleton voxels.
fn thin_in_planes(mask: &Mask, retest: Retest, rounds: usize) -> (f64, usize) {
    let shape = mask.layout().shape;
    let layout = PlaneLayout::new(shape);
    let mut laid = vec![Plane::default(); shape[0]];
    laid.iter_mut().enumerate().for_each(|(z, plane)| plane.paste(&layout, mask, z, [0; 2]));
    let (mut least, mut skeleton) = (f64::INFINITY, 0);
    for _ in 0..rounds {
        let (mut planes, mut sweep) = (laid.clone().into_iter(), Sweep::new(layout, layout.steps(1, 1), 0, retest));
        let start = now();
        let mut passed = VecDeque::new();
        let thinned = loop {
            while sweep.wants_planes() {
                let Some(plane) = planes.next() else { break };
                sweep.receive(Passage { stage: 0, plane }, &mut |passage| passed.push_back(passage));
            }
            sweep.work(&mut |passage| passed.push_back(passage));
            while let Some(passage) = passed.pop_front() {
                sweep.receive(passage, &mut |passage| passed.push_back(passage));
            }
            if let Some(thinned) = sweep.take_finished() {
                break thinned;
            }
        };
        least = least.min(now() - start);
        skeleton = thinned.into_planes().map(|plane| plane.count()).sum();
    }
    (least, skeleton)
}

fn measure(name: &str, image: &Array3<u8>, method: Method, rounds: usize, wanted: &impl Fn(&str) -> bool) {
    let (depth, height, width) = image.dim();
    let shape = [depth, height, width];
    // The chunk shape of runs with several processes.
    let chunk = if depth == 1 { [1, 1024, 1024] } else { [64, 64, 256] };
    let chunked = Grid::new(Region::of_shape(shape), chunk);
    let whole = Grid::new(Region::of_shape(shape), shape);
    let whole_masks = changes(image, &whole);
    let foreground = count(whole_masks.values().flatten());
    println!("{name}: {shape:?}, {:.1} % foreground", foreground as f64 * 100.0 / image.len() as f64);
    if wanted(name) {
        let (one, skeleton, _) = thin(&whole_masks, whole, method, rounds);
        let (many, skeleton_again, decisions) = thin(&changes(image, &chunked), chunked, method, rounds);
        assert_eq!(skeleton, skeleton_again, "chunks change the skeleton");
        let deleted = (foreground - skeleton) as f64;
        println!("  in one piece   {:>8.1} ms {:>7.2} ns a deletion", one / 1e6, one / deleted);
        println!(
            "  in chunks      {:>8.1} ms {:>7.2} ns a deletion {:>6.3} ns a voxel {:>7.1} ns a seam decision",
            many / 1e6,
            many / deleted,
            many / image.len() as f64,
            (many - one) / decisions as f64,
        );
        if let Some(retest) = method.retest_by_planes() {
            let whole = whole_masks.values().flatten().next().expect("one mask");
            let (passing, skeleton_again) = thin_in_planes(whole, retest, rounds);
            assert_eq!(skeleton, skeleton_again, "planes change the skeleton");
            println!("  in planes      {:>8.1} ms {:>7.2} ns a deletion", passing / 1e6, passing / deleted);
        }
        println!("  {deleted} deletions, {decisions} seam decisions, {skeleton} skeleton voxels");
    }
    if wanted("tests") {
        whole_masks.values().flatten().for_each(|mask| measure_tests(mask, rounds));
    }
}

/// Time to read a neighbourhood and to test it, for voxels with background before or after them in their row.
fn measure_tests(mask: &Mask, rounds: usize) {
    let places: Vec<usize> = mask.own_bits().filter(|&bit| !mask.get(bit - 1) || !mask.get(bit + 1)).collect();
    let found: Vec<u32> = places.iter().map(|&bit| mask.neighbourhood(bit)).collect();
    // The clock of a thread's CPU time is coarse.
    let times = 20_000_000 / places.len().max(1) + 1;
    let shortest = |call: &dyn Fn() -> usize| -> (f64, usize) {
        let mut least = f64::INFINITY;
        let mut given = 0;
        for _ in 0..rounds {
            let start = now();
            (0..times).for_each(|_| given = black_box(call()));
            least = least.min(now() - start);
        }
        (least / (times * places.len()) as f64, given)
    };
    let (time, _) = shortest(&|| places.iter().map(|&bit| mask.neighbourhood(bit) as usize).fold(0, |a, b| a ^ b));
    print!("  {} tests: neighbourhood {time:.1} ns", places.len());
    let test = |name: &str, test: fn(u32) -> bool| {
        let (time, held) = shortest(&|| found.iter().filter(|&&n| test(n)).count());
        print!(", {name} {time:.1} ns ({:.0} % hold)", held as f64 * 100.0 / found.len() as f64);
    };
    test("endpoint", is_endpoint);
    test("Euler", is_euler_invariant);
    test("simple", is_simple);
    test("all three", |neighbourhood| Tests::get().is_deletable(neighbourhood));
    println!();
}
