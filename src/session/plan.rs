//! What all workers of a session know from the start.

use std::sync::Arc;

use super::new_mask::Preparation;
use super::records::Keeping;
use crate::grid::Grid;
use crate::kernel::filter::rule::Filter;
use crate::kernel::mask::binarise::Binarise;
use crate::kernel::thin::method::Method;
use crate::operators::network::NetworkPlan;
use crate::operators::objects::find::ObjectPlan;
use crate::operators::objects::seams::KnownLinks;
use crate::progress::ProgressState;

/// What all workers of a session know from the start.
pub(super) struct SessionPlan {
    /// The chunks, without bounds.
    pub(super) canvas: Grid,
    pub(super) method: Method,
    /// The filters of masks before thinning.
    pub(super) filters: Vec<Filter>,
    /// The kernel that makes masks of values from outside.
    pub(super) kernel: Binarise,
    pub(super) network: NetworkPlan,
    pub(super) objects: ObjectPlan,
    /// Links between the objects of chunks, which are held for a digest.
    pub(super) links: KnownLinks,
    pub(super) keeping: Option<Keeping>,
    pub(super) progress: Arc<ProgressState>,
}

impl SessionPlan {
    /// How new masks are prepared.
    pub(super) fn preparation(&self) -> Preparation {
        let (counts, stands) = (!self.objects.table, self.filters.is_empty());
        let objects = (counts && stands).then_some(self.objects);
        Preparation { canvas: self.canvas, objects, holds: self.network.radii && stands }
    }
}
