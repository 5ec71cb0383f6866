//! How the tiles of a mosaic are put together.

use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::kernel::mosaic::resample::{Blend, Interpolation};

/// What is to be done with the tiles of a table. The default is linear interpolation of whole tiles as they are, the
/// largest value where they overlap, on a canvas that just holds them all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MosaicOptions {
    /// How values between pixels are found.
    pub order: Interpolation,
    /// What holds where tiles overlap.
    pub blend: Blend,
    /// Along which axes of a tile, (z, y, x), it is turned round before it is placed.
    pub flip: [bool; 3],
    /// So many pixels are left out at both ends of each axis of a tile, (z, y, x). The others stay where they are.
    pub crop: [usize; 3],
    /// The canvas, as a range along each axis, (z, y, x) or (y, x), in the coordinates of the table. By default the least
    /// box around all tiles.
    pub canvas: Option<Vec<Range<i64>>>,
    /// An image of what the camera gives in the dark, as large as a tile before it is turned or cropped: it is subtracted.
    pub background: Option<PathBuf>,
    /// An image of something even, as large as a tile before it is turned or cropped: tiles are divided by it, scaled to
    /// mean 1.
    pub flat_field: Option<PathBuf>,
    /// A file of factors that tiles are multiplied by, with the columns `path`, `channel` and `gain`. A tile
    /// that it does not have counts as it is.
    pub gains: Option<PathBuf>,
    /// What happens with tiles that are missing.
    pub missing: MissingTiles,
}

/// What happens with tiles of a table that are missing, or cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum MissingTiles {
    /// The table is refused.
    #[default]
    Refuse,
    /// They are waited for: those that are missing are taken as not stored, and those that cannot be read are an error
    /// where they are read. Both are taken to have the shape of the first tile that can be read.
    Await,
}
