//! What an analysis does with each chunk on its way from the image to its mask.

use std::collections::BTreeMap;

use super::checkpointed::KeptChunks;
use super::projected::Projected;
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::project::Projections;
use crate::kernel::mask::binarise::Binary;
use crate::operators::binarise::Watch;
use crate::operators::overlap::Padded;

/// Adds chunks to the picture, and to a checkpoint, and counts them.
pub(super) struct ChunksSeen<F> {
    pub(super) grid: Grid,
    pub(super) dimensions: usize,
    /// The value where nothing is stored.
    pub(super) fill: f64,
    pub(super) picture: Projected,
    pub(super) keeping: Option<KeptChunks>,
    /// The projections of chunks whose masks are not made yet, for the checkpoint; `None` for those that came without some of their
    /// surroundings, since reading has failed somewhere.
    pub(super) parts: BTreeMap<ChunkId, Option<Projections>>,
    /// Is called for each chunk with the number of its foreground voxels.
    pub(super) count: F,
}

impl<F: Fn(u64) + 'static> Watch for ChunksSeen<F> {
    fn see(&mut self, padded: &Padded) {
        let (bounds, own) = (self.grid.bounds(), &padded.own);
        let mut part = Projections::of_part(bounds, self.dimensions, own);
        part.add_own(own, &padded.region, padded.voxels.as_ref(), self.fill);
        self.picture.merge(bounds, self.dimensions, &part);
        if self.keeping.is_some() {
            let chunk = self.grid.chunk_at(own.min);
            let whole = || Projections::of_part(bounds, self.dimensions, &self.grid.region(chunk));
            let parts = self.parts.entry(chunk).or_insert_with(|| Some(whole()));
            if padded.missing > 0 {
                *parts = None;
            }
            parts.iter_mut().for_each(|parts| parts.merge(&part));
        }
    }

    fn made(&mut self, chunk: ChunkId, binary: Option<&Binary>) {
        if let (Some(keeping), Some(Some(part))) = (&mut self.keeping, self.parts.remove(&chunk)) {
            keeping.add(chunk, binary, part);
        }
        (self.count)(binary.map_or(0, |binary| binary.count as u64));
    }
}
