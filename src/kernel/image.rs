//! Overviews of images: projections, and images at half the size.

pub mod coarsen;
pub(in crate::kernel) mod largest;
pub mod levels;
pub mod project;
