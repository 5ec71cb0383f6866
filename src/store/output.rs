//! Outputs: Zarr arrays written chunk by chunk, and the folder of a run's outputs.

#[cfg(feature = "zarr")]
mod array;
#[cfg(feature = "zarr")]
mod files;
#[cfg(any(feature = "zarr", feature = "tiff"))]
pub(crate) mod folder;
#[cfg(feature = "zarr")]
mod pyramid;
mod own_page;
mod staged;
mod staging;
#[cfg(any(feature = "zarr", feature = "tiff"))]
mod swap;
#[cfg(feature = "tiff")]
mod stack;
#[cfg(feature = "tiff")]
mod tiff;
#[cfg(all(feature = "zarr", feature = "dataflow"))]
mod skeleton;

#[cfg(feature = "zarr")]
pub use self::array::{ArrayForm, ArrayWriter, Compression};
#[cfg(feature = "zarr")]
pub use self::files::{Replace, StagedFiles};
#[cfg(any(feature = "zarr", feature = "tiff"))]
pub use self::folder::{EarlierRun, OUTPUTS, OutputFolder, REPORT};
pub use self::own_page::{is_own_page, put_page};
#[cfg(feature = "zarr")]
pub use self::pyramid::{PyramidForm, PyramidWriter};
#[cfg(all(feature = "zarr", feature = "dataflow"))]
pub use self::skeleton::{
    SkeletonForm, SkeletonImage, SkeletonManifest, WrittenSkeleton, write_labelled, write_skeleton,
};
#[cfg(feature = "tiff")]
pub use self::stack::{StackForm, StackSample, write_stack};
pub use self::staged::{EXPORT_RECORD, Overwrite, StagedFolder, put_file};
pub use self::staging::Remover;
#[cfg(feature = "tiff")]
pub use self::tiff::write_tiff;

/// The chunk shape of an array of a skeleton's image: cubes of 128 voxels, squares of 1024 in 2-D, no longer than the volume. It
/// follows from the volume's shape alone, so that the same volume always has the same files.
pub fn skeleton_chunk_shape(shape: [usize; 3], dimensions: usize) -> [usize; 3] {
    let edges = if dimensions == 2 { [1, 1024, 1024] } else { [128; 3] };
    std::array::from_fn(|a| edges[a].min(shape[a].max(1)))
}
