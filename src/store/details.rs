//! Details of a stored image apart from its values, for display.

use serde::Serialize;

/// Longest name that is displayed, in characters.
#[cfg(any(feature = "zarr", feature = "tiff"))]
const LONGEST_NAME: usize = 256;

/// How an image is stored, and the rest of its metadata. Fields that a format does not have are empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Details {
    /// The format: `OME-Zarr 0.5`, `TIFF, ImageJ hyperstack`, `NumPy .npy`.
    pub format: String,
    /// The axes as stored, slowest first, with their names and lengths: `("t", 1), ("c", 3), ("z", 40), …`.
    pub axes: Vec<(String, u64)>,
    /// Shape of a stored unit, along the axes as stored: a chunk, a tile, a strip.
    pub chunk: Vec<u64>,
    /// How values are compressed, as the format calls it: `zstd`, `deflate, predictor 2`; `none`.
    pub codec: String,
    /// Where the voxel size comes from: `--spacing`, `the OME metadata`; empty if voxels have length one.
    pub spacing_from: String,
    /// Number of channels to choose from.
    pub channels: Option<u64>,
    /// Names of the channels, if the metadata have them: each on one line, of at most 256 characters.
    pub channel_names: Vec<String>,
    /// Number of time points to choose from.
    pub times: Option<u64>,
    /// Number of images (series, positions, wells) in the file.
    pub series: Option<u64>,
    /// Other remarks, each a sentence without a full stop.
    pub notes: Vec<String>,
}

/// Names from the metadata, each on one line and of limited length.
#[cfg(any(feature = "zarr", feature = "tiff"))]
pub(crate) fn shown_names(names: &[String]) -> Vec<String> {
    names.iter().map(|name| crate::text::line(name, LONGEST_NAME)).collect()
}

#[cfg(all(test, any(feature = "zarr", feature = "tiff")))]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_one_line_and_of_a_length() {
        let names = ["GFP".to_owned(), "a\nb".to_owned(), "c".repeat(1 << 20)];
        let shown = shown_names(&names);
        assert_eq!(shown[..2], ["GFP", "a b"]);
        assert_eq!(shown[2].chars().count(), LONGEST_NAME);
    }
}
