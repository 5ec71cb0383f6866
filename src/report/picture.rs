//! The picture of the results in a page.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::Result;
use crate::overview::reduced;
use crate::page::Html;
use crate::store::file::read_failed;

/// The name of the picture among the results.
const PICTURE: &str = "overview.png";
/// Largest number of bytes of a picture that goes into a page as it is.
const LARGEST: usize = 1_200_000;

/// The picture in a folder of results; `None` if there is none.
pub(super) fn read(folder: &Path) -> Result<Option<Vec<u8>>> {
    let path = folder.join(PICTURE);
    match fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(read_failed(&error).at(path)),
    }
}

/// The picture, to zoom and to pan.
pub(super) fn section(picture: &[u8]) -> Result<Html> {
    let description = "Maximum projections of the image in grey, with its skeleton in colours";
    let html = Html::default().raw("<div id=\"picture\" class=\"picture\">");
    let html = match picture.len() <= LARGEST {
        true => html.picture(picture, "image/png", description),
        // As JPEG, which takes a fraction for noisy images.
        false => html.picture(&reduced(picture, LARGEST)?, "image/jpeg", description),
    };
    Ok(html.raw("</div>\n"))
}
