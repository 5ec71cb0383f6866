//! What ImageJ and OME write into a TIFF's description: voxel size, unit, and how planes follow each other.

use crate::error::{Error, Result};
use crate::store::tiff::tags::FileTags;
use crate::store::units::{Calibration, unit_name};

/// What a description says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Described {
    pub(crate) calibration: Calibration,
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
pub(crate) fn described(tags: &FileTags) -> Result<Described> {
    let ome_first = tags.descriptions().find(|text| text.contains("<OME") || text.contains("<ome:OME"));
    let Some(text) = ome_first.or_else(|| tags.descriptions().next()) else { return Ok(Described::default()) };
    if text.starts_with("ImageJ=") {
        Ok(imagej(&text, tags.resolution()))
    } else if text.contains("<OME") || text.contains("<ome:OME") {
        ome(&text)
    } else {
        Ok(Described::default())
    }
}

fn imagej(text: &str, resolution: Option<[f64; 2]>) -> Described {
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
    let unit = value("unit").filter(|unit| !unit.to_ascii_lowercase().starts_with("inch")).and_then(unit_name);
    // ImageJ leaves the spacing out of a stack where it is 1, gives flipped stacks a negative one, and says "inch" for
    // dots per inch.
    let depth = value("spacing").and_then(|n| n.parse().ok()).map(f64::abs).or((images > 1).then_some(1.0));
    let size = match (&unit, resolution) {
        (Some(_), Some([y, x])) => [depth, Some(1.0 / y), Some(1.0 / x)],
        (Some(_), None) => [depth, Some(1.0), Some(1.0)],
        (None, _) => [None; 3],
    };
    let unit = [(); 3].map(|()| unit.clone());
    Described { calibration: Calibration { size, unit, from: "the ImageJ metadata" }, planes }
}

fn ome(text: &str) -> Result<Described> {
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
    let size = axes.map(|axis| attribute(&format!("PhysicalSize{axis}")).and_then(|n| n.parse().ok()));
    // OME's default unit is the micrometer.
    let unit = axes.map(|axis| Some(attribute(&format!("PhysicalSize{axis}Unit")).unwrap_or("µm").to_owned()));
    let calibration = Calibration { size, unit, from: "the OME metadata" };
    Ok(Described { calibration, planes: Some(planes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str, resolution: Option<[u32; 2]>) -> FileTags {
        FileTags::made_up(&[text], resolution.map(|resolution| (resolution, 1)))
    }

    #[test]
    fn imagej_resolution_counts_only_with_a_unit() {
        let stack = "ImageJ=1.53t\nimages=40\nslices=40\nunit=micron\nspacing=2.5\nloop=false\n";
        let found = described(&tags(stack, Some([2, 4]))).unwrap().calibration;
        assert_eq!(found.size, [Some(2.5), Some(0.5), Some(0.25)]);
        assert_eq!(found.unit[0].as_deref(), Some("micrometer"));
        for unit in ["unit=pixel\n", "unit=inch\n", ""] {
            let plain = described(&tags(&format!("ImageJ=1.53t\nimages=4\n{unit}"), Some([300, 300]))).unwrap();
            assert_eq!(plain.calibration.size, [None; 3]);
            assert_eq!(plain.planes.unwrap().slices, 4);
        }
        assert_eq!(described(&tags("scanned", Some([300, 300]))).unwrap(), Described::default());
    }

    #[test]
    fn planes_follow_each_other_in_the_order_that_is_named() {
        let hyperstack = "ImageJ=1.53t\nimages=24\nchannels=2\nslices=3\nframes=4\n";
        let planes = described(&tags(hyperstack, None)).unwrap().planes.unwrap();
        assert_eq!(planes.count(), Some(24));
        assert_eq!((planes.page(0, 1, 0), planes.page(0, 0, 1), planes.page(1, 0, 0)), (1, 2, 6));
        let unnamed = described(&tags("ImageJ=1.11a\nimages=40\nchannels=40\n", None)).unwrap().planes.unwrap();
        assert_eq!((unnamed.channels, unnamed.slices), (1, 40));
        let xml = r#"<?xml version="1.0"?><OME><Image><Pixels DimensionOrder="XYZTC" SizeX="9" SizeZ="3" SizeC="2"
            SizeT="4" PhysicalSizeX="0.5" PhysicalSizeXUnit="nm" PhysicalSizeY='0.5' PhysicalSizeYUnit='nm'>"#;
        let ome = described(&tags(xml, None)).unwrap();
        let planes = ome.planes.unwrap();
        assert_eq!((planes.page(0, 1, 0), planes.page(0, 0, 1), planes.page(1, 0, 0)), (12, 1, 3));
        assert_eq!(ome.calibration.size, [None, Some(0.5), Some(0.5)]);
        assert_eq!(ome.calibration.unit.map(|unit| unit.unwrap()), ["µm", "nm", "nm"]);
        assert!(described(&tags("<OME></OME>", None)).is_err());
    }
}
