//! The pages of a TIFF file: where each lies, and what it holds.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::blocks::{BlockFile, Blocks};
use super::codec::Codec;
use super::describe::micromanager_pages;
use super::directory::{Directory, TiffFile, tag};
use super::form::{Form, Traits};
use super::reader::Reader;
use super::samples::Predictor;
use super::stack::Described;
use super::tags::{FileTags, Layout};
use crate::chunk::Voxels;
use crate::error::{Error, Result};
use crate::store::values::Endian;
use crate::store::{StoredType, file};

/// A file of pages.
#[derive(Debug)]
pub(crate) struct PageFile {
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
    pub(crate) endian: Endian,
}

/// A plane of one sample a pixel.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) file: Arc<PageFile>,
    /// Which page of its file, from 0, those left out counted; `None` where it is the only one.
    pub(crate) number: Option<usize>,
    /// Pixels along (y, x).
    pub(crate) shape: [usize; 2],
    pub(crate) stored: StoredType,
    pub(crate) storage: Storage,
}

/// How the pixels of a plane are stored.
#[derive(Clone, Debug)]
pub(crate) enum Storage {
    /// Uncompressed, row after row.
    Rows { offset: u64 },
    /// In strips or tiles, which are decoded whole; it is this plane of those that they hold.
    Blocks { blocks: Arc<Blocks>, plane: usize },
}

/// The pages of a file.
#[derive(Debug)]
pub(crate) struct Pages {
    /// In order, without reduced images and masks.
    pub(crate) pages: Vec<Page>,
    pub(crate) tags: FileTags,
    /// What is worth a line about them, each in a sentence without a full stop.
    pub(crate) notes: Vec<String>,
    /// What may mislead about them.
    pub(crate) warnings: Vec<String>,
}

/// The pages of a file, in order.
///
/// # Errors
/// `Missing` where there is no such file; `Data` where it is no TIFF, is cut off, or a page has several samples a pixel,
/// a type that images may not have, or an encoding that is not supported; the error says which page.
pub(crate) fn pages(path: &Path) -> Result<Pages> {
    read_pages(path).map_err(|error| error.at(path))
}

fn read_pages(path: &Path) -> Result<Pages> {
    let (file, length) = file::open(path)?;
    let file = Arc::new(file);
    let mut tiff = TiffFile::new(Reader::new(Arc::clone(&file), length))?;
    let tags = FileTags::of_file(&file, Layout { length, big: tiff.big, endian: tiff.endian })?;
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
/// `Missing` where there is no such file; `Data` where it is no TIFF, or is cut off.
pub(crate) fn tags_of(path: &Path) -> Result<FileTags> {
    let (file, layout) = laid_out(path)?;
    FileTags::of_file(&file, layout)
}

/// What Micro-Manager wrote into each page.
///
/// # Errors
/// As [`tags_of`], and where a page does not say which plane it is.
pub(crate) fn described_by_pages(path: &Path) -> Result<Described> {
    let (file, layout) = laid_out(path)?;
    micromanager_pages(FileTags::of_pages(&file, layout)?)
}

fn laid_out(path: &Path) -> Result<(Arc<File>, Layout)> {
    let (file, length) = file::open(path)?;
    let file = Arc::new(file);
    let tiff = TiffFile::new(Reader::new(Arc::clone(&file), length))?;
    Ok((file, Layout { length, big: tiff.big, endian: tiff.endian }))
}

/// Whether a page is no plane of its own: a reduced image, or the mask of another one.
fn is_aside(tiff: &mut TiffFile, directory: &Directory) -> Result<bool> {
    let kind = tiff.number(directory, tag::NEW_SUBFILE_TYPE)?.unwrap_or(0);
    Ok(kind & 0b101 != 0 || (kind == 0 && tiff.number(directory, tag::SUBFILE_TYPE)? == Some(2)))
}

impl Page {
    /// How messages begin that are about this page: `page 3 `, or nothing where its file has one page.
    pub(crate) fn label(&self) -> String {
        label(self.number)
    }

    /// A page of the same size that begins so many pages behind this one, as ImageJ writes stacks above 4 GiB; `None`
    /// where the pixels are not plain rows or the file ends before it.
    pub(crate) fn following(&self, pages: usize) -> Option<Page> {
        let Storage::Rows { offset } = self.storage else { return None };
        let bytes = u64::try_from(self.shape[0].checked_mul(self.shape[1])?.checked_mul(self.stored.size())?).ok()?;
        let offset = offset.checked_add(bytes.checked_mul(u64::try_from(pages).ok()?)?)?;
        let fits = offset.checked_add(bytes)? <= self.file.length;
        fits.then(|| Page { number: Some(pages), storage: Storage::Rows { offset }, ..self.clone() })
    }

    /// Bytes and order of the values as stored, where they are plain rows.
    pub(crate) fn endian(&self) -> Endian {
        self.file.endian
    }

    /// The file, open for its strips or tiles.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub(crate) fn open(&self) -> Result<BlockFile> {
        Ok(BlockFile::new(file::open(&self.file.path)?.0, self.file.length))
    }

    /// The values of strips or tiles that are decoded at once, at a place of their grid, cut off at the page's sides.
    ///
    /// # Errors
    /// `Data` where they are damaged, `Io` where they cannot be read.
    pub(crate) fn decode(&self, file: &mut BlockFile, blocks: &Blocks, place: [usize; 3]) -> Result<Voxels> {
        blocks.decode(file, place)?.ok_or_else(|| {
            Error::data(format!("{}is damaged or cut off; copy the file again from where it came", self.label()))
        })
    }

    /// How the values are compressed: `none`, `deflate, predictor 2`.
    pub(crate) fn codec(&self) -> String {
        match &self.storage {
            Storage::Rows { .. } => Codec::None.name().to_owned(),
            Storage::Blocks { blocks, .. } => match blocks.samples.predictor {
                Predictor::None => blocks.codec.name().to_owned(),
                Predictor::Horizontal => format!("{}, predictor 2", blocks.codec.name()),
                Predictor::Float => format!("{}, predictor 3", blocks.codec.name()),
            },
        }
    }
}

/// How messages begin that are about a page.
pub(crate) fn label(number: Option<usize>) -> String {
    number.map_or_else(String::new, |number| format!("page {number} "))
}
