//! Zstandard frames of bytes of which nearly all are zero, without looking at the zeros.
//!
//! A frame consists of blocks, each of a byte that is repeated, of bytes as they are, or of compressed ones [RFC 8878, section
//! 3.1.1.2]. Frames of the first two kinds alone follow from the places of the other bytes. They are about as large as compressed
//! ones where these places are apart, and take time in proportion to their number, not to the length.

/// The most bytes that a block stands for.
const MOST: usize = 1 << 17;
/// From this number of zeros on, a block of their own takes less room than the zeros in a block of bytes as they are.
const APART: usize = 8;

/// Types of blocks.
const AS_THEY_ARE: usize = 0;
const REPEATED: usize = 1;

/// A frame that is being written.
pub(super) struct MostlyZeros<'a> {
    out: &'a mut Vec<u8>,
    length: usize,
    /// Number of bytes that the blocks and `pending` stand for.
    at: usize,
    /// Bytes of the next block.
    pending: &'a mut Vec<u8>,
    /// Where the last block begins.
    last: usize,
}

impl<'a> MostlyZeros<'a> {
    /// Begins a frame of `length` bytes, more than none, in place of what `out` holds. `pending` is a buffer.
    pub(super) fn new(out: &'a mut Vec<u8>, pending: &'a mut Vec<u8>, length: usize) -> Self {
        debug_assert!(length > 0, "a chunk has voxels");
        out.clear();
        pending.clear();
        out.extend_from_slice(&0xfd2f_b528_u32.to_le_bytes());
        // A single segment without checksum, whose length takes eight bytes.
        out.push(0b1110_0000);
        out.extend_from_slice(&(length as u64).to_le_bytes());
        let last = out.len();
        MostlyZeros { out, length, at: 0, pending, last }
    }

    /// Adds bytes at a place behind all that were added before.
    pub(super) fn put(&mut self, place: usize, bytes: &[u8]) {
        let zeros = place - self.at;
        if zeros < APART {
            self.pending.resize(self.pending.len() + zeros, 0);
        } else {
            self.flush();
            self.zeros(zeros);
        }
        self.pending.extend_from_slice(bytes);
        self.at = place + bytes.len();
        if self.pending.len() >= MOST {
            self.flush();
        }
    }

    /// Ends the frame with zeros.
    pub(super) fn end(mut self) {
        self.flush();
        self.zeros(self.length - self.at);
        self.out[self.last] |= 1;
    }

    fn flush(&mut self) {
        for bytes in self.pending.chunks(MOST) {
            self.last = self.out.len();
            self.out.extend_from_slice(&header(AS_THEY_ARE, bytes.len()));
            self.out.extend_from_slice(bytes);
        }
        self.pending.clear();
    }

    fn zeros(&mut self, mut count: usize) {
        while count > 0 {
            let block = count.min(MOST);
            self.last = self.out.len();
            self.out.extend_from_slice(&header(REPEATED, block));
            self.out.push(0);
            count -= block;
        }
    }
}

/// The header of a block that is not the last one.
fn header(kind: usize, size: usize) -> [u8; 3] {
    let [a, b, c, _] = ((size << 3 | kind << 1) as u32).to_le_bytes();
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_frame_is_read_as_the_bytes_that_it_was_made_of(
            parts in prop::collection::vec((prop_oneof![6 => 0usize..20, 2 => 0usize..5000, 1 => 0usize..400_000], 1usize..9), 0..80),
            long in prop::option::of(1usize..300_000),
            rest in prop_oneof![Just(0usize), 0usize..20, 0usize..500_000],
        ) {
            let (mut plain, mut places) = (Vec::new(), Vec::new());
            for (zeros, count) in parts.into_iter().chain(long.map(|count| (3, count))) {
                plain.resize(plain.len() + zeros, 0);
                places.push(plain.len()..plain.len() + count);
                plain.extend((0..count).map(|n| (n % 250 + 1) as u8));
            }
            plain.resize((plain.len() + rest).max(1), 0);
            let (mut out, mut pending) = (vec![7], vec![7]);
            let mut frame = MostlyZeros::new(&mut out, &mut pending, plain.len());
            places.iter().for_each(|place| frame.put(place.start, &plain[place.clone()]));
            frame.end();
            let most = places.iter().map(|place| place.len() + 8).sum::<usize>() + plain.len() / (MOST / 8) + 30;
            prop_assert!(out.len() <= most, "{} bytes, {most} at most", out.len());
            prop_assert_eq!(zstd::bulk::decompress(&out, plain.len()).unwrap(), &plain[..]);
            prop_assert_eq!(zstd::stream::decode_all(&out[..]).unwrap(), plain);
        }
    }
}
