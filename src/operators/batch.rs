//! Containers of records that are full by their bytes, and are checked between processes.
//!
//! Timely's vectors are full at a number of records, however large these are, and are encoded by bincode between
//! processes. A [`Batch`] is full at a number of bytes. Inside a process its records are moved; between processes
//! [`WireRecord`] encodes them, in a message of this form, in words of eight bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | the kind of record |
//! | 8..16 | number of records |
//! | 16..24 | bytes of the records |
//! | 24.. | the records |
//! | the last 8 | XXH3 of all before |

use std::hash::Hasher;
use std::io::{self, Write};
use std::vec::Drain;

use bytemuck::{Pod, Zeroable};
use timely::Accountable;
use timely::bytes::arc::Bytes;
use timely::container::{DrainContainer, PushInto, SizableContainer};
use timely::dataflow::channels::ContainerBytes;
use timely::dataflow::operators::core::Map;
use timely::dataflow::{Stream, StreamVec};
use timely::progress::Timestamp;
use twox_hash::XxHash3_64;

use crate::error::Result;
use crate::wire::{WireReader, WireRecord, damaged, write_header};

/// Bytes of records at which a batch is full; few in tests, so that there are several.
const FULL: usize = if cfg!(test) { 256 } else { 1 << 20 };

/// Records on their way from one operator to the next.
#[derive(Clone, Debug)]
pub struct Batch<R> {
    records: Vec<R>,
    /// Their size when they are written.
    bytes: usize,
}

impl<R> Default for Batch<R> {
    fn default() -> Self {
        Batch { records: Vec::new(), bytes: 0 }
    }
}

impl<R> Accountable for Batch<R> {
    fn record_count(&self) -> i64 {
        self.records.record_count()
    }
}

impl<R> DrainContainer for Batch<R> {
    type Item<'a>
        = R
    where
        R: 'a;
    type DrainIter<'a>
        = Drain<'a, R>
    where
        R: 'a;

    fn drain(&mut self) -> Drain<'_, R> {
        self.bytes = 0;
        self.records.drain(..)
    }
}

impl<'a, R> IntoIterator for &'a Batch<R> {
    type Item = &'a R;
    type IntoIter = std::slice::Iter<'a, R>;

    fn into_iter(self) -> Self::IntoIter {
        self.records.iter()
    }
}

impl<R: WireRecord> PushInto<R> for Batch<R> {
    fn push_into(&mut self, record: R) {
        self.bytes += record.wire_bytes();
        self.records.push(record);
    }
}

impl<R: WireRecord> SizableContainer for Batch<R> {
    /// A batch holds at most 1 MiB and one record.
    fn at_capacity(&self) -> bool {
        self.bytes >= FULL
    }

    fn ensure_capacity(&mut self, stash: &mut Option<Self>) {
        if self.records.capacity() == 0 {
            *self = stash.take().unwrap_or_default();
            self.records.clear();
            self.bytes = 0;
        }
    }
}

/// The header of a message.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    kind: [u8; 8],
    count: u64,
    bytes: u64,
}

/// Bytes of the checksum at the end.
const CHECKSUM: usize = size_of::<u64>();

/// Hashes what is written.
struct Hashing<W> {
    out: W,
    hash: XxHash3_64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.write(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<R: WireRecord> Batch<R> {
    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut hashing = Hashing { out, hash: XxHash3_64::new() };
        let (count, bytes) = (self.records.len() as u64, self.bytes as u64);
        write_header(&mut hashing, &Header { kind: R::KIND, count, bytes })?;
        self.records.iter().try_for_each(|record| record.write_to(&mut hashing))?;
        write_header(hashing.out, &hashing.hash.finish())
    }

    /// The batch in the bytes of a message.
    ///
    /// # Errors
    /// Of kind [`Kind::Peer`](crate::error::Kind::Peer), if the bytes are not exactly those of a batch of such records.
    pub fn read(message: &[u8]) -> Result<Self> {
        let end = message.len().checked_sub(CHECKSUM).ok_or_else(|| damaged("it ends too early"))?;
        let (hashed, checksum) = message.split_at(end);
        if XxHash3_64::oneshot(hashed) != bytemuck::pod_read_unaligned::<u64>(checksum) {
            return Err(damaged("its checksum is another"));
        }
        let mut bytes = WireReader::new(hashed);
        let header: Header = bytes.header()?;
        if header.kind != R::KIND {
            return Err(damaged("it holds records of another kind"));
        }
        if header.bytes != bytes.left() as u64 {
            return Err(damaged("it is not as long as it says"));
        }
        let count = bytes.count(header.count, R::LEAST)?;
        let mut batch = Batch { records: Vec::with_capacity(count), bytes: bytes.left() };
        for _ in 0..count {
            batch.records.push(R::read_from(&mut bytes)?);
        }
        bytes.finish()?;
        Ok(batch)
    }
}

impl<R: WireRecord> ContainerBytes for Batch<R> {
    /// # Panics
    /// If the bytes are not those of such a batch, since timely has no other way to fail. The message begins with
    /// [`DAMAGED`](crate::wire::DAMAGED), and is a complete sentence: the run cannot go on.
    fn from_bytes(bytes: Bytes) -> Self {
        Batch::read(&bytes).unwrap_or_else(|error| panic!("{error}"))
    }

    fn length_in_bytes(&self) -> usize {
        size_of::<Header>() + self.bytes + CHECKSUM
    }

    /// # Panics
    /// If timely has not made room for as many bytes as announced.
    fn into_bytes<W: Write>(&self, writer: &mut W) {
        self.write_to(writer)
            .unwrap_or_else(|error| panic!("a message does not fit where it is to be written: {error}"));
    }
}

/// Extension trait on streams of records.
pub trait BatchRecords<'scope, T: Timestamp, R> {
    /// The same records in containers that are full by their bytes, for large records that go to other workers. Copies
    /// nothing and holds nothing.
    fn batch(self) -> Stream<'scope, T, Batch<R>>;
}

impl<'scope, T: Timestamp, R: WireRecord + Clone + 'static> BatchRecords<'scope, T, R> for StreamVec<'scope, T, R> {
    fn batch(self) -> Stream<'scope, T, Batch<R>> {
        self.flat_map(Some)
    }
}

#[cfg(test)]
mod tests;
