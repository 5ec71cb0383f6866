//! Radii in little memory: of the voxels of a chunk many have the same.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::radius::Radius;

/// Radii in order: each that occurs once, and a byte or two for each voxel; eight bytes for each where that is less.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RadiusList {
    /// The radii that occur, in the order in which they come first; or all, where places are not known.
    radii: Box<[Radius]>,
    places: Places,
}

/// Which of the radii each voxel has.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Places {
    /// Each its own.
    Own,
    Bytes(Box<[u8]>),
    Shorts(Box<[u16]>),
}

impl RadiusList {
    /// Number of radii.
    pub fn len(&self) -> usize {
        match &self.places {
            Places::Own => self.radii.len(),
            Places::Bytes(places) => places.len(),
            Places::Shorts(places) => places.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The radius at a place; `None` behind the last.
    #[inline]
    pub fn get(&self, place: usize) -> Option<Radius> {
        let place = match &self.places {
            Places::Own => place,
            Places::Bytes(places) => usize::from(*places.get(place)?),
            Places::Shorts(places) => usize::from(*places.get(place)?),
        };
        self.radii.get(place).copied()
    }

    /// The radii, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Radius> + '_ {
        (0..self.len()).map(|place| self.get(place).expect("a place before the end"))
    }

    /// Those that occur, each at least once.
    pub fn occurring(&self) -> &[Radius] {
        &self.radii
    }
}

impl From<Vec<Radius>> for RadiusList {
    /// Takes a few nanoseconds for each.
    fn from(all: Vec<Radius>) -> Self {
        let mut places: HashMap<u64, u16, BuildHasherDefault<Mixed>> = HashMap::default();
        let (mut radii, mut found) = (Vec::new(), Vec::with_capacity(all.len()));
        for &radius in &all {
            let next = radii.len() as u16;
            let place = *places.entry(radius.bits()).or_insert_with(|| {
                radii.push(radius);
                next
            });
            found.push(place);
            // As they are they take less, or can be told apart no longer.
            if radii.len() * 4 > all.len() * 3 || radii.len() > usize::from(u16::MAX) {
                return RadiusList { radii: all.into(), places: Places::Own };
            }
        }
        let places = if radii.len() <= 1 << 8 {
            Places::Bytes(found.into_iter().map(|place| place as u8).collect())
        } else {
            Places::Shorts(found.into())
        };
        RadiusList { radii: radii.into(), places }
    }
}

impl FromIterator<Radius> for RadiusList {
    fn from_iter<I: IntoIterator<Item = Radius>>(radii: I) -> Self {
        radii.into_iter().collect::<Vec<_>>().into()
    }
}

/// Spreads the bits of a number, of which the table takes the highest and the lowest.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Serialised as a list of radii.
impl Serialize for RadiusList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for RadiusList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}

impl std::fmt::Debug for RadiusList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn radii(squares: &[u32]) -> Vec<Radius> {
        squares.iter().map(|&square| Radius::new(f64::from(square / 2 + 1).sqrt(), square % 2 == 0)).collect()
    }

    proptest! {
        #[test]
        fn a_list_has_the_radii_that_it_was_made_of(
            squares in prop_oneof![prop::collection::vec(0u32..9, 0..400), prop::collection::vec(0u32..700, 0..3000)],
        ) {
            let all = radii(&squares);
            let list = RadiusList::from(all.clone());
            prop_assert_eq!((list.len(), list.is_empty()), (all.len(), all.is_empty()));
            prop_assert!(list.iter().eq(all.iter().copied()));
            prop_assert_eq!(list.get(all.len()), None);
            prop_assert!(all.iter().all(|radius| list.occurring().contains(radius)));
            prop_assert!(list.occurring().iter().all(|radius| all.contains(radius)));
            prop_assert_eq!(all.iter().copied().collect::<RadiusList>(), list);
        }
    }

    #[test]
    fn radii_that_occur_often_take_a_byte_or_two_and_others_eight() {
        let forms = [40, 300, 900].map(|distinct| {
            let squares: Vec<u32> = (0..1000).map(|n| n % distinct).collect();
            RadiusList::from(radii(&squares)).places
        });
        assert!(matches!(forms, [Places::Bytes(_), Places::Shorts(_), Places::Own]));
    }
}
