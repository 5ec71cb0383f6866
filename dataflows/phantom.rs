//! `anabranch phantom`: a synthetic vessel tree as a Zarr array, or as tiles of a scan.

mod tiles;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anabranch::analysis::{chunk_shape, workers};
use anabranch::chunk::{Dtype, Voxels};
use anabranch::error::{Error, Kind, Result};
use anabranch::grid::ChunkId;
use anabranch::kernel::phantom::PhantomTree;
use anabranch::space::Region;
use anabranch::store::output::{ArrayForm, ArrayWriter, Compression, Overwrite, StagedFolder};
use anabranch::store::write_failed;
use anabranch::threads::each;

use crate::arguments::PhantomOptions;
use crate::interrupt;
use crate::parsing::parse_chunk;
use crate::terminal::print;

/// Default shape of the whole, and default chunks of the array.
const SHAPE: &str = "256,256,256";
const CHUNK: &str = "64";
/// The file that marks an array that a later call may replace.
const REPLACED: &str = ".anabranch-demo";

/// Writes the array or the tiles to a path that does not exist or is empty.
pub(crate) fn phantom(options: &PhantomOptions) -> Result<()> {
    match &options.tiles {
        Some(tiles) => tiles::make(options, tiles),
        None => make(options, false),
    }
}

/// Writes the array, chunk by chunk on all workers, and puts it in place; an array that cannot be finished leaves
/// nothing behind. With `replace`, it replaces what an earlier call with `replace` has written there.
pub(crate) fn make(options: &PhantomOptions, replace: bool) -> Result<()> {
    let shape = parse_shape("--shape", options.shape.as_deref().unwrap_or(SHAPE))?;
    let tree = PhantomTree::new(&shape, options.seed, options.roots, options.radius)?;
    let chunk = chunk_shape(&parse_chunk(options.chunk.as_deref().unwrap_or(CHUNK))?, tree.dimensions())?;
    let form = ArrayForm {
        shape: tree.shape(),
        dimensions: tree.dimensions(),
        channels: None,
        dtype: if options.gray { Dtype::U16 } else { Dtype::U8 }.into(),
        chunk: std::array::from_fn(|a| chunk[a].min(tree.shape()[a])),
        compression: if options.gray { Compression::Blosc } else { Compression::Zstd },
        spacing: None,
        unit: None,
    };
    let workers = workers(options.workers)?;
    let known = replace && options.out.join(REPLACED).is_file();
    if !known {
        refuse_existing(&options.out)?;
    }
    let overwrite = if known { Overwrite::Array } else { Overwrite::Nothing };
    let folder = interrupt::stage(|| StagedFolder::create(&options.out, overwrite), StagedFolder::remover)?;
    let named = |error: Error| error.at(&options.out);
    let writer = ArrayWriter::create(folder.path(), form).map_err(named)?;
    write(&tree, writer, options.gray, workers).map_err(named)?;
    if replace {
        let mark = fs::write(folder.path().join(REPLACED), "");
        mark.map_err(|error| named(write_failed(&error)))?;
    }
    if replace {
        interrupt::finish_part(|| folder.commit())?;
    } else {
        interrupt::finish();
        folder.commit()?;
    }
    print(&format!("{}: {} tubes in {shape:?} voxels\n", options.out.display(), tree.tubes()), options.quiet);
    Ok(())
}

/// Refuses a path that exists, unless it is an empty folder, and one that cannot be a folder.
fn refuse_existing(out: &Path) -> Result<()> {
    let wrong = |message: &str| Error::new(Kind::Output, message).at(out);
    let is_there = || wrong("is there already; give another path, or remove it first");
    match fs::read_dir(out) {
        Ok(mut entries) => entries.next().map_or(Ok(()), |_| Err(is_there())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(_) if out.exists() => Err(is_there()),
        Err(error) => Err(wrong("cannot be a folder; give another path").because(error)),
    }
}

fn write(tree: &PhantomTree, writer: ArrayWriter, gray: bool, workers: usize) -> Result<()> {
    let grid = writer.grid();
    let chunks: Vec<ChunkId> = grid.chunks().collect();
    each(&chunks, workers, |_, &id| writer.write_chunk(id, &drawn(tree, gray, &grid.region(id)))).map(|_| ())
}

/// A box of the tree, as a mask or as gray values.
fn drawn(tree: &PhantomTree, gray: bool, region: &Region) -> Voxels {
    if gray { Voxels::U16(tree.gray(region)) } else { Voxels::U8(tree.mask(region)) }
}

/// Voxels along each axis of a 2-D or 3-D volume.
fn parse_shape(option: &str, text: &str) -> Result<Vec<usize>> {
    let shape: Option<Vec<usize>> = text.split(',').map(|n| n.trim().parse().ok().filter(|&n| n > 0)).collect();
    shape.filter(|shape| shape.len() == 2 || shape.len() == 3).ok_or_else(|| {
        Error::usage(format!("{option} {text} does not fit: give two or three positive numbers separated by commas"))
    })
}
