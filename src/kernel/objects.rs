//! Objects: the connected components of a mask, with their sums, however the mask is cut into chunks.
//!
//! A chunk finds the components of its own voxels and links to those of its neighbours; the fold over the octree joins
//! them. Runs along x stand for their voxels.

pub mod connectivity;
mod euler;
pub mod join;
pub mod parts;
mod runs;
pub mod tally;

#[cfg(test)]
mod tests;
