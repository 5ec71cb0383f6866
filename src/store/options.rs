//! Options for opening an image.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mosaic_options::MosaicOptions;
use crate::error::{Error, Result};
use crate::space::Spacing;

/// Options for opening an image: which part of it is read, and how it is held. The default is all of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct OpenOptions {
    /// The channel, from 0, of an array that has several.
    pub channel: Option<usize>,
    /// The time point, from 0, of an array that has several.
    pub time: Option<usize>,
    /// A sub-volume to be opened in place of the whole: a range along each axis, (z, y, x) or (y, x).
    pub region: Option<Vec<Range<usize>>>,
    /// The path or address of a mask, in any format that is read, of the shape of the whole image: the analysis is confined
    /// to where it is not zero.
    pub mask: Option<PathBuf>,
    /// The path or address of an atlas, in any format that is read, of the shape of the whole image: whole numbers, each the
    /// label of a region. The regions divide the network.
    pub atlas: Option<PathBuf>,
    /// The path of a CSV file with the columns `label` and `name`: names of the regions of the atlas.
    pub atlas_names: Option<PathBuf>,
    /// Whether the image is a segmentation, whose values are labels: whole numbers, of which all 64 bits count. Without,
    /// whole numbers beyond 2^53 are refused.
    pub labels: bool,
    /// The path or address of an image of the same shape, in any format that is read, whose values are measured along
    /// branches in place of the image's own.
    pub intensity: Option<PathBuf>,
    /// Voxel size along (z, y, x) or (y, x), in place of the one in the metadata; one number is for all axes. Its unit
    /// is `unit`, otherwise that of the metadata.
    pub spacing: Option<Vec<f64>>,
    /// Unit of the spacing, in any spelling. Without `spacing`, that of the metadata is converted into it.
    pub unit: Option<String>,
    /// Names of the stored array's axes, slowest first, if its metadata do not name them or are wrong: names among `t`,
    /// `c`, `z`, `y` and `x`, each once, including `y` and `x`.
    pub axes: Option<Vec<char>>,
    /// Bytes of decoded stored chunks, strips or tiles that may be held for the next read. By default 64 MiB, and up to
    /// 256 MiB if the blocks of the image are so large.
    #[serde(skip)]
    pub cache: Option<usize>,
    /// How long to wait for the server of an image that does not respond or fails. By default 30 seconds.
    #[serde(skip)]
    pub patience: Option<Duration>,
    /// Options for composing tiles, if the path is that of a table of tiles.
    pub mosaic: MosaicOptions,
}

impl OpenOptions {
    /// The region in the user's notation: `0:10,5:20`.
    pub fn region_text(&self) -> Option<String> {
        let ranges = self.region.as_ref()?.iter().map(|range| format!("{}:{}", range.start, range.end));
        Some(ranges.collect::<Vec<_>>().join(","))
    }
}

/// Checks the spacing given by the caller, for an image of two or three dimensions.
pub(crate) fn given_spacing(spacing: &[f64], dimensions: usize) -> Result<Spacing> {
    let each = [spacing.first().copied().unwrap_or(1.0); 3];
    let spacing = if spacing.len() == 1 { &each[..dimensions] } else { spacing };
    if spacing.len() != dimensions {
        let axes = if dimensions == 2 { "Y,X" } else { "Z,Y,X" };
        let message = format!("has {dimensions} dimensions; give --spacing as {dimensions} numbers {axes}");
        return Err(Error::usage(message));
    }
    let given = in_three_axes(spacing);
    if !given.is_fit() {
        let message = format!("cannot have a spacing of {spacing:?}; give --spacing as numbers from 1e-60 to 1e60");
        return Err(Error::usage(message));
    }
    Ok(given)
}

/// Numbers along (z, y, x) or (y, x) as spacing; 1 along an axis that the image does not have.
fn in_three_axes(numbers: &[f64]) -> Spacing {
    let mut spacing = [1.0; 3];
    let skipped = 3 - numbers.len().min(3);
    for (target, number) in spacing[skipped..].iter_mut().zip(numbers) {
        *target = *number;
    }
    Spacing(spacing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn spacing_is_as_many_positive_numbers_as_dimensions() {
        assert_eq!(given_spacing(&[2.0, 3.0], 2).unwrap(), Spacing([1.0, 2.0, 3.0]));
        for (bad, dimensions) in [(&[1.0, 1.0][..], 3), (&[1.0, 0.0], 2), (&[f64::NAN, 1.0], 2)] {
            assert_eq!(given_spacing(bad, dimensions).unwrap_err().kind(), Kind::Usage);
        }
    }
}
