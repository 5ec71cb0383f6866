//! Pages that this program writes: files that it knows again, and may replace.

use std::io::Read;
use std::path::Path;

use super::staged::put_file;
use crate::error::{Error, Kind, Result};
use crate::store::disk;

/// What stands near the beginning of every page.
const MARK: &[u8] = b"<meta name=\"generator\" content=\"anabranch ";
/// Bytes of a page in which the mark stands.
const BEGINNING: u64 = 512;

/// Whether a file is a page that this program has written.
pub fn is_own_page(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = disk::no_links().open(path).and_then(|file| file.take(BEGINNING).read_to_end(&mut beginning));
    read.is_ok() && beginning.windows(MARK.len()).any(|part| part == MARK)
}

/// Writes a page as a whole, as [`put_file`] does. Replaces an earlier page; another file only with `overwrite`.
///
/// # Errors
/// Of kind `Output` if another file is there; else those of [`put_file`].
pub fn put_page(place: &Path, page: &str, overwrite: bool) -> Result<()> {
    if !overwrite && place.symlink_metadata().is_ok() && !is_own_page(place) {
        let message = "is there, and is no page of this program; give another path, or --overwrite to replace it";
        return Err(Error::new(Kind::Output, message).at(place));
    }
    put_file(place, page.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_are_replaced_without_being_asked() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("report.html");
        let page = format!("<!doctype html>\n{}0.1.0\">", String::from_utf8_lossy(MARK));
        put_page(&place, &page, false).unwrap();
        put_page(&place, &(page.clone() + "again"), false).unwrap();
        std::fs::write(&place, "mine").unwrap();
        let error = put_page(&place, &page, false).unwrap_err();
        assert!(error.kind() == Kind::Output && error.to_string().contains("--overwrite"), "{error}");
        assert_eq!(std::fs::read(&place).unwrap(), b"mine");
        put_page(&place, &page, true).unwrap();
        assert!(is_own_page(&place) && !is_own_page(folder.path()));
    }
}
