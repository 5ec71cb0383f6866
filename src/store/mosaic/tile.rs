//! The tiles of a table: their files, shapes and outlines.

use std::path::Path;
use std::sync::Arc;

use super::form::{TableForm, is_table};
use super::settling::{Scaled, settle};
use super::tile_table::{TileRow, TileTable, in_pixels};
use crate::chunk::{Dtype, Value, Voxels};
use crate::error::{Error, Kind, Result};
use crate::kernel::mosaic::affine::Affine;
use crate::memory;
use crate::space::Region;
use crate::store::open::by_form::open_image;
use crate::store::{Description, Details, MissingTiles, MosaicOptions, OpenOptions, Source, shown_path};
use crate::with_voxels;

/// A tile of the canvas.
pub(super) struct Tile {
    pub(super) row: TileRow,
    pub(super) stored: Stored,
    /// Shape along (z, y, x) of the whole image.
    pub(super) whole: [usize; 3],
    /// Shape of the part inside the crop.
    pub(super) shape: [usize; 3],
    /// From coordinates of the table to coordinates of the cropped tile.
    pub(super) to_tile: Affine,
    /// The smallest box around the cropped tile, in the coordinates of the table.
    pub(super) outline: Region,
    /// The smallest and the largest coordinate of its pixel centres along each axis.
    reach: ([f64; 3], [f64; 3]),
}

/// Coordinates that differ by no more than this are equal.
const SAME_PLACE: f64 = 1e-6;

/// The state of a tile's file.
pub(super) enum Stored {
    File,
    /// A folder, or an image on a server: the source knows more about its files than the operating system about its
    /// path.
    Several(Arc<dyn Source>),
    Absent,
    /// Damaged, or not completely written yet.
    Unreadable,
}

/// The tiles of all rows, and their common properties.
pub(super) struct Tiles {
    pub(super) tiles: Vec<Tile>,
    /// Description and details of the first tile that could be opened.
    pub(super) first: Description,
    pub(super) details: Details,
    /// The pixel size, and warnings about it.
    pub(super) scaled: Scaled,
    /// Warnings about the tiles themselves, each a sentence that names the tile.
    pub(super) warnings: Vec<String>,
}

/// Largest number of different warnings that are listed.
const MOST_WARNINGS: usize = 8;

impl Tiles {
    /// Opens all tiles of a table, one after the other, and closes them again.
    ///
    /// # Errors
    /// Naming the line and the tile: `Missing` or `Data` if one cannot be opened and is not waited for, has another
    /// type than the first one or does not fit the placement; `Usage` if the options do not fit it.
    pub(super) fn open(table: &TileTable, options: &OpenOptions) -> Result<Tiles> {
        let mosaic = &options.mosaic;
        require_planar_options(table, mosaic).map_err(|error| error.at(&table.path))?;
        let (mut unreadable, mut details, mut said) = (None, None, Vec::new());
        let mut found = Vec::with_capacity(table.rows.len());
        for row in &table.rows {
            let placed = |error: Error| table.error_in(row, &error);
            let looked = open_tile(row, options).map(|source| {
                details.get_or_insert_with(|| source.details());
                note_warnings(&mut said, row, &*source);
                let description = source.description().clone();
                let stored = if row.path.is_file() { Stored::File } else { Stored::Several(Arc::from(source)) };
                (stored, Some(description))
            });
            found.push(match (looked, mosaic.missing) {
                (Ok(found), _) => found,
                (Err(error), MissingTiles::Await) if error.kind() == Kind::Missing => (Stored::Absent, None),
                (Err(error), MissingTiles::Await) if error.kind() == Kind::Data => {
                    unreadable = unreadable.or(Some(placed(error)));
                    (Stored::Unreadable, None)
                }
                (Err(error), _) => return Err(placed(advised(error, table.form))),
            });
        }
        let rows = || table.rows.iter().zip(&found);
        let Some((first_row, first)) = rows().find_map(|(row, (_, known))| Some((row, known.as_ref()?))) else {
            return Err(unreadable.unwrap_or_else(|| none_there(table)));
        };
        for (row, (_, known)) in rows() {
            let Some(known) = known else { continue };
            require_alike(table, known, (first_row, first)).map_err(|error| table.error_in(row, &error))?;
        }
        let known: Vec<_> = rows().filter_map(|(row, (_, known))| Some((row, known.as_ref()?))).collect();
        let scaled = settle(table, &known, options)?;
        let (first, shape) = (first.clone(), first.shape);
        let tiles = table.rows.iter().zip(found).map(|(row, (stored, known))| {
            let whole = known.map_or(shape, |known| known.shape);
            let placement = in_pixels(&row.placement, scaled.divisor);
            let row = placement.map(|placement| TileRow { placement, ..row.clone() });
            row.and_then(|row| Tile::new(&row, stored, whole, mosaic))
        });
        let tiles = table.rows.iter().zip(tiles).map(|(row, tile)| tile.map_err(|error| table.error_in(row, &error)));
        let tiles = tiles.collect::<Result<_>>()?;
        Ok(Tiles { tiles, first, details: details.unwrap_or_default(), scaled, warnings: summed(said) })
    }
}

impl Tile {
    fn new(row: &TileRow, stored: Stored, whole: [usize; 3], options: &MosaicOptions) -> Result<Tile> {
        let crop = options.crop;
        let shape = std::array::from_fn(|a| whole[a].saturating_sub(crop[a].saturating_mul(2)));
        if let Some(axis) = (0..3).find(|&a| shape[a] == 0) {
            let (name, length) = (["z", "y", "x"][axis], whole[axis]);
            return Err(Error::usage(format!(
                "has {length} pixels along {name}, and nothing is left of them; give a \
                                             smaller --crop"
            )));
        }
        let placement = row.placement.after(&Affine::translation(crop.map(|n| n as f64)));
        let far = || Error::data("lies too far away to be counted in pixels; correct its placement");
        let to_tile = placement.inverse().ok_or_else(far)?;
        let outline = placement.outline(shape).ok_or_else(far)?;
        Ok(Tile { row: row.clone(), stored, whole, shape, to_tile, outline, reach: placement.bounds(shape) })
    }

    /// Whether a box in the coordinates of the table may contain pixels of the tile: the centres of its pixels reach
    /// into the tile along the axes of the canvas, and along those of the tile.
    pub(super) fn meets(&self, region: &Region) -> bool {
        if region.is_empty() {
            return false;
        }
        let into = |(low, high): ([f64; 3], [f64; 3]), first: [f64; 3], last: [f64; 3]| {
            (0..3).all(|a| high[a] >= first[a] - SAME_PLACE && low[a] <= last[a] + SAME_PLACE)
        };
        let (first, last) = (region.min.map(|n| n as f64), region.max.map(|n| (n - 1) as f64));
        let beside = self.to_tile.after(&Affine::translation(first)).bounds(region.shape());
        into(self.reach, first, last) && into(beside, [0.0; 3], self.shape.map(|n| (n - 1) as f64))
    }

    /// The part of the whole image inside a crop.
    pub(super) fn part(&self, crop: [usize; 3]) -> Region {
        Region::of_shape(self.shape).shifted(crop.map(|n| i64::try_from(n).unwrap_or(i64::MAX)))
    }

    /// The values of the cropped and flipped tile, read now; `None` if it does not exist.
    ///
    /// # Errors
    /// If it cannot be read, or has changed its shape or type since the table was opened.
    pub(super) fn read(&self, dtype: Dtype, options: &OpenOptions) -> Result<Option<Voxels>> {
        let source = match open_tile(&self.row, options) {
            Err(error) if error.kind() == Kind::Missing && options.mosaic.missing == MissingTiles::Await => {
                return Ok(None);
            }
            opened => opened?,
        };
        let Description { shape, dtype: found, fill, .. } = *source.description();
        if (shape, found) != (self.whole, dtype) {
            return Err(Error::data("has changed its shape or type since the table was opened; start again"));
        }
        let bytes = self.shape.iter().fold(dtype.size() as u64, |bytes, &n| bytes.saturating_mul(n as u64));
        // Its bytes in the order of the file, and its values.
        memory::require(bytes.saturating_mul(2), "cut the tile into several, each with a line of the table")?;
        let voxels = match source.read(&self.part(options.mosaic.crop))? {
            Some(chunk) => chunk.voxels,
            None => Voxels::filled(dtype, self.shape, fill),
        };
        Ok(Some(turned(voxels, options.mosaic.flip)))
    }
}

/// The values reversed along some axes.
fn turned(voxels: Voxels, flip: [bool; 3]) -> Voxels {
    fn turn<T: Value>(mut array: ndarray::Array3<T>, flip: [bool; 3]) -> Voxels {
        for (axis, _) in flip.iter().enumerate().filter(|(_, flipped)| **flipped) {
            array.invert_axis(ndarray::Axis(axis));
        }
        T::wrap(array.as_standard_layout().into_owned())
    }
    if flip == [false; 3] { voxels } else { with_voxels!(voxels, array => turn(array, flip)) }
}

/// The error of a tile, with advice for tables of other programs, which name tiles without their folders.
fn advised(error: Error, form: TableForm) -> Error {
    if form == TableForm::Columns || error.kind() != Kind::Missing {
        return error;
    }
    let message = "is not there; put the file of positions into the folder of its tiles, with these named as in it";
    Error::new(Kind::Missing, message)
}

/// Adds the warnings of an image to the list; those that only differ in the tile's name are counted.
fn note_warnings(said: &mut Vec<(String, String, usize)>, row: &TileRow, source: &dyn Source) {
    let name = shown_path(&row.path);
    for warning in source.warnings() {
        let text = warning.replace(&name, "");
        match said.iter().position(|(known, _, _)| *known == text) {
            Some(at) => said[at].2 += 1,
            None if said.len() < MOST_WARNINGS => said.push((text, warning, 1)),
            None => {}
        }
    }
}

/// The warnings of tiles, each once.
fn summed(said: Vec<(String, String, usize)>) -> Vec<String> {
    let one = |(_, warning, count): (String, String, usize)| match count {
        1 => warning,
        2 => format!("{warning}; so does another tile"),
        _ => format!("{warning}; so do {} other tiles", count - 1),
    };
    said.into_iter().map(one).collect()
}

/// A tile's image: if its file has several channels, that of the row.
fn open_tile(row: &TileRow, options: &OpenOptions) -> Result<Box<dyn Source>> {
    if is_table(&row.path) {
        return Err(Error::data("is a table itself; give the path of an image"));
    }
    match row.channel {
        None => open_channel(&row.path, options.channel, options),
        channel => open_any_channel(&row.path, channel, options),
    }
}

/// The image at a path: if it has several channels, the given one.
pub(super) fn open_any_channel(path: &Path, channel: Option<usize>, options: &OpenOptions) -> Result<Box<dyn Source>> {
    match open_channel(path, None, options) {
        // An image of one channel needs no choice; an image that demands one has several.
        Err(error) if error.kind() == Kind::Usage && channel.is_some() => open_channel(path, channel, options),
        opened => opened,
    }
}

fn open_channel(path: &Path, channel: Option<usize>, options: &OpenOptions) -> Result<Box<dyn Source>> {
    let OpenOptions { time, patience, .. } = *options;
    open_image(path, &OpenOptions { channel, time, patience, cache: Some(0), ..OpenOptions::default() })
}

/// Refuses options along z if the table is in 2-D.
fn require_planar_options(table: &TileTable, options: &MosaicOptions) -> Result<()> {
    let along_z = [(options.flip[0], "--flip"), (options.crop[0] > 0, "--crop")];
    match along_z.iter().find(|(given, _)| *given) {
        Some((_, option)) if table.dimensions == 2 => {
            Err(Error::usage(format!("places its tiles in 2 dimensions; give {option} along y and x alone")))
        }
        _ => Ok(()),
    }
}

/// Refuses a tile that does not fit the table or the first tile.
fn require_alike(table: &TileTable, tile: &Description, (row, first): (&TileRow, &Description)) -> Result<()> {
    // A volume of one plane can be a tile of a plane.
    let flat = table.dimensions == 2 && tile.shape[0] == 1;
    if tile.dimensions != table.dimensions && !flat {
        let advice = match (tile.dimensions, table.form) {
            (2, TableForm::Columns) => {
                "is a 2-D image, but the table places it in 3-D; give columns path,y,x, or m00 to m12"
            }
            (2, _) => "is a 2-D image, but the table places it in 3-D; give dim = 2 and positions (x, y)",
            (_, TableForm::Columns) => {
                "is a 3-D image, but the table places it in 2-D; give columns path,z,y,x, or m00 to m23"
            }
            (_, TableForm::TileConfiguration) => {
                "is a 3-D image, but the table places it in 2-D; give dim = 3 and positions (x, y, z)"
            }
            (_, TableForm::Mist) => "is a 3-D image, but MIST places tiles in 2-D; give a CSV table with path,z,y,x",
        };
        return Err(Error::data(advice));
    }
    if tile.dtype != first.dtype {
        let (found, known, line) = (tile.dtype.name(), first.dtype.name(), row.line);
        let message =
            format!("has values of type {found}, but the tile on line {line} of {known}; give tiles of one type");
        return Err(Error::data(message));
    }
    Ok(())
}

/// The error of a table none of whose tiles exists.
fn none_there(table: &TileTable) -> Error {
    let first = table.rows.first().map_or_else(String::new, |row| shown_path(&row.path));
    let message = format!("has no tile that is there, such as {first}; check the paths, or wait for the first");
    Error::new(Kind::Missing, message).at(&table.path)
}
