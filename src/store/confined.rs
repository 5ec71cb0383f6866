//! What of an image lies inside the mask to which its analysis is confined: everything else counts as background.

use crate::error::Result;
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::{Binarise, Binary};
use crate::kernel::mask::threshold::Threshold;
use crate::space::Region;
use crate::store::{Description, Source};

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

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::chunk::Voxels;
    use crate::space::Position;
    use crate::store::RegionView;
    use crate::store::companions::Accompanied;
    use crate::store::memory::MemorySource;

    fn boxed(values: Array3<u8>) -> Box<dyn Source> {
        Box::new(MemorySource::of(Voxels::U8(values), 3))
    }

    #[test]
    fn what_lies_inside_is_where_the_mask_is_not_zero_in_any_part_of_the_image() {
        let mask = Array3::from_shape_fn((4, 5, 6), |(z, y, x)| u8::from(z > 0 && (y + x) % 2 == 0) * 7);
        let source = Accompanied::new(boxed(Array3::ones((4, 5, 6)))).with_mask(boxed(mask.clone())).unwrap();
        let view = RegionView::new(Box::new(source), &[1..3, 1..5, 2..6]).unwrap();
        let own = Region::new([1, 0, 1], [2, 3, 4]);
        let Inside::Mask(found) = inside(&view, &own).unwrap() else { panic!("neither all nor nothing") };
        let expected = |[z, y, x]: Position| mask[[z as usize + 1, y as usize + 1, x as usize + 2]] > 0;
        let inner = (0..3).flat_map(|y| (1..4).map(move |x| [1, y, x]));
        assert!(inner.clone().all(|p| found.get(found.layout().bit_at(p)) == expected(p)));
        assert_eq!(found.count(), inner.filter(|p| expected(*p)).count());
    }
}
