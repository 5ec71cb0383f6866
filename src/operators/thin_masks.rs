//! Thinning by the engine that suits a volume: by planes where that is possible, and by chunks otherwise.

use timely::dataflow::StreamVec;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::failure::Failure;
use super::read::Selection;
use super::thin::{ThinChunks, ThinningPlan, WatchThinning};
use super::thin_planes::{Provisions, ThinFirst, ThinPlanes, suits};
use crate::grid::ChunkId;
use crate::kernel::mask::Mask;
use crate::kernel::thin::change::Change;

/// Extension trait on streams of masks.
pub trait ThinMasks<'scope, T: Timestamp + TotalOrder> {
    /// The masks of chunks, thinned together, as [`ThinChunks::thin`] returns them.
    ///
    /// A volume is thinned by planes ([`ThinPlanes`]) if the method has six directions, and there are enough planes for all
    /// workers: faster than by chunks, and where `provisions` have an inflow only the planes that are awake are held; without
    /// one, planes wait until all chunks have come. With `keep`, these are the first masks that come ([`ThinFirst`]); later
    /// changes are thinned by chunks; of the provisions, [`Provisions::first`] is of use then.
    /// [`ThinningCounts::by_planes`](super::thin::ThinningCounts::by_planes) says which engine ran.
    fn thin_masks(
        self,
        plan: ThinningPlan,
        provisions: Provisions,
        watch: impl WatchThinning + Clone + 'static,
        failure: Failure,
    ) -> StreamVec<'scope, T, (ChunkId, Option<Mask>)>;
}

impl<'scope, T: Timestamp + TotalOrder> ThinMasks<'scope, T> for StreamVec<'scope, T, (ChunkId, Change)> {
    fn thin_masks(
        self,
        plan: ThinningPlan,
        provisions: Provisions,
        watch: impl WatchThinning + Clone + 'static,
        failure: Failure,
    ) -> StreamVec<'scope, T, (ChunkId, Option<Mask>)> {
        let ThinningPlan { grid, method, keep } = plan;
        // The bounds of a volume that changes are not known yet: the operator of the first masks looks at their box.
        let chunks = || provisions.inflow.as_ref().map_or(&Selection::All, |inflow| &inflow.chunks).count(&grid);
        match method.retest_by_planes().filter(|_| keep || suits(&grid, chunks(), self.scope().peers())) {
            Some(retest) if keep => {
                let first = self.thin_first(grid, retest, provisions.first, watch.clone(), failure.clone());
                first.thin(plan, watch, failure)
            }
            Some(retest) => self.thin_planes(grid, retest, provisions, watch, failure),
            None => self.thin(plan, watch, failure),
        }
    }
}
