//! NumPy's `.npz` files: zip archives of `.npy` files, read if they hold one array.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use zip::{CompressionMethod, ZipArchive};

use crate::error::{Error, Result};
use crate::store::inflate::{Inflated, Packed, Wrap};
use crate::store::raw::bytes::{Bytes, FileBytes};
use crate::store::raw::{RawLayout, RawSource, Stored};
use crate::store::{OpenOptions, file, npy};

/// Bytes that are read at a time for their checksum.
const STEP: usize = 1 << 20;
/// Largest size of a NumPy header, in bytes.
const HEADER: u64 = 2 << 20;

/// Returns whether a zip archive contains only `.npy` files.
pub(crate) fn is_npz(path: &Path) -> bool {
    let names = file::open(path).and_then(|(file, _)| names(&archive(file)?));
    names.is_ok_and(|names| !names.is_empty() && names.iter().all(|name| name.ends_with(".npy")))
}

/// Opens the only array in a `.npz` file, like a `.npy` file.
///
/// # Errors
/// Those of a `.npy` file; `Data` also if there are several arrays, or none.
pub fn open(path: impl AsRef<Path>, options: &OpenOptions) -> Result<RawSource> {
    let path = path.as_ref();
    let opened = || RawSource::new(path, layout(path)?, options);
    opened().map_err(|error| if error.is_placed() { error } else { error.at(path) })
}

fn archive(file: File) -> Result<ZipArchive<File>> {
    ZipArchive::new(file)
        .map_err(|error| Error::data("is no zip archive, or damaged; copy it again from where it came").because(error))
}

fn names(archive: &ZipArchive<File>) -> Result<Vec<String>> {
    let damaged = |error| Error::data("is a damaged zip archive; copy it again from where it came").because(error);
    archive.file_names().map(|name| Ok(name.map_err(damaged)?.into_owned())).collect()
}

fn layout(path: &Path) -> Result<RawLayout> {
    let (file, length) = file::open(path)?;
    let mut archive = archive(file)?;
    let mut names = names(&archive)?;
    names.sort();
    let name = match &names[..] {
        [name] => name.clone(),
        [] => return Err(Error::data("holds no arrays; save one with numpy.savez")),
        _ => {
            let keys: Vec<_> = names.iter().take(8).map(|name| name.trim_end_matches(".npy")).collect();
            let (count, keys, more) = (names.len(), keys.join(", "), if names.len() > 8 { ", …" } else { "" });
            let message =
                format!("holds {count} arrays ({keys}{more}); save the one that is the image with numpy.save");
            return Err(Error::data(message));
        }
    };
    let damaged = || Error::data("is damaged: its directory does not fit; copy it again from where it came");
    let (start, size, whole, crc, method) = {
        let entry = archive.by_index_raw(0).map_err(|error| damaged().because(error))?;
        if entry.encrypted() {
            return Err(Error::data("is encrypted; save it without a password"));
        }
        let start = entry.data_start().ok_or_else(damaged)?;
        (start, entry.compressed_size(), entry.size(), entry.crc32(), entry.compression())
    };
    let end = start.checked_add(size).filter(|&end| end <= length).ok_or_else(damaged)?;
    let file = Arc::new(file::open(path)?.0);
    let (mut layout, stored, codec) = match method {
        CompressionMethod::Stored if size == whole => {
            let bytes =
                Part { file: FileBytes::new(file.try_clone().map_err(|e| file::read_failed(&e))?, path), start, size };
            verify(&bytes, crc)?;
            (npy::layout(&bytes, size)?, Stored::Plain(Box::new(bytes), size), "none")
        }
        CompressionMethod::DEFLATE => {
            let packed = Packed { file, start, end, wrap: Wrap::Bare { crc } };
            // A window for the header alone; the stream is longer.
            let begin = Inflated::new(packed.clone(), path, whole.min(HEADER), 0);
            (npy::layout(&begin, whole)?, Stored::Packed(packed), "deflate")
        }
        CompressionMethod::Stored => return Err(damaged()),
        other => {
            let message = format!("holds an array compressed by {other}; save it with numpy.savez_compressed");
            return Err(Error::data(message));
        }
    };
    layout.format = format!("NumPy .npz, array {}", name.trim_end_matches(".npy"));
    (layout.codec, layout.bytes) = (codec.to_owned(), Some(stored));
    layout.files.push(path.to_owned());
    Ok(layout)
}

/// A part of a file.
#[derive(Debug)]
struct Part {
    file: FileBytes,
    start: u64,
    size: u64,
}

impl Bytes for Part {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.file.read_at(self.start + offset, buffer)
    }
}

/// Refuses values that have changed since they were written: zip also has a checksum of data that it does not compress.
fn verify(bytes: &Part, crc: u32) -> Result<()> {
    let mut hasher = crc32fast::Hasher::new();
    let mut buffer = vec![0; STEP];
    let mut at = 0;
    while at < bytes.size {
        let step = usize::try_from(bytes.size - at).unwrap_or(usize::MAX).min(STEP);
        bytes.read_at(at, &mut buffer[..step])?;
        hasher.update(&buffer[..step]);
        at += step as u64;
    }
    if hasher.finalize() != crc {
        return Err(Error::data("is damaged: the checksum of its array differs; copy it again from where it came"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use ndarray::Array3;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::chunk::Voxels;
    use crate::error::Kind;
    use crate::space::Region;
    use crate::store::Source;

    fn array() -> Voxels {
        Voxels::U16(Array3::from_shape_fn((3, 4, 5), |(z, y, x)| u16::try_from(100 * z + 10 * y + x).unwrap()))
    }

    fn npy() -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().unwrap();
        npy::write_npy(file.path(), &array(), 3).unwrap();
        std::fs::read(file.path()).unwrap()
    }

    fn stored(names: &[&str]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = ZipWriter::new(file.reopen().unwrap());
        for name in names {
            let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            writer.start_file(*name, options).unwrap();
            writer.write_all(&npy()).unwrap();
        }
        writer.finish().unwrap();
        file
    }

    /// An artificial archive of one entry by deflate: the crate is built without it.
    fn deflated() -> Vec<u8> {
        let (data, name) = (npy(), b"image.npy");
        let packed = miniz_oxide::deflate::compress_to_vec(&data, 6);
        let mut fields = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0];
        fields.extend(crc32fast::hash(&data).to_le_bytes());
        fields.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
        fields.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        fields.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        fields.extend([0, 0]);
        let mut file = [b"PK\x03\x04", &fields[..], name, &packed].concat();
        let directory = u32::try_from(file.len()).unwrap();
        let entry = [b"PK\x01\x02\x14\0", &fields[..], &[0; 14], name].concat();
        file.extend(&entry);
        file.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
        file.extend(u32::try_from(entry.len()).unwrap().to_le_bytes());
        file.extend(directory.to_le_bytes());
        file.extend([0, 0]);
        file
    }

    fn read(path: &Path) -> Result<Voxels> {
        let source = open(path, &OpenOptions::default())?;
        Ok(source.read(&Region::of_shape([3, 4, 5]))?.unwrap().voxels)
    }

    #[test]
    fn the_one_array_of_an_archive_is_read_stored_or_deflated() {
        let file = stored(&["image.npy"]);
        assert!(is_npz(file.path()));
        assert_eq!(read(file.path()).unwrap(), array());
        std::fs::write(file.path(), deflated()).unwrap();
        assert!(is_npz(file.path()));
        assert_eq!(read(file.path()).unwrap(), array());
    }

    #[test]
    fn several_arrays_are_named_and_damage_is_noticed() {
        let several = stored(&["labels.npy", "image.npy"]);
        let error = read(several.path()).unwrap_err();
        assert!(error.to_string().contains("holds 2 arrays (image, labels)"), "{error}");
        assert!(!is_npz(stored(&["image.npy", "notes.txt"]).path()));
        assert_eq!(read(stored(&[]).path()).unwrap_err().kind(), Kind::Data);
        let one = stored(&["image.npy"]);
        let mut bytes = std::fs::read(one.path()).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(one.path(), &bytes).unwrap();
        assert!(read(one.path()).unwrap_err().to_string().contains("checksum"));
        let mut bytes = deflated();
        bytes[90] ^= 0xff;
        std::fs::write(one.path(), &bytes).unwrap();
        assert_eq!(read(one.path()).unwrap_err().kind(), Kind::Data);
        std::fs::write(one.path(), &bytes[..100]).unwrap();
        assert_eq!(read(one.path()).unwrap_err().kind(), Kind::Data);
    }
}
