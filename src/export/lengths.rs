//! Lengths in the unit that a format has.

use super::Network;
use crate::store::units::{LengthUnit, converted};

/// The length of a network's unit in another unit; and, where its unit is not known and taken as that one, a sentence that
/// says so.
pub(super) fn in_unit(network: &Network, to: &'static str) -> (f64, Option<String>) {
    match (network.unit.as_deref().and_then(LengthUnit::of), LengthUnit::of(to)) {
        (Some(from), Some(to)) => (converted(1.0, from, to), None),
        _ => {
            let note = match &network.unit {
                None => format!("the unit of the spacing is not known; lengths are written as if it were the {to}"),
                Some(unit) => format!("{unit} is no known unit of length; lengths are written as if it were the {to}"),
            };
            (1.0, Some(note))
        }
    }
}
