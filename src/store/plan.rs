//! Plans how to read an image that is stored in blocks, without decoding a block several times.

use crate::store::layout::{LARGE, read_shape};

/// Bytes of decoded blocks that are held by default: the smallest and the largest number.
const CACHE: std::ops::RangeInclusive<usize> = 64 << 20..=256 << 20;

/// The shape of the chunks in which an image is read, and the number of bytes of decoded blocks that are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadPlan {
    pub(crate) chunk: [usize; 3],
    pub(crate) cache: usize,
}

/// The plan for an image stored in blocks: chunks are made of the shape `follow`, and `block` is the shape that must be
/// decoded at once. `given` is the caller's limit of bytes held.
///
/// The cache holds the blocks that two chunks meet: workers may be at different rows of chunks.
pub(crate) fn read_plan(
    shape: [usize; 3],
    follow: [usize; 3],
    block: [usize; 3],
    dimensions: usize,
    value_size: usize,
    given: Option<usize>,
) -> ReadPlan {
    let most = given.unwrap_or(*CACHE.end());
    let chunk = flattened(read_shape(shape, follow, dimensions), shape, block, value_size, most / 2);
    let cache = given.unwrap_or_else(|| (2 * bytes_met(chunk, block, value_size)).clamp(*CACHE.start(), *CACHE.end()));
    ReadPlan { chunk, cache }
}

/// Bytes of the blocks that one chunk meets.
fn bytes_met(chunk: [usize; 3], block: [usize; 3], value_size: usize) -> usize {
    let blocks = (0..3).map(|a| chunk[a].div_ceil(block[a].max(1)));
    blocks.product::<usize>().saturating_mul(block.iter().product::<usize>()).saturating_mul(value_size)
}

/// The same shape, flattened: halved along z (and doubled along the shorter of y and x while that is small) until the
/// blocks that one chunk meets take at most `budget` bytes, or the chunk is as thin as a block.
///
/// A whole row of chunks meets the same wide and thin blocks (pages, strips); these are decoded once only if those of
/// one chunk fit in the cache.
fn flattened(
    mut chunk: [usize; 3],
    shape: [usize; 3],
    block: [usize; 3],
    value_size: usize,
    budget: usize,
) -> [usize; 3] {
    while bytes_met(chunk, block, value_size) > budget && chunk[0] > block[0].max(1) {
        chunk[0] = chunk[0].div_ceil(2).next_multiple_of(block[0].max(1)).min(chunk[0] - 1);
        let short = if chunk[1] <= chunk[2] { 1 } else { 2 };
        if chunk[short] < LARGE {
            chunk[short] = (2 * chunk[short]).min(shape[short].max(1));
        }
    }
    chunk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_over_large_pages_get_flat() {
        let (shape, page) = ([2000, 2048, 2048], [1, 2048, 2048]);
        let flat = flattened([64; 3], shape, page, 2, 128 << 20);
        assert_eq!(flat, [16, 128, 128]);
        let kept = flattened([64; 3], [2000, 64, 2048], [1, 8, 2048], 2, 128 << 20);
        assert_eq!(kept, [64; 3]);
        assert_eq!(flattened([64; 3], [64, 50_000, 50_000], [1, 50_000, 50_000], 4, 1 << 20)[0], 1);
    }
}
