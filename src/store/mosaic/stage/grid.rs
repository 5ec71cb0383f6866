//! Tiles on a grid without a file of positions: these follow from the number of rows and columns, the overlap of
//! neighbours, and the order of the scan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::pattern::Pattern;
use super::{StageScan, StageTile};
use crate::error::{Error, Result};
use crate::store::file::read_failed;
use crate::store::mosaic::tile::open_any_channel;
use crate::store::tiff::natural;
use crate::store::{OpenOptions, Source};

/// Ends of tile names in a folder.
const IMAGES: [&str; 15] = [
    ".tif", ".tiff", ".npy", ".npz", ".zarr", ".png", ".bmp", ".jpg", ".jpeg", ".nii", ".nii.gz", ".nrrd", ".nhdr",
    ".mha", ".mhd",
];

/// The arrangement of tiles on a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct GridScan {
    /// Rows and columns; optional if the file names contain them.
    pub grid: Option<[usize; 2]>,
    /// Overlap of neighbours along y and x.
    pub overlap: [GridOverlap; 2],
    /// Order in which the tiles were scanned, and in which their names follow each other.
    pub order: ScanOrder,
    /// Whether the scan started in the last row,
    pub from_bottom: bool,
    /// or in the last column.
    pub from_right: bool,
    /// Pattern of the file names, with `{row}` and `{col}`; the order is then ignored.
    pub pattern: Option<String>,
}

/// The overlap of neighbouring tiles.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum GridOverlap {
    /// A fraction of a tile, from 0 to below 1.
    Share(f64),
    /// A number of pixels.
    Pixels(f64),
}

/// The order in which a stage visits the tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanOrder {
    /// Each row in the same direction.
    #[default]
    Row,
    /// Each column in the same direction.
    Column,
    /// Every other row backwards.
    SnakeRow,
    /// Every other column backwards.
    SnakeColumn,
}

impl ScanOrder {
    /// The row and the column of a tile, by its number in the order.
    fn place(self, number: usize, [rows, columns]: [usize; 2]) -> [usize; 2] {
        let along = |length: usize, snake: bool| {
            let (line, place) = (number / length, number % length);
            (line, if snake && line % 2 == 1 { length - 1 - place } else { place })
        };
        match self {
            ScanOrder::Row | ScanOrder::SnakeRow => {
                let (row, column) = along(columns, self == ScanOrder::SnakeRow);
                [row, column]
            }
            ScanOrder::Column | ScanOrder::SnakeColumn => {
                let (column, row) = along(rows, self == ScanOrder::SnakeColumn);
                [row, column]
            }
        }
    }
}

/// The tiles of a grid, in the order of their names, at whole pixels. `paths` are those of the tiles, or one folder
/// that holds them. All tiles have the size of the first one.
///
/// # Errors
/// `Usage` if the number of tiles differs from that of places in the grid, or if names do not follow the pattern;
/// `Missing` if a path does not exist; those of opening the first tile.
pub fn table_of_grid(paths: &[PathBuf], scan: &GridScan) -> Result<StageScan> {
    let mut tiles = match paths {
        [folder] if folder.is_dir() && !is_image(folder) => images(folder)?,
        _ => paths.to_vec(),
    };
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    tiles.sort_by(|a, b| natural(&name(a), &name(b)).then_with(|| a.cmp(b)));
    let at = |error: Error| match paths {
        [one] if !error.is_placed() => error.at(one),
        _ => error,
    };
    let placed = placed(tiles, scan).map_err(at)?;
    let [.., (first, _)] = &placed[..] else { return Err(at(Error::usage("has no tiles; give the images"))) };
    let first = placed.first().map_or(first, |(first, _)| first);
    let image = open_any_channel(first, Some(0), &OpenOptions::default())?;
    let description = image.description();
    let step = steps(&*image, scan.overlap)?;
    let position = |[row, column]: [usize; 2]| [0.0, (row as f64 * step[0]).round(), (column as f64 * step[1]).round()];
    let tiles = placed.into_iter().map(|(path, place)| StageTile { path, position: position(place) });
    Ok(StageScan { dimensions: description.dimensions, pixel_size: None, tiles: tiles.collect() })
}

/// Distances between neighbouring tiles along y and x, in pixels.
fn steps(image: &dyn Source, overlap: [GridOverlap; 2]) -> Result<[f64; 2]> {
    let description = image.description();
    let mut steps = [0.0; 2];
    for (axis, overlap) in overlap.into_iter().enumerate() {
        let length = description.shape[axis + 1] as f64;
        steps[axis] = match overlap {
            GridOverlap::Share(share) => length * (1.0 - share),
            GridOverlap::Pixels(pixels) => length - pixels,
        };
        if steps[axis] < 1.0 {
            let (name, axis) = (&description.name, ["y", "x"][axis]);
            let message = format!("{name}: has {length} pixels along {axis}, and --overlap leaves nothing; give less");
            return Err(Error::usage(message));
        }
    }
    Ok(steps)
}

/// The tiles, each with its row and column.
fn placed(tiles: Vec<PathBuf>, scan: &GridScan) -> Result<Vec<(PathBuf, [usize; 2])>> {
    if let Some(pattern) = &scan.pattern {
        return by_names(tiles, &Pattern::parse(pattern)?, scan.grid);
    }
    let Some([rows, columns]) = scan.grid else {
        return Err(Error::usage("needs its rows and columns; give --grid ROWSxCOLUMNS"));
    };
    let places = rows.checked_mul(columns);
    if places != Some(tiles.len()) {
        let found = tiles.len();
        let message = format!(
            "has {found} images, but a grid of {rows} rows and {columns} columns has {} places; correct --grid, or name \
             the tiles one by one",
            places.map_or_else(|| "too many".to_owned(), |places| places.to_string())
        );
        return Err(Error::usage(message));
    }
    let place = |number| {
        let [row, column] = scan.order.place(number, [rows, columns]);
        let row = if scan.from_bottom { rows - 1 - row } else { row };
        [row, if scan.from_right { columns - 1 - column } else { column }]
    };
    Ok(tiles.into_iter().enumerate().map(|(number, path)| (path, place(number))).collect())
}

/// The tiles whose names follow a pattern, with the row and the column in the name. The smallest numbers are the first
/// row and column.
fn by_names(tiles: Vec<PathBuf>, pattern: &Pattern, grid: Option<[usize; 2]>) -> Result<Vec<(PathBuf, [usize; 2])>> {
    let mut places: BTreeMap<[usize; 2], PathBuf> = BTreeMap::new();
    let mut found = Vec::new();
    for path in tiles {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(place) = pattern.place(&name) else { continue };
        if let Some(other) = places.insert(place, path.clone()) {
            let (one, other) = (path.display(), other.display());
            let message = format!("has {other} and {one} for one place of the grid; take one of the two out");
            return Err(Error::usage(message));
        }
        found.push((path, place));
    }
    let ends = |axis: usize| {
        let numbers = || found.iter().map(|(_, place)| place[axis]);
        Some((numbers().min()?, numbers().max()?))
    };
    let (Some(rows), Some(columns)) = (ends(0), ends(1)) else {
        return Err(Error::usage(format!("has no image whose name is like {pattern}; correct --pattern")));
    };
    let counted = [rows.1 - rows.0 + 1, columns.1 - columns.0 + 1];
    if let Some(grid) = grid
        && grid != counted
    {
        let [rows, columns] = counted;
        let message = format!(
            "has images for {rows} rows and {columns} columns, but --grid is {}x{}; correct one of them",
            grid[0], grid[1]
        );
        return Err(Error::usage(message));
    }
    if counted[0].checked_mul(counted[1]) != Some(found.len()) {
        // There are fewer images than places, so a missing one is found after at most as many steps as there are
        // images.
        let mut all = (rows.0..=rows.1).flat_map(|row| (columns.0..=columns.1).map(move |column| [row, column]));
        let missing = all.find(|place| !places.contains_key(place)).unwrap_or([rows.0, columns.0]);
        let message = format!(
            "has no image like {pattern} of row {} and column {}; put it there, or correct --pattern",
            missing[0], missing[1]
        );
        return Err(Error::usage(message));
    }
    Ok(found.into_iter().map(|(path, place)| (path, [place[0] - rows.0, place[1] - columns.0])).collect())
}

/// The images in a folder.
fn images(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: &std::io::Error| read_failed(error).at(folder);
    let mut images = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        if is_image(&entry.path()) && !entry.file_name().to_string_lossy().starts_with('.') {
            images.push(entry.path());
        }
    }
    Ok(images)
}

fn is_image(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    IMAGES.iter().any(|end| name.ends_with(end))
}
