//! Voxels in order, in little memory: one byte each if they are close to each other in a row, two or three if not.

use std::sync::Arc;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::kernel::varint;
use crate::space::{Position, Voxel};

/// A list of voxels, usually in raster order. A clone shares its memory.
///
/// Each voxel is stored as the step from the voxel before: one byte for up to 31 columns and two for up to 4095, another one
/// where the row changes by less than 32, and another where the plane does by less than 64. The list can hold voxels in any
/// order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VoxelList {
    count: usize,
    bytes: Arc<[u8]>,
}

impl VoxelList {
    /// Number of voxels.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no voxels.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes that hold the voxels, for [`VoxelList::of_bytes`].
    #[cfg(feature = "dataflow")]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The list of `count` voxels with these bytes. Voxels that the bytes do not have are missing.
    #[cfg(feature = "dataflow")]
    pub(crate) fn of_bytes(count: usize, bytes: Box<[u8]>) -> Self {
        VoxelList { count, bytes: bytes.into() }
    }

    /// The voxels, in the order of the list. Takes one or two nanoseconds for each.
    pub fn iter(&self) -> VoxelIter<'_> {
        VoxelIter { bytes: &self.bytes, at: 0, left: self.count, last: Voxel::FIRST }
    }

    /// The voxels as a vector, with eight bytes each.
    pub fn to_vec(&self) -> Vec<Voxel> {
        let mut voxels = Vec::with_capacity(self.count);
        self.extend(&mut voxels);
        voxels
    }

    /// Appends the voxels to `voxels`.
    pub fn extend(&self, voxels: &mut Vec<Voxel>) {
        let begin = voxels.len();
        voxels.resize(begin + self.count, Voxel::FIRST);
        for (to, voxel) in voxels[begin..].iter_mut().zip(self) {
            *to = voxel;
        }
    }

    /// The voxels after one of the list, given its place.
    pub(crate) fn after(&self, place: VoxelPlace) -> impl Iterator<Item = Voxel> + '_ {
        let (mut last, mut at) = (place.voxel, place.at as usize);
        std::iter::from_fn(move || {
            last = last.moved(read_step(&self.bytes, &mut at)?);
            Some(last)
        })
    }
}

/// Appends a step: along x with a bit that says whether it goes on along y, then along y with one for z, then along z.
#[inline]
pub(super) fn push_step(bytes: &mut Vec<u8>, [dz, dy, dx]: Position) {
    let (leaves_row, leaves_plane) = (dz != 0 || dy != 0, dz != 0);
    varint::push(bytes, varint::of_signed(dx) << 1 | u64::from(leaves_row));
    if leaves_row {
        varint::push(bytes, varint::of_signed(dy) << 1 | u64::from(leaves_plane));
    }
    if leaves_plane {
        varint::push(bytes, varint::of_signed(dz));
    }
}

/// Reads the step at `at` as a [`Voxel::difference`], and moves `at` past it; `None` if the bytes end too early.
#[inline]
pub(super) fn read_step(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let x = varint::read(bytes, at)?;
    if x & 1 == 0 {
        return Some(Voxel::difference([0, 0, varint::signed(x >> 1)]));
    }
    let y = varint::read(bytes, at)?;
    let z = if y & 1 == 0 { 0 } else { varint::read(bytes, at)? };
    Some(Voxel::difference([varint::signed(z), varint::signed(y >> 1), varint::signed(x >> 1)]))
}

impl Default for VoxelList {
    fn default() -> Self {
        VoxelList { count: 0, bytes: Arc::from([]) }
    }
}

impl std::fmt::Debug for VoxelList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl FromIterator<Voxel> for VoxelList {
    fn from_iter<I: IntoIterator<Item = Voxel>>(voxels: I) -> Self {
        let voxels = voxels.into_iter();
        let mut bytes = Vec::with_capacity(voxels.size_hint().0);
        let (mut last, mut count) = (Voxel::FIRST, 0);
        for voxel in voxels {
            push_step(&mut bytes, last.step_to(voxel));
            last = voxel;
            count += 1;
        }
        VoxelList { count, bytes: bytes.into() }
    }
}

impl From<&[Voxel]> for VoxelList {
    fn from(voxels: &[Voxel]) -> Self {
        voxels.iter().copied().collect()
    }
}

impl From<Vec<Voxel>> for VoxelList {
    fn from(voxels: Vec<Voxel>) -> Self {
        VoxelList::from(&voxels[..])
    }
}

impl<'a> IntoIterator for &'a VoxelList {
    type Item = Voxel;
    type IntoIter = VoxelIter<'a>;

    fn into_iter(self) -> VoxelIter<'a> {
        self.iter()
    }
}

/// Serialised as a vector of voxels with eight bytes each.
impl Serialize for VoxelList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<'de> Deserialize<'de> for VoxelList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Voxels;

        impl<'de> Visitor<'de> for Voxels {
            type Value = VoxelList;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list of voxels")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<VoxelList, A::Error> {
                let mut failed = None;
                let voxels = std::iter::from_fn(|| {
                    seq.next_element().unwrap_or_else(|error| {
                        failed = Some(error);
                        None
                    })
                });
                let list = voxels.collect();
                failed.map_or(Ok(list), Err)
            }
        }
        deserializer.deserialize_seq(Voxels)
    }
}

/// The voxels of a list, one by one.
#[derive(Clone, Debug)]
pub struct VoxelIter<'a> {
    bytes: &'a [u8],
    at: usize,
    left: usize,
    last: Voxel,
}

/// The place of a voxel in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct VoxelPlace {
    pub(crate) voxel: Voxel,
    /// Number of bytes before the next voxel.
    pub(crate) at: u32,
}

impl VoxelIter<'_> {
    /// The place of the voxel that was returned last.
    ///
    /// # Panics
    /// If the list has 4 GiB before this voxel.
    pub(crate) fn place(&self) -> VoxelPlace {
        let at = u32::try_from(self.at).unwrap_or_else(|_| panic!("a list of {} bytes of voxels is too long", self.at));
        VoxelPlace { voxel: self.last, at }
    }
}

impl Iterator for VoxelIter<'_> {
    type Item = Voxel;

    #[inline]
    fn next(&mut self) -> Option<Voxel> {
        self.last = self.last.moved(read_step(self.bytes, &mut self.at)?);
        self.left -= 1;
        Some(self.last)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for VoxelIter<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_list_gives_the_voxels_that_it_was_made_of(
            places in prop::collection::vec((-3i64..3, -200i64..200, -900i64..900), 0..200),
            sorted in any::<bool>(),
        ) {
            let mut voxels: Vec<Voxel> = places.into_iter().map(|(z, y, x)| Voxel::new([z, y, x])).collect();
            if sorted {
                voxels.sort();
            }
            let list = VoxelList::from(&voxels[..]);
            prop_assert_eq!(list.len(), voxels.len());
            prop_assert_eq!(&list.to_vec(), &voxels);
            let mut iter = list.iter();
            for at in 0..voxels.len() {
                prop_assert_eq!((iter.len(), iter.next()), (voxels.len() - at, Some(voxels[at])));
                prop_assert_eq!(list.after(iter.place()).collect::<Vec<_>>(), &voxels[at + 1..]);
            }
        }
    }

    #[test]
    fn voxels_that_are_close_take_a_byte_each() {
        let voxels: Vec<Voxel> = (0..10_000).map(|i| Voxel::new([0, i / 100, i % 100 * 10])).collect();
        let list = VoxelList::from(voxels);
        assert!(list.bytes.len() < 10_000 * 11 / 10, "{} bytes", list.bytes.len());
    }

    #[test]
    fn voxels_in_other_rows_and_planes_take_few_bytes() {
        let voxels: Vec<Voxel> = (0..900).map(|i| Voxel::new([i / 9, i % 9 * 20, i * 7 % 64])).collect();
        let list = VoxelList::from(voxels);
        assert!(list.bytes.len() < 3 * 900, "{} bytes", list.bytes.len());
    }

    #[cfg(feature = "analysis")]
    #[test]
    fn on_disk_a_list_is_what_a_plain_list_is() {
        let voxels: Vec<Voxel> = (0..300).map(|i| Voxel::new([i / 100 - 1, i / 10, i * 7 % 50])).collect();
        let list = VoxelList::from(&voxels[..]);
        let text = serde_json::to_string(&list).unwrap();
        assert_eq!(text, serde_json::to_string(&voxels).unwrap());
        assert_eq!(serde_json::from_str::<VoxelList>(&text).unwrap(), list);
        assert!(serde_json::from_str::<VoxelList>("[1, 2, \"three\"]").is_err());
    }
}
