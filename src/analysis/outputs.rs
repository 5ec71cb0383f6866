//! The outputs of an analysis: tables, summary and picture beside the skeleton's image, put in place together.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::change_files::{Changes, TableChanges};
use super::record::Circumstances;
use super::warnings;
use super::{Analysis, Counts, Results};
use crate::error::{Error, Kind, Result};
use crate::export::{Format, Network};
use crate::grid::ChunkId;
use crate::kernel::measure::pixel_values::PixelValues;
use crate::kernel::measure::radii::OfRadii;
use crate::kernel::measure::{BranchMeasures, Known};
use crate::kernel::network::isolated::Isolated;
use crate::kernel::network::skeleton::Skeleton;
use crate::overview::{Draw, OverviewOptions, Scene, Share, Stroke, StrokeKind, Strokes, overview, vector_overview};
use crate::parameters::Described;
use crate::space::Spacing;
use crate::store::Description;
use crate::store::disk;
use crate::store::output::folder::{BRANCHES, EXPORT, NODES, OBJECTS, SKELETON, SKELETONS};
use crate::store::output::{EarlierRun, OutputFolder, SkeletonForm, write_labelled, write_skeleton};
use crate::store::units::{LengthUnit, converted, readable};
use crate::table::Table;
use crate::table::csv::write_table;
use crate::table::nodes::Nodes;
use crate::table::regions::Regions;
use crate::table::skeletons::Skeletons;
use crate::table::summary::{Awaited, FilteredTotals, Summary, Totals};
use crate::threads::joined;

/// Where outputs go, and how they are written.
#[derive(Debug)]
pub struct Destination<'a> {
    /// The folder, locked and staged.
    pub folder: OutputFolder,
    /// The files of changes, if changes are recorded.
    pub changes: Option<&'a mut Changes>,
    /// When the run began.
    pub started: Instant,
    /// Whether to treat warnings as errors.
    pub strict: bool,
    /// What only the caller knows about the run.
    pub circumstances: Circumstances,
    /// How the picture looks.
    pub picture: OverviewOptions,
    /// The formats of other programs in which the results are written too, into the folder `export`.
    pub exports: Vec<Format>,
}

impl Destination<'_> {
    /// A folder for outputs, with nothing else.
    pub fn new(folder: OutputFolder) -> Self {
        let (started, circumstances, picture) = (Instant::now(), Circumstances::default(), OverviewOptions::default());
        Destination { folder, changes: None, started, strict: false, circumstances, picture, exports: Vec::new() }
    }
}

/// Complete outputs that are not in place yet. Dropping them discards them.
#[derive(Debug)]
#[must_use = "outputs that are not put in place are gone"]
pub struct Staged<'a> {
    pub(super) folder: OutputFolder,
    changed: Option<(&'a mut Changes, TableChanges)>,
    written: Written,
    /// What `run.json` counts.
    pub(super) counts: Counts,
}

/// What was written, for people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Written {
    /// Counts of the whole.
    pub totals: Totals,
    /// What `summary.json` holds; of its warnings those of the image are first.
    pub summary: Summary<Described>,
    /// What exports cannot hold of the results, and what took longer for want of memory, each a sentence.
    pub notes: Vec<String>,
}

/// The folder for a run's outputs, locked and staged. Replaces the outputs of an earlier run only if asked to, or if
/// they are this one's `own`.
///
/// # Errors
/// `Output` if the folder holds other things or another run's outputs, or cannot be written.
pub fn open_folder(out: &Path, overwrite: bool, own: impl FnOnce(&EarlierRun) -> bool) -> Result<OutputFolder> {
    let folder = OutputFolder::create(out, overwrite)?;
    match folder.earlier() {
        Some(earlier) if !overwrite && !own(earlier) => {
            let message = "holds the outputs of another run; give another folder, or --overwrite to replace them";
            Err(Error::new(Kind::Output, message).at(out))
        }
        _ => Ok(folder),
    }
}

impl Staged<'_> {
    /// Puts the outputs in place, and appends the changes to their files: both or neither. After a run that was killed
    /// in between, the next one appends the same changes in their place, or removes them.
    ///
    /// # Errors
    /// If the folder or the file cannot be written.
    pub fn commit(self) -> Result<Written> {
        match self.changed {
            None => self.folder.commit()?,
            Some((changes, difference)) => {
                let before = changes.append(&difference)?;
                self.folder.commit().inspect_err(|_| drop(changes.take_back(before)))?;
            }
        }
        Ok(self.written)
    }
}

impl Analysis {
    /// The form of the skeleton's image.
    pub(super) fn skeleton_form(&self) -> SkeletonForm {
        let description = self.source.description();
        let form = SkeletonForm::of(&*self.source);
        if self.labels.is_some() { SkeletonForm { dtype: description.stored, ..form } } else { form }
    }

    /// Writes all outputs of results in memory into a folder: `branches.csv`, `nodes.csv`, `skeletons.csv`, `summary.json`,
    /// `run.json`, `skeleton.zarr` and `overview.png`. Replaces the outputs of an earlier run if `overwrite` is set.
    ///
    /// # Errors
    /// `Output` if the folder holds other things or is being written, or cannot be written; `Io` if the disk is full.
    /// The previous content stays then.
    pub fn write(&self, results: &Results, out: impl AsRef<Path>, overwrite: bool) -> Result<Written> {
        let folder = open_folder(out.as_ref(), overwrite, |_| false)?;
        let (form, threads) = (self.skeleton_form(), self.allotted.writers);
        if results.labels.is_some() {
            write_labels(&folder, &form, &results.skeletons, threads)?;
        } else {
            let voxels = results.skeletons.iter().flat_map(|(_, skeleton)| &skeleton.voxels);
            write_skeleton(&folder, &form, voxels, None, threads)?;
        }
        self.stage(results, Destination::new(folder))?.commit()
    }

    /// Writes everything but the skeleton's image, which is written already. Puts nothing in place yet.
    ///
    /// # Errors
    /// As [`Analysis::write`]; `Data` if a warning is an error.
    pub fn stage<'a>(&self, results: &Results, to: Destination<'a>) -> Result<Staged<'a>> {
        Ok(self.stage_beside(results, to, |_| Ok(()))?.1)
    }

    /// The same, and writes something else into the folder meanwhile.
    ///
    /// # Errors
    /// As [`Analysis::stage`], and those of `beside`.
    pub(super) fn stage_beside<'a, D: Send>(
        &self,
        results: &Results,
        to: Destination<'a>,
        beside: impl FnOnce(&OutputFolder) -> Result<D> + Send,
    ) -> Result<(D, Staged<'a>)> {
        let Destination { folder, changes, started, strict, circumstances, picture, exports } = to;
        if let Some(labels) = &results.object_labels {
            self.write_labels(&folder, labels)?;
        }
        let analysed = started.elapsed();
        let (tables, picture, beside) = std::thread::scope(|scope| {
            // In parallel, since each takes time.
            let picture = scope.spawn(|| self.overview(results, &picture).transpose());
            let beside = scope.spawn(|| beside(&folder));
            let tables = self.write_tables(results, &folder, strict);
            (tables, joined(picture), joined(beside))
        });
        let (mut written, beside) = (tables?, beside?);
        if let Some((picture, vector)) = picture? {
            folder.write("overview.png", picture)?;
            vector.map(|vector| folder.write("overview.svg", vector)).transpose()?;
        }
        let difference = changes.as_ref().map(|changes| changes.compare(&folder)).transpose()?;
        let mut counts = results.counts;
        if let Some((changes, difference)) = changes.as_ref().zip(difference.as_ref()) {
            (counts.rows_changed, counts.epoch) = (Some(difference.branches()), Some(changes.epoch()));
        }
        if !exports.is_empty() {
            let place = folder.path(EXPORT);
            disk::make_folder(&place).map_err(|error| folder.write_error(EXPORT, &error))?;
        }
        let outputs = folder.written().into_iter().chain(["run.json"]).collect();
        folder.write("run.json", self.record(&circumstances, counts, outputs, [analysed, started.elapsed()])?)?;
        if !exports.is_empty() {
            // From the files, as when they are exported later.
            let network = Network::open(folder.new_folder())?;
            written.notes.extend(network.export(&exports, &folder.path(EXPORT), self.allotted.writers)?);
        }
        written.notes.extend(self.planes_warning(&counts));
        Ok((beside, Staged { folder, changed: changes.zip(difference), written, counts }))
    }

    /// The picture of some results, as the bytes of a PNG file, and as SVG if that is wanted; `None` if the image was not
    /// projected.
    fn overview(&self, results: &Results, options: &OverviewOptions) -> Option<Result<(Vec<u8>, Option<String>)>> {
        let projections = results.projections.as_ref()?;
        let description = self.source.description();
        let known = description.unit.as_deref().and_then(LengthUnit::of);
        let shown = known.map(|unit| readable(longest_side(description), unit));
        // Lengths in the unit that is shown.
        let factor = known.zip(shown).map_or(1.0, |(from, to)| converted(1.0, from, to));
        let unit = shown.map(|unit| unit.symbol).or(description.unit.as_deref());
        let scene = Scene { projections, spacing: Spacing(description.spacing.0.map(|size| size * factor)), unit };
        let draw = |share: Share, draw: &mut Draw<'_>| {
            for branch in share.of(&results.branches).flat_map(|list| list.iter()) {
                let kind = StrokeKind::of_branch_type(branch.kind() as u8);
                let stroke = Stroke { kind, radius: factor * mean_radius(branch.measured()) };
                draw(stroke, &mut branch.into_voxels());
            }
            for Isolated { voxel, measured } in share.of(&results.isolated) {
                let stroke = Stroke { kind: StrokeKind::Isolated, radius: factor * mean_radius(measured) };
                draw(stroke, &mut std::iter::once(*voxel));
            }
        };
        let mut kinds = [false; StrokeKind::COUNT];
        for (branch_type, count) in (0..).zip(results.statistics.kinds) {
            kinds[StrokeKind::of_branch_type(branch_type) as usize] = count > 0;
        }
        kinds[StrokeKind::Isolated as usize] = !results.isolated.is_empty();
        let count = results.branches.iter().map(|list| list.len()).sum::<usize>() + results.isolated.len();
        let (strokes, threads) = (Strokes { kinds, count, draw: &draw }, self.allotted.writers);
        let vector = options.vector.then(|| vector_overview(&scene, &strokes, options, threads)).transpose();
        Some(vector.and_then(|vector| Ok((overview(&scene, &strokes, options, threads)?, vector))))
    }

    /// Writes the tables and their summary, and the values of voxels meanwhile, which takes one thread.
    fn write_tables(&self, results: &Results, folder: &OutputFolder, strict: bool) -> Result<Written> {
        if self.allotted.writers == 1 {
            self.write_voxels(results, folder)?;
            return self.write_network(results, folder, strict);
        }
        std::thread::scope(|scope| {
            let voxels = scope.spawn(|| self.write_voxels(results, folder));
            let written = self.write_network(results, folder, strict);
            joined(voxels).and(written)
        })
    }

    /// Writes the tables of the network and their summary.
    fn write_network(&self, results: &Results, folder: &OutputFolder, strict: bool) -> Result<Written> {
        let (threads, frame) = (self.allotted.writers, self.frame());
        let mut table = results.table(self, threads)?.with_columns(self.network_plan().columns);
        let nodes = self.settled.asked.columns.has_nodes().then(|| Nodes::new(&table, threads)).transpose()?;
        let regions = self.source.atlas().zip(nodes.as_ref());
        let regions =
            regions.map(|(atlas, nodes)| self.write_regions(&atlas, results, (&table, nodes), folder)).transpose()?;
        if let Some(regions) = &regions {
            table = table.with_regions(regions.branches());
        }
        let provisional = write_into(folder, BRANCHES, |file| write_table(&table, &frame, threads, file))?;
        let mut unknown_paths = 0;
        if let Some(nodes) = nodes {
            write_into(folder, NODES, |file| nodes.write_csv(&frame, threads, file))?;
            let skeletons = Skeletons::new(&table, &nodes, self.settled.asked.longest_path, threads)?;
            write_into(folder, SKELETONS, |file| skeletons.write_csv(&frame, threads, file))?;
            unknown_paths = skeletons.unknown_longest_paths();
        }
        if let Some(objects) = results.objects_beside(Some(&table), self) {
            write_into(folder, OBJECTS, |file| objects.write_csv(&frame, threads, file))?;
        }
        let found = (provisional, unknown_paths);
        let written = self.summed_up(results, &table, regions.as_ref(), found)?;
        if let (true, Some(first)) = (strict, written.summary.warnings.first()) {
            return Err(Error::data(format!("{first} (--strict)")).at(&self.source.description().name));
        }
        folder.write("summary.json", written.summary.to_json()?)?;
        Ok(written)
    }

    /// The summary of some results, from their table and regions, the number of provisional branches, and the number of
    /// skeletons whose longest path is not known.
    pub(super) fn summed_up(
        &self,
        results: &Results,
        table: &Table<'_, BranchMeasures>,
        regions: Option<&Regions>,
        (provisional, unknown_paths): (u64, u64),
    ) -> Result<Written> {
        let totals = Totals {
            skeletons: table.skeletons(),
            skeleton_voxels: table.voxels(),
            foreground_voxels: results.foreground,
            filtered: FilteredTotals::new(&self.settled.filters, &results.amounts),
            voxels: results.volume,
            voxel_volume: self.frame().voxel_volume(),
            isolated_voxels: results.isolated.len() as u64,
            junctions: results.junctions,
            objects: results.object_counts,
        };
        let labels = results.label_totals(table);
        let mut warnings = warnings::warnings(self, results, &totals, labels.as_ref(), unknown_paths)?;
        warnings.extend(regions.into_iter().flat_map(warnings::of_regions));
        let parameters = self.settled.described(self.source.description(), results.threshold, self.is_of_tiles());
        let mut summary = Summary::new(parameters, &totals, &results.statistics);
        let fills = self.settled.filters.iter().any(|filter| filter.fills());
        let has_cavities = self.source.description().dimensions == 3 && !fills;
        let loops = results.unpruned_loops.map(|before| [before, summary.loops]);
        warnings.extend(loops.and_then(|loops| warnings::of_pruning(loops, has_cavities)));
        (summary.warnings, summary.labels) = (warnings, labels);
        if let Some(arrival) = &results.arrival {
            let (units, missing) = (arrival.units(), arrival.missing());
            summary = summary.with_awaited(Awaited { provisional_branches: provisional, units, missing });
        }
        Ok(Written { totals, summary, notes: Vec::new() })
    }
}

/// Writes the skeleton's image of labels, from skeletons whose values are their labels.
pub(super) fn write_labels(
    folder: &OutputFolder,
    form: &SkeletonForm,
    skeletons: &[(ChunkId, Arc<Skeleton<Known>>)],
    threads: usize,
) -> Result<()> {
    let voxels = skeletons.iter().flat_map(|(_, skeleton)| {
        let values = match &skeleton.values.0 {
            PixelValues::Integers(values) => &values[..],
            _ => &[],
        };
        skeleton.voxels.iter().zip(values.iter().copied())
    });
    write_labelled(&folder.path(SKELETON), form, voxels, threads)
}

/// Writes an output piece by piece.
pub(super) fn write_into<D>(folder: &OutputFolder, name: &str, write: impl FnOnce(File) -> io::Result<D>) -> Result<D> {
    let written = File::create(folder.path(name)).and_then(write);
    written.map_err(|error| folder.write_error(name, &error))
}

/// The longest side of an image, in the unit of its spacing.
fn longest_side(description: &Description) -> f64 {
    (3 - description.dimensions..3)
        .map(|axis| description.shape[axis] as f64 * description.spacing.0[axis])
        .fold(0.0, f64::max)
}

/// The mean radius of a branch; NaN if radii were not measured, or there are none.
fn mean_radius(measured: &BranchMeasures) -> f64 {
    measured.radii().mean().unwrap_or(f64::NAN)
}
