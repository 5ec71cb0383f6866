//! Exact branch networks of image volumes larger than memory.
//!
//! Chunks of an image flow as records through timely and differential dataflow: overlap exchange, smoothing and
//! threshold, thinning, extraction of branches, statistics. The skeleton is scikit-image's, voxel for voxel, and the
//! table skan's, row for row, for every chunking, number of workers and order of arrival.
//!
//! Modules are listed in the order in which a chunk meets them.

pub mod space;
pub mod grid;
pub mod error;
pub mod chunk;
pub mod store;
pub mod kernel;
pub mod table;
pub mod progress;
#[cfg(feature = "cli")]
pub mod overview;
#[cfg(feature = "dataflow")]
pub mod operators;
