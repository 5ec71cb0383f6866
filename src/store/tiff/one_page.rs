//! A page of a file: its location and format.

use std::path::PathBuf;
use std::sync::Arc;

use super::blocks::{BlockFile, Blocks};
use super::codec::Codec;
use super::samples::Predictor;
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

/// A plane with one sample for each pixel.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) file: Arc<PageFile>,
    /// Index of the page in its file, from 0, including pages that are left out; `None` if it is the only one.
    pub(crate) number: Option<usize>,
    /// Shape along (y, x).
    pub(crate) shape: [usize; 2],
    pub(crate) stored: StoredType,
    pub(crate) storage: Storage,
}

/// The storage of a plane's pixels.
#[derive(Clone, Debug)]
pub(crate) enum Storage {
    /// Uncompressed, row after row.
    Rows { offset: u64 },
    /// In strips or tiles, which are decoded whole; `plane` is the index of this plane in them.
    Blocks { blocks: Arc<Blocks>, plane: usize },
}

impl Page {
    /// The start of messages about this page: `page 3 `, or empty if its file has one page.
    pub(crate) fn label(&self) -> String {
        label(self.number)
    }

    /// A page of the same size that begins `pages` pages behind this one, as ImageJ writes stacks above 4 GiB; `None`
    /// if the pixels are not plain rows or the file ends before it.
    pub(crate) fn following(&self, pages: usize) -> Option<Page> {
        let Storage::Rows { offset } = self.storage else { return None };
        let bytes = u64::try_from(self.shape[0].checked_mul(self.shape[1])?.checked_mul(self.stored.size())?).ok()?;
        let offset = offset.checked_add(bytes.checked_mul(u64::try_from(pages).ok()?)?)?;
        let fits = offset.checked_add(bytes)? <= self.file.length;
        fits.then(|| Page { number: Some(pages), storage: Storage::Rows { offset }, ..self.clone() })
    }

    /// Byte order of the values as stored, if they are plain rows.
    pub(crate) fn endian(&self) -> Endian {
        self.file.endian
    }

    /// The file, open for its strips or tiles.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) fn open(&self) -> Result<BlockFile> {
        Ok(BlockFile::new(file::open(&self.file.path)?.0, self.file.length))
    }

    /// The values of strips or tiles that are decoded at once, at a position of their grid, clipped to the page.
    ///
    /// # Errors
    /// `Data` if they are damaged, `Io` if they cannot be read.
    pub(crate) fn decode(&self, file: &mut BlockFile, blocks: &Blocks, place: [usize; 3]) -> Result<Voxels> {
        blocks.decode(file, place)?.ok_or_else(|| {
            Error::data(format!("{}is damaged or cut off; copy the file again from where it came", self.label()))
        })
    }

    /// The compression of the values: `none`, `deflate, predictor 2`.
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

/// The start of messages about a page.
pub(crate) fn label(number: Option<usize>) -> String {
    number.map_or_else(String::new, |number| format!("page {number} "))
}
