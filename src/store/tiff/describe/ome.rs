//! OME-XML as a TIFF's description: the plane of each page of each file, and the voxel size.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::store::ome_xml::{self, Ome, OmeImage, base_name, decimal};
use crate::store::tiff::stack::{FileDescription, Run, Stack};
use crate::store::units::Calibration;

const FORM: &str = "OME-TIFF";
const FROM: &str = "the OME metadata";
/// OME-XML of many planes has tens of MiB.
const LONGEST_COMPANION: u64 = 256 << 20;

#[cfg(feature = "mosaic")]
/// The OME metadata in a file's tags, if it has any.
///
/// # Errors
/// `Data` if they cannot be parsed.
pub(crate) fn ome_of(tags: &crate::store::tiff::tags::FileTags) -> Result<Option<Ome>> {
    tags.descriptions().find(|text| ome_xml::is_ome(text)).map(|text| ome_xml::parse(&text)).transpose()
}

/// The description in the text of the file with this path.
///
/// # Errors
/// `Data` if it cannot be parsed, is in another file that is missing, names several images in this file or none, or
/// does not give the order of planes.
pub(crate) fn described(text: &str, path: &Path) -> Result<FileDescription> {
    read(with_companion(ome_xml::parse(text)?, path)?, path)
}

/// The description of a file that is a slice of a volume, with a known position among the others: the voxel size.
///
/// # Errors
/// `Data` if it cannot be parsed.
pub(crate) fn described_slice(text: &str, path: &Path) -> Result<FileDescription> {
    let ome = with_companion(ome_xml::parse(text)?, path).unwrap_or_default();
    let here = ome.images_in(path);
    let image = match (&here[..], &ome.images[..]) {
        ([image], _) => image,
        (_, [image]) => image,
        _ => return Ok(FileDescription::default()),
    };
    let calibration = calibration(image, image.sizes[2].unwrap_or(1));
    Ok(FileDescription { form: FORM, calibration, ..FileDescription::default() })
}

/// The metadata that a document contains or refers to.
fn with_companion(ome: Ome, path: &Path) -> Result<Ome> {
    let Some(file) = &ome.elsewhere else { return Ok(ome) };
    let companion = path.with_file_name(base_name(file));
    let elsewhere = |what: &str| {
        Error::data(format!(
            "has its OME metadata in {file}, {what}; put that file beside it, or give --axes z,y,x and --spacing"
        ))
    };
    if !companion.is_file() {
        return Err(elsewhere("which is not beside it"));
    }
    let mut found = text_of(&companion)
        .and_then(|text| ome_xml::parse(&text))
        .map_err(|error| if error.is_placed() { error } else { error.at(&companion) })?;
    if found.elsewhere.is_some() || found.images.is_empty() {
        return Err(elsewhere("which has none of an image either"));
    }
    found.uuid = ome.uuid;
    Ok(found)
}

/// The OME-XML in a separate file, or in the description of another TIFF file.
fn text_of(path: &PathBuf) -> Result<String> {
    if let Ok(tags) = crate::store::tiff::pages::tags_of(path) {
        let none = || Error::data("has no OME metadata; give the file that has").at(path);
        return tags.descriptions().find(|text| ome_xml::is_ome(text)).ok_or_else(none);
    }
    let bytes = crate::store::file::read_whole(path, LONGEST_COMPANION, "a file of OME metadata")?;
    Ok(crate::store::tiff::tags::text(&bytes))
}

/// The description in a document of the file with this path.
fn read(ome: Ome, path: &Path) -> Result<FileDescription> {
    if ome.images.is_empty() {
        return Err(Error::data("has OME metadata that name no image; give --axes z,y,x to read its pages as planes"));
    }
    let series = u64::try_from(ome.images.len()).ok();
    let here = ome.images_in(path);
    let image = match here[..] {
        [image] => image,
        [] => return Err(not_among(&ome)),
        ref several => {
            return Err(Error::data(format!(
                "holds {} images; save the one to analyse as a file of its own, such as with bfconvert -series",
                several.len()
            )));
        }
    };
    if image.binary {
        return Err(Error::data("has its values within its OME metadata; save it again as a plain TIFF stack"));
    }
    if let Some(what) = &ome.within_z {
        return Err(Error::data(format!(
            "has planes of several {what}s along z by its OME metadata; save it with one, or give --axes z,y,x"
        )));
    }
    let stack = stack(image, &ome, path)?;
    let channel_names: Vec<String> = match image.channels.iter().any(|channel| channel.name.is_some()) {
        true => image.channels.iter().map(|channel| channel.name.clone().unwrap_or_default()).collect(),
        false => Vec::new(),
    };
    let calibration = calibration(image, stack.length('z'));
    Ok(FileDescription { form: FORM, calibration, stack: Some(stack), channel_names, series, warnings: Vec::new() })
}

fn not_among(ome: &Ome) -> Error {
    let files = ome.images.iter().flat_map(|image| &image.data).filter_map(|data| data.file.as_ref()?.name.as_deref());
    let mut files: Vec<&str> = files.collect();
    files.dedup();
    let named = match files[..] {
        [] => "other files".to_owned(),
        [one] => one.to_owned(),
        [one, .., last] => format!("{one} to {last}"),
    };
    Error::data(format!(
        "is none of the files that its OME metadata name ({named}); give it the name that it had, or give --axes z,y,x"
    ))
}

fn stack(image: &OmeImage, ome: &Ome, path: &Path) -> Result<Stack> {
    let incomplete = |what: &str| {
        Error::data(format!("has OME metadata without {what}; save it again, or give --axes z,y,x and --spacing"))
    };
    let [x, y, z, c, t] = image.sizes;
    let size = |length: Option<u64>, name| length.filter(|n| *n > 0).ok_or_else(|| incomplete(name));
    let (z, mut c, t) = (size(z, "a SizeZ above 0")?, size(c, "a SizeC above 0")?, size(t, "a SizeT above 0")?);
    let samples = image.channels.first().map_or(1, |channel| channel.samples);
    if image.channels.iter().any(|channel| channel.samples != samples) {
        return Err(Error::data("has channels of several samples a pixel and others; save one channel as grey"));
    }
    if samples > 1 && c % samples == 0 {
        c /= samples;
    }
    let order = image.order.as_deref().ok_or_else(|| incomplete("a DimensionOrder"))?.to_ascii_uppercase();
    let planes =
        order.strip_prefix("XY").filter(|axes| axes.len() == 3 && "ZCT".chars().all(|axis| axes.contains(axis)));
    let planes = planes.ok_or_else(|| {
        Error::data(format!("has the DimensionOrder {order:?} in its OME metadata, which is none; give --axes z,y,x"))
    })?;
    let length = |axis| match axis {
        'Z' => ('z', z),
        'C' => ('c', c),
        _ => ('t', t),
    };
    let axes: Vec<(char, u64)> = planes.chars().rev().map(length).collect();
    let is_own = ome.is_own(path);
    let mut runs = Vec::with_capacity(image.data.len());
    for data in &image.data {
        let mut plane = 0u64;
        for (axis, length) in &axes {
            let at = data.first[match axis {
                'z' => 0,
                'c' => 1,
                _ => 2,
            }];
            let inside = at < *length;
            plane = plane.checked_mul(*length).and_then(|n| n.checked_add(at)).filter(|_| inside).ok_or_else(|| {
                Error::data(format!(
                    "names a plane {at} along {axis} in its OME metadata, of {length}; save it again, or give --axes"
                ))
            })?;
        }
        let other = data.file.as_ref().filter(|file| !is_own(file));
        let file = other.map(|file| file.name.clone().ok_or_else(|| incomplete("the name of a file"))).transpose()?;
        runs.push(Run { file, page: data.page, plane, count: data.count });
    }
    let size = y.zip(x).map(|(y, x)| [y, x]);
    Ok(Stack { axes, runs, size, behind: false, from: "its OME metadata" })
}

fn calibration(image: &OmeImage, planes: u64) -> Calibration {
    let mut size = [None; 3];
    let mut unit = [None, None, None];
    for (axis, pixel) in image.pixel.iter().enumerate() {
        let Some((text, own)) = pixel else { continue };
        // For a single plane, writers set the depth to zero or NaN.
        let found = decimal(text).unwrap_or(f64::NAN);
        size[axis] = (axis > 0 || planes > 1 || found > 0.0).then_some(found);
        // OME's default unit is the micrometer.
        unit[axis] = Some(own.clone().unwrap_or_else(|| "µm".to_owned()));
    }
    Calibration { size, unit, from: FROM }
}
