//! The distance of skeleton voxels from the background, exactly, in chunks.
//!
//! The squared distance of a voxel is the smallest one from any background voxel inside the image's bounds. Voxels
//! outside the bounds are neither foreground nor background. The squared distance from a voxel `(dz, dy, dx)` away is
//! always computed as `(wz dz)² + (wy dy)² + (wx dx)²`, in this order. So the minimum is the same number for every
//! chunk shape and order of search, and at unit spacing it is an integer. Rounding keeps the order of products and
//! sums, so voxels that are skipped because their row or box is too far away cannot be nearer.
//!
//! [`Original`] is the mask of a chunk before thinning. [`Distances`] searches the masks of a chunk and of others as
//! they become known, and returns the chunks whose masks are missing.

mod mixed;
mod near;
mod nearest;
mod original;
mod rows;
mod ruler;
mod search;
#[cfg(test)]
mod tests;

pub use self::mixed::Mixed;
pub use self::original::Original;
pub use self::ruler::Ruler;
pub use self::search::{Distances, Space, around};
