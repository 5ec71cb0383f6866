//! Methods of thinning, and the thinning of one chunk by any of them.

use serde::{Deserialize, Serialize};

use crate::kernel::mask::{Layout, Mask};
use crate::kernel::thin::lee::{Retest, Thinning};
use crate::kernel::thin::planes::DIRECTIONS;
use crate::kernel::thin::zhang::{Pixel, ZhangChunk};

/// A method of thinning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Method {
    /// Lee, Kashyap and Chu 1994, in six directions, for 3-D volumes.
    Lee,
    /// The same in the four directions of a plane, for volumes of one plane, and 2-D images on request.
    LeePlanar,
    /// Zhang and Suen 1984, for 2-D images.
    Zhang,
    /// Lee's sub-iterations, with the whole test repeated before each deletion, so that no object, loop or cavity is
    /// lost; for 3-D volumes.
    Homotopic,
    /// The same in the four directions of a plane, for volumes of one plane, and 2-D images on request.
    HomotopicPlanar,
}

impl Method {
    /// The name of the option, the same in a plane and in space.
    pub fn name(self) -> &'static str {
        match self {
            Method::Lee | Method::LeePlanar => "lee",
            Method::Zhang => "zhang",
            Method::Homotopic | Method::HomotopicPlanar => "homotopic",
        }
    }

    /// Number of kinds of sub-iterations, which take turns; as many in a row without a deletion end the thinning.
    pub fn turns(self) -> usize {
        match self {
            Method::Lee | Method::Homotopic => 6,
            Method::LeePlanar | Method::HomotopicPlanar => 4,
            Method::Zhang => 2,
        }
    }

    /// The retest before a voxel is deleted, for the methods that delete one voxel after the other.
    pub fn retest(self) -> Option<Retest> {
        match self {
            Method::Lee | Method::LeePlanar => Some(Retest::Simplicity),
            Method::Homotopic | Method::HomotopicPlanar => Some(Retest::Whole),
            Method::Zhang => None,
        }
    }

    /// The retest, for the methods that can also thin a volume [by planes](crate::kernel::thin::planes): those in six
    /// directions.
    pub fn retest_by_planes(self) -> Option<Retest> {
        self.retest().filter(|_| self.turns() == DIRECTIONS)
    }
}

/// The thinning of a chunk.
#[derive(Debug)]
pub enum ChunkThinning {
    /// By Lee's or the homotopic method.
    Lee(Box<Thinning>),
    /// By Zhang and Suen's method.
    Zhang(Box<ZhangThinning>),
}

/// The thinning of a chunk by Zhang and Suen's method, with pixels identified by bit indices of the layout of its mask.
#[derive(Debug)]
pub struct ZhangThinning {
    layout: Layout,
    chunk: ZhangChunk,
    deleted: usize,
}

impl ZhangThinning {
    fn new(mask: &Mask) -> Self {
        let layout = *mask.layout();
        let mut chunk = ZhangChunk::new([layout.shape[1], layout.shape[2]]);
        let [_, height, width] = layout.shape;
        // Row 0 of the padded plane is the halo above; the other sides are alike.
        for y in 0..height + 2 {
            let words = words(&layout, y).map(|(bit, count)| mask.read(bit, count));
            chunk.insert_row(y as i32 - 1, words);
            for x in [0, width + 1] {
                if mask.get(layout.bit([1, y, x])) {
                    chunk.insert([y as i32 - 1, x as i32 - 1]);
                }
            }
        }
        ZhangThinning { layout, chunk, deleted: 0 }
    }

    fn pixel(&self, bit: usize) -> Pixel {
        let [_, y, x] = self.layout.padded(bit);
        [y as i32 - 1, x as i32 - 1]
    }

    fn bit([y, x]: Pixel, layout: &Layout) -> usize {
        layout.bit([1, (y + 1) as usize, (x + 1) as usize])
    }
}

impl ChunkThinning {
    /// The thinning of a chunk, from its mask with its halo.
    pub fn new(mask: Mask, method: Method) -> Self {
        match method.retest() {
            Some(retest) => ChunkThinning::Lee(Box::new(Thinning::new(mask, method.turns(), retest))),
            None => ChunkThinning::Zhang(Box::new(ZhangThinning::new(&mask))),
        }
    }

    /// Whether this sub-iteration can be skipped.
    pub fn is_resting(&self, sub_iteration: usize) -> bool {
        match self {
            ChunkThinning::Lee(thinning) => thinning.is_resting(sub_iteration),
            ChunkThinning::Zhang(_) => false,
        }
    }

    /// Whether decisions depend on those for other voxels in the same sub-iteration.
    pub fn is_sequential(&self) -> bool {
        matches!(self, ChunkThinning::Lee(_))
    }

    /// Starts a sub-iteration, and adds the bit indices of deleted voxels next to a seam to `flips`. `decided` are halo
    /// voxels that have already flipped in this sub-iteration; empty for methods that do not depend on them. `border`
    /// is a buffer that all chunks share.
    pub fn begin(&mut self, sub_iteration: usize, border: &mut Vec<u32>, decided: &[u32], flips: &mut Vec<u32>) {
        match self {
            ChunkThinning::Lee(thinning) => thinning.begin(sub_iteration, border, decided, flips),
            ChunkThinning::Zhang(zhang) => {
                zhang.deleted = zhang.chunk.sub_iteration();
                let layout = zhang.layout;
                flips.extend(zhang.chunk.deleted_at_seams().map(|pixel| ZhangThinning::bit(pixel, &layout) as u32));
            }
        }
    }

    /// Applies halo voxels that flipped, and reconsiders the decisions that depend on them. Adds own voxels that flip
    /// in turn to `flips`. Zhang and Suen's decisions depend on the state before the sub-iteration only, so none flips.
    pub fn receive(&mut self, bits: &[u32], flips: &mut Vec<u32>) {
        match self {
            ChunkThinning::Lee(thinning) => {
                thinning.receive(bits);
                thinning.reconsider(flips);
            }
            ChunkThinning::Zhang(zhang) => {
                for &bit in bits {
                    let pixel = zhang.pixel(bit as usize);
                    if zhang.chunk.is_foreground(pixel) {
                        zhang.chunk.delete_in_halo(pixel);
                    } else {
                        zhang.chunk.insert(pixel);
                    }
                }
            }
        }
    }

    /// Number of own voxels deleted in this sub-iteration, by the decisions so far.
    pub fn deleted(&self) -> usize {
        match self {
            ChunkThinning::Lee(thinning) => thinning.deleted(),
            ChunkThinning::Zhang(zhang) => zhang.deleted,
        }
    }

    /// Ends a sub-iteration. Returns the number of own voxels deleted in it.
    pub fn settle(&mut self, sub_iteration: usize) -> usize {
        match self {
            ChunkThinning::Lee(thinning) => thinning.settle(sub_iteration),
            ChunkThinning::Zhang(zhang) => std::mem::take(&mut zhang.deleted),
        }
    }

    /// The thinned mask.
    pub fn into_mask(self) -> Mask {
        match self {
            ChunkThinning::Lee(thinning) => thinning.into_mask(),
            ChunkThinning::Zhang(zhang) => zhang.mask(),
        }
    }
}

impl ZhangThinning {
    /// The own pixels as a mask.
    fn mask(&self) -> Mask {
        let mut mask = Mask::new(self.layout);
        for y in 1..=self.layout.shape[1] {
            for ((bit, count), word) in words(&self.layout, y).zip(self.chunk.row(y as i32 - 1)) {
                mask.write(bit, count, word);
            }
        }
        mask
    }
}

/// The words of a padded row of a plane, without the halo's columns: the bit index of the first pixel of each, and its
/// number of pixels.
fn words(layout: &Layout, y: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let (first, width) = (layout.bit([1, y, 1]), layout.shape[2]);
    (0..width).step_by(64).map(move |x| (first + x, (width - x).min(64)))
}
