//! Records as bytes, on their way between processes.
//!
//! A record is written as headers of plain numbers and values as they are in memory, in native byte order, and each
//! part fills whole words of eight bytes. So writing and reading copy once each, at about the speed of memory. This
//! format is only used within a run: records on disk have another format, in `state`.
//!
//! Readers trust nothing. Every count of values is compared with the bytes that follow before anything is allocated;
//! boxes must lie within the range of voxels, kinds must be known, and unused bits must be zero, but for those of masks,
//! at which nothing looks. Anything else is an error of kind [`Kind::Peer`] that begins with [`DAMAGED`].

#[cfg(feature = "abomonation")]
mod abomonated;
pub(crate) mod original;
mod skeleton;
mod thinning;
mod voxels;

use std::io::{self, Write};

use bytemuck::{AnyBitPattern, NoUninit, Pod, Zeroable};

#[cfg(feature = "abomonation")]
pub use self::abomonated::Abomonated;
use crate::error::{Error, Kind, Result};
use crate::space::{Position, Region, Voxel};

/// The beginning of every error about the bytes of a message.
pub const DAMAGED: &str = "a message of another process is damaged";

/// Parts of a record are padded to a multiple of this number of bytes.
const WORD: usize = size_of::<u64>();

/// A record that can be sent to another process.
pub trait WireRecord: Sized {
    /// The mark of messages with such records, so that no message is read as one of another kind.
    const KIND: [u8; 8];
    /// Minimum size of such a record in bytes; above 0.
    const LEAST: usize;

    /// Size of the record in bytes when it is written, a multiple of eight. Takes constant time.
    fn wire_bytes(&self) -> usize;

    /// Writes exactly [`WireRecord::wire_bytes`] bytes.
    ///
    /// # Errors
    /// The errors of `out`.
    fn write_to(&self, out: &mut impl Write) -> io::Result<()>;

    /// Reads a record from the beginning of the remaining bytes. Allocates at most 64 times their size, for a side of a
    /// mask with one bit per row.
    ///
    /// # Errors
    /// Of kind [`Kind::Peer`], if the bytes are not those of such a record.
    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self>;
}

/// The bytes of a message that have not been read yet.
#[derive(Debug)]
pub struct WireReader<'b>(&'b [u8]);

impl<'b> WireReader<'b> {
    /// A reader of all bytes of a message, which may begin at any address.
    pub fn new(bytes: &'b [u8]) -> Self {
        WireReader(bytes)
    }

    /// Number of bytes that are left.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// Takes the next `count` bytes.
    ///
    /// # Errors
    /// If fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'b [u8]> {
        let (taken, left) = self.0.split_at_checked(count).ok_or_else(|| damaged("it ends too early"))?;
        self.0 = left;
        Ok(taken)
    }

    /// Reads a header.
    ///
    /// # Errors
    /// If fewer bytes are left.
    pub fn header<H: AnyBitPattern>(&mut self) -> Result<H> {
        Ok(bytemuck::pod_read_unaligned(self.take(size_of::<H>())?))
    }

    /// Reads `count` values, and the zeros that pad them to whole words.
    ///
    /// # Errors
    /// If fewer bytes are left, or if the padding is not zero.
    pub fn values<V: Pod>(&mut self, count: u64) -> Result<Vec<V>> {
        let bytes = usize::try_from(count).ok().and_then(|count| count.checked_mul(size_of::<V>()));
        let bytes =
            bytes.filter(|&bytes| bytes <= self.left()).ok_or_else(|| damaged("it has fewer values than announced"))?;
        let values = self.take(bytes)?;
        if self.take(padding(bytes))?.iter().any(|&byte| byte != 0) {
            return Err(damaged("it has padding that is not zero"));
        }
        Ok(match bytemuck::try_cast_slice(values) {
            Ok(values) => values.to_vec(),
            // The values are not aligned.
            Err(_) => values.chunks_exact(size_of::<V>()).map(bytemuck::pod_read_unaligned).collect(),
        })
    }

    /// Checks that `count` records can follow, if each has at least `least` bytes, and returns their number.
    ///
    /// # Errors
    /// If fewer bytes are left.
    pub fn count(&self, count: u64, least: usize) -> Result<usize> {
        let room = self.left() / least.max(1);
        usize::try_from(count)
            .ok()
            .filter(|&count| count <= room)
            .ok_or_else(|| damaged("it has fewer records than announced"))
    }

    /// Checks that everything has been read.
    ///
    /// # Errors
    /// If bytes are left.
    pub fn finish(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(damaged("it continues after its end")) }
    }
}

/// The error for a damaged message, with the reason.
pub(crate) fn damaged(reason: &str) -> Error {
    Error::new(Kind::Peer, format!("{DAMAGED}; start all processes again, with the same program")).because(reason)
}

/// Number of padding bytes after `bytes` bytes.
fn padding(bytes: usize) -> usize {
    bytes.next_multiple_of(WORD) - bytes
}

/// Size in bytes of `count` values, with padding.
pub(crate) fn values_bytes<V>(count: usize) -> usize {
    (count * size_of::<V>()).next_multiple_of(WORD)
}

/// Writes a header.
pub(crate) fn write_header<H: NoUninit>(out: &mut impl Write, header: &H) -> io::Result<()> {
    out.write_all(bytemuck::bytes_of(header))
}

/// Writes values, and pads them to whole words.
pub(crate) fn write_values<V: NoUninit>(out: &mut impl Write, values: &[V]) -> io::Result<()> {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    out.write_all(bytes)?;
    out.write_all(&[0; WORD][..padding(bytes.len())])
}

/// Wire format of a box.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct WireRegion {
    min: Position,
    max: Position,
}

impl From<Region> for WireRegion {
    fn from(Region { min, max }: Region) -> Self {
        WireRegion { min, max }
    }
}

impl WireRegion {
    /// The box, which may be empty.
    pub(crate) fn region(self) -> Result<Region> {
        let inside = |p: Position| (0..3).all(|a| (Voxel::MIN[a]..=Voxel::END[a]).contains(&p[a]));
        if inside(self.min) && inside(self.max) {
            Ok(Region::new(self.min, self.max))
        } else {
            Err(damaged("it has a box outside the range of voxels"))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
