//! The stored images of tests/fixtures/stores and their values, by the formula of scripts/make_store_fixtures.py.

use std::path::{Path, PathBuf};

use ndarray::Array3;

use crate::chunk::{Dtype, Value, Voxels};
use crate::space::Region;
use crate::store::Source;

/// Shape of most of the stored images.
pub(crate) const SHAPE: [usize; 3] = [5, 12, 14];

/// The path of a stored image.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stores").join(name)
}

/// The values of image `image` of a fixture.
pub(crate) fn expected(shape: [usize; 3], dtype: Dtype, image: i32) -> Voxels {
    fn array<T: Value>(shape: [usize; 3], image: i32, convert: impl Fn(i32) -> T) -> Voxels {
        T::wrap(Array3::from_shape_fn(shape, |(z, y, x)| {
            convert(i32::try_from(100 * z + 10 * y + x).unwrap() + 7 * image)
        }))
    }
    match dtype {
        Dtype::Bool => array(shape, image, |v| v % 3 == 0),
        Dtype::U8 => array(shape, image, |v| u8::try_from(v % 251).unwrap()),
        Dtype::U16 => array(shape, image, |v| u16::try_from(v).unwrap()),
        Dtype::U32 => array(shape, image, |v| u32::try_from(v).unwrap()),
        Dtype::I16 => array(shape, image, |v| i16::try_from(v - 300).unwrap()),
        Dtype::I32 => array(shape, image, |v| v - 300),
        Dtype::I64 => array(shape, image, |v| i64::from(v - 300)),
        Dtype::F32 => array(shape, image, |v| (v - 300) as f32 / 4.0),
        Dtype::F64 => array(shape, image, |v| f64::from(v - 300) / 4.0),
    }
}

/// Asserts that a source holds these values, read whole and in parts of several shapes that do not match its own
/// blocks, in raster order.
pub(crate) fn assert_holds(source: &dyn Source, values: &Voxels) {
    let description = source.description();
    assert_eq!((description.shape, description.dtype), (values.shape(), values.dtype()));
    let volume = Region::of_shape(description.shape);
    for step in [[100; 3], [1, 100, 100], [2, 5, 3], [3, 4, 6], [4, 1, 100], description.chunk] {
        for part in crate::grid::Grid::new(volume, step).chunks() {
            let region = crate::grid::Grid::new(volume, step).region(part);
            let voxels = match source.read(&region).unwrap() {
                Some(chunk) => {
                    assert_eq!(chunk.region, region);
                    chunk.voxels
                }
                None => Voxels::filled(description.dtype, region.shape(), description.fill),
            };
            assert_eq!(voxels, values.part(&region), "{region:?} of {}", description.name);
        }
    }
}

#[cfg(any(feature = "zarr", feature = "tiff"))]
/// A copy of a fixture in a temporary folder, to be damaged.
pub(crate) fn copy(name: &str, into: &Path) -> PathBuf {
    fn copy_tree(from: &Path, to: &Path) {
        if from.is_dir() {
            std::fs::create_dir_all(to).unwrap();
            for entry in std::fs::read_dir(from).unwrap() {
                let entry = entry.unwrap();
                copy_tree(&entry.path(), &to.join(entry.file_name()));
            }
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
    let target = into.join(name);
    copy_tree(&fixture(name), &target);
    target
}
