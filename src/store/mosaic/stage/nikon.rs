//! Nikon's text export of a scan (NIS-Elements).
//!
//! It has a line `Calibration (µm/px): 0,64`, and a line for each point with its name, such as `#1_0003`, and the
//! stage's X, Y and Z in micrometres, separated by white space. Numbers have a decimal comma or point, depending on the
//! computer's locale. Tiles are files whose names end in the name of their point.

use std::path::{Path, PathBuf};

use super::{StageScan, StageTile};
use crate::error::{Error, Result};
use crate::store::file;
use crate::store::mosaic::pixel_size::PixelSize;

/// Most bytes of an export: one of ten thousand points has one MiB.
const LONGEST: u64 = 256 << 20;

/// Extensions of tiles.
const IMAGES: [&str; 4] = ["tif", "tiff", "npy", "zarr"];

/// A point of the stage.
#[derive(Debug, PartialEq)]
struct Point {
    name: String,
    /// Along (z, y, x), in micrometres.
    position: [f64; 3],
}

/// The tiles beside an export, in the order of its points.
pub(super) fn scan(path: &Path) -> Result<StageScan> {
    let bytes = file::read_whole(path, LONGEST, "the export of a scan")?;
    let found = text_of(&bytes).and_then(|text| {
        let points = points(&text)?;
        let size = Some(calibration(&text)?);
        let size = PixelSize { size: [None, size, size], unit: Some("micrometer".to_owned()) };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let images = images(folder)?;
        let tiles = points.into_iter().map(|point| {
            let path = image_of(&point.name, &images)?.to_owned();
            // The stage's Z is the focus: tiles are planes.
            Ok(StageTile { path, position: [0.0, point.position[1], point.position[2]] })
        });
        Ok(StageScan { dimensions: 2, pixel_size: Some(size), tiles: tiles.collect::<Result<_>>()? })
    });
    found.map_err(|error| if error.is_placed() { error } else { error.at(path) })
}

/// The text of an export: UTF-16 or UTF-8, or Latin-1 if it is neither.
fn text_of(bytes: &[u8]) -> Result<String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map_err(|_| Error::data("is no text; export it again"))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => Ok(match std::str::from_utf8(bytes) {
            Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
            Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
        }),
    }
}

/// The points of an export, in order.
fn points(text: &str) -> Result<Vec<Point>> {
    let points: Vec<Point> = text.lines().filter_map(point).collect();
    if points.is_empty() {
        let message = "names no points with their positions; give the folder of OME-TIFF files, or the text file that \
                       NIS-Elements has exported with the tiles";
        return Err(Error::data(message));
    }
    for (number, point) in points.iter().enumerate() {
        if points[..number].iter().any(|other| other.name == point.name) {
            return Err(Error::data(format!("names the point {} twice; export one scan at a time", point.name)));
        }
    }
    Ok(points)
}

/// The point on a line, if it has one.
fn point(line: &str) -> Option<Point> {
    let mut words = line.split_whitespace();
    let name = words.next()?.strip_prefix('#').unwrap_or(line.split_whitespace().next()?);
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_digit() || c == '_');
    let mut next = || decimal(words.next()?);
    let [x, y, z] = [next()?, next()?, next()?];
    is_name.then(|| Point { name: name.to_owned(), position: [z, y, x] })
}

/// The number in a word, with a decimal comma or point.
fn decimal(word: &str) -> Option<f64> {
    let plain = word.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | ','));
    word.replace(',', ".").parse().ok().filter(|number: &f64| plain && number.is_finite())
}

/// The pixel size, in micrometres.
fn calibration(text: &str) -> Result<f64> {
    let of_line = |line: &str| {
        let (_, rest) = line.split_once("Calibration")?;
        let (unit, value) = rest.split_once(':')?;
        let unit = unit.trim().strip_prefix('(')?.strip_suffix("m/px)")?;
        matches!(unit, "µ" | "μ" | "u").then(|| value.split_whitespace().next().and_then(decimal))
    };
    match text.lines().find_map(of_line) {
        Some(Some(size)) if size > 0.0 => Ok(size),
        Some(_) => {
            Err(Error::data("has a calibration that is no number above 0; calibrate the image and export again"))
        }
        None => Err(Error::data("has no line Calibration (µm/px); calibrate the image and export it again")),
    }
}

/// The images in a folder.
fn images(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: &std::io::Error| file::read_failed(error).at(folder);
    let mut images = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(&error))? {
        let path = entry.map_err(|error| failed(&error))?.path();
        if path.extension().is_some_and(|e| IMAGES.iter().any(|image| e.eq_ignore_ascii_case(image))) {
            images.push(path);
        }
    }
    images.sort();
    Ok(images)
}

/// The only image whose name ends in that of a point, perhaps after zeros.
fn image_of<'p>(name: &str, images: &'p [PathBuf]) -> Result<&'p Path> {
    let ends = |path: &&PathBuf| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let stem = stem.strip_suffix(".ome").unwrap_or(&stem);
        let before = stem.strip_suffix(name).map(|before| before.trim_end_matches('0'));
        before.is_some_and(|before| !before.ends_with(|c: char| c.is_ascii_digit()))
    };
    let found: Vec<&PathBuf> = images.iter().filter(ends).collect();
    match found[..] {
        [one] => Ok(one),
        [] => {
            let message = format!(
                "names the point {name}, and no image beside it has a name that ends so; put the tiles \
                                   there, named as they were exported"
            );
            Err(Error::data(message))
        }
        [one, other, ..] => {
            let [one, other] = [one, other].map(|path| path.file_name().unwrap_or_default().to_string_lossy());
            let message = format!(
                "names the point {name}, and both {one} and {other} have names that end so; leave one \
                                   of them there"
            );
            Err(Error::data(message))
        }
    }
}
