//! The records of a chunk.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::counted::Counted;
use super::dependencies::hash_words;
use super::kind::{Record, RecordKind};
use super::seen::Seen;
use crate::grid::{ChunkId, Grid};
use crate::kernel::image::project::Projections;
use crate::kernel::mask::places::Places;
use crate::kernel::mask::threshold::Threshold;
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::network::skeleton::Skeleton;
use crate::kernel::thin::seam::Seams;
use crate::kernel::thin::seam_log::SeamLog;
use crate::space::{Region, Voxel};
use crate::store::Mark;

/// The mask record of a chunk, which replaces reading the chunk again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MaskRecord {
    /// The chunk's box, clipped to the volume's bounds.
    pub own: Region,
    /// The box on which its mask depends: `own` with the reach of smoothing, clipped to the bounds.
    pub padded: Region,
    /// The store's mark of `padded`, taken before `padded` was read.
    pub mark: Option<Mark>,
    /// A hash of the values of `padded`; 0 if none are stored.
    pub fingerprint: u64,
    /// The threshold of the mask.
    pub threshold: Threshold,
    /// Number of foreground voxels.
    pub foreground: u64,
    /// The value of the foreground if it is constant, as in a mask image.
    pub constant: Option<i64>,
    /// The mask with an empty halo, in the layout of the chunk on the state's grid; `None` if all voxels are
    /// background.
    pub mask: Option<Arc<Mask>>,
    /// The strong voxels in the same layout, if the threshold asks for them and the chunk has any.
    pub strong: Option<Arc<Mask>>,
    /// The counts of the chunk, if the threshold is found automatically.
    pub count: Option<Counted>,
    /// The chunk's part of the overview.
    pub projections: Option<Projections>,
}

/// The thinning record of a chunk, which replaces thinning the chunk again. Only chunks with foreground have one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThinningRecord {
    mask: u64,
    seen: Seen,
    /// The mask before thinning, with its halo.
    pub initial: Arc<Mask>,
    /// The decisions that crossed its seams during thinning.
    pub log: Arc<SeamLog>,
    /// The skeleton of the chunk, if it has any voxels.
    pub skeleton: Option<Arc<Skeleton>>,
    /// The fingerprint of the mask record from which the skeleton has its values.
    pub fingerprint: u64,
}

impl ThinningRecord {
    /// The record of a chunk with these seams, mask and halo before thinning, log and skeleton.
    pub fn new(
        seams: &Seams,
        initial: Arc<Mask>,
        log: Arc<SeamLog>,
        skeleton: Option<Arc<Skeleton>>,
        fingerprint: u64,
    ) -> Self {
        let seen = Seen::new(seams, &initial, &log);
        ThinningRecord { mask: hash_of_mask(Some(&initial)), seen, initial, log, skeleton, fingerprint }
    }

    /// The hash of the mask before thinning.
    pub fn mask(&self) -> u64 {
        self.mask
    }

    /// The hashes of what crossed the seams, which [`verify`](super::verify) compares.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }
}

/// A hash of the own voxels of a mask; 0 if there are none. It links a thinning record to the current mask record of
/// the chunk.
pub(crate) fn hash_of_mask(mask: Option<&Mask>) -> u64 {
    let mut words = mask.map(|mask| mask.cut(&mask.layout().own)).unwrap_or_default();
    if words.iter().all(|&word| word == 0) { 0 } else { hash_words(&mut words) }
}

impl Record for MaskRecord {
    const KIND: RecordKind = RecordKind { number: 1, version: 4, name: "masks", folder: "masks" };

    fn fits(&self, grid: &Grid, id: ChunkId) -> bool {
        let region = grid.region(id);
        let boxes = !self.own.is_empty()
            && region.encloses(&self.own)
            && self.padded.encloses(&self.own)
            && Region::new(Voxel::MIN, Voxel::END).encloses(&self.padded);
        let mask = match &self.mask {
            None => self.foreground == 0,
            Some(mask) => {
                let ones = mask.ones() as u64;
                mask.layout().own == region && mask.has_empty_halo() && ones > 0 && ones == self.foreground
            }
        };
        let is_part = |strong: &Arc<Mask>| {
            let mut inside = Mask::clone(strong);
            self.mask.as_ref().is_some_and(|mask| {
                strong.layout() == mask.layout() && {
                    inside.intersect(mask);
                    inside == **strong
                }
            })
        };
        boxes
            && mask
            && self.strong.as_ref().is_none_or(is_part)
            && self.count.as_ref().is_none_or(Counted::is_sound)
            && self.projections.as_ref().is_none_or(|projections| projections.is_of(&self.own))
    }
}

impl Record for ThinningRecord {
    const KIND: RecordKind = RecordKind { number: 2, version: 2, name: "thinning", folder: "thinned" };

    fn fits(&self, grid: &Grid, id: ChunkId) -> bool {
        let layout = *self.initial.layout();
        let (region, places) = (grid.region(id), Places::new(&layout));
        layout.own == region
            && self.log.sent.is_sound(|bit| place(&layout, &places, bit) == Place::Own)
            && self.log.received.is_sound(|bit| place(&layout, &places, bit) == Place::Halo)
            && self.skeleton.as_ref().is_none_or(|skeleton| skeleton.is_sound(&region))
    }
}

#[derive(PartialEq, Eq)]
enum Place {
    Own,
    Halo,
    Nowhere,
}

/// The place of a bit index in a layout.
fn place(layout: &Layout, places: &Places, bit: u32) -> Place {
    let [nz, ny, nx] = layout.shape.map(|n| n as u32);
    let [z, y, x] = places.padded(bit);
    let own = |p: u32, n: u32| (1..=n).contains(&p);
    if z > nz + 1 || x > nx + 1 {
        Place::Nowhere
    } else if own(z, nz) && own(y, ny) && own(x, nx) {
        Place::Own
    } else {
        Place::Halo
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::thin::seam_log::Decisions;

    proptest! {
        #[test]
        fn a_mask_comes_back_from_its_bytes_and_no_others_are_taken_for_it(
            shape in prop::array::uniform3(1usize..20),
            voxels in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        ) {
            let layout = Layout::new(Region::of_shape(shape).shifted([-3, 5, 7]));
            let mut mask = Mask::new(layout);
            for voxel in voxels {
                // Includes halos.
                mask.set(layout.bit(shape.map(|n| voxel.index(n + 2))));
            }
            let bytes = postcard::to_stdvec(&mask).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<Mask>(&bytes).unwrap(), &mask);
            for at in 0..bytes.len() {
                prop_assert!(postcard::from_bytes::<Mask>(&bytes[..at]).is_err());
                let damaged = [&bytes[..at], &[!bytes[at]], &bytes[at + 1..]].concat();
                prop_assert!(postcard::from_bytes::<Mask>(&damaged).ok().is_none_or(|other| other != mask));
            }
        }

        #[test]
        fn decisions_come_back_from_their_bytes(
            lists in prop::collection::vec(prop::collection::btree_set(prop_oneof![0u32..300, any::<u32>()], 0..9), 0..9),
            more in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            let mut decisions = Decisions::default();
            for (at, list) in lists.into_iter().enumerate() {
                decisions.set(at, &mut list.into_iter().collect());
            }
            let bytes = postcard::to_stdvec(&decisions).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Decisions>(&bytes).unwrap(), decisions);
            prop_assert!((0..bytes.len()).all(|end| postcard::from_bytes::<Decisions>(&bytes[..end]).is_err()));
            // Whatever the bytes are, what comes out of them can be used.
            if let Ok(any) = postcard::from_bytes::<Decisions>(&[&[more.len() as u8], &more[..]].concat()) {
                prop_assert!((0..any.len()).map(|at| any.at(at).len()).sum::<usize>() <= more.len());
            }
        }
    }

    #[test]
    fn every_bit_of_a_layout_lies_inside_or_around_or_nowhere() {
        let layout = Layout::new(Region::new([4, -5, 6], [7, -3, 13]));
        for bit in 0..=layout.bytes() * 8 {
            let position = layout.position(bit);
            let expected = match (layout.own.contains(position), layout.own.dilated([1; 3]).contains(position)) {
                (true, _) => Place::Own,
                (_, true) => Place::Halo,
                _ => Place::Nowhere,
            };
            assert!(place(&layout, &Places::new(&layout), bit as u32) == expected, "bit {bit}");
        }
    }
}
