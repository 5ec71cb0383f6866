//! Marks of parts of a Zarr image, and its missing files. If many files are possible, time and memory depend on the
//! stored ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::ZarrSource;
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::space::{Position, Region};
use crate::store::marker::{FileMark, Marker};
use crate::store::values::require_inside;
use crate::store::{Absent, Marked};

/// If this many files are possible, the stored ones are listed; fewer are looked up one by one.
pub(super) const LISTED: u64 = 1 << 14;
/// Largest number of missing chunks near which branches can be marked.
const MOST_ABSENT: u64 = 4 << 20;

/// The states of the existing files, by their positions on the grid of files.
type Present = BTreeMap<Position, FileMark>;

impl ZarrSource {
    /// The grid of stored files over the image.
    fn files(&self) -> Grid {
        let shape = std::array::from_fn(|a| self.blocks.shape()[a].saturating_mul(self.blocks.per_file()[a]));
        Grid::new(self.grid.bounds(), shape)
    }

    /// The first block of a file.
    fn first_block(&self, file: Position) -> ChunkId {
        let blocks = self.blocks.per_file().map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        ChunkId::at(std::array::from_fn(|a| file[a] * blocks[a]))
    }

    /// The marks of several boxes; each file is looked at once. They depend on the existing files, on the folder and on
    /// the fill value. `listed` is [`LISTED`] except in tests.
    pub(super) fn marks_of(&self, regions: &[Region], listed: u64) -> Result<Vec<Option<Marked>>> {
        regions.iter().try_for_each(|region| require_inside(region, self.description.shape))?;
        if !self.blocks.has_marks() {
            return Ok(vec![None; regions.len()]);
        }
        let Some(folder) = self.blocks.local() else {
            // All chunks are in one file.
            let archive = self.blocks.marked(ChunkId::at([0; 3])).unwrap_or_default();
            let mut marker = Marker::default();
            marker.add(&FileMark::of(&archive)?);
            return Ok(vec![Some(marker.finish()); regions.len()]);
        };
        let (folder, fill) = (folder.to_owned(), self.description.fill.to_bits());
        let files = self.files();
        let boxes: Vec<[Position; 2]> = regions.iter().map(|region| ends(&files, region)).collect();
        let present = self.present(&files, &boxes, listed)?;
        let marked = |[first, last]: [Position; 2]| {
            let mut marker = Marker::default();
            marker.note((&folder, fill));
            each_in(&present, first, last, |file| marker.add(file));
            Some(marker.finish())
        };
        Ok(boxes.into_iter().map(marked).collect())
    }

    /// The existing files in some boxes, and perhaps more.
    fn present(&self, files: &Grid, boxes: &[[Position; 2]], listed: u64) -> Result<Present> {
        let count = |[first, last]: &[Position; 2]| {
            (0..3).fold(1u64, |count, a| count.saturating_mul(last[a].abs_diff(first[a]).saturating_add(1)))
        };
        let asked = boxes.iter().map(count).fold(0, u64::saturating_add);
        let stored = if asked < listed { None } else { self.blocks.stored_files()? };
        let path = |file: Position| self.blocks.marked(self.first_block(file)).unwrap_or_default();
        let mut present = Present::new();
        if let Some(stored) = stored {
            for region in stored {
                let file = files.chunk_at(region.min).place();
                present.insert(file, FileMark::of(&path(file))?);
            }
        } else {
            let every = |[first, last]: &[Position; 2]| {
                let (first, last) = (*first, *last);
                (first[0]..=last[0])
                    .flat_map(move |z| (first[1]..=last[1]).map(move |y| [z, y]))
                    .flat_map(move |[z, y]| (first[2]..=last[2]).map(move |x| [z, y, x]))
            };
            let places: BTreeSet<Position> = boxes.iter().flat_map(every).collect();
            let mut paths: Vec<(PathBuf, Position)> = places.into_iter().map(|file| (path(file), file)).collect();
            // In the order of their text, which is faster to compare than paths, folder by folder.
            paths.sort_unstable_by(|(a, _), (b, _)| a.as_os_str().cmp(b.as_os_str()));
            let (paths, places): (Vec<PathBuf>, Vec<Position>) = paths.into_iter().unzip();
            present.extend(places.into_iter().zip(FileMark::of_all(&paths)?));
        }
        present.retain(|_, file| file.is_there());
        Ok(present)
    }

    /// The files that are missing.
    ///
    /// # Errors
    /// `Usage` if there are too many; `Io` if this cannot be determined.
    pub(super) fn absent_files(&self) -> Result<Absent> {
        let grid = self.files();
        let count = grid.shape().iter().fold(1u64, |count, &n| count.saturating_mul(n as u64));
        let listed = if count < LISTED { None } else { self.blocks.stored_files()? };
        let missing = match listed {
            None => {
                self.require_few_absent(count)?;
                let mut missing = BTreeSet::new();
                for file in grid.chunks() {
                    if !self.blocks.is_stored(self.first_block(file.place()))? {
                        missing.insert(file);
                    }
                }
                missing
            }
            Some(stored) => {
                let stored: BTreeSet<ChunkId> = stored.iter().map(|region| grid.chunk_at(region.min)).collect();
                self.require_few_absent(count.saturating_sub(stored.len() as u64))?;
                grid.chunks().filter(|file| !stored.contains(file)).collect()
            }
        };
        Ok(Absent { grid, origin: [0; 3], missing })
    }

    fn require_few_absent(&self, count: u64) -> Result<()> {
        if count <= MOST_ABSENT {
            return Ok(());
        }
        let message = format!(
            "has {count} chunks that are not stored, and branches at {MOST_ABSENT} of them at most are told from others; \
             leave --provisional out, or give a part with fewer as an array of its own"
        );
        Err(Error::usage(message).at(&self.description.name))
    }
}

/// The first and the last file of a box, axis by axis.
fn ends(files: &Grid, region: &Region) -> [Position; 2] {
    [files.chunk_at(region.min).place(), files.chunk_at(region.max.map(|n| n - 1)).place()]
}

/// Visits the files of a box in raster order, and skips runs of others at once.
fn each_in(present: &Present, first: Position, last: Position, mut visit: impl FnMut(&FileMark)) {
    let mut from = first;
    while from <= last {
        let Some((&[z, y, x], file)) = present.range(from..=last).next() else { return };
        from = if y < first[1] {
            [z, first[1], first[2]]
        } else if y > last[1] {
            [z + 1, first[1], first[2]]
        } else if x < first[2] {
            [z, y, first[2]]
        } else if x > last[2] {
            [z, y + 1, first[2]]
        } else {
            visit(file);
            [z, y, x + 1]
        };
    }
}
