//! Filters of the foreground before it is thinned: small objects that go, holes that are filled, however the mask is cut
//! into chunks.
//!
//! A filter decides about connected components, of the foreground or of the background. A component lies in any number
//! of chunks, so a chunk finds out what is connected inside it ([`components`]), the fold over the octree joins these
//! parts ([`objects`](crate::kernel::objects)), and what is decided about a whole travels back to its parts, where
//! [`apply`] changes the mask.

pub mod amount;
pub mod apply;
pub mod components;
pub mod enclosed;
pub mod rule;

#[cfg(test)]
mod tests;
