//! A folder of 2-D TIFF slices, in the order of the numbers in their names.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use super::TiffSource;
use super::calibration::described;
use super::page::pages;
use crate::error::{Error, Result};
use crate::store::open::refuse_selection;
use crate::store::{OpenOptions, file};

impl TiffSource {
    /// A folder: each `.tif` or `.tiff` file in it is a plane along z, in natural order of the names. Other files, and
    /// hidden ones, are left alone.
    ///
    /// The first slice's metadata give the spacing where they have it along all three axes.
    ///
    /// # Errors
    /// As for a file; `Data` where the folder has no slices, or one has several pages or other size or type than the
    /// first (it is named).
    pub fn open_slices(folder: impl AsRef<Path>, options: &OpenOptions) -> Result<Self> {
        let folder = folder.as_ref();
        refuse_selection(options).map_err(|error| error.at(folder))?;
        let paths = slice_paths(folder).map_err(|error| error.at(folder))?;
        let mut slices = Vec::with_capacity(paths.len());
        let mut first = None;
        for path in paths {
            let mut read = pages(&path)?;
            if read.pages.len() > 1 {
                let message = format!("has {} pages; a folder of slices has one in each file", read.pages.len());
                return Err(Error::data(message).at(path));
            }
            if first.is_none() {
                first = Some(described(&read.tags).map_err(|error| error.at(&path))?);
            }
            slices.append(&mut read.pages);
        }
        let built = TiffSource::new(folder, slices, 3, &first.unwrap_or_default(), options);
        // An error about one slice names it already.
        built.map_err(|error| if error.is_placed() { error } else { error.at(folder) })
    }
}

/// Whether a folder holds any slices.
pub(crate) fn has_slices(folder: &Path) -> bool {
    slice_paths(folder).is_ok()
}

/// The slices in a folder, in natural order of their names.
pub(crate) fn slice_paths(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut named = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| file::read_failed(&error))? {
        let entry = entry.map_err(|error| file::read_failed(&error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        if matches!(extension.as_deref(), Some("tif" | "tiff")) && !name.starts_with('.') && path.is_file() {
            named.push((name, path));
        }
    }
    if named.is_empty() {
        return Err(Error::data("holds no TIFF slices; give a folder of .tif or .tiff files"));
    }
    named.sort_by(|(a, _), (b, _)| natural(a, b));
    Ok(named.into_iter().map(|(_, path)| path).collect())
}

/// The order of names in which `slice_2` comes before `slice_10`: runs of digits by their number, the rest by its text.
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    fn run(text: &str) -> (&str, &str, bool) {
        let digits = text.starts_with(|c: char| c.is_ascii_digit());
        let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
        (&text[..end], &text[end..], digits)
    }
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let ((l, l_rest, l_digits), (r, r_rest, r_digits)) = (run(left), run(right));
        let order = if l_digits && r_digits {
            let (l, r) = (l.trim_start_matches('0'), r.trim_start_matches('0'));
            l.len().cmp(&r.len()).then_with(|| l.cmp(r))
        } else {
            l.cmp(r)
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (l_rest, r_rest);
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_by_the_numbers_in_them() {
        let ordered = ["a", "a1b2", "a1b10", "a2", "a02b", "a010", "a10b", "b0"];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(natural(a, b), i.cmp(&j), "{a} and {b}");
            }
        }
    }
}
