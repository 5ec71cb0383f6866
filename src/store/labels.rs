//! Images of labels: held as runs once they have been read, and seen as the masks of classes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::chunk::{Chunk, Dtype, Voxels};
use crate::error::Result;
use crate::kernel::labels::colours::Colours;
use crate::kernel::labels::runs::LabelRuns;
use crate::space::{Position, Region};
use crate::store::{Absent, Description, Details, Mark, Marked, Source};

/// An image of labels, of which chunks are held as runs within a budget, since every class reads them again.
pub(crate) struct LabelImage {
    source: Arc<dyn Source>,
    held: Mutex<Held>,
}

struct Held {
    /// By the first voxel of the chunk.
    chunks: HashMap<Position, Arc<LabelRuns>>,
    /// Bytes that may still be held.
    left: usize,
}

impl LabelImage {
    /// An image of whose chunks at most this many bytes are held.
    pub(crate) fn new(source: Arc<dyn Source>, budget: usize) -> Self {
        LabelImage { source, held: Mutex::new(Held { chunks: HashMap::new(), left: budget }) }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds the runs of a chunk, if there is room for them and they take less than a byte for each voxel.
    pub(crate) fn hold(&self, runs: LabelRuns) {
        let bytes = runs.bytes();
        if bytes > runs.region().volume() {
            return;
        }
        let mut held = self.held();
        if let Some(left) = held.left.checked_sub(bytes) {
            held.left = left;
            held.chunks.insert(runs.region().min, Arc::new(runs));
        }
    }

    /// The runs of a box, if they are held.
    fn runs(&self, region: &Region) -> Option<Arc<LabelRuns>> {
        self.held().chunks.get(&region.min).filter(|runs| runs.region() == region).cloned()
    }

    /// The runs of a box: held, or made of what is read; `None` if nothing of it is stored.
    fn runs_or_read(&self, region: &Region) -> Result<Option<Arc<LabelRuns>>> {
        if let Some(runs) = self.runs(region) {
            return Ok(Some(runs));
        }
        let read = self.source.read(region)?;
        Ok(read.map(|chunk| Arc::new(LabelRuns::new(&chunk.voxels, region, *region))))
    }

    /// The values at voxels of a box, in raster order.
    ///
    /// # Errors
    /// If the image cannot be read.
    pub(crate) fn at(&self, region: &Region, voxels: impl IntoIterator<Item = Position>) -> Result<Vec<i64>> {
        let Some(runs) = self.runs_or_read(region)? else {
            let fill = self.source.description().fill as i64;
            return Ok(voxels.into_iter().map(|_| fill).collect());
        };
        Ok(runs.at(voxels))
    }
}

/// An image of labels seen as a mask: of the voxels whose label has one colour.
pub(crate) struct ClassView {
    image: Arc<LabelImage>,
    colours: Arc<Colours>,
    class: u32,
    description: Description,
}

impl ClassView {
    /// The mask of a colour.
    pub(crate) fn new(image: &Arc<LabelImage>, colours: &Arc<Colours>, class: u32) -> Self {
        let own = image.source.description();
        let fill = f64::from(u8::from(colours.of(own.fill as i64) == Some(class)));
        let description = Description { dtype: Dtype::Bool, stored: Dtype::Bool.into(), fill, ..own.clone() };
        ClassView { image: Arc::clone(image), colours: Arc::clone(colours), class, description }
    }

    fn is_in(&self, label: i64) -> bool {
        self.colours.of(label) == Some(self.class)
    }
}

impl Source for ClassView {
    fn description(&self) -> &Description {
        &self.description
    }

    fn origin(&self) -> Position {
        self.image.source.origin()
    }

    fn details(&self) -> Details {
        self.image.source.details()
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        let runs = self.image.runs_or_read(region)?;
        let mask = runs.map(|runs| runs.select(|label| self.is_in(label)));
        Ok(mask.map(|mask| Chunk { region: *region, voxels: Voxels::Bool(mask) }))
    }

    fn mark(&self, region: &Region) -> Result<Option<Mark>> {
        self.image.source.mark(region)
    }

    fn absent(&self) -> Result<Option<Absent>> {
        self.image.source.absent()
    }

    fn covers(&self, region: &Region) -> Result<bool> {
        self.image.source.covers(region)
    }

    fn stored(&self) -> Result<Option<Vec<Region>>> {
        self.image.source.stored()
    }

    fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
        self.image.source.marks(regions)
    }

    fn confinement(&self) -> Option<Arc<dyn Source>> {
        self.image.source.confinement()
    }

    fn intensity(&self) -> Option<Arc<dyn Source>> {
        self.image.source.intensity()
    }
}
