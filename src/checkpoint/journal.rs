//! The chunks that a worker has read: a file to which each is appended.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::frames::{FrameReader, FrameWriter, from_bytes, to_bytes};
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::image::project::Projections;
use crate::kernel::mask::Mask;
use crate::kernel::objects::local::Local;

/// What became of a chunk when it was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadChunk {
    /// The mask before filters, if it has foreground.
    pub mask: Option<Mask>,
    /// The strong voxels, if the threshold asks for them and there are any.
    pub strong: Option<Mask>,
    /// Number of foreground voxels.
    pub count: u64,
    /// The value of the foreground, if it is the same everywhere.
    pub constant: Option<i64>,
    /// Its objects, if they are known and not measured.
    pub objects: Option<Local<u64>>,
    /// The part of the picture.
    pub projections: Projections,
}

/// Appends to the chunks that a worker has read.
pub struct Journal(FrameWriter);

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl Journal {
    /// Goes on with a file of which the first bytes are whole.
    pub(super) fn append(path: PathBuf, whole: u64) -> Result<Journal> {
        FrameWriter::append(path, whole).map(Journal)
    }

    /// Adds a chunk, which is not there yet.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written.
    pub fn add(&mut self, chunk: ChunkId, read: &ReadChunk) -> Result<()> {
        let bytes = to_bytes(read, Vec::new())?;
        self.0.write(chunk.place(), &bytes)
    }
}

/// The chunks that a worker of an earlier run has read, one by one.
pub struct ReadChunks(Option<FrameReader>);

impl std::fmt::Debug for ReadChunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadChunks").finish_non_exhaustive()
    }
}

impl ReadChunks {
    /// The chunks in a file of which the first bytes are whole.
    pub(super) fn open(path: PathBuf, whole: u64) -> Result<ReadChunks> {
        Ok(ReadChunks(FrameReader::open(path)?.map(|reader| reader.up_to(whole))))
    }

    fn take(&mut self) -> Result<Option<(ChunkId, ReadChunk)>> {
        let Some(reader) = &mut self.0 else { return Ok(None) };
        let Some(frame) = reader.next()? else { return Ok(None) };
        let plain = reader.body(frame)?;
        let (read, rest): (ReadChunk, _) = from_bytes(&plain).map_err(|_| reader.damaged())?;
        if rest.is_empty() { Ok(Some((ChunkId::at(frame.about), read))) } else { Err(reader.damaged()) }
    }
}

/// Errors are `Io` or `Data`, where a chunk cannot be read.
impl Iterator for ReadChunks {
    type Item = Result<(ChunkId, ReadChunk)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take().transpose()
    }
}

/// Which chunks a worker of an earlier run has read, and the length of what is whole of their file.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) chunks: BTreeSet<ChunkId>,
    pub(super) length: u64,
}

impl Known {
    /// Looks through a file, if there is one, up to what a run that was killed has left half written, or to a length.
    pub(super) fn of(path: PathBuf, length: Option<u64>) -> Result<Known> {
        let mut known = Known::default();
        let Some(reader) = FrameReader::open(path)? else { return Ok(known) };
        let mut reader = if let Some(length) = length { reader.up_to(length) } else { reader };
        while let Some(frame) = reader.next()? {
            reader.skip(frame)?;
            known.chunks.insert(ChunkId::at(frame.about));
            known.length = reader.place();
        }
        Ok(known)
    }
}
