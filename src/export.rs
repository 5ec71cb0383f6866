//! Results in the formats of other programs.
//!
//! [`Network::open`] takes a network from a folder of results: its branches with their paths, its nodes and skeletons, and
//! radii and pixel values at every voxel. [`Format::write`] writes it. What is written follows from the results alone, so it
//! has the same bytes for every chunking, number of workers and order of arrival.

mod attributes;
mod branch_labels;
mod edges;
mod files;
#[cfg(test)]
mod fixtures;
mod graphml;
mod lengths;
pub mod network;
mod nodes;
#[cfg(feature = "parquet")]
mod parquet;
mod paths;
mod precomputed;
mod skeletons;
mod swc;
#[cfg(test)]
mod tests;
#[cfg(feature = "tiff")]
mod stacks;
mod trees;
mod voreen;
mod vtp;
mod xml;

use std::path::Path;

pub use self::network::Network;
use crate::error::Result;

/// A format, or a form of results, for other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Format {
    /// The tables and the paths with types: `branches.parquet`, `nodes.parquet`, `skeletons.parquet`, `paths.parquet`.
    #[cfg(feature = "parquet")]
    Parquet,
    /// The voxels of each branch with their radii and the image's values: `paths.csv`.
    Paths,
    /// An image of the branches' numbers: `branch_labels.zarr`.
    BranchLabels,
    /// The skeletons for Neuroglancer and cloud-volume: `precomputed`.
    Precomputed,
    /// The skeletons as trees: `skeletons.swc`.
    Swc,
    /// The graph of nodes and branches: `network.graphml`.
    Graphml,
    /// The branches as lines for VTK, ParaView and 3D Slicer: `network.vtp`.
    Vtp,
    /// The tables of Voreen's vessel graphs: `voreen_nodes.csv` and `voreen_edges.csv`.
    Voreen,
    /// The graph of the skeleton's voxels: `edges.csv`.
    Edges,
    /// The skeleton and the branches' numbers for Fiji: `skeleton.tif` and `branch_labels.tif`.
    #[cfg(feature = "tiff")]
    Tiff,
}

/// Writes a network into a folder that exists, on a number of threads. Returns what the format cannot hold, each a sentence.
type Writer = fn(&Network, &Path, usize) -> Result<Vec<String>>;

impl Format {
    /// All formats.
    pub const ALL: &[Format] = &[
        #[cfg(feature = "parquet")]
        Format::Parquet,
        Format::Paths,
        Format::BranchLabels,
        Format::Precomputed,
        Format::Swc,
        Format::Graphml,
        Format::Vtp,
        Format::Voreen,
        Format::Edges,
        #[cfg(feature = "tiff")]
        Format::Tiff,
    ];

    /// Its name, as options have it.
    pub const fn name(self) -> &'static str {
        self.description().0
    }

    /// The format with a name; `None` if there is none.
    pub fn of(name: &str) -> Option<Format> {
        Format::ALL.iter().copied().find(|format| format.name() == name)
    }

    /// What it is, in a few words.
    pub const fn meaning(self) -> &'static str {
        self.description().1
    }

    /// The files or folders that are written.
    pub const fn files(self) -> &'static [&'static str] {
        self.description().2
    }

    /// Name, meaning, files and writer.
    const fn description(self) -> (&'static str, &'static str, &'static [&'static str], Writer) {
        match self {
            Format::BranchLabels => (
                "branch-labels",
                "OME-Zarr label image of the branches' numbers, for napari and Neuroglancer",
                &["branch_labels.zarr"],
                branch_labels::write,
            ),
            Format::Precomputed => {
                ("precomputed", "skeletons for Neuroglancer and cloud-volume", &["precomputed"], precomputed::write)
            }
            Format::Swc => {
                ("swc", "skeletons as trees for navis, SNT and others, loops cut", &["skeletons.swc"], swc::write)
            }
            Format::Graphml => (
                "graphml",
                "the graph of nodes and branches for networkx, igraph, Gephi and VesselVio",
                &["network.graphml"],
                graphml::write,
            ),
            Format::Vtp => {
                ("vtp", "branches as lines for ParaView, PyVista and 3D Slicer", &["network.vtp"], vtp::write)
            }
            Format::Voreen => (
                "voreen",
                "tables with the columns of Voreen's vessel graphs",
                &["voreen_nodes.csv", "voreen_edges.csv"],
                voreen::write,
            ),
            Format::Edges => ("edges", "the graph of the skeleton's voxels", &["edges.csv"], edges::write),
            #[cfg(feature = "parquet")]
            Format::Parquet => (
                "parquet",
                "branches, nodes, skeletons and paths as typed tables, for pandas, polars, DuckDB and R",
                &["branches.parquet", "nodes.parquet", "skeletons.parquet", "paths.parquet"],
                parquet::write,
            ),
            #[cfg(feature = "tiff")]
            Format::Tiff => (
                "tiff",
                "skeleton and branches' numbers as calibrated stacks, for Fiji",
                &["skeleton.tif", "branch_labels.tif"],
                stacks::write,
            ),
            Format::Paths => {
                ("paths", "the voxels of each branch, with radius and pixel value", &["paths.csv"], paths::write)
            }
        }
    }

    /// Writes a network into a folder that exists, on up to `threads` threads. Returns what the format cannot hold of this
    /// network, each a sentence.
    ///
    /// # Errors
    /// `Usage` if the network lacks what the format needs; `Output` or `Io` if a file cannot be written.
    pub fn write(self, network: &Network, folder: &Path, threads: usize) -> Result<Vec<String>> {
        self.description().3(network, folder, threads)
    }
}
