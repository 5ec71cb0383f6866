//! Images that go with another image of the same shape: the mask of a region of interest, an atlas, and the image whose values
//! are measured in place of its own.

use std::sync::Arc;

use crate::chunk::Chunk;
use crate::error::{Error, Kind, Result};
use crate::space::{Position, Region};
use crate::store::{Absent, Atlas, Description, Details, Mark, Marked, Source};

/// The images that go with an image.
#[derive(Clone)]
pub(super) struct Companions {
    /// The mask to which its analysis is confined.
    pub(super) mask: Option<Arc<dyn Source>>,
    /// The atlas whose regions divide its network.
    pub(super) atlas: Option<Atlas>,
    /// The image whose values are measured.
    pub(super) intensity: Option<Arc<dyn Source>>,
}

impl Companions {
    /// Those of an image.
    pub(super) fn of(image: &dyn Source) -> Self {
        Companions { mask: image.confinement(), atlas: image.atlas(), intensity: image.intensity() }
    }

    /// The same parts of all of them.
    pub(super) fn map(self, part: impl Fn(Arc<dyn Source>) -> Arc<dyn Source>) -> Self {
        Companions {
            mask: self.mask.map(&part),
            atlas: self.atlas.map(|atlas| Atlas { source: part(atlas.source), ..atlas }),
            intensity: self.intensity.map(&part),
        }
    }
}

/// An image with others that go with it.
pub(crate) struct Accompanied {
    image: Box<dyn Source>,
    companions: Companions,
}

impl Accompanied {
    /// An image with those that it has already.
    pub(crate) fn new(image: Box<dyn Source>) -> Self {
        let companions = Companions::of(&*image);
        Accompanied { image, companions }
    }

    /// The same image, confined to a mask.
    ///
    /// # Errors
    /// `Data` if the mask has another shape than the image.
    pub(crate) fn with_mask(mut self, mask: Box<dyn Source>) -> Result<Self> {
        self.check(&*mask, "a mask has one voxel")?;
        self.companions.mask = Some(Arc::from(mask));
        Ok(self)
    }

    /// The same image, divided by an atlas.
    ///
    /// # Errors
    /// `Data` if the atlas has another shape than the image.
    pub(crate) fn with_atlas(mut self, atlas: Atlas) -> Result<Self> {
        self.check(&*atlas.source, "an atlas has one label")?;
        self.companions.atlas = Some(atlas);
        Ok(self)
    }

    /// The same image, with another whose values are measured in place of its own.
    ///
    /// # Errors
    /// `Data` if the other has another shape than the image.
    pub(crate) fn with_intensity(mut self, intensity: Box<dyn Source>) -> Result<Self> {
        self.check(&*intensity, "--intensity takes one value")?;
        self.companions.intensity = Some(Arc::from(intensity));
        Ok(self)
    }

    /// Refuses a companion of another shape than the image.
    fn check(&self, other: &dyn Source, wanted: &str) -> Result<()> {
        let (of_image, of_other) = (self.image.description(), other.description());
        if (of_image.shape, of_image.dimensions) == (of_other.shape, of_other.dimensions) {
            return Ok(());
        }
        let text = |description: &Description| {
            let own = &description.shape[3 - description.dimensions..];
            own.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
        };
        let message = format!(
            "has {} voxels, and the image {}: {wanted} for each voxel of the whole image",
            text(of_other),
            text(of_image)
        );
        Err(Error::data(message).at(&of_other.name))
    }

    /// The companions on which masks and values depend. Regions divide the outputs only: nothing is read or thinned again when
    /// the atlas changes.
    fn read_with_image(&self) -> impl Iterator<Item = &Arc<dyn Source>> {
        self.companions.mask.iter().chain(&self.companions.intensity)
    }
}

impl Source for Accompanied {
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
        let Companions { mask, atlas, intensity } = &self.companions;
        let atlas = atlas.as_ref().map(|atlas| &*atlas.source);
        let others = [(mask.as_deref(), "mask"), (atlas, "atlas"), (intensity.as_deref(), "image of intensities")];
        let of_others = others.into_iter().filter_map(|(other, what)| another_voxel_size(&*self.image, other?, what));
        self.image.warnings().into_iter().chain(of_others).collect()
    }

    fn read(&self, region: &Region) -> Result<Option<Chunk>> {
        self.image.read(region)
    }

    fn mark(&self, region: &Region) -> Result<Option<Mark>> {
        let mut mark = self.image.mark(region)?;
        for other in self.read_with_image() {
            mark = mark.zip(other.mark(region)?).map(|(mark, other)| mark.with(other));
        }
        Ok(mark)
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
        let mut marks = self.image.marks(regions)?;
        for other in self.read_with_image() {
            let both = |(mark, other): (Option<Marked>, Option<Marked>)| {
                let (mark, other) = mark.zip(other)?;
                Some(Marked { mark: mark.mark.with(other.mark), youngest: mark.youngest.max(other.youngest) })
            };
            marks = marks.into_iter().zip(other.marks(regions)?).map(both).collect();
        }
        Ok(marks)
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
}

/// The warning about a mask or an atlas whose voxels are of another size than those of the image, if both are known and in
/// one unit.
fn another_voxel_size(image: &dyn Source, other: &dyn Source, what: &str) -> Option<String> {
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

/// The error of a companion that cannot be opened: options for the image are of no use to it.
pub(crate) fn companion_error(what: &'static str) -> impl Fn(Error) -> Error {
    move |error| match error.kind() {
        Kind::Usage => Error::usage(format!("{what} must be one image with the axes z, y, x (or y, x)")).because(error),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::chunk::{Dtype, Voxels};
    use crate::store::memory::MemorySource;
    use crate::store::provided::ProvidedSource;
    use crate::store::{OpenOptions, RegionView};

    fn boxed(values: Array3<u8>) -> Box<dyn Source> {
        Box::new(MemorySource::of(Voxels::U8(values), 3))
    }

    /// An image of another shape.
    fn named(name: &str) -> Box<dyn Source> {
        let values = Voxels::U8(Array3::ones((4, 5, 7)));
        let description = Description::new(name, values.shape(), 3, values.dtype());
        Box::new(MemorySource::new(values, description).unwrap())
    }

    fn accompanied() -> Accompanied {
        Accompanied::new(boxed(Array3::ones((4, 5, 6))))
    }

    #[test]
    fn a_part_of_an_image_has_the_same_part_of_its_intensities() {
        let values = Array3::from_shape_fn((4, 5, 6), |(z, y, x)| u8::try_from(50 * z + 8 * y + x).unwrap());
        let source = accompanied().with_intensity(boxed(values.clone())).unwrap();
        let view = RegionView::new(Box::new(source), &[1..3, 1..5, 2..6]).unwrap();
        let read = view.intensity().unwrap().read(&Region::new([1, 2, 3], [2, 4, 4])).unwrap().unwrap();
        assert_eq!(read.voxels, Voxels::U8(values.slice(ndarray::s![2..3, 3..5, 5..6]).to_owned()));
        assert!(view.confinement().is_none());
    }

    #[test]
    fn intensities_of_another_shape_are_refused_with_both() {
        let error = accompanied().with_intensity(named("raw.npy")).err().unwrap();
        let text = error.to_string();
        assert_eq!(error.kind(), Kind::Data);
        assert!(text.contains("raw.npy") && text.contains("4 x 5 x 7") && text.contains("4 x 5 x 6"), "{text}");
    }

    #[test]
    fn a_mask_of_another_shape_is_refused_with_both() {
        let error = accompanied().with_mask(named("lung.npy")).err().unwrap();
        assert_eq!(error.kind(), Kind::Data);
        let text = error.to_string();
        assert!(text.contains("lung.npy") && text.contains("4 x 5 x 7") && text.contains("4 x 5 x 6"), "{text}");
    }

    #[test]
    fn every_companion_with_another_size_of_a_voxel_is_named() {
        let of = |name: &str, spacing: &[f64]| -> Box<dyn Source> {
            let description = Description::new(name, [4, 5, 6], 3, Dtype::U8);
            let source = ProvidedSource::new(description, |region| Ok(Voxels::filled(Dtype::U8, region.shape(), 1.0)));
            let options = OpenOptions { spacing: Some(spacing.to_vec()), ..OpenOptions::default() };
            Box::new(source.with_options(&options).unwrap())
        };
        let with = |spacing: &[f64]| {
            let image = Accompanied::new(of("image", &[2.0, 1.0, 1.0])).with_mask(of("lung", spacing)).unwrap();
            image.with_intensity(of("raw", spacing)).unwrap().warnings()
        };
        assert_eq!(with(&[2.0, 1.0, 1.0]), Vec::<String>::new());
        let warnings = with(&[2.0, 0.5, 0.5]);
        let words = ["lung: a voxel of the mask is 2 x 0.5 x 0.5", "raw: a voxel of the image of intensities is"];
        let are_named = warnings.iter().zip(words).all(|(warning, words)| warning.starts_with(words));
        assert!(are_named && warnings.len() == 2, "{warnings:?}");
    }
}
