//! The options of a session, checked before it starts.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use super::budget::Budget;
use super::crew::Crew;
use super::digest;
use super::following::Following;
use super::links::{Links, Told};
use super::plan::SessionPlan;
use super::records::Keeping;
use super::worker::work;
use super::workforce::{Context, Reopen, serve};
use super::{Beginning, Fed, FollowingSession, Follows, Session};
use crate::checkpoint::KeptSweep;
use crate::chunk::Dtype;
use crate::cluster::Cluster;
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::kernel::mask::Layout;
use crate::kernel::mask::binarise::Binarise;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::objects::connectivity::Connectivity;
use crate::kernel::thin::method::Method;
use crate::operators::failure::Failure;
use crate::operators::network::NetworkPlan;
use crate::operators::objects::find::ObjectPlan;
use crate::operators::objects::seams::KnownLinks;
use crate::operators::window::MEMORY;
use crate::parameters::{FilterRule, ImageForm, Parameters, Settled, Sigma, ThresholdRule};
use crate::progress::ProgressState;
use crate::space::{Region, Spacing, Voxel};
use crate::state::{Dependencies, MaskRecord, StateFolder, ThinningRecord};
use crate::store::Source;
use crate::store::held::HeldChunks;
use crate::table::row::Frame;

/// The options of a session of one kind or the other: [`SessionBuilder::new`] begins one that is fed with chunks,
/// [`SessionBuilder::of_source`] one that follows a source.
#[derive(Clone)]
pub struct SessionBuilder<Kind = Fed> {
    bounds: Region,
    chunk: [usize; 3],
    dimensions: usize,
    dtype: Dtype,
    spacing: Spacing,
    parameters: Parameters,
    source: Option<Arc<dyn Source>>,
    held: bool,
    tracks_arrival: bool,
    state: Option<PathBuf>,
    memory: usize,
    progress: Arc<ProgressState>,
    workers: usize,
    reopen: Option<Reopen>,
    kind: PhantomData<Kind>,
}

/// A session in several processes, as each of them starts it: see [`SessionBuilder::among`].
#[derive(Debug)]
pub struct SharedBuilder {
    builder: SessionBuilder<Follows>,
    cluster: Cluster,
    lost: Receiver<Error>,
}

impl<Kind> std::fmt::Debug for SessionBuilder<Kind> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("bounds", &self.bounds)
            .field("chunk", &self.chunk)
            .finish_non_exhaustive()
    }
}

impl SessionBuilder {
    /// A session over a volume of a shape (z, y, x), in chunks of a shape, for an image of a type. By default every
    /// nonzero value is foreground, voxels have the size 1, and one worker thread is started.
    pub fn new(shape: [usize; 3], chunk: [usize; 3], dtype: Dtype) -> Self {
        Self::with_defaults(shape, chunk, dtype)
    }

    /// A canvas without bounds: chunks may lie at any place, also at negative ones. Smoothing reflects nowhere then.
    #[must_use]
    pub fn open_ended(mut self) -> Self {
        self.bounds = Region::new(Voxel::MIN, Voxel::END);
        if self.dimensions == 2 {
            (self.bounds.min[0], self.bounds.max[0]) = (0, 1);
        }
        self
    }

    /// A 2-D image: shapes have one plane, rows two coordinates, and thinning is Zhang and Suen's by default.
    #[must_use]
    pub fn planar(mut self) -> Self {
        self.dimensions = 2;
        (self.bounds.min[0], self.bounds.max[0]) = (0, 1);
        self.chunk[0] = 1;
        self
    }

    /// Holds the values of all chunks in memory, compressed, for smoothing and for thresholds that follow from the
    /// image.
    #[must_use]
    pub fn hold_values(mut self) -> Self {
        self.held = true;
        self
    }

    /// Rows are marked provisional if a chunk that they run through, or one next to it, has not arrived.
    #[must_use]
    pub fn track_arrival(mut self) -> Self {
        self.tracks_arrival = true;
        self
    }
}

impl SessionBuilder<Follows> {
    /// A session that follows an image that can be read again: it reads the chunks that [`FollowingSession::look`]
    /// finds changed or [`FollowingSession::refresh`] names. Shape, type, spacing and chunks are the source's; parts
    /// that are not stored hold its fill value.
    pub fn of_source(source: Arc<dyn Source>) -> Self {
        let description = source.description();
        let (shape, chunk, dtype) = (description.shape, description.chunk, description.dtype);
        let (dimensions, spacing) = (description.dimensions, description.spacing);
        SessionBuilder { dimensions, spacing, source: Some(source), ..Self::with_defaults(shape, chunk, dtype) }
    }

    /// Voxels of a chunk along (z, y, x).
    #[must_use]
    pub fn chunk(mut self, chunk: [usize; 3]) -> Self {
        self.chunk = chunk;
        self
    }

    /// Keeps a state in a folder, and begins with the state that an earlier session has left there: the next epoch
    /// computes what has changed since. Needs parameters that say which part of the stored image the source reads,
    /// since masks of another part are of no use.
    #[must_use]
    pub fn state(mut self, folder: impl AsRef<Path>) -> Self {
        self.state = Some(folder.as_ref().to_owned());
        self
    }

    /// How processes other than the first open the source again, when the first one follows another
    /// ([`Session::follow`]).
    #[must_use]
    pub fn reopen(mut self, open: impl Fn() -> Result<Arc<dyn Source>> + Send + Sync + 'static) -> Self {
        self.reopen = Some(Arc::new(open));
        self
    }

    /// The session's workers are those of a cluster, the same number in each process. All processes must build the same
    /// session, over sources of the same image. `lost` is called when a process is lost ([`Cluster::watch`]).
    #[must_use]
    pub fn among(self, cluster: Cluster, lost: Receiver<Error>) -> SharedBuilder {
        SharedBuilder { builder: self, cluster, lost }
    }
}

impl<Kind> SessionBuilder<Kind> {
    fn with_defaults(shape: [usize; 3], chunk: [usize; 3], dtype: Dtype) -> Self {
        SessionBuilder {
            bounds: Region::of_shape(shape),
            chunk,
            dimensions: 3,
            dtype,
            spacing: Spacing::default(),
            parameters: Parameters::default(),
            source: None,
            held: false,
            tracks_arrival: false,
            state: None,
            memory: MEMORY,
            progress: Arc::default(),
            workers: 1,
            reopen: None,
            kind: PhantomData,
        }
    }

    /// Size of a voxel along (z, y, x).
    #[must_use]
    pub fn spacing(mut self, spacing: Spacing) -> Self {
        self.spacing = spacing;
        self
    }

    /// Everything that results depend on: smoothing, threshold, method, and which part of the stored image the source
    /// reads. The size of a voxel stays the source's.
    #[must_use]
    pub fn parameters(mut self, parameters: &Parameters) -> Self {
        self.parameters = parameters.clone();
        self
    }

    /// How masks are thinned.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.parameters.method = Some(method);
        self
    }

    /// What makes a voxel foreground: a given [`Threshold`], or a rule that finds one from the whole image, fill values
    /// included. A threshold that is found may move when chunks change: then the masks of all chunks are made again. A
    /// rule needs a source or [`SessionBuilder::hold_values`].
    #[must_use]
    pub fn threshold(mut self, threshold: impl Into<ThresholdRule>) -> Self {
        self.parameters.threshold = threshold.into();
        self
    }

    /// Which objects are removed, and which holes filled, before masks are thinned. Filled holes need a source, or values
    /// that are held.
    #[must_use]
    pub fn filters(mut self, filters: FilterRule) -> Self {
        self.parameters.filters = filters;
        self
    }

    /// Which voxels of an object are neighbours, for filters.
    #[must_use]
    pub fn connectivity(mut self, connectivity: Connectivity) -> Self {
        self.parameters.connectivity = connectivity;
        self
    }

    /// Gaussian smoothing before the threshold, by its standard deviation: a number of voxels, or a [`Sigma`] with one for
    /// each axis or with a unit. Needs a source or [`SessionBuilder::hold_values`].
    #[must_use]
    pub fn smoothing(mut self, sigma: impl Into<Sigma>) -> Self {
        self.parameters.sigma = Some(sigma.into());
        self
    }

    /// Bytes of values that may be in flight: [`Session::insert`] waits while there are more.
    #[must_use]
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// The counters that show the progress of an epoch.
    #[must_use]
    pub fn progress(mut self, progress: Arc<ProgressState>) -> Self {
        self.progress = progress;
        self
    }

    /// Number of worker threads.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Starts the session.
    ///
    /// # Errors
    /// `Usage` if the options cannot work together; `Internal` if threads cannot be started.
    pub fn build(self) -> Result<Session<Kind>> {
        Session::start(self.beginning(0, 1, None)?, None)
    }

    /// The parts that one of several processes starts with. `run` is that of the state, if another process has opened
    /// it.
    fn beginning(self, process: usize, processes: usize, run: Option<&str>) -> Result<Beginning> {
        if self.workers == 0 || self.chunk.contains(&0) || self.bounds.is_empty() {
            return Err(Error::usage("a session needs a worker, and a volume and chunks with at least one voxel"));
        }
        if !Layout::fits(self.chunk) {
            return Err(Error::usage(format!(
                "a chunk of {:?} voxels is too large: choose one below 2^31",
                self.chunk
            )));
        }
        if !self.spacing.is_fit() {
            return Err(Error::usage("the spacing of a session needs three numbers from 1e-60 to 1e60"));
        }
        let follows = self.source.is_some() || self.held;
        let rule = self.parameters.threshold;
        if !follows && (self.parameters.sigma.is_some() || rule.method().is_some()) {
            return Err(Error::usage(
                "smoothing and thresholds that are found need the values of chunks again: give a source, or hold the values",
            ));
        }
        if self.bounds.max[2] == Voxel::END[2] && rule.method().is_some() {
            return Err(Error::usage("a canvas without ends has no threshold of the whole image"));
        }
        if self.source.is_none() && matches!(rule, ThresholdRule::Value(t) if t.is_foreground(0.0f64)) {
            return Err(Error::usage("the threshold makes zero foreground, and with it all that has not arrived"));
        }
        let flat = self.bounds.max[0] - self.bounds.min[0] == 1;
        let form = match &self.source {
            Some(source) => {
                ImageForm { dimensions: self.dimensions, spacing: self.spacing, ..ImageForm::of(source.description()) }
            }
            None => ImageForm {
                dtype: self.dtype,
                stored: self.dtype.into(),
                dimensions: self.dimensions,
                flat,
                fill: 0.0,
                spacing: self.spacing,
                unit: None,
            },
        };
        self.parameters.check_for_epochs()?;
        let settled = self.parameters.settle(form)?;
        if !follows && settled.filters.iter().any(|filter| filter.fills()) {
            return Err(Error::usage(
                "filled holes need the values of chunks again: give a source, or hold the values",
            ));
        }
        let grid = Grid::new(self.bounds, self.chunk).among(processes);
        let canvas = canvas(flat, grid);
        let threshold = match settled.threshold {
            ThresholdRule::Value(threshold) => threshold,
            ThresholdRule::Above(_) | ThresholdRule::AtMost(_) => Threshold::Nonzero,
        };
        let (gaussian, fill, method) = (settled.gaussian.clone(), form.fill, settled.method);
        let kernel = Binarise { gaussian, threshold, bounds: self.bounds, dtype: self.dtype, fill, keep: usize::MAX };
        let held = self.held.then(|| Arc::new(HeldChunks::new(canvas, self.dimensions, self.dtype)));
        let source = self.source.clone().or_else(|| held.clone().map(|held| held as Arc<dyn Source>));
        let following = source.map(|source| Following::new(source, grid, kernel.clone(), rule));
        let frame = Frame { dimensions: self.dimensions, spacing: self.spacing, origin: [0; 3] };
        let (asked, pruning) = (&settled.asked, settled.pruning);
        let (set, longest_path) = (asked.columns, asked.longest_path);
        let radii = set.tells_radii() || pruning.needs_radii();
        let network =
            NetworkPlan { grid: canvas, frame, columns: set.columns(), radii, pruning, longest_path, shelf: None };
        let folder = self.state.as_ref().map(|path| {
            let dependencies = dependencies(&settled, canvas)?;
            match run {
                None => StateFolder::open(path, &dependencies),
                Some(run) => StateFolder::join(path, run, &dependencies),
            }
        });
        let folder = folder.transpose()?;
        let context = Context {
            process,
            source: following.as_ref().map(|following| Arc::clone(&following.source)),
            reopen: self.reopen.clone(),
            grid,
            kernel: kernel.clone(),
            memory: self.memory,
            folder: folder.clone(),
            progress: Arc::clone(&self.progress),
        };
        let (filters, connectivity) = (settled.filters.clone(), asked.connectivity);
        let (table, labels) = (asked.objects, asked.object_labels);
        let (dimensions, filters_masks) = (self.dimensions, !filters.is_empty());
        let [recalls, recalls_of_thinning] = [Failure::default(), Failure::default()];
        let sweep = folder.as_ref().filter(|_| processes == 1);
        let sweep = sweep.map(|folder| KeptSweep::new(folder.sweep(), self.workers));
        let keeping =
            folder.map(|folder| Keeping { folder, dimensions, filters_masks, sweep, recalls, recalls_of_thinning });
        let objects = ObjectPlan { grid: canvas, connectivity, dimensions, table, labels };
        let progress = self.progress.clone();
        let links = KnownLinks::default();
        let mut plan = SessionPlan { canvas, method, filters, kernel, network, objects, links, keeping, progress };
        if digest::parameters(&plan).is_some() {
            plan.links = KnownLinks::held();
        }
        let (dtype, workers, tracks_arrival) = (self.dtype, self.workers, self.tracks_arrival);
        let budget = Budget::new(self.memory);
        Ok(Beginning { plan, grid, dtype, workers, context, budget, following, held, tracks_arrival })
    }
}

/// What the records of a state depend on.
fn dependencies(settled: &Settled, canvas: Grid) -> Result<Dependencies> {
    let (form, asked) = (settled.form, &settled.asked);
    Ok(Dependencies::new(canvas)
        .with::<MaskRecord>(&settled.of_masks())?
        .with::<ThinningRecord>(&settled.of_thinning())?
        .named("values", format!("{}, {} axes, {}", form.dtype.name(), form.dimensions, settled.part()))
        .named("smoothing", settled.sigma_text().unwrap_or_else(|| "none".to_owned()))
        .named("threshold", asked.threshold.to_string())
        .named("method", format!("{:?}", settled.method)))
}

impl SharedBuilder {
    /// Starts the session in the first process, which conducts it.
    ///
    /// # Errors
    /// As [`SessionBuilder::build`]; `Usage` in another process; `Peer` if a connection is broken.
    pub fn build(self) -> Result<FollowingSession> {
        let SharedBuilder { builder, mut cluster, lost } = self;
        if cluster.process() != 0 {
            return Err(other_part());
        }
        let beginning = builder.beginning(0, cluster.processes(), None)?;
        let links = Links::of_first(&mut cluster, lost)?;
        let run = beginning.context.folder.as_ref().map(|folder| folder.run().to_owned());
        links.tell(|_| Told::Begin(run.clone()))?;
        Session::start(beginning, Some((cluster, links)))
    }

    /// Works for the session in a process other than the first, until the first one closes it.
    ///
    /// # Errors
    /// As [`SharedBuilder::build`], or the error with which a process was lost; `Output` if the state is not in the
    /// folder that the first process has opened.
    pub fn serve(self) -> Result<()> {
        let SharedBuilder { builder, mut cluster, lost } = self;
        let (process, processes) = (cluster.process(), cluster.processes());
        if process == 0 {
            return Err(other_part());
        }
        let links = Links::of_member(&mut cluster, lost)?;
        // The first process makes what all share.
        let Told::Begin(run) = links.told()? else { return Err(Error::internal("a session begins once")) };
        let run = run.unwrap_or_default();
        let Beginning { plan, workers, context, .. } = match builder.beginning(process, processes, Some(&run)) {
            Ok(beginning) => beginning,
            Err(error) => {
                // A first process that has ended no longer holds the state.
                let error = links.cause_of(error);
                cluster.leave();
                return Err(error);
            }
        };
        let crew = Crew::start(workers, Some(cluster), move |worker, post| work(worker, &plan, post))?;
        serve(crew, context, &links)
    }
}

/// Refuses the part of another process.
fn other_part() -> Error {
    Error::usage("a session in several processes is conducted by the first, and served by the others")
}

/// The grid on which masks are thinned. It has no bounds, so that those of the image can grow.
fn canvas(flat: bool, grid: Grid) -> Grid {
    let mut everywhere = Region::new(Voxel::MIN, Voxel::END);
    if flat {
        (everywhere.min[0], everywhere.max[0]) = (0, 1);
    }
    grid.with_bounds(everywhere)
}
