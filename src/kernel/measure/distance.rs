//! The distance of skeleton voxels from the background, exactly, in chunks.
//!
//! The squared distance of a voxel is the least that any background voxel inside the image's bounds has from it. What lies
//! outside the bounds is neither foreground nor background. For a voxel `(dz, dy, dx)` away it is computed as
//! `(wz dz)² + (wy dy)² + (wx dx)²`, in this order, whichever way leads to that voxel; so the least is the same number for
//! every chunking and order of looking, and at unit spacing it is a whole one. Rounding keeps the order of the products and
//! sums, so what is left out because its row or its box is too far away could not have been nearer.
//!
//! [`Original`] is what is known of the mask of a chunk before thinning; [`Distances`] looks at those of a chunk and of
//! others as they become known, and says which ones are missing.

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
