//! MetaMorph: stacks with one directory, whose planes are counted in private tags, and the XML of later releases.

use crate::error::{Error, Result};
use crate::store::ome_xml::{decimal, document};
use crate::store::tiff::describe::Given;
use crate::store::tiff::stack::{FileDescription, Stack};
use crate::store::tiff::tags::{FileTags, RawTag, text};
use crate::store::units::Calibration;

/// Properties of the stack by their number; a ratio and two dates for each plane; and a wavelength for each plane.
const UIC1: u16 = 33628;
const UIC2: u16 = 33629;
const UIC3: u16 = 33630;

/// The description in the tags, each of which has the number of planes as its count.
///
/// Planes are along z if all have a distance from the next; otherwise along time if their times differ, like in
/// tifffile; otherwise along z.
///
/// # Errors
/// `Data` if the tags are cut off, or planes have several wavelengths.
pub(crate) fn described(tags: &FileTags, file: &Given<'_>) -> Result<Option<FileDescription>> {
    let Some(tag) = tags.tag(UIC2) else { return Ok(None) };
    let cut_off = || Error::data("has MetaMorph metadata that are cut off; copy it again, or give --axes z,y,x");
    let planes = usize::try_from(tag.count).map_err(|_| cut_off())?;
    let row = |plane: usize, column: usize| tags.number(tag, 24 * plane + 4 * column, 4);
    let distances: Option<Vec<f64>> = (0..planes).map(|p| Some(row(p, 0)? as f64 / row(p, 1)? as f64)).collect();
    let times: Option<Vec<[u64; 2]>> = (0..planes).map(|p| Some([row(p, 2)?, row(p, 3)?])).collect();
    let (distances, times) = distances.zip(times).ok_or_else(cut_off)?;
    let apart = |distance: &f64| distance.is_finite() && *distance != 0.0;
    let deep = distances.iter().all(apart);
    let axis = if planes > 1 && !deep && times.windows(2).all(|pair| pair[0] != pair[1]) { 't' } else { 'z' };
    if let Some(waves) = tags.tag(UIC3) {
        let wave = |plane: usize| tags.number(waves, 8 * plane, 8);
        if (1..planes).any(|plane| wave(plane) != wave(0)) {
            return Err(Error::data(
                "has planes of several wavelengths by its MetaMorph metadata; give --axes, such as c,z,y,x or z,y,x",
            ));
        }
    }
    let even = distances.iter().all(|distance| (distance - distances[0]).abs() <= 0.01 * distances[0].abs());
    let depth = distances.first().filter(|_| deep && even).map(|distance| distance.abs());
    let ([height, width], unit) = tags.tag(UIC1).map(|tag| pixel(tags, tag, file)).unwrap_or_default();
    let known = unit.is_some();
    let calibration = Calibration {
        // Without the pixel size along y and x, the unit of a step along z is unknown.
        size: if known { [depth, height, width] } else { [None; 3] },
        unit: [(); 3].map(|()| unit.clone()),
        from: "the MetaMorph metadata",
    };
    let stack = Stack { behind: true, ..Stack::of(&[(axis, tag.count)], "its MetaMorph metadata") };
    Ok(Some(FileDescription { form: "MetaMorph stack", calibration, stack: Some(stack), ..FileDescription::default() }))
}

/// Pixel sizes along (y, x) and their unit, if the stack is calibrated.
fn pixel(tags: &FileTags, tag: &RawTag, file: &Given<'_>) -> ([Option<f64>; 2], Option<String>) {
    let property = |number: u64| {
        let entries = usize::try_from(tag.count).unwrap_or(0).min(tag.bytes.len() / 8);
        let mut entries =
            (0..entries).map(|entry| (tags.number(tag, 8 * entry, 4), tags.number(tag, 8 * entry + 4, 4)));
        entries.find_map(|(id, value)| value.filter(|_| id == Some(number)))
    };
    if property(3).is_none_or(|calibrated| calibrated == 0) {
        return ([None; 2], None);
    }
    let ratio = |number| -> Option<f64> {
        let bytes = file.bytes_at(property(number)?, 8)?;
        let [above, below] = [0, 4].map(|at| tags.whole(&bytes[at..at + 4]) as f64);
        Some(above / below).filter(|size| size.is_finite() && *size > 0.0)
    };
    let unit = property(6).and_then(|at| {
        let length = file.bytes_at(at, 4).map(|bytes| tags.whole(&bytes)).filter(|length| *length < 256)?;
        file.bytes_at(at + 4, length).map(|bytes| text(&bytes))
    });
    ([ratio(5), ratio(4)], unit)
}

/// The description in MetaSeries' XML: the pixel size.
///
/// # Errors
/// `Data` with the line and column if it cannot be parsed.
pub(crate) fn described_in_xml(description: &str) -> Result<Option<FileDescription>> {
    if !description.trim_start().starts_with("<MetaData") {
        return Ok(None);
    }
    let document = document(description, "metadata in XML that cannot be read")?;
    let value = |id: &str| {
        let mut properties = document.descendants().filter(|node| node.tag_name().name() == "prop");
        properties.find(|node| node.attribute("id") == Some(id))?.attribute("value")
    };
    if value("spatial-calibration-state").is_none_or(|state| !state.eq_ignore_ascii_case("on")) {
        return Ok(None);
    }
    let positive = |size: &f64| size.is_finite() && *size > 0.0;
    let [height, width] =
        ["spatial-calibration-y", "spatial-calibration-x"].map(|id| value(id).and_then(decimal).filter(positive));
    let unit = value("spatial-calibration-units").map(String::from);
    let calibration = Calibration {
        size: [None, height, width],
        unit: [(); 3].map(|()| unit.clone()),
        from: "the MetaMorph metadata",
    };
    Ok(Some(FileDescription { form: "TIFF, MetaMorph", calibration, ..FileDescription::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planes(distance: [u32; 2], time: fn(u32) -> u32) -> FileTags {
        let row = |plane| [distance[0], distance[1], 2_459_000, time(plane), 2_459_000, 0];
        let bytes = (0..12).flat_map(row).flat_map(u32::to_le_bytes).collect();
        FileTags::default().with(UIC2, 12, bytes)
    }

    #[test]
    fn planes_are_counted_along_z_or_time() {
        let axes = |tags: FileTags| described(&tags, &Given::default()).unwrap().unwrap().stack.unwrap().axes;
        assert_eq!(axes(planes([2, 1], |plane| plane)), [('z', 12)]);
        assert_eq!(axes(planes([0, 1], |plane| plane)), [('t', 12)]);
        assert_eq!(axes(planes([0, 1], |_| 0)), [('z', 12)]);
        let waves =
            |last: u32| (0..12).flat_map(move |p| [if p == 11 { last } else { 500 }, 1]).flat_map(u32::to_le_bytes);
        let one = planes([2, 1], |_| 0).with(UIC3, 12, waves(500).collect());
        assert!(described(&one, &Given::default()).is_ok());
        let two = planes([2, 1], |_| 0).with(UIC3, 12, waves(600).collect());
        assert!(described(&two, &Given::default()).unwrap_err().to_string().contains("several wavelengths"));
        let cut_off = FileTags::default().with(UIC2, 12, vec![0; 30]);
        assert!(described(&cut_off, &Given::default()).unwrap_err().to_string().contains("cut off"));
    }

    #[test]
    fn pixels_have_the_size_that_is_stored_elsewhere_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.stk");
        let mut bytes: Vec<u8> = [1u32, 4, 1, 2, 2].iter().flat_map(|n| n.to_le_bytes()).collect();
        bytes.extend(b"um");
        std::fs::write(&path, &bytes).unwrap();
        let entries: Vec<u8> = [3u32, 1, 4, 0, 5, 8, 6, 16].iter().flat_map(|n| n.to_le_bytes()).collect();
        let tags = planes([2, 1], |_| 0).with(UIC1, 4, entries);
        let found = described(&tags, &Given { path: &path, ..Given::default() }).unwrap().unwrap().calibration;
        assert_eq!((found.size, found.unit[2].as_deref()), ([Some(2.0), Some(0.5), Some(0.25)], Some("um")));
        let xml = "<MetaData><prop id=\"spatial-calibration-state\" value=\"on\"/><prop id=\"spatial-calibration-x\" \
                   value=\"0.25\"/><prop id=\"spatial-calibration-units\" value=\"um\"/></MetaData>";
        assert_eq!(described_in_xml(xml).unwrap().unwrap().calibration.size, [None, None, Some(0.25)]);
        assert!(described_in_xml("<MetaData><prop>").is_err());
    }
}
