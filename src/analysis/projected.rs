//! The projections of what the workers of a process have read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::kernel::image::project::Projections;
use crate::space::Region;

/// Projections that all workers of a process add to: each holds the pixels of one chunk, and the process those of the image.
#[derive(Clone, Debug, Default)]
pub(super) struct Projected(Arc<Mutex<Option<Projections>>>);

impl Projected {
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
