//! SCIFIO's text: that of ImageJ, and above it lists of all axes, as ImageJ2, pyimagej and KNIME write them.
//!
//! According to `io.scif.formats.TIFFFormat` (`addDimensionalAxisInfo`): `axes`, `lengths`, `scales` and `units` name the axes,
//! fastest first, and planes follow each other in that order. The resolution tags are 10,000 / scale whatever the unit is, and
//! the step along z is in `scales` only: so tags are not used, nor ImageJ's keys.

use crate::error::{Error, Result};
use crate::store::ome_xml::decimal;
use crate::store::tiff::stack::{FileDescription, Stack};
use crate::store::units::Calibration;

const FROM: &str = "the SCIFIO metadata";

/// The description in the text; `None` if it does not list axes.
///
/// # Errors
/// `Data` if the lists contradict each other, an axis is named twice, or one that has a length is not known.
pub(super) fn described(text: &str) -> Result<Option<FileDescription>> {
    if !text.starts_with("SCIFIO=") {
        return Ok(None);
    }
    let (Some(axes), Some(lengths)) = (list(text, "axes"), list(text, "lengths")) else { return Ok(None) };
    let names: Vec<char> = axes.iter().map(|name| axis(name)).collect();
    let lengths: Option<Vec<u64>> = lengths.iter().map(|length| length.parse().ok().filter(|&n| n > 0)).collect();
    let Some(lengths) = lengths.filter(|lengths| lengths.len() == axes.len()) else {
        let message = "does not say in its SCIFIO metadata how long each axis is; give --axes z,y,x and --spacing";
        return Err(Error::data(message));
    };
    let (mut planes, mut in_plane) = (Vec::new(), 0);
    for (at, (&name, &length)) in names.iter().zip(&lengths).enumerate() {
        if name != '?' && names[..at].contains(&name) {
            return Err(Error::data(format!("names the axis {} twice in its SCIFIO metadata; give --axes", axes[at])));
        }
        match name {
            'x' | 'y' => in_plane += 1,
            // Samples of a pixel, which are in one page.
            _ if in_plane < 2 || length == 1 => {}
            '?' => {
                return Err(Error::data(format!(
                    "has {length} planes along {} in its SCIFIO metadata, which is none of z, channels and time; save \
                     one of them, or give --axes z,y,x to take all as the planes of a volume",
                    axes[at]
                )));
            }
            name => planes.push((name, length)),
        }
    }
    planes.reverse();
    let stack = Stack::of(&planes, "its SCIFIO metadata");
    let stack = (!planes.is_empty()).then_some(stack);
    let calibration = calibration(text, &names);
    Ok(Some(FileDescription { form: "TIFF, SCIFIO", calibration, stack, ..FileDescription::default() }))
}

/// The values of a key.
fn list<'t>(text: &'t str, key: &str) -> Option<Vec<&'t str>> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.split(',').map(str::trim).collect())
}

/// The letter of an axis by its name in ImageJ2; `?` for those that are not read.
fn axis(name: &str) -> char {
    match &*name.to_ascii_lowercase() {
        "x" => 'x',
        "y" => 'y',
        "z" => 'z',
        "channel" => 'c',
        "time" => 't',
        _ => '?',
    }
}

/// The sizes of voxels, where each axis has one.
fn calibration(text: &str, names: &[char]) -> Calibration {
    let of = |key: &str| list(text, key).filter(|values| values.len() == names.len());
    let (scales, units) = (of("scales"), of("units"));
    let at = ['z', 'y', 'x'].map(|axis| names.iter().position(|&name| name == axis));
    let size = |at: Option<usize>| decimal(scales.as_ref()?[at?]).map(f64::abs).filter(|s| s.is_finite() && *s > 0.0);
    let unit = |at: Option<usize>| Some(units.as_ref()?[at?].to_owned());
    Calibration { size: at.map(size), unit: at.map(unit), from: FROM }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lists: &str) -> Result<Option<FileDescription>> {
        described(&format!("SCIFIO=0.46.0\n{lists}\nbitsPerPixel=8\nimages=24\nchannels=2\nslices=12\nunit=mm\n"))
    }

    #[test]
    fn planes_and_sizes_are_those_of_the_lists() {
        let lists = "axes=X,Y,Z,Channel\nlengths=40,30,12,2\nscales=0.25,0.5,2.0,1.0\nunits=micron,mm,micron,null";
        let found = said(lists).unwrap().unwrap();
        assert_eq!(found.stack.unwrap().axes, [('c', 2), ('z', 12)]);
        assert_eq!(found.calibration.size, [Some(2.0), Some(0.5), Some(0.25)]);
        assert_eq!(found.calibration.unit.map(Option::unwrap_or_default), ["micron", "mm", "micron"]);
        let other = "axes=X,Y,Channel,Z,Lifetime\nlengths=40,30,2,12,1";
        let found = said(other).unwrap().unwrap();
        assert_eq!(found.stack.unwrap().axes, [('z', 12), ('c', 2)]);
        assert_eq!(found.calibration, Calibration { from: FROM, ..Calibration::default() });
        // Three samples in each pixel.
        let samples = said("axes=Channel,X,Y,Time\nlengths=3,40,30,4").unwrap().unwrap();
        assert_eq!(samples.stack.unwrap().axes, [('t', 4)]);
        assert_eq!(said("axes=X,Y\nlengths=40,30").unwrap().unwrap().stack, None);
        assert_eq!(said("").unwrap(), None);
    }

    #[test]
    fn lists_that_cannot_be_followed_are_refused() {
        for (lists, sentence) in [
            ("axes=X,Y,Z\nlengths=40,30", "does not say in its SCIFIO metadata how long each axis is"),
            ("axes=X,Y,Z\nlengths=40,30,many", "does not say in its SCIFIO metadata how long each axis is"),
            ("axes=X,Y,Z,Z\nlengths=40,30,2,2", "names the axis Z twice"),
            ("axes=X,Y,Lifetime\nlengths=40,30,9", "has 9 planes along Lifetime in its SCIFIO metadata"),
        ] {
            let error = said(lists).unwrap_err().to_string();
            assert!(error.contains(sentence), "{error}");
        }
    }
}
