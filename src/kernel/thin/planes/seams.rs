//! Seam logs of thinning by planes, equal to those of thinning by chunks.

use super::PlaneLayout;
use crate::grid::{ChunkId, Grid};
use crate::kernel::thin::seam_log::SeamLog;

/// The chunks of a grid along one axis.
#[derive(Debug)]
struct Axis {
    /// Coordinate of the first chunk on the grid.
    first: i64,
    /// Length of each chunk in voxels.
    lengths: Vec<usize>,
    /// The place of each voxel.
    places: Vec<Place>,
}

/// The place of a voxel along one axis.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Index of its chunk.
    chunk: usize,
    /// Its coordinate in the chunk's padded layout: 1 for the first own voxel.
    padded: usize,
    /// Whether the chunks before and after have it in their halos.
    is_seen: [bool; 2],
}

impl Axis {
    fn new(grid: &Grid, axis: usize) -> Axis {
        let (bounds, mut at) = (grid.bounds(), grid.bounds().min);
        let first = grid.chunk_at(at).place()[axis];
        let (mut lengths, mut places) = (Vec::new(), Vec::new());
        while at[axis] < bounds.max[axis] {
            let length = grid.region(grid.chunk_at(at)).shape()[axis];
            let place = |padded| Place { chunk: lengths.len(), padded, is_seen: [padded == 1, padded == length] };
            places.extend((1..=length).map(place));
            lengths.push(length);
            at[axis] += length as i64;
        }
        Axis { first, lengths, places }
    }

    /// The index of the chunk at a distance of `step` chunks from a voxel's own, and the voxel's coordinate in its
    /// layout, if the chunk exists.
    fn seen_from(&self, place: Place, step: i64) -> Option<[usize; 2]> {
        let chunk = place.chunk.checked_add_signed(step as isize)?;
        let length = *self.lengths.get(chunk)?;
        Some([chunk, [length + 1, place.padded, 0][(step + 1) as usize]])
    }
}

/// Writes the seam logs of the chunks of a volume that is thinned by planes, for the sub-iterations of one worker. They
/// equal those that [`Partition`](crate::kernel::thin::partition::Partition) keeps when it thins the same volume by
/// chunks.
#[derive(Debug)]
pub struct SeamWriter {
    axes: [Axis; 3],
    /// Whether the own voxels of each padded row are next to seams; `columns` likewise.
    rows: Vec<bool>,
    columns: Vec<bool>,
    /// For each chunk in raster order, one more than the index of its log, or 0 if it has none.
    found: Vec<u32>,
    /// The logs, with the indices of their chunks in raster order.
    logs: Vec<(usize, SeamLog)>,
}

impl SeamWriter {
    /// A writer for the chunks of a grid, which must have bounds.
    pub fn new(grid: &Grid) -> SeamWriter {
        let axes = [0, 1, 2].map(|axis| Axis::new(grid, axis));
        let are_seen = |axis: &Axis| {
            let seen = axis.places.iter().map(|place| place.is_seen.contains(&true));
            std::iter::once(false).chain(seen).chain([false]).collect()
        };
        let (rows, columns) = (are_seen(&axes[1]), are_seen(&axes[2]));
        let found = vec![0; axes.iter().map(|axis| axis.lengths.len()).product()];
        SeamWriter { axes, rows, columns, found, logs: Vec::new() }
    }

    /// Adds those of the voxels that a plane has lost that are next to seams to a list, as plane and bit index in the plane.
    pub(super) fn note(&self, layout: &PlaneLayout, plane: usize, lost: &[u32], list: &mut Vec<[u32; 2]>) {
        let all = self.axes[0].places[plane].is_seen.contains(&true);
        for &bit in lost {
            let [row, column] = layout.runs.row_and_column(bit);
            if all | self.rows[row] | self.columns[column] {
                list.push([plane as u32, bit]);
            }
        }
    }

    /// Writes the deletions that were noted in some sub-iterations, which begin with `first`, to the logs: in each those
    /// of all planes, in ascending order.
    pub(super) fn write(&mut self, layout: &PlaneLayout, first: usize, lists: &mut [Vec<[u32; 2]>]) {
        for (sub_iteration, list) in (first..).zip(lists) {
            for [plane, bit] in std::mem::take(list) {
                let [row, column] = layout.runs.row_and_column(bit);
                self.write_one(sub_iteration, [plane as usize, row - 1, column - 1]);
            }
        }
    }

    /// Writes a deleted voxel to the logs of its own chunk and of all chunks that have it in their halo.
    fn write_one(&mut self, sub_iteration: usize, at: [usize; 3]) {
        let [z, y, x] = &self.axes;
        let places: [Place; 3] = std::array::from_fn(|a| self.axes[a].places[at[a]]);
        let steps = places.map(|place| -i64::from(place.is_seen[0])..=i64::from(place.is_seen[1]));
        for dz in steps[0].clone() {
            let Some([chunk_z, at_z]) = z.seen_from(places[0], dz) else { continue };
            for dy in steps[1].clone() {
                let Some([chunk_y, at_y]) = y.seen_from(places[1], dy) else { continue };
                for dx in steps[2].clone() {
                    let Some([chunk_x, at_x]) = x.seen_from(places[2], dx) else { continue };
                    // As in `Layout::bit`.
                    let row = (x.lengths[chunk_x] + 2).div_ceil(8) * 8;
                    let bit = ((at_z * (y.lengths[chunk_y] + 2) + at_y) * row + at_x) as u32;
                    let chunk = (chunk_z * y.lengths.len() + chunk_y) * x.lengths.len() + chunk_x;
                    if self.found[chunk] == 0 {
                        self.logs.push((chunk, SeamLog::default()));
                        self.found[chunk] = self.logs.len() as u32;
                    }
                    let (_, log) = &mut self.logs[self.found[chunk] as usize - 1];
                    let decisions = if [dz, dy, dx] == [0; 3] { &mut log.sent } else { &mut log.received };
                    decisions.push(sub_iteration, bit);
                }
            }
        }
    }

    /// The logs so far, with the indices of their chunks in raster order.
    pub(super) fn logs(&self) -> &[(usize, SeamLog)] {
        &self.logs
    }

    /// Goes on with these logs, which a writer of the same grid had.
    pub(super) fn resume(&mut self, logs: Vec<(usize, SeamLog)>) {
        for (number, (chunk, _)) in (1..).zip(&logs) {
            if let Some(found) = self.found.get_mut(*chunk) {
                *found = number;
            }
        }
        self.logs = logs;
    }

    /// The logs of the chunks that have one.
    pub fn into_logs(self) -> impl Iterator<Item = (ChunkId, SeamLog)> {
        let [z, y, x] = self.axes.map(|axis| (axis.first, axis.lengths.len()));
        let id = move |at: usize| {
            let place = [at / (y.1 * x.1), at / x.1 % y.1, at % x.1].map(|place| place as i64);
            ChunkId::at([z.0 + place[0], y.0 + place[1], x.0 + place[2]])
        };
        self.logs.into_iter().map(move |(at, log)| (id(at), log))
    }
}
