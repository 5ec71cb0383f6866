//! The images by which tiles are corrected: the background, and the flat field.

use std::path::Path;

use super::behind::Behind;
use super::tile::{Tile, open_any_channel};
use super::tile_table::TileTable;
use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::kernel::mosaic::correction::Correction;
use crate::memory;
use crate::space::Region;
use crate::store::marker::FileMark;
use crate::store::{Description, OpenOptions, shown_path};

/// The correction of tiles, and the images it was read from. The default corrects nothing.
#[derive(Debug, Default)]
pub(super) struct CameraImages {
    /// The correction of the cropped and flipped tile.
    pub(super) correction: Correction,
    /// The state of the images' files before they were read.
    pub(super) files: Vec<Behind>,
}

impl CameraImages {
    /// Reads the images that the options name. All tiles must have the same shape as the images.
    ///
    /// # Errors
    /// Naming the image: if it cannot be read, or is unfit for a correction; `Data`, also naming the tile, if a tile
    /// has another shape.
    pub(super) fn read(table: &TileTable, tiles: &[Tile], options: &OpenOptions) -> Result<CameraImages> {
        let mut files = Vec::new();
        let mut image = |path: &Path| {
            let (voxels, file) = read_image(path, options)?;
            files.push(file);
            match tiles.iter().find(|tile| tile.whole != voxels.shape()) {
                None => Ok(voxels),
                Some(tile) => Err(unlike(&voxels, tile, table).at(path)),
            }
        };
        let mosaic = &options.mosaic;
        let (Some(path), Some(tile)) = (mosaic.flat_field.as_ref().or(mosaic.background.as_ref()), tiles.first())
        else {
            return Ok(CameraImages::default());
        };
        let mut background = None;
        if let Some(path) = &mosaic.background {
            let voxels = image(path)?;
            Correction::new(Some(&voxels), None).map_err(|error| error.at(path))?;
            background = Some(voxels);
        }
        let flat = mosaic.flat_field.as_deref().map(image).transpose()?;
        let correction = Correction::new(background.as_ref(), flat.as_ref()).map_err(|error| error.at(path))?;
        Ok(CameraImages { correction: correction.of_part(&tile.part(mosaic.crop), mosaic.flip), files })
    }
}

/// The values of an image, and the state of its files before they were read.
fn read_image(path: &Path, options: &OpenOptions) -> Result<(Voxels, Behind)> {
    let file = if path.is_file() { Some(FileMark::of(path)?) } else { None };
    // The image may apply to all channels, or have one plane for each.
    let source = open_any_channel(path, options.channel, options)?;
    let Description { shape, dtype, fill, .. } = *source.description();
    let whole = Region::of_shape(shape);
    let bytes = shape.iter().fold(2 * dtype.size() as u64, |bytes, &n| bytes.saturating_mul(n as u64));
    memory::require(bytes, "give an image as large as a tile").map_err(|error| error.at(path))?;
    let behind = match file {
        Some(file) => Behind::File(file),
        None => Behind::of_source(&*source)?,
    };
    let voxels = source.read(&whole)?.map_or_else(|| Voxels::filled(dtype, shape, fill), |chunk| chunk.voxels);
    Ok((voxels, behind))
}

/// The error of an image with another shape than a tile.
fn unlike(image: &Voxels, tile: &Tile, table: &TileTable) -> Error {
    let (found, expected, line) = (image.shape(), tile.whole, tile.row.line);
    let (tile, table) = (shown_path(&tile.row.path), table.path.display());
    Error::data(format!(
        "has {found:?} pixels along (z, y, x), but the tile {tile} on line {line} of {table} has {expected:?}; give an \
         image as large as the tiles are before they are cropped"
    ))
}
