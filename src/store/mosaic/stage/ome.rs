//! Stage positions of planes in the metadata of OME-TIFF files.
//!
//! `Pixels` have `PhysicalSizeX` with a unit, and their `Plane` elements `PositionX` with a unit.

use std::path::{Path, PathBuf};

use super::{StageScan, StageTile};
use crate::error::{Error, Kind, Result};
use crate::store::ome_xml::{Ome, OmeImage, OmePlane, number};
use crate::store::tiff::{ome_of, slice_paths};
use crate::store::units::{LengthUnit, unit_name};

/// The default unit: OME's default for sizes, and the one that most writers mean in positions.
const MICROMETER: &str = "µm";

/// The placement in the metadata of one file.
#[derive(Debug, PartialEq)]
struct Placed {
    dimensions: usize,
    /// Position of the lowest plane, in pixels along (z, y, x).
    position: [Option<f64>; 3],
    /// Whether planes follow each other against the direction of the stage's axis.
    downwards: bool,
}

/// The OME-TIFF files in a folder, in the order of the numbers in their names.
pub(super) fn scan(folder: &Path) -> Result<StageScan> {
    let paths = slice_paths(folder).map_err(|error| match error.kind() {
        Kind::Data => Error::data(
            "holds no OME-TIFF files (.tif, .tiff); give the folder of a scan, one file a tile, or the text file that \
             NIS-Elements has exported with the tiles",
        ),
        _ => error,
    });
    let paths = paths.map_err(|error| error.at(folder))?;
    let mut placed = Vec::with_capacity(paths.len());
    for path in paths {
        let one = ome_of(&path).and_then(|ome| ome.map_or_else(|| Err(no_metadata()), |ome| place(&ome, &path)));
        placed.push((one.map_err(|error| error.at(&path))?, path));
    }
    let tiles = positions(&placed).map_err(|(error, path)| error.at(path))?;
    let dimensions = placed.first().map_or(2, |(first, _)| first.dimensions);
    Ok(StageScan { dimensions, pixel_size: None, tiles })
}

/// The tiles' positions, after a check that all tiles are of one scan.
fn positions(placed: &[(Placed, PathBuf)]) -> std::result::Result<Vec<StageTile>, (Error, PathBuf)> {
    let Some((first, named)) = placed.first() else { return Ok(Vec::new()) };
    let name = named.file_name().unwrap_or_default().to_string_lossy();
    let mut tiles = Vec::with_capacity(placed.len());
    for (one, path) in placed {
        let unlike = |what: &str| (Error::data(format!("{what}, unlike {name}; give tiles of one scan")), path.clone());
        if one.dimensions != first.dimensions {
            return Err(unlike(&format!("has {} dimensions", one.dimensions)));
        }
        let [z, y, x] = one.position;
        let deep = one.dimensions == 3;
        if deep && z.is_some() != first.position[0].is_some() {
            return Err(unlike(if z.is_some() { "has a PositionZ" } else { "has no PositionZ" }));
        }
        if deep && one.downwards != first.downwards {
            return Err(unlike("has planes in the other direction along z"));
        }
        // Without negative zeros.
        let z = z.map_or(0.0, |z| if one.downwards { 0.0 - z } else { z });
        let missing = |axis: &str| (no_position(axis), path.clone());
        let position = [if deep { z } else { 0.0 }, y.ok_or_else(|| missing("Y"))?, x.ok_or_else(|| missing("X"))?];
        tiles.push(StageTile { path: path.clone(), position });
    }
    Ok(tiles)
}

/// The placement of an image according to its metadata.
fn place(ome: &Ome, path: &Path) -> Result<Placed> {
    if let Some(file) = &ome.elsewhere {
        let message =
            format!("has its metadata in {file}; save each tile as an OME-TIFF file with metadata of its own");
        return Err(Error::data(message));
    }
    let image = match &ome.images[..] {
        [] => return Err(no_metadata()),
        [one] => one,
        images => match ome.images_in(path)[..] {
            [one] => one,
            _ => {
                let count = images.len();
                let message =
                    format!("has the metadata of {count} images; save each tile as an OME-TIFF file of its own");
                return Err(Error::data(message));
            }
        },
    };
    let planes = || image.planes.iter();
    let low = planes().min_by_key(|plane| plane.place).ok_or_else(|| no_position("X"))?;
    let [time, channel, _] = low.place;
    let stack = planes().filter(|plane| plane.place[..2] == [time, channel]);
    let high = stack.max_by_key(|plane| plane.place).unwrap_or(low);
    let deep = image.sizes[2].is_some_and(|planes| planes > 1);
    let mut position = [None; 3];
    for axis in if deep { 0..3 } else { 1..3 } {
        position[axis] = in_pixels(image, low, axis)?;
    }
    let downwards = deep && position[0] > in_pixels(image, high, 0)?;
    Ok(Placed { dimensions: if deep { 3 } else { 2 }, position, downwards })
}

/// A plane's position along an axis, in pixels.
fn in_pixels(image: &OmeImage, plane: &OmePlane, axis: usize) -> Result<Option<f64>> {
    let letter = ["Z", "Y", "X"][axis];
    let Some((text, unit)) = &plane.position[axis] else { return Ok(None) };
    let position = number(text, &format!("Position{letter}"))?;
    if unit.as_deref().is_some_and(|unit| ["pixel", "pixels"].contains(&unit.trim())) {
        return Ok(Some(position));
    }
    // The unit is missing, or is the stage's reference frame.
    let unit = unit.as_deref().filter(|unit| unit_name(unit).is_some()).unwrap_or(MICROMETER);
    let name = format!("PhysicalSize{letter}");
    let size = image.pixel[axis].as_ref().map(|(text, unit)| Ok((number(text, &name)?, unit))).transpose()?;
    let (size, size_unit) = size.filter(|(size, _)| *size > 0.0).ok_or_else(|| {
        Error::data(format!("has no {name} above 0 in its metadata, so that positions cannot be counted in pixels"))
    })?;
    let size_unit = size_unit.as_deref().unwrap_or(MICROMETER);
    Ok(Some(position * length(unit)? / (size * length(size_unit)?)))
}

/// The length of a unit, in picometers.
fn length(unit: &str) -> Result<f64> {
    LengthUnit::of(unit).map(|unit| unit.picometers).ok_or_else(|| {
        Error::data(format!("has the unit {unit:?} in its metadata, which is not known; save it in micrometers"))
    })
}

fn no_metadata() -> Error {
    Error::data("has no OME metadata of an image; save each tile as an OME-TIFF file with metadata of its own")
}

fn no_position(axis: &str) -> Error {
    Error::data(format!("has no Position{axis} of a plane in its metadata; write a table of tiles by hand"))
}
