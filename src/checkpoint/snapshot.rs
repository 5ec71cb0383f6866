//! What a sweep held at a moment: for each worker a file, and all of them belong together.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::frames::{About, FrameReader, FrameWriter, damaged, from_bytes, to_bytes};
use crate::error::Result;
use crate::kernel::thin::planes::{LoadParts, SaveParts};

/// Bytes of parts that are compressed together.
const TOGETHER: usize = 1 << 20;
/// How often snapshots are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rhythm {
    /// The least time between two.
    pub(crate) pause: Duration,
    /// The least time between two, for each second that one takes.
    pub(crate) rest: u32,
    /// Whether the end of a sweep is kept that has ended before the first snapshot was due.
    pub(crate) keeps_short: bool,
}

impl Rhythm {
    /// The rhythm of runs: snapshots take at most a twentieth of the time.
    pub(crate) const USUAL: Rhythm = Rhythm { pause: Duration::from_millis(500), rest: 20, keeps_short: true };

    /// The rhythm of states, whose first sweep is kept if it takes long.
    pub(crate) const OF_STATES: Rhythm = Rhythm { pause: Duration::from_secs(5), rest: 20, keeps_short: false };
}

/// Writes what one worker holds.
pub struct SnapshotWriter {
    frames: FrameWriter,
    about: About,
    pending: Vec<u8>,
    began: Instant,
}

impl std::fmt::Debug for SnapshotWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotWriter").field("about", &self.about).finish_non_exhaustive()
    }
}

impl SnapshotWriter {
    /// A new file.
    pub(super) fn create(path: PathBuf, [number, worker]: [i64; 2]) -> Result<SnapshotWriter> {
        let frames = FrameWriter::create(path)?;
        Ok(SnapshotWriter { frames, about: [number, worker, 0], pending: Vec::new(), began: Instant::now() })
    }

    /// The number of the snapshot, and the worker.
    pub(super) fn about(&self) -> [i64; 2] {
        [self.about[0], self.about[1]]
    }

    /// Ends the file, and gives it another name. Returns the time that it took.
    pub(super) fn end(mut self, place: &Path) -> Result<Duration> {
        self.flush()?;
        self.frames.rename(place)?;
        Ok(self.began.elapsed())
    }

    fn flush(&mut self) -> Result<()> {
        self.frames.write(self.about, &self.pending)?;
        self.about[2] += 1;
        self.pending.clear();
        Ok(())
    }
}

impl SaveParts for SnapshotWriter {
    fn save(&mut self, part: &impl Serialize) -> Result<()> {
        self.pending = to_bytes(part, std::mem::take(&mut self.pending))?;
        if self.pending.len() < TOGETHER { Ok(()) } else { self.flush() }
    }
}

/// Reads what one worker held.
pub struct SnapshotReader {
    frames: FrameReader,
    about: About,
    /// The bytes of a frame, and how many of them were read.
    plain: Vec<u8>,
    at: usize,
}

impl std::fmt::Debug for SnapshotReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotReader").field("about", &self.about).finish_non_exhaustive()
    }
}

impl LoadParts for SnapshotReader {
    fn load<D: DeserializeOwned>(&mut self) -> Result<D> {
        if self.at == self.plain.len() {
            let frame = self.frames.next()?.filter(|frame| frame.about == self.about);
            let frame = frame.ok_or_else(|| self.frames.damaged())?;
            (self.plain, self.at) = (self.frames.body(frame)?, 0);
            self.about[2] += 1;
        }
        let (part, rest) = from_bytes(&self.plain[self.at..]).map_err(|_| self.frames.damaged())?;
        self.at = self.plain.len() - rest.len();
        Ok(part)
    }
}

impl SnapshotReader {
    /// The parts in a file.
    pub(super) fn open(path: PathBuf, [number, worker]: [i64; 2]) -> Result<SnapshotReader> {
        let frames = FrameReader::open(path.clone())?.ok_or_else(|| damaged().at(path))?;
        Ok(SnapshotReader { frames, about: [number, worker, 0], plain: Vec::new(), at: 0 })
    }
}

/// When snapshots are written, and which one counts.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) due: Instant,
    pub(super) next: u64,
    pub(super) snapshot: Option<u64>,
}

impl Pace {
    pub(super) fn new(snapshot: Option<u64>, rhythm: Rhythm) -> Pace {
        Pace { due: Instant::now() + rhythm.pause, next: snapshot.map_or(0, |last| last + 1), snapshot }
    }

    /// Notes that a snapshot is complete, and what it took. Returns the one before.
    pub(super) fn note(&mut self, number: u64, took: Duration, rhythm: Rhythm) -> Option<u64> {
        self.next = number + 1;
        self.due = Instant::now() + (took * rhythm.rest).max(rhythm.pause);
        self.snapshot.replace(number)
    }
}
