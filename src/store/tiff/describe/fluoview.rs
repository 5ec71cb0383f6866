//! Olympus FluoView's header `MM_HEADER`, and Olympus SIS' settings, with separate lists of axes.

use crate::error::{Error, Result};
use crate::store::tiff::describe::Given;
use crate::store::tiff::stack::{FileDescription, Stack};
use crate::store::tiff::tags::{FileTags, text};
use crate::store::units::Calibration;

const MM_HEADER: u16 = 34361;
const SIS_SETTINGS: u16 = 33471;
/// Ten axes, the fastest first, each with its name, length, origin, step and unit.
const AXES_AT: usize = 284;
const AXIS_BYTES: usize = 16 + 4 + 8 + 8 + 64;

/// The description in the header.
///
/// # Errors
/// `Data` if it is cut off, or has an axis other than time, channels and those of space.
pub(crate) fn described(tags: &FileTags, file: &Given<'_>) -> Result<Option<FileDescription>> {
    let Some(tag) = tags.tag(MM_HEADER) else { return settings(tags, file) };
    let cut_off = || Error::data("has a FluoView header that is cut off; copy it again, or give --axes and --spacing");
    let mut planes = Vec::new();
    let mut calibration = Calibration { from: "the FluoView header", ..Calibration::default() };
    let mut plane = [None; 2];
    for number in 0..10 {
        let at = AXES_AT + number * AXIS_BYTES;
        let name = text(tag.bytes.get(at..at + 16).ok_or_else(cut_off)?).trim().to_uppercase();
        let length = tags.number(tag, at + 16, 4).ok_or_else(cut_off)?;
        if name.is_empty() || length == 0 {
            continue;
        }
        let step = tags.double(tag, at + 28).map(f64::abs).filter(|step| *step > 0.0 && step.is_finite());
        let unit = tag.bytes.get(at + 36..at + AXIS_BYTES).map(text).ok_or_else(cut_off)?;
        let space = match &*name {
            "X" => Some(2),
            "Y" => Some(1),
            "Z" => Some(0),
            _ => None,
        };
        if let Some(axis) = space {
            (calibration.size[axis], calibration.unit[axis]) = (step, Some(unit));
        }
        match &*name {
            "X" => plane[1] = Some(length),
            "Y" => plane[0] = Some(length),
            "Z" => planes.push(('z', length)),
            "T" | "TIME" => planes.push(('t', length)),
            "CH" | "WAVELENGTH" => planes.push(('c', length)),
            _ if length == 1 => {}
            _ => {
                let message = format!("has {length} planes along an axis {name} by its FluoView header; give --axes");
                return Err(Error::data(message));
            }
        }
    }
    planes.reverse();
    let size = plane[0].zip(plane[1]).map(|(y, x)| [y, x]);
    let stack = Stack { size, ..Stack::of(&planes, "its FluoView header") };
    Ok(Some(FileDescription { form: "TIFF, FluoView", calibration, stack: Some(stack), ..FileDescription::default() }))
}

/// The description in SIS' settings: lines `Z=12` in the section `[Dimension]`, the fastest axis first.
fn settings(tags: &FileTags, file: &Given<'_>) -> Result<Option<FileDescription>> {
    let Some(settings) = tags.text(SIS_SETTINGS) else { return Ok(None) };
    let lines = settings.lines().map(str::trim);
    let section = lines.skip_while(|line| !line.eq_ignore_ascii_case("[dimension]")).skip(1);
    let mut several = Vec::new();
    for line in section.take_while(|line| !line.starts_with('[')) {
        let Some((name, value)) = line.split_once('=') else { continue };
        let length: Option<u64> = value.trim().parse().ok();
        let axis = match &*name.trim().to_lowercase() {
            "z" => 'z',
            "time" | "t" => 't',
            "band" => 'c',
            _ => continue,
        };
        several.extend(length.filter(|length| *length > 1).map(|length| (axis, length)));
    }
    match several[..] {
        [_, _, ..] if file.pages > 1 => {
            Err(Error::data("has several axes of planes by its Olympus settings; give --axes, such as c,z,y,x"))
        }
        [] | [_, _, ..] => Ok(None),
        [one] => {
            let stack = Stack::of(&[one], "its Olympus settings");
            Ok(Some(FileDescription { form: "TIFF, Olympus", stack: Some(stack), ..FileDescription::default() }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(axes: &[(&str, u32, f64)]) -> Vec<u8> {
        let mut bytes = vec![0; AXES_AT + 10 * AXIS_BYTES];
        for (number, (name, length, step)) in axes.iter().enumerate() {
            let at = AXES_AT + number * AXIS_BYTES;
            bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
            bytes[at + 16..at + 20].copy_from_slice(&length.to_le_bytes());
            bytes[at + 28..at + 36].copy_from_slice(&step.to_le_bytes());
            bytes[at + 36..at + 38].copy_from_slice(b"um");
        }
        bytes
    }

    #[test]
    fn the_axes_of_the_header_are_those_of_the_pages() {
        let said = |bytes| described(&FileTags::default().with(MM_HEADER, 1, bytes), &Given::default());
        let all = [("x", 30, 0.25), ("y", 26, -0.5), ("z", 12, 2.0), ("Ch", 2, 1.0)];
        let found = said(header(&all)).unwrap().unwrap();
        assert_eq!(found.calibration.size, [Some(2.0), Some(0.5), Some(0.25)]);
        assert_eq!(found.stack.unwrap().axes, [('c', 2), ('z', 12)]);
        let event = said(header(&[("X", 30, 0.25), ("Y", 26, 0.5), ("Event", 3, 1.0)])).unwrap_err();
        assert!(event.to_string().contains("3 planes along an axis EVENT"), "{event}");
        assert!(said(vec![0; 300]).is_err());
        let settings = "[Header]\r\nName=a\r\n[Dimension]\r\nZ=12\r\nBand=1\r\n[Z]\r\nTime=9\r\n";
        let tags = FileTags::default().with(SIS_SETTINGS, 1, settings.as_bytes().to_vec());
        assert_eq!(described(&tags, &Given::default()).unwrap().unwrap().stack.unwrap().axes, [('z', 12)]);
    }
}
