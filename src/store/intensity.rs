//! Images whose shape is one thing, and whose values another: masks and labels with the image that they were made from.

use std::path::Path;
use std::sync::Arc;

use crate::chunk::Chunk;
use crate::error::{Error, Kind, Result};
use crate::space::{Position, Region};
use crate::store::{Absent, Atlas, Description, Details, Mark, Marked, Source};

/// An image with another of the same shape, whose values are measured in place of its own.
pub(crate) struct WithIntensity {
    image: Box<dyn Source>,
    intensity: Arc<dyn Source>,
}

impl WithIntensity {
    /// # Errors
    /// `Data` if the other has another shape than the image.
    pub(crate) fn new(image: Box<dyn Source>, intensity: Box<dyn Source>, path: &Path) -> Result<WithIntensity> {
        let (of_image, of_values) = (image.description(), intensity.description());
        if (of_image.shape, of_image.dimensions) != (of_values.shape, of_values.dimensions) {
            let text = |description: &Description| {
                let own = &description.shape[3 - description.dimensions..];
                own.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
            };
            let message = format!(
                "has {} voxels, and the image {}: --intensity takes one value for each voxel of the whole image",
                text(of_values),
                text(of_image)
            );
            return Err(Error::data(message).at(path));
        }
        Ok(WithIntensity { image, intensity: Arc::from(intensity) })
    }
}

impl Source for WithIntensity {
    fn description(&self) -> &Description {
        self.image.description()
    }

    fn origin(&self) -> Position {
        self.image.origin()
    }

    fn details(&self) -> Details {
        self.image.details()
    }

    fn warnings(&self) -> Vec<String> {
        self.image.warnings()
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        self.image.read(region)
    }

    fn mark(&self, region: &Region) -> Result<Option<Mark>> {
        Ok(self.image.mark(region)?.zip(self.intensity.mark(region)?).map(|(image, values)| image.with(values)))
    }

    fn absent(&self) -> Result<Option<Absent>> {
        self.image.absent()
    }

    fn covers(&self, region: &Region) -> Result<bool> {
        self.image.covers(region)
    }

    fn stored(&self) -> Result<Option<Vec<Region>>> {
        self.image.stored()
    }

    fn marks(&self, regions: &[Region]) -> Result<Vec<Option<Marked>>> {
        let (images, values) = (self.image.marks(regions)?, self.intensity.marks(regions)?);
        let both = |(image, values): (Option<Marked>, Option<Marked>)| {
            let (image, values) = image.zip(values)?;
            Some(Marked { mark: image.mark.with(values.mark), youngest: image.youngest.max(values.youngest) })
        };
        Ok(images.into_iter().zip(values).map(both).collect())
    }

    fn confinement(&self) -> Option<Arc<dyn Source>> {
        self.image.confinement()
    }

    fn atlas(&self) -> Option<Atlas> {
        self.image.atlas()
    }

    fn intensity(&self) -> Option<Arc<dyn Source>> {
        Some(Arc::clone(&self.intensity))
    }
}

/// The error of an image of intensities that cannot be opened: options for the image are of no use to it.
pub(crate) fn intensity_error(error: Error) -> Error {
    if error.kind() != Kind::Usage {
        return error;
    }
    Error::usage("the image of --intensity must be one image with the axes z, y, x (or y, x)").because(error)
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::chunk::Voxels;
    use crate::store::RegionView;
    use crate::store::memory::MemorySource;

    fn boxed(values: Array3<u8>) -> Box<dyn Source> {
        Box::new(MemorySource::of(Voxels::U8(values), 3))
    }

    #[test]
    fn a_part_of_an_image_has_the_same_part_of_its_intensities() {
        let values = Array3::from_shape_fn((4, 5, 6), |(z, y, x)| u8::try_from(50 * z + 8 * y + x).unwrap());
        let path = Path::new("values.npy");
        let source = WithIntensity::new(boxed(Array3::ones((4, 5, 6))), boxed(values.clone()), path).unwrap();
        let view = RegionView::new(Box::new(source), &[1..3, 1..5, 2..6]).unwrap();
        let read = view.intensity().unwrap().read(&Region::new([1, 2, 3], [2, 4, 4])).unwrap().unwrap();
        assert_eq!(read.voxels, Voxels::U8(values.slice(ndarray::s![2..3, 3..5, 5..6]).to_owned()));
        assert!(view.confinement().is_none());
    }

    #[test]
    fn intensities_of_another_shape_are_refused_with_both() {
        let (image, values) = (boxed(Array3::ones((4, 5, 6))), boxed(Array3::ones((4, 5, 7))));
        let error = WithIntensity::new(image, values, Path::new("raw.npy")).err().unwrap();
        let text = error.to_string();
        assert_eq!(error.kind(), Kind::Data);
        assert!(text.contains("raw.npy") && text.contains("4 x 5 x 7") && text.contains("4 x 5 x 6"), "{text}");
    }
}
