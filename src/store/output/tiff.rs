//! Uncompressed TIFF files with one page for each plane.

use std::io::Cursor;
use std::path::Path;

use tiff::encoder::{TiffEncoder, TiffValue, colortype};
use tiff::{TiffError, TiffResult};

use crate::chunk::{Value, Voxels};
use crate::error::{Error, Kind, Result};
use crate::store::disk;
use crate::store::file::write_failed;

/// Largest size of a file, in bytes: offsets have 32 bits, and the directories need some room.
const LARGEST: usize = (1 << 32) - (1 << 24);

/// Writes an image as a TIFF file with a page for each plane. Bools are written as bytes 0 and 1. Holds the file in
/// memory once.
///
/// # Errors
/// `Output` for an image of almost 4 GiB or more; `Io` or `Output` if the file cannot be written.
pub fn write_tiff(path: impl AsRef<Path>, voxels: &Voxels) -> Result<()> {
    let path = path.as_ref();
    let encoded = if voxels.bytes() > LARGEST {
        Err(Error::new(Kind::Output, "would be larger than a TIFF file can be (4 GiB); write smaller images"))
    } else {
        encode(voxels).map_err(|error| match error {
            TiffError::IoError(error) => write_failed(&error),
            other => Error::internal("cannot be encoded as TIFF").because(other),
        })
    };
    let write = |bytes: Vec<u8>| disk::write(path, &bytes).map_err(|error| write_failed(&error));
    encoded.and_then(write).map_err(|error| error.at(path))
}

fn encode(voxels: &Voxels) -> TiffResult<Vec<u8>> {
    let shape = voxels.shape();
    match voxels {
        Voxels::Bool(a) => pages::<u8, colortype::Gray8>(shape, a.iter().map(|&v| u8::from(v))),
        Voxels::U8(a) => pages::<_, colortype::Gray8>(shape, a.iter().copied()),
        Voxels::U16(a) => pages::<_, colortype::Gray16>(shape, a.iter().copied()),
        Voxels::U32(a) => pages::<_, colortype::Gray32>(shape, a.iter().copied()),
        Voxels::I16(a) => pages::<_, colortype::GrayI16>(shape, a.iter().copied()),
        Voxels::I32(a) => pages::<_, colortype::GrayI32>(shape, a.iter().copied()),
        Voxels::F32(a) => pages::<_, colortype::Gray32Float>(shape, a.iter().copied()),
        Voxels::I64(a) => pages::<_, colortype::GrayI64>(shape, a.iter().copied()),
        Voxels::F64(a) => pages::<_, colortype::Gray64Float>(shape, a.iter().copied()),
    }
}

fn pages<T: Value, C>(shape: [usize; 3], mut values: impl Iterator<Item = T>) -> TiffResult<Vec<u8>>
where
    C: colortype::ColorType<Inner = T>,
    [T]: TiffValue,
{
    let [depth, height, width] = shape;
    let mut file = Cursor::new(Vec::with_capacity(depth * height * width * size_of::<T>() + (1 << 12)));
    let mut encoder = TiffEncoder::new(&mut file)?;
    let [rows, columns] = [height, width].map(u32::try_from);
    for _ in 0..depth {
        let page: Vec<T> = values.by_ref().take(height * width).collect();
        encoder.write_image::<C>(columns?, rows?, &page)?;
    }
    Ok(file.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunk::Dtype;
    use crate::store::fixtures::{assert_holds, expected};
    use crate::store::{OpenOptions, open};

    #[test]
    fn what_is_written_is_read_back_in_every_type() {
        let folder = tempfile::tempdir().unwrap();
        for dtype in [Dtype::U8, Dtype::U16, Dtype::U32, Dtype::I16, Dtype::I32, Dtype::F32, Dtype::F64] {
            for shape in [[1, 9, 14], [3, 5, 4]] {
                let path = folder.path().join("image.tif");
                let values = expected(shape, dtype, 0);
                write_tiff(&path, &values).unwrap();
                let source = open(&path, &OpenOptions::default()).unwrap();
                assert_eq!(source.description().dimensions, if shape[0] == 1 { 2 } else { 3 });
                assert_holds(&*source, &values);
            }
        }
        let missing = write_tiff(folder.path(), &Voxels::filled(Dtype::U8, [1; 3], 0.0)).unwrap_err();
        assert!(missing.to_string().starts_with(&folder.path().display().to_string()), "{missing}");
    }

    #[test]
    fn bools_are_bytes() {
        let folder = tempfile::tempdir().unwrap();
        write_tiff(folder.path().join("a.tif"), &expected([2, 5, 6], Dtype::Bool, 0)).unwrap();
        let bytes = expected([2, 5, 6], Dtype::Bool, 0);
        let Voxels::Bool(bytes) = bytes else { unreachable!() };
        let source = open(&folder.path().join("a.tif"), &OpenOptions::default()).unwrap();
        assert_holds(&*source, &Voxels::U8(bytes.mapv(u8::from)));
    }
}
