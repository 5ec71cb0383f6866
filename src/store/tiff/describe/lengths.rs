//! Pixel sizes whose unit is in a text and whose number is in the resolution tags.

use crate::store::tiff::tags::FileTags;
use crate::store::units::{LengthUnit, converted, unit_name};

/// The pixel size along (y, x), if a text has lengths in these units.
///
/// Resolution tags in pixels per centimeter count as such, as in Micro-Manager's files. Writers leave the inch there if
/// they mean no unit: it counts only if the text has it too.
pub(crate) fn pixel_size(tags: &FileTags, units: [&str; 2]) -> [Option<f64>; 2] {
    let Some(resolution) = tags.resolution() else { return [Some(1.0); 2] };
    std::array::from_fn(|axis| {
        let size = 1.0 / resolution[axis]?;
        let centimeters = LengthUnit::of("cm").filter(|_| tags.resolution_unit() == Some(3));
        let own = LengthUnit::of(units[axis]);
        match (centimeters, own) {
            (Some(tag), Some(text)) => Some(converted(size, tag, text)),
            _ => Some(size),
        }
    })
}

/// Returns whether a unit is one of length, or any other than pixels.
pub(crate) fn is_physical(unit: &str) -> bool {
    unit_name(unit).is_some()
}
