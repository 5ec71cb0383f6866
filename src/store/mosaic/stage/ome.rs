//! Positions of planes in the metadata of OME-TIFF files.
//!
//! By the OME data model: `OME/Image/Pixels` has `PhysicalSizeX` with a unit, and its `Plane` elements `PositionX` with
//! a unit; `TiffData/UUID` names the file that a plane is in.

use std::path::{Path, PathBuf};

use roxmltree::{Document, Node};

use super::{StageScan, StageTile};
use crate::error::{Error, Kind, Result};
use crate::store::tiff::{description_of, slice_paths};

/// Lengths of units in picometres, by the names that OME has for them.
const UNITS: [(&str, f64); 8] = [
    ("pm", 1.0),
    ("Å", 1e2),
    ("nm", 1e3),
    ("µm", 1e6),
    // The Greek letter.
    ("μm", 1e6),
    ("mm", 1e9),
    ("cm", 1e10),
    ("m", 1e12),
];

/// The unit of what has none: OME's own for sizes, and what most writers mean in positions.
const MICROMETRE: &str = "µm";

/// What the metadata of one file say.
#[derive(Debug, PartialEq)]
struct Placed {
    dimensions: usize,
    /// In pixels along (z, y, x), of the lowest plane.
    position: [Option<f64>; 3],
    /// Whether planes follow each other against the stage's axis.
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
        let one = description_of(&path)?.map_or_else(|| Err(no_metadata()), |text| place(&text, &path));
        placed.push((one.map_err(|error| error.at(&path))?, path));
    }
    let tiles = positions(&placed).map_err(|(error, path)| error.at(path))?;
    let dimensions = placed.first().map_or(2, |(first, _)| first.dimensions);
    Ok(StageScan { dimensions, pixel_size: None, tiles })
}

/// The tiles' positions, once they have been found to go together.
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

/// Where a file's metadata place it.
fn place(text: &str, path: &Path) -> Result<Placed> {
    if !text.contains("<OME") && !text.contains(":OME") {
        return Err(no_metadata());
    }
    let damaged = |error| Error::data("has OME metadata that cannot be read; save it again").because(error);
    let document = Document::parse(text.trim_end_matches('\0')).map_err(damaged)?;
    let elements = |name: &'static str| document.descendants().filter(move |node| node.tag_name().name() == name);
    if let Some(elsewhere) = elements("BinaryOnly").next() {
        let file = elsewhere.attribute("MetadataFile").unwrap_or("another file");
        let message =
            format!("has its metadata in {file}; save each tile as an OME-TIFF file with metadata of its own");
        return Err(Error::data(message));
    }
    let images: Vec<Node<'_, '_>> = elements("Pixels").collect();
    let pixels = match images[..] {
        [] => return Err(no_metadata()),
        [one] => one,
        _ => the_one_in(&images, path)?,
    };
    let planes = || pixels.children().filter(|node| node.tag_name().name() == "Plane");
    let low = planes().min_by_key(place_among).ok_or_else(|| no_position("X"))?;
    let [time, channel, _] = place_among(&low);
    let stack = planes().filter(|plane| place_among(plane)[..2] == [time, channel]);
    let high = stack.max_by_key(place_among).unwrap_or(low);
    let deep = whole(pixels, "SizeZ").is_some_and(|planes| planes > 1);
    let axes = if deep { &["Z", "Y", "X"][..] } else { &["Y", "X"][..] };
    let mut position = [None; 3];
    for axis in axes {
        let at = ["Z", "Y", "X"].iter().position(|name| name == axis).unwrap_or_default();
        position[at] = in_pixels(pixels, low, axis)?;
    }
    let downwards = deep && position[0] > in_pixels(pixels, high, "Z")?;
    Ok(Placed { dimensions: axes.len(), position, downwards })
}

/// The only one of several images whose pixels are in a file.
fn the_one_in<'a, 'i>(images: &[Node<'a, 'i>], path: &Path) -> Result<Node<'a, 'i>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_here = |pixels: &&Node<'a, 'i>| {
        let mut uuids = pixels.descendants().filter(|node| node.tag_name().name() == "UUID");
        uuids.any(|uuid| uuid.attribute("FileName") == Some(&*name))
    };
    let here: Vec<&Node<'a, 'i>> = images.iter().filter(is_here).collect();
    match here[..] {
        [one] => Ok(*one),
        _ => {
            let count = images.len();
            let message = format!("has the metadata of {count} images; save each tile as an OME-TIFF file of its own");
            Err(Error::data(message))
        }
    }
}

/// Time point, channel and plane, by which planes are ordered.
fn place_among(plane: &Node<'_, '_>) -> [u64; 3] {
    ["TheT", "TheC", "TheZ"].map(|name| whole(*plane, name).unwrap_or(0))
}

fn whole(node: Node<'_, '_>, name: &str) -> Option<u64> {
    node.attribute(name)?.trim().parse().ok()
}

/// A plane's position along an axis, in pixels.
fn in_pixels(pixels: Node<'_, '_>, plane: Node<'_, '_>, axis: &str) -> Result<Option<f64>> {
    let Some(position) = number(plane, &format!("Position{axis}"))? else { return Ok(None) };
    let unit = plane.attribute(&*format!("Position{axis}Unit"));
    if unit == Some("pixel") {
        return Ok(Some(position));
    }
    // Without a unit, or in that of the stage.
    let unit = unit.filter(|unit| *unit != "reference frame").unwrap_or(MICROMETRE);
    let name = format!("PhysicalSize{axis}");
    let size = number(pixels, &name)?.filter(|size| *size > 0.0).ok_or_else(|| {
        Error::data(format!("has no {name} above 0 in its metadata, so that positions cannot be counted in pixels"))
    })?;
    let size_unit = pixels.attribute(&*format!("{name}Unit")).unwrap_or(MICROMETRE);
    Ok(Some(position * length(unit)? / (size * length(size_unit)?)))
}

fn number(node: Node<'_, '_>, name: &str) -> Result<Option<f64>> {
    let Some(text) = node.attribute(name) else { return Ok(None) };
    let wrong = || Error::data(format!("has {text:?} as {name} in its metadata, which is no number; save it again"));
    text.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(Some).ok_or_else(wrong)
}

/// The length of a unit.
fn length(unit: &str) -> Result<f64> {
    let known = UNITS.iter().find(|(name, _)| *name == unit);
    known.map(|(_, length)| *length).ok_or_else(|| {
        Error::data(format!("has the unit {unit:?} in its metadata, which is not known; save it in micrometres"))
    })
}

fn no_metadata() -> Error {
    Error::data("has no OME metadata of an image; save each tile as an OME-TIFF file with metadata of its own")
}

fn no_position(axis: &str) -> Error {
    Error::data(format!("has no Position{axis} of a plane in its metadata; write a table of tiles by hand"))
}
