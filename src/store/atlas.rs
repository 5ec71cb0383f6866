//! Atlases: images of labels of regions, which divide the network of another image of the same shape.
//!
//! A region is all voxels of one label, connected or not. Label 0 stands for what lies outside of all regions.

mod names;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::Array3;

pub use self::names::{RegionNames, read_region_names};
use crate::chunk::{Chunk, Value, Voxels};
use crate::error::{Error, Result};
use crate::kernel::mask::Mask;
use crate::space::{Region, Voxel};
use crate::store::{Description, Source, StoredType};
use crate::with_voxels;

/// An image of labels, with the names of its regions, if there are any.
#[derive(Clone)]
#[non_exhaustive]
pub struct Atlas {
    /// The image, whose values are whole numbers.
    pub source: Arc<dyn Source>,
    /// The names of regions by their labels; `None` if there is no table of names.
    pub names: Option<Arc<RegionNames>>,
}

impl std::fmt::Debug for Atlas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Atlas").field("image", &self.source.description().name).finish_non_exhaustive()
    }
}

impl Atlas {
    /// An atlas from an image of labels.
    ///
    /// # Errors
    /// `Data` if its values are not whole numbers.
    pub fn new(source: Arc<dyn Source>, names: Option<RegionNames>) -> Result<Atlas> {
        let Description { name, dtype, stored, .. } = source.description();
        if !dtype.is_integer() {
            let message = format!(
                "has values of type {}, and labels of regions are whole numbers: store the atlas as whole numbers",
                stored.name()
            );
            return Err(Error::data(message).at(name));
        }
        Ok(Atlas { source, names: names.map(Arc::new) })
    }

    /// The label of voxels that are not stored.
    pub fn fill(&self) -> i128 {
        self.source.description().fill as i128
    }

    /// The labels in a box inside the image; `None` if no part of it is stored.
    ///
    /// # Errors
    /// If the image cannot be read; the error names its file.
    pub fn read(&self, region: &Region) -> Result<Option<Labels>> {
        let unsigned = self.source.description().stored == StoredType::U64;
        Ok(self.source.read(region)?.map(|Chunk { region, voxels }| Labels { region, voxels, unsigned }))
    }
}

/// The labels of regions in a box.
#[derive(Clone, Debug)]
pub struct Labels {
    region: Region,
    voxels: Voxels,
    /// Whether 64-bit values are unsigned numbers.
    unsigned: bool,
}

impl Labels {
    /// The label of a voxel in the box.
    ///
    /// # Panics
    /// If the voxel is not in the box.
    pub fn at(&self, voxel: Voxel) -> i128 {
        let position = voxel.position();
        let place: [usize; 3] = std::array::from_fn(|axis| (position[axis] - self.region.min[axis]) as usize);
        with_voxels!(&self.voxels, array => self.label(array[place]))
    }

    /// Adds the number of voxels of each label in the box, or in the part of it where a mask of the box is set.
    pub fn count(&self, within: Option<&Mask>, counts: &mut BTreeMap<i128, u64>) {
        with_voxels!(&self.voxels, array => self.count_in(array, within, counts));
    }

    fn count_in<T: Value>(&self, array: &Array3<T>, within: Option<&Mask>, counts: &mut BTreeMap<i128, u64>) {
        let is_inside = |place: [usize; 3], mask: &Mask| {
            let position = std::array::from_fn(|axis| self.region.min[axis] + place[axis] as i64);
            mask.get(mask.layout().bit_at(position))
        };
        let inside: Cow<'_, [T]> = match (within, array.as_slice()) {
            (None, Some(values)) => Cow::Borrowed(values),
            (None, None) => array.iter().copied().collect(),
            (Some(mask), _) => {
                let inside = array.indexed_iter().filter(|((z, y, x), _)| is_inside([*z, *y, *x], mask));
                inside.map(|(_, value)| *value).collect()
            }
        };
        // Neighbours mostly have the same label.
        for run in inside.chunk_by(|a, b| a == b) {
            *counts.entry(self.label(run[0])).or_default() += run.len() as u64;
        }
    }

    fn label<T: Value>(&self, value: T) -> i128 {
        let whole = value.to_i64();
        if self.unsigned { i128::from(whole as u64) } else { i128::from(whole) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::space::Position;
    use crate::store::RegionView;
    use crate::store::companions::Accompanied;
    use crate::store::memory::MemorySource;

    fn atlas(voxels: Voxels) -> Result<Atlas> {
        Atlas::new(Arc::new(MemorySource::of(voxels, 3)), None)
    }

    fn image(shape: [usize; 3]) -> Box<dyn Source> {
        Box::new(MemorySource::of(Voxels::U8(Array3::ones(shape)), 3))
    }

    #[test]
    fn a_part_of_an_image_has_the_labels_of_its_own_voxels() {
        let labels = Array3::from_shape_fn((4, 5, 6), |(z, y, x)| i16::try_from(100 * z + 10 * y + x).unwrap() - 200);
        let atlas = atlas(Voxels::I16(labels.clone())).unwrap();
        let source = Accompanied::new(image([4, 5, 6])).with_atlas(atlas).unwrap();
        let view = RegionView::new(Box::new(source), &[1..3, 1..5, 2..6]).unwrap();
        let own = Region::new([1, 0, 1], [2, 3, 4]);
        let found = view.atlas().unwrap().read(&own).unwrap().unwrap();
        let expected = |[z, y, x]: Position| i128::from(labels[[z as usize + 1, y as usize + 1, x as usize + 2]]);
        let voxels = || (0..3).flat_map(|y| (1..4).map(move |x| [1, y, x]));
        assert!(voxels().all(|p| found.at(Voxel::new(p)) == expected(p)));
        let mut counts = BTreeMap::new();
        found.count(None, &mut counts);
        assert_eq!(counts, voxels().map(|p| (expected(p), 1)).collect());
    }

    #[test]
    fn labels_are_counted_inside_a_mask() {
        let labels = Array3::from_shape_fn((2, 3, 70), |(z, y, x)| u8::from(x > 30) + 2 * u8::from(z + y == 2));
        let found = atlas(Voxels::U8(labels.clone())).unwrap();
        let whole = Region::of_shape([2, 3, 70]);
        let mut mask = Mask::new(crate::kernel::mask::Layout::new(whole));
        for (place, _) in labels.indexed_iter().filter(|((z, y, x), _)| (z + y + x) % 3 == 0) {
            let place: [usize; 3] = place.into();
            mask.set(mask.layout().bit_at(place.map(|n| n as i64)));
        }
        let mut counts = BTreeMap::from([(7, 5)]);
        found.read(&whole).unwrap().unwrap().count(Some(&mask), &mut counts);
        let mut expected = BTreeMap::from([(7, 5)]);
        for ((z, y, x), &label) in labels.indexed_iter() {
            if (z + y + x) % 3 == 0 {
                *expected.entry(i128::from(label)).or_default() += 1;
            }
        }
        assert_eq!(counts, expected);
    }

    #[test]
    fn an_atlas_of_another_shape_or_without_whole_numbers_is_refused() {
        let other = atlas(Voxels::Bool(Array3::default((4, 5, 7)))).unwrap();
        let error = Accompanied::new(image([4, 5, 6])).with_atlas(other).err().unwrap();
        let text = error.to_string();
        assert_eq!(error.kind(), Kind::Data);
        assert!(
            text.starts_with("array in memory: ") && text.contains("4 x 5 x 7") && text.contains("4 x 5 x 6"),
            "{text}"
        );
        let error = atlas(Voxels::F32(Array3::ones((4, 5, 6)))).unwrap_err();
        assert!(error.kind() == Kind::Data && error.to_string().contains("float32"), "{error}");
    }
}
