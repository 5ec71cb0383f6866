//! NIH Image's header, which ImageJ reads too: the number of slices that follow the first, their distance, and the
//! pixel size.

use crate::error::Result;
use crate::store::tiff::describe::Given;
use crate::store::tiff::stack::{FileDescription, Stack};
use crate::store::tiff::tags::FileTags;
use crate::store::units::Calibration;

const NIH_IMAGE_HEADER: u16 = 43314;

/// The units of the header, by their number from `Nanometers` on.
const UNITS: [&str; 8] = ["nm", "µm", "mm", "cm", "m", "km", "inch", "foot"];

/// The description in the header.
pub(crate) fn described(tags: &FileTags, _: &Given<'_>) -> Result<Option<FileDescription>> {
    let Some(tag) = tags.tag(NIH_IMAGE_HEADER).filter(|tag| tag.bytes.starts_with(b"IPIC")) else { return Ok(None) };
    let slices = tags.number(tag, 260, 2).unwrap_or(0);
    let bits = |at| tags.number(tag, at, 4).and_then(|bits| u32::try_from(bits).ok()).map(f32::from_bits);
    let unit = tags.number(tag, 172, 2).and_then(|id| usize::try_from(id).ok()).and_then(|id| UNITS.get(id));
    let positive = |size: f64| (size.is_finite() && size > 0.0).then_some(size);
    let mut calibration = Calibration { from: "the NIH Image header", ..Calibration::default() };
    if let Some(unit) = unit {
        let pixel = tags.double(tag, 160).map(|scale| 1.0 / scale).and_then(positive);
        let aspect = bits(272).map(f64::from).and_then(positive).unwrap_or(1.0);
        let depth = bits(262).map(f64::from).and_then(positive);
        // The distance of slices is in pixels.
        calibration.size = [pixel.zip(depth).map(|(pixel, depth)| pixel * depth), pixel.map(|p| p / aspect), pixel];
        calibration.unit = [(); 3].map(|()| Some((*unit).to_owned()));
    }
    let stack = (slices > 1).then(|| Stack { behind: true, ..Stack::of(&[('z', slices)], "its NIH Image header") });
    Ok(Some(FileDescription { form: "TIFF, NIH Image", calibration, stack, ..FileDescription::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_follow_the_first_so_many_pixels_apart() {
        let mut header = vec![0; 512];
        header[..8].copy_from_slice(b"IPICIMAG");
        header[160..168].copy_from_slice(&4.0f64.to_le_bytes());
        header[172..174].copy_from_slice(&1u16.to_le_bytes());
        header[260..262].copy_from_slice(&12u16.to_le_bytes());
        header[262..266].copy_from_slice(&8.0f32.to_le_bytes());
        let tags = FileTags::default().with(NIH_IMAGE_HEADER, 512, header);
        let found = described(&tags, &Given::default()).unwrap().unwrap();
        assert_eq!(found.calibration.size, [Some(2.0), Some(0.25), Some(0.25)]);
        assert_eq!(found.calibration.unit[0].as_deref(), Some("µm"));
        let stack = found.stack.unwrap();
        assert!(stack.behind && stack.axes == [('z', 12)]);
    }
}
