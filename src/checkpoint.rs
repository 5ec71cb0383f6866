//! What a run has done so far, on disk, so that another one goes on from there if it is killed.
//!
//! The folder of a checkpoint belongs to one run at a time, of one analysis of one image with a number of workers. It holds
//! `checkpoint`, which says whose it is; for each worker the chunks that it has read, `masks.W`; and what all workers of
//! the sweep held at a moment, `sweep.N.W`. Of these the newest counts of which all workers have written theirs. Chunks
//! that were read after that moment come again from the files of masks, and those that are missing there, because the
//! machine has lost them, from the image.
//!
//! A snapshot is taken without a pause of the whole sweep [Chandy and Lamport 1985, "Distributed snapshots"]: a mark goes
//! around the ring of workers after the planes that were sent before it, and each worker writes what it holds when the
//! mark comes. The first worker adds the planes that come between its own part and the return of the mark.

mod frames;
mod journal;
mod snapshot;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

pub use self::journal::{Journal, ReadChunk, ReadChunks};
pub(crate) use self::snapshot::Rhythm;
pub use self::snapshot::{SnapshotReader, SnapshotWriter};

use self::frames::{FrameReader, FrameWriter, from_bytes, to_bytes};
use self::journal::Known;
use self::snapshot::Pace;
use crate::error::{Error, Kind, Result};
use crate::grid::ChunkId;
use crate::kernel::mask::threshold::Threshold;
use crate::store::disk::{self, There, what_is};
use crate::store::file::{WRITING, named, read_failed, unwritable, write_failed};
use crate::store::lock::{Refused, lock};

const LOCK: &str = "lock";
const OWNER: &str = "checkpoint";
const MASKS: &str = "masks.";
const SWEEP: &str = "sweep.";

/// Incremented whenever the files change.
const VERSION: i64 = 5;

/// Whose checkpoint a folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Owner {
    identity: u64,
    workers: u64,
    /// If it was found in the image, and is known by now.
    threshold: Option<Threshold>,
}

/// What a run has done so far, on disk. No other run can open it until the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Checkpoint(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    owner: Owner,
    /// Whether it was there before it was opened.
    existed: bool,
    workers: usize,
    /// What each worker had read when the folder was opened.
    known: Vec<Known>,
    pace: Mutex<Pace>,
    rhythm: Rhythm,
    _lock: File,
}

impl Checkpoint {
    /// Opens the checkpoint in a folder, and makes the folder if it is missing. `identity` is a hash of all that the chunks'
    /// masks and their thinning follow from.
    ///
    /// # Errors
    /// `Output` if the folder holds other things, the checkpoint of something else, or one that another run uses, and
    /// nothing is changed then; or if it cannot be written; `Io` if it cannot be read.
    pub fn open(path: &Path, identity: u64, workers: usize) -> Result<Checkpoint> {
        Self::with_rhythm(path, identity, workers, Rhythm::USUAL)
    }

    /// The same, with snapshots in another rhythm.
    pub(crate) fn with_rhythm(path: &Path, identity: u64, workers: usize, rhythm: Rhythm) -> Result<Checkpoint> {
        let refused = |message: &str| Error::new(Kind::Output, message).at(path);
        let names = entries(path)?;
        if let Some(other) = names.iter().find(|name| !is_ours(name)) {
            let message = format!("holds other things than a checkpoint ({other}); give an empty folder for it");
            return Err(refused(&message));
        }
        let lock = lock(&path.join(LOCK), || std::fs::create_dir_all(path)).map_err(|why| match why {
            Refused::Busy => {
                refused("is the checkpoint of a run that is going on; wait for it, or give another folder")
            }
            Refused::NoFile => refused("holds a lock that no run has made; give another folder for the checkpoint"),
            Refused::Failed(error) => unwritable(&error, "the checkpoint").at(path),
        })?;
        let asked = Owner { identity, workers: workers as u64, threshold: None };
        let there = owner(path)?;
        let existed = there.is_some();
        let owner = match there {
            Some(owner) if owner.identity == identity && owner.workers != workers as u64 => {
                let message = format!("is the checkpoint of a run with --workers {}; give that again", owner.workers);
                return Err(refused(&message));
            }
            Some(owner) if owner.identity != identity => {
                return Err(refused(
                    "is the checkpoint of another analysis, or its image has changed since; give another folder, or remove \
                     this one to run from the beginning",
                ));
            }
            Some(owner) => owner,
            None => {
                write_owner(path, &asked)?;
                asked
            }
        };
        let journal = |worker| Known::of(path.join(format!("{MASKS}{worker}")));
        let known = (0..workers).map(journal).collect::<Result<Vec<Known>>>()?;
        let names = entries(path)?;
        let snapshot = newest(&names, workers);
        let is_of_newest = |name: &str| parse(name).is_none_or(|(number, _)| Some(number) == snapshot);
        for name in names.iter().filter(|name| name.ends_with(WRITING) || !is_of_newest(name)) {
            remove(&path.join(name))?;
        }
        let pace = Mutex::new(Pace::new(snapshot, rhythm));
        let path = path.to_owned();
        Ok(Checkpoint(Arc::new(Inner { path, owner, existed, workers, known, pace, rhythm, _lock: lock })))
    }

    /// The threshold that an earlier run has found in the image.
    pub fn threshold(&self) -> Option<Threshold> {
        self.0.owner.threshold
    }

    /// Keeps the threshold that was found in the image.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written.
    pub fn keep_threshold(&self, threshold: Threshold) -> Result<()> {
        write_owner(&self.0.path, &Owner { threshold: Some(threshold), ..self.0.owner })
    }

    /// Whether an earlier run has begun it. What it has left may be nothing.
    pub fn existed(&self) -> bool {
        self.0.existed
    }

    /// Whether an earlier run has left anything.
    pub fn is_new(&self) -> bool {
        self.count() == 0 && self.threshold().is_none() && !self.has_snapshot()
    }

    /// The chunks that all workers have read in earlier runs.
    pub fn chunks(&self) -> impl Iterator<Item = ChunkId> {
        self.0.known.iter().flat_map(|known| known.chunks.iter().copied())
    }

    /// Number of these chunks.
    pub fn count(&self) -> usize {
        self.0.known.iter().map(|known| known.chunks.len()).sum()
    }

    /// What a worker has read in earlier runs. To be called once, before [`Checkpoint::journal`].
    ///
    /// # Errors
    /// `Io` if the file cannot be opened.
    pub fn read_chunks(&self, worker: usize) -> Result<ReadChunks> {
        ReadChunks::open(self.journal_of(worker), self.0.known[worker].length)
    }

    /// Goes on with the chunks that a worker has read.
    ///
    /// # Errors
    /// `Io` or `Output` if the file cannot be written.
    pub fn journal(&self, worker: usize) -> Result<Journal> {
        Journal::append(self.journal_of(worker), self.0.known[worker].length)
    }

    /// Whether it is time for another snapshot: they take at most a twentieth of the time.
    pub fn is_due(&self) -> bool {
        Instant::now() >= self.pace().due
    }

    /// The number of the next snapshot.
    pub fn next_snapshot(&self) -> u64 {
        self.pace().next
    }

    /// Begins a worker's file of a snapshot.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written.
    pub fn begin_snapshot(&self, number: u64, worker: usize) -> Result<SnapshotWriter> {
        let path = named(&self.snapshot_of(number, worker), WRITING);
        SnapshotWriter::create(path, [number as i64, worker as i64])
    }

    /// Ends a worker's file of a snapshot. The first worker's comes last: with it the snapshot counts, and earlier ones go.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written.
    pub fn end_snapshot(&self, writer: SnapshotWriter) -> Result<()> {
        let [number, worker] = writer.about();
        let (number, worker) = (number as u64, worker as usize);
        let took = writer.end(&self.snapshot_of(number, worker))?;
        if worker > 0 {
            return Ok(());
        }
        let Some(earlier) = self.pace().note(number, took, self.0.rhythm) else { return Ok(()) };
        for worker in 0..self.0.workers {
            // What stays is removed when the folder is opened again.
            let _ = disk::remove(&self.snapshot_of(earlier, worker));
        }
        Ok(())
    }

    /// Whether an earlier run has left a snapshot.
    pub fn has_snapshot(&self) -> bool {
        self.pace().snapshot.is_some()
    }

    /// What a worker of an earlier run held, if it has left a snapshot.
    ///
    /// # Errors
    /// `Io` or `Data` if it cannot be read.
    pub fn snapshot(&self, worker: usize) -> Result<Option<SnapshotReader>> {
        let number = self.pace().snapshot;
        let open = |number| SnapshotReader::open(self.snapshot_of(number, worker), [number as i64, worker as i64]);
        number.map(open).transpose()
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Removes it, when the results are in place: the folder too, unless something else has come there.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be removed.
    pub fn remove(self) -> Result<()> {
        let path = &self.0.path;
        // Last of all whose it is, so that what a killed removal leaves is of use, or empty.
        let mut names = entries(path)?;
        names.retain(|name| is_ours(name));
        names.sort_by_key(|name| (name == LOCK, name == OWNER));
        for name in names {
            remove(&path.join(name))?;
        }
        disk::remove_empty(path);
        Ok(())
    }

    fn journal_of(&self, worker: usize) -> PathBuf {
        self.0.path.join(format!("{MASKS}{worker}"))
    }

    fn snapshot_of(&self, number: u64, worker: usize) -> PathBuf {
        self.0.path.join(format!("{SWEEP}{number}.{worker}"))
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.0.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(file: &Path) -> Result<()> {
    disk::remove(file).map_err(|error| write_failed(&error).at(file))
}

/// The names in a folder; none if it is missing.
fn entries(path: &Path) -> Result<Vec<String>> {
    let failed = |error| read_failed(&error).at(path);
    match what_is(path).map_err(failed)? {
        There::Nothing => return Ok(Vec::new()),
        There::Folder => {}
        _ => return Err(Error::new(Kind::Output, "is not a folder; give another path for the checkpoint").at(path)),
    }
    let names = std::fs::read_dir(path).map_err(failed)?;
    names.map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())).collect()
}

/// The number and the worker of a file of a snapshot.
fn parse(name: &str) -> Option<(u64, usize)> {
    let (number, worker) = name.strip_suffix(WRITING).unwrap_or(name).strip_prefix(SWEEP)?.split_once('.')?;
    Some((number.parse().ok()?, worker.parse().ok()?))
}

/// Whether a file of a checkpoint can have this name.
fn is_ours(name: &str) -> bool {
    let whole = name.strip_suffix(WRITING).unwrap_or(name);
    let is_journal = |name: &str| name.strip_prefix(MASKS).is_some_and(|worker| worker.parse::<usize>().is_ok());
    name == LOCK || whole == OWNER || is_journal(name) || parse(name).is_some()
}

/// The newest snapshot of which all workers have written theirs.
fn newest(names: &[String], workers: usize) -> Option<u64> {
    let numbers = names.iter().filter(|name| !name.ends_with(WRITING)).filter_map(|name| Some(parse(name)?.0));
    let is_whole = |number: &u64| (0..workers).all(|worker| names.contains(&format!("{SWEEP}{number}.{worker}")));
    numbers.filter(is_whole).max()
}

/// Whose checkpoint a folder holds; `None` if nobody's.
fn owner(path: &Path) -> Result<Option<Owner>> {
    let Some(mut reader) = FrameReader::open(path.join(OWNER))? else { return Ok(None) };
    let frame = reader.next()?.ok_or_else(|| reader.damaged())?;
    let plain = reader.body(frame)?;
    if frame.about[0] != VERSION {
        let message = "is the checkpoint of another release; remove the folder, and run from the beginning";
        return Err(Error::new(Kind::Output, message).at(path));
    }
    Ok(Some(from_bytes(&plain).map_err(|_| reader.damaged())?.0))
}

fn write_owner(path: &Path, owner: &Owner) -> Result<()> {
    let place = path.join(OWNER);
    let mut writer = FrameWriter::create(named(&place, WRITING))?;
    writer.write([VERSION, 0, 0], &to_bytes(owner, Vec::new())?)?;
    writer.rename(&place)
}
