//! The radii that a worker has measured: a file to which those of each chunk are appended.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::frames::{FrameReader, FrameWriter, from_bytes, to_bytes};
use crate::error::Result;
use crate::grid::ChunkId;
use crate::kernel::measure::radii::Radii;

/// Bytes of radii that are compressed together.
const TOGETHER: usize = 1 << 16;

/// The radii that a worker has measured, in earlier runs and in this one.
pub struct RadiiJournal {
    /// Of chunks that were not taken yet.
    earlier: BTreeMap<ChunkId, Radii>,
    frames: FrameWriter,
    pending: Vec<u8>,
}

impl std::fmt::Debug for RadiiJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RadiiJournal").field("earlier", &self.earlier.len()).finish_non_exhaustive()
    }
}

impl RadiiJournal {
    /// Reads a file up to what a run that was killed has left half written, and goes on with it.
    pub(super) fn open(path: PathBuf) -> Result<RadiiJournal> {
        let (mut earlier, mut whole) = (BTreeMap::new(), 0);
        if let Some(mut reader) = FrameReader::open(path.clone())? {
            while let Some(frame) = reader.next()? {
                let plain = reader.body(frame)?;
                let mut rest = &plain[..];
                while !rest.is_empty() {
                    let (chunk, after): (ChunkId, _) = from_bytes(rest).map_err(|_| reader.damaged())?;
                    let mut at = 0;
                    earlier.insert(chunk, Radii::read(after, &mut at).ok_or_else(|| reader.damaged())?);
                    rest = &after[at..];
                }
                whole = reader.place();
            }
        }
        Ok(RadiiJournal { earlier, frames: FrameWriter::append(path, whole)?, pending: Vec::new() })
    }

    /// What an earlier run has measured in a chunk; once.
    pub fn take(&mut self, chunk: ChunkId) -> Option<Radii> {
        self.earlier.remove(&chunk)
    }

    /// Adds the radii of a chunk, which are not there yet. They are written together with those of others.
    ///
    /// # Errors
    /// `Io` or `Output` if they cannot be written.
    pub fn add(&mut self, chunk: ChunkId, radii: &Radii) -> Result<()> {
        self.pending = to_bytes(&chunk, std::mem::take(&mut self.pending))?;
        radii.write(&mut self.pending);
        if self.pending.len() < TOGETHER { Ok(()) } else { self.flush() }
    }

    /// Writes what was added.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        if !self.pending.is_empty() {
            self.frames.write([0; 3], &self.pending)?;
            self.pending.clear();
        }
        Ok(())
    }
}
