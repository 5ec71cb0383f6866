//! Gains solved from the overlaps of neighbouring tiles.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::MosaicSource;
use super::gains::TileGains;
use super::tile::Stored;
use super::tile_table::TileTable;
use crate::error::{Kind, Result};
use crate::kernel::mosaic::gains::{Overlap, gains};
use crate::kernel::mosaic::resample::{Interpolation, Placed, Prepared, overlap};
use crate::space::Region;
use crate::store::{MissingTiles, MosaicOptions, OpenOptions};
use crate::threads::each;

/// About this many voxels of an overlap of two tiles are read: as many rows as hold them, at equal distances.
const LOOKED_AT: usize = 1 << 18;

/// The gains of all existing tiles, in all channels of a table: those with which neighbours are equally bright where
/// both cover the canvas, after correction by the images that the options name. They do not depend on the number of
/// threads, the order of resampling or the way of blending. Tiles without neighbours have 1.
///
/// # Errors
/// Those of [`MosaicSource::open`], or if a tile cannot be read; `Data` if a file of gains could not tell two tiles apart.
pub fn solve_gains(path: &Path, options: &OpenOptions, threads: usize) -> Result<TileGains> {
    let table = TileTable::read(path)?;
    TileGains::require_distinct(&table)?;
    let channels = table.channels();
    let channels: Vec<Option<usize>> = match channels.is_empty() {
        true => vec![options.channel],
        false => channels.into_iter().map(Some).collect(),
    };
    let mut solved = TileGains::default();
    for channel in channels {
        let mosaic = MosaicOptions { gains: None, order: Interpolation::Linear, ..options.mosaic.clone() };
        let mosaic = MosaicSource::open(path, &OpenOptions { channel, mosaic, ..options.clone() })?;
        let tiles = Neighbours::of(&mosaic);
        let overlaps = tiles.overlaps(threads)?;
        for (number, gain) in gains(mosaic.tiles.len(), &overlaps).into_iter().enumerate() {
            if tiles.is_there(number) {
                let row = &mosaic.tiles[number].row;
                solved.put(row, row.channel.or(channel), gain);
            }
        }
    }
    Ok(solved)
}

/// Pairs of neighbouring tiles in a mosaic.
struct Neighbours<'m> {
    mosaic: &'m MosaicSource,
    /// Whether each tile exists and can be read, as far as is known.
    there: Vec<AtomicBool>,
    /// Tiles whose outlines overlap, in the order of the rows of the first and then of the second.
    pairs: Vec<[usize; 2]>,
}

impl Neighbours<'_> {
    fn of(mosaic: &MosaicSource) -> Neighbours<'_> {
        let there = |stored: &Stored| matches!(stored, Stored::File | Stored::Several(_));
        let there: Vec<bool> = mosaic.tiles.iter().map(|tile| there(&tile.stored)).collect();
        let mut pairs = Vec::new();
        for (number, tile) in mosaic.tiles.iter().enumerate().filter(|(number, _)| there[*number]) {
            let near = mosaic.index.near(&tile.outline.shifted(mosaic.canvas.min.map(|n| -n)));
            let overlaps = |other: usize| !tile.outline.intersection(&mosaic.tiles[other].outline).is_empty();
            let others = near.into_iter().filter(|&other| other > number && there[other] && overlaps(other));
            pairs.extend(others.map(|other| [number, other]));
        }
        Neighbours { mosaic, there: there.into_iter().map(AtomicBool::new).collect(), pairs }
    }

    fn is_there(&self, number: usize) -> bool {
        self.there[number].load(Ordering::Relaxed)
    }

    /// The overlaps of all pairs.
    fn overlaps(&self, threads: usize) -> Result<Vec<Overlap>> {
        let common = each(&self.pairs, threads, |_, &pair| self.common(pair))?;
        Ok(common.into_iter().flatten().collect())
    }

    /// The overlap of two tiles, unless it is empty.
    fn common(&self, pair: [usize; 2]) -> Result<Option<Overlap>> {
        let [first, second] = pair.map(|number| &self.mosaic.tiles[number]);
        let region = first.outline.intersection(&second.outline);
        let [Some(one), Some(other)] = [self.prepared(pair[0])?, self.prepared(pair[1])?] else { return Ok(None) };
        let placed =
            [Placed { tile: &one, to_tile: &first.to_tile }, Placed { tile: &other, to_tile: &second.to_tile }];
        let [depth, height, _] = region.shape();
        let (rows, step) = (depth * height, region.volume().div_ceil(LOOKED_AT).max(1));
        let (mut voxels, mut sums) = (0, [0.0; 2]);
        let mut looked_at = 0;
        // One band if no row is skipped.
        let band = if step == 1 { rows } else { 1 };
        for row in ((step / 2).min((rows - 1) / 2)..rows).step_by(step.max(band)) {
            let part = if step == 1 { region } else { row_of(&region, row) };
            let (more, further) = overlap(&part, placed);
            voxels += more;
            sums = [sums[0] + further[0], sums[1] + further[1]];
            looked_at += band;
        }
        if voxels == 0 {
            return Ok(None);
        }
        // Scaled from the rows that were read to all rows.
        let scale = rows as f64 / looked_at as f64;
        Ok(Some(Overlap { tiles: pair, voxels: (voxels as f64 * scale) as u64, sums: sums.map(|sum| sum * scale) }))
    }

    /// A tile, ready for composition; `None` if it no longer exists, or is being written.
    fn prepared(&self, number: usize) -> Result<Option<Arc<Prepared>>> {
        let prepared = match self.mosaic.prepared(number) {
            Err(error) if error.kind() == Kind::Data && self.mosaic.options.mosaic.missing == MissingTiles::Await => {
                None
            }
            prepared => prepared?,
        };
        if prepared.is_none() {
            self.there[number].store(false, Ordering::Relaxed);
        }
        Ok(prepared)
    }
}

/// One row of a region along x, in raster order.
fn row_of(region: &Region, row: usize) -> Region {
    let [_, height, width] = region.shape();
    let corner = [(row / height) as i64, (row % height) as i64, 0];
    let min = std::array::from_fn(|a| region.min[a] + corner[a]);
    Region::of_shape([1, 1, width]).shifted(min)
}
