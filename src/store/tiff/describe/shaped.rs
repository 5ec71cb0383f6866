//! The JSON written by tifffile, and by scikit-image and others with it: the shape of the array, the names of its axes
//! if given, and any custom fields of the caller, by custom `spacing` and `unit`.

use serde_json::{Map, Value};

use super::lengths::{is_physical, pixel_size};
use crate::error::{Error, Result};
use crate::store::axes::require_few;
use crate::store::tiff::stack::{FileDescription, Stack};
use crate::store::tiff::tags::FileTags;
use crate::store::units::Calibration;

/// Returns whether a text looks like tifffile's.
pub(crate) fn is_shaped(text: &str) -> bool {
    text.starts_with("shape=(") || (text.starts_with('{') && text.contains("\"shape\""))
}

/// The description in the text; `None` if its field `shape` has another meaning.
///
/// # Errors
/// `Data` with the line and column if it is not JSON, or if it names an axis that is not supported, or has another
/// number of axes than the shape.
pub(crate) fn described(text: &str, tags: &FileTags) -> Result<Option<FileDescription>> {
    let fields: Map<String, Value> = match text.strip_prefix("shape=(") {
        // The format of releases before 2016.
        Some(rest) => {
            let inside = rest.split(')').next().unwrap_or_default();
            let lengths = inside.split(',').map(str::trim).filter(|n| !n.is_empty());
            let lengths: Option<Vec<u64>> = lengths.map(|n| n.trim_end_matches('L').parse().ok()).collect();
            let lengths =
                lengths.ok_or_else(|| Error::data("has a shape in its metadata that is none; give --axes"))?;
            Map::from_iter([("shape".to_owned(), lengths.into())])
        }
        None => serde_json::from_str(&without_nan(text)).map_err(|error| {
            let message = format!(
                "has metadata in JSON that cannot be read, at line {}, column {}; save it again, or give --axes z,y,x",
                error.line(),
                error.column()
            );
            Error::data(message).because(error)
        })?,
    };
    let shape = fields.get("shape").and_then(Value::as_array);
    let shape: Option<Vec<u64>> = shape.and_then(|lengths| lengths.iter().map(Value::as_u64).collect());
    let Some(shape) = shape else { return Ok(None) };
    require_few(shape.len())?;
    let stack = stack(&shape, fields.get("axes").and_then(Value::as_str))?;
    let deep = stack.as_ref().is_some_and(|stack| stack.length('z') > 1);
    let calibration = calibration(&fields, tags, deep);
    Ok(Some(FileDescription { form: "TIFF, tifffile", calibration, stack, ..FileDescription::default() }))
}

fn stack(shape: &[u64], names: Option<&str>) -> Result<Option<Stack>> {
    let names: Vec<char> = match names.filter(|names| !names.is_empty()) {
        Some(names) => names.to_ascii_lowercase().chars().collect(),
        None => by_place(shape),
    };
    if names.len() != shape.len() {
        let message = format!("names {} axes of {} in its metadata; give --axes", names.len(), shape.len());
        return Err(Error::data(message));
    }
    // Axes of length one do not affect the order of pages.
    let mut axes: Vec<(char, u64)> = names.iter().copied().zip(shape.iter().copied()).collect();
    while axes.len() > 2 && axes.last().is_some_and(|(name, length)| *length == 1 && *name != 'x') {
        axes.pop();
    }
    let Some(planes) = axes.len().checked_sub(2) else { return Ok(None) };
    let (planes, plane) = axes.split_at(planes);
    let [(y, height), (x, width)] = plane else { return Ok(None) };
    if (*y, *x) != ('y', 'x') {
        let message = format!("has planes of {y} and {x} by its metadata, not of y and x; save it with y and x last");
        return Err(Error::data(message));
    }
    let mut planes: Vec<(char, u64)> = planes.iter().copied().filter(|(_, length)| *length != 1).collect();
    // A sequence of images without a description is read as a stack of planes, if there is no other axis z.
    let (mut unnamed, has_z) = (0, planes.iter().any(|(name, _)| *name == 'z'));
    for (name, _) in &mut planes {
        if matches!(name, 'i' | 'q') && !has_z {
            *name = 'z';
            unnamed += 1;
        }
    }
    let strange = planes.iter().find(|(name, _)| !['t', 'c', 'z'].contains(name));
    if let Some((name, length)) = strange {
        let message = format!(
            "has {length} planes along an axis {name} by its metadata, which is none of t, c and z; give --axes"
        );
        return Err(Error::data(message));
    }
    let twice = ['t', 'c', 'z'].iter().any(|axis| planes.iter().filter(|(name, _)| name == axis).count() > 1);
    if unnamed > 1 || twice {
        let message = "has an array of more axes than its metadata name; give --axes, such as t,c,z,y,x";
        return Err(Error::data(message));
    }
    let stack = Stack { size: Some([*height, *width]), behind: true, ..Stack::of(&planes, "its metadata") };
    Ok(Some(stack))
}

/// The axes of an array without names, by their number: t, c, z, y, x. Colours of a pixel follow.
fn by_place(shape: &[u64]) -> Vec<char> {
    let mut length = shape.len();
    while length > 3 && shape[length - 1] == 1 {
        length -= 1;
    }
    let names = ['t', 'c', 'z', 'y', 'x'];
    let extra = length.saturating_sub(names.len());
    let named = names.iter().skip(names.len().saturating_sub(length)).copied();
    std::iter::repeat_n('?', extra).chain(named).chain(std::iter::repeat_n('s', shape.len() - length)).collect()
}

fn calibration(fields: &Map<String, Value>, tags: &FileTags, deep: bool) -> Calibration {
    let number = |name: &str| fields.get(name).and_then(Value::as_f64);
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let from = "the TIFF's metadata";
    let named = ["PhysicalSizeZ", "PhysicalSizeY", "PhysicalSizeX"];
    if named.iter().any(|name| number(name).is_some()) {
        let unit = named.map(|name| Some(text(&format!("{name}Unit")).unwrap_or("µm").to_owned()));
        return Calibration { size: named.map(number), unit, from };
    }
    let unit = text("unit").unwrap_or_default();
    let depth = number("spacing").map(f64::abs).filter(|depth| *depth > 0.0);
    if is_physical(unit) {
        let [height, width] = pixel_size(tags, [unit, unit]);
        return Calibration { size: [depth, height, width], unit: [(); 3].map(|()| Some(unit.to_owned())), from };
    }
    // Without a unit the tags are dots per inch, unless they declare that they have no unit.
    match depth.filter(|depth| deep && *depth != 1.0) {
        Some(depth) if tags.resolution_unit().is_none_or(|unit| unit <= 1) => {
            let [height, width] = pixel_size(tags, ["", ""]);
            Calibration { size: [Some(depth), height, width], unit: [None, None, None], from }
        }
        Some(depth) => Calibration { size: [Some(depth), None, None], unit: [None, None, None], from },
        None => Calibration { from, ..Calibration::default() },
    }
}

/// Replaces Python's NaN and Infinity, which are not valid JSON, by null, outside of strings.
fn without_nan(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut inside) = (text, false);
    while let Some(c) = rest.chars().next() {
        let word = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| !inside && rest.starts_with(word));
        if let Some(word) = word {
            out.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        let mut length = c.len_utf8();
        match c {
            '"' => inside = !inside,
            '\\' if inside => length += rest[length..].chars().next().map_or(0, char::len_utf8),
            _ => {}
        }
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Result<FileDescription> {
        let tags = FileTags::made_up(&[text], Some(([20000, 40000], 3)));
        described(text, &tags).map(|described| described.unwrap())
    }

    fn axes(text: &str) -> Result<Vec<(char, u64)>> {
        said(text).map(|described| described.stack.unwrap().axes)
    }

    #[test]
    fn the_axes_of_the_array_are_those_that_are_named() {
        assert_eq!(axes("{\"shape\": [12, 26, 30]}").unwrap(), [('z', 12)]);
        assert_eq!(axes("shape=(12L, 26, 30)").unwrap(), [('z', 12)]);
        assert_eq!(axes("{\"shape\": [2, 12, 26, 30], \"x\": NaN}").unwrap(), [('c', 2), ('z', 12)]);
        let named = |axes_: &str| axes(&format!("{{\"shape\": [12, 2, 26, 30], \"axes\": \"{axes_}\"}}"));
        assert_eq!(named("ZCYX").unwrap(), [('z', 12), ('c', 2)]);
        assert_eq!(named("QTYX").unwrap(), [('z', 12), ('t', 2)]);
        for (wrong, said) in [
            ("ZCXY", "has planes of x and y"),
            ("LCYX", "has 12 planes along an axis l"),
            ("ZYX", "names 3 axes of 4"),
            ("IQYX", "has an array of more axes"),
        ] {
            let error = named(wrong).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert!(axes("{\"shape\": [3, 2, 2, 12, 26, 30]}").unwrap_err().to_string().contains("along an axis ?"));
        assert_eq!(axes("{\"shape\": [12, 26, 30, 1], \"axes\": \"ZYXC\"}").unwrap(), [('z', 12)]);
        let broken = axes("{\"shape\": [12, 26,\n 30}").unwrap_err().to_string();
        assert!(broken.contains("at line 2, column 4"), "{broken}");
    }

    #[test]
    fn lengths_count_with_their_unit() {
        let of = |more: &str| said(&format!("{{\"shape\": [12, 26, 30]{more}}}")).unwrap().calibration.size;
        assert_eq!(of(", \"spacing\": 2, \"unit\": \"um\""), [Some(2.0), Some(0.5), Some(0.25)]);
        assert_eq!(of(", \"PhysicalSizeX\": 0.5"), [None, None, Some(0.5)]);
        assert_eq!(of(""), [None; 3]);
        assert_eq!(of(", \"spacing\": 2"), [Some(2.0), None, None]);
        assert_eq!(without_nan("{\"NaN\\\"\": NaN, \"a\": -Infinity}"), "{\"NaN\\\"\": null, \"a\": null}");
    }
}
