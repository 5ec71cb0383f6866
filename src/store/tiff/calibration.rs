//! What ImageJ and OME write into a TIFF's description: voxel size, unit, and how planes follow each other.

use crate::error::{Error, Result};
use crate::store::tiff::page::FileTags;

/// What a description says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Calibration {
    /// Size of a voxel along (z, y, x), where each is known.
    pub(crate) spacing: [Option<f64>; 3],
    pub(crate) unit: Option<String>,
    pub(crate) planes: Option<Planes>,
}

/// How the planes of several channels and time points follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planes {
    pub(crate) frames: usize,
    pub(crate) channels: usize,
    pub(crate) slices: usize,
    /// Number of pages from one frame, channel and slice to the next.
    strides: [usize; 3],
}

impl Planes {
    fn new([frames, channels, slices]: [usize; 3], order: &str) -> Option<Self> {
        let mut strides = [0; 3];
        let mut stride = 1usize;
        for axis in order.chars() {
            let (at, length) = match axis {
                'T' => (0, frames),
                'C' => (1, channels),
                'Z' => (2, slices),
                _ => continue,
            };
            strides[at] = stride;
            stride = stride.checked_mul(length)?;
        }
        Some(Planes { frames, channels, slices, strides })
    }

    /// Number of pages in all; `None` where it is beyond counting.
    pub(crate) fn count(&self) -> Option<usize> {
        self.frames.checked_mul(self.channels)?.checked_mul(self.slices)
    }

    /// Which page a plane is.
    pub(crate) fn page(&self, frame: usize, channel: usize, slice: usize) -> usize {
        frame * self.strides[0] + channel * self.strides[1] + slice * self.strides[2]
    }
}

/// What the first page of a file says: OME-XML's, or ImageJ's, or nothing.
///
/// Resolution tags count only together with ImageJ's unit: elsewhere they are a printer's dots per inch.
///
/// # Errors
/// `Data` where a description is damaged.
pub(crate) fn calibration(tags: &FileTags) -> Result<Calibration> {
    let Some(text) = &tags.text else { return Ok(Calibration::default()) };
    if text.starts_with("ImageJ=") {
        Ok(imagej(text, tags.resolution))
    } else if text.contains("<OME") || text.contains("<ome:OME") {
        ome(text)
    } else {
        Ok(Calibration::default())
    }
}

fn imagej(text: &str, resolution: Option<[f64; 2]>) -> Calibration {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::trim);
    let count = |key: &str| value(key).and_then(|n| n.parse::<usize>().ok());
    let images = count("images").unwrap_or(1);
    let [frames, channels] = ["frames", "channels"].map(|key| count(key).unwrap_or(1));
    let slices = count("slices").unwrap_or_else(|| if frames * channels > 1 { 1 } else { images });
    // ImageJ has at most seven channels. More of them are planes along z of a writer that did not name its axes.
    let planes = match [frames, channels, slices] {
        [1, planes, 1] if planes > 7 => Planes::new([1, 1, planes], "CZT"),
        counts => Planes::new(counts, "CZT"),
    };
    let unit = value("unit").and_then(unit_name);
    // ImageJ leaves the spacing out of a stack where it is 1, gives flipped stacks a negative one, and says "inch" for
    // dots per inch.
    let depth = value("spacing").and_then(|n| n.parse().ok()).map(f64::abs).or((images > 1).then_some(1.0));
    let spacing = match (&unit, resolution) {
        (Some(_), Some([y, x])) => [depth, Some(1.0 / y), Some(1.0 / x)],
        (Some(_), None) => [depth, Some(1.0), Some(1.0)],
        (None, _) => [None; 3],
    };
    Calibration { spacing, unit, planes }
}

fn ome(text: &str) -> Result<Calibration> {
    let damaged = || Error::data("has OME metadata that cannot be understood; save it again as a plain TIFF stack");
    let start = text.find("<Pixels").or_else(|| text.find("<ome:Pixels")).ok_or_else(damaged)?;
    let element = &text[start..];
    let element = &element[..element.find('>').ok_or_else(damaged)?];
    let attribute = |name: &str| -> Option<&str> {
        let at = element.match_indices(name).map(|(at, _)| at).find(|&at| {
            element[..at].ends_with(char::is_whitespace) && element[at + name.len()..].trim_start().starts_with('=')
        })?;
        let value = element[at + name.len()..].trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        value[1..].split(quote).next()
    };
    let count = |name: &str| attribute(name).and_then(|n| n.parse::<usize>().ok()).ok_or_else(damaged);
    let order = attribute("DimensionOrder").ok_or_else(damaged)?;
    let planes = Planes::new([count("SizeT")?, count("SizeC")?, count("SizeZ")?], order).ok_or_else(damaged)?;
    let axes = ["Z", "Y", "X"];
    let spacing = axes.map(|axis| attribute(&format!("PhysicalSize{axis}")).and_then(|n| n.parse().ok()));
    let mut units: Vec<String> = Vec::new();
    for (axis, size) in axes.iter().zip(&spacing) {
        // OME's default unit is the micrometer.
        let unit = attribute(&format!("PhysicalSize{axis}Unit")).unwrap_or("µm");
        if size.is_some() && !units.iter().any(|known| known == unit) {
            units.push(unit.to_owned());
        }
    }
    if units.len() > 1 {
        let message = format!("has axes in different units ({}); give --spacing in one", units.join(", "));
        return Err(Error::data(message));
    }
    let unit = units.first().map(|unit| unit_name(unit).unwrap_or_else(|| unit.clone()));
    Ok(Calibration { spacing, unit, planes: Some(planes) })
}

/// A unit by the name that OME-Zarr has for it; `None` for what is no unit of a sample: pixels, a printer's inches.
fn unit_name(unit: &str) -> Option<String> {
    let name = match unit.trim_matches('"') {
        "" | "pixel" | "pixels" | "px" | "inch" | "inches" | "null" => return None,
        "µm" | "μm" | "um" | "micron" | "microns" | "\\u00B5m" | "&#181;m" | "&#xB5;m" | "micrometer" => "micrometer",
        "nm" => "nanometer",
        "mm" => "millimeter",
        "cm" => "centimeter",
        "m" => "meter",
        "pm" => "picometer",
        "Å" | "A" | "\\u00C5" => "angstrom",
        other => other,
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str, resolution: Option<[f64; 2]>) -> FileTags {
        FileTags { text: Some(text.to_owned()), resolution }
    }

    #[test]
    fn imagej_resolution_counts_only_with_a_unit() {
        let stack = "ImageJ=1.53t\nimages=40\nslices=40\nunit=micron\nspacing=2.5\nloop=false\n";
        let calibrated = calibration(&tags(stack, Some([2.0, 4.0]))).unwrap();
        assert_eq!(calibrated.spacing, [Some(2.5), Some(0.5), Some(0.25)]);
        assert_eq!(calibrated.unit.as_deref(), Some("micrometer"));
        for unit in ["unit=pixel\n", "unit=inch\n", ""] {
            let plain = calibration(&tags(&format!("ImageJ=1.53t\nimages=4\n{unit}"), Some([300.0, 300.0]))).unwrap();
            assert_eq!((plain.spacing, plain.unit), ([None; 3], None));
            assert_eq!(plain.planes.unwrap().slices, 4);
        }
        assert_eq!(calibration(&tags("scanned", Some([300.0, 300.0]))).unwrap(), Calibration::default());
    }

    #[test]
    fn planes_follow_each_other_in_the_order_that_is_named() {
        let hyperstack = "ImageJ=1.53t\nimages=24\nchannels=2\nslices=3\nframes=4\n";
        let planes = calibration(&tags(hyperstack, None)).unwrap().planes.unwrap();
        assert_eq!(planes.count(), Some(24));
        assert_eq!((planes.page(0, 1, 0), planes.page(0, 0, 1), planes.page(1, 0, 0)), (1, 2, 6));
        let unnamed = calibration(&tags("ImageJ=1.11a\nimages=40\nchannels=40\n", None)).unwrap().planes.unwrap();
        assert_eq!((unnamed.channels, unnamed.slices), (1, 40));
        let xml = r#"<?xml version="1.0"?><OME><Image><Pixels DimensionOrder="XYZTC" SizeX="9" SizeZ="3" SizeC="2"
            SizeT="4" PhysicalSizeX="0.5" PhysicalSizeXUnit="nm" PhysicalSizeY='0.5' PhysicalSizeYUnit='nm'>"#;
        let ome = calibration(&tags(xml, None)).unwrap();
        let planes = ome.planes.unwrap();
        assert_eq!((planes.page(0, 1, 0), planes.page(0, 0, 1), planes.page(1, 0, 0)), (12, 1, 3));
        assert_eq!((ome.spacing, ome.unit.as_deref()), ([None, Some(0.5), Some(0.5)], Some("nanometer")));
        let mixed = xml.replace("YUnit='nm'", "YUnit='mm'");
        assert!(calibration(&tags(&mixed, None)).unwrap_err().to_string().contains("different units (mm, nm)"));
        assert!(calibration(&tags("<OME></OME>", None)).is_err());
    }
}
