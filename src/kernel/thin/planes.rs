//! Lee's thinning of a whole volume, or the homotopic one, plane by plane, by as many threads as there are, none of which waits for another.
//!
//! The definition is that of [`lee`](crate::kernel::thin::lee): a sub-iteration lists its candidates on the state at its start and decides
//! them in raster order. In that order a plane depends, within a sub-iteration, on the plane above only; and from one
//! sub-iteration to the next on the plane below as well. So the planes can go through the sub-iterations one behind the
//! other, as a loop over space is skewed in time [Wolf and Lam 1991, "A data locality optimizing algorithm"]: a [`Stage`]
//! holds the few planes that are between two of its sub-iterations, in a cache; stages that hand the planes on to each
//! other, in a ring, work at the same time on different sub-iterations of the same volume. Nothing is decided twice, and
//! there are no seams.

mod plane;
mod seams;
mod stage;

pub use self::plane::Plane;
pub use self::seams::SeamWriter;
pub use self::stage::{DIRECTIONS, Stage};
use crate::kernel::mask::around;
use crate::kernel::mask::{Layout, TAIL, low_bits};
use crate::kernel::thin::lee::Runs;
use crate::space::Region;

/// Bytes of planes that a stage may hold: what the second-level cache of one core has room for beside the tables.
const CACHE: usize = 640 << 10;
/// Most sub-iterations of the first stage. More gain nothing.
const MOST_STEPS: usize = 4;
/// The work of a sub-iteration, of that of the one before: about what vessels and noise have.
const FADING: f64 = 0.945;

/// Most bytes that the planes of a volume may take.
const MEMORY: usize = 1 << 29;
/// Planes that a worker needs at least so that none waits for another's.
const PLANES_A_WORKER: usize = 8;

/// How the planes of a volume are laid out in bits, each with a border of one voxel.
#[derive(Clone, Copy, Debug)]
pub struct PlaneLayout {
    depth: usize,
    height: usize,
    width: usize,
    /// Bytes of a padded row.
    stride: usize,
    runs: Runs,
}

impl PlaneLayout {
    /// That of a volume of some shape, along (z, y, x).
    pub fn new([depth, height, width]: [usize; 3]) -> PlaneLayout {
        let layout = Layout::new(Region::of_shape([1, height, width]));
        PlaneLayout { depth, height, width, stride: layout.stride, runs: Runs::new(&layout) }
    }

    /// How many sub-iterations each of so many stages in a ring should do: as many as keep the planes that it holds in a
    /// cache, few enough for all to have planes to work on, and later ones more, since less and less is left to delete.
    pub fn steps(&self, stages: usize) -> Vec<usize> {
        let cached = (CACHE / self.bytes().max(1) / 2).saturating_sub(1);
        let shared = (self.depth / (4 * stages.max(1))).saturating_sub(1);
        let first = cached.min(shared).clamp(1, MOST_STEPS) as i32;
        // Each does this share of what there is to do when the first one begins; the last leaves some.
        let share = (1.0 - FADING.powi(first)).min(0.8 / stages as f64);
        let ends = (1..=stages).map(|stage| ((1.0 - share * stage as f64).ln() / FADING.ln()).round() as usize);
        let mut begin = 0;
        let step = |end: usize| {
            let steps = end.saturating_sub(begin).max(1);
            begin += steps;
            steps
        };
        ends.map(step).collect()
    }

    /// Whether this many workers of one process should thin the volume by planes: these take a bit for every voxel of the
    /// rows that hold foreground, and all workers need planes to work on.
    pub fn suits(&self, workers: usize) -> bool {
        self.bytes().saturating_mul(self.depth) <= MEMORY && self.depth / PLANES_A_WORKER >= workers
    }

    /// Number of planes.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Bytes of a plane.
    pub fn bytes(&self) -> usize {
        (self.height + 2) * self.stride + TAIL
    }

    /// A set of a plane's runs, without any.
    fn no_runs(&self) -> Vec<u64> {
        vec![0; self.runs.words_of_rows(self.height + 2)]
    }

    /// Sets those bits of a row that are set in a word, from a padded position along (y, x) on.
    fn write(&self, bits: &mut [u8], [y, x]: [usize; 2], word: u64) {
        let bit = y * self.stride * 8 + x;
        let bytes = &mut bits[bit >> 3..][..16];
        let wide = u128::from_le_bytes((&*bytes).try_into().expect("sixteen bytes")) | u128::from(word) << (bit & 7);
        bytes.copy_from_slice(&wide.to_le_bytes());
    }

    /// Up to 64 bits of a row from a padded position along (y, x) on.
    fn read(&self, bits: &[u8], [y, x]: [usize; 2], count: usize) -> u64 {
        let bit = y * self.stride * 8 + x;
        around::bits_after(bits, bit >> 3, (bit & 7) as u32) & low_bits(count)
    }
}
