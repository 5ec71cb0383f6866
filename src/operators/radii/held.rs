//! The original masks that a worker looks at: those of its own chunks, and what others have lent it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::mask_store::Held;
use crate::grid::ChunkId;
use crate::kernel::measure::distance::Original;

/// Masks that are unpacked at a time.
const MOST_OPEN: usize = if cfg!(test) { 3 } else { 64 };

/// Original masks, of which few are unpacked at a time.
#[derive(Default)]
pub(super) struct HeldMasks {
    /// Those of own chunks; those that are missing are background.
    held: BTreeMap<ChunkId, Held>,
    /// Those of other workers' chunks, as long as a time is worked on.
    lent: BTreeMap<ChunkId, Held>,
    /// Those that were packed and are looked at.
    open: RefCell<BTreeMap<ChunkId, Original>>,
}

impl HeldMasks {
    /// The mask of an own chunk.
    pub(super) fn get(&self, chunk: ChunkId) -> Original {
        self.held.get(&chunk).map_or(Original::Background, |held| self.opened(chunk, held))
    }

    /// The same, to be lent to a worker of this process.
    pub(super) fn to_lend(&self, chunk: ChunkId) -> Held {
        self.held.get(&chunk).cloned().unwrap_or(Held::Original(Original::Background))
    }

    /// The same, to be lent to a worker of another process.
    pub(super) fn to_send(&self, chunk: ChunkId) -> Held {
        self.held.get(&chunk).map_or(Held::Original(Original::Background), Held::to_send)
    }

    /// Takes masks of others.
    pub(super) fn borrow(&mut self, masks: impl IntoIterator<Item = (ChunkId, Held)>) {
        self.lent.extend(masks);
    }

    /// The mask of a chunk of another worker, if it was lent.
    pub(super) fn borrowed(&self, chunk: ChunkId) -> Option<Original> {
        self.lent.get(&chunk).map(|held| self.opened(chunk, held))
    }

    fn opened(&self, chunk: ChunkId, held: &Held) -> Original {
        if !held.is_packed() {
            return held.opened();
        }
        let mut open = self.open.borrow_mut();
        if open.len() >= MOST_OPEN && !open.contains_key(&chunk) {
            open.clear();
        }
        open.entry(chunk).or_insert_with(|| held.opened()).clone()
    }

    /// Replaces the mask of an own chunk. Returns whether it is another one than before.
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

    /// Sets the mask of an own chunk that nothing has changed since it was measured.
    pub(super) fn keep(&mut self, chunk: ChunkId, held: Held) {
        self.held.insert(chunk, held);
    }

    /// Lets go of what was lent or unpacked.
    pub(super) fn close(&mut self) {
        self.lent.clear();
        self.open.get_mut().clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
        assert!(held.set(grid.chunk_at([0; 3]), Held::new(Original::new(Some(Arc::clone(&shared))), None)));
        let others: Vec<ChunkId> = grid.chunks().skip(1).collect();
        for &chunk in &others {
            assert!(held.set(chunk, Held::new(Original::new(Some(mask(chunk, 5))), None)));
        }
        let packed = held.held.values().filter(|held| held.is_packed()).count();
        assert_eq!((packed, held.held.len()), (others.len(), others.len() + 1));
        for &chunk in &others {
            assert_eq!(held.get(chunk), Original::new(Some(mask(chunk, 5))));
            assert!(held.open.borrow().len() <= MOST_OPEN);
        }
        let (same, other) = (others[others.len() - 1], others[0]);
        assert!(!held.set(same, Held::new(Original::new(Some(mask(same, 5))), None)));
        assert!(held.set(other, Held::new(Original::new(Some(mask(other, 6))), None)));
        assert_eq!(held.get(other), Original::new(Some(mask(other, 6))));
        held.close();
        assert!(held.set(other, Held::new(Original::Background, None)) && held.open.borrow().is_empty());
        assert_eq!(held.get(other), Original::Background);
    }
}
