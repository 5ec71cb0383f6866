//! The description of a whole TIFF file in its first page: texts, and private tags of microscopes.
//!
//! All axes that a file describes are either read or refused. If a file has two descriptions, they must agree.

mod fluoview;
mod imagej;
mod lengths;
mod lsm;
mod metamorph;
mod micromanager;
mod nih;
mod ome;
mod scanimage;
mod scifio;
mod shaped;
mod slides;

use std::fs::File;
use std::path::Path;

use crate::error::{Error, Result};
use crate::store::tiff::stack::FileDescription;
use crate::store::tiff::tags::FileTags;
use crate::store::units::{LengthUnit, converted};
use crate::store::{file, ome_xml};

pub(crate) use self::micromanager::{is_micromanager, of_pages as micromanager_pages};
#[cfg(feature = "mosaic")]
pub(crate) use self::ome::ome_of;

/// The file of the tags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'f> {
    pub(crate) path: &'f Path,
    /// Number of its pages.
    pub(crate) pages: usize,
    /// Whether it is a slice of a volume, with a known position among the others.
    pub(crate) slice: bool,
}

impl Default for Given<'_> {
    fn default() -> Self {
        Given { path: Path::new(""), pages: 1, slice: false }
    }
}

impl Given<'_> {
    /// Bytes of the file at an offset from its tags; `None` if it does not have them.
    fn bytes_at(&self, at: u64, size: u64) -> Option<Vec<u8>> {
        let size = usize::try_from(size).ok().filter(|size| *size <= 1 << 16)?;
        let mut bytes = vec![0; size];
        file::read_at(&File::open(self.path).ok()?, at, &mut bytes).ok()?;
        Some(bytes)
    }
}

/// The description of the image in the first page of a file.
///
/// Resolution tags count only together with a unit in a text: otherwise they are a printer's dots per inch.
///
/// # Errors
/// `Data` if a description is damaged, or two contradict each other.
pub(crate) fn described(tags: &FileTags, given: &Given<'_>) -> Result<FileDescription> {
    let mut found: Vec<FileDescription> = Vec::new();
    for text in tags.descriptions() {
        if ome_xml::is_ome(&text) {
            // OME-XML counts every plane; other texts have lengths.
            let read = if given.slice { ome::described_slice } else { ome::described };
            found.insert(0, read(&text, given.path)?);
        } else if let Some(description) = scifio::described(&text)? {
            found.push(description);
        } else if imagej::is_imagej(&text) {
            found.push(imagej::described(&text, tags)?);
        } else if shaped::is_shaped(&text) {
            found.extend(shaped::described(&text, tags)?);
        } else {
            slides::refuse(&text, given)?;
            found.extend(metamorph::described_in_xml(&text)?);
        }
    }
    let by_tags = [lsm::described, metamorph::described, fluoview::described, nih::described, scanimage::described];
    for reader in by_tags {
        found.extend(reader(tags, given)?);
    }
    found.extend(slides::by_tags(tags, given)?);
    let mut found = found.into_iter();
    let Some(mut first) = found.next() else { return Ok(FileDescription::default()) };
    for other in found {
        agree(&first, &other)?;
        if first.calibration.size == [None; 3] {
            first.calibration = other.calibration;
        }
        first.stack = first.stack.or(other.stack);
        first.warnings.extend(other.warnings);
    }
    Ok(first)
}

/// Refuses two descriptions that contradict each other.
fn agree(one: &FileDescription, other: &FileDescription) -> Result<()> {
    if let (Some(a), Some(b)) = (&one.stack, &other.stack) {
        // A text without lengths does not contradict.
        let said = b.axes.iter().any(|(_, length)| *length != 1);
        if said && ['t', 'c', 'z'].iter().any(|&axis| a.length(axis) != b.length(axis)) {
            let message = format!(
                "says {} in {} but {} in {}; give --axes z,y,x to read its pages as the planes of one volume",
                a.in_words(),
                a.from,
                b.in_words(),
                b.from
            );
            return Err(Error::data(message));
        }
    }
    for axis in 0..3 {
        let size = |described: &FileDescription| {
            let unit = LengthUnit::of(described.calibration.unit[axis].as_deref()?)?;
            Some(converted(described.calibration.size[axis]?, unit, LengthUnit::of("µm")?))
        };
        if let (Some(a), Some(b)) = (size(one), size(other))
            && (a - b).abs() > 0.01 * a.abs()
        {
            let letter = ["z", "y", "x"][axis];
            let (from, that) = (one.calibration.from, other.calibration.from);
            return Err(Error::data(format!(
                "has voxels of {a} µm along {letter} by {from} but of {b} µm by {that}; give --spacing and --unit"
            )));
        }
    }
    Ok(())
}
