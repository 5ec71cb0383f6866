//! Pure functions on chunks; nothing here knows of timely.

pub mod skeleton;
pub mod step;
pub mod adjacency;
pub mod octree;
pub mod network;
pub mod forest;
pub mod walk;
pub mod stitch;
pub mod branch;
pub mod components;
pub mod graph;
