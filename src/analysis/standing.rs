//! Outputs that still stand: nothing that they were made from has changed since, so they are not made again.
//!
//! After an analysis with a state has put its outputs in place, it writes the state's [`Index`]. A later run compares
//! with it, from what costs least to what costs most: what is asked for, the marks of the image's chunks, the outputs,
//! and the lengths and times of the records. If all of them agree, the run would make the same outputs, and leaves them.
//! If one does not, or cannot be told, the run goes on as if there were no index.
//!
//! Outputs in files are compared by all their bytes, and those in folders, which are many files, by lengths and times, as
//! when the skeleton's chunks are used again.

use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Instant, UNIX_EPOCH};

use serde_json::Value;
use twox_hash::XxHash3_64;

use super::kept_counts::CountedWithin;
use super::record::Circumstances;
use super::{Analysis, Changes, Counts, Epochs, Staged};
use crate::error::{Error, Result};
use crate::export::Format;
use crate::grid::ChunkId;
use crate::kernel::mask::smooth::Gaussian;
use crate::operators::read::Selection;
use crate::overview::OverviewOptions;
use crate::space::Region;
use crate::state::{HeldIndex, Index, Loaded};
use crate::store::disk::{There, no_links, what_is};
use crate::store::file::read_failed;
use crate::store::file_states::{state_of, states_below};
use crate::store::output::OutputFolder;
use crate::store::output::folder::{EXPORT, OUTPUTS, REPORT, RUN};
use crate::store::{Mark, Marked, resolved};
use crate::table::arrival::Arrival;

/// Bytes that are read of an output at once.
const PART: usize = 1 << 16;

/// What is written of results, and how, as far as the outputs depend on it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OutputPlan {
    /// Whether warnings are errors.
    pub strict: bool,
    /// How the picture looks.
    pub picture: OverviewOptions,
    /// The formats of other programs in which the results are written too.
    pub exports: Vec<Format>,
    /// The file of changes of the branch table, if changes are recorded.
    pub changes: Option<PathBuf>,
}

/// Outputs that still stand. No other run uses their state until this is dropped.
#[derive(Debug)]
pub struct Standing {
    held: HeldIndex,
    names: Vec<&'static str>,
    chunks: usize,
}

/// Whether outputs still stand.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// They do.
    Stand(Standing),
    /// Something has changed, or that cannot be told.
    Changed,
    /// The state has an index that cannot be used; a sentence about it.
    Unknown(String),
}

/// What an index will say of outputs that are about to be put in place.
#[derive(Debug)]
#[must_use = "without an index the next run reads the whole state"]
pub struct Made {
    asked: u64,
    marks: u64,
    outputs: u64,
    counts: Counts,
}

impl Analysis {
    /// Finds whether the outputs in `folder`, from [`Analysis::outputs_of_state`], are what the analysis with a state would
    /// make of the image as it is now. Reads no value of the image, and no record. Takes about a microsecond for each stored
    /// file of the image and each record, and the time to read the tables.
    ///
    /// # Errors
    /// `Output` if another run uses the state; `Io` if the operating system cannot read the metadata.
    pub fn verdict(&self, folder: &OutputFolder, state: &Path, plan: &OutputPlan) -> Result<Verdict> {
        let held = match HeldIndex::take(state)? {
            Loaded::Valid(held) => held,
            Loaded::Absent => return Ok(Verdict::Changed),
            Loaded::Unusable(reason) => {
                let path = state.display();
                return Ok(Verdict::Unknown(format!("{path}: the index {reason}: all records are read instead")));
            }
        };
        let index = held.index();
        let asked = self.beside(self.arrival()?.as_ref())?.and_then(|beside| self.asked(plan, beside));
        let outputs = || outputs_in(folder.folder(), plan)?.map_or(Ok(None), |hash| with_changes(hash, plan));
        let is_same = asked == Some(index.asked)
            && self.marks_now()? == Some(index.marks)
            && outputs()? == Some(index.outputs)
            && held.fits_records()?;
        if !is_same {
            return Ok(Verdict::Changed);
        }
        let names = names(folder.folder(), plan).map_err(|error| read_failed(&error).at(folder.folder()))?;
        Ok(Verdict::Stand(Standing { held, names, chunks: Selection::All.count(&self.grid) }))
    }

    /// A hash of the sizes and times of all files that the results depend on: of the image, of its mask, atlas and intensities. `None`
    /// if they cannot be told, as on servers.
    ///
    /// # Errors
    /// If the operating system cannot read the metadata.
    pub fn hash_of_files(&self) -> Result<Option<u64>> {
        let intensity = self.source.intensity();
        let marks = CountedWithin::of(&[Some(&self.source), intensity.as_ref()], self.grid.bounds(), |_| true)?;
        let known = marks.zip(self.beside_now(None)?);
        Ok(known.map(|known| XxHash3_64::oneshot(format!("{known:?}").as_bytes())))
    }

    /// A hash of what the outputs depend on besides the image's values, the parameters and the plan; `None` if that cannot be
    /// told without reading it. To be taken before an epoch.
    pub(super) fn beside(&self, arrival: Option<&Arrival>) -> Result<Option<u64>> {
        self.beside_by(Marked::is_old, arrival)
    }

    /// The same, also where the files were written just now.
    pub(super) fn beside_now(&self, arrival: Option<&Arrival>) -> Result<Option<u64>> {
        self.beside_by(|_| true, arrival)
    }

    fn beside_by(&self, trusts: impl Fn(&Marked) -> bool, arrival: Option<&Arrival>) -> Result<Option<u64>> {
        let (atlas, mask) = (self.source.atlas(), self.source.confinement());
        let sources = [atlas.as_ref().map(|atlas| &atlas.source), mask.as_ref()];
        let Some(marks) = CountedWithin::of(&sources, self.grid.bounds(), trusts)? else { return Ok(None) };
        let names = atlas.as_ref().and_then(|atlas| atlas.names.as_deref());
        let text = format!("{marks:?} {names:?} {arrival:?}");
        Ok(Some(XxHash3_64::oneshot(text.as_bytes())))
    }

    /// A hash of everything that outputs depend on except for the values of the image: parameters, plan, what the image says
    /// of itself, and the program, of which another build may write other bytes. `None` if it cannot be told.
    fn asked(&self, plan: &OutputPlan, beside: u64) -> Option<u64> {
        let OutputPlan { strict, picture, exports, changes } = plan;
        let parameters = serde_json::to_string(&self.settled.asked).ok()?;
        let program = std::env::current_exe().and_then(std::fs::metadata).ok()?;
        let built = program.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let description = self.source.description();
        let image = (description, &self.image, self.image_name(), self.source.origin());
        // With what the parameters name files for, such as gains.
        let agreed = self.settled.agreed(description.spacing, description.unit.as_deref());
        let (changes, chunk) = (changes.as_deref().map(resolved), self.grid.chunk_shape());
        let text = format!("{parameters} {agreed:?} {image:?} {chunk:?} {strict} {picture:?} {exports:?} {changes:?}");
        let mut hash = XxHash3_64::new();
        (env!("CARGO_PKG_VERSION"), program.len(), built, text, beside).hash(&mut hash);
        Some(hash.finish())
    }

    /// A hash of the marks that the chunks have now; `None` unless all have one that can be trusted.
    fn marks_now(&self) -> Result<Option<u64>> {
        self.hash_of_marks(|marked| marked.filter(Marked::is_old).map(|marked| marked.mark))
    }

    /// A hash of the marks that the chunks have now, also of those that were written just now; `None` unless all have one.
    pub(super) fn hash_of_image(&self) -> Result<Option<u64>> {
        self.hash_of_marks(|marked| marked.map(|marked| marked.mark))
    }

    fn hash_of_marks(&self, of: impl Fn(Option<Marked>) -> Option<Mark>) -> Result<Option<u64>> {
        let (grid, bounds) = (self.grid, self.grid.bounds());
        let depth = self.settled.gaussian.as_ref().map_or([0; 3], Gaussian::depth);
        let mut chunks: Vec<ChunkId> = grid.chunks().collect();
        chunks.sort_unstable();
        let padded = |&chunk: &ChunkId| grid.region(chunk).dilated(depth).intersection(&bounds);
        let regions: Vec<Region> = chunks.iter().map(padded).collect();
        let marked = self.source.marks(&regions)?;
        Ok(hash_of_marks(bounds, chunks.into_iter().zip(marked.into_iter().map(of))))
    }
}

impl Standing {
    /// Writes `run.json` anew, with the circumstances of this run, into the folder of the outputs. Returns their summary.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written; `Internal` if the summary has been damaged meanwhile.
    pub fn renew(
        self,
        analysis: &Analysis,
        folder: OutputFolder,
        circumstances: &Circumstances,
        started: Instant,
    ) -> Result<Value> {
        let path = folder.folder().join("summary.json");
        let summary = std::fs::read(&path).map_err(|error| read_failed(&error).at(&path))?;
        let damaged = || Error::internal("is damaged though its hash was right").at(&path);
        let summary = serde_json::from_slice(&summary).map_err(|error| damaged().because(error))?;
        let outputs = self.names.iter().copied().chain([RUN]).collect();
        let elapsed = started.elapsed();
        folder.write(RUN, analysis.record(circumstances, self.counts(), outputs, [elapsed; 2])?)?;
        folder.commit_record()?;
        Ok(summary)
    }

    /// The number of the epoch that made the outputs.
    pub fn epoch(&self) -> u64 {
        self.held.index().epoch
    }

    /// The work of a run that leaves outputs as they are.
    fn counts(&self) -> Counts {
        let index = self.held.index();
        Counts {
            chunks_reused: self.chunks as u64,
            chunks_with_foreground: index.with_foreground,
            rows_changed: Some(0),
            epoch: Some(index.epoch),
            ..Counts::default()
        }
    }
}

impl Epochs {
    /// What the index of the state will say of staged outputs of the last epoch; `None` if the marks of the image or of what
    /// is beside it cannot be trusted.
    ///
    /// # Errors
    /// `Io` if the staged outputs cannot be read; `Internal` if the session cannot go on.
    pub fn made(&self, staged: &Staged<'_>, plan: &OutputPlan) -> Result<Option<Made>> {
        let Some(asked) = self.beside.and_then(|beside| self.analysis.asked(plan, beside)) else { return Ok(None) };
        let grid = self.session.grid()?;
        let mut known = self.session.marks()?.into_iter().peekable();
        let mut chunks: Vec<ChunkId> = grid.chunks().collect();
        chunks.sort_unstable();
        let marks = chunks.into_iter().map(|chunk| {
            while known.next_if(|(other, _)| *other < chunk).is_some() {}
            (chunk, known.next_if(|(other, _)| *other == chunk).map(|(_, mark)| mark))
        });
        let Some(marks) = hash_of_marks(grid.bounds(), marks) else { return Ok(None) };
        // Before they are in place, so that nobody else can have changed them.
        let outputs = outputs_in(&staged.folder.new_folder(), plan)?;
        Ok(outputs.map(|outputs| Made { asked, marks, outputs, counts: staged.counts }))
    }

    /// Writes the digest and the index of the state, once the outputs are in place: a run that finds everything as it is now
    /// leaves them, and one that finds some chunks changed reads the records that it needs.
    ///
    /// # Errors
    /// `Io` or `Output` if it cannot be written.
    pub fn settle(&self, made: Option<Made>, plan: &OutputPlan) -> Result<()> {
        self.session.write_digest()?;
        let Some(Made { asked, marks, outputs, counts }) = made else { return Ok(()) };
        let known = with_changes(outputs, plan)?.zip(Index::records_of(&self.state)?);
        let Some((outputs, records)) = known else { return Ok(()) };
        let (epoch, with_foreground) = (counts.epoch.unwrap_or_default(), counts.chunks_with_foreground);
        Index { asked, marks, outputs, records, epoch, with_foreground }.write(&self.state)
    }
}

/// A hash of the marks of all chunks within bounds; `None` if one is missing.
fn hash_of_marks(bounds: Region, marks: impl Iterator<Item = (ChunkId, Option<Mark>)>) -> Option<u64> {
    let mut hash = XxHash3_64::new();
    bounds.hash(&mut hash);
    for (chunk, mark) in marks {
        (chunk, mark?).hash(&mut hash);
    }
    Some(hash.finish())
}

/// The names of the outputs in a folder that a run with a plan has written. Not `run.json`; nor a report or exports that
/// were made of the outputs since.
fn names(folder: &Path, plan: &OutputPlan) -> io::Result<Vec<&'static str>> {
    let mut names = Vec::new();
    for name in OUTPUTS {
        let is_own = ![RUN, REPORT].contains(&name) && (name != EXPORT || !plan.exports.is_empty());
        if is_own && what_is(&folder.join(name))? != There::Nothing {
            names.push(name);
        }
    }
    Ok(names)
}

/// A hash of the outputs that a run with a plan has written into a folder; `None` if something else has the name of one.
fn outputs_in(folder: &Path, plan: &OutputPlan) -> Result<Option<u64>> {
    let mut hash = XxHash3_64::new();
    let add = |hash: &mut XxHash3_64| -> io::Result<bool> {
        for name in names(folder, plan)? {
            let path = folder.join(name);
            let of_output = match what_is(&path)? {
                There::File => Some(hash_of_file(&path)?),
                There::Folder => states_below(&path, &[])?,
                There::Nothing | There::Other => None,
            };
            let Some(of_output) = of_output else { return Ok(false) };
            (name, of_output).hash(hash);
        }
        Ok(true)
    };
    let is_whole = add(&mut hash).map_err(|error| read_failed(&error).at(folder))?;
    Ok(is_whole.then(|| hash.finish()))
}

/// The hash of outputs, and of the files of changes that go with them; `None` if one of these is no file.
fn with_changes(outputs: u64, plan: &OutputPlan) -> Result<Option<u64>> {
    let Some(changes) = &plan.changes else { return Ok(Some(outputs)) };
    let mut hash = XxHash3_64::new();
    outputs.hash(&mut hash);
    for path in Changes::paths(changes) {
        match state_of(&path) {
            Ok(None) => return Ok(None),
            Ok(state) => state.hash(&mut hash),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0.hash(&mut hash),
            Err(error) => return Err(read_failed(&error).at(&path)),
        }
    }
    Ok(Some(hash.finish()))
}

/// A hash of the bytes of a file.
fn hash_of_file(path: &Path) -> io::Result<u64> {
    let (mut file, mut hash) = (no_links().open(path)?, XxHash3_64::new());
    let mut part = vec![0; PART];
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hash.finish()),
            length => hash.write(&part[..length]),
        }
    }
}
