//! Chunks as records, from a source that can be read part by part.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::generic::operator::source;
use timely::dataflow::{Scope, StreamVec};
use timely::progress::Timestamp;
use timely::scheduling::SyncActivator;

use super::failure::Failure;
use super::reader::read;
use super::window::Window;
use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::space::Region;
use crate::store::Source;
use crate::wire::{WireReader, WireRecord, WireRegion, damaged, write_header};

/// A box of voxels on its way through a dataflow, for one chunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// The chunk that it is for.
    pub chunk: ChunkId,
    /// The box.
    pub region: Region,
    /// Its values, or `None` if nothing is stored: the fill value.
    pub voxels: Option<Voxels>,
}

/// The header of a piece that is sent, before its values.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct PieceHeader {
    chunk: ChunkId,
    region: WireRegion,
    /// Whether values follow.
    stored: u64,
}

impl WireRecord for Piece {
    const KIND: [u8; 8] = *b"piece   ";
    const LEAST: usize = size_of::<PieceHeader>();

    fn wire_bytes(&self) -> usize {
        size_of::<PieceHeader>() + self.voxels.as_ref().map_or(0, WireRecord::wire_bytes)
    }

    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let stored = u64::from(self.voxels.is_some());
        write_header(out, &PieceHeader { chunk: self.chunk, region: self.region.into(), stored })?;
        self.voxels.as_ref().map_or(Ok(()), |voxels| voxels.write_to(out))
    }

    fn read_from(bytes: &mut WireReader<'_>) -> Result<Self> {
        let PieceHeader { chunk, region, stored } = bytes.header()?;
        let region = region.region()?;
        let voxels = match stored {
            0 => None,
            1 => Some(Voxels::read_from(bytes)?),
            _ => return Err(damaged("it does not say whether there are values")),
        };
        if voxels.as_ref().is_some_and(|voxels| voxels.shape() != region.shape()) {
            return Err(damaged("it has values of another shape than their box"));
        }
        Ok(Piece { chunk, region, voxels })
    }
}

/// Each worker holds some hundred bytes for each chunk, whatever it holds: more chunks than this are refused before
/// memory runs out.
const MOST_CHUNKS: usize = 1 << 22;
/// How often a worker that waits looks whether the run has failed.
const PATIENCE: Duration = Duration::from_millis(20);

/// The error of an image in too many chunks.
fn too_many(grid: &Grid) -> Error {
    let (shape, chunk) = (grid.bounds().shape(), grid.chunk_shape());
    Error::usage(format!(
        "{shape:?} voxels in chunks of {chunk:?} are more than {MOST_CHUNKS} chunks to compute; give a larger --chunk, or \
         a part with --region"
    ))
}

/// The chunks whose padded boxes are wanted; what is read and exchanged follows from it.
#[derive(Clone, Debug, Default)]
pub enum Selection {
    /// All chunks of the grid.
    #[default]
    All,
    /// These chunks.
    Some(Arc<BTreeSet<ChunkId>>),
}

impl Selection {
    /// The chunks within reach of the stored parts of a source; all if the source cannot list them.
    ///
    /// Takes time and memory in proportion to the stored parts.
    ///
    /// # Errors
    /// `Usage` if there are too many; an error of the source if its storage cannot be listed.
    pub fn of_stored(source: &dyn Source, grid: &Grid, depth: [usize; 3]) -> Result<Selection> {
        let whole = grid.shape().into_iter().fold(1, usize::saturating_mul);
        let Some(stored) = source.stored()? else { return Selection::All.within_limit(grid) };
        let mut chunks = BTreeSet::new();
        for unit in stored {
            let near = unit.intersection(&grid.bounds()).dilated(depth);
            for chunk in grid.chunks_in(&near) {
                chunks.insert(chunk);
                if chunks.len() > MOST_CHUNKS {
                    return Err(too_many(grid));
                }
            }
        }
        Ok(if chunks.len() == whole { Selection::All } else { Selection::Some(Arc::new(chunks)) })
    }

    /// The selection, if it is not too large.
    ///
    /// # Errors
    /// `Usage` if there are too many chunks.
    pub fn within_limit(self, grid: &Grid) -> Result<Selection> {
        if self.count(grid) > MOST_CHUNKS { Err(too_many(grid)) } else { Ok(self) }
    }

    /// The selection without some chunks. Takes time O(n log n) in the number of chunks.
    #[must_use]
    pub fn without(&self, others: &BTreeSet<ChunkId>, grid: &Grid) -> Selection {
        if others.is_empty() {
            return self.clone();
        }
        let left = |chunk: &ChunkId| !others.contains(chunk);
        Selection::Some(Arc::new(match self {
            Selection::All => grid.chunks().filter(left).collect(),
            Selection::Some(chunks) => chunks.iter().copied().filter(left).collect(),
        }))
    }

    /// The number of chunks.
    pub fn count(&self, grid: &Grid) -> usize {
        match self {
            Selection::All => grid.shape().into_iter().fold(1, usize::saturating_mul),
            Selection::Some(chunks) => chunks.len(),
        }
    }

    /// The number of chunks that a worker's process owns.
    pub fn of_process(&self, grid: &Grid, index: usize, peers: usize) -> u64 {
        let process = grid.process_of(index, peers);
        let own = |chunk: &ChunkId| grid.process(*chunk) == process;
        match self {
            Selection::All => grid.chunks().filter(own).count() as u64,
            Selection::Some(chunks) => chunks.iter().filter(|chunk| own(chunk)).count() as u64,
        }
    }

    /// Whether a chunk's padded box is wanted.
    pub fn contains(&self, id: ChunkId) -> bool {
        match self {
            Selection::All => true,
            Selection::Some(chunks) => chunks.contains(&id),
        }
    }

    /// The chunks of a process that must be read for padded boxes of a depth, in raster order, with their ranks.
    pub fn reads(&self, grid: &Grid, depth: [usize; 3], process: usize) -> BTreeMap<ChunkId, u64> {
        let own = |id: &ChunkId| grid.process(*id) == process;
        match self {
            Selection::All => grid.chunks().filter(own).zip(0..).collect(),
            Selection::Some(chunks) => {
                let near = chunks.iter().flat_map(|&id| grid.chunks_in(&grid.region(id).dilated(depth)));
                near.filter(own).collect::<BTreeSet<_>>().into_iter().zip(0..).collect()
            }
        }
    }
}

/// Extension trait on scopes that reads chunks.
pub trait ReadChunks<'scope, T: Timestamp> {
    /// A record, at the least time, for every chunk that must be read for the selected ones with `depth` voxels around
    /// them: the chunk with its values, or without if nothing is stored.
    ///
    /// Chunks are read in raster order, one for each scheduling of the operator, as far ahead as the process's window
    /// admits. Without a depth every worker reads its own chunks; with a depth, any free worker of the process reads
    /// the next one, since slabs travel to other workers anyway. A selected chunk takes room of the window until its
    /// padded chunk, which [`overlap`](super::overlap::OverlapChunks::overlap) makes, is dropped. A window smaller than
    /// [`Window::least`], in which chunks would wait for each other for ever, is widened to that. Errors are reported
    /// to `failure`, which ends the reading.
    fn read_chunks(
        self,
        source: Arc<dyn Source>,
        grid: Grid,
        depth: [usize; 3],
        selection: Selection,
        window: Window,
        failure: Failure,
    ) -> StreamVec<'scope, T, Piece>;
}

impl<'scope, T: Timestamp> ReadChunks<'scope, T> for Scope<'scope, T> {
    fn read_chunks(
        self,
        input: Arc<dyn Source>,
        grid: Grid,
        depth: [usize; 3],
        selection: Selection,
        window: Window,
        failure: Failure,
    ) -> StreamVec<'scope, T, Piece> {
        let (index, peers) = (self.index(), self.peers());
        window.widen(Window::least(&grid, depth, peers / grid.processes()));
        source::<_, CapacityContainerBuilder<Vec<Piece>>, _, _>(self, "ReadChunks", move |capability, info| {
            let wakes = self.worker().sync_activator_for(info.address.to_vec());
            let activator = self.activator_for(info.address);
            // When it looks next, though it may not be woken, whether the run has failed.
            let mut looks_again = Instant::now();
            let mut reads = Reads::new(&grid, depth, &selection, (index, peers));
            let mut capability = Some(capability);
            move |output| {
                let Some(at) = &capability else { return };
                match reads.next(&window, (index, &wakes)) {
                    _ if failure.happened() => capability = None,
                    Next::None => capability = None,
                    Next::Later if looks_again > Instant::now() => {}
                    Next::Later => {
                        looks_again = Instant::now() + PATIENCE;
                        activator.activate_after(PATIENCE);
                    }
                    Next::Chunk(id, rank) => {
                        let region = grid.region(id);
                        match read(&input, &region) {
                            Ok(voxels) => {
                                output.session(at).give(Piece { chunk: id, region, voxels });
                                if !selection.contains(id) {
                                    // Only slabs of it are used.
                                    drop(window.permit(rank));
                                }
                            }
                            Err(error) => failure.report(error.in_reading(id)),
                        }
                        activator.activate();
                    }
                }
            }
        })
    }
}

/// The next thing for a worker to read.
enum Next {
    /// A chunk, with its rank.
    Chunk(ChunkId, u64),
    /// Another worker, or the thinning, lags behind: the operator is woken when the next chunk is admitted.
    Later,
    /// Nothing more.
    None,
}

/// The chunks that a worker reads.
enum Reads {
    /// Its own chunks, from the last to the first.
    Own(Vec<(ChunkId, u64)>),
    /// The chunks of the process, in turn with other workers.
    Any(Vec<ChunkId>),
}

impl Reads {
    fn new(grid: &Grid, depth: [usize; 3], selection: &Selection, (index, peers): (usize, usize)) -> Self {
        let reads = selection.reads(grid, depth, grid.process_of(index, peers)).into_iter();
        if depth == [0; 3] {
            let own = reads.rev().filter(|&(id, _)| grid.owner(id, peers) == index);
            return Reads::Own(own.collect());
        }
        Reads::Any(reads.map(|(id, _)| id).collect())
    }

    fn next(&mut self, window: &Window, operator: (usize, &SyncActivator)) -> Next {
        let admits = |rank, chunk: ChunkId| window.admits_or_wakes(rank, chunk.place()[0], operator);
        match self {
            Reads::Own(own) => match own.last() {
                None => Next::None,
                Some(&(id, rank)) if !admits(rank, id) => Next::Later,
                Some(_) => own.pop().map_or(Next::None, |(id, rank)| Next::Chunk(id, rank)),
            },
            Reads::Any(chunks) => loop {
                let rank = window.next_taken();
                match chunks.get(rank as usize) {
                    None => return Next::None,
                    Some(&id) if !admits(rank, id) => return Next::Later,
                    Some(_) => {}
                }
                // Another worker may have taken that one.
                if let Some(Some(rank)) = window.take(chunks.len() as u64) {
                    return Next::Chunk(chunks[rank as usize], rank);
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use timely::dataflow::operators::Inspect;

    use super::*;
    use crate::chunk::Dtype;
    use crate::operators::overlap::OverlapChunks;
    use crate::store::memory::MemorySource;

    #[test]
    fn a_window_that_is_too_small_for_the_overlap_is_widened() {
        let source: Arc<dyn Source> = Arc::new(MemorySource::of(Voxels::filled(Dtype::U8, [6; 3], 1.0), 3));
        for workers in [1, 2] {
            let (source, padded) = (Arc::clone(&source), Arc::new(AtomicUsize::new(0)));
            let (counted, window) = (Arc::clone(&padded), Window::new(1));
            let guards = timely::execute(timely::Config::process(workers), move |worker| {
                let (grid, counted) = (Grid::new(Region::of_shape([6; 3]), [2; 3]), Arc::clone(&counted));
                worker.dataflow::<u64, _, _>(|scope| {
                    let (source, window) = (Arc::clone(&source), window.clone());
                    scope
                        .read_chunks(source, grid, [3; 3], Selection::All, window.clone(), Failure::default())
                        .overlap(grid, [3; 3], Selection::All, Dtype::U8, 0.0, &window)
                        .inspect(move |_| {
                            counted.fetch_add(1, Ordering::Relaxed);
                        });
                });
            });
            for guard in guards.unwrap().join() {
                guard.unwrap();
            }
            assert_eq!(padded.load(Ordering::Relaxed), 27, "{workers} workers");
        }
    }
}
