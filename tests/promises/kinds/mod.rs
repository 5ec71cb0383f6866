//! Small images of every kind that is read or refused, written byte by byte: for the table in docs/formats.md, and to be
//! mutated.

mod flat;
#[cfg(feature = "medical")]
mod medical;
mod tables;
mod tiff;
mod zarr;

use std::fs;
use std::path::{Path, PathBuf};

use anabranch::store::OpenOptions;

/// A kind of image.
pub(crate) struct Kind {
    /// The form of storage, as a heading.
    pub(crate) form: &'static str,
    /// What the file is, in a few words.
    pub(crate) example: &'static str,
    /// How the program finds out what is in it.
    pub(crate) found_by: &'static str,
    /// Options as they would be given.
    pub(crate) options: &'static [&'static str],
    /// Writes it into an empty folder; returns what is given as the input.
    pub(crate) write: fn(&Path) -> PathBuf,
}

impl Kind {
    /// The options, as the library takes them.
    pub(crate) fn open_options(&self) -> OpenOptions {
        let mut found = OpenOptions::default();
        for pair in self.options.chunks_exact(2) {
            let number = || pair[1].parse().expect("a number");
            match pair[0] {
                "--channel" => found.channel = Some(number()),
                "--time" => found.time = Some(number()),
                "--axes" => found.axes = Some(pair[1].chars().filter(|c| *c != ',').collect()),
                "--unit" => found.unit = Some(pair[1].to_owned()),
                "--spacing" => {
                    found.spacing = Some(pair[1].split(',').map(|n| n.parse().expect("a number")).collect());
                }
                other => panic!("no such option here: {other}"),
            }
        }
        found
    }
}

/// All kinds, in the order of the table.
pub(crate) fn all() -> Vec<Kind> {
    #[cfg(feature = "medical")]
    let medical = medical::kinds();
    #[cfg(not(feature = "medical"))]
    let medical = Vec::new();
    [tiff::kinds(), zarr::kinds(), flat::kinds(), medical, tables::kinds()].into_iter().flatten().collect()
}

/// Shape of the images.
const SHAPE: [usize; 3] = [3, 4, 5];

/// The values of the images: 1 to 60 in C order.
fn values() -> impl Iterator<Item = u16> {
    1..=60
}

/// The values as little-endian bytes of 16 bits.
fn words() -> Vec<u8> {
    values().flat_map(u16::to_le_bytes).collect()
}

/// Writes a file into a folder.
fn file(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    fs::write(&path, bytes).expect("a writable folder");
    path
}
