//! Marks of parts of a canvas, without reading any pixel.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::MosaicSource;
use super::behind::Behind;
use super::tile::{Stored, Tile};
use crate::error::Result;
use crate::space::Region;
use crate::store::Marked;
use crate::store::marker::{FileMark, Marker};
use crate::store::values::require_inside;

/// The marks of parts of a canvas. Each covers the tiles that meet the part, in the order of their rows, with their
/// positions, files, correction and gains, and the options of composition. A part without tiles has a mark too. Looks
/// at each file once.
pub(super) fn marks(mosaic: &MosaicSource, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
    let mut meeting = Vec::with_capacity(regions.len());
    for region in regions {
        require_inside(region, mosaic.description.shape)?;
        meeting.push(mosaic.meeting(region).collect::<Vec<usize>>());
    }
    let behind = behind(mosaic, meeting.iter().flatten().copied().collect())?;
    let marked = |tiles: Vec<usize>| {
        let mut marker = Marker::default();
        let options = &mosaic.options.mosaic;
        marker.note((options.order, options.blend, options.flip, options.crop, mosaic.options.time));
        // If the canvas begins to extend further, everything on it moves.
        marker.note((mosaic.canvas.min, mosaic.options.channel));
        for number in tiles {
            let tile = &mosaic.tiles[number];
            note_placement(&mut marker, tile);
            marker.note(mosaic.gains[number].to_bits());
            // Tiles are corrected by the images that were read when the table was opened.
            let mut all = mosaic.camera.files.iter().chain([&behind[&number]]);
            if !all.all(|behind| behind.note(&mut marker)) {
                return None;
            }
        }
        // A table that is being written moves tiles without changing their files.
        marker.not_before(mosaic.table.changed);
        Some(marker.finish())
    };
    Ok(meeting.into_iter().map(marked).collect())
}

/// Adds the position of a tile and its state when the table was opened, which are the ones in use.
fn note_placement(marker: &mut Marker, tile: &Tile) {
    let found = match tile.stored {
        Stored::File => 0,
        Stored::Several(_) => 1,
        Stored::Absent => 2,
        Stored::Unreadable => 3,
    };
    let place = tile.row.placement;
    marker.note((found, tile.shape, place.matrix.map(|row| row.map(f64::to_bits)), place.offset.map(f64::to_bits)));
}

/// The state behind each of several tiles.
fn behind(mosaic: &MosaicSource, numbers: BTreeSet<usize>) -> Result<BTreeMap<usize, Behind>> {
    let mut behind = BTreeMap::new();
    let (mut files, mut paths): (Vec<usize>, Vec<PathBuf>) = (Vec::new(), Vec::new());
    for number in numbers {
        let tile = &mosaic.tiles[number];
        if let Stored::Several(source) = &tile.stored {
            behind.insert(number, Behind::of_source(&**source)?);
        } else {
            files.push(number);
            paths.push(tile.row.path.clone());
        }
    }
    behind.extend(files.into_iter().zip(FileMark::of_all(&paths)?.into_iter().map(Behind::File)));
    Ok(behind)
}
