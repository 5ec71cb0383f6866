//! Pure functions on chunks; nothing here knows of timely.

pub mod phantom;
mod growth;
pub mod smooth;
pub mod histogram;
pub mod otsu;
pub mod threshold;
pub mod mask;
pub mod binarise;
pub mod neighbourhood;
pub mod thin;
pub mod zhang;
pub mod method;
pub mod seam;
pub mod seam_log;
mod member;
pub mod partition;
pub mod skeleton;
pub mod step;
pub mod adjacency;
pub mod octree;
pub mod network;
pub mod forest;
pub mod walk;
pub mod stitch;
pub mod branch;
pub mod graph;
pub mod project;
