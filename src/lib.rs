//! Exact branch networks of image volumes larger than memory.
//!
//! Chunks of an image flow as records through timely and differential dataflow: overlap exchange, smoothing and
//! threshold, thinning, extraction of branches, statistics. The skeleton is scikit-image's, voxel for voxel, and the
//! table skan's, row for row, for every chunking, number of workers and order of arrival.
//!
//! Axes are (z, y, x) everywhere; a 2-D image is a volume of one plane.
//!
//! # Four ways in
//!
//! From an **image to its results**, as the program does it: [`Analysis`] opens an image, runs, and writes.
//!
//! ```no_run
//! use anabranch::analysis::{Analysis, Resources, Running};
//! use anabranch::{Parameters, Sigma, ThresholdMethod, ThresholdRule};
//!
//! let mut parameters = Parameters::default();
//! parameters.sigma = Some(Sigma::from(1.0));
//! parameters.threshold = ThresholdRule::Above(ThresholdMethod::Otsu);
//! let analysis = Analysis::open("scan.ome.zarr".as_ref(), &parameters, &Resources::default())?;
//! let results = analysis.run(Running::default())?;
//! println!("{} branches", results.statistics.kinds.iter().sum::<i64>());
//! analysis.write(&results, "results", false)?;
//! # Ok::<(), anabranch::Error>(())
//! ```
//!
//! **Chunks that come, change and go** while a program runs, with a table that follows: [`session`].
//!
//! ```
//! use anabranch::{ChunkId, Dtype, SessionBuilder, Voxels};
//!
//! let session = SessionBuilder::new([16, 16, 32], [16, 16, 16], Dtype::U8).build()?;
//! let rod = anabranch::ndarray::Array3::from_shape_fn((16, 16, 16), |(z, y, _)| u8::from(z == 8 && y == 8));
//! session.insert(ChunkId::new([0, 0, 0]).expect("a place near zero"), Voxels::U8(rod))?;
//! assert_eq!(session.advance()?.changes.len(), 1);
//! session.close()?;
//! # Ok::<(), anabranch::Error>(())
//! ```
//!
//! **Your own dataflow** over such chunks, hosted with threads, back-pressure and errors: [`HostedSession`].
//!
//! ```
//! use anabranch::operators::extract::ExtractRecords;
//! use anabranch::session::HostedBuilder;
//! use anabranch::{ChunkId, Dtype, Grid, Region, Voxels};
//!
//! let grid = Grid::new(Region::of_shape([4, 4, 8]), [4, 4, 4]);
//! let session = HostedBuilder::new(grid, Dtype::U8).start(|chunks, _| {
//!     chunks.extract(|padded| padded.voxels.as_ref().map(|voxels| (padded.chunk, voxels.shape())))
//! })?;
//! let chunk = ChunkId::new([0, 0, 1]).expect("a place near zero");
//! session.insert(chunk, Voxels::filled(Dtype::U8, [4, 4, 4], 3.0))?;
//! assert_eq!(session.advance()?, [((chunk, [4, 4, 4]), 1)]);
//! session.close()?;
//! # Ok::<(), anabranch::Error>(())
//! ```
//!
//! **Operators** in a timely dataflow that a program builds itself: [`operators`], extension traits on streams and
//! collections. `examples/bright_spots.rs` and `examples/own_columns.rs` go further.
//!
//! ```
//! use std::sync::Arc;
//!
//! use anabranch::operators::failure::Failure;
//! use anabranch::operators::overlap::OverlapChunks;
//! use anabranch::operators::read::{ReadChunks, Selection};
//! use anabranch::operators::window::Window;
//! use anabranch::store::memory::MemorySource;
//! use anabranch::timely::dataflow::operators::Inspect;
//! use anabranch::{Dtype, Grid, Region, Source, Voxels, timely};
//!
//! let source: Arc<dyn Source> = Arc::new(MemorySource::of(Voxels::filled(Dtype::U8, [8; 3], 1.0), 3));
//! let grid = Grid::new(Region::of_shape([8; 3]), [4; 3]);
//! let window = Window::new(Window::least(&grid, [1; 3], 2));
//! let workers = timely::execute(timely::Config::process(2), move |worker| {
//!     let (source, window) = (Arc::clone(&source), window.clone());
//!     worker.dataflow::<u64, _, _>(|scope| {
//!         scope
//!             .read_chunks(source, grid, [1; 3], Selection::All, window.clone(), Failure::default())
//!             .overlap(grid, [1; 3], Selection::All, Dtype::U8, 0.0, &window)
//!             .inspect(|padded| assert_eq!(padded.region.shape(), [5; 3], "a chunk and one voxel around it"));
//!     });
//! });
//! workers.expect("the workers start").join();
//! ```
//!
//! The names that such programs need first are at the root, with the versions of [`ndarray`], [`timely`] and
//! [`differential_dataflow`] that this crate uses.
//!
//! # What a chunk meets
//!
//! Modules are listed in this order.
//!
//! 1. A [`store::Source`] returns the values of any box of the image: [`store::open`] opens whatever is stored at a
//!    path. A [`grid::Grid`] says which boxes are chunks, and which worker owns each.
//! 2. [`kernel`] holds the steps for a chunk as pure functions: [`kernel::mask::binarise`] makes its mask,
//!    [`kernel::thin::partition`] thins the chunks of one worker together, [`kernel::thin::planes`] whole volumes plane
//!    by plane, [`kernel::network::graph`] finds the branches.
//! 3. [`table`] ranks the branches, and writes rows and a summary.
//! 4. [`wire`] turns what goes from process to process into bytes, and verifies it on receipt.
//! 5. `state` (feature `dataflow`) keeps results in a folder, so that a later run computes only what has changed since.
//! 6. `operators` (feature `dataflow`) are the same kernels as extension traits on timely's streams and differential's
//!    collections: they carry halos, seam decisions and fragments of branches between workers. Each states the time and
//!    memory that it needs.
//! 7. `session` (feature `dataflow`) runs an analysis that goes on while chunks come, change and go.
//! 8. `cluster` (feature `dataflow`) runs one dataflow in several processes, and notices when one is gone.
//!
//! # Without dataflow
//!
//! The kernels work alone, with `default-features = false`. Here they analyse a T in two chunks:
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use anabranch::chunk::{Dtype, Voxels};
//! use anabranch::grid::Grid;
//! use anabranch::kernel::mask::binarise::Binarise;
//! use anabranch::kernel::network::branch_list::BranchList;
//! use anabranch::kernel::network::graph::Graph;
//! use anabranch::kernel::measure::pixel_values::PixelValues;
//! use anabranch::kernel::thin::method::Method;
//! use anabranch::kernel::thin::partition::Partition;
//! use anabranch::kernel::network::skeleton::Skeleton;
//! use anabranch::kernel::network::step::Lengths;
//! use anabranch::kernel::mask::threshold::Threshold;
//! use anabranch::space::{Region, Spacing, Voxel};
//! use anabranch::store::{Source, memory::MemorySource};
//! use anabranch::table::{Table, csv::write_csv, ranks::Ranks, row::Frame};
//!
//! // A bar along x, three voxels thick, from which another one goes down along y.
//! let inside = |z: usize, y: usize, x: usize| {
//!     let bar = (4..7).contains(&y) && (2..38).contains(&x);
//!     let stem = (4..24).contains(&y) && (18..21).contains(&x);
//!     (4..7).contains(&z) && (bar || stem)
//! };
//! let image = ndarray::Array3::from_shape_fn((11, 28, 40), |(z, y, x)| u8::from(inside(z, y, x)));
//! let source = MemorySource::of(Voxels::U8(image), 3);
//! let bounds = Region::of_shape(source.description().shape);
//! let grid = Grid::new(bounds, [11, 28, 20]);
//!
//! // The mask of each chunk that has foreground.
//! let threshold = Threshold::Nonzero;
//! let mut binarise = Binarise { gaussian: None, threshold, bounds, dtype: Dtype::U8, fill: 0.0, keep: 0 };
//! let mut masks = BTreeMap::new();
//! for id in grid.chunks() {
//!     let region = grid.region(id);
//!     let chunk = source.read(&region)?;
//!     if let Some(binary) = binarise.mask(chunk.as_ref().map(|chunk| &chunk.voxels), &region, &region) {
//!         masks.insert(id, Some(binary.mask));
//!     }
//! }
//!
//! // All chunks thinned together, in one partition: this thread's.
//! let mut partition = Partition::new(grid, Method::Lee, false);
//! let skeletons: BTreeMap<_, _> = partition
//!     .thin(masks)
//!     .into_iter()
//!     .map(|(id, mask)| {
//!         let voxels = mask.own_voxels().into();
//!         (id, Skeleton { voxels, values: PixelValues::Constant(1).into() })
//!     })
//!     .collect();
//!
//! // Branches over the seam are whole; the table has them in skan's order.
//! let spacing = Spacing([2.0, 0.5, 0.5]);
//! let graph = Graph::new(&skeletons, grid, spacing);
//! let branches = BranchList::new(&graph.branches, &Lengths::new(spacing));
//! let ranks = Ranks::new(skeletons.iter().map(|(&id, skeleton)| (id, &skeleton.voxels)), &grid);
//! let table = Table::new([&branches], &graph.isolated, &ranks, 1)?;
//! assert_eq!((table.len(), table.skeletons()), (3, 1));
//!
//! let frame = Frame { dimensions: 3, spacing, origin: [0; 3] };
//! let mut csv = Vec::new();
//! write_csv(table.rows(frame), &frame, &mut csv).expect("a vector takes all that is written");
//! assert!(csv.starts_with(b"skeleton_id,node_id_src,node_id_dst,branch_distance,branch_type"));
//! # Ok::<(), anabranch::error::Error>(())
//! ```
//!
//! # Features
//!
//! - `cli` (default): everything that the program needs, `analysis` included.
//! - `analysis`: from an image to its results in one call, and the files that it writes.
//! - `follow`: waits for changes of stored images that other programs write to.
//! - `dataflow`: the operators, the session for analyses inside a program, its state on disk, and checkpoints of long runs.
//! - `zarr`, `tiff` (default): the formats. NumPy's `.npy` and arrays in memory are always there.
//! - `mosaic` (default): images made of the tiles of a scan, and readers of the files that stages write about them.
//! - `http`, `s3` (default): Zarr on web servers and in object stores.
//! - `abomonation`: masks between processes in that crate's format, for comparison, in [`wire`].

pub mod space;
pub mod grid;
pub mod text;
pub mod error;
pub mod chunk;
pub mod threads;
pub mod memory;
pub mod store;
pub mod kernel;
#[cfg(feature = "follow")]
pub mod follow;
#[cfg(feature = "dataflow")]
pub mod parameters;
pub mod table;
pub mod wire;
#[cfg(feature = "dataflow")]
pub mod state;
#[cfg(feature = "dataflow")]
pub mod checkpoint;
pub mod progress;
#[cfg(feature = "dataflow")]
pub mod operators;
#[cfg(feature = "dataflow")]
pub mod cluster;
#[cfg(feature = "dataflow")]
pub mod session;
#[cfg(feature = "analysis")]
pub mod page;
#[cfg(feature = "analysis")]
pub mod overview;
#[cfg(feature = "analysis")]
pub mod export;
#[cfg(feature = "analysis")]
pub mod analysis;
#[cfg(feature = "serve")]
pub mod live;
#[cfg(feature = "analysis")]
pub mod compare;
#[cfg(feature = "analysis")]
pub mod report;

pub use ndarray;
#[cfg(feature = "dataflow")]
pub use {differential_dataflow, timely};

#[cfg(feature = "analysis")]
pub use self::analysis::{Analysis, Outputs};
pub use self::chunk::{Chunk, Dtype, Voxels};
pub use self::error::{Error, Kind, Result};
pub use self::grid::{ChunkId, Grid};
pub use self::kernel::mask::method::ThresholdMethod;
pub use self::kernel::mask::threshold::Threshold;
#[cfg(feature = "dataflow")]
pub use self::parameters::{Parameters, Sigma, ThresholdRule};
#[cfg(feature = "dataflow")]
pub use self::session::{FollowingSession, HostedSession, Session, SessionBuilder};
pub use self::space::{Region, Spacing, Voxel};
pub use self::store::{OpenOptions, Source, open};

/// The guide's page on embedding, so that its examples are tested.
#[cfg(all(doctest, feature = "analysis"))]
#[doc = include_str!("../docs/rust.md")]
mod embedding {}
