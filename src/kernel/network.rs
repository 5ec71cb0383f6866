//! The network of a skeleton: voxel graphs, forests of junction clusters, branches, and how parts are joined.

pub mod adjacency;
pub mod voxel_list;
pub mod step;
pub mod half_steps;
pub mod step_sets;
pub mod skeleton;
pub mod octree;
pub mod rise;
pub mod forest;
pub mod links;
pub mod walk;
pub mod stitch;
pub mod branch;
pub mod branch_list;
pub mod fragment_list;
pub mod merged;
pub mod isolated;
pub mod prune;
pub mod components;
pub mod graph;
pub mod sholl;
