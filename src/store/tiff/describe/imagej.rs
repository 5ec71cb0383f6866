//! ImageJ's text: `key=value` in lines, with the counts of channels, slices and frames, and the voxel size.
//!
//! According to `ij.io.FileOpener` and `ij.io.TiffEncoder`: pixel sizes along y and x are in the resolution tags, in
//! the text's unit; `spacing` is omitted if it is 1, and negative for stacks that were flipped.

use super::lengths::{is_physical, pixel_size};
use crate::error::{Error, Result};
use crate::store::ome_xml::decimal;
use crate::store::tiff::stack::{FileDescription, Stack};
use crate::store::tiff::tags::FileTags;
use crate::store::units::Calibration;

const FROM: &str = "the ImageJ metadata";

/// Returns whether a text looks like ImageJ's, or like that of SCIFIO, which has the same format.
pub(crate) fn is_imagej(text: &str) -> bool {
    text.starts_with("ImageJ") || text.starts_with("SCIFIO=")
}

/// The description in the text.
///
/// # Errors
/// `Data` if a count is not a whole number above 0, a key has two values, the order is not one of the three axes, or
/// the counts contradict each other.
pub(crate) fn described(text: &str, tags: &FileTags) -> Result<FileDescription> {
    let text = Text::new(text)?;
    let axes = text.axes()?;
    let planes = axes.iter().find(|(axis, _)| *axis == 'z').map_or(1, |(_, length)| *length);
    let stack = (!axes.is_empty()).then(|| Stack { behind: true, ..Stack::of(&axes, "its ImageJ metadata") });
    let (calibration, warning) = text.calibration(tags, axes.is_empty() || planes > 1);
    let form = "TIFF, ImageJ";
    let warnings = warning.into_iter().chain(text.values_in_units()).collect();
    Ok(FileDescription { form, calibration, stack, warnings, ..FileDescription::default() })
}

/// The lines of a text by their keys.
struct Text<'t> {
    lines: Vec<(&'t str, &'t str)>,
}

impl<'t> Text<'t> {
    fn new(text: &'t str) -> Result<Self> {
        let mut lines: Vec<(&str, &str)> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let Some((key, value)) = line.split_once('=') else { continue };
            let (key, value) = (key.trim(), value.trim());
            if KEYS.contains(&key) {
                if lines.iter().any(|(other, that)| *other == key && *that != value) {
                    let message =
                        format!("has two values of {key} in its ImageJ metadata, the second in line {}", number + 1);
                    return Err(Error::data(message + "; give --axes z,y,x and --spacing"));
                }
                lines.push((key, value));
            }
        }
        Ok(Text { lines })
    }

    fn value(&self, key: &str) -> Option<&'t str> {
        self.lines.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    fn count(&self, key: &str) -> Result<Option<u64>> {
        let Some(text) = self.value(key) else { return Ok(None) };
        // ImageJ reads them as floating-point numbers.
        let number = text.parse::<u64>().ok().or_else(|| text.strip_suffix(".0")?.parse().ok());
        number.filter(|n| *n > 0).map(Some).ok_or_else(|| {
            let message = format!(
                "has {text:?} as {key} in its ImageJ metadata, which is no number of images; give --axes z,y,x"
            );
            Error::data(message)
        })
    }

    /// The axes of planes, slowest first; none if the text does not count them.
    fn axes(&self) -> Result<Vec<(char, u64)>> {
        let [channels, slices, frames] = ["channels", "slices", "frames"].map(|key| self.count(key));
        let (channels, slices, frames) = (channels?, slices?, frames?);
        let images = self.count("images")?;
        let length = |axis| match axis {
            'c' => channels.unwrap_or(1),
            't' => frames.unwrap_or(1),
            _ => slices.unwrap_or(1),
        };
        if channels.is_none() && slices.is_none() && frames.is_none() {
            return Ok(images.map(|images| ('z', images)).into_iter().collect());
        }
        let order = self.value("order").unwrap_or("czt").to_ascii_lowercase();
        let order = match order.strip_prefix("xy").unwrap_or(&order) {
            "default" | "" => "czt",
            order => order,
        };
        let mut sorted: Vec<char> = order.chars().collect();
        sorted.sort_unstable();
        if sorted != ['c', 't', 'z'] {
            return Err(Error::data(format!(
                "has its planes in the order {order:?} by its ImageJ metadata, which is none of c, z and t; give --axes"
            )));
        }
        // The fastest axis comes first in the text.
        let axes: Vec<(char, u64)> = order.chars().rev().map(|axis| (axis, length(axis))).collect();
        let stack = Stack::of(&axes, FROM);
        if let Some(images) = images
            && stack.count() != Some(images)
        {
            return Err(Error::data(format!(
                "says {images} images but {} in its ImageJ metadata; give --axes z,y,x to read its pages as planes",
                stack.in_words()
            )));
        }
        Ok(axes)
    }

    /// A warning about values that mean others by a straight line of ImageJ's, such as signed integers, which it saves with
    /// 32,768 added. Other curves are between values and what has been measured, such as optical densities.
    fn values_in_units(&self) -> Option<String> {
        let number = |key: &str| self.value(key).and_then(decimal).filter(|number| number.is_finite());
        let (base, factor) = (number("c0")?, number("c1")?);
        (number("cf") == Some(0.0) && (base, factor) != (0.0, 1.0)).then(|| {
            let (sign, base) = if base < 0.0 { ("-", -base) } else { ("+", base) };
            format!(
                "ImageJ shows {factor} times its values {sign} {base} (c0 and c1 in its metadata): here they are as stored, so \
                 give thresholds of stored values"
            )
        })
    }

    /// The voxel size, and a warning about it.
    fn calibration(&self, tags: &FileTags, deep: bool) -> (Calibration, Option<String>) {
        let spacing = self.value("spacing").map(|text| (text, decimal(text).map(f64::abs)));
        let depth = match spacing {
            Some((_, depth)) => depth.filter(|depth| depth.is_finite() && *depth > 0.0),
            // ImageJ omits it from stacks if it is 1; for a single slice it is unknown.
            None => deep.then_some(1.0),
        };
        let unit = self.value("unit").unwrap_or_default();
        let [z, y, x] =
            ["zunit", "yunit", "xunit"].map(|key| self.value(key).filter(|u| !u.is_empty()).unwrap_or(unit));
        let units = [z, y, x].map(|unit| Some(unit.to_owned()));
        if is_physical(x) {
            let [height, width] = pixel_size(tags, [y, x]);
            // A scanner's dots per inch do not mean that the planes of a stack are an inch apart.
            let depth = if spacing.is_none() && x.to_ascii_lowercase().starts_with("inch") { None } else { depth };
            return (Calibration { size: [depth, height, width], unit: units, from: FROM }, None);
        }
        let none = Calibration { from: FROM, ..Calibration::default() };
        match (spacing, depth) {
            // Pixels that are longer along z than along y and x.
            (Some(_), Some(depth)) if deep && depth != 1.0 => {
                if tags.resolution_unit().is_some_and(|unit| unit > 1) {
                    let warning = format!(
                        "its ImageJ metadata have a spacing of {depth} and no unit: lengths are in voxels; give --spacing"
                    );
                    return (none, Some(warning));
                }
                let [height, width] = pixel_size(tags, ["", ""]);
                (Calibration { size: [Some(depth), height, width], ..none }, None)
            }
            _ => (none, None),
        }
    }
}

/// The keys that describe axes, lengths and values.
const KEYS: [&str; 13] =
    ["images", "channels", "slices", "frames", "order", "unit", "xunit", "yunit", "zunit", "spacing", "cf", "c0", "c1"];

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, resolution: Option<([u32; 2], u16)>) -> Result<FileDescription> {
        described(text, &FileTags::made_up(&[text], resolution))
    }

    #[test]
    fn sizes_are_in_the_units_of_the_text_and_in_pixels_a_centimeter_by_the_tags() {
        let of = |text: &str, resolution| {
            let found = said(text, resolution).unwrap().calibration;
            (found.size, found.unit.map(Option::unwrap_or_default).join(" "))
        };
        let stack = "ImageJ=1.53t\r\nimages=40\r\nslices=40\r\nunit=micron\r\nspacing=-2,5\r\nloop=false\r\n";
        let sizes = [Some(2.5), Some(0.5), Some(0.25)];
        assert_eq!(of(stack, Some(([2, 4], 1))), (sizes, "micron micron micron".to_owned()));
        assert_eq!(of(stack, Some(([2, 4], 2))).0, sizes);
        assert_eq!(of(stack, Some(([20000, 40000], 3))).0, sizes);
        assert_eq!(of(stack, Some(([0, 4], 1))).0, [Some(2.5), None, Some(0.25)]);
        assert_eq!(of(stack, None).0, [Some(2.5), Some(1.0), Some(1.0)]);
        let units = "ImageJ=1\nimages=4\nunit=um\nyunit=mm\nzunit=nm\n";
        assert_eq!(of(units, None), ([Some(1.0); 3], "nm mm um".to_owned()));
        for spacing in ["0.0", "NaN", "wide"] {
            let text = format!("ImageJ=1\nimages=4\nunit=um\nspacing={spacing}\n");
            assert_eq!(of(&text, None).0, [None, Some(1.0), Some(1.0)]);
        }
        for unit in ["unit=pixel\n", ""] {
            assert_eq!(of(&format!("ImageJ=1.53t\nimages=4\n{unit}"), Some(([300, 300], 2))).0, [None; 3]);
        }
        let inches = "ImageJ=1.53t\nimages=4\nunit=inch\n";
        assert_eq!(of(inches, Some(([2, 4], 2))).0, [None, Some(0.5), Some(0.25)]);
        // Voxels without a unit that are not cubes.
        let bare = "ImageJ=1.53t\nimages=4\nslices=4\nspacing=3.0\n";
        assert_eq!(of(bare, None), ([Some(3.0), Some(1.0), Some(1.0)], "  ".to_owned()));
        assert!(said(bare, Some(([300, 300], 2))).unwrap().warnings[0].contains("a spacing of 3 and no unit"));
    }

    #[test]
    fn values_that_mean_others_are_said() {
        let warnings = |text: &str| said(&format!("ImageJ=1.54f\nimages=4\n{text}"), None).unwrap().warnings;
        let signed = warnings("cf=0\nc0=-32768.0\nc1=1.0\nvunit=Gray Value\n");
        assert!(signed[0].starts_with("ImageJ shows 1 times its values - 32768 (c0"), "{signed:?}");
        for plain in ["", "cf=0\nc0=0.0\nc1=1.0\n", "cf=20\nc0=3\nc1=2\n", "cf=0\n"] {
            assert_eq!(warnings(plain), Vec::<String>::new());
        }
    }

    #[test]
    fn planes_follow_each_other_in_the_order_that_is_named() {
        let axes = |text: &str| said(text, None).map(|found| found.stack.map(|stack| stack.axes).unwrap_or_default());
        let hyperstack = "ImageJ=1.53t\nimages=24\nchannels=2\nslices=3\nframes=4\n";
        assert_eq!(axes(hyperstack).unwrap(), [('t', 4), ('z', 3), ('c', 2)]);
        assert_eq!(axes(&format!("{hyperstack}order=zct\n")).unwrap(), [('t', 4), ('c', 2), ('z', 3)]);
        assert_eq!(axes(&format!("{hyperstack}order=xyctz\n")).unwrap(), [('z', 3), ('t', 4), ('c', 2)]);
        assert_eq!(axes("ImageJ=1.53t\nimages=7\n").unwrap(), [('z', 7)]);
        assert_eq!(axes("ImageJ=1.53t\nunit=um\n").unwrap(), []);
        for (wrong, sentence) in [
            (format!("{hyperstack}order=zzt\n"), "in the order \"zzt\""),
            (
                format!("{hyperstack}slices=4\n"),
                "has two values of slices in its ImageJ metadata, the second in line 6",
            ),
            ("ImageJ=1\nimages=24\nchannels=2\n".to_owned(), "says 24 images but 2 channels x 1 plane in"),
            ("ImageJ=1\nimages=many\n".to_owned(), "has \"many\" as images"),
            ("ImageJ=1\nslices=0\n".to_owned(), "has \"0\" as slices"),
        ] {
            let error = axes(&wrong).unwrap_err().to_string();
            assert!(error.contains(sentence), "{error}");
        }
    }
}
