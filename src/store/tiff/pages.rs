//! The pages of a TIFF file, according to its tags.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::directory::{Directory, TiffFile, tag};
use super::form::{Form, Traits};
use super::one_page::{Page, PageFile};
use super::reader::Reader;
use super::tags::{FileTags, TagLayout};
use crate::error::{Error, Result};
use crate::store::file;

/// The pages of a file.
#[derive(Debug)]
pub(crate) struct Pages {
    /// In order, without reduced images and masks.
    pub(crate) pages: Vec<Page>,
    pub(crate) tags: FileTags,
    /// Remarks about them, each a sentence without a full stop.
    pub(crate) notes: Vec<String>,
    /// Warnings about misleading properties of them.
    pub(crate) warnings: Vec<String>,
}

/// Reads the pages of a file, in order.
///
/// # Errors
/// `Missing` if there is no such file; `Data` if it is not a TIFF file, is cut off, or a page has several samples for
/// each pixel, or an unsupported type or encoding; the error names the page.
pub(crate) fn pages(path: &Path) -> Result<Pages> {
    read_pages(path).map_err(|error| error.at(path))
}

fn read_pages(path: &Path) -> Result<Pages> {
    let (file, length) = file::open(path)?;
    let file = Arc::new(file);
    let mut tiff = TiffFile::new(Reader::new(Arc::clone(&file), length))?;
    let tags = FileTags::of_file(&file, TagLayout { length, big: tiff.big, endian: tiff.endian })?;
    let shared = Arc::new(PageFile { path: path.to_owned(), length, endian: tiff.endian });
    let mut found = Pages { pages: Vec::new(), tags, notes: Vec::new(), warnings: Vec::new() };
    let (mut count, mut left_out, mut first) = (0, 0, Directory::default());
    let mut traits = Traits::default();
    let mut directories = tiff.directories();
    while let Some(directory) = directories.next()? {
        let number = (count > 0 || directories.more()).then_some(count);
        if count == 0 {
            first = directory.clone();
        }
        count += 1;
        if is_aside(directories.file, &directory)? {
            left_out += 1;
            continue;
        }
        let lsm = first.entry(tag::ZEISS_LSM).is_some();
        let mut form = Form { tiff: directories.file, directory: &directory, number, lsm, traits: &mut traits };
        found.pages.extend(form.planes(&shared)?);
    }
    if found.pages.is_empty() && left_out > 0 {
        return Err(Error::data("has reduced images and masks only; save the image at its full size"));
    }
    if left_out > 0 {
        found.notes.push(format!("{left_out} of {count} pages are reduced images or masks and are left out"));
    }
    found.notes.extend(traits.palette.then(|| "the values are the indices of a palette".to_owned()));
    found.notes.extend(traits.turned.then(|| "the pixels are taken in the order that they are stored in".to_owned()));
    if traits.white_is_zero {
        let warning =
            "white is stored as zero: the values are taken as they are stored, so that what looks dark is high";
        found.warnings.push(warning.to_owned());
    }
    Ok(found)
}

/// The tags of a file's first page.
///
/// # Errors
/// `Missing` if there is no such file; `Data` if it is not a TIFF file, or is cut off.
pub(crate) fn tags_of(path: &Path) -> Result<FileTags> {
    let (file, layout) = laid_out(path)?;
    FileTags::of_file(&file, layout)
}

/// The tags of each page of a file, in order.
///
/// # Errors
/// Those of [`tags_of`].
pub(crate) fn tags_of_pages(path: &Path) -> Result<Vec<Result<FileTags>>> {
    let (file, layout) = laid_out(path)?;
    Ok(FileTags::of_pages(&file, layout)?.collect())
}

fn laid_out(path: &Path) -> Result<(Arc<File>, TagLayout)> {
    let (file, length) = file::open(path)?;
    let file = Arc::new(file);
    let tiff = TiffFile::new(Reader::new(Arc::clone(&file), length))?;
    Ok((file, TagLayout { length, big: tiff.big, endian: tiff.endian }))
}

/// Returns whether a page is not a plane: a reduced image, or the mask of another one.
fn is_aside(tiff: &mut TiffFile, directory: &Directory) -> Result<bool> {
    let kind = tiff.number(directory, tag::NEW_SUBFILE_TYPE)?.unwrap_or(0);
    Ok(kind & 0b101 != 0 || (kind == 0 && tiff.number(directory, tag::SUBFILE_TYPE)? == Some(2)))
}
