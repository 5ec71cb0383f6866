//! What all stages of a worker share: the method, tables, and buffers, which stay in its cache.

use std::sync::Arc;

use super::{PlaneLayout, SeamWriter};
use crate::kernel::mask::around;
use crate::kernel::shelf::Shelf;
use crate::kernel::thin::lee::{Candidate, Retest, Rows};
use crate::kernel::thin::neighbourhood::Tests;

/// The tools of the stages of one worker.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) layout: PlaneLayout,
    pub(super) retest: Retest,
    pub(super) tests: &'static Tests,
    /// The bits of a plane without foreground.
    pub(super) background: Vec<u8>,
    /// Runs near deletions, and the runs that a sub-iteration visits.
    pub(super) recent: Vec<u64>,
    pub(super) near: Vec<u64>,
    /// Voxels with background in a direction.
    pub(super) border: Vec<u32>,
    /// Those of them that are candidates.
    pub(super) found: Vec<Candidate>,
    /// Unused lists, for reuse.
    pub(super) spare: Vec<Vec<u32>>,
    /// Bytes for the voxels of planes, all zero, for reuse.
    pub(super) spare_bits: Vec<Vec<u8>>,
    /// Writes seam logs, if they are needed.
    pub(super) writer: Option<SeamWriter>,
    /// Where planes are put that sleep, and those that find no room.
    pub(super) shelf: Option<Arc<dyn Shelf>>,
}

impl Bench {
    pub(super) fn new(layout: PlaneLayout, retest: Retest) -> Bench {
        Bench {
            layout,
            retest,
            tests: Tests::get(),
            background: vec![0; layout.bytes()],
            recent: layout.no_runs(),
            near: layout.no_runs(),
            border: Vec::new(),
            found: Vec::new(),
            spare: Vec::new(),
            spare_bits: Vec::new(),
            writer: None,
            shelf: None,
        }
    }
}

/// The rows of a plane and of the one above.
pub(super) struct PlaneRows<'a> {
    pub(super) above: &'a [u8],
    pub(super) here: &'a mut [u8],
    pub(super) stride: u32,
}

impl Rows for PlaneRows<'_> {
    #[inline(always)]
    fn earlier_rows(&self, bit: usize) -> u32 {
        around::earlier_rows([self.above, self.here], bit, self.stride)
    }

    #[inline(always)]
    fn clear_if(&mut self, bit: usize, clear: bool) {
        around::clear_if(self.here, bit, clear);
    }
}
