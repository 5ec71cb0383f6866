//! The kernels as timely and differential operators, in the order in which a chunk meets them.
//!
//! Operators are extension traits on streams, and compose: chunks are read, exchange their overlap, and become any
//! number of records of any type.

pub mod failure;
pub mod attic;
pub mod window;
pub mod batch;
pub mod read;
mod reader;
pub mod overlap;
pub mod live_overlap;
pub mod extract;
pub mod histogram;
pub mod binarise;
pub mod resume;
pub mod thin;
pub mod thin_planes;
pub mod thin_masks;
pub mod sample;
pub mod measure;
pub mod radii;
pub mod write;
pub mod volume;
pub mod regions;
pub mod shared;
pub mod held;
pub mod rested;
mod reduce_chunks;
pub mod rise;
pub mod link;
pub mod span;
pub mod walk;
pub mod stitch;
pub mod components;
pub mod objects;
pub mod descent;
pub mod filter;
pub mod list_changes;
pub mod branches;
pub mod statistics;
pub mod prune;
pub mod network;
pub mod edges;
#[cfg(test)]
mod tests;
