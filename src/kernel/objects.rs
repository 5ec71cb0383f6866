//! Objects: the connected components of a mask, with sums over their voxels, however the mask is cut into chunks.
//!
//! A chunk finds the components of its own voxels, and from the sides of its neighbours links to theirs; the fold over the
//! octree joins them. Runs along x stand for their voxels.

pub mod cells;
pub mod connectivity;
pub mod descent;
pub(in crate::kernel) mod euler;
pub mod join;
pub mod labels;
pub mod local;
pub mod measures;
pub mod parts;
mod places;
mod run_code;
pub mod runs;
pub mod sides;
pub mod sums;
pub mod tally;
pub mod values;

#[cfg(test)]
mod tests;
