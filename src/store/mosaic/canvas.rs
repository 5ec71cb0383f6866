//! The canvas: the box in which the tiles of a table lie.

use std::ops::Range;

use super::tile::Tile;
use super::tile_table::TileTable;
use crate::error::{Error, Result};
use crate::space::{Position, Region};

/// A canvas may have this many times the pixels of its tiles together,
const SPARSE: f64 = 64.0;
/// or in any case this many.
const SMALL: f64 = (1u64 << 30) as f64;

/// The canvas in the coordinates of the table: the smallest box around all tiles, or the given one.
///
/// # Errors
/// `Data`, naming the line and the tile, if one reaches out of the given canvas, or lies so far away that the canvas
/// would be nearly empty; `Usage` if the given canvas does not fit the table.
pub(super) fn canvas(table: &TileTable, tiles: &[Tile], given: Option<&[Range<i64>]>) -> Result<Region> {
    if let Some(ranges) = given {
        let canvas = given_canvas(ranges, table.dimensions).map_err(|error| error.at(&table.path))?;
        return match tiles.iter().find(|tile| !canvas.encloses(&tile.outline)) {
            None => Ok(canvas),
            Some(tile) => {
                let (reach, within) = (ranges_of(&tile.outline, table), ranges_of(&canvas, table));
                let message = format!(
                    "reaches over {reach}, and the canvas given over {within}; correct its placement, or give a larger \
                     --canvas"
                );
                Err(table.error_in(&tile.row, &Error::data(message)))
            }
        };
    }
    let around = |a: Region, b: &Region| Region {
        min: std::array::from_fn(|i| a.min[i].min(b.min[i])),
        max: std::array::from_fn(|i| a.max[i].max(b.max[i])),
    };
    let mut outlines = tiles.iter().map(|tile| &tile.outline);
    let first = outlines.next().ok_or_else(|| Error::internal("a table without tiles"))?;
    let canvas = outlines.fold(*first, around);
    let (voxels, together) = (size(canvas.shape()), tiles.iter().map(|tile| size(tile.shape)).sum::<f64>());
    if voxels > SMALL && voxels > SPARSE * together {
        let message = format!(
            "lies so far from the others that the canvas would reach over {}, {:.0} times the pixels of its tiles; \
             correct its placement, or give the canvas with --canvas",
            ranges_of(&canvas, table),
            voxels / together
        );
        let tile = &tiles[farthest(tiles)];
        return Err(table.error_in(&tile.row, &Error::data(message)));
    }
    Ok(canvas)
}

fn given_canvas(ranges: &[Range<i64>], dimensions: usize) -> Result<Region> {
    if ranges.len() != dimensions {
        let message = format!("places its tiles in {dimensions} dimensions; give --canvas as {dimensions} ranges");
        return Err(Error::usage(message));
    }
    let mut canvas = Region::of_shape([1; 3]);
    for (axis, range) in (3 - dimensions..3).zip(ranges) {
        // Far below the numbers at which differences overflow.
        let far = |end: i64| end.unsigned_abs() > 1 << 52;
        if range.start >= range.end || far(range.start) || far(range.end) {
            let Range { start, end } = range;
            return Err(Error::usage(format!("cannot have a canvas over {start}:{end}; give --canvas as start:end")));
        }
        (canvas.min[axis], canvas.max[axis]) = (range.start, range.end);
    }
    Ok(canvas)
}

/// The tile whose centre is farthest from the medians of all centres; the first of several.
fn farthest(tiles: &[Tile]) -> usize {
    let centre = |tile: &Tile| -> Position { std::array::from_fn(|a| (tile.outline.min[a] + tile.outline.max[a]) / 2) };
    let median: Position = std::array::from_fn(|a| {
        let mut centres: Vec<i64> = tiles.iter().map(|tile| centre(tile)[a]).collect();
        let middle = (centres.len() - 1) / 2;
        *centres.select_nth_unstable(middle).1
    });
    let distance = |tile: &Tile| (0..3).map(|a| ((centre(tile)[a] - median[a]) as f64).powi(2)).sum::<f64>();
    let mut worst = 0;
    for (number, tile) in tiles.iter().enumerate() {
        if distance(tile) > distance(&tiles[worst]) {
            worst = number;
        }
    }
    worst
}

/// A box as ranges along the axes of the table.
fn ranges_of(region: &Region, table: &TileTable) -> String {
    let ranges = (3 - table.dimensions..3).map(|a| format!("{}:{}", region.min[a], region.max[a]));
    ranges.collect::<Vec<_>>().join(",")
}

fn size(shape: [usize; 3]) -> f64 {
    shape.iter().map(|&n| n as f64).product()
}
