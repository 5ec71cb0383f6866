//! What of a stored image is known beyond its values, for people to look at.

use serde::Serialize;

/// Characters of a name that people look at.
#[cfg(any(feature = "zarr", feature = "tiff"))]
const LONGEST_NAME: usize = 256;

/// How an image is stored, and what else its metadata say. What a form does not have is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Details {
    /// The form: `OME-Zarr 0.5`, `TIFF, ImageJ hyperstack`, `NumPy .npy`.
    pub format: String,
    /// The axes as stored, slowest first, with their names and lengths: `("t", 1), ("c", 3), ("z", 40), …`.
    pub axes: Vec<(String, u64)>,
    /// Shape of what is stored as one, along the axes as stored: chunks, tiles, strips.
    pub chunk: Vec<u64>,
    /// How values are compressed, as the form calls it: `zstd`, `deflate, predictor 2`; `none`.
    pub codec: String,
    /// Where the size of a voxel comes from: `--spacing`, `the OME metadata`; empty where voxels count as one long.
    pub spacing_from: String,
    /// How many channels there are to choose from.
    pub channels: Option<u64>,
    /// Names of the channels, where the metadata have them: each on one line, of at most 256 characters.
    pub channel_names: Vec<String>,
    /// How many time points there are to choose from.
    pub times: Option<u64>,
    /// How many images (series, positions, wells) the file holds.
    pub series: Option<u64>,
    /// Anything else that is worth a line, each in a sentence without a full stop.
    pub notes: Vec<String>,
}

/// Names as metadata have them, each on one line and of a length.
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
