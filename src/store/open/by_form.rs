//! Opens an image in any format except tables of tiles, whose tiles are such images.

use std::path::Path;

use crate::error::{Error, Kind, Result};
use crate::store::Source;
use crate::store::address::{self, is_address};
use crate::store::file::{read_failed, require_file, start_of};
use crate::store::foreign;
use crate::store::options::OpenOptions;
use crate::store::region_view::viewed;

/// The formats of images, as messages list them.
const FORMS: &str = if cfg!(feature = "mosaic") {
    "a Zarr array, an OME-Zarr image, a TIFF file, a folder of slices, a NIfTI, NRRD, MetaImage, .npy or .npz file, or a \
     table of tiles (.csv)"
} else {
    "a Zarr array, an OME-Zarr image, a TIFF file, a folder of slices, or a NIfTI, NRRD, MetaImage, .npy or .npz file"
};

/// Opens the image at a path.
///
/// # Errors
/// Those of [`crate::store::open`].
pub(crate) fn open_image(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>> {
    if is_address(path) {
        let source = open_address(path, options)?;
        return viewed(source, options).map_err(|error| error.at(path));
    }
    #[cfg(feature = "zarr")]
    if crate::store::zarr::is_packed(path) && !is_npz(path) {
        let source = crate::store::zarr::ZarrSource::open(path, options)?;
        return viewed(Box::new(source), options).map_err(|error| error.at(path));
    }
    let metadata = std::fs::metadata(path).map_err(|error| absent(path, &error).at(path))?;
    let source = if metadata.is_dir() {
        open_folder(path, options)?
    } else {
        require_file(&metadata).map_err(|error| error.at(path))?;
        open_file(path, options)?
    };
    viewed(source, options).map_err(|error| error.at(path))
}

/// Opens the image at an address: a Zarr array or an OME-Zarr group.
fn open_address(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>> {
    address::require_readable(path)?;
    #[cfg(feature = "http")]
    return Ok(Box::new(crate::store::zarr::ZarrSource::open(path, options)?));
    #[cfg(not(feature = "http"))]
    {
        let _ = options;
        Err(Error::internal("an address that cannot be read is taken for one that can").at(path))
    }
}

fn open_file(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>> {
    #[cfg(feature = "zarr")]
    crate::store::zarr::refuse_metadata_file(path)?;
    // By its first bytes: microscopes also use other extensions for TIFF files.
    let start = start_of(path)?;
    let named =
        |extensions: &[&str]| path.extension().is_some_and(|e| extensions.iter().any(|x| e.eq_ignore_ascii_case(x)));
    if start.starts_with(crate::store::npy::MAGIC) || named(&["npy"]) {
        return Ok(Box::new(crate::store::npy::open(path, options)?));
    }
    #[cfg(feature = "tiff")]
    let is_tiff = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| start.starts_with(*magic));
    #[cfg(feature = "tiff")]
    if (is_tiff && !foreign::is_preview(path)) || named(&["tif", "tiff"]) {
        return Ok(Box::new(crate::store::tiff::TiffSource::open(path, options)?));
    }
    if start.is_empty() {
        return Err(Error::data("is empty; copy it again from where it came").at(path));
    }
    #[cfg(feature = "tiff")]
    if let Some(picture) = crate::store::tiff::Picture::of_start(&start) {
        return Ok(Box::new(crate::store::tiff::TiffSource::open_picture(path, picture, options)?));
    }
    #[cfg(feature = "medical")]
    if let Some(source) = open_medical(path, &start, options)? {
        return Ok(source);
    }
    Err(foreign::refusal(path, &start).unwrap_or_else(unknown_form).at(path))
}

/// Opens a file in a format of medical scanners or NumPy's archives; `None` if it has another format.
#[cfg(feature = "medical")]
fn open_medical(path: &Path, start: &[u8], options: &OpenOptions) -> Result<Option<Box<dyn Source>>> {
    use crate::store::{metaimage, nifti, npz, nrrd};
    let named =
        |extensions: &[&str]| path.extension().is_some_and(|e| extensions.iter().any(|x| e.eq_ignore_ascii_case(x)));
    if start.starts_with(nrrd::MAGIC) || named(&["nrrd", "nhdr"]) {
        return Ok(Some(Box::new(nrrd::open(path, options)?)));
    }
    if metaimage::is_metaimage(start) || named(&["mha", "mhd"]) {
        return Ok(Some(Box::new(metaimage::open(path, options)?)));
    }
    let mut inside = None;
    if start.starts_with(&[0x1f, 0x8b]) {
        let packed = crate::store::detached::packed(path, 0)?;
        let head = crate::store::inflate::head(&packed, crate::store::file::START);
        let name = path.to_string_lossy().to_lowercase();
        let is_named = [".nii.gz", ".hdr.gz", ".img.gz"].iter().any(|end| name.ends_with(end));
        inside = Some(if is_named { head.map_err(|error| error.at(path))? } else { head.unwrap_or_default() });
    }
    if nifti::is_nifti(inside.as_deref().unwrap_or(start)) || named(&["nii"]) || nifti::header_of_img(path).is_some() {
        return Ok(Some(Box::new(nifti::open(path, options)?)));
    }
    if let Some(inside) = inside {
        return Err(foreign::packed_refusal(path, &inside).at(path));
    }
    if start.starts_with(b"PK") && (named(&["npz"]) || npz::is_npz(path)) {
        return Ok(Some(Box::new(npz::open(path, options)?)));
    }
    Ok(None)
}

/// Returns whether a zip file is one of NumPy's.
#[cfg(feature = "zarr")]
fn is_npz(path: &Path) -> bool {
    #[cfg(feature = "medical")]
    return path.is_file() && crate::store::npz::is_npz(path);
    #[cfg(not(feature = "medical"))]
    {
        let _ = path;
        false
    }
}

/// The error of a path that does not exist, with advice about common mistakes.
fn absent(path: &Path, error: &std::io::Error) -> Error {
    let text = path.to_string_lossy();
    let advice = if text.is_empty() {
        "an empty path was given; give the path of an image"
    } else if text.starts_with('~') {
        "is not there: ~ was not replaced by the home folder; give the path without quotes, or in full"
    } else if text.contains(['*', '?']) {
        "is not there: the pattern was not replaced by names; give one file, or the folder of the slices"
    } else {
        return read_failed(error);
    };
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(Kind::Missing, advice),
        _ => read_failed(error),
    }
}

fn open_folder(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>> {
    #[cfg(feature = "zarr")]
    if crate::store::zarr::is_zarr(path) || crate::store::zarr::is_named_zarr(path) {
        return Ok(Box::new(crate::store::zarr::ZarrSource::open(path, options)?));
    }
    #[cfg(feature = "tiff")]
    if crate::store::tiff::has_slices(path) {
        return Ok(Box::new(crate::store::tiff::TiffSource::open_slices(path, options)?));
    }
    let _ = options;
    Err(foreign::folder_refusal(path)
        .unwrap_or_else(|| Error::data(format!("is an empty folder; give {FORMS}")))
        .at(path))
}

fn unknown_form() -> Error {
    Error::data(format!("is not an image that can be read; give {FORMS}"))
}

#[cfg(feature = "tiff")]
/// Refuses options that pick a channel or a time point, for formats without these.
pub(crate) fn refuse_selection(options: &OpenOptions) -> Result<()> {
    for (picked, option) in [(options.channel, "--channel"), (options.time, "--time")] {
        if picked.is_some() {
            return Err(Error::usage(format!("has no such axis to pick from; leave {option} out")));
        }
    }
    Ok(())
}
