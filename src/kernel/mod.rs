//! Pure functions on chunks, independent of timely.

pub mod filter;
pub mod image;
pub mod labels;
pub mod mask;
pub mod measure;
pub mod mosaic;
pub mod network;
pub mod objects;
pub mod phantom;
pub mod shelf;
pub mod thin;
mod varint;
mod words;
