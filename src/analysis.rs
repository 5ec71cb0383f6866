//! From an image to its results: the analysis of `anabranch run`, as a library.
//!
//! [`Analysis::open`] opens an image and settles the [`Parameters`] for it; [`Analysis::run`] reads, thins and
//! measures; [`Results`] holds the table, the statistics and the skeleton, and [`Analysis::write`] writes them into a
//! folder as the program does. [`Outputs::open`] reads such a folder back.
//!
//! ```
//! use std::sync::Arc;
//!
//! use anabranch::analysis::{Analysis, Outputs, Resources, Running};
//! use anabranch::chunk::Voxels;
//! use anabranch::parameters::Parameters;
//! use anabranch::store::memory::MemorySource;
//!
//! let rod = ndarray::Array3::from_shape_fn((9, 9, 40), |(z, y, x)| {
//!     u8::from((3..6).contains(&z) && (3..6).contains(&y) && (2..38).contains(&x))
//! });
//! let source = Arc::new(MemorySource::of(Voxels::U8(rod), 3));
//! let analysis = Analysis::of(source, &Parameters::default(), &Resources::default())?;
//! let results = analysis.run(Running::default())?;
//! assert_eq!(results.statistics.kinds.iter().sum::<i64>(), 1);
//!
//! let folder = tempfile::tempdir().expect("a folder for the outputs");
//! analysis.write(&results, folder.path(), false)?;
//! let outputs = Outputs::open(folder.path())?;
//! assert_eq!(outputs.table.len(), 1);
//! assert_eq!(outputs.summary["branches"], 1);
//! # Ok::<(), anabranch::error::Error>(())
//! ```

mod arrays;
mod change_files;
mod changes;
mod checkpointed;
mod chunks_seen;
mod epochs;
mod exports;
mod footprint;
mod kept_counts;
mod label_chunks;
mod label_image;
mod label_objects;
mod labels;
mod masks;
mod objects;
mod opened;
mod outputs;
mod pipeline;
mod projected;
mod record;
mod regions;
mod report;
mod resources;
mod results;
mod sholl;
mod standing;
mod stored_skeleton;
mod team;
mod threshold;
mod voxel_values;
mod warnings;

pub use self::arrays::TableArrays;
pub use self::change_files::Changes;
pub use self::epochs::Epochs;
pub use self::objects::{ObjectResults, ObjectSummary};
pub use self::opened::Outputs;
pub use self::outputs::{Destination, Staged, Written, open_folder};
pub use self::pipeline::Running;
pub use self::record::Circumstances;
pub use self::resources::{Resources, chunk_shape, workers};
pub use self::results::{Counts, Results};
pub use self::sholl::{Shells, Sholl};
pub use self::standing::{Made, OutputPlan, Standing, Verdict};
pub use self::team::Team;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::kept_counts::KeptCounts;
use self::resources::Allotted;
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::kernel::mask::binarise::Binarise;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::measure::BranchMeasures;
use crate::kernel::mosaic::resample::{Blend, Interpolation};
use crate::memory::peak_memory;
use crate::operators::network::NetworkPlan;
use crate::operators::objects::find::ObjectPlan;
use crate::operators::read::Selection;
use crate::parameters::{ImageForm, Parameters, Settled};
use crate::space::Region;
use crate::store::labels::LabelImage;
use crate::store::{Image, MosaicOptions, Source, is_table, open};
use crate::table::arrival::Arrival;
use crate::table::branch_columns::Columns;
use crate::table::columns::Field;
use crate::table::row::Frame;
use crate::text::size;

/// An image with a settled analysis: every default is resolved, and every contradiction refused.
#[derive(Clone)]
#[non_exhaustive]
pub struct Analysis {
    /// The image.
    pub source: Arc<dyn Source>,
    /// Its chunks, dealt to processes.
    pub grid: Grid,
    /// What results depend on.
    pub settled: Settled,
    /// What the library understands of the image, with warnings.
    pub image: Image,
    /// The path or address that the image was opened from, if it was.
    path: Option<PathBuf>,
    allotted: Allotted,
    /// What the regions of its atlas were found to hold.
    counts: KeptCounts,
    /// The image as one of labels, if it is a segmentation.
    labels: Option<Arc<LabelImage>>,
}

impl std::fmt::Debug for Analysis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.source.description().name;
        f.debug_struct("Analysis").field("image", name).field("settled", &self.settled).finish_non_exhaustive()
    }
}

impl Analysis {
    /// The analysis of what is stored at a path or an address, in any of the forms that [`open`] takes.
    ///
    /// # Errors
    /// As [`open`]; `Usage` if parameters or resources contradict each other or the image.
    pub fn open(path: &Path, parameters: &Parameters, resources: &Resources) -> Result<Analysis> {
        parameters.check()?;
        if parameters.image.labels && is_table(path) {
            require_labels_stay(&parameters.image.mosaic).map_err(|error| error.at(path))?;
        }
        let source = Arc::from(open(path, &parameters.image)?);
        let mut analysis = Self::of(source, parameters, resources)?;
        analysis.path = Some(path.to_owned());
        Ok(analysis)
    }

    /// The analysis of a source. Parameters about how an image is opened are written to the summary, and have no other
    /// effect.
    ///
    /// # Errors
    /// `Usage` if parameters or resources contradict each other or the image.
    pub fn of(source: Arc<dyn Source>, parameters: &Parameters, resources: &Resources) -> Result<Analysis> {
        parameters.check()?;
        let image = Image::of(&*source, &parameters.image);
        let description = source.description();
        let settled = parameters.settle(ImageForm::of(description)).map_err(|error| error.at(&description.name))?;
        let (grid, allotted) = resources.allot(&*source, &settled)?;
        if allotted.keeps_state {
            parameters.check_for_epochs()?;
        }
        let labels = parameters.image.labels.then(|| Arc::new(LabelImage::new(Arc::clone(&source), labels::HELD)));
        let counts = KeptCounts::default();
        Ok(Analysis { source, grid, settled, image, path: None, allotted, counts, labels })
    }

    /// The coordinates of the results: how many axes, the size of a voxel, and which voxel is at zero.
    pub fn frame(&self) -> Frame {
        Frame { dimensions: self.dimensions(), spacing: self.source.description().spacing, origin: [0; 3] }
    }

    /// What its network is measured by.
    pub(crate) fn network_plan(&self) -> NetworkPlan {
        let (asked, pruning) = (&self.settled.asked, self.settled.pruning);
        let (set, longest_path) = (asked.columns, asked.longest_path);
        let radii = set.tells_radii() || pruning.needs_radii();
        let columns = self.table_columns();
        NetworkPlan { grid: self.grid, frame: self.frame(), columns, radii, pruning, longest_path, shelf: None }
    }

    /// How its objects are found.
    pub(crate) fn object_plan(&self) -> ObjectPlan {
        let Parameters { objects: table, object_labels: labels, connectivity, .. } = self.settled.asked;
        ObjectPlan { grid: self.grid, connectivity, dimensions: self.dimensions(), table, labels }
    }

    /// 2 or 3: how many of the axes are the image's own.
    pub fn dimensions(&self) -> usize {
        self.source.description().dimensions
    }

    /// A warning if this process has taken much more memory than [`Resources::process_memory`] so far: thick objects need more
    /// planes that are thinned at a time, and dense networks take more.
    pub fn memory_warning(&self) -> Option<String> {
        let asked = self.allotted.asked?;
        let taken = usize::try_from(peak_memory()?).unwrap_or(usize::MAX);
        (taken > asked + asked / 5).then(|| {
            format!(
                "this process has taken {} of memory, more than --memory {}: thick objects and dense networks need more than is \
                 set aside for them; give more, or more --processes",
                size(taken),
                size(asked)
            )
        })
    }

    /// A warning if planes that were being thinned found no room in [`Resources::process_memory`].
    pub(crate) fn planes_warning(&self, counts: &Counts) -> Option<String> {
        let asked = self.allotted.asked.filter(|_| counts.planes_put_aside > 0)?;
        Some(format!(
            "of planes that are thinned more were needed at a time than --memory {} has room for: they were put aside on disk and \
             read again {} times, which takes longer; give more, or more --processes",
            size(asked),
            counts.planes_put_aside
        ))
    }

    /// Worker threads of each process.
    pub fn workers(&self) -> usize {
        self.allotted.workers
    }

    /// Number of chunks of which anything is stored.
    pub fn chunks_to_read(&self) -> usize {
        self.allotted.stored.count(&self.grid)
    }

    /// Columns of the branch table.
    pub fn columns(&self) -> Vec<Field> {
        let mut fields = self.table_columns().fields(self.dimensions(), self.settled.asked.provisional);
        if let Some(atlas) = self.source.atlas() {
            fields.extend(Columns::<BranchMeasures>::region_fields(atlas.names.is_some()));
        }
        fields
    }

    /// The list of these columns.
    fn table_columns(&self) -> Columns {
        let columns = self.settled.asked.columns.columns();
        match (&self.settled.asked.image, self.source.intensity().is_some()) {
            (image, true) if image.labels => columns.with_labels(),
            // The mean of labels is the label.
            (image, false) if image.labels => columns.with_labels().without_image_values(),
            _ => columns,
        }
    }

    /// The names and values that must not differ between the processes that share the analysis, for [`crate::cluster`].
    pub fn agreed(&self) -> Vec<(String, String)> {
        let description = self.source.description();
        let mut agreed = vec![
            ("the shape of the input".to_owned(), format!("{:?}", description.shape)),
            ("the type of the input".to_owned(), description.dtype.name().to_owned()),
            ("--chunk".to_owned(), format!("{:?}", self.grid.chunk_shape())),
            ("--workers".to_owned(), self.allotted.workers.to_string()),
            ("--state".to_owned(), if self.allotted.keeps_state { "given" } else { "not given" }.to_owned()),
        ];
        agreed.extend(self.settled.agreed(description.spacing, description.unit.as_deref()));
        agreed
    }

    /// What has arrived by now, if the table is to tell. This is determined before anything is read, so a branch can be
    /// marked provisional although the missing part has just come, but not the other way round.
    fn arrival(&self) -> Result<Option<Arrival>> {
        if !self.settled.asked.provisional {
            return Ok(None);
        }
        Ok(Some(match self.source.absent()? {
            Some(absent) => Arrival::without(absent.grid, absent.origin, &absent.missing),
            // The whole image is one unit, and has arrived.
            None => {
                Arrival::without(Grid::new(self.grid.bounds(), self.grid.bounds().shape()), [0; 3], &BTreeSet::new())
            }
        }))
    }

    /// Whether the image is a mosaic of tiles.
    fn is_of_tiles(&self) -> bool {
        self.path.as_deref().is_some_and(is_table)
    }

    /// The chunks whose values must be counted one by one. All others hold one value throughout.
    fn chunks_to_count(&self, kernel: &Binarise) -> Result<Selection> {
        // Smoothing may round other values than zero.
        let stay = kernel.gaussian.is_none() || kernel.fill == 0.0;
        if stay { Ok(self.allotted.stored.clone()) } else { self.all_chunks() }
    }

    /// The chunks that can hold foreground.
    fn chunks_to_binarise(&self, kernel: &Binarise) -> Result<Selection> {
        let first = kernel.bounds.min;
        let voxel = Region::new(first, first.map(|p| p + 1));
        let is_background = || kernel.clone().mask(None, &voxel, &voxel).is_none();
        let stay = kernel.gaussian.is_none() || kernel.fill == 0.0;
        if stay && is_background() { Ok(self.allotted.stored.clone()) } else { self.all_chunks() }
    }

    fn all_chunks(&self) -> Result<Selection> {
        let all = Selection::All.within_limit(&self.grid);
        all.map_err(|error| error.at(&self.source.description().name))
    }

    /// The kernel that makes the masks of chunks.
    fn binarise(&self, threshold: Threshold, keep: usize) -> Binarise {
        let description = self.source.description();
        let gaussian = self.settled.gaussian.clone();
        let bounds = Region::of_shape(description.shape);
        Binarise { gaussian, threshold, bounds, dtype: description.dtype, fill: description.fill, keep }
    }
}

/// Refuses to put tiles together in a way that makes new labels of those that tiles have.
fn require_labels_stay(tiles: &MosaicOptions) -> Result<()> {
    let same = tiles.background.is_none() && tiles.flat_field.is_none() && tiles.gains.is_none();
    if same && tiles.order == Interpolation::Nearest && matches!(tiles.blend, Blend::Max | Blend::First) {
        return Ok(());
    }
    Err(Error::usage(
        "--labels takes the values of tiles as they are: give --order 0 and --blend max or first, and neither --background, \
         --flat-field nor --gains",
    ))
}
