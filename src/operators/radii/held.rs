//! The original masks of a worker's own chunks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::grid::ChunkId;
use crate::kernel::mask::packed::PackedMask;
use crate::kernel::measure::distance::Original;

/// Masks that are unpacked at a time.
const MOST_OPEN: usize = if cfg!(test) { 3 } else { 64 };

/// The original masks of a worker's own chunks: packed, while nobody looks at them, if no one else holds them and that takes
/// less memory.
#[derive(Default)]
pub(super) struct HeldMasks {
    /// Those that are missing are background.
    held: BTreeMap<ChunkId, Held>,
    /// Those that were packed and are looked at.
    open: RefCell<BTreeMap<ChunkId, Original>>,
}

/// An original mask as it is held.
pub(super) enum Held {
    Original(Original),
    Packed(PackedMask),
}

impl HeldMasks {
    /// The mask of a chunk.
    pub(super) fn get(&self, chunk: ChunkId) -> Original {
        match self.held.get(&chunk) {
            None => Original::Background,
            Some(Held::Original(original)) => original.clone(),
            Some(packed) => {
                let mut open = self.open.borrow_mut();
                if open.len() >= MOST_OPEN && !open.contains_key(&chunk) {
                    open.clear();
                }
                open.entry(chunk).or_insert_with(|| packed.opened()).clone()
            }
        }
    }

    /// Replaces the mask of a chunk. Returns whether it is another one than before.
    pub(super) fn set(&mut self, chunk: ChunkId, held: Held) -> bool {
        let is_background = matches!(held, Held::Original(Original::Background));
        let changes = match self.held.get(&chunk) {
            None => !is_background,
            Some(_) => self.get(chunk) != held.opened(),
        };
        self.open.get_mut().remove(&chunk);
        if is_background {
            self.held.remove(&chunk)
        } else {
            self.held.insert(chunk, held)
        };
        changes
    }

    /// Lets go of what was unpacked.
    pub(super) fn close(&mut self) {
        self.open.get_mut().clear();
    }
}

impl Held {
    /// A mask, packed where nobody else holds it.
    pub(super) fn new(original: Original) -> Self {
        let packed = match &original {
            Original::Mixed(mixed) if Arc::strong_count(mixed.mask()) == 1 => PackedMask::new(mixed.mask()),
            _ => None,
        };
        packed.map_or(Held::Original(original), Held::Packed)
    }

    fn opened(&self) -> Original {
        match self {
            Held::Original(original) => original.clone(),
            Held::Packed(packed) => Original::mixed(Arc::new(packed.unpacked())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Grid;
    use crate::kernel::mask::{Layout, Mask};
    use crate::space::Region;

    #[test]
    fn masks_are_packed_where_nobody_else_holds_them_and_come_out_as_they_went_in() {
        let grid = Grid::new(Region::of_shape([9, 1, 900]), [1, 1, 90]);
        let mask = |chunk: ChunkId, x: i64| {
            let region = grid.region(chunk);
            let mut mask = Mask::new(Layout::new(region));
            mask.set(mask.layout().bit_at([region.min[0], region.min[1], region.min[2] + x]));
            Arc::new(mask)
        };
        let mut held = HeldMasks::default();
        let shared = mask(grid.chunk_at([0; 3]), 7);
        assert!(held.set(grid.chunk_at([0; 3]), Held::new(Original::new(Some(Arc::clone(&shared))))));
        let others: Vec<ChunkId> = grid.chunks().skip(1).collect();
        for &chunk in &others {
            assert!(held.set(chunk, Held::new(Original::new(Some(mask(chunk, 5))))));
        }
        let packed = held.held.values().filter(|held| matches!(held, Held::Packed(_))).count();
        assert_eq!((packed, held.held.len()), (others.len(), others.len() + 1));
        for &chunk in &others {
            assert_eq!(held.get(chunk), Original::new(Some(mask(chunk, 5))));
            assert!(held.open.borrow().len() <= MOST_OPEN);
        }
        let (same, other) = (others[others.len() - 1], others[0]);
        assert!(!held.set(same, Held::new(Original::new(Some(mask(same, 5))))));
        assert!(held.set(other, Held::new(Original::new(Some(mask(other, 6))))));
        assert_eq!(held.get(other), Original::new(Some(mask(other, 6))));
        held.close();
        assert!(held.set(other, Held::new(Original::Background)) && held.open.borrow().is_empty());
        assert_eq!(held.get(other), Original::Background);
    }
}
