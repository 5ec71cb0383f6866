//! The parts of an image that have not been stored yet.

use std::collections::BTreeSet;

use crate::grid::{ChunkId, Grid};
use crate::space::{Position, Region};

/// The missing units of an image, where a unit is the part that is stored as one: a file, as a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// Grid of the units over the image.
    pub grid: Grid,
    /// Position of the image's first voxel on that grid.
    pub origin: Position,
    /// Units without any stored data, among those that hold voxels of the image.
    pub missing: BTreeSet<ChunkId>,
}

impl Absent {
    /// The same for a sub-volume of the image.
    #[must_use]
    pub fn within(mut self, part: &Region) -> Absent {
        let part = part.shifted(self.origin);
        self.grid = Grid::new(part.intersection(&self.grid.bounds()), self.grid.chunk_shape());
        self.origin = part.min;
        self.missing.retain(|&unit| !self.grid.region(unit).is_empty());
        self
    }
}
