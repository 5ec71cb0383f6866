//! The chunks that a worker has read: a file to which each is appended, in two frames: its mask, and what else is known of it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::frames::{Frame, FrameBodies, FrameReader, FrameWriter, from_bytes, to_bytes};
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::image::project::Projections;
use crate::kernel::mask::Mask;
use crate::kernel::objects::local::Local;

/// What became of a chunk when it was read, besides its mask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReadChunk {
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

/// The mask of a chunk before filters, in the file. A clone shares the file.
#[derive(Clone)]
pub struct KeptMask {
    file: Arc<FrameBodies>,
    frame: Frame,
}

impl std::fmt::Debug for KeptMask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptMask").field("about", &self.frame.about).finish_non_exhaustive()
    }
}

impl KeptMask {
    /// Loads it.
    ///
    /// # Errors
    /// `Io` or `Data` if it cannot be read.
    pub fn load(&self) -> Result<Mask> {
        let plain = self.file.of(&self.frame)?;
        let (mask, rest) = from_bytes(&plain).map_err(|_| self.file.damaged())?;
        if rest.is_empty() { Ok(mask) } else { Err(self.file.damaged()) }
    }
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

    /// Adds a chunk, which is not there yet, and its mask before filters, if it has foreground.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written.
    pub fn add(&mut self, chunk: ChunkId, mask: Option<&Mask>, read: &ReadChunk) -> Result<()> {
        let mask = mask.map_or_else(|| Ok(Vec::new()), |mask| to_bytes(mask, Vec::new()))?;
        self.0.write(chunk.place(), &mask)?;
        let bytes = to_bytes(read, Vec::new())?;
        self.0.write(chunk.place(), &bytes)
    }
}

/// The chunks that a worker of an earlier run has read, one by one.
pub struct ReadChunks(Option<(FrameReader, Arc<FrameBodies>)>);

impl std::fmt::Debug for ReadChunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadChunks").finish_non_exhaustive()
    }
}

impl ReadChunks {
    /// The chunks in a file of which the first bytes are whole.
    pub(super) fn open(path: PathBuf, whole: u64) -> Result<ReadChunks> {
        let opened = FrameReader::open(path)?.map(|reader| {
            let bodies = Arc::new(reader.bodies()?);
            Ok((reader.up_to(whole), bodies))
        });
        opened.transpose().map(ReadChunks)
    }

    fn take(&mut self) -> Result<Option<(ChunkId, Option<KeptMask>, ReadChunk)>> {
        let Some((reader, bodies)) = &mut self.0 else { return Ok(None) };
        let Some((mask, frame)) = frames_of_chunk(reader)? else { return Ok(None) };
        let plain = reader.body(frame)?;
        let (read, rest): (ReadChunk, _) = from_bytes(&plain).map_err(|_| reader.damaged())?;
        if !rest.is_empty() {
            return Err(reader.damaged());
        }
        let mask = (!mask.is_empty()).then(|| KeptMask { file: Arc::clone(bodies), frame: mask });
        Ok(Some((ChunkId::at(frame.about), mask, read)))
    }
}

/// Errors are `Io` or `Data`, where a chunk cannot be read.
impl Iterator for ReadChunks {
    type Item = Result<(ChunkId, Option<KeptMask>, ReadChunk)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take().transpose()
    }
}

/// The next two frames, of the mask and the rest of a chunk; `None` if they are not both there. The first was passed over.
fn frames_of_chunk(reader: &mut FrameReader) -> Result<Option<(Frame, Frame)>> {
    let Some(mask) = reader.next()? else { return Ok(None) };
    reader.skip(mask)?;
    let rest = reader.next()?.filter(|rest| rest.about == mask.about);
    Ok(rest.map(|rest| (mask, rest)))
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
        while let Some((_, frame)) = frames_of_chunk(&mut reader)? {
            reader.skip(frame)?;
            if !known.chunks.insert(ChunkId::at(frame.about)) {
                // Two of one chunk would be taken for another one.
                return Err(reader.damaged());
            }
            known.length = reader.place();
        }
        Ok(known)
    }
}
