//! What is known at the voxels of a skeleton, and what follows from it along a branch.

pub mod bits;
pub mod channel;
pub mod moments;
pub mod numbers;
pub mod pixel_values;
pub mod radii;
#[cfg(test)]
mod tests;
