//! A sub-volume of an image in place of the whole.

use std::ops::Range;
use std::sync::Arc;

use crate::chunk::Chunk;
use crate::error::{Error, Kind, Result};
use crate::space::{Position, Region, Voxel};
use crate::store::companions::Companions;
use crate::store::options::OpenOptions;
use crate::store::values::require_inside;
use crate::store::{Absent, Atlas, Description, Details, Mark, Marked, Source};

/// Applies the region of the options to a source, and refuses volumes that are too large.
pub(crate) fn viewed(source: Box<dyn Source>, options: &OpenOptions) -> Result<Box<dyn Source>> {
    let description = source.description();
    if let Some(axis) = (0..3).find(|&a| description.shape[a] == 0) {
        return Err(Error::data(format!("has no voxels along {}; give an image with some", ["z", "y", "x"][axis])));
    }
    let source = match &options.region {
        Some(ranges) => Box::new(RegionView::new(source, ranges)?),
        None => source,
    };
    let description = source.description();
    let fits = |a: usize| i64::try_from(description.shape[a]).is_ok_and(|n| n <= Voxel::END[a]);
    if let Some(axis) = (0..3).find(|&a| !fits(a)) {
        let (name, most) = (["z", "y", "x"][axis], Voxel::END[axis]);
        let message = format!("is too long along {name}: at most {most} voxels; pick a part with --region");
        return Err(Error::new(Kind::Data, message));
    }
    Ok(source)
}

/// A sub-volume of a source in place of the whole: its first voxel is the origin.
pub struct RegionView {
    source: Arc<dyn Source>,
    region: Region,
    description: Description,
    /// The same sub-volumes of the images that go with it.
    companions: Companions,
}

impl RegionView {
    /// The sub-volume between ranges along (z, y, x), or (y, x) for a 2-D image.
    ///
    /// # Errors
    /// `Usage` if the number of ranges is not that of dimensions, or one is empty or reaches outside.
    pub fn new(source: Box<dyn Source>, ranges: &[Range<usize>]) -> Result<Self> {
        let &Description { dimensions, shape, .. } = source.description();
        if ranges.len() != dimensions {
            let message = format!("has {dimensions} dimensions; give --region as {dimensions} ranges");
            return Err(Error::usage(message));
        }
        let mut region = Region::of_shape(shape);
        for (axis, range) in (3 - dimensions..3).zip(ranges) {
            let length = shape[axis];
            if range.start >= range.end || range.end > length {
                let (name, Range { start, end }) = (["z", "y", "x"][axis], range);
                let message = format!("has no voxels {start}:{end} along {name}; give a --region within 0:{length}");
                return Err(Error::usage(message));
            }
            // Within the shape of an image, which is far below the limit of i64.
            (region.min[axis], region.max[axis]) = (range.start as i64, range.end as i64);
        }
        Ok(Self::of_region(Arc::from(source), region))
    }

    /// The sub-volume in a box inside the source.
    fn of_region(source: Arc<dyn Source>, region: Region) -> Self {
        let mut description = source.description().clone();
        description.shape = region.shape();
        description.chunk = std::array::from_fn(|a| description.chunk[a].min(description.shape[a]));
        let cut = |image| Arc::new(Self::of_region(image, region)) as Arc<dyn Source>;
        let companions = Companions::of(&*source).map(cut);
        RegionView { source, region, description, companions }
    }
}

impl std::fmt::Debug for RegionView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegionView").field("region", &self.region).field("description", &self.description).finish()
    }
}

impl Source for RegionView {
    fn description(&self) -> &Description {
        &self.description
    }

    fn origin(&self) -> Position {
        let whole = self.source.origin();
        std::array::from_fn(|a| whole[a] + self.region.min[a])
    }

    fn details(&self) -> Details {
        self.source.details()
    }

    fn warnings(&self) -> Vec<String> {
        self.source.warnings()
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        require_inside(region, self.description.shape)?;
        let chunk = self.source.read(&region.shifted(self.region.min))?;
        Ok(chunk.map(|chunk| Chunk { region: *region, voxels: chunk.voxels }))
    }

    fn mark(&self, region: &Region) -> Result<Option<Mark>> {
        self.source.mark(&region.shifted(self.region.min))
    }

    fn absent(&self) -> Result<Option<Absent>> {
        Ok(self.source.absent()?.map(|absent| absent.within(&self.region)))
    }

    fn covers(&self, region: &Region) -> Result<bool> {
        self.source.covers(&region.shifted(self.region.min))
    }

    fn confinement(&self) -> Option<Arc<dyn Source>> {
        self.companions.mask.clone()
    }

    fn atlas(&self) -> Option<Atlas> {
        self.companions.atlas.clone()
    }

    fn intensity(&self) -> Option<Arc<dyn Source>> {
        self.companions.intensity.clone()
    }

    fn stored(&self) -> Result<Option<Vec<Region>>> {
        let stored = self.source.stored()?;
        let inside = |unit: Region| unit.intersection(&self.region).shifted(self.region.min.map(|n| -n));
        Ok(stored.map(|units| units.into_iter().map(inside).filter(|unit| !unit.is_empty()).collect()))
    }

    fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
        let regions: Vec<Region> = regions.iter().map(|region| region.shifted(self.region.min)).collect();
        self.source.marks(&regions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Voxels;
    use crate::store::memory::MemorySource;
    use ndarray::Array3;

    fn image() -> Box<dyn Source> {
        let array = Array3::from_shape_fn((1, 6, 8), |(_, y, x)| u8::try_from(10 * y + x).unwrap());
        Box::new(MemorySource::of(Voxels::U8(array), 2))
    }

    #[test]
    fn a_region_is_read_as_if_it_were_the_volume() {
        let view = RegionView::new(image(), &[2..5, 3..8]).unwrap();
        assert_eq!(view.description().shape, [1, 3, 5]);
        assert_eq!(view.description().chunk, [1, 3, 5]);
        assert_eq!(RegionView::new(Box::new(view), &[1..2, 0..5]).unwrap().origin(), [0, 3, 3]);
        let view = RegionView::new(image(), &[2..5, 3..8]).unwrap();
        let region = Region::new([0, 1, 2], [1, 2, 4]);
        let chunk = view.read(&region).unwrap().unwrap();
        assert_eq!(chunk.region, region);
        assert!(view.covers(&region).unwrap());
        assert_eq!(chunk.voxels, Voxels::U8(Array3::from_shape_vec((1, 1, 2), vec![35, 36]).unwrap()));
    }

    #[test]
    fn a_region_outside_is_refused() {
        for ranges in [vec![0..7, 0..8], vec![3..3, 0..8], vec![0..1, 0..6, 0..8]] {
            assert_eq!(RegionView::new(image(), &ranges).unwrap_err().kind(), Kind::Usage);
        }
    }
}
