//! Cost of replacing one chunk in a session: chunks that are thinned again, CPU and wall time compared with the first
//! epoch; cost of an idle session; and, with `--cycles N`, memory after retracting and inserting a chunk N times.
//!
//!     cargo bench --bench session_edits -- [SIZE] [CHUNK] [WORKERS] [EDITS] [--dense] [--skan] [--slabs] [--cycles N]
//!
//! With `--skan`, sessions have skan's columns only, and measure no radii.

mod cpu_time;

use std::time::{Duration, Instant};

use anabranch::chunk::{Dtype, Voxels};
use anabranch::error::Result;
use anabranch::grid::{ChunkId, Grid};
use anabranch::kernel::phantom::PhantomTree;
use anabranch::parameters::{ColumnSet, Parameters};
use anabranch::session::{Session, SessionBuilder};
use anabranch::space::Region;

use cpu_time::cpu;

/// Resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn median_and_worst(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[values.len() - 1])
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let number = |at: usize, otherwise: usize| arguments.get(at).and_then(|a| a.parse().ok()).unwrap_or(otherwise);
    let (size, chunk, workers, edits) = (number(0, 256), number(1, 64), number(2, 2), number(3, 20));
    let dense = arguments.iter().any(|a| a == "--dense");
    let cycles = arguments.iter().position(|a| a == "--cycles").map_or(0, |at| number(at + 1, 0));
    let tree = PhantomTree::new(&[size; 3], 1, None, None)?;
    let grid = Grid::new(Region::of_shape([size; 3]), [chunk; 3]);
    let image = |id: ChunkId| {
        let mut mask = tree.mask(&grid.region(id));
        if dense {
            // Sheets between the tubes: about a third of the volume, thick and touching.
            let min = grid.region(id).min;
            mask.indexed_iter_mut().for_each(|((z, y, x), v)| {
                let [z, y, x] = [z as i64 + min[0], y as i64 + min[1], x as i64 + min[2]];
                *v |= u8::from((z + y / 3) % 19 < 5 && (x + y) % 31 > 2);
            });
        }
        mask
    };
    let mut parameters = Parameters::default();
    if arguments.iter().any(|a| a == "--skan") {
        parameters.columns = ColumnSet::Skan;
    }
    let builder = SessionBuilder::new([size; 3], [chunk; 3], Dtype::U8).parameters(&parameters);
    let session = builder.workers(workers).build()?;
    let mut filled = Vec::new();
    for id in grid.chunks() {
        let mask = image(id);
        if mask.iter().any(|&v| v != 0) {
            filled.push(id);
        }
        session.insert(id, Voxels::U8(mask))?;
    }
    let (started, before) = (Instant::now(), cpu());
    let first = session.advance()?;
    let (full_wall, full_cpu) = (started.elapsed().as_secs_f64() * 1e3, cpu() - before);
    println!(
        "{} rows, {} chunks with foreground, first epoch {full_wall:.0} ms, CPU {full_cpu:.0} ms",
        first.changes.len(),
        filled.len()
    );
    let (mut thinned, mut wall, mut used) = (Vec::new(), Vec::new(), Vec::new());
    for edit in 0..edits {
        let id = filled[edit * filled.len() / edits];
        let empty = ndarray::Array3::zeros(grid.region(id).shape());
        for content in [empty, image(id)] {
            let voxels = Voxels::U8(content);
            let (started, before) = (Instant::now(), cpu());
            session.replace(id, voxels)?;
            let epoch = session.advance()?;
            wall.push(started.elapsed().as_secs_f64() * 1e3);
            used.push(cpu() - before);
            thinned.push(epoch.thinning.thinned as f64 * 100.0 / filled.len() as f64);
        }
    }
    for (name, unit, values) in [("thinned again", "%", thinned), ("wall", "ms", wall), ("CPU", "ms", used)] {
        let (median, worst) = median_and_worst(values);
        println!("one chunk emptied or filled again: {name} {median:.2} {unit}, worst {worst:.2} {unit}");
    }
    println!("3 % of the first epoch's CPU time: {:.1} ms", full_cpu * 0.03);
    let before = cpu();
    std::thread::sleep(Duration::from_secs(1));
    println!("one second without anything to do: CPU {:.2} ms", cpu() - before);
    let id = filled[filled.len() / 2];
    let content = image(id);
    let told = [cycles / 10, cycles / 2, cycles];
    for cycle in 1..=cycles {
        session.retract(id)?;
        session.advance()?;
        session.insert(id, Voxels::U8(content.clone()))?;
        session.advance()?;
        if told.contains(&cycle) {
            println!("a chunk retracted and inserted {cycle} times: {} KiB resident", resident());
        }
    }
    session.close()?;
    answer(&SessionBuilder::new([size; 3], [chunk; 3], Dtype::U8).workers(workers).build()?, &filled, image)?;
    if arguments.iter().any(|a| a == "--slabs") {
        let begin = || SessionBuilder::new([size; 3], [chunk; 3], Dtype::U8).workers(workers).build();
        let planes = grid.shape()[0];
        let (whole, slabs) = (streamed(&begin()?, image, planes)?, streamed(&begin()?, image, 1)?);
        let ratio = slabs / whole;
        println!(
            "in {planes} epochs, a slab of chunks each: CPU {slabs:.0} ms, {ratio:.2} times the {whole:.0} ms of one"
        );
    }
    Ok(())
}

/// Times of edits and results while an epoch runs that thins the whole volume.
fn answer(session: &Session, filled: &[ChunkId], image: impl Fn(ChunkId) -> ndarray::Array3<u8>) -> Result<()> {
    for &id in filled {
        session.insert(id, Voxels::U8(image(id)))?;
    }
    let edits: Vec<(ChunkId, Voxels)> = filled.iter().take(50).map(|&id| (id, Voxels::U8(image(id)))).collect();
    let timed = |work: &dyn Fn() -> Result<()>| -> Result<f64> {
        let started = Instant::now();
        work()?;
        Ok(started.elapsed().as_secs_f64() * 1e3)
    };
    let (mut edited, mut seen) = (Vec::new(), Vec::new());
    let epoch = session.begin();
    for (id, voxels) in edits {
        if epoch.has_ended() {
            break;
        }
        edited.push(timed(&|| session.retract(id))?);
        let voxels = std::cell::Cell::new(Some(voxels));
        edited.push(timed(&|| voxels.take().map_or(Ok(()), |voxels| session.insert(id, voxels)))?);
        seen.push(timed(&|| {
            std::hint::black_box((session.results(), session.summary(())));
            Ok(())
        })?);
    }
    let running = if epoch.has_ended() { "has ended" } else { "still runs" };
    for (name, times) in [("insert or retract", edited), ("results and summary", seen)] {
        let (median, worst) = median_and_worst(times);
        println!("while an epoch runs: {name} {median:.4} ms, worst {worst:.4} ms; the epoch {running} after that");
    }
    epoch.wait()?;
    session.advance()?;
    Ok(())
}

/// CPU time in which a session processes the whole volume, `planes` planes of chunks in each epoch, without the time to
/// make the values.
fn streamed(session: &Session, image: impl Fn(ChunkId) -> ndarray::Array3<u8>, planes: usize) -> Result<f64> {
    let grid = session.grid()?;
    let chunks: Vec<ChunkId> = grid.chunks().collect();
    let in_a_plane = chunks.len() / grid.shape()[0];
    let mut used = 0.0;
    for slab in chunks.chunks(planes * in_a_plane) {
        let values: Vec<_> = slab.iter().map(|&id| (id, Voxels::U8(image(id)))).collect();
        let before = cpu();
        for (id, voxels) in values {
            session.insert(id, voxels)?;
        }
        session.advance()?;
        used += cpu() - before;
    }
    Ok(used)
}
