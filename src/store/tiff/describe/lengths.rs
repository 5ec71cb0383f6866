//! Lengths of pixels that a text gives the unit of and the resolution tags the number.

use crate::store::tiff::tags::FileTags;
use crate::store::units::{LengthUnit, converted, unit_name};

/// The size of a pixel along (y, x), where a text says that lengths are in these units.
///
/// Resolution tags in pixels a centimeter count as such, as for Micro-Manager's files. The inch is what writers leave
/// there that mean no unit at all: it counts only where the text has it too.
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

/// Whether a unit is one of length, or any that is not that of pixels.
pub(crate) fn is_physical(unit: &str) -> bool {
    unit_name(unit).is_some()
}
