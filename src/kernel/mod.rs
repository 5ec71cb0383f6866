//! Pure functions on chunks; nothing here knows of timely.

pub mod image;
pub mod mask;
pub mod measure;
pub mod mosaic;
pub mod network;
pub mod phantom;
pub mod thin;
mod varint;
