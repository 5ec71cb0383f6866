//! Results in the formats of other programs.
//!
//! [`Network::open`] takes a network from a folder of results: its branches with their paths, its nodes and skeletons, and
//! radii and pixel values at every voxel. [`Format::write`] writes it. What is written follows from the results alone, so it
//! has the same bytes for every chunking, number of workers and order of arrival.

mod files;
pub mod network;
mod paths;

use std::path::Path;

pub use self::network::Network;
use crate::error::Result;

/// A format, or a form of results, for other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Format {
    /// The voxels of each branch with their radii and the image's values: `paths.csv`.
    Paths,
}

/// Writes a network into a folder that exists, on so many threads. Returns what the format cannot hold, each a sentence.
type Writer = fn(&Network, &Path, usize) -> Result<Vec<String>>;

impl Format {
    /// All formats.
    pub const ALL: [Format; 1] = [Format::Paths];

    /// Its name, as options have it.
    pub const fn name(self) -> &'static str {
        self.description().0
    }

    /// The format with a name; `None` if there is none.
    pub fn of(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
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
            Format::Paths => {
                ("paths", "the voxels of each branch, with radius and pixel value", &["paths.csv"], paths::write)
            }
        }
    }

    /// Writes a network into a folder that exists, on up to so many threads. Returns what the format cannot hold of this
    /// network, each a sentence.
    ///
    /// # Errors
    /// `Usage` if the network lacks what the format needs; `Output` or `Io` if a file cannot be written.
    pub fn write(self, network: &Network, folder: &Path, threads: usize) -> Result<Vec<String>> {
        self.description().3(network, folder, threads)
    }
}
