//! A phantom as a stage scans it: overlapping tiles, and the table that says where each lies.

use std::fmt::Write as _;
use std::fs;

use anabranch::analysis::workers;
use anabranch::error::{Error, Result};
use anabranch::kernel::mosaic::affine::Affine;
use anabranch::kernel::mosaic::resample::{Blend, Composition, Interpolation, Prepared};
use anabranch::kernel::phantom::PhantomTree;
use anabranch::kernel::phantom::scan::{Scan, ScanForm};
use anabranch::space::Region;
use anabranch::store::output::{Overwrite, StagedFolder, write_tiff};
use anabranch::store::write_failed;
use anabranch::threads::each;

use super::{SHAPE, drawn, parse_shape, refuse_existing};
use crate::arguments::PhantomOptions;
use crate::interrupt;
use crate::terminal::print;

/// Default share of a tile that overlaps its neighbour.
const OVERLAP: f64 = 0.1;
/// The table's file.
const TABLE: &str = "tiles.csv";

/// Writes the tiles, one by one on each worker, and their table. A scan that cannot be finished leaves nothing behind.
pub(super) fn make(options: &PhantomOptions, tiles: &str) -> Result<()> {
    let (given, is_tile) = match &options.tile_shape {
        Some(text) => (parse_shape("--tile-shape", text)?, true),
        None => (parse_shape("--shape", options.shape.as_deref().unwrap_or(SHAPE))?, false),
    };
    let (dimensions, shape) = (given.len(), in_three(&given));
    let form = ScanForm {
        dimensions,
        tiles: parse_tiles(tiles, dimensions)?,
        overlap: options.overlap.unwrap_or(OVERLAP),
        jitter: options.jitter.unwrap_or(0.0),
        rotation: options.rotation.unwrap_or(0.0),
        seed: options.seed,
    };
    let scan = if is_tile { Scan::of_tiles(shape, &form) } else { Scan::of_shape(shape, &form) }?;
    if dimensions == 3 && scan.tile[0] == 1 {
        return Err(Error::usage("tiles of one plane are 2-D images: ask for fewer tiles along z, or for a 2-D shape"));
    }
    let tree = PhantomTree::new(&scan.shape[3 - dimensions..], options.seed, options.roots, options.radius)?;
    let workers = workers(options.workers)?;
    refuse_existing(&options.out)?;
    let folder = interrupt::stage(|| StagedFolder::create(&options.out, Overwrite::Nothing), StagedFolder::remover)?;
    let order = if options.gray { Interpolation::Linear } else { Interpolation::Nearest };
    each(&scan.places, workers, |i, place| {
        // Positions that are not whole need values beyond the last voxels.
        let Some(outline) = place.outline(scan.tile) else {
            return Err(Error::internal("a tile lies beyond all places"));
        };
        let region = outline.dilated([dimensions - 2, 1, 1]);
        let values = Prepared::new(drawn(&tree, options.gray, &region), order);
        let dtype = values.dtype();
        let mut tile = Composition::new(Region::of_shape(scan.tile), Blend::First);
        let offset = std::array::from_fn(|a| place.offset[a] - region.min[a] as f64);
        tile.add(&values, &Affine { offset, ..*place }, 1.0);
        write_tiff(folder.path().join(name(i)), &tile.finish(dtype))
    })?;
    let path = folder.path().join(TABLE);
    let turned = form.rotation > 0.0;
    fs::write(&path, table(&scan, dimensions, turned)).map_err(|error| write_failed(&error).at(&path))?;
    interrupt::finish();
    folder.commit()?;
    let (shape, tile) = (&scan.shape[3 - dimensions..], &scan.tile[3 - dimensions..]);
    let (table, count) = (options.out.join(TABLE), scan.places.len());
    let told =
        format!("{}: {count} tiles of {tile:?} of {} tubes in {shape:?} voxels\n", table.display(), tree.tubes());
    print(&told, options.quiet);
    Ok(())
}

fn name(tile: usize) -> String {
    format!("tile_{tile:04}.tif")
}

/// A row for each tile: its offset, or its whole map if tiles are rotated.
fn table(scan: &Scan, dimensions: usize, turned: bool) -> String {
    let axes = 3 - dimensions..3;
    let mut text = String::from("path");
    if turned {
        for (i, j) in (0..dimensions).flat_map(|i| (0..=dimensions).map(move |j| (i, j))) {
            let _ = write!(text, ",m{i}{j}");
        }
    } else {
        axes.clone().for_each(|a| text.extend([",", ["z", "y", "x"][a]]));
    }
    text.push('\n');
    for (tile, place) in scan.places.iter().enumerate() {
        text.push_str(&name(tile));
        for i in axes.clone() {
            let row = place.matrix[i][axes.clone()].iter().filter(|_| turned);
            for number in row.chain([&place.offset[i]]) {
                let _ = write!(text, ",{number}");
            }
        }
        text.push('\n');
    }
    text
}

/// A shape of two axes as one plane.
fn in_three(shape: &[usize]) -> [usize; 3] {
    let mut all = [1; 3];
    all[3 - shape.len()..].copy_from_slice(shape);
    all
}

/// Tiles along (z, y, x).
fn parse_tiles(text: &str, dimensions: usize) -> Result<[usize; 3]> {
    let numbers: Option<Vec<usize>> = text.split(',').map(|n| n.trim().parse().ok().filter(|&n| n > 0)).collect();
    match numbers.as_deref() {
        Some([n]) => Ok([1, *n, *n]),
        Some([y, x]) => Ok([1, *y, *x]),
        Some([z, y, x]) if dimensions == 3 => Ok([*z, *y, *x]),
        _ => {
            let message =
                format!("--tiles {text} does not fit: give how many along y and x, or along each axis of a volume");
            Err(Error::usage(message))
        }
    }
}
