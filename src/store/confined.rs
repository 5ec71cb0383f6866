//! Images whose analysis is confined to a mask: everything outside of it counts as background.

use std::path::Path;
use std::sync::Arc;

use crate::chunk::Chunk;
use crate::error::{Error, Kind, Result};
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::{Binarise, Binary};
use crate::kernel::mask::threshold::Threshold;
use crate::space::{Position, Region};
use crate::store::{Absent, Description, Details, Mark, Marked, Source};

/// An image with the mask to which its analysis is confined, of the same shape.
pub(crate) struct ConfinedSource {
    image: Box<dyn Source>,
    mask: Arc<dyn Source>,
}

impl ConfinedSource {
    /// # Errors
    /// `Data` if the mask has another shape than the image.
    pub(crate) fn new(image: Box<dyn Source>, mask: Box<dyn Source>, path: &Path) -> Result<ConfinedSource> {
        let (of_image, of_mask) = (image.description(), mask.description());
        if (of_image.shape, of_image.dimensions) != (of_mask.shape, of_mask.dimensions) {
            let message = format!(
                "has {} voxels, and the image {}: a mask has one voxel for each voxel of the whole image",
                shape_text(of_mask),
                shape_text(of_image)
            );
            return Err(Error::data(message).at(path));
        }
        Ok(ConfinedSource { image, mask: Arc::from(mask) })
    }
}

impl Source for ConfinedSource {
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
        let mut warnings = self.image.warnings();
        warnings.extend(another_voxel_size(&*self.image, &*self.mask, "mask"));
        warnings
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        self.image.read(region)
    }

    fn mark(&self, region: &Region) -> Result<Option<Mark>> {
        Ok(self.image.mark(region)?.zip(self.mask.mark(region)?).map(|(image, mask)| image.with(mask)))
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
        let (images, masks) = (self.image.marks(regions)?, self.mask.marks(regions)?);
        let both = |(image, mask): (Option<Marked>, Option<Marked>)| {
            let (image, mask) = image.zip(mask)?;
            Some(Marked { mark: image.mark.with(mask.mark), youngest: image.youngest.max(mask.youngest) })
        };
        Ok(images.into_iter().zip(masks).map(both).collect())
    }

    fn confinement(&self) -> Option<Arc<dyn Source>> {
        Some(Arc::clone(&self.mask))
    }
}

/// The part of a box to which an analysis is confined.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Inside {
    /// All of it.
    Everything,
    /// Nothing of it.
    Nothing,
    /// Where a mask is set.
    Mask(Mask),
}

impl Inside {
    /// The part of a chunk's mask that lies inside.
    pub fn confine(&self, binary: Binary) -> Option<Binary> {
        match self {
            Inside::Everything => Some(binary),
            Inside::Nothing => None,
            Inside::Mask(mask) => binary.within(mask),
        }
    }

    /// The mask, where some of the box lies inside and some outside.
    pub fn mask(&self) -> Option<&Mask> {
        match self {
            Inside::Everything | Inside::Nothing => None,
            Inside::Mask(mask) => Some(mask),
        }
    }

    /// Number of voxels inside a box, of which this is the part.
    pub fn volume(&self, own: &Region) -> usize {
        match self {
            Inside::Everything => own.volume(),
            Inside::Nothing => 0,
            Inside::Mask(mask) => mask.count(),
        }
    }
}

/// The part of the box of a chunk to which the analysis of an image is confined: where the mask is not zero.
///
/// # Errors
/// If the mask cannot be read; the error names its file.
pub fn inside(source: &dyn Source, own: &Region) -> Result<Inside> {
    let Some(mask) = source.confinement() else { return Ok(Inside::Everything) };
    let chunk = mask.read(own)?;
    let Description { shape, dtype, fill, .. } = *mask.description();
    let bounds = Region::of_shape(shape);
    let mut kernel = Binarise { gaussian: None, threshold: Threshold::Nonzero, bounds, dtype, fill, keep: 0 };
    Ok(match kernel.mask(chunk.as_ref().map(|chunk| &chunk.voxels), own, own) {
        None => Inside::Nothing,
        Some(binary) if binary.count == own.volume() => Inside::Everything,
        Some(binary) => Inside::Mask(binary.mask),
    })
}

/// The lengths of an image's own axes, for people.
pub(super) fn shape_text(description: &Description) -> String {
    let own = &description.shape[3 - description.dimensions..];
    own.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

/// The warning about a mask or an atlas whose voxels are of another size than those of the image, if both are known and in
/// one unit.
pub(super) fn another_voxel_size(image: &dyn Source, other: &dyn Source, what: &str) -> Option<String> {
    let (of_image, of_other) = (image.description(), other.description());
    let is_known = |source: &dyn Source| !source.details().spacing_from.is_empty();
    let same = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(b.abs());
    if !is_known(image)
        || !is_known(other)
        || of_image.unit != of_other.unit
        || (0..3).all(|axis| same(of_image.spacing.0[axis], of_other.spacing.0[axis]))
    {
        return None;
    }
    let text = |description: &Description| {
        let own = &description.spacing.0[3 - description.dimensions..];
        own.iter().map(f64::to_string).collect::<Vec<_>>().join(" x ")
    };
    Some(format!(
        "{}: a voxel of the {what} is {}, and one of the image {}: the image's is used; is it the {what} of this image?",
        of_other.name,
        text(of_other),
        text(of_image)
    ))
}

/// The error of a mask that cannot be opened: options for the image are of no use to it.
pub(crate) fn mask_error(error: Error) -> Error {
    if error.kind() != Kind::Usage {
        return error;
    }
    Error::usage("the mask of a region of interest must be one image with the axes z, y, x (or y, x)").because(error)
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
    fn what_lies_inside_is_where_the_mask_is_not_zero_in_any_part_of_the_image() {
        let mask = Array3::from_shape_fn((4, 5, 6), |(z, y, x)| u8::from(z > 0 && (y + x) % 2 == 0) * 7);
        let source = ConfinedSource::new(boxed(Array3::ones((4, 5, 6))), boxed(mask.clone()), Path::new("m")).unwrap();
        let view = RegionView::new(Box::new(source), &[1..3, 1..5, 2..6]).unwrap();
        let own = Region::new([1, 0, 1], [2, 3, 4]);
        let Inside::Mask(found) = inside(&view, &own).unwrap() else { panic!("neither all nor nothing") };
        let expected = |[z, y, x]: Position| mask[[z as usize + 1, y as usize + 1, x as usize + 2]] > 0;
        let inner = (0..3).flat_map(|y| (1..4).map(move |x| [1, y, x]));
        assert!(inner.clone().all(|p| found.get(found.layout().bit_at(p)) == expected(p)));
        assert_eq!(found.count(), inner.filter(|p| expected(*p)).count());
    }

    #[test]
    fn a_mask_of_another_shape_is_refused_with_both() {
        let (image, mask) = (boxed(Array3::ones((4, 5, 6))), boxed(Array3::ones((4, 5, 7))));
        let error = ConfinedSource::new(image, mask, Path::new("lung.npy")).err().unwrap();
        assert_eq!(error.kind(), Kind::Data);
        let text = error.to_string();
        assert!(text.contains("lung.npy") && text.contains("4 x 5 x 7") && text.contains("4 x 5 x 6"), "{text}");
    }
}
