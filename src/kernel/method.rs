//! The thinning of one chunk, by whichever method.

use serde::{Deserialize, Serialize};

use super::mask::{Layout, Mask};
use super::thin::Thinning;
use super::zhang::{Pixel, ZhangChunk};
use crate::space::Region;

/// How masks are thinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// Lee, Kashyap and Chu 1994, in six directions: 3-D.
    Lee,
    /// The same in the four directions of a plane: volumes of one plane, and 2-D images on request.
    LeePlanar,
    /// Zhang and Suen 1984: 2-D images.
    Zhang,
}

impl Method {
    /// How many kinds of sub-iteration take turns; as many in a row without a deletion end the thinning.
    pub fn turns(self) -> usize {
        match self {
            Method::Lee => 6,
            Method::LeePlanar => 4,
            Method::Zhang => 2,
        }
    }
}

/// A chunk being thinned.
#[derive(Debug)]
pub enum ChunkThinning {
    /// By Lee's method.
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
        for y in 0..layout.shape[1] {
            let words: Vec<u64> = (0..layout.shape[2])
                .step_by(64)
                .map(|x| mask.read(layout.bit([1, y + 1, x + 1]), (layout.shape[2] - x).min(64)))
                .collect();
            chunk.insert_row(y, &words);
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
    /// Begins the thinning of a chunk whose halo is still empty.
    pub fn new(mask: Mask, method: Method) -> Self {
        match method {
            Method::Lee | Method::LeePlanar => ChunkThinning::Lee(Box::new(Thinning::new(mask, method.turns()))),
            Method::Zhang => ChunkThinning::Zhang(Box::new(ZhangThinning::new(&mask))),
        }
    }

    /// The initial bits of a box of own voxels, for a neighbour's halo.
    pub fn cut(&self, region: &Region) -> Vec<u64> {
        match self {
            ChunkThinning::Lee(thinning) => thinning.mask().cut(region),
            ChunkThinning::Zhang(zhang) => zhang.mask().cut(region),
        }
    }

    /// Fills a box of the initial halo.
    pub fn fill_halo(&mut self, region: &Region, bits: &[u64]) {
        match self {
            ChunkThinning::Lee(thinning) => thinning.fill_halo(region, bits),
            ChunkThinning::Zhang(zhang) => {
                let mut halo = Mask::new(zhang.layout);
                halo.paste(region, bits);
                for y in region.min[1]..region.max[1] {
                    for x in region.min[2]..region.max[2] {
                        let bit = zhang.layout.bit_at([region.min[0], y, x]);
                        if halo.get(bit) {
                            zhang.chunk.insert(zhang.pixel(bit));
                        }
                    }
                }
            }
        }
    }

    /// Whether the coming sub-iteration can be left out.
    pub fn is_resting(&self, sub_iteration: usize) -> bool {
        match self {
            ChunkThinning::Lee(thinning) => thinning.is_resting(sub_iteration),
            ChunkThinning::Zhang(_) => false,
        }
    }

    /// Starts a sub-iteration; bit indices of deleted voxels next to a seam are added to `flips`.
    pub fn begin(&mut self, sub_iteration: usize, flips: &mut Vec<u32>) {
        match self {
            ChunkThinning::Lee(thinning) => thinning.begin(sub_iteration, flips),
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
                    zhang.chunk.delete_in_halo(pixel);
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
        for pixel in self.chunk.foreground() {
            mask.set(ZhangThinning::bit(pixel, &self.layout));
        }
        mask
    }
}
