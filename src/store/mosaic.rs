//! Mosaics: the overlapping tiles of a scan as one image, composed part by part as it is read.
//!
//! A table lists the position of each tile ([`TileTable`]). A part of the canvas is composed of the tiles that meet it,
//! in the order of their rows, so that it holds the same values however and whenever it is read, and a tile that comes,
//! goes or changes makes no difference elsewhere. Tiles are decoded as a whole, and cached for the next part.

mod behind;
mod camera_images;
mod canvas;
mod cells;
mod columns;
mod doubts;
mod form;
mod gains;
mod header;
mod index;
mod layouts;
mod lines;
mod marking;
mod pixel_size;
mod settling;
mod solving;
pub mod stage;
mod table_text;
#[cfg(test)]
mod tests;
mod tile;
mod tile_table;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::camera_images::CameraImages;
use self::columns::AXES;
pub use self::form::{TableForm, is_table};
pub use self::gains::TileGains;
use self::index::{TileIndex, cell};
pub use self::pixel_size::PixelSize;
pub use self::solving::solve_gains;
use self::tile::{Stored, Tile, Tiles};
pub use self::tile_table::{TileRow, TileTable};
use crate::chunk::{Chunk, Dtype};
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::kernel::mosaic::resample::{Composition, Interpolation, Prepared};
use crate::space::{Position, Region};
use crate::store::cache::{BlockCache, Weighed};
use crate::store::layout::read_shape;
use crate::store::units::SettledSpacing;
use crate::store::values::require_inside;
use crate::store::{Absent, Description, Details, Mark, Marked, MosaicOptions, OpenOptions, Source};

/// Size of the cache of decoded tiles, unless the caller sets one: at least this many bytes,
const LEAST_CACHE: usize = 256 << 20;
/// or this many tiles,
const LEAST_TILES: usize = 8;
/// and if one row of chunks along x meets more tiles, all of these, up to this many bytes.
const ROW_CACHE: usize = 512 << 20;
/// Number of rows of chunks that are examined for that.
const ROWS: usize = 4096;
/// Missing parts of the canvas are reported in units that are shorter than a tile by this factor,
const UNITS_OF_A_TILE: usize = 8;
/// but not shorter than this many pixels.
const SHORTEST_UNIT: usize = 16;

/// The canvas of a table of tiles, or one channel of it.
pub struct MosaicSource {
    table: TileTable,
    options: OpenOptions,
    /// The tiles of the channel that is read, in the order of their rows.
    tiles: Vec<Tile>,
    /// Index of the tiles' outlines on the canvas.
    index: TileIndex,
    /// The canvas in the coordinates of the table.
    canvas: Region,
    /// Units in which missing parts are reported.
    units: Grid,
    description: Description,
    details: Details,
    /// Warnings about the table and the tiles, except for those about tile positions.
    warnings: Vec<String>,
    camera: CameraImages,
    /// The factor of the values of each tile.
    gains: Vec<f64>,
    /// Number of existing tiles without a gain in the file of gains.
    without_gain: usize,
    /// By index of the tile.
    held: BlockCache<usize, Prepared>,
    decoded: AtomicUsize,
}

impl Weighed for Prepared {
    fn bytes(&self) -> usize {
        Prepared::bytes(self)
    }
}

impl MosaicSource {
    /// Reads a table, and opens and closes each of its tiles. The canvas encloses the tiles of all channels.
    ///
    /// # Errors
    /// Naming the line and the tile: `Data` if the table is malformed, or if a tile cannot be read, has another type
    /// than the others, or does not fit the placement or the canvas; `Missing` if the table or a tile does not exist;
    /// `Usage` if the options do not fit.
    pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let path = path.as_ref();
        let table = TileTable::read(path)?;
        let channel = picked_channel(&table, options).map_err(|error| error.at(path))?;
        let Tiles { mut tiles, first, details, scaled, mut warnings } = Tiles::open(&table, options)?;
        let canvas = canvas::canvas(&table, &tiles, options.mosaic.canvas.as_deref())?;
        tiles.retain(|tile| tile.row.channel == channel);
        let (shape, dimensions) = (canvas.shape(), table.dimensions);
        warnings.splice(0..0, table.warnings.iter().cloned().chain(scaled.warnings));
        let details = details_of(&table, shape, &first, &details, &scaled.settled);
        let SettledSpacing { spacing, unit, .. } = scaled.settled;
        let description = Description {
            name: path.display().to_string(),
            shape,
            dimensions,
            dtype: first.dtype,
            stored: first.dtype.into(),
            spacing,
            unit,
            chunk: read_shape(shape, [1; 3], dimensions),
            fill: 0.0,
            offset: [0.0; 3],
            downsample: Description::downsample_of(first.dtype),
        };
        let outlines: Vec<Region> = tiles.iter().map(|tile| tile.outline.shifted(canvas.min.map(|n| -n))).collect();
        let index = TileIndex::new(shape, &outlines);
        let units = Grid::new(Region::of_shape(shape), cell(shape, &outlines, UNITS_OF_A_TILE, SHORTEST_UNIT));
        let bytes: Vec<usize> = tiles.iter().map(|tile| bytes_held(tile, &description, options)).collect();
        let capacity = options.cache.unwrap_or_else(|| cache_size(&description, &index, &bytes));
        let camera = CameraImages::read(&table, &tiles, options)?;
        let (gains, without_gain) = gains_of(&table, &tiles, options)?;
        Ok(MosaicSource {
            table,
            options: options.clone(),
            tiles,
            index,
            canvas,
            units,
            description,
            details,
            warnings,
            camera,
            gains,
            without_gain,
            held: BlockCache::new(capacity),
            decoded: AtomicUsize::new(0),
        })
    }

    /// The table.
    pub fn table(&self) -> &TileTable {
        &self.table
    }

    /// Number of tiles that have been decoded since the table was opened; one that was evicted and decoded again counts
    /// twice.
    pub fn decoded(&self) -> usize {
        self.decoded.load(Ordering::Relaxed)
    }

    /// Number of existing tiles that have no gain in the file of gains, and so a gain of 1; 0 without such a file.
    pub fn without_gain(&self) -> usize {
        self.without_gain
    }

    /// Indices of the tiles that may have pixels in a part of the canvas, in the order of their rows.
    fn meeting(&self, region: &Region) -> impl Iterator<Item = usize> {
        let placed = region.shifted(self.canvas.min);
        self.index.near(region).into_iter().filter(move |&tile| self.tiles[tile].meets(&placed))
    }

    /// A tile, ready for composition; `None` if it no longer exists, although it did when the table was opened.
    fn prepared(&self, number: usize) -> Result<Option<Arc<Prepared>>> {
        let tile = &self.tiles[number];
        let decoded = self.held.get(&number, || {
            let Some(voxels) = tile.read(self.description.dtype, &self.options)? else { return Ok(None) };
            self.decoded.fetch_add(1, Ordering::Relaxed);
            Ok(Some(Prepared::corrected(voxels, self.options.mosaic.order, &self.camera.correction)?))
        });
        decoded.map_err(|error| self.table.error_in(&tile.row, &error))
    }
}

impl Source for MosaicSource {
    fn description(&self) -> &Description {
        &self.description
    }

    /// Position of the canvas's first voxel in the coordinates of the table, (z, y, x).
    fn origin(&self) -> Position {
        self.canvas.min
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        require_inside(region, self.description.shape)?;
        let mut composition = None;
        for number in self.meeting(region) {
            let tile = &self.tiles[number];
            if matches!(tile.stored, Stored::Absent) {
                continue;
            }
            let Some(prepared) = self.prepared(number)? else { continue };
            let placed = region.shifted(self.canvas.min);
            let composition = composition.get_or_insert_with(|| Composition::new(placed, self.options.mosaic.blend));
            composition.add(&prepared, &tile.to_tile, self.gains[number]);
        }
        let finish = |composition: Composition| composition.finish(self.description.dtype);
        Ok(composition.map(|composition| Chunk { region: *region, voxels: finish(composition) }))
    }

    fn details(&self) -> Details {
        self.details.clone()
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        warnings.extend(doubts::doubts(self));
        let Some(path) = self.options.mosaic.gains.as_ref().filter(|_| self.without_gain > 0) else {
            return warnings;
        };
        let (path, count) = (path.display(), self.without_gain);
        let tiles = if count == 1 { "1 tile, which counts".to_owned() } else { format!("{count} tiles, which count") };
        warnings.push(format!("{path}: has no gain for {tiles} as 1; --refit solves the gains of all tiles again"));
        warnings
    }

    fn mark(&self, region: &Region) -> Result<Option<Mark>> {
        let marks = self.marks(std::slice::from_ref(region))?;
        Ok(marks.into_iter().flatten().next().map(|marked| marked.mark))
    }

    fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
        marking::marks(self, regions)
    }

    fn absent(&self) -> Result<Option<Absent>> {
        let mut missing = BTreeSet::new();
        for tile in self.tiles.iter().filter(|tile| matches!(tile.stored, Stored::Absent | Stored::Unreadable)) {
            let outline = tile.outline.shifted(self.canvas.min.map(|n| -n));
            let units = self.units.chunks_in(&outline);
            missing.extend(units.filter(|&unit| tile.meets(&self.units.region(unit).shifted(self.canvas.min))));
        }
        Ok(Some(Absent { grid: self.units, origin: [0; 3], missing }))
    }

    /// By the outlines of existing tiles, which are larger than the tiles if these are rotated.
    fn covers(&self, region: &Region) -> Result<bool> {
        let mut left = vec![region.shifted(self.canvas.min)];
        for tile in self.tiles.iter().filter(|tile| !matches!(tile.stored, Stored::Absent | Stored::Unreadable)) {
            left = left.iter().flat_map(|part| part.without(&tile.outline)).collect();
        }
        Ok(left.is_empty())
    }
}

impl std::fmt::Debug for MosaicSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MosaicSource").field("description", &self.description).finish_non_exhaustive()
    }
}

/// How the table and its tiles are stored. `tile` is the first tile that could be opened.
fn details_of(
    table: &TileTable,
    canvas: [usize; 3],
    tile: &Description,
    details: &Details,
    settled: &SettledSpacing,
) -> Details {
    let own = 3 - table.dimensions..3;
    let (count, channels) = (table.rows.len(), table.channels().len() as u64);
    let shape = tile.shape[own.clone()].iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
    let from = settled.from.clone().unwrap_or_default();
    let of = if details.format.is_empty() { String::new() } else { format!(" ({})", details.format) };
    Details {
        format: table.form.name().to_owned(),
        axes: own.clone().map(|axis| (AXES[axis].to_owned(), canvas[axis] as u64)).collect(),
        chunk: tile.shape[own].iter().map(|&n| n as u64).collect(),
        codec: details.codec.clone(),
        spacing_from: from,
        channels: if channels > 0 { Some(channels) } else { details.channels },
        channel_names: details.channel_names.clone(),
        times: details.times,
        series: None,
        notes: vec![format!("puts together {count} tiles of {shape} pixels{of}")],
    }
}

/// The channel whose rows are read: the picked one, or the only one; `None` if the table has no channels.
fn picked_channel(table: &TileTable, options: &OpenOptions) -> Result<Option<usize>> {
    let channels = table.channels();
    let listed = || channels.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    match options.channel {
        _ if channels.is_empty() => Ok(None),
        Some(channel) if channels.contains(&channel) => Ok(Some(channel)),
        Some(channel) => {
            Err(Error::usage(format!("has no tiles of channel {channel}; give --channel as one of {}", listed())))
        }
        None if channels.len() > 1 => {
            Err(Error::usage(format!("has tiles of several channels; pick one with --channel, of {}", listed())))
        }
        None => Ok(channels.first().copied()),
    }
}

/// The gain of each tile, and the number of existing tiles without one in the file of gains.
fn gains_of(table: &TileTable, tiles: &[Tile], options: &OpenOptions) -> Result<(Vec<f64>, usize)> {
    let Some(path) = &options.mosaic.gains else { return Ok((vec![1.0; tiles.len()], 0)) };
    let known = TileGains::read(path, table)?;
    let gain = |tile: &Tile| known.of(&tile.row, tile.row.channel.or(options.channel));
    let without = tiles.iter().filter(|tile| !matches!(tile.stored, Stored::Absent) && gain(tile).is_none()).count();
    Ok((tiles.iter().map(|tile| gain(tile).unwrap_or(1.0)).collect(), without))
}

/// Size of a tile that is ready for composition, in bytes, approximately.
fn bytes_held(tile: &Tile, description: &Description, options: &OpenOptions) -> usize {
    let MosaicOptions { order, background, flat_field, .. } = &options.mosaic;
    let size = description.dtype.size();
    let value = if *order == Interpolation::Cubic || background.is_some() || flat_field.is_some() {
        // Coefficients and corrected values are not whole numbers.
        if size < size_of::<f32>() || description.dtype == Dtype::F32 { size_of::<f32>() } else { size_of::<f64>() }
    } else {
        size
    };
    tile.shape.iter().fold(value, |bytes, &n| bytes.saturating_mul(n))
}

/// Size of the cache of decoded tiles, in bytes: tiles that lie in several rows of chunks are decoded once as a rule.
fn cache_size(description: &Description, index: &TileIndex, bytes: &[usize]) -> usize {
    let [depth, height, _] = description.chunk;
    let rows = Grid::new(Region::of_shape(description.shape), [depth, height, description.shape[2]]);
    let met = |row| index.near(&rows.region(row)).into_iter().map(|tile| bytes[tile]).fold(0, usize::saturating_add);
    let row = rows.chunks().take(ROWS).map(met).max().unwrap_or(0).min(ROW_CACHE);
    let largest = bytes.iter().max().copied().unwrap_or(0);
    row.max(LEAST_CACHE).max(largest.saturating_mul(LEAST_TILES))
}
