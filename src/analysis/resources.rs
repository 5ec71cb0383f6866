//! The workers, memory and chunks of an analysis: nothing that results depend on.

use crate::chunk::Dtype;
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::kernel::mask::Layout;
use crate::kernel::mask::smooth::Gaussian;
use crate::memory::of_machine;
use crate::operators::read::Selection;
use crate::operators::sample::KEPT_VALUES;
use crate::operators::window::{MEMORY, Window};
use crate::parameters::Settled;
use crate::space::Region;
use crate::store::Source;
use crate::text::size;

use super::footprint::Footprint;

/// Maximum number of worker threads on a machine. Each has a channel to every other one for every exchange of the
/// dataflow: 512 workers take a gigabyte and 18 seconds of processor time before they begin, 256 a quarter of that.
const MOST_WORKERS: usize = 256;

/// Voxels for which one more worker is started where no number was asked for. Of the 64 workers of a large machine, each takes
/// 25 ms of processor time, in which it would thin some millions of voxels; but one that waits for a server takes none.
const VOXELS_OF_WORKER: usize = 64 * 64 * 64;

/// The resources of an analysis. Its results do not depend on them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Resources {
    /// Voxels of a chunk: one number, or one for each axis of the image. By default the stored chunks, joined along x
    /// up to 256 voxels if that is faster.
    pub chunk: Option<Vec<usize>>,
    /// Worker threads of each process. By default one for each core, and fewer for images of less than 64³ voxels for each.
    pub workers: Option<usize>,
    /// Budget for chunks in flight in each process, in bytes. By default 256 MiB, and more if chunks need it.
    pub memory: Option<usize>,
    /// In its place, a budget for all memory of each process, in bytes: for the program `anabranch`, chunks in flight, planes that
    /// are thinned, and the picture; what the skeleton takes is estimated. Where a state is kept, for chunks in flight alone.
    pub process_memory: Option<usize>,
    /// How many processes share the work.
    pub processes: usize,
    /// How many of them are on this machine, and share its cores.
    pub on_this_machine: usize,
    /// How many analyses share the cores of this machine.
    pub at_once: usize,
    /// Whether a state is kept for later runs.
    pub keeps_state: bool,
}

impl Default for Resources {
    fn default() -> Self {
        Resources {
            chunk: None,
            workers: None,
            memory: None,
            process_memory: None,
            processes: 1,
            on_this_machine: 1,
            at_once: 1,
            keeps_state: false,
        }
    }
}

/// Resources, with every default resolved.
#[derive(Clone, Debug)]
pub(super) struct Allotted {
    pub(super) processes: usize,
    /// Workers of each process.
    pub(super) workers: usize,
    /// Threads that write the outputs: as many as all processes on this machine have workers, who have ended by then, if there
    /// are cores for them.
    pub(super) writers: usize,
    /// The tiers that chunks are cut into for smoothing; the chunks themselves where they stay whole.
    pub(super) tiers: Grid,
    /// Chunks in flight.
    pub(super) window: usize,
    /// The budget for all memory of a process that was asked for, if there is one, in bytes.
    pub(super) asked: Option<usize>,
    /// The budget that the window follows from, in bytes.
    pub(super) memory: usize,
    /// Bytes of planes that are thinned, in a process, if there is a budget for all memory.
    pub(super) planes: Option<usize>,
    /// Chunks within reach of stored parts.
    pub(super) stored: Selection,
    /// Bytes of foreground values that a worker may hold to avoid reading chunks again.
    pub(super) keep: usize,
    pub(super) keeps_state: bool,
}

impl Resources {
    /// The number of workers of each process where none was asked for. An image whose state is kept may grow.
    fn usual_workers(&self, cores: usize, shape: [usize; 3]) -> usize {
        let share = cores / self.on_this_machine.max(1) / self.at_once.max(1);
        let voxels = shape.into_iter().fold(1, usize::saturating_mul);
        let of_use = voxels.div_ceil(VOXELS_OF_WORKER).div_ceil(self.processes.max(1));
        if self.keeps_state { share.max(1) } else { share.min(of_use).max(1) }
    }

    /// The grid of an image, and the resources for its chunks.
    pub(super) fn allot(&self, source: &dyn Source, settled: &Settled) -> Result<(Grid, Allotted)> {
        let image = source.description();
        let workers = match self.workers {
            None => self.usual_workers(workers(None)?, image.shape),
            asked => workers(asked)?,
        };
        if workers * self.on_this_machine > MOST_WORKERS {
            let message = format!(
                "{} processes of {workers} workers are asked for, but at most {MOST_WORKERS} workers run on a machine; \
                 give fewer --workers",
                self.on_this_machine
            );
            return Err(Error::usage(message));
        }
        let (dimensions, all) = (image.dimensions, workers * self.processes);
        let chunk = match &self.chunk {
            Some(asked) => chunk_shape(asked, dimensions)?,
            // The chunks of a volume that may grow follow from how it is stored, not from how much of it has arrived.
            None if self.keeps_state => roomy(image.chunk, image.shape, dimensions),
            // Smoothing takes the time of a gray image, and is fastest in chunks that fit into a cache.
            None if settled.gaussian.is_some() => image.chunk,
            None => wide(image.chunk, image.shape, dimensions, all),
        };
        let chunk = match self.keeps_state {
            true => chunk,
            false => std::array::from_fn(|a| chunk[a].min(image.shape[a].max(1))),
        };
        if !Layout::fits(chunk) {
            return Err(Error::usage(format!(
                "a chunk of {chunk:?} voxels is too large: choose one below 2^31 voxels"
            )));
        }
        let grid = Grid::new(Region::of_shape(image.shape), chunk).among(self.processes);
        let depth = settled.gaussian.as_ref().map_or([0; 3], Gaussian::depth);
        let stored = match self.keeps_state {
            // Every chunk has a record.
            true => Selection::All.within_limit(&grid),
            false => Selection::of_stored(source, &grid, depth),
        };
        let stored = stored.map_err(|error| error.at(&image.name))?;
        // What a state takes does not follow from the image.
        let asked = self.process_memory.filter(|_| !self.keeps_state);
        let (memory, beside) = match asked {
            Some(_) => (asked, Footprint::new(&grid, dimensions, &stored, settled, workers)),
            None => (self.memory.or(self.process_memory), Footprint::default()),
        };
        let mut left = memory.map_or(MEMORY, |memory| memory.saturating_sub(beside.usual));
        if asked.is_some() && depth == [0; 3] {
            // Reading gains nothing from more, and planes may need it.
            left = left.min(MEMORY / 4);
        }
        // A state has whole chunks.
        let tiers = match self.keeps_state {
            true => grid,
            false => Window::tiers(&grid, depth, image.dtype, workers, left),
        };
        let held = if asked.is_some() { KEPT_VALUES.min(left / 3) } else { KEPT_VALUES };
        let left = if asked.is_some() { left - held } else { left };
        let (window, memory) = window(&tiers, depth, image.dtype, workers, (memory, left, beside.least))?;
        let in_flight = Window::bytes(&tiers, depth, image.dtype, workers, window);
        let planes = asked.map(|asked| beside.planes(asked.saturating_sub(held).saturating_sub(in_flight)));
        let (processes, keep, keeps_state) = (self.processes, held / workers, self.keeps_state);
        let writers = match self.on_this_machine {
            0 | 1 => workers,
            processes => (workers * processes).min(self::workers(None)?).max(workers),
        };
        Ok((
            grid,
            Allotted { processes, workers, writers, tiers, window, asked, memory, planes, stored, keep, keeps_state },
        ))
    }
}

/// Voxels of a chunk along (z, y, x), from one number or one for each axis of an image of 2 or 3 dimensions.
///
/// # Errors
/// `Usage` if the numbers do not fit.
pub fn chunk_shape(asked: &[usize], dimensions: usize) -> Result<[usize; 3]> {
    match *asked {
        [one] if one > 0 => Ok([one; 3]),
        [y, x] if dimensions == 2 && !asked.contains(&0) => Ok([1, y, x]),
        [z, y, x] if dimensions == 3 && !asked.contains(&0) => Ok([z, y, x]),
        _ => {
            let text: Vec<String> = asked.iter().map(usize::to_string).collect();
            Err(Error::usage(format!(
                "--chunk {} does not fit: give one number of voxels, or {dimensions} of them separated by commas, each at \
                 least 1",
                text.join(",")
            )))
        }
    }
}

/// Chunks of a volume that may grow: an axis along which one chunk covers the volume gets longer chunks.
fn roomy(chunk: [usize; 3], shape: [usize; 3], dimensions: usize) -> [usize; 3] {
    let least = if dimensions == 2 { [1, 1024, 1024] } else { [64; 3] };
    std::array::from_fn(|a| match chunk[a] == shape[a] && shape[a] > 1 {
        true => chunk[a].max(least[a]),
        false => chunk[a],
    })
}

/// Chunks joined along x in twos, fours and so on, up to 256 voxels and as long as every worker has 16 of them: there
/// are fewer seams, and those along x cost most.
fn wide(chunk: [usize; 3], shape: [usize; 3], dimensions: usize, workers: usize) -> [usize; 3] {
    let put_together = |count: usize| [chunk[0], chunk[1], count * chunk[2]];
    let is_enough = |chunk: [usize; 3]| {
        (0..3).map(|a| shape[a].div_ceil(chunk[a])).fold(1, usize::saturating_mul) >= workers.saturating_mul(16)
    };
    let most = if dimensions == 3 { (256 / chunk[2].max(1)).max(1) } else { 1 };
    let counts = (1..=most.ilog2()).rev().map(|power| 1 << power);
    counts.map(put_together).find(|&chunk| is_enough(chunk)).unwrap_or(chunk)
}

/// The number of workers to start: as many as were asked for, or one for each core.
///
/// # Errors
/// `Usage` if none was asked for, or more than any machine uses.
pub fn workers(asked: Option<usize>) -> Result<usize> {
    match asked {
        Some(0) => Err(Error::usage("--workers is 0, but at least one is needed")),
        Some(workers) if workers > MOST_WORKERS => {
            let message =
                format!("--workers is {workers}, but at most {MOST_WORKERS} are started; more than cores help little");
            Err(Error::usage(message))
        }
        Some(workers) => Ok(workers),
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from).min(MOST_WORKERS)),
    }
}

/// The number of chunks that may be in flight within the budget, and the budget in bytes. The grid is that of the tiers
/// that chunks are cut into. Of the memory that was asked for, if it was, some is left for chunks in flight, and some is
/// needed beside them.
fn window(
    grid: &Grid,
    depth: [usize; 3],
    dtype: Dtype,
    workers: usize,
    (memory, left, beside): (Option<usize>, usize, usize),
) -> Result<(usize, usize)> {
    let whole = grid.of_wholes();
    let chunk = whole.chunk_shape();
    let needed = Window::bytes(grid, depth, dtype, workers, Window::least(&whole, depth, workers));
    let budget = if memory.is_some() { left.max(needed) } else { MEMORY.max(needed) };
    if let (None, Some(most)) = (memory, of_machine().filter(|&most| needed as u64 > most)) {
        return Err(Error::data(format!(
            "chunks of {chunk:?} voxels on {workers} workers need {} of memory, and there are {}; give a smaller --chunk, \
             fewer --workers, or --memory where there is more",
            size(needed),
            size(usize::try_from(most).unwrap_or(usize::MAX))
        )));
    }
    let needed = needed.saturating_add(beside);
    if let Some(memory) = memory.filter(|&memory| memory < needed) {
        return Err(Error::usage(format!(
            "--memory {} is too little: chunks of {chunk:?} voxels with a halo of {depth:?} on {workers} workers, and what is \
             made of them, need {} at least; give that, or a smaller --chunk",
            size(memory),
            size(needed)
        )));
    }
    Ok((Window::within(grid, depth, dtype, workers, budget), budget))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_along_x_while_there_are_enough() {
        assert_eq!(wide([64; 3], [512; 3], 3, 2), [64, 64, 256]);
        assert_eq!(wide([64; 3], [256; 3], 3, 2), [64, 64, 128]);
        assert_eq!(wide([64; 3], [256; 3], 3, 64), [64; 3]);
        assert_eq!(wide([64, 64, 100], [1000; 3], 3, 8), [64, 64, 200]);
        assert_eq!(wide([1, 512, 512], [1, 9000, 9000], 2, 2), [1, 512, 512]);
        assert_eq!(wide([64, 64, 300], [1000; 3], 3, 2), [64, 64, 300]);
    }

    #[test]
    fn an_image_has_a_worker_for_each_core_unless_it_is_small() {
        let usual = |processes, at_once, shape| {
            let resources = Resources { processes, on_this_machine: processes, at_once, ..Resources::default() };
            resources.usual_workers(64, shape)
        };
        assert_eq!(
            [[512; 3], [256; 3], [128; 3], [1, 700, 700], [0; 3]].map(|shape| usual(1, 1, shape)),
            [64, 64, 8, 2, 1]
        );
        assert_eq!(
            [(1, 4), (2, 1), (2, 4), (1, 100)].map(|(processes, at_once)| usual(processes, at_once, [512; 3])),
            [16, 32, 8, 1]
        );
        assert_eq!(usual(4, 1, [128; 3]), 2);
        assert_eq!(Resources { keeps_state: true, ..Resources::default() }.usual_workers(64, [64; 3]), 64);
    }

    #[test]
    fn a_refused_budget_names_one_that_is_taken() {
        let grid = Grid::new(Region::of_shape([256; 3]), [64; 3]);
        let error = window(&grid, [4; 3], Dtype::U16, 2, (Some(100 << 10), 0, 9 << 20)).unwrap_err().to_string();
        let named = error.split(" need ").nth(1).unwrap().split(' ').next().unwrap();
        let bytes = named.strip_suffix('M').unwrap().parse::<usize>().unwrap() << 20;
        assert!(window(&grid, [4; 3], Dtype::U16, 2, (Some(bytes), 0, 9 << 20)).is_ok(), "{named}");
    }
}
