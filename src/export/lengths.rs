//! Lengths in the unit that a format has.

use super::Network;
use crate::store::units::LengthUnit;

/// The length of a network's unit in another unit; and, where its unit is not known and taken as that one, a sentence that
/// says so.
pub(super) fn in_unit(network: &Network, to: &'static str) -> (f64, Option<String>) {
    let length = |unit: &str| LengthUnit::of(unit).map(|unit| unit.picometers);
    match (network.unit.as_deref().and_then(length), length(to)) {
        (Some(from), Some(to)) => (from / to, None),
        _ => {
            let note = match &network.unit {
                None => format!("the unit of the spacing is not known; lengths are written as if it were the {to}"),
                Some(unit) => format!("{unit} is no known unit of length; lengths are written as if it were the {to}"),
            };
            (1.0, Some(note))
        }
    }
}
