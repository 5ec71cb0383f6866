//! The projections of what the workers of a process have read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::kernel::image::project::Projections;
use crate::operators::overlap::Padded;
use crate::space::Region;

/// Projections that all workers of a process add to: each holds the pixels of one chunk, and the process those of the image.
#[derive(Clone, Debug, Default)]
pub(super) struct Projected(Arc<Mutex<Option<Projections>>>);

impl Projected {
    /// Adds a chunk of an image with these bounds and 2 or 3 dimensions; where nothing is stored it has the value `fill`.
    /// Returns its part.
    pub(super) fn add(&self, bounds: Region, dimensions: usize, chunk: &Padded, fill: f64) -> Projections {
        let mut part = Projections::of_part(bounds, dimensions, &chunk.own);
        part.add_own(&chunk.own, &chunk.region, chunk.voxels.as_ref(), fill);
        self.merge(bounds, dimensions, &part);
        part
    }

    /// Adds the part of a chunk.
    pub(super) fn merge(&self, bounds: Region, dimensions: usize, part: &Projections) {
        self.all().get_or_insert_with(|| Projections::new(bounds, dimensions)).merge(part);
    }

    /// What has been added since it was last taken.
    pub(super) fn take(&self) -> Option<Projections> {
        self.all().take()
    }

    fn all(&self) -> MutexGuard<'_, Option<Projections>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
