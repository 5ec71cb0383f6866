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
    /// The views of each voxel.
    views: Vec<Views>,
}

/// The chunks that have a voxel along one axis, in their own voxels or in their halos.
#[derive(Clone, Copy, Debug)]
struct Views {
    /// The index of each chunk, and the coordinate in its padded layout, where the first own voxel is at 1. First the chunk
    /// that has the voxel as its own.
    chunks: [[u32; 2]; 3],
    count: u8,
    /// Whether it is next to the end of its chunk, which may be that of the volume.
    is_at_end: bool,
}

impl Views {
    /// Those of a voxel of a chunk.
    fn new(lengths: &[usize], chunk: usize, padded: usize) -> Views {
        let ends = [padded == 1, padded == lengths[chunk]];
        let mut views = Views { chunks: [[chunk as u32, padded as u32]; 3], count: 1, is_at_end: ends.contains(&true) };
        let mut add = |chunk: usize, padded: usize| {
            views.chunks[usize::from(views.count)] = [chunk as u32, padded as u32];
            views.count += 1;
        };
        if ends[0] && chunk > 0 {
            add(chunk - 1, lengths[chunk - 1] + 1);
        }
        if ends[1] && chunk + 1 < lengths.len() {
            add(chunk + 1, 0);
        }
        views
    }

    #[inline]
    fn all(&self) -> &[[u32; 2]] {
        &self.chunks[..usize::from(self.count)]
    }
}

impl Axis {
    fn new(grid: &Grid, axis: usize) -> Axis {
        let (bounds, mut at) = (grid.bounds(), grid.bounds().min);
        let first = grid.chunk_at(at).place()[axis];
        let mut lengths = Vec::new();
        while at[axis] < bounds.max[axis] {
            let length = grid.region(grid.chunk_at(at)).shape()[axis];
            lengths.push(length);
            at[axis] += length as i64;
        }
        let voxels = lengths.iter().enumerate().flat_map(|(chunk, &length)| (1..=length).map(move |at| (chunk, at)));
        let views = voxels.map(|(chunk, padded)| Views::new(&lengths, chunk, padded)).collect();
        Axis { first, lengths, views }
    }
}

/// Writes the seam logs of the chunks of a volume that is thinned by planes, for the sub-iterations of one worker. They
/// equal those that [`Partition`](crate::kernel::thin::partition::Partition) keeps when it thins the same volume by
/// chunks.
#[derive(Debug)]
pub struct SeamWriter {
    axes: [Axis; 3],
    /// The first plane of each layer of chunks, and the one after its last.
    layers: Vec<[usize; 2]>,
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
            let seen = axis.views.iter().map(|views| views.is_at_end);
            std::iter::once(false).chain(seen).chain([false]).collect()
        };
        let (rows, columns) = (are_seen(&axes[1]), are_seen(&axes[2]));
        let found = vec![0; axes.iter().map(|axis| axis.lengths.len()).product()];
        let mut end = 0;
        let layer = |length: &usize| {
            end += length;
            [end - length, end]
        };
        let layers = axes[0].lengths.iter().map(layer).collect();
        SeamWriter { axes, layers, rows, columns, found, logs: Vec::new() }
    }

    /// Adds those of the voxels that a plane has lost that are next to seams to a list, as plane and bit index in the plane.
    pub(super) fn note(&self, layout: &PlaneLayout, plane: usize, lost: &[u32], list: &mut Vec<[u32; 2]>) {
        let all = self.axes[0].views[plane].is_at_end;
        for &bit in lost {
            let [row, column] = layout.runs.row_and_column(bit);
            if all | self.rows[row] | self.columns[column] {
                list.push([plane as u32, bit]);
            }
        }
    }

    /// Writes the deletions that were noted in some sub-iterations, which begin with `first`, to the logs: in each those
    /// of all planes, in ascending order. Layer by layer of chunks, after those that are `written`, as far as the first
    /// `done` planes have all that is known of them; so few are noted and few logs are written to at a time.
    pub(super) fn write(
        &mut self,
        layout: &PlaneLayout,
        first: usize,
        lists: &mut [Vec<[u32; 2]>],
        written: &mut usize,
        done: usize,
    ) {
        while let Some(&[begin, end]) = self.layers.get(*written).filter(|[_, end]| done > *end || done == layout.depth)
        {
            for (sub_iteration, list) in (first..).zip(&mut *lists) {
                let before = |at: usize| list.partition_point(|[plane, _]| (*plane as usize) < at);
                let (kept, end) = (before(end - 1), before(end + 1));
                for &[plane, bit] in &list[..end] {
                    self.write_one(layout, sub_iteration, [*written, plane as usize + 1 - begin], bit);
                }
                list.drain(..kept);
            }
            *written += 1;
        }
    }

    /// Writes a deleted voxel to the logs of those chunks of a layer that have it. The plane is one of the padded layout of
    /// the layer.
    #[inline]
    fn write_one(&mut self, layout: &PlaneLayout, sub_iteration: usize, [layer, plane]: [usize; 2], bit: u32) {
        let [z, y, x] = &self.axes;
        let [row, column] = layout.runs.row_and_column(bit);
        let [in_rows, in_columns] = [y.views[row - 1].all(), x.views[column - 1].all()];
        let is_in_layer = (1..=z.lengths[layer]).contains(&plane);
        for (n, &[chunk_y, at_y]) in in_rows.iter().enumerate() {
            let before = (layer * y.lengths.len() + chunk_y as usize) * x.lengths.len();
            let rows_before = plane * (y.lengths[chunk_y as usize] + 2) + at_y as usize;
            for (m, &[chunk_x, at_x]) in in_columns.iter().enumerate() {
                // As in `Layout::bit`.
                let row = (x.lengths[chunk_x as usize] + 2).div_ceil(8) * 8;
                let bit = (rows_before * row) as u32 + at_x;
                let found = &mut self.found[before + chunk_x as usize];
                if *found == 0 {
                    self.logs.push((before + chunk_x as usize, SeamLog::default()));
                    *found = self.logs.len() as u32;
                }
                let (_, log) = &mut self.logs[*found as usize - 1];
                let is_own = is_in_layer && n == 0 && m == 0;
                let decisions = if is_own { &mut log.sent } else { &mut log.received };
                decisions.push(sub_iteration, bit);
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
