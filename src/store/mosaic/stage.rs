//! What stages write about the tiles of a scan, made into a table of tiles.

mod nikon;
mod ome;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};
use crate::store::file::read_failed;
use crate::store::output::put_file;

/// The tiles of a scan by the positions of the stage, in the order of their names.
#[derive(Clone, Debug, PartialEq)]
pub struct StageScan {
    /// 2 or 3: along how many axes tiles are placed.
    pub dimensions: usize,
    /// Size of a pixel, where positions are in its unit; `None` where they are in pixels.
    pub pixel_size: Option<f64>,
    /// One a tile; not empty.
    pub tiles: Vec<StageTile>,
}

/// A tile, and where the stage was.
#[derive(Clone, Debug, PartialEq)]
pub struct StageTile {
    /// Where the tile is.
    pub path: PathBuf,
    /// Position along (z, y, x); 0 along z in two dimensions.
    pub position: [f64; 3],
}

/// What the stage has written about a scan. A folder is taken for OME-TIFF files, one a tile, with the positions of
/// their planes; a file for Nikon's text export (NIS-Elements), with the tiles beside it.
///
/// Positions are taken as they are: where an axis of the stage runs against that of the image, reverse it.
///
/// # Errors
/// `Missing` where nothing is at the path; `Data`, naming the file, where it does not say where each tile lies.
pub fn table_of_stage(path: &Path) -> Result<StageScan> {
    let metadata = std::fs::metadata(path).map_err(|error| read_failed(&error).at(path))?;
    if metadata.is_dir() { ome::scan(path) } else { nikon::scan(path) }
}

impl StageScan {
    /// The same scan with positions along some axes, (z, y, x), in the other direction.
    #[must_use]
    pub fn reversed(mut self, axes: [bool; 3]) -> StageScan {
        for tile in &mut self.tiles {
            for axis in (0..3).filter(|&axis| axes[axis]) {
                // Without negative zeros.
                tile.position[axis] = 0.0 - tile.position[axis];
            }
        }
        self
    }

    /// The table of these tiles as CSV, for a file in a folder: paths of tiles below it are relative to it.
    ///
    /// # Errors
    /// `Data` where a path cannot be written as text; `Io` where the operating system does not say what a path stands
    /// for.
    pub fn to_csv(&self, folder: &Path) -> Result<String> {
        let failed = |error: csv::Error| Error::internal("a table of tiles cannot be written as CSV").because(error);
        let absolute = |path: &Path| std::path::absolute(path).map_err(|error| read_failed(&error).at(path));
        let folder = absolute(folder)?;
        let mut writer = csv::Writer::from_writer(Vec::new());
        let axes = &["z", "y", "x"][3 - self.dimensions..];
        let size = self.pixel_size.map(|size| size.to_string());
        let header = ["path"].into_iter().chain(axes.iter().copied()).chain(size.as_ref().map(|_| "pixel_size"));
        writer.write_record(header).map_err(failed)?;
        for tile in &self.tiles {
            let path = absolute(&tile.path)?;
            let path = path.strip_prefix(&folder).unwrap_or(&path);
            let name = path.to_str().ok_or_else(|| unspeakable(&tile.path))?;
            let position = tile.position[3 - self.dimensions..].iter().map(f64::to_string);
            let row = [name.to_owned()].into_iter().chain(position).chain(size.clone());
            writer.write_record(row).map_err(failed)?;
        }
        let bytes = writer.into_inner().map_err(|error| failed(error.into_error().into()))?;
        String::from_utf8(bytes).map_err(|error| Error::internal("a table of tiles is no text").because(error))
    }

    /// Writes the table to a file, whole or not at all.
    ///
    /// # Errors
    /// As [`StageScan::to_csv`]; `Io` or `Output` where the file cannot be written.
    pub fn write(&self, table: &Path) -> Result<()> {
        let folder = table.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        put_file(table, self.to_csv(folder)?.as_bytes())
    }
}

fn unspeakable(path: &Path) -> Error {
    Error::new(Kind::Data, "has a name that is not text in UTF-8; rename it").at(path)
}
