//! Finds the chunks of a stored image that have changed since the last look, without reading them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::error::Result;
use crate::grid::{ChunkId, Grid};
use crate::space::Region;
use crate::store::{Mark, Marked, Source};

/// The marks of all chunks at the last look.
///
/// A change counts once it has settled, so that files are not read while they are written: if the youngest file behind
/// the chunk was changed at least the settle time ago, or if the chunk has kept the same mark for that long, whatever
/// the clock of the files says. A settle time above the tick of the file system's clock (a second exceeds those in use)
/// also ensures that no later change can leave the mark as it is. Holds about 50 bytes for each chunk.
#[derive(Clone, Debug)]
pub struct Marks {
    grid: Grid,
    depth: [usize; 3],
    settle: Duration,
    /// `None` for chunks of a source that has no marks.
    known: BTreeMap<ChunkId, Option<Mark>>,
    /// Marks that are not known yet, and since when they have been the same.
    unsettled: BTreeMap<ChunkId, (Mark, SystemTime)>,
}

/// The result of a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Look {
    /// Chunks that have changed and settled, in raster order, with their marks; `None` if the source has none.
    pub changed: Vec<(ChunkId, Option<Mark>)>,
    /// Chunks that have changed but not settled, in raster order: a later look will return them.
    pub unsettled: Vec<ChunkId>,
}

impl Marks {
    /// Marks before the first look. A chunk changes if the stored data of its box or of the voxels within `depth` do.
    pub fn new(grid: Grid, depth: [usize; 3], settle: Duration) -> Marks {
        Marks { grid, depth, settle, known: BTreeMap::new(), unsettled: BTreeMap::new() }
    }

    /// Remembers a mark from an earlier look, such as one that was kept on disk.
    pub fn remember(&mut self, chunk: ChunkId, mark: Mark) {
        self.known.insert(chunk, Some(mark));
    }

    /// Makes a chunk count as changed at the next look.
    pub fn forget(&mut self, chunk: ChunkId) {
        self.known.remove(&chunk);
    }

    /// Sets other bounds or chunks, such as those of an image that has grown. The marks of chunks that stay on the grid
    /// are kept; new chunks count as changed.
    pub fn resize(&mut self, grid: Grid) {
        self.grid = grid;
        self.known.retain(|&chunk, _| !grid.region(chunk).is_empty());
        self.unsettled.retain(|&chunk, _| !grid.region(chunk).is_empty());
    }

    /// The grid of the chunks.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The mark of a chunk at the last look at which it had settled; `None` if there was no such look, or the source
    /// has no marks.
    pub fn of(&self, chunk: ChunkId) -> Option<Mark> {
        self.known.get(&chunk).copied().flatten()
    }

    /// The box that a chunk's mark stands for: its own and the voxels within the depth, clipped to the bounds.
    pub fn region(&self, chunk: ChunkId) -> Region {
        self.grid.region(chunk).dilated(self.depth).intersection(&self.grid.bounds())
    }

    /// Looks at all chunks, each stored file once, and remembers the changes that have settled. Chunks that were never
    /// looked at count as changed. A source without marks counts as unchanged.
    ///
    /// Reads the metadata of each stored file: about a microsecond each if they are cached.
    ///
    /// # Errors
    /// If the operating system cannot read the metadata; the remembered marks stay.
    pub fn look(&mut self, source: &dyn Source, now: SystemTime) -> Result<Look> {
        let chunks: Vec<ChunkId> = self.grid.chunks().collect();
        let regions: Vec<Region> = chunks.iter().map(|&chunk| self.region(chunk)).collect();
        let marks = source.marks(&regions)?;
        let mut look = Look::default();
        for (chunk, marked) in chunks.into_iter().zip(marks) {
            let mark = marked.map(|marked| marked.mark);
            let known = self.known.get(&chunk);
            if known == Some(&mark) {
                self.unsettled.remove(&chunk);
            } else if marked.is_none_or(|marked| self.has_settled(chunk, marked, now)) {
                self.unsettled.remove(&chunk);
                self.known.insert(chunk, mark);
                look.changed.push((chunk, mark));
            } else {
                look.unsettled.push(chunk);
            }
        }
        Ok(look)
    }

    fn has_settled(&mut self, chunk: ChunkId, marked: Marked, now: SystemTime) -> bool {
        // No files: normal at the first look, but a file that existed may be about to be replaced.
        let old_enough = match marked.youngest {
            Some(youngest) => now.duration_since(youngest).is_ok_and(|age| age >= self.settle),
            None => !self.known.contains_key(&chunk),
        };
        let (mark, since) = self.unsettled.entry(chunk).or_insert((marked.mark, now));
        match now.duration_since(*since) {
            Ok(age) if *mark == marked.mark => old_enough || age >= self.settle,
            // The mark differs from before, or the clock was set back.
            _ => {
                (*mark, *since) = (marked.mark, now);
                old_enough
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::chunk::{Chunk, Dtype, Voxels};
    use crate::store::Description;
    use crate::store::memory::MemorySource;

    /// A source whose chunks of two voxels along a line have the marks that are set.
    struct TwoChunks {
        image: MemorySource,
        marks: Mutex<Vec<Marked>>,
    }

    impl Source for TwoChunks {
        fn description(&self) -> &Description {
            self.image.description()
        }

        fn read(&self, region: &Region) -> Result<Option<Chunk>> {
            self.image.read(region)
        }

        fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
            let marks = self.marks.lock().unwrap();
            Ok(regions.iter().map(|region| Some(marks[usize::try_from(region.min[2] / 2).unwrap()])).collect())
        }
    }

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn at(millis: u64) -> SystemTime {
        START + Duration::from_millis(millis)
    }

    fn chunk(x: i64) -> ChunkId {
        ChunkId::at([0, 0, x])
    }

    fn image() -> MemorySource {
        MemorySource::of(Voxels::filled(Dtype::U8, [1, 1, 4], 0.0), 3)
    }

    fn marks() -> Marks {
        Marks::new(Grid::new(Region::of_shape([1, 1, 4]), [1, 1, 2]), [0; 3], Duration::from_secs(1))
    }

    fn marked(mark: u64, youngest: Option<u64>) -> Marked {
        Marked { mark: Mark(mark), youngest: youngest.map(at) }
    }

    /// The results of looks at times (in milliseconds) at which the chunk at the origin has a mark and an age.
    fn looks(marks: &mut Marks, history: &[(u64, Marked)]) -> Vec<(bool, usize)> {
        let source = TwoChunks { image: image(), marks: Mutex::new(vec![marked(0, None); 2]) };
        let mut found = Vec::new();
        for &(time, now) in history {
            source.marks.lock().unwrap()[0] = now;
            let look = marks.look(&source, at(time)).unwrap();
            found.push((look.changed.iter().any(|(id, _)| *id == chunk(0)), look.unsettled.len()));
        }
        found
    }

    #[test]
    fn a_change_counts_once_and_when_it_has_settled() {
        let history = [
            (5000, marked(1, Some(100))),
            (5100, marked(1, Some(100))),
            // Written twice, with a look after each.
            (5200, marked(2, Some(5150))),
            (5900, marked(3, Some(5850))),
            (6600, marked(3, Some(5850))),
            (6900, marked(3, Some(5850))),
            (9900, marked(3, Some(5850))),
        ];
        let expected = [(true, 0), (false, 0), (false, 1), (false, 1), (false, 1), (true, 0), (false, 0)];
        assert_eq!(looks(&mut marks(), &history), expected);
    }

    #[test]
    fn a_change_that_is_undone_before_it_settles_is_none() {
        let history = [(5000, marked(1, Some(0))), (5100, marked(2, Some(5050))), (8000, marked(1, Some(0)))];
        assert_eq!(looks(&mut marks(), &history), [(true, 0), (false, 1), (false, 0)]);
    }

    #[test]
    fn a_file_whose_clock_is_ahead_settles_by_ours() {
        let ahead = Some(1_000_000);
        let history = [
            (5000, marked(1, ahead)),
            (5900, marked(1, ahead)),
            (6000, marked(1, ahead)),
            // Our own clock is set back.
            (6100, marked(2, ahead)),
            (1000, marked(2, ahead)),
            (2000, marked(2, ahead)),
        ];
        let expected = [(false, 1), (false, 1), (true, 0), (false, 1), (false, 1), (true, 0)];
        assert_eq!(looks(&mut marks(), &history), expected);
    }

    #[test]
    fn a_file_that_goes_may_be_about_to_come_again() {
        let history = [
            (5000, marked(1, Some(0))),
            (5100, marked(2, None)),
            (5200, marked(1, Some(0))),
            (7000, marked(2, None)),
            (8000, marked(2, None)),
        ];
        assert_eq!(looks(&mut marks(), &history), [(true, 0), (false, 1), (false, 0), (false, 1), (true, 0)]);
    }

    #[test]
    fn what_is_remembered_has_not_changed_and_what_is_forgotten_has() {
        let mut marks = marks();
        marks.remember(chunk(0), Mark(1));
        assert_eq!(looks(&mut marks, &[(5000, marked(1, Some(0)))]), [(false, 0)]);
        marks.forget(chunk(0));
        assert_eq!(looks(&mut marks, &[(5000, marked(1, Some(0)))]), [(true, 0)]);
    }

    #[test]
    fn chunks_that_are_new_to_the_grid_have_changed() {
        let mut marks = marks();
        looks(&mut marks, &[(5000, marked(1, Some(0)))]);
        marks.resize(Grid::new(Region::of_shape([1, 1, 2]), [1, 1, 2]));
        marks.resize(Grid::new(Region::of_shape([1, 1, 4]), [1, 1, 2]));
        let source = TwoChunks { image: image(), marks: Mutex::new(vec![marked(1, Some(0)), marked(0, None)]) };
        assert_eq!(marks.look(&source, at(5000)).unwrap().changed, [(chunk(1), Some(Mark(0)))]);
    }

    #[test]
    fn a_source_that_cannot_tell_changes_at_the_first_look_only() {
        let mut marks = marks();
        let changed = |marks: &mut Marks| marks.look(&image(), START).unwrap().changed;
        assert_eq!(changed(&mut marks), [(chunk(0), None), (chunk(1), None)]);
        assert_eq!(changed(&mut marks), []);
    }
}
