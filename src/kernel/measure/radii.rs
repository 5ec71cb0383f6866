//! The second channel: the distance of skeleton voxels from the background, and measures of it along a branch.
//!
//! A radius is the Euclidean distance, with spacing, from a voxel's centre to the centre of the nearest background
//! voxel inside the image's bounds. A line of one voxel has radius 1. A mask without background has no radii.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::bits::Bits;
use super::channel::{Channel, Measured, PathSum};
use super::moments::Moments;
use super::numbers::InOrder;
pub use super::radius::Radius;
use super::radius_list::RadiusList;
use crate::kernel::network::step::{Lengths, Step};
use crate::kernel::varint;
use crate::space::Voxel;

/// Radii at the voxels of a chunk's skeleton, in the order of the voxels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Radii {
    /// Radii were not requested.
    Unknown,
    /// One radius for each voxel.
    Known(RadiusList),
}

impl Radii {
    /// The radius at a voxel by its index in the chunk's list, if radii are known.
    pub fn at(&self, place: usize) -> Option<Radius> {
        match self {
            Radii::Unknown => None,
            Radii::Known(radii) => radii.get(place),
        }
    }

    /// The radii at some indices of the list.
    ///
    /// # Panics
    /// If an index is not in the list.
    #[must_use]
    pub fn select(&self, places: &[usize]) -> Self {
        match self {
            Radii::Unknown => Radii::Unknown,
            Radii::Known(radii) => {
                places.iter().map(|&at| radii.get(at).unwrap_or_else(|| panic!("no radius {at}"))).collect()
            }
        }
    }

    /// The largest radius; zero if none is known.
    pub fn largest(&self) -> f64 {
        match self {
            Radii::Unknown => 0.0,
            Radii::Known(radii) => radii.occurring().iter().map(|radius| radius.get()).fold(0.0, f64::max),
        }
    }

    /// Appends them to bytes, for [`Radii::read`]: one or two bytes for each at unit spacing.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Radii::Unknown => varint::push(bytes, 0),
            Radii::Known(radii) => {
                varint::push(bytes, radii.len() as u64 + 1);
                radii.iter().for_each(|radius| radius.write(bytes));
            }
        }
    }

    /// Reads radii at `at`, and moves `at` past them; `None` if there are none.
    pub fn read(bytes: &[u8], at: &mut usize) -> Option<Self> {
        match varint::read(bytes, at)?.checked_sub(1) {
            None => Some(Radii::Unknown),
            Some(count) => (0..count).map(|_| Radius::read(bytes, at)).collect(),
        }
    }
}

impl FromIterator<Radius> for Radii {
    fn from_iter<I: IntoIterator<Item = Radius>>(radii: I) -> Self {
        Radii::Known(radii.into_iter().collect())
    }
}

impl Channel for Radii {
    type Sum = RadiiAlong;

    fn is_for(&self, voxels: usize) -> bool {
        match self {
            Radii::Unknown => true,
            Radii::Known(radii) => radii.len() == voxels,
        }
    }

    fn along(&self, path: &[u32], _: &[Voxel]) -> RadiiAlong {
        match self {
            Radii::Unknown => RadiiAlong(None),
            Radii::Known(radii) => {
                let radius = |&place: &u32| radii.get(place as usize).expect("a radius for each voxel");
                RadiiAlong(Some(path.iter().map(|place| f64::from(radius(place).0)).collect()))
            }
        }
    }
}

/// The radii along a path from its first voxel to its last, since their sums depend on the order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RadiiAlong(Option<InOrder>);

impl PathSum for RadiiAlong {
    type Measured = RadiusMeasures;

    /// # Panics
    /// If the radii of only one path are known.
    fn join(&mut self, next: &Self, reversed: bool) {
        match (&mut self.0, &next.0) {
            (Some(radii), Some(more)) => radii.join(more, reversed),
            (None, None) => {}
            _ => panic!("the radii of some chunks are known, and those of others are not"),
        }
    }

    fn reverse(&mut self) {
        if let Some(radii) = &mut self.0 {
            radii.reverse();
        }
    }

    fn close(&mut self, place: usize) {
        if let Some(radii) = &mut self.0 {
            radii.close(place);
        }
    }

    fn measured(&self, steps: &[Step], lengths: &Lengths) -> RadiusMeasures {
        RadiusMeasures(
            self.0.as_ref().map(|along| Known::new(along.numbers().map(|bits| Radius(bits.into())), steps, lengths)),
        )
    }

    /// One or two bytes for each radius at unit spacing.
    fn write(&self, _: usize, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self.0.is_some()));
        if let Some(along) = &self.0 {
            along.numbers().for_each(|number| Radius(number.into()).write(bytes));
        }
    }

    fn read(voxels: usize, bytes: &[u8], at: &mut usize) -> Option<Self> {
        let is_known = *bytes.get(*at)? != 0;
        *at += 1;
        let radius = |_| Some(f64::from(Radius::read(bytes, at)?.0));
        let along: Option<InOrder> =
            if is_known { Some((0..voxels).map(radius).collect::<Option<_>>()?) } else { None };
        Some(RadiiAlong(along))
    }
}

/// The measures of a branch from the radii at its voxels, both ends included; an isolated cycle counts its first voxel
/// twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RadiusMeasures(Option<Known>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Known {
    moments: Moments,
    least: Bits,
    largest: Bits,
    volume: Bits,
    surface_area: Bits,
    ends: [Radius; 2],
    touches_border: bool,
}

impl Known {
    fn new(radii: impl ExactSizeIterator<Item = Radius> + Clone, steps: &[Step], lengths: &Lengths) -> Self {
        let numbers = radii.clone().map(Radius::get);
        let first = radii.clone().next();
        let ends = [first, radii.clone().last()].map(|end| end.unwrap_or_else(|| Radius::new(f64::INFINITY, false)));
        let touches_border = radii.clone().any(Radius::touches_border);
        let least = numbers.clone().fold(f64::INFINITY, f64::min);
        let largest = numbers.clone().fold(0.0, f64::max);
        // Without background all radii are infinite, and have no measures.
        if largest == f64::INFINITY {
            let none = Bits::from(f64::INFINITY);
            let moments = Moments::new(f64::INFINITY, f64::INFINITY);
            return Known {
                moments,
                least: none,
                largest: none,
                volume: none,
                surface_area: none,
                ends,
                touches_border,
            };
        }
        let (mut volume, mut surface_area) = (0.0, 0.0);
        for ((from, to), &step) in numbers.clone().zip(numbers.clone().skip(1)).zip(steps) {
            let height = lengths.of(step);
            volume += PI * height * (from * from + from * to + to * to) / 3.0;
            surface_area += PI * (from + to) * (height * height + (from - to) * (from - to)).sqrt();
        }
        Known {
            moments: Moments::of_floats(numbers),
            least: least.into(),
            largest: largest.into(),
            volume: volume.into(),
            surface_area: surface_area.into(),
            ends,
            touches_border,
        }
    }
}

impl RadiusMeasures {
    fn number(&self, of: impl Fn(&Known) -> f64) -> Option<f64> {
        self.0.as_ref().map(of).filter(|number| number.is_finite())
    }

    /// Mean of the radii, if they are known and finite; the same holds for the other measures.
    pub fn mean(&self) -> Option<f64> {
        self.number(|known| known.moments.mean())
    }

    /// Population standard deviation of the radii.
    pub fn stdev(&self) -> Option<f64> {
        self.number(|known| known.moments.stdev())
    }

    /// The least radius.
    pub fn least(&self) -> Option<f64> {
        self.number(|known| known.least.get())
    }

    /// The largest radius.
    pub fn largest(&self) -> Option<f64> {
        self.number(|known| known.largest.get())
    }

    /// Volume of the truncated cones between successive voxels.
    pub fn volume(&self) -> Option<f64> {
        self.number(|known| known.volume.get())
    }

    /// Lateral surface of the truncated cones between successive voxels.
    pub fn surface_area(&self) -> Option<f64> {
        self.number(|known| known.surface_area.get())
    }

    /// Whether a voxel of the branch touches the border of the image: the object may continue outside, and its radius
    /// is an upper bound.
    pub fn touches_border(&self) -> bool {
        self.0.is_some_and(|known| known.touches_border)
    }

    /// The radii at both ends, if radii are known.
    pub fn ends(&self) -> Option<[Radius; 2]> {
        self.0.map(|known| known.ends)
    }
}

impl Measured for RadiusMeasures {
    type Common = ();

    fn common(&self) {}

    /// Radii are known either for all branches or for none.
    fn implied((): &(), _: usize) -> Option<Self> {
        Some(RadiusMeasures(None))
    }

    fn write(&self, (): &(), _: usize, bytes: &mut Vec<u8>) {
        let Some(known) = &self.0 else { return };
        // At unit spacing the extremes are square roots of integers, too.
        for radius in known.ends.into_iter().chain([known.least, known.largest].map(Radius)) {
            radius.write(bytes);
        }
        bytes.push(u8::from(known.touches_border));
        for number in [known.moments.mean(), known.moments.stdev(), known.volume.get(), known.surface_area.get()] {
            Bits::from(number).write(bytes);
        }
    }

    fn read((): &(), _: usize, bytes: &[u8], at: &mut usize) -> Option<Self> {
        let mut radii = [Radius(Bits::default()); 4];
        for radius in &mut radii {
            *radius = Radius::read(bytes, at)?;
        }
        let touches_border = *bytes.get(*at)? != 0;
        *at += 1;
        let mut number = || Bits::read(bytes, at);
        let moments = Moments::new(number()?.get(), number()?.get());
        let (volume, surface_area) = (number()?, number()?);
        let [start, end, least, largest] = radii;
        let ends = [start, end];
        Some(RadiusMeasures(Some(Known {
            moments,
            least: least.0,
            largest: largest.0,
            volume,
            surface_area,
            ends,
            touches_border,
        })))
    }
}

/// Measures that include radii: those of skeletons whose second channel is [`Radii`].
pub trait OfRadii: Measured {
    /// The measures of the radii.
    fn radii(&self) -> &RadiusMeasures;
}

impl OfRadii for (Moments, RadiusMeasures) {
    fn radii(&self) -> &RadiusMeasures {
        &self.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Spacing;

    fn along(radii: &[f64], touching: usize) -> RadiusMeasures {
        let channel: Radii =
            radii.iter().enumerate().map(|(at, &radius)| Radius::new(radius, at == touching)).collect();
        let voxels: Vec<Voxel> = (0..radii.len() as i64).map(|x| Voxel::new([0, 0, x])).collect();
        let path: Vec<u32> = (0..radii.len() as u32).collect();
        let steps = vec![Step::new(14); radii.len() - 1];
        channel.along(&path, &voxels).measured(&steps, &Lengths::new(Spacing([3.0, 1.0, 2.0])))
    }

    #[test]
    fn a_branch_has_the_volume_and_the_surface_of_its_truncated_cones() {
        let measures = along(&[1.0, 2.0, 2.0], 1);
        // A truncated cone of height 2, and a cylinder of height 2.
        let volume = PI * 2.0 * (1.0 + 2.0 + 4.0) / 3.0 + PI * 4.0 * 2.0;
        let surface = PI * 3.0 * 5f64.sqrt() + 2.0 * PI * 2.0 * 2.0;
        assert!((measures.volume().unwrap() - volume).abs() < 1e-12);
        assert!((measures.surface_area().unwrap() - surface).abs() < 1e-12);
        assert_eq!((measures.least(), measures.largest()), (Some(1.0), Some(2.0)));
        assert!((measures.mean().unwrap() - 5.0 / 3.0).abs() < 1e-15);
        assert!((measures.stdev().unwrap() - (2.0f64 / 9.0).sqrt()).abs() < 1e-15);
        assert!(measures.touches_border());
        let [start, end] = measures.ends().unwrap();
        assert_eq!((start.get(), end.get(), start.touches_border()), (1.0, 2.0, false));
    }

    #[test]
    fn a_branch_in_a_mask_without_background_has_no_radius() {
        let measures = along(&[f64::INFINITY; 3], 0);
        assert_eq!((measures.mean(), measures.stdev(), measures.largest()), (None, None, None));
        assert_eq!((measures.volume(), measures.surface_area()), (None, None));
        assert_eq!(measures.ends().unwrap()[1].finite(), None);
        let mut bytes = Vec::new();
        measures.write(&(), 2, &mut bytes);
        assert_eq!(RadiusMeasures::read(&(), 2, &bytes, &mut 0), Some(measures));
    }

    #[test]
    fn measures_at_unit_spacing_take_few_bytes() {
        let mut bytes = Vec::new();
        along(&[5f64.sqrt(), 3.0, 50f64.sqrt()], 7).write(&(), 2, &mut bytes);
        assert!(bytes.len() <= 40, "{} bytes", bytes.len());
    }
}
