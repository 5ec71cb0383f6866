//! Cost of an edit that joins the two largest objects of a volume, and of one that parts them again, in CPU time compared
//! with that of the first epoch; with a table of objects, and with filters of objects.
//!
//!     cargo bench --bench joining_edits -- [SIZE] [CHUNK] [WORKERS] [EDITS] [--dense]
//!
//! The volume is a phantom without the planes in its middle, and an edit brings a chunk of these planes back, or takes it
//! away. With `--dense` there are sheets between the tubes: each half is one object of a sixth of the volume.

mod cpu_time;

use std::time::Instant;

use anabranch::chunk::{Dtype, Voxels};
use anabranch::error::Result;
use anabranch::grid::{ChunkId, Grid};
use anabranch::kernel::phantom::PhantomTree;
use anabranch::parameters::Parameters;
use anabranch::session::{Session, SessionBuilder};
use anabranch::space::Region;
use ndarray::Array3;

use cpu_time::cpu;

/// Voxels of the largest objects, the largest first.
fn largest(session: &Session) -> Vec<u64> {
    let results = session.results();
    let mut voxels: Vec<u64> =
        results.objects().into_iter().flatten().map(|object| object.sums.0.shape.voxels).collect();
    voxels.sort_unstable_by(|a, b| b.cmp(a));
    voxels.truncate(3);
    voxels
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |at: usize, otherwise: usize| arguments.get(at).and_then(|a| a.parse().ok()).unwrap_or(otherwise);
    let (size, chunk, workers, edits) = (number(0, 256), number(1, 64), number(2, 2), number(3, 8));
    let dense = arguments.iter().any(|a| a == "--dense");
    let tree = PhantomTree::new(&[size; 3], 1, None, None)?;
    let grid = Grid::new(Region::of_shape([size; 3]), [chunk; 3]);
    // In the middle of chunks, so that one chunk joins what lies on both sides.
    let gap = {
        let middle = (size / 2 / chunk * chunk + chunk / 2) as i64;
        middle..middle + 4
    };
    let image = |id: ChunkId, is_whole: bool| -> Array3<u8> {
        let mut mask = tree.mask(&grid.region(id));
        let min = grid.region(id).min;
        mask.indexed_iter_mut().for_each(|((z, y, x), v)| {
            let [z, y, x] = [z as i64 + min[0], y as i64 + min[1], x as i64 + min[2]];
            *v |= u8::from(dense && (z + y / 3) % 19 < 5 && (x + y) % 31 > 2);
            *v &= u8::from(is_whole || !gap.contains(&x));
        });
        mask
    };
    let mut plain = Parameters::default();
    plain.objects = true;
    let mut filtered = plain.clone();
    filtered.filters.remove_smaller = Some(50);
    filtered.filters.keep_largest = Some(5);
    for (name, parameters) in [("a table of objects", plain), ("a table and filters", filtered)] {
        let builder = SessionBuilder::new([size; 3], [chunk; 3], Dtype::U8).parameters(&parameters);
        let session = builder.workers(workers).build()?;
        for id in grid.chunks() {
            session.insert(id, Voxels::U8(image(id, false)))?;
        }
        let (started, before) = (Instant::now(), cpu());
        session.advance()?;
        let (full_wall, full) = (started.elapsed().as_secs_f64() * 1e3, cpu() - before);
        let apart = largest(&session);
        println!("{name}: first epoch {full_wall:.0} ms, CPU {full:.0} ms; the largest objects have {apart:?} voxels");
        // Chunks of the gap that change, those that join most first.
        let in_gap = |id: &ChunkId| {
            let region = grid.region(*id);
            region.min[2] < gap.end && region.max[2] > gap.start
        };
        let changed = |id: &ChunkId| image(*id, true) != image(*id, false);
        let mut told = 0;
        for id in grid.chunks().filter(in_gap).filter(changed) {
            if told == edits {
                break;
            }
            let mut costs = Vec::new();
            let mut joined = Vec::new();
            for is_whole in [true, false] {
                let voxels = Voxels::U8(image(id, is_whole));
                let (started, before) = (Instant::now(), cpu());
                session.replace(id, voxels)?;
                let epoch = session.advance()?;
                costs.push((cpu() - before, started.elapsed().as_secs_f64() * 1e3, epoch.thinning.thinned));
                joined.extend(is_whole.then(|| largest(&session)));
            }
            // Only what makes a larger object of the two largest.
            if joined[0][0] < apart[0] + apart.get(1).copied().unwrap_or_default() {
                continue;
            }
            told += 1;
            for ((cpu, wall, thinned), what) in costs.into_iter().zip(["joined", "parted"]) {
                println!(
                    "  {what}: CPU {cpu:.1} ms, {:.1} % of the first epoch, wall {wall:.1} ms; {thinned} chunks thinned again",
                    100.0 * cpu / full
                );
            }
        }
        println!("  the bound is 10 % of the first epoch, {:.0} ms, or 80 ms where that is more", full / 10.0);
        session.close()?;
    }
    Ok(())
}
