//! Reads boxes of strided arrays with few and long reads.

use std::ops::Range;

use super::bytes::Bytes;
use crate::error::Result;

/// Rows with gaps of at most this many bytes between them are read at once, including the gaps: a page of the file
/// system is read whole anyway.
const GAP: u64 = 4 << 10;

/// The layout of an array of three axes in a run of bytes: the axis with the longest stride first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strided {
    /// Offset of its first value.
    pub(crate) offset: u64,
    /// Bytes of a value.
    pub(crate) size: usize,
    /// Bytes from one value to the next along each axis.
    pub(crate) strides: [u64; 3],
}

impl Strided {
    /// The bytes of a box, in C order without gaps.
    ///
    /// # Errors
    /// If the bytes cannot be read.
    pub(crate) fn read(&self, from: &dyn Bytes, [a, b, c]: [Range<usize>; 3]) -> Result<Vec<u8>> {
        let [far, middle, near] = self.strides;
        let at = |i: usize, j: usize| self.offset + i as u64 * far + j as u64 * middle + c.start as u64 * near;
        let size = self.size as u64;
        // From the first byte of a row to its last, and the same for a plane.
        let row = c.len().saturating_sub(1) as u64 * near + size;
        let plane = b.len().saturating_sub(1) as u64 * middle + row;
        let values = |axes: &[usize]| axes.iter().product::<usize>() as u64 * size;
        let dense_row = row == values(&[c.len()]);
        let dense_plane = plane == values(&[b.len(), c.len()]);
        let mut bytes = vec![0; a.len() * b.len() * c.len() * self.size];
        if bytes.is_empty() {
            return Ok(bytes);
        }
        if dense_plane && (a.len() == 1 || far == plane) {
            from.read_at(at(a.start, b.start), &mut bytes)?;
            return Ok(bytes);
        }
        let out_row = c.len() * self.size;
        let together = middle.saturating_sub(row) <= GAP.max(row);
        // Only reads with gaps go through a buffer.
        let span = match (dense_plane, together, dense_row) {
            (true, ..) | (false, false, true) => 0,
            (false, true, _) => plane,
            (false, false, false) => row,
        };
        let mut buffer = vec![0; usize::try_from(span).unwrap_or(usize::MAX)];
        for (i, out) in a.zip(bytes.chunks_exact_mut(b.len() * out_row)) {
            if dense_plane {
                from.read_at(at(i, b.start), out)?;
                continue;
            }
            if together {
                from.read_at(at(i, b.start), &mut buffer)?;
            }
            for ((n, j), target) in b.clone().enumerate().zip(out.chunks_exact_mut(out_row)) {
                if together {
                    // Within the buffer, whose length is a usize.
                    gather(&buffer[n * middle as usize..], near as usize, self.size, target);
                } else if dense_row {
                    from.read_at(at(i, j), target)?;
                } else {
                    from.read_at(at(i, j), &mut buffer)?;
                    gather(&buffer, near as usize, self.size, target);
                }
            }
        }
        Ok(bytes)
    }
}

/// Copies values that lie `stride` bytes apart next to each other.
fn gather(from: &[u8], stride: usize, size: usize, into: &mut [u8]) {
    if stride == size {
        into.copy_from_slice(&from[..into.len()]);
        return;
    }
    for (n, value) in into.chunks_exact_mut(size).enumerate() {
        value.copy_from_slice(&from[n * stride..n * stride + size]);
    }
}
