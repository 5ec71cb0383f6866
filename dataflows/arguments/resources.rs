//! The options that say what an analysis may use of the machine.

use clap::Args;

use super::headings::RESOURCES;

/// What an analysis may use of the machine.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ResourceOptions {
    /// Chunk to work on; results are the same for every chunk [default: follows the storage]
    ///
    /// One number for all axes, or one for each. By default the stored chunks are joined along x, up to 256 voxels.
    #[arg(long, value_name = "N|Z,Y,X", help_heading = RESOURCES)]
    pub(crate) chunk: Option<String>,
    /// Worker threads in each process [default: all cores]
    ///
    /// By default an image without a state has one for every 64^3 voxels at most, since each takes time to start.
    #[arg(long, value_name = "N", help_heading = RESOURCES)]
    pub(crate) workers: Option<usize>,
    /// Memory of each process: 500M or 2G [default: what is needed, with 256M for chunks at work]
    ///
    /// For the program, chunks at work, planes that are thinned and the picture; what the skeleton takes is estimated, and
    /// a run that takes a fifth more says so. With --state and in watch, for chunks at work alone.
    #[arg(long, value_name = "SIZE", help_heading = RESOURCES)]
    pub(crate) memory: Option<String>,
    /// How many analyses share the cores of this machine.
    #[arg(skip = 1usize)]
    pub(crate) at_once: usize,
}
