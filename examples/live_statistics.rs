//! A service that receives chunks while a microscope scans, and answers with statistics: a session inside a program.
//!
//!     cargo run --release --example live_statistics

use std::sync::mpsc::channel;
use std::time::Instant;

use anabranch::chunk::{Dtype, Voxels};
use anabranch::error::Result;
use anabranch::grid::{ChunkId, Grid};
use anabranch::kernel::phantom::PhantomTree;
use anabranch::session::{Session, SessionBuilder};
use anabranch::space::Region;

const SHAPE: [usize; 3] = [256; 3];
const CHUNK: [usize; 3] = [64; 3];

/// A message of the microscope: a chunk, or the end of a slab of chunks.
enum Scan {
    Chunk(ChunkId, Voxels),
    EndOfSlab,
}

fn report(session: &Session, what: &str, started: Instant) -> Result<()> {
    let epoch = session.advance()?;
    let summary = session.summary(());
    println!(
        "{what:<24} {:>4} chunks thinned, {:>5} rows changed, {:>5} branches of {:>8.0} voxels in all, {:>5} ms",
        epoch.thinning.thinned,
        epoch.changes.len(),
        summary.branches,
        summary.total_length,
        started.elapsed().as_millis()
    );
    Ok(())
}

fn main() -> Result<()> {
    let tree = PhantomTree::new(&SHAPE, 7, None, None)?;
    let grid = Grid::new(Region::of_shape(SHAPE), CHUNK);
    let image = |id: ChunkId| Voxels::U8(tree.mask(&grid.region(id)));
    let session = SessionBuilder::new(SHAPE, CHUNK, Dtype::U8).workers(2).build()?;

    let (microscope, scan) = channel();
    std::thread::scope(|scope| -> Result<()> {
        scope.spawn(move || {
            for slab in 0..4 {
                for id in grid.chunks().filter(|id| id.place()[0] == slab) {
                    // The service may have stopped listening.
                    let _ = microscope.send(Scan::Chunk(id, image(id)));
                }
                let _ = microscope.send(Scan::EndOfSlab);
            }
        });
        for event in scan {
            match event {
                Scan::Chunk(id, voxels) => session.insert(id, voxels)?,
                Scan::EndOfSlab => report(&session, "a slab has arrived", Instant::now())?,
            }
        }
        Ok(())
    })?;

    // One chunk was out of focus, and is recorded again.
    let chunk = ChunkId::new([1, 2, 1]).expect("a place near zero");
    session.retract(chunk)?;
    report(&session, "a chunk was withdrawn", Instant::now())?;
    session.insert(chunk, image(chunk))?;
    report(&session, "it was taken again", Instant::now())?;
    session.close()
}
