//! The thinning of one chunk, by whichever method.

use serde::{Deserialize, Serialize};

use crate::kernel::mask::{Layout, Mask};
use crate::kernel::thin::lee::{Retest, Thinning};
use crate::kernel::thin::planes::DIRECTIONS;
use crate::kernel::thin::zhang::{Pixel, ZhangChunk};

/// How masks are thinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Method {
    /// Lee, Kashyap and Chu 1994, in six directions: 3-D.
    Lee,
    /// The same in the four directions of a plane: volumes of one plane, and 2-D images on request.
    LeePlanar,
    /// Zhang and Suen 1984: 2-D images.
    Zhang,
    /// Lee's sub-iterations, with the whole test repeated before each deletion, so that no object, loop or cavity is lost:
    /// 3-D.
    Homotopic,
    /// The same in the four directions of a plane: volumes of one plane, and 2-D images on request.
    HomotopicPlanar,
}

impl Method {
    /// The name by which it is asked for: the same in a plane and in space.
    pub fn name(self) -> &'static str {
        match self {
            Method::Lee | Method::LeePlanar => "lee",
            Method::Zhang => "zhang",
            Method::Homotopic | Method::HomotopicPlanar => "homotopic",
        }
    }

    /// How many kinds of sub-iteration take turns; as many in a row without a deletion end the thinning.
    pub fn turns(self) -> usize {
        match self {
            Method::Lee | Method::Homotopic => 6,
            Method::LeePlanar | Method::HomotopicPlanar => 4,
            Method::Zhang => 2,
        }
    }

    /// What is tested again before a voxel is deleted, by the methods that delete one voxel after the other.
    pub fn retest(self) -> Option<Retest> {
        match self {
            Method::Lee | Method::LeePlanar => Some(Retest::Simplicity),
            Method::Homotopic | Method::HomotopicPlanar => Some(Retest::Whole),
            Method::Zhang => None,
        }
    }

    /// The same, for the methods by which a volume can be thinned [by planes](crate::kernel::thin::planes) too: those in six
    /// directions.
    pub fn retest_by_planes(self) -> Option<Retest> {
        self.retest().filter(|_| self.turns() == DIRECTIONS)
    }
}

/// A chunk being thinned.
#[derive(Debug)]
pub enum ChunkThinning {
    /// By Lee's method, or the homotopic one.
    Lee(Box<Thinning>),
    /// By Zhang and Suen's.
    Zhang(Box<ZhangThinning>),
}

/// A chunk being thinned by Zhang and Suen's method, with pixels named by bit indices of its mask's layout.
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
        // Row 0 of the padded plane is the halo above, and so for the other sides.
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
    /// Begins the thinning of a chunk, given with its halo.
    pub fn new(mask: Mask, method: Method) -> Self {
        match method.retest() {
            Some(retest) => ChunkThinning::Lee(Box::new(Thinning::new(mask, method.turns(), retest))),
            None => ChunkThinning::Zhang(Box::new(ZhangThinning::new(&mask))),
        }
    }

    /// Whether the coming sub-iteration can be left out.
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

    /// Starts a sub-iteration; bit indices of deleted voxels next to a seam are added to `flips`. `decided` are voxels of
    /// the halo that flipped in it before; none where nothing depends on them. `border` is room to work in, the same for
    /// all chunks.
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

    /// Takes in halo voxels that flipped, and reconsiders what depends on them; own voxels that flip in turn are added to
    /// `flips`. Zhang and Suen decide on the state before the sub-iteration, so there nothing does.
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

    /// Own voxels deleted in this sub-iteration, as far as is known.
    pub fn deleted(&self) -> usize {
        match self {
            ChunkThinning::Lee(thinning) => thinning.deleted(),
            ChunkThinning::Zhang(zhang) => zhang.deleted,
        }
    }

    /// Ends a sub-iteration. Gives the number of own voxels deleted in it.
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

/// The words of a padded row of a plane, without the halo's columns: bit indices of their first pixels, and how many they
/// have.
fn words(layout: &Layout, y: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let (first, width) = (layout.bit([1, y, 1]), layout.shape[2]);
    (0..width).step_by(64).map(move |x| (first + x, (width - x).min(64)))
}
