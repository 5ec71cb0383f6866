//! Makes tables of tiles from the files that stages write about scans.

mod grid;
mod nikon;
mod ome;
mod pattern;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use self::grid::{GridOverlap, GridScan, ScanOrder, table_of_grid};

use super::columns::AXES;
use super::form::{TableForm, form_in};
use super::pixel_size::PixelSize;
use super::tile_table::{TileRow, TileTable};
use crate::error::{Error, Kind, Result};
use crate::store::file::read_failed;
use crate::store::output::put_file;

/// The tiles of a scan with stage positions, in the order of their names.
#[derive(Clone, Debug, PartialEq)]
pub struct StageScan {
    /// Number of axes along which tiles are placed: 2 or 3.
    pub dimensions: usize,
    /// Pixel size along the axes of the tiles, if positions are in its unit; `None` if they are in pixels.
    pub pixel_size: Option<PixelSize>,
    /// The tiles; not empty.
    pub tiles: Vec<StageTile>,
}

/// A tile and its stage position.
#[derive(Clone, Debug, PartialEq)]
pub struct StageTile {
    /// Path of the image.
    pub path: PathBuf,
    /// Position along (z, y, x); 0 along z in two dimensions.
    pub position: [f64; 3],
}

/// Reads the tile positions of a scan. A folder is read as OME-TIFF files, one for each tile, with the positions of
/// their planes. A file is read as a TileConfiguration of Fiji or BigStitcher, as global positions of MIST or as a text
/// export of Nikon NIS-Elements, with the tiles beside it.
///
/// Positions are not transformed: reverse an axis of the stage that runs against that of the image.
///
/// # Errors
/// `Missing` if the path does not exist; `Data`, naming the file, if it does not have the positions of all tiles.
pub fn table_of_stage(path: &Path) -> Result<StageScan> {
    let metadata = std::fs::metadata(path).map_err(|error| read_failed(&error).at(path))?;
    if metadata.is_dir() {
        return ome::scan(path);
    }
    match form_in(path) {
        None if metadata.is_file() => nikon::scan(path),
        None => Err(Error::data("is neither a file nor a folder; save it as a file").at(path)),
        Some(TableForm::Columns) => {
            Err(Error::data("is a table of tiles already; give it to run, watch or fuse as it is").at(path))
        }
        Some(TableForm::TileConfiguration | TableForm::Mist) => {
            let TileTable { dimensions, rows, .. } = TileTable::read(path)?;
            let tile = |row: TileRow| StageTile { path: row.path, position: row.placement.offset };
            Ok(StageScan { dimensions, pixel_size: None, tiles: rows.into_iter().map(tile).collect() })
        }
    }
}

impl StageScan {
    /// The same scan with positions along some axes, (z, y, x), negated.
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

    /// The table of these tiles as CSV, for a file in `folder`: paths of tiles below that folder are relative to it.
    ///
    /// # Errors
    /// `Data` if a path cannot be written as text; `Io` if the operating system cannot resolve a path.
    pub fn to_csv(&self, folder: &Path) -> Result<String> {
        let failed = |error: csv::Error| Error::internal("a table of tiles cannot be written as CSV").because(error);
        let absolute = |path: &Path| std::path::absolute(path).map_err(|error| read_failed(&error).at(path));
        let folder = absolute(folder)?;
        let mut writer = csv::Writer::from_writer(Vec::new());
        let axes = &["z", "y", "x"][3 - self.dimensions..];
        let sizes = self.size_columns();
        let header =
            ["path"].into_iter().chain(axes.iter().copied()).chain(sizes.iter().map(|(name, _)| name.as_str()));
        writer.write_record(header).map_err(failed)?;
        for tile in &self.tiles {
            let path = absolute(&tile.path)?;
            let path = path.strip_prefix(&folder).unwrap_or(&path);
            let name = path.to_str().ok_or_else(|| unspeakable(&tile.path))?;
            let position = tile.position[3 - self.dimensions..].iter().map(f64::to_string);
            let row = [name.to_owned()].into_iter().chain(position).chain(sizes.iter().map(|(_, value)| value.clone()));
            writer.write_record(row).map_err(failed)?;
        }
        let bytes = writer.into_inner().map_err(|error| failed(error.into_error().into()))?;
        String::from_utf8(bytes).map_err(|error| Error::internal("a table of tiles is no text").because(error))
    }

    /// The columns of the pixel size and its unit, with their value in all rows.
    fn size_columns(&self) -> Vec<(String, String)> {
        let Some(PixelSize { size, unit }) = &self.pixel_size else { return Vec::new() };
        let own: Vec<_> = (3 - self.dimensions..3).filter_map(|axis| Some((AXES[axis], size[axis]?))).collect();
        let mut columns: Vec<(String, String)> = match own[..] {
            [(_, first), ..] if own.len() == self.dimensions && own.iter().all(|(_, size)| *size == first) => {
                vec![("pixel_size".to_owned(), first.to_string())]
            }
            _ => own.iter().map(|(axis, size)| (format!("pixel_size_{axis}"), size.to_string())).collect(),
        };
        columns.extend(unit.iter().map(|unit| ("unit".to_owned(), unit.clone())));
        columns
    }

    /// Writes the table to a file, completely or not at all.
    ///
    /// # Errors
    /// Those of [`StageScan::to_csv`]; `Io` or `Output` if the file cannot be written.
    pub fn write(&self, table: &Path) -> Result<()> {
        let folder = table.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        put_file(table, self.to_csv(folder)?.as_bytes())
    }
}

fn unspeakable(path: &Path) -> Error {
    Error::new(Kind::Data, "has a name that is not text in UTF-8; rename it").at(path)
}
