//! The folder of a state: one file for each record, and locks against other runs.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::changing::{Changing, Stamps};
use super::dependencies::Dependencies;
use super::encoding::{self, HEADER, Header, Loaded, Reason, decode, encode, stamp};
use super::kind::{Record, RecordKind};
use super::locks::{LOCK, Locks, MEMBERS, RUN, unwritable};
use super::manifest;
use crate::error::{Error, Kind, Result};
use crate::grid::ChunkId;
use crate::space::{Region, Voxel};
use crate::store::disk;
use crate::store::file::{WRITING, named, read_failed, replace_below, replace_for_good, write_failed};

const MANIFEST: &str = "state.json";
/// The program's file about the outputs that it made from the state.
pub(super) const OUTPUTS: &str = "outputs.json";
/// The file that tells from what they were made: see `index`.
pub(super) const INDEX: &str = "index";
/// The file that tells of all chunks: see `digest`.
pub(super) const DIGEST: &str = "digest";
/// Suffix of the file of a record that is staged until the end of its epoch.
/// The folder of what is kept of the first sweep.
pub(super) const SWEEP: &str = "sweep";
const STAGED: &str = ".staged";

/// The state of an analysis on disk. No other run can open it until the last clone is dropped.
///
/// `state.json` describes the state; `masks/<z>/<y>.<x>` is the mask record of the chunk at that place on the grid, and
/// every other kind of record has such a folder, too. The state knows the kinds in its [`Dependencies`]; files of other
/// kinds, from another release, are neither read nor removed. Any thread may read and write, but only one at a time may
/// write the records of a chunk.
#[derive(Clone, Debug)]
pub struct StateFolder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    parameters: Dependencies,
    found: Loaded<()>,
    changing: Mutex<Changing>,
    /// Held as long as this process uses the folder.
    locks: Locks,
}

impl StateFolder {
    /// Opens the state in a folder, and creates the folder if it is missing. Removes files that a killed run was
    /// writing.
    ///
    /// # Errors
    /// Of kind `Output` if the folder holds other things than a state (nothing is changed then), if another run uses
    /// it, or if it cannot be written; `Io` if it cannot be read or the disk is full.
    pub fn open(path: impl AsRef<Path>, parameters: &Dependencies) -> Result<StateFolder> {
        let path = path.as_ref();
        let at = |error: Error| if error.is_placed() { error } else { error.at(path) };
        // Checked before anything is written, so that a refused folder is not changed.
        if let Some(other) = foreign(path, parameters).map_err(at)? {
            let message = format!("holds other things than a state ({other}); give an empty folder for the state");
            return Err(at(Error::new(Kind::Output, message)));
        }
        let locks = Locks::of_first(path).map_err(at)?;
        for file in files(path, parameters)? {
            if file.chunk.is_none() && file.is_left_over() {
                fs::remove_file(&file.path).map_err(|error| write_failed(&error).at(&file.path))?;
            }
        }
        let (epoch, found) = match read(&path.join(MANIFEST))? {
            Some(text) => manifest::parse(&text, parameters),
            None => (None, Loaded::Absent),
        };
        // The next epochs get numbers that no record has yet.
        let epoch = epoch.map_or_else(|| last_epoch(path, parameters), Ok)?;
        let changing = Mutex::new(Changing::new(epoch));
        let folder = Inner { path: path.to_owned(), parameters: parameters.clone(), found, changing, locks };
        if !matches!(folder.found, Loaded::Valid(())) {
            folder.write_manifest(epoch)?;
        }
        Ok(StateFolder(Arc::new(folder)))
    }

    /// Joins the state that another process of the same run has opened; `run` is [`StateFolder::run`] of that process.
    /// This process reads and writes the records of its own chunks. No later run can open the folder until this
    /// process, too, has released it.
    ///
    /// # Errors
    /// Of kind `Output` if that run has not opened the folder, or if the folder is not a state of these parameters: it
    /// is not the folder of the other process; `Io` if it cannot be read.
    pub fn join(path: impl AsRef<Path>, run: &str, parameters: &Dependencies) -> Result<StateFolder> {
        let path = path.as_ref();
        let other = || {
            let message = "is not the state that process 0 has opened; give a folder that all processes share";
            Error::new(Kind::Output, message).at(path)
        };
        let locks = Locks::of_member(path, run)?.ok_or_else(other)?;
        let text = read(&path.join(MANIFEST))?.unwrap_or_default();
        let (Some(epoch), found @ Loaded::Valid(())) = manifest::parse(&text, parameters) else { return Err(other()) };
        let changing = Mutex::new(Changing::new(epoch));
        let folder = Inner { path: path.to_owned(), parameters: parameters.clone(), found, changing, locks };
        Ok(StateFolder(Arc::new(folder)))
    }

    /// The identifier of the run that has opened the state.
    pub fn run(&self) -> &str {
        self.0.locks.run()
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What its records depend on.
    /// Path of the folder for what is kept of the first sweep.
    pub fn sweep(&self) -> PathBuf {
        self.0.path.join(SWEEP)
    }

    /// What records depend on.
    pub(super) fn parameters(&self) -> &Dependencies {
        &self.0.parameters
    }

    /// What the folder held when it was opened: nothing, a state of the same parameters, or a state that cannot be
    /// continued as a whole, with the reason. Even then single records may be usable.
    pub fn found(&self) -> &Loaded<()> {
        &self.0.found
    }

    /// The last epoch that was committed; 0 before the first.
    pub fn epoch(&self) -> u64 {
        self.0.changing().epoch
    }

    /// The chunks that have a record of any kind that the state knows, usable or not.
    ///
    /// # Errors
    /// Of kind `Io` if a folder cannot be read.
    pub fn chunks(&self) -> Result<BTreeSet<ChunkId>> {
        let grid = &self.0.parameters.grid;
        let chunks = files(&self.0.path, &self.0.parameters)?.into_iter().filter_map(|file| file.chunk);
        Ok(chunks.filter(|&chunk| !grid.region(chunk).is_empty()).collect())
    }

    /// The record of kind `R` of a chunk that was last put in place.
    ///
    /// # Errors
    /// Of kind `Io` if a file exists but cannot be read, `Internal` if the state does not know the kind.
    pub fn load<R: Record>(&self, chunk: ChunkId) -> Result<Loaded<R>> {
        let found = self.load_from(&self.0.place(R::KIND, chunk), chunk)?;
        Ok(match found {
            Loaded::Valid((_, stamp)) if !self.0.changing().meet(R::KIND, chunk, stamp) => {
                Loaded::Unusable(Reason::OtherRecords)
            }
            found => found.map(|(record, _)| record),
        })
    }

    /// The record of kind `R` of a chunk as of the next [`StateFolder::commit`]: the staged one, if any.
    ///
    /// # Errors
    /// As [`StateFolder::load`].
    pub fn load_latest<R: Record>(&self, chunk: ChunkId) -> Result<Loaded<R>> {
        let place = self.0.place(R::KIND, chunk);
        let staged = self.0.changing().staged.get(&(R::KIND, chunk)).copied();
        match staged {
            None => self.load(chunk),
            Some(Some(_)) => Ok(self.load_from(&named(&place, STAGED), chunk)?.map(|(record, _)| record)),
            Some(None) => Ok(Loaded::Absent),
        }
    }

    /// A record and its stamp.
    fn load_from<R: Record>(&self, path: &Path, chunk: ChunkId) -> Result<Loaded<(R, u64)>> {
        let expected = self.0.header(R::KIND, chunk, 0)?;
        let Some(bytes) = read(path)? else { return Ok(Loaded::Absent) };
        let record = decode(&bytes, &expected, &self.0.parameters.grid).map(|record| (record, stamp(&bytes)));
        Ok(record.map_or_else(Loaded::Unusable, Loaded::Valid))
    }

    /// Puts a record in place at once. A staged removal of the chunk's record of this kind is cancelled.
    ///
    /// # Errors
    /// Of kind `Io` if the disk is full or the write fails, `Output` if it is not permitted; an earlier record remains.
    /// Of kind `Internal` if the record does not fit the chunk, or the state does not know its kind.
    pub fn write<R: Record>(&self, chunk: ChunkId, record: &R, epoch: u64) -> Result<()> {
        let bytes = self.0.encode(chunk, record, epoch)?;
        self.0.remove_digest(&mut self.0.changing())?;
        replace_below(&self.0.path, &self.0.place(R::KIND, chunk), &bytes)?;
        let changing = &mut *self.0.changing();
        changing.stamps.insert((R::KIND.number, chunk), stamp(&bytes));
        if changing.staged.get(&(R::KIND, chunk)) == Some(&None) {
            changing.staged.remove(&(R::KIND, chunk));
        }
        Ok(())
    }

    /// Stages a record, which [`StateFolder::commit`] puts in place, or the removal of the chunk's record of this kind
    /// (`None`). Replaces anything staged earlier for the kind and the chunk.
    ///
    /// # Errors
    /// As [`StateFolder::write`].
    pub fn stage<R: Record>(&self, chunk: ChunkId, record: Option<&R>, epoch: u64) -> Result<()> {
        let place = self.0.place(R::KIND, chunk);
        let staged = named(&place, STAGED);
        // Until the new file is complete, nothing is staged for the chunk.
        let before = self.0.changing().staged.remove(&(R::KIND, chunk));
        let mut stamped = None;
        match record {
            Some(record) => {
                let bytes = self.0.encode(chunk, record, epoch)?;
                let written = disk::write_below(&self.0.path, &staged, &bytes);
                written.map_err(|error| write_failed(&error).at(&place))?;
                stamped = Some(stamp(&bytes));
            }
            None if matches!(before, Some(Some(_))) => {
                remove(&staged).map_err(|error| write_failed(&error).at(&place))?;
            }
            None => {}
        }
        self.0.changing().staged.insert((R::KIND, chunk), stamped);
        Ok(())
    }

    /// Puts all records in place that this process staged, and carries out staged removals. Ends an epoch without
    /// recording its number.
    ///
    /// A run that is killed meanwhile leaves records of two epochs, each of them complete: see
    /// [`verify`](super::verify).
    ///
    /// # Errors
    /// Of kind `Io` or `Output` if a file cannot be moved; records that were not moved stay staged.
    pub fn place_staged(&self) -> Result<()> {
        let mut changing = self.0.changing();
        while let Some((&(kind, chunk), &written)) = changing.staged.first_key_value() {
            self.0.remove_digest(&mut changing)?;
            let place = self.0.place(kind, chunk);
            let moved = if written.is_some() { fs::rename(named(&place, STAGED), &place) } else { remove(&place) };
            moved.map_err(|error| write_failed(&error).at(&place))?;
            changing.staged.pop_first();
            match written {
                Some(stamp) => changing.stamps.insert((kind.number, chunk), stamp),
                None => changing.stamps.remove(&(kind.number, chunk)),
            };
        }
        Ok(())
    }

    /// Ends an epoch: puts all staged records in place ([`StateFolder::place_staged`]), and writes the number of the
    /// epoch to `state.json`.
    ///
    /// # Errors
    /// As [`StateFolder::place_staged`].
    pub fn commit(&self, epoch: u64) -> Result<()> {
        self.place_staged()?;
        self.0.write_manifest(epoch)?;
        self.0.changing().epoch = epoch;
        Ok(())
    }

    /// Sets the stamps of all records, or notes that records are there that are not known.
    pub(super) fn set_stamps(&self, stamps: Option<Stamps>) {
        let changing = &mut *self.0.changing();
        changing.is_complete = stamps.is_some();
        changing.stamps = stamps.unwrap_or_default();
    }

    /// Calls a function with the stamps of the records that are known.
    pub(super) fn with_stamps<D>(&self, of: impl FnOnce(&Stamps) -> D) -> D {
        of(&self.0.changing().stamps)
    }

    /// Whether the records are those that a digest has named, and those that this run has written since.
    pub fn relies_on_digest(&self) -> bool {
        self.0.changing().is_complete
    }

    /// Whether the record of kind `R` of a chunk is one of these.
    pub fn relies_on<R: Record>(&self, chunk: ChunkId) -> bool {
        let changing = self.0.changing();
        changing.is_complete && changing.stamps.contains_key(&(R::KIND.number, chunk))
    }

    /// Notes that a digest will be in place.
    pub(super) fn expect_digest(&self) {
        self.0.changing().has_digest = true;
    }

    /// Discards all staged records and removals. A file that cannot be removed now is removed when the folder is opened
    /// again.
    pub fn discard(&self) {
        self.0.discard();
    }
}

impl Inner {
    fn changing(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, kind: RecordKind, chunk: ChunkId) -> PathBuf {
        let [z, y, x] = chunk.place();
        self.path.join(kind.folder).join(z.to_string()).join(format!("{y}.{x}"))
    }

    fn header(&self, kind: RecordKind, chunk: ChunkId, epoch: u64) -> Result<Header> {
        let unknown = || Error::internal("a state does not know what its records depend on").in_chunk(chunk);
        Ok(Header { kind, chunk, parameters: self.parameters.of(kind).ok_or_else(unknown)?, epoch })
    }

    fn encode<R: Record>(&self, chunk: ChunkId, record: &R, epoch: u64) -> Result<Vec<u8>> {
        encode(record, &self.header(R::KIND, chunk, epoch)?, &self.parameters.grid)
    }

    fn discard(&self) {
        for ((kind, chunk), written) in std::mem::take(&mut self.changing().staged) {
            if written.is_some() {
                // If this fails, the next run removes the file.
                let _ = fs::remove_file(named(&self.place(kind, chunk), STAGED));
            }
        }
    }

    /// Removes the digest, before a record changes.
    fn remove_digest(&self, changing: &mut Changing) -> Result<()> {
        if changing.has_digest {
            let path = self.path.join(DIGEST);
            remove(&path).map_err(|error| write_failed(&error).at(&path))?;
            changing.has_digest = false;
        }
        Ok(())
    }

    fn write_manifest(&self, epoch: u64) -> Result<()> {
        replace_for_good(&self.path.join(MANIFEST), manifest::render(&self.parameters, epoch).as_bytes())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.discard();
    }
}

/// Removes a file, if it exists.
fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// The bytes of a file, if it exists.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    disk::read_if_there(path).map_err(|error| read_failed(&error).at(path))
}

/// A file in the folders of records.
struct Entry {
    path: PathBuf,
    /// The chunk of the record, if the file is named like a record.
    chunk: Option<ChunkId>,
}

impl Entry {
    fn is_left_over(&self) -> bool {
        let name = self.path.as_os_str().as_encoded_bytes();
        [WRITING, STAGED].iter().any(|end| name.ends_with(end.as_bytes()))
    }
}

/// All files in the folders of known kinds of records, and an unfinished manifest.
fn files(path: &Path, parameters: &Dependencies) -> Result<Vec<Entry>> {
    let mut found: Vec<Entry> = Vec::new();
    let writing = named(&path.join(MANIFEST), WRITING);
    if writing.symlink_metadata().is_ok() {
        found.push(Entry { path: writing, chunk: None });
    }
    for folder in parameters.folders() {
        for plane in entries(&path.join(folder))? {
            for path in entries(&plane)? {
                found.push(Entry { chunk: chunk_at(&path), path });
            }
        }
    }
    Ok(found)
}

/// The paths of the entries of a folder, sorted; none if the folder does not exist. Links are refused, because their
/// targets would be read or removed.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = |folder: &Path| {
        let entry = |entry: io::Result<fs::DirEntry>| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)));
        fs::read_dir(folder)?.map(entry).collect::<io::Result<Vec<_>>>()
    };
    match list(folder) {
        Ok(mut entries) => {
            if let Some((path, _)) = entries.iter().find(|(_, kind)| kind.is_symlink()) {
                return Err(Error::new(Kind::Output, "is a link, and no record of a state; remove it").at(path));
            }
            entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            Ok(entries.into_iter().map(|(path, _)| path).collect())
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(read_failed(&error).at(folder)),
    }
}

/// The chunk of the record with this path.
fn chunk_at(path: &Path) -> Option<ChunkId> {
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| number.to_string() == text);
    let (y, x) = path.file_name()?.to_str()?.split_once('.')?;
    let place = [number(path.parent()?.file_name()?.to_str()?)?, number(y)?, number(x)?];
    Region::new(Voxel::MIN, Voxel::END).contains(place).then(|| ChunkId::at(place))
}

/// The last epoch in which any record was written, for a folder whose manifest is lost.
fn last_epoch(path: &Path, parameters: &Dependencies) -> Result<u64> {
    let mut last = 0;
    for file in files(path, parameters)?.into_iter().filter(|file| file.chunk.is_some()) {
        let mut start = Vec::with_capacity(HEADER);
        let opened = disk::no_links().open(&file.path);
        let opened = opened.and_then(|file| file.take(HEADER as u64).read_to_end(&mut start));
        opened.map_err(|error| read_failed(&error).at(&file.path))?;
        last = last.max(encoding::epoch(&start).unwrap_or(0));
    }
    Ok(last)
}

/// The name of an entry that no run wrote, if the folder has one. The names of records alone do not make a folder a
/// state: it needs a `state.json` of this program, or a lock beside the records. A link is never a record, whatever its
/// name.
fn foreign(path: &Path, parameters: &Dependencies) -> Result<Option<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unwritable(&error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unwritable(&error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().map_err(|error| unwritable(&error))?.is_symlink() {
            return Ok(Some(format!("{name}, a link")));
        }
        names.push(name);
    }
    names.sort();
    let has = |name: &str| names.iter().any(|other| other == name);
    let is_of_records = |name: &str| parameters.folders().any(|folder| folder == name);
    let said = read(&path.join(MANIFEST))?.map(|text| manifest::is_ours(&text));
    let ours = match said {
        Some(ours) => ours || (has(LOCK) && names.iter().any(|name| is_of_records(name))),
        None => has(LOCK),
    };
    let unfinished = format!("{MANIFEST}{WRITING}");
    let noting = format!("{OUTPUTS}{WRITING}");
    let begun = format!("{RUN}{WRITING}");
    let indexing = format!("{INDEX}{WRITING}");
    let digesting = format!("{DIGEST}{WRITING}");
    let known = [MANIFEST, LOCK, MEMBERS, RUN, OUTPUTS, INDEX, DIGEST, SWEEP];
    let files = [&known[..], &[&unfinished, &noting, &begun, &indexing, &digesting]].concat();
    for name in &names {
        let known = files.contains(&name.as_str()) || is_of_records(name);
        if !ours || !(known || looks_like_records(&path.join(name))?) {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

/// Whether a folder looks like that of a kind of record that this state does not know. Checks the names of planes and,
/// in the first plane, of chunks; opens no file.
fn looks_like_records(folder: &Path) -> Result<bool> {
    let planes = entries(folder)?;
    let Some(first) = planes.first() else { return Ok(false) };
    let is_plane = |path: &PathBuf| chunk_at(&path.join("0.0")).is_some();
    let is_record = |path: &PathBuf| {
        let unfinished = [WRITING, STAGED].iter().find_map(|end| path.to_str()?.strip_suffix(end));
        chunk_at(unfinished.map_or(path.as_path(), Path::new)).is_some()
    };
    Ok(planes.iter().all(is_plane) && entries(first)?.iter().all(is_record))
}
