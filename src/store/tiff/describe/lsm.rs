//! Zeiss' LSM files: the private tag `CZ_LSMINFO`.

use crate::error::{Error, Result};
use crate::store::tiff::describe::Given;
use crate::store::tiff::stack::{FileDescription, Stack};
use crate::store::tiff::tags::FileTags;
use crate::store::units::Calibration;

const CZ_LSMINFO: u16 = 34412;
/// Offset of the numbers of positions and mosaic tiles.
const DIMENSION_P: usize = 264;

/// The description in the tag: planes along time and z, and the voxel size in meters.
///
/// # Errors
/// `Data` if the file is a scan along other axes than x and y, or of several positions.
pub(crate) fn described(tags: &FileTags, _: &Given<'_>) -> Result<Option<FileDescription>> {
    let Some(tag) = tags.tag(CZ_LSMINFO) else { return Ok(None) };
    let damaged =
        || Error::data("has LSM metadata that are cut off; copy it again, or give --axes z,y,x and --spacing");
    let count = |at| tags.number(tag, at, 4).ok_or_else(damaged);
    let [x, y, z, t] = [count(8)?, count(12)?, count(16)?, count(24)?];
    let scan = tags.number(tag, 88, 2).ok_or_else(damaged)?;
    // Channels are samples of a pixel.
    let axes = match scan {
        0 => vec![('z', z)],
        3 => vec![('t', t)],
        6 | 7 => vec![('t', t), ('z', z)],
        _ => {
            return Err(Error::data(
                "is a scan along a line or along x and z by its LSM metadata; give --axes y,x or z,y,x for its pages",
            ));
        }
    };
    let places = [0, 4].map(|at| tags.number(tag, DIMENSION_P + at, 4).unwrap_or(0));
    if places.iter().any(|n| *n > 1) {
        let message = "holds several positions by its LSM metadata; save the one to analyse as a file of its own";
        return Err(Error::data(message));
    }
    let size = [56, 48, 40].map(|at| tags.double(tag, at).filter(|size| *size > 0.0 && size.is_finite()));
    let size = size.map(|meters| meters.map(|meters| meters * 1e6));
    let unit = [(); 3].map(|()| Some("µm".to_owned()));
    let stack = Stack { size: Some([y, x]), ..Stack::of(&axes, "its LSM metadata") };
    let calibration = Calibration { size, unit, from: "the LSM metadata" };
    Ok(Some(FileDescription { form: "LSM", calibration, stack: Some(stack), ..FileDescription::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(scan: u16) -> Vec<u8> {
        let mut bytes = vec![0; 400];
        for (at, n) in [(8, 30u32), (12, 26), (16, 12), (20, 1), (24, 2)] {
            bytes[at..at + 4].copy_from_slice(&n.to_le_bytes());
        }
        for (at, size) in [(40, 0.25e-6f64), (48, 0.5e-6), (56, 2e-6)] {
            bytes[at..at + 8].copy_from_slice(&size.to_le_bytes());
        }
        bytes[88..90].copy_from_slice(&scan.to_le_bytes());
        bytes
    }

    #[test]
    fn planes_and_voxels_are_those_of_the_scan() {
        let said = |bytes: Vec<u8>| described(&FileTags::default().with(CZ_LSMINFO, 1, bytes), &Given::default());
        let found = said(info(6)).unwrap().unwrap();
        assert_eq!(found.stack.as_ref().unwrap().axes, [('t', 2), ('z', 12)]);
        assert_eq!(found.stack.unwrap().size, Some([26, 30]));
        let size = found.calibration.size.map(|size| (size.unwrap() * 1e9).round() / 1e9);
        assert_eq!(size, [2.0, 0.5, 0.25]);
        assert!(said(info(1)).unwrap_err().to_string().contains("along x and z"));
        assert!(said(info(0)[..20].to_vec()).unwrap_err().to_string().contains("cut off"));
    }
}
