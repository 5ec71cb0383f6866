//! Planes that are awake, on a shelf until they are needed again.

use super::{PackedPlane, Plane, PlaneLayout};
use crate::kernel::shelf::Shelf;

/// Planes whose bytes are kept for those that come back.
const SPARE: usize = 2;

/// The place of a plane on a shelf, and the number of its bytes there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aside(u64, usize);

impl Aside {
    /// Puts a plane on a shelf, and leaves one without foreground. `None`, with the plane as it is, if it is not awake, or the
    /// shelf does not take it. Takes time in proportion to its runs with foreground and its rows.
    pub(super) fn put(
        plane: &mut Plane,
        layout: &PlaneLayout,
        shelf: &dyn Shelf,
        spare: &mut Vec<Vec<u8>>,
    ) -> Option<Aside> {
        if !plane.is_awake() {
            return None;
        }
        let lost = std::mem::take(&mut plane.lost);
        let (packed, bits) = PackedPlane::new(std::mem::take(plane), layout);
        let bytes = packed.to_bytes(&lost);
        let place = shelf.put(&bytes);
        spare.extend(bits.filter(|_| place.is_none() || spare.len() < SPARE));
        if place.is_none() {
            *plane = packed.unpacked(layout, spare).unwrap_or_default();
            plane.lost = lost;
        }
        Some(Aside(place?, bytes.len()))
    }

    /// The plane; one without foreground if the shelf does not have it, which has to tell its maker.
    pub(super) fn plane(self, layout: &PlaneLayout, shelf: &dyn Shelf, spare: &mut Vec<Vec<u8>>) -> Plane {
        let Aside(place, length) = self;
        let plane = PackedPlane::of_bytes(&shelf.get(place, length)).and_then(|(packed, lost)| {
            let plane = packed.unpacked(layout, spare)?;
            Some(Plane { lost, ..plane })
        });
        plane.unwrap_or_default()
    }
}
