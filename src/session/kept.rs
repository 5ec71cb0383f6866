//! A session's state on disk, with the overview of its image.

use std::collections::BTreeSet;

use super::records::Keeping;
use crate::error::{Error, Result};
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::project::Projections;
use crate::operators::failure::Failure;
use crate::space::Region;
use crate::state::{Loaded, MaskRecord, PackedDigest, Reason};

/// A state on disk, as the session sees it.
pub(super) struct KeptState {
    pub(super) keeping: Keeping,
    /// The overview of the whole image.
    overview: Projections,
    /// Chunks that have changed since they were added to it.
    replaced: BTreeSet<ChunkId>,
    /// Whether it must be gathered again.
    lost: bool,
    pub(super) warnings: Vec<String>,
    /// The digest of the state after the last epoch, if it is encoded and not written.
    pub(super) digest: Option<PackedDigest>,
}

impl KeptState {
    pub(super) fn new(keeping: Keeping, bounds: Region) -> Self {
        let overview = Projections::new(bounds, keeping.dimensions);
        KeptState { keeping, overview, replaced: BTreeSet::new(), lost: false, warnings: Vec::new(), digest: None }
    }

    /// Begins with the overview of a digest.
    pub(super) fn set_overview(&mut self, overview: Projections) {
        self.overview = overview;
    }

    /// Forgets the overview, which is about to be loaded again.
    pub(super) fn start_over(&mut self, bounds: Region) {
        self.overview = Projections::new(bounds, self.overview.dimensions());
        self.replaced.clear();
        self.lost = false;
    }

    /// Whether a record that the digest names could not be used.
    pub(super) fn has_failed(&self) -> bool {
        self.keeping.recalls.happened() || self.keeping.recalls_of_thinning.happened()
    }

    /// Takes the reasons out.
    pub(super) fn take_recalls(&mut self) -> Vec<Error> {
        let Keeping { recalls, recalls_of_thinning, .. } = &self.keeping;
        [recalls, recalls_of_thinning].into_iter().flat_map(Failure::take_all).collect()
    }

    /// Brings the overview up to date if there is a digest, and checks that all records were usable that it names.
    pub(super) fn check_recalls(&mut self, grid: &Grid) -> Result<()> {
        if self.keeping.folder.relies_on_digest() && !self.has_failed() {
            self.overview(grid)?;
        }
        if self.has_failed() { Err(Error::internal("a record is not the one that is known")) } else { Ok(()) }
    }

    /// Adds the projections of chunks that were read.
    pub(super) fn add(&mut self, part: Option<Projections>, replaced: Vec<ChunkId>) {
        self.replaced.extend(replaced);
        if let Some(part) = part {
            self.overview.merge(&part);
        }
    }

    /// Notes that some parts of the overview are not what was read.
    pub(super) fn lose(&mut self) {
        self.lost = true;
    }

    /// Changes the bounds of the image. Returns whether the stored parts are still of use.
    pub(super) fn resize(&mut self, bounds: Region) -> bool {
        let fits = self.overview.fits(&bounds);
        self.overview = Projections::new(bounds, self.overview.dimensions());
        self.lost = true;
        fits
    }

    /// The overview of the image as it was read last. Reads the records of the chunks above, below or beside one that
    /// has changed.
    pub(super) fn overview(&mut self, grid: &Grid) -> Result<&Projections> {
        if self.lost {
            self.overview = Projections::new(grid.bounds(), self.overview.dimensions());
            self.gather(self.keeping.folder.chunks()?)?;
            self.lost = false;
        } else {
            let mut beside = BTreeSet::new();
            for &chunk in &self.replaced {
                let region = self.overview.whole_pixels(&grid.region(chunk));
                self.overview.forget(&region);
                for axis in 0..3 {
                    let mut column = region;
                    (column.min[axis], column.max[axis]) = (grid.bounds().min[axis], grid.bounds().max[axis]);
                    beside.extend(grid.chunks_in(&column));
                }
            }
            self.gather(beside)?;
        }
        self.replaced.clear();
        Ok(&self.overview)
    }

    fn gather(&mut self, chunks: BTreeSet<ChunkId>) -> Result<()> {
        for chunk in chunks {
            let record = self.keeping.folder.load::<MaskRecord>(chunk)?.valid();
            if record.is_none() {
                self.keeping.misses::<MaskRecord>(chunk);
            }
            let part = record.and_then(|record| record.projections).filter(|part| part.fits(&self.overview.bounds()));
            if let Some(part) = part {
                self.overview.merge(&part);
            }
        }
        Ok(())
    }

    /// Notes what is wrong with the records of a chunk, except for what is wrong with all of them.
    pub(super) fn warn(&mut self, chunk: ChunkId, reasons: &[Reason]) {
        let of_all = match self.keeping.folder.found() {
            Loaded::Unusable(reason) => Some(*reason),
            _ => None,
        };
        for reason in reasons.iter().filter(|&&reason| Some(reason) != of_all) {
            self.warnings.push(format!("chunk {chunk}: its record {reason}: it is computed again"));
        }
    }
}
