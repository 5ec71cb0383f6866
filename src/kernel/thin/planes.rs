//! Lee's or homotopic thinning of a whole volume in one sweep over its planes, which holds few of them, on any number of
//! threads that do not wait for each other.
//!
//! The definition is that of [`lee`](crate::kernel::thin::lee): a sub-iteration lists its candidates on the state at
//! its start and decides them in raster order. In that order a plane depends, within a sub-iteration, on the plane
//! above only; and from one sub-iteration to the next on the plane below as well. So the planes can go through the
//! sub-iterations one behind the other, like a loop over space that is skewed in time [Wolf and Lam 1991, "A data
//! locality optimizing algorithm"]. A stage holds the few planes that are between two of its sub-iterations, in a
//! cache. Stages pass the planes on to each other, in a chain; a [`Sweep`] has those of one worker, which work at the
//! same time as those of others on different sub-iterations of the same volume. No voxel is decided twice, and no seams
//! arise.
//!
//! # Planes that sleep
//!
//! Every sub-iteration of a plane has a fixed place in the order of the chain. Leaving one out changes nothing if it has
//! no candidates. After the first six, that is so of plane z in sub-iteration s if z - 1, z and z + 1 have lost nothing in
//! the six sub-iterations before s, whichever direction s has: the three are as they were before sub-iteration s - 6, which
//! had the same direction, and so has s the same candidates. There were none then: the first candidate of a plane always
//! passes the retest, unless the plane above has lost voxels in the same sub-iteration. So a plane is *hot* while it has
//! lost a voxel in the last six sub-iterations (in the first six, while it has foreground), and only hot planes and those
//! next to them have work.
//!
//! A plane that leaves a stage neither hot nor next to a hot one falls asleep: it is packed, and goes on through the chain
//! in its place, so that it is at hand where a later deletion reaches it; then it is unpacked, and decides from that
//! sub-iteration on. No other plane has gone on without it by then, since the order of the chain is kept. A stage opens with
//! the first hot plane that comes to it. Planes before that wait at its gate, asleep; the last few of them enter with the hot
//! one, because its deletions may reach them, and the others go on to the next gate. When all planes wait at one gate,
//! nothing is left to do.
//!
//! Of the planes that sleep at a gate, those beyond a few are put on a [`Shelf`](crate::kernel::shelf::Shelf), if there is one.
//!
//! So the planes that are awake are those between the first that still changes and the newest that was read, and their number
//! follows from the number of sub-iterations (a plane for each, and those that wait to enter together), not from the depth
//! of the volume.

mod aside;
mod bench;
mod gate;
mod lost;
mod packed;
mod plane;
mod seams;
mod sleep;
mod stage;
mod sweep;
#[cfg(test)]
pub(super) mod tests;

pub use self::gate::Gate;
pub use self::packed::PackedPlane;
pub use self::plane::Plane;
pub use self::seams::SeamWriter;
pub use self::stage::DIRECTIONS;
pub use self::sweep::{LoadParts, PackedPassage, Passage, SaveParts, Sweep};
use crate::kernel::mask::{Layout, TAIL};
use crate::kernel::thin::lee::Runs;
use crate::space::Region;

/// Maximum number of sub-iterations of the first stage. With fewer, more stages hold planes, two more than they have
/// sub-iterations, and each finds its own in the cache less often; more gain nothing.
const MOST_STEPS: usize = 4;
/// The share of the work that the first stage of each worker does together.
const AT_FIRST: f64 = 0.8;
/// The same for several processes, where planes that go around more often cost more than workers that wait.
const MOST_STEPS_APART: usize = 16;
const AT_FIRST_APART: f64 = 0.95;
/// Ratio of the work of a sub-iteration to that of the previous one; about that of vessels and noise.
const FADING: f64 = 0.945;

/// Bytes of planes that may be awake in a process in any case.
const MEMORY: usize = 1 << 30;
/// Planes that are awake at a time in volumes of vessels with a radius of some twenty voxels. Solids of larger radius have
/// more, and take more memory.
const AWAKE: usize = 128;
/// Minimum number of planes per worker, so that no worker waits for another.
const PLANES_A_WORKER: usize = 8;

/// The layout in bits of the planes of a volume, each with a border of one voxel.
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
    /// The layout for a volume of this shape, along (z, y, x).
    pub fn new([depth, height, width]: [usize; 3]) -> PlaneLayout {
        let layout = Layout::new(Region::of_shape([1, height, width]));
        PlaneLayout { depth, height, width, stride: layout.stride, runs: Runs::new(&layout) }
    }

    /// The number of sub-iterations for each of `stages` stages in a ring: for the first one few enough that all stages
    /// have planes to work on, and more for later ones, since less and less is left to delete. More for all of them if they
    /// are in several processes.
    pub fn steps(&self, stages: usize, processes: usize) -> Vec<usize> {
        let few = (MOST_STEPS, AT_FIRST);
        let (most, at_first) = if processes > 1 { (MOST_STEPS_APART, AT_FIRST_APART) } else { few };
        let shared = (self.depth / (4 * stages.max(1))).saturating_sub(1);
        let first = shared.clamp(1, most) as i32;
        // Each stage does this share of the work that is left when the first one begins; the last leaves some.
        let share = (1.0 - FADING.powi(first)).min(at_first / stages as f64);
        let ends = (1..=stages).map(|stage| ((1.0 - share * stage as f64).ln() / FADING.ln()).round() as usize);
        let mut begin = 0;
        let step = |end: usize| {
            let steps = end.saturating_sub(begin).max(1);
            begin += steps;
            steps
        };
        ends.map(step).collect()
    }

    /// Whether `workers` workers, of `processes` processes, should thin the volume by planes: all workers need planes to work
    /// on, and the planes that are usually awake at a time must fit in memory, or take no more than the masks of chunks, which
    /// would be held otherwise, and take `masks` bytes.
    pub fn suits(&self, workers: usize, processes: usize, masks: usize) -> bool {
        let awake = self.bytes().saturating_mul(self.depth.min(AWAKE));
        let memory = MEMORY.saturating_mul(processes).max(masks);
        Layout::fits([1, self.height, self.width]) && awake <= memory && self.depth / PLANES_A_WORKER >= workers
    }

    /// Number of planes.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Size of a plane in bytes.
    pub fn bytes(&self) -> usize {
        (self.height + 2) * self.stride + TAIL
    }

    /// An empty set of runs of a plane.
    fn no_runs(&self) -> Vec<u64> {
        vec![0; self.runs.words_of_rows(self.height + 2)]
    }

    /// Sets the bits of a row that are set in `word`, beginning at a padded position along (y, x).
    fn write(&self, bits: &mut [u8], [y, x]: [usize; 2], word: u64) {
        let bit = y * self.stride * 8 + x;
        let bytes = &mut bits[bit >> 3..][..16];
        let wide = u128::from_le_bytes((&*bytes).try_into().expect("sixteen bytes")) | u128::from(word) << (bit & 7);
        bytes.copy_from_slice(&wide.to_le_bytes());
    }
}
