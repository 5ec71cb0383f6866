//! What of an image has not been stored yet.

use std::collections::BTreeSet;

use crate::grid::{ChunkId, Grid};
use crate::space::{Position, Region};

/// Which of the units that an image is stored in (files, as a rule) are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// The units, on a grid over the image.
    pub grid: Grid,
    /// Where the image's first voxel is on that grid.
    pub origin: Position,
    /// Units of which nothing is stored, among those that hold voxels of the image.
    pub missing: BTreeSet<ChunkId>,
}

impl Absent {
    /// The same of a part of the image that is taken for the whole.
    #[must_use]
    pub fn within(mut self, part: &Region) -> Absent {
        let part = part.shifted(self.origin);
        self.grid = Grid::new(part.intersection(&self.grid.bounds()), self.grid.chunk_shape());
        self.origin = part.min;
        self.missing.retain(|&unit| !self.grid.region(unit).is_empty());
        self
    }
}
