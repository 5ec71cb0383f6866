//! A TIFF file as the decoder reads it: from the directory of one page on.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::store::file;
use crate::store::values::Endian;

/// The header of a TIFF file whose first page is the one with its directory at an offset.
pub(crate) fn header(big: bool, endian: Endian, directory: u64) -> Vec<u8> {
    let mut bytes = match (endian, big) {
        (Endian::Little, false) => b"II*\0".to_vec(),
        (Endian::Big, false) => b"MM\0*".to_vec(),
        (Endian::Little, true) => b"II+\0\x08\0\0\0".to_vec(),
        (Endian::Big, true) => b"MM\0+\0\x08\0\0".to_vec(),
    };
    let offset = match endian {
        Endian::Little => directory.to_le_bytes(),
        Endian::Big => directory.to_be_bytes(),
    };
    bytes.extend_from_slice(match (big, endian) {
        (true, _) => &offset[..],
        // The directories of such a file lie below 4 GiB.
        (false, Endian::Little) => &offset[..4],
        (false, Endian::Big) => &offset[4..],
    });
    bytes
}

/// A file as the decoder reads it, through a buffer, with a header of our own: the decoder goes straight to a page, where
/// it would otherwise follow the chain of all those before it.
pub(crate) struct PageReader<'f> {
    file: &'f File,
    position: u64,
    header: Vec<u8>,
    buffer: Vec<u8>,
    buffer_at: u64,
}

impl<'f> PageReader<'f> {
    /// A file with a header in place of its own; an empty one leaves the file's.
    pub(crate) fn new(file: &'f File, header: Vec<u8>) -> Self {
        PageReader { file, position: 0, header, buffer: Vec::new(), buffer_at: 0 }
    }
}

/// Bytes read ahead: about a directory with the lists of its strips.
const READ_AHEAD: usize = 8 << 10;

impl Read for PageReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let from_header = usize::try_from(self.position).ok().and_then(|at| self.header.get(at..));
        if let Some(rest) = from_header.filter(|rest| !rest.is_empty()) {
            let n = rest.len().min(out.len());
            out[..n].copy_from_slice(&rest[..n]);
            self.position += n as u64;
            return Ok(n);
        }
        let held = self.buffer_at..self.buffer_at + self.buffer.len() as u64;
        if !held.contains(&self.position) {
            self.buffer.resize(READ_AHEAD.max(out.len().min(1 << 20)), 0);
            let n = read_some(self.file, self.position, &mut self.buffer)?;
            self.buffer.truncate(n);
            self.buffer_at = self.position;
        }
        let start = usize::try_from(self.position - self.buffer_at).unwrap_or(usize::MAX);
        let rest = self.buffer.get(start..).unwrap_or_default();
        let n = rest.len().min(out.len());
        out[..n].copy_from_slice(&rest[..n]);
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for PageReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.file.metadata()?.len().checked_add_signed(by),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Reads up to the end of the file.
fn read_some(file: &File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let left = file.metadata()?.len().saturating_sub(offset);
    let n = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
    file::read_at(file, offset, &mut buffer[..n])?;
    Ok(n)
}
