//! Slide scanners' files, whose pages are channels, smaller copies and labels, and pixel sizes of electron microscopes.

use crate::error::{Error, Result};
use crate::store::ome_xml::decimal;
use crate::store::tiff::describe::Given;
use crate::store::tiff::stack::FileDescription;
use crate::store::tiff::tags::FileTags;
use crate::store::units::Calibration;

/// Marks at the start of a scanner's description, and the maker.
const SCANNERS: [(&str, &str); 6] = [
    ("Aperio", "Aperio"),
    ("<PerkinElmer-QPI", "PerkinElmer (QPTIFF)"),
    ("<scn", "Leica (SCN)"),
    ("DPUfsImport", "Philips"),
    ("<iScan", "Ventana"),
    ("level=0 mag=", "Ventana"),
];

/// Tags of Hamamatsu's NDPI, and of FEI's and Zeiss' electron microscopes.
const NDPI: u16 = 65420;
const FEI: [u16; 2] = [34680, 34682];
const ZEISS_SEM: u16 = 34118;

/// Refuses slides of several pages.
///
/// # Errors
/// `Data` if there are several.
pub(crate) fn refuse(description: &str, file: &Given<'_>) -> Result<()> {
    let start: String = description.chars().take(4096).collect();
    match SCANNERS.iter().find(|(mark, _)| start.contains(mark)) {
        Some((_, maker)) => refuse_pages(maker, file),
        None => Ok(()),
    }
}

fn refuse_pages(maker: &str, file: &Given<'_>) -> Result<()> {
    if file.pages < 2 {
        return Ok(());
    }
    Err(Error::data(format!(
        "is a slide of {maker}, whose pages are channels and smaller copies; save the part to analyse as a plain TIFF, \
         such as with QuPath"
    )))
}

/// The pixel size in an electron microscope's tag.
///
/// # Errors
/// `Data` for several pages of a slide.
pub(crate) fn by_tags(tags: &FileTags, file: &Given<'_>) -> Result<Option<FileDescription>> {
    if tags.tag(NDPI).is_some() {
        refuse_pages("Hamamatsu (NDPI)", file)?;
    }
    let settings = FEI.iter().find_map(|&tag| tags.text(tag));
    let fei = settings.map(|text| {
        let value = |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key)?.trim().strip_prefix('='));
        ["PixelHeight", "PixelWidth"].map(|key| value(key).and_then(decimal))
    });
    // Lines `AP_PIXEL_SIZE` and then `Image Pixel Size = 2.5 nm`.
    let zeiss = tags.text(ZEISS_SEM).and_then(|text| {
        let line = text.lines().skip_while(|line| line.trim() != "AP_IMAGE_PIXEL_SIZE").nth(1)?.to_owned();
        let (_, value) = line.split_once('=')?;
        let (number, unit) = value.trim().split_once(' ')?;
        Some((decimal(number)?, unit.trim().to_owned()))
    });
    let (height, width, unit) = match (fei, zeiss) {
        (Some([Some(height), Some(width)]), _) => (height, width, "m".to_owned()),
        (_, Some((size, unit))) => (size, size, unit),
        _ => return Ok(None),
    };
    let size = [None, Some(height), Some(width)].map(|size| size.filter(|size| size.is_finite() && *size > 0.0));
    let calibration =
        Calibration { size, unit: [(); 3].map(|()| Some(unit.clone())), from: "the microscope's metadata" };
    Ok(Some(FileDescription { form: "TIFF, electron microscope", calibration, ..FileDescription::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slides_of_several_pages_are_refused_and_electron_microscopes_have_sizes() {
        let pages = |pages| Given { pages, ..Given::default() };
        let description = "<?xml version=\"1.0\"?>\n<PerkinElmer-QPI-ImageDescription>";
        assert!(refuse(description, &pages(5)).unwrap_err().to_string().contains("is a slide of PerkinElmer"));
        assert!(refuse(description, &pages(1)).is_ok() && refuse("scanned", &pages(5)).is_ok());
        let fei = "[Scan]\r\nPixelWidth=2.5e-09\r\nPixelHeight=3e-09\r\n";
        let tags = FileTags::default().with(FEI[1], 1, fei.as_bytes().to_vec());
        let found = by_tags(&tags, &pages(1)).unwrap().unwrap().calibration;
        assert_eq!((found.size, found.unit[2].as_deref()), ([None, Some(3e-9), Some(2.5e-9)], Some("m")));
        let zeiss = "0\r\nAP_IMAGE_PIXEL_SIZE\r\nImage Pixel Size = 4.466 nm\r\n";
        let tags = FileTags::default().with(ZEISS_SEM, 1, zeiss.as_bytes().to_vec());
        assert_eq!(by_tags(&tags, &pages(1)).unwrap().unwrap().calibration.size[2], Some(4.466));
    }
}
