//! The best shape for reading an image that is stored in blocks.

/// Voxels along an axis up to which small stored chunks are joined.
const SMALL: usize = 64;
/// Voxels along an axis beyond which stored chunks are divided.
pub(crate) const LARGE: usize = 256;
/// The same for 2-D images.
const SMALL_2D: usize = 1024;
const LARGE_2D: usize = 2048;

/// The shape of processing chunks for a volume stored in blocks: whole blocks joined up to about 64 voxels along an
/// axis (2-D: 1024), an even part of one that is longer than 256 (2-D: 2048), never longer than the volume.
pub(crate) fn read_shape(shape: [usize; 3], block: [usize; 3], dimensions: usize) -> [usize; 3] {
    std::array::from_fn(|a| {
        if dimensions == 2 && a == 0 {
            return 1;
        }
        let (small, large) = if dimensions == 2 { (SMALL_2D, LARGE_2D) } else { (SMALL, LARGE) };
        let block = block[a].clamp(1, shape[a].max(1));
        let length = if block > large {
            let least = block.div_ceil(large);
            let even = (least..=2 * least).find(|n| block.is_multiple_of(*n));
            block.div_ceil(even.unwrap_or(least))
        } else {
            block * (small / block).max(1)
        };
        length.min(shape[a].max(1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_chunks_are_put_together_or_divided_to_a_middling_size() {
        let volume = [1000; 3];
        assert_eq!(read_shape(volume, [64; 3], 3), [64; 3]);
        assert_eq!(read_shape(volume, [1, 16, 33], 3), [64, 64, 33]);
        assert_eq!(read_shape(volume, [128, 512, 1000], 3), [128, 256, 250]);
        assert_eq!(read_shape([10, 100, 1000], [1; 3], 3), [10, 64, 64]);
        assert_eq!(read_shape([1, 5000, 300], [1, 256, 256], 2), [1, 1024, 300]);
        assert_eq!(read_shape([1, 5000, 5000], [1, 5000, 5000], 2), [1, 1250, 1250]);
    }
}
