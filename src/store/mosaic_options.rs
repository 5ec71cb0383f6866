//! Options for composing the tiles of a mosaic.

use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::kernel::mosaic::resample::{Blend, Interpolation};

/// Options for the tiles of a table. The default is linear interpolation of whole tiles, the largest value in overlaps,
/// and the smallest canvas that holds all tiles.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MosaicOptions {
    /// Interpolation between pixels.
    pub order: Interpolation,
    /// Rule for the values in overlaps.
    pub blend: Blend,
    /// Axes of a tile, (z, y, x), along which it is reversed before it is placed.
    pub flip: [bool; 3],
    /// Pixels that are left out at both ends of each axis of a tile, (z, y, x). The others stay in their places.
    pub crop: [usize; 3],
    /// The canvas, as a range along each axis, (z, y, x) or (y, x), in the coordinates of the table. By default the
    /// smallest box around all tiles.
    pub canvas: Option<Vec<Range<i64>>>,
    /// An image recorded without light, with the shape of a tile before it is reversed or cropped: it is subtracted.
    pub background: Option<PathBuf>,
    /// An image of a uniform field, with the shape of a tile before it is reversed or cropped: tiles are divided by it,
    /// scaled to mean 1.
    pub flat_field: Option<PathBuf>,
    /// A file of factors by which tiles are multiplied, with the columns `path`, `channel` and `gain`. Tiles that are
    /// not in it have a gain of 1.
    pub gains: Option<PathBuf>,
    /// Treatment of missing tiles.
    pub missing: MissingTiles,
}

/// Treatment of tiles of a table that are missing, or cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum MissingTiles {
    /// The table is refused.
    #[default]
    Refuse,
    /// They are waited for: missing tiles count as not stored, and unreadable ones are an error when they are read.
    /// Both are assumed to have the shape of the first tile that can be read.
    Await,
}
