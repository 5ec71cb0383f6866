//! What a run has done so far, on disk, so that another one goes on from there if it is killed.
//!
//! The folder of a checkpoint belongs to one run at a time, of one analysis of one image with a number of processes and
//! workers, which all see it. It holds `checkpoint`, which says whose it is; for each worker the chunks that it has read,
//! `masks.W`; what all workers of the sweep held at a moment, `sweep.N.W`; and the radii that each has measured since,
//! `radii.W`. Of the moments the newest counts of which all workers have written theirs. Chunks that were read after that moment
//! come again from the files of masks, and those that are missing there, because the machine has lost them, from the image.
//!
//! The first process looks through the folder before anything is added, and writes to `checkpoint` what it has found; the
//! others keep to that, since by then new chunks may come.
//!
//! A snapshot is taken without a pause of the whole sweep [Chandy and Lamport 1985, "Distributed snapshots"]: a mark goes
//! around the ring of workers after the planes that were sent before it, and each worker writes what it holds when the
//! mark comes. The first worker adds the planes that come between its own part and the return of the mark.

mod frames;
mod journal;
mod kept_sweep;
mod locks;
mod radii;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

pub use self::journal::{Journal, KeptMask, ReadChunk, ReadChunks};
pub use self::kept_sweep::KeptSweep;
pub use self::radii::RadiiJournal;
pub(crate) use self::snapshot::Rhythm;
pub use self::snapshot::{SnapshotReader, SnapshotWriter};

use self::frames::{FrameReader, FrameWriter, from_bytes, to_bytes};
use self::journal::Known;
use self::snapshot::Pace;
use crate::error::{Error, Kind, Result};
use crate::grid::ChunkId;
use crate::kernel::mask::threshold::Threshold;
use crate::store::disk::{self, There, what_is};
use crate::store::file::{WRITING, named, read_failed, write_failed};

const LOCK: &str = "lock";
const MEMBERS: &str = "members";
const OWNER: &str = "checkpoint";
const MASKS: &str = "masks.";
const SWEEP: &str = "sweep.";
const RADII: &str = "radii.";

/// Incremented whenever the files change.
const VERSION: i64 = 9;

/// Whose checkpoint a folder holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Owner {
    identity: u64,
    team: TeamSize,
    /// If it was found in the image, and is known by now.
    threshold: Option<Threshold>,
    /// What was there when a run last opened it: the bytes of each worker's chunks, and the number of the snapshot.
    read: Vec<u64>,
    snapshot: Option<u64>,
}

/// The number of processes of a run, and of the workers of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamSize {
    /// Number of processes.
    pub processes: usize,
    /// Number of workers of each process.
    pub workers: usize,
}

impl TeamSize {
    /// Number of workers of all processes.
    fn all(self) -> usize {
        self.processes * self.workers
    }
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
    /// What each worker had read when the folder was opened.
    known: Vec<Known>,
    pace: Mutex<Pace>,
    rhythm: Rhythm,
    /// Held as long as this process uses the folder.
    _lock: File,
}

impl Checkpoint {
    /// Opens the checkpoint in a folder for the first process of a run, and makes the folder if it is missing. `identity` is a
    /// hash of all that the chunks' masks and their thinning follow from.
    ///
    /// # Errors
    /// `Output` if the folder holds other things, the checkpoint of something else, or one that another run uses, and
    /// nothing is changed then; or if it cannot be written; `Io` if it cannot be read.
    pub fn open(path: &Path, identity: u64, team: TeamSize) -> Result<Checkpoint> {
        Self::with_rhythm(path, identity, team, Rhythm::USUAL)
    }

    /// The same, with snapshots in another rhythm.
    pub(crate) fn with_rhythm(path: &Path, identity: u64, team: TeamSize, rhythm: Rhythm) -> Result<Checkpoint> {
        let refused = |message: &str| Error::new(Kind::Output, message).at(path);
        let names = entries(path)?;
        if let Some(other) = names.iter().find(|name| !is_ours(name)) {
            let message = format!("holds other things than a checkpoint ({other}); give an empty folder for it");
            return Err(refused(&message));
        }
        let lock = locks::of_first(path)?;
        let there = owner(path)?;
        let existed = there.is_some();
        let threshold = match there {
            Some(owner) if owner.identity == identity && owner.team != team => {
                let TeamSize { processes, workers } = owner.team;
                let message = if processes == team.processes {
                    format!("is the checkpoint of a run with --workers {workers}; give that again")
                } else {
                    format!(
                        "is the checkpoint of a run with --processes {processes} --workers {workers}; give these again"
                    )
                };
                return Err(refused(&message));
            }
            Some(owner) if owner.identity != identity => {
                return Err(refused(
                    "is the checkpoint of another analysis, or its image has changed since; give another folder, or remove \
                     this one to run from the beginning",
                ));
            }
            Some(owner) => owner.threshold,
            None => None,
        };
        if team.processes > 1 {
            locks::wait_for_members(path)?;
        }
        let known = (0..team.all()).map(|worker| Known::of(path.join(format!("{MASKS}{worker}")), None));
        let known = known.collect::<Result<Vec<Known>>>()?;
        let mut all = BTreeSet::new();
        if !known.iter().flat_map(|known| &known.chunks).all(|chunk| all.insert(*chunk)) {
            // Of one chunk by two workers.
            return Err(frames::damaged().at(path));
        }
        let names = entries(path)?;
        let snapshot = newest(&names, team.all());
        let read = known.iter().map(|known| known.length).collect();
        let owner = Owner { identity, team, threshold, read, snapshot };
        write_owner(path, &owner)?;
        let is_of_newest = |name: &str| parse(name).is_none_or(|(number, _)| Some(number) == snapshot);
        for name in names.iter().filter(|name| name.ends_with(WRITING) || !is_of_newest(name)) {
            remove(&path.join(name))?;
        }
        let pace = Mutex::new(Pace::new(snapshot, rhythm));
        let path = path.to_owned();
        Ok(Checkpoint(Arc::new(Inner { path, owner, existed, known, pace, rhythm, _lock: lock })))
    }

    /// Joins the checkpoint that the first process of the same run has opened. This process reads and writes what its own
    /// workers do. No later run can open the folder until this process, too, has released it.
    ///
    /// # Errors
    /// `Output` if the first process has not opened this folder, or it cannot be written; `Io` if it cannot be read.
    pub fn join(path: &Path, team: TeamSize) -> Result<Checkpoint> {
        let other = || {
            let message = "is not the checkpoint that process 0 has opened; give a folder that all processes share";
            Error::new(Kind::Output, message).at(path)
        };
        let lock = locks::of_member(path)?.ok_or_else(other)?;
        let owner = owner(path)?.filter(|owner| owner.team == team).ok_or_else(other)?;
        let journal = |(worker, &length)| Known::of(path.join(format!("{MASKS}{worker}")), Some(length));
        let known = owner.read.iter().enumerate().map(journal).collect::<Result<Vec<Known>>>()?;
        if !known.iter().map(|known| known.length).eq(owner.read.iter().copied()) {
            return Err(other());
        }
        let rhythm = Rhythm::USUAL;
        let pace = Mutex::new(Pace::new(owner.snapshot, rhythm));
        let path = path.to_owned();
        Ok(Checkpoint(Arc::new(Inner { path, owner, existed: true, known, pace, rhythm, _lock: lock })))
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
        write_owner(&self.0.path, &Owner { threshold: Some(threshold), ..self.0.owner.clone() })
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

    /// The radii that a worker has measured: those of earlier runs, and a file to add others to.
    ///
    /// # Errors
    /// `Io` or `Data` if they cannot be read, `Io` or `Output` if the file cannot be written.
    pub fn radii(&self, worker: usize) -> Result<RadiiJournal> {
        RadiiJournal::open(self.0.path.join(format!("{RADII}{worker}")))
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
        for worker in 0..self.0.owner.team.all() {
            // What stays is removed when the folder is opened again.
            let _ = disk::remove(&self.snapshot_of(earlier, worker));
        }
        Ok(())
    }

    /// Whether an earlier run has left a snapshot.
    pub fn has_snapshot(&self) -> bool {
        self.pace().snapshot.is_some()
    }

    /// Whether the end of a sweep is kept.
    pub(crate) fn keeps_end(&self) -> bool {
        self.0.rhythm.keeps_short || self.has_snapshot() || self.is_due()
    }

    /// The same checkpoint, if all of its snapshot is as it was written.
    ///
    /// # Errors
    /// `Io` or `Data` if it is not.
    fn verified(self) -> Result<Checkpoint> {
        if let Some(number) = self.pace().snapshot {
            (0..self.0.owner.team.all()).try_for_each(|worker| frames::verify(self.snapshot_of(number, worker)))?;
        }
        Ok(self)
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
        remove_files(&self.0.path)
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

/// Removes the files of a checkpoint, and the folder unless it holds something else.
fn remove_files(path: &Path) -> Result<()> {
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
    let is_journal = |name: &str| {
        let worker = [MASKS, RADII].iter().find_map(|prefix| name.strip_prefix(prefix));
        worker.is_some_and(|worker| worker.parse::<usize>().is_ok())
    };
    [LOCK, MEMBERS].contains(&name) || whole == OWNER || is_journal(name) || parse(name).is_some()
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
