//! Images in memory, and as files of every format that the program reads.

use std::path::Path;
use std::sync::Arc;

use tiff::encoder::{TiffEncoder, colortype};
use zarrs::array::{Array, ArrayBytes, ArrayMetadata};
use zarrs::filesystem::FilesystemStore;

use crate::sequential::Mask;

/// An image in memory: its values as `f64`, exact in its type.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) shape: [usize; 3],
    pub(crate) dimensions: usize,
    pub(crate) values: Vec<f64>,
    /// As NumPy names it.
    pub(crate) dtype: String,
}

impl Image {
    /// A mask as a three-dimensional image of bool.
    pub(crate) fn of_mask(mask: &Mask) -> Self {
        let values = mask.voxels.iter().map(|&v| f64::from(u8::from(v))).collect();
        Image { shape: mask.shape, dimensions: 3, values, dtype: "bool".into() }
    }

    /// A mask whose foreground voxels have values of their own, from 1 to 251; background is 0.
    pub(crate) fn woven(mask: &Mask, dtype: &str) -> Self {
        let value = |index: usize| {
            let [z, y, x] = mask.position(index);
            if mask.voxels[index] { (1 + (7 * z + 13 * y + 29 * x) % 251) as f64 } else { 0.0 }
        };
        let values = (0..mask.voxels.len()).map(value).collect();
        Image { shape: mask.shape, dimensions: 3, values, dtype: dtype.into() }
    }

    /// The extents of the image's own axes.
    pub(crate) fn axes(&self) -> &[usize] {
        &self.shape[3 - self.dimensions..]
    }

    /// The values as the type has them, little-endian.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        fn bytes<const N: usize>(values: &[f64], convert: impl Fn(f64) -> [u8; N]) -> Vec<u8> {
            values.iter().flat_map(|&v| convert(v)).collect()
        }
        let values = &self.values;
        match self.dtype.as_str() {
            "bool" => bytes(values, |v| [u8::from(v != 0.0)]),
            "uint8" => bytes(values, |v| [v as u8]),
            "uint16" => bytes(values, |v| (v as u16).to_le_bytes()),
            "uint32" => bytes(values, |v| (v as u32).to_le_bytes()),
            "int16" => bytes(values, |v| (v as i16).to_le_bytes()),
            "int32" => bytes(values, |v| (v as i32).to_le_bytes()),
            "float32" => bytes(values, |v| (v as f32).to_le_bytes()),
            "float64" => bytes(values, f64::to_le_bytes),
            other => panic!("no such type: {other}"),
        }
    }

    /// Writes the image as a .npy file.
    pub(crate) fn write_npy(&self, path: &Path) {
        let code = match self.dtype.as_str() {
            "bool" => "|b1",
            "uint8" => "|u1",
            "uint16" => "<u2",
            "uint32" => "<u4",
            "int16" => "<i2",
            "int32" => "<i4",
            "float32" => "<f4",
            "float64" => "<f8",
            other => panic!("no such type: {other}"),
        };
        write_npy(path, code, self.axes(), &self.bytes());
    }

    /// Writes the image as a Zarr v3 array in chunks of a shape. `codecs` is the metadata's list, in JSON.
    pub(crate) fn write_zarr(&self, path: &Path, chunk: &[usize], codecs: &str) {
        let fill = match self.dtype.as_str() {
            "bool" => "false",
            "float32" | "float64" => "0.0",
            _ => "0",
        };
        let array = create_zarr(path, self.axes(), chunk, &self.dtype, fill, codecs);
        array.store_array_subset(&array.subset_all(), ArrayBytes::from(self.bytes())).expect("a writable folder");
    }

    /// Writes the image as a TIFF of a page a plane.
    pub(crate) fn write_tiff(&self, path: &Path) {
        let file = std::io::BufWriter::new(std::fs::File::create(path).expect("a writable folder"));
        let mut encoder = TiffEncoder::new(file).expect("a TIFF header");
        for z in 0..self.shape[0] {
            self.write_page(&mut encoder, z);
        }
    }

    /// Writes the image as a folder of TIFF slices, one a plane.
    pub(crate) fn write_slices(&self, folder: &Path) {
        std::fs::create_dir(folder).expect("a writable folder");
        for z in 0..self.shape[0] {
            let file = std::fs::File::create(folder.join(format!("slice_{z:04}.tif"))).expect("a writable folder");
            self.write_page(&mut TiffEncoder::new(file).expect("a TIFF header"), z);
        }
    }

    fn write_page<W: std::io::Write + std::io::Seek>(&self, encoder: &mut TiffEncoder<W>, z: usize) {
        let [_, height, width] = self.shape;
        let plane = &self.values[z * height * width..(z + 1) * height * width];
        let [w, h] = [width, height].map(|n| u32::try_from(n).expect("a small image"));
        let written = match self.dtype.as_str() {
            "uint8" => {
                encoder.write_image::<colortype::Gray8>(w, h, &plane.iter().map(|&v| v as u8).collect::<Vec<_>>())
            }
            "uint16" => {
                encoder.write_image::<colortype::Gray16>(w, h, &plane.iter().map(|&v| v as u16).collect::<Vec<_>>())
            }
            "float32" => encoder.write_image::<colortype::Gray32Float>(
                w,
                h,
                &plane.iter().map(|&v| v as f32).collect::<Vec<_>>(),
            ),
            other => panic!("no TIFF pages of {other} here"),
        };
        written.expect("a writable file");
    }
}

/// Writes a .npy file (version 1.0, C order) of a type code and shape.
pub(crate) fn write_npy(path: &Path, code: &str, axes: &[usize], bytes: &[u8]) {
    let shape: String = axes.iter().map(|n| format!("{n},")).collect();
    let mut header = format!("{{'descr': '{code}', 'fortran_order': False, 'shape': ({shape}), }}");
    let unpadded = 10 + header.len() + 1;
    header.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend(u16::try_from(header.len()).expect("a short header").to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(bytes);
    std::fs::write(path, file).expect("a writable folder");
}

/// Codecs that store values as they are.
pub(crate) const PLAIN: &str = r#"[{"name": "bytes", "configuration": {"endian": "little"}}]"#;

/// Codecs that notice damage.
pub(crate) const CHECKED: &str = r#"[{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]"#;

/// The metadata of a Zarr v3 array.
pub(crate) fn zarr_json(axes: &[usize], chunk: &[usize], dtype: &str, fill: &str, codecs: &str) -> String {
    format!(
        r#"{{"zarr_format": 3, "node_type": "array", "shape": {axes:?}, "data_type": "{dtype}",
            "chunk_grid": {{"name": "regular", "configuration": {{"chunk_shape": {chunk:?}}}}},
            "chunk_key_encoding": {{"name": "default", "configuration": {{"separator": "/"}}}},
            "fill_value": {fill}, "codecs": {codecs}, "attributes": {{}}}}"#
    )
}

fn create_zarr(
    path: &Path,
    axes: &[usize],
    chunk: &[usize],
    dtype: &str,
    fill: &str,
    codecs: &str,
) -> Array<FilesystemStore> {
    let metadata = zarr_json(axes, chunk, dtype, fill, codecs);
    let metadata = ArrayMetadata::try_from(metadata.as_str()).expect("valid metadata");
    let store = Arc::new(FilesystemStore::new(path).expect("a writable folder"));
    let array = Array::new_with_metadata(store, "/", metadata).expect("an array");
    array.store_metadata().expect("a writable folder");
    array
}
