//! Planes on their way to another process.

use serde::{Deserialize, Serialize};

use super::lost::Lost;
use super::plane::WINDOW;
use super::{Plane, PlaneLayout};
use crate::kernel::mask::{around, set_bits};
use crate::kernel::{varint, words};

/// A plane without the runs that hold no foreground.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PackedPlane {
    /// What the plane is packed in while it sleeps.
    #[serde(with = "serde_bytes")]
    asleep: Vec<u8>,
    is_awake: bool,
    /// Bit set of the windows with marks.
    marked: u8,
    /// If the plane is awake, the set of runs with foreground, and the voxels of each of them; the sets of marks of the windows
    /// that have any.
    #[serde(with = "words")]
    words: Vec<u64>,
}

impl PackedPlane {
    /// Packs a plane. Takes time in proportion to its runs with foreground and to its rows. If it is awake, returns the bytes
    /// that its voxels took as well, all zero.
    pub fn new(mut plane: Plane, layout: &PlaneLayout) -> (PackedPlane, Option<Vec<u8>>) {
        let mut packed = PackedPlane { asleep: plane.asleep, is_awake: false, marked: plane.marked, words: Vec::new() };
        let mut bits = (!plane.bits.is_empty()).then_some(plane.bits);
        if let Some(bits) = &mut bits {
            packed.is_awake = true;
            let mut voxels = Vec::new();
            for (word, filled) in plane.filled.iter_mut().enumerate() {
                for at in set_bits(*filled) {
                    match layout.take_run(bits, word * 64 + at) {
                        0 => *filled &= !(1 << at),
                        run => voxels.push(run),
                    }
                }
            }
            packed.words = plane.filled;
            packed.words.extend(voxels);
        }
        let has_marks = |&(at, _): &(usize, &Vec<u64>)| packed.marked >> at & 1 != 0;
        let marks = plane.window.iter().enumerate().filter(has_marks);
        marks.for_each(|(_, marks)| packed.words.extend_from_slice(marks));
        (packed, bits)
    }

    /// The plane; `None` if it is of another layout. Its voxels take the last of the bytes of others, if there are any.
    pub fn unpacked(self, layout: &PlaneLayout, spare: &mut Vec<Vec<u8>>) -> Option<Plane> {
        let mut plane = Plane { asleep: self.asleep, marked: self.marked, ..Plane::default() };
        let (in_set, mut words) = (layout.no_runs().len(), &self.words[..]);
        let mut take = |count: usize| words.split_off(..count);
        if self.is_awake {
            plane.bits = spare.pop().unwrap_or_else(|| vec![0; layout.bytes()]);
            plane.filled = take(in_set)?.to_vec();
            let count = plane.filled.iter().map(|filled| filled.count_ones() as usize).sum();
            let mut voxels = take(count)?.iter();
            for (word, &filled) in plane.filled.iter().enumerate() {
                for at in set_bits(filled) {
                    layout.put_run(&mut plane.bits, word * 64 + at, *voxels.next()?)?;
                }
            }
        }
        if self.marked != 0 {
            plane.window.resize_with(WINDOW, Vec::new);
        }
        for at in (0..WINDOW).filter(|at| self.marked >> at & 1 != 0) {
            plane.window[at] = take(in_set)?.to_vec();
        }
        (words.is_empty() && self.marked >> WINDOW == 0).then_some(plane)
    }

    /// Its bytes, with the voxels that were deleted last, for [`PackedPlane::of_bytes`].
    pub(super) fn to_bytes(&self, lost: &Lost) -> Vec<u8> {
        let (lost, lost_bits) = lost.parts();
        let length = 32 + self.asleep.len() + lost_bits.len() + 4 * lost.len() + 8 * self.words.len();
        let mut bytes = Vec::with_capacity(length);
        bytes.extend([u8::from(self.is_awake), self.marked]);
        for count in [self.asleep.len(), lost_bits.len(), lost.len()] {
            varint::push(&mut bytes, count as u64);
        }
        bytes.extend_from_slice(&self.asleep);
        bytes.extend_from_slice(lost_bits);
        lost.iter().for_each(|bit| bytes.extend_from_slice(&bit.to_le_bytes()));
        self.words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes
    }

    /// The plane with these bytes, and the voxels that were deleted last; `None` if the bytes end too early.
    pub(super) fn of_bytes(bytes: &[u8]) -> Option<(PackedPlane, Lost)> {
        let (&[is_awake, marked], mut at) = (bytes.first_chunk()?, 2);
        let mut count = || usize::try_from(varint::read(bytes, &mut at)?).ok();
        let [asleep, lost_bits, lost] = [count()?, count()?, count()?];
        let (asleep, rest) = bytes.get(at..)?.split_at_checked(asleep)?;
        let (lost_bits, rest) = rest.split_at_checked(lost_bits)?;
        let (lost, words) = rest.split_at_checked(lost.checked_mul(4)?)?;
        let lost = lost.as_chunks().0.iter().map(|bit| u32::from_le_bytes(*bit)).collect();
        let lost = Lost::of_parts(lost, lost_bits.to_vec());
        let words = words.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
        Some((PackedPlane { asleep: asleep.to_vec(), is_awake: is_awake != 0, marked, words }, lost))
    }
}

impl PlaneLayout {
    /// The voxels of a run, which become background.
    fn take_run(&self, bits: &mut [u8], run: usize) -> u64 {
        let [row, place] = self.runs.place(run);
        let first = row * self.stride + 8 * place;
        let own = u64::MAX >> (64 - (self.width - 64 * place).min(64));
        let voxels = around::bits_after(bits, first, 1) & own;
        let bytes = &mut bits[first..][..16];
        let wide = u128::from_le_bytes((&*bytes).try_into().expect("sixteen bytes")) & !(u128::from(voxels) << 1);
        bytes.copy_from_slice(&wide.to_le_bytes());
        voxels
    }

    /// Adds the voxels of a run; `None` if there is no such run.
    fn put_run(&self, bits: &mut [u8], run: usize, voxels: u64) -> Option<()> {
        let [row, place] = self.runs.place(run);
        (row <= self.height + 1 && 64 * place < self.width).then(|| self.write(bits, [row, 64 * place + 1], voxels))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn planes_are_unpacked_as_they_were_packed_and_not_by_another_layout(
            shape in [1usize..3, 1usize..9, 1usize..200],
            voxels in prop::collection::vec(any::<[prop::sample::Index; 2]>(), 0..40),
            marks in prop::collection::vec((0usize..9, any::<prop::sample::Index>()), 0..9),
            lost in (prop::collection::vec(any::<u32>(), 0..9), prop::collection::vec(any::<u8>(), 0..9)),
            awake: bool,
        ) {
            let layout = PlaneLayout::new(shape);
            let mut plane = Plane::default();
            let own = |[y, x]: &[prop::sample::Index; 2]| [y.index(shape[1]) + 1, x.index(shape[2]) + 1];
            if !voxels.is_empty() {
                (plane.bits, plane.filled) = (vec![0; layout.bytes()], layout.no_runs());
            }
            for place in voxels.iter().map(own) {
                layout.write(&mut plane.bits, place, 1);
                layout.runs.mark_all(place, 1, &mut plane.filled);
            }
            if awake {
                for (sub_iteration, at) in marks {
                    let marks = plane.marks(sub_iteration, &layout);
                    let at = at.index(marks.len());
                    marks[at] |= 1;
                    plane.mark(sub_iteration);
                }
            } else {
                plane.sleep();
            }
            let before = format!("{plane:?}");
            let (packed, bits) = PackedPlane::new(plane, &layout);
            prop_assert!(bits.iter().flatten().all(|&byte| byte == 0));
            let lost = Lost::of_parts(lost.0, lost.1);
            let bytes = packed.to_bytes(&lost);
            let (packed, lost_again) = PackedPlane::of_bytes(&bytes).unwrap();
            prop_assert_eq!(lost_again, lost);
            prop_assert!(PackedPlane::of_bytes(&bytes[..2]).is_none());
            let other = PlaneLayout::new([1, 90, 90]);
            prop_assert!(!packed.is_awake || packed.clone().unpacked(&other, &mut Vec::new()).is_none());
            let again = packed.unpacked(&layout, &mut bits.into_iter().collect()).unwrap();
            prop_assert_eq!(format!("{again:?}"), before);
        }
    }
}
