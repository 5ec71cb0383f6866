//! Zarr hierarchies in a zip file, read in place: `.zarr.zip`, `.ozx`.
//!
//! The list of entries is read once. Entries are stored or deflated; one is inflated at most to the size in the list,
//! and to the requested one.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use zip::{CompressionMethod, ZipArchive};

use super::faults::{damaged, room};
use super::span::Span;
use crate::error::{Error, Result};
use crate::store::file;

/// Names of files that identify a folder as Zarr.
const METADATA: [&str; 5] = ["zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata"];
/// Largest number of bytes that deflate makes of one byte.
const INFLATION: u64 = 1032;

/// A zip file, and the position of the hierarchy in it.
pub(crate) struct Archive {
    path: PathBuf,
    file: File,
    length: u64,
    list: Mutex<ZipArchive<File>>,
    names: BTreeSet<String>,
    /// The folder that contains everything, with a slash; empty if there is none.
    top: String,
}

/// The location of an entry's bytes.
struct Entry {
    start: u64,
    stored: u64,
    size: u64,
    is_deflated: bool,
    sum: u32,
}

impl Archive {
    /// Opens the zip file at a path.
    ///
    /// # Errors
    /// `Data` if it is not a zip file, or has no Zarr hierarchy or several; `Missing` or `Io` if it cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Archive> {
        let (file, length) = file::open(path)?;
        let other = File::open(path).map_err(|error| file::read_failed(&error).at(path))?;
        let list = ZipArchive::new(other).map_err(|error| unreadable().because(error).at(path))?;
        let mut names = BTreeSet::new();
        for name in list.file_names() {
            // Archives from Windows may have its separators.
            names.insert(name.map_err(|error| unreadable().because(error).at(path))?.into_owned());
        }
        let top = top(&names).map_err(|error| error.at(path))?;
        Ok(Archive { path: path.to_owned(), file, length, list: Mutex::new(list), names, top })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.names.contains(&format!("{}{key}", self.top))
    }

    /// The names of files and folders directly inside a folder.
    pub(crate) fn children(&self, folder: &str) -> BTreeSet<String> {
        let inside = format!("{}{folder}", self.top);
        let below = self.names.range(inside.clone()..).take_while(|name| name.starts_with(&inside));
        let first = |name: &String| Some(name[inside.len()..].split('/').next()?.to_owned());
        below.filter_map(first).filter(|name| !name.is_empty()).collect()
    }

    /// The keys of all files inside a folder.
    pub(crate) fn below(&self, folder: &str) -> Vec<String> {
        let inside = format!("{}{folder}", self.top);
        let below = self.names.range(inside.clone()..).take_while(|name| name.starts_with(&inside));
        below.map(|name| name[inside.len()..].to_owned()).collect()
    }

    /// A whole entry; `None` if it does not exist.
    ///
    /// # Errors
    /// `Data` if it is damaged, or larger than the limit; `Io` if it cannot be read.
    pub(crate) fn read(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.entry(key)? else { return Ok(None) };
        if entry.size > limit {
            return Err(damaged());
        }
        self.bytes(&entry).map(Some)
    }

    /// A part of an entry; `None` if the entry does not exist.
    ///
    /// # Errors
    /// Those of [`Archive::read`], or if the entry is too short for the part.
    pub(crate) fn read_span(&self, key: &str, span: Span) -> Result<Option<Vec<u8>>> {
        let Some(entry) = self.entry(key)? else { return Ok(None) };
        let (offset, wanted) = span.within(entry.size).ok_or_else(damaged)?;
        if entry.is_deflated {
            let bytes = self.bytes(&entry)?;
            let from = usize::try_from(offset).map_err(|_| damaged())?;
            return bytes.get(from..from + wanted).map(|part| Some(part.to_vec())).ok_or_else(damaged);
        }
        self.raw(entry.start + offset, wanted).map(Some)
    }

    fn entry(&self, key: &str) -> Result<Option<Entry>> {
        if !self.contains(key) {
            return Ok(None);
        }
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(number) = list.index_for_name(&format!("{}{key}", self.top)) else { return Ok(None) };
        let found = list.by_index_raw(number).map_err(|error| unreadable().because(error))?;
        let method = found.compression();
        let is_deflated = method == CompressionMethod::DEFLATE;
        if found.encrypted() || !(is_deflated || method == CompressionMethod::STORE) {
            let message = "is a zip file with encrypted or unusually compressed entries; pack it again without";
            return Err(Error::data(message));
        }
        let (stored, size, sum) = (found.compressed_size(), found.size(), found.crc32());
        let start = found.data_start().ok_or_else(unreadable)?;
        let end = start.checked_add(stored).filter(|&end| end <= self.length);
        if end.is_none() || !is_deflated && stored != size || size > stored.saturating_mul(INFLATION) {
            return Err(unreadable());
        }
        Ok(Some(Entry { start, stored, size, is_deflated, sum }))
    }

    fn bytes(&self, entry: &Entry) -> Result<Vec<u8>> {
        let stored = self.raw(entry.start, usize::try_from(entry.stored).map_err(|_| damaged())?)?;
        let bytes = if entry.is_deflated {
            let mut bytes = zeros(usize::try_from(entry.size).map_err(|_| damaged())?)?;
            let length = libdeflater::Decompressor::new().deflate_decompress(&stored, &mut bytes);
            if length.map_err(|error| damaged().because(error))? != bytes.len() {
                return Err(damaged());
            }
            bytes
        } else {
            stored
        };
        if libdeflater::crc32(&bytes) == entry.sum { Ok(bytes) } else { Err(damaged()) }
    }

    fn raw(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = zeros(length)?;
        file::read_at(&self.file, offset, &mut bytes).map_err(|error| file::read_failed(&error))?;
        Ok(bytes)
    }
}

/// A buffer of zeros.
fn zeros(length: usize) -> Result<Vec<u8>> {
    let mut bytes = room(length)?;
    bytes.resize(length, 0);
    Ok(bytes)
}

fn unreadable() -> Error {
    Error::data("is no zip file that can be read, or is cut off; copy it again from where it came")
}

/// The folder of the hierarchy in an archive: the outermost one with Zarr metadata.
fn top(names: &BTreeSet<String>) -> Result<String> {
    let folders: BTreeSet<&str> = names
        .iter()
        .filter(|name| !name.starts_with("__MACOSX/"))
        .filter_map(|name| {
            let (folder, file) = name.rsplit_once('/').map_or(("", &**name), |(folder, file)| (folder, file));
            METADATA.contains(&file).then_some(folder)
        })
        .collect();
    let depth = |folder: &str| if folder.is_empty() { 0 } else { 1 + folder.matches('/').count() };
    let Some(least) = folders.iter().map(|folder| depth(folder)).min() else {
        return Err(Error::data("is a zip file without a Zarr image; unpack it and give the image"));
    };
    let outermost: Vec<&str> = folders.into_iter().filter(|folder| depth(folder) == least).collect();
    match outermost[..] {
        [""] => Ok(String::new()),
        [folder] => Ok(format!("{folder}/")),
        _ => {
            let (some, count) = (outermost[..outermost.len().min(3)].join(", "), outermost.len());
            Err(Error::data(format!("is a zip file of {count} Zarr hierarchies ({some}); unpack it and give one")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hierarchy_is_the_outermost_folder_with_metadata() {
        let top = |names: &[&str]| top(&names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(top(&["zarr.json", "0/zarr.json"]).unwrap(), "");
        assert_eq!(
            top(&["a/b.zarr/.zattrs", "a/b.zarr/0/.zarray", "__MACOSX/.zattrs", "readme"]).unwrap(),
            "a/b.zarr/"
        );
        assert!(top(&["a/.zgroup", "b/.zgroup"]).unwrap_err().to_string().contains("2 Zarr hierarchies (a, b)"));
        assert!(top(&["a.npy"]).unwrap_err().to_string().contains("without a Zarr image"));
    }
}
