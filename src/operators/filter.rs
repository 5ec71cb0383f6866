//! Filters of the foreground, maintained: masks in, masks out.
//!
//! A filter decides about components, which may lie in any number of chunks. What a chunk finds in its own mask goes up
//! the octree until components are complete ([`super::descent`]), what is decided comes down again, and the chunks where
//! something was decided change their masks.

mod binaries;
mod largest;
mod masks;

use std::collections::BTreeSet;

use differential_dataflow::lattice::Lattice;
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use timely::dataflow::operators::Exchange;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

pub use self::binaries::{FilterBinaries, FilteredAmounts};
use self::largest::Largest;
pub use self::masks::ChangedMasks;
use crate::grid::{ChunkId, Grid};
use crate::kernel::filter::amount::{Amounts, Kind};
use crate::kernel::filter::apply::applied;
use crate::kernel::filter::components::components;
use crate::kernel::filter::enclosed::enclosed;
use crate::kernel::filter::rule::{Filter, Ranked, Size};
use crate::kernel::mask::{Layout, Mask};
use crate::kernel::network::octree::Octree;
use crate::kernel::objects::descent::Place;
use crate::kernel::objects::local::Local;
use crate::kernel::objects::sides::Step;
use crate::operators::descent::{Descend, TraceParts};
use crate::operators::objects::JoinObjects;
use crate::operators::objects::seams::KnownLinks;
use crate::operators::reduce_chunks::ReduceChunks;
use crate::operators::shared::Shared;
use crate::space::Voxel;

/// The masks of chunks that have foreground; halos are empty.
pub type Masks<'scope, T> = VecCollection<'scope, T, (ChunkId, Shared<Mask>)>;

/// How masks are filtered.
#[derive(Clone, Debug)]
pub struct FilterPlan {
    /// The chunks.
    pub grid: Grid,
    /// Whether the image is two-dimensional: then nothing lies beyond its only plane.
    pub planar: bool,
    /// The filters, in the order in which they work.
    pub filters: Vec<Filter>,
}

/// Filtered masks.
pub struct Filtered<'scope, T: Timestamp> {
    /// The masks of chunks that have foreground.
    pub masks: Masks<'scope, T>,
    /// For each part of a hole that is filled, its chunk, at the chunk's owner.
    pub filled: Option<VecCollection<'scope, T, ChunkId>>,
    /// How much filters change, as any number of records.
    pub amounts: VecCollection<'scope, T, Amounts>,
}

impl<T: Timestamp> std::fmt::Debug for Filtered<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filtered").finish_non_exhaustive()
    }
}

/// Extension trait on masks.
pub trait FilterMasks<'scope, T: Timestamp> {
    /// The masks after all filters of a plan. `strong` are the masks of strong voxels, for [`Filter::Hysteresis`].
    ///
    /// Masks must be at their chunks' owners by [`Grid::owner`], and come out there. A change computes the components of
    /// its chunk again, joins one path of boxes of the octree for each, and goes through the masks again in which the
    /// verdict on a part has changed. Holds the masks, which are shared, and for each component that lies in several
    /// chunks its parts. Each filter ends with a time before the next one begins.
    fn filter_masks(self, strong: Option<Masks<'scope, T>>, plan: &FilterPlan) -> Filtered<'scope, T>;
}

impl<'scope, T: Timestamp + Lattice + TotalOrder> FilterMasks<'scope, T> for Masks<'scope, T> {
    fn filter_masks(self, strong: Option<Masks<'scope, T>>, plan: &FilterPlan) -> Filtered<'scope, T> {
        let amounts = self.clone().filter(|_| false).map(|_| Amounts::default());
        let mut filtered = Filtered { masks: self, filled: None, amounts };
        for &filter in &plan.filters {
            let strong = strong.clone().filter(|_| filter == Filter::Hysteresis);
            let next = Pass { filter, grid: plan.grid, planar: plan.planar }.apply(filtered.masks, strong);
            let amounts = filtered.amounts.concat(next.amounts);
            filtered = Filtered { masks: next.masks, filled: next.filled.or(filtered.filled), amounts };
        }
        filtered
    }
}

/// What a chunk knows before it finds its components.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Seen {
    /// Its mask; `None` where all is background.
    Own(Option<Shared<Mask>>),
    Strong(Shared<Mask>),
    /// There is a chunk at a step.
    Near(Step),
}

/// What changes a mask.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Shaped {
    Own(Option<Shared<Mask>>),
    /// A part that the filter has chosen, by its first voxel.
    Chosen(Voxel),
}

/// One filter.
#[derive(Clone, Copy)]
struct Pass {
    filter: Filter,
    grid: Grid,
    planar: bool,
}

impl Pass {
    fn apply<'scope, T: Timestamp + Lattice + TotalOrder>(
        self,
        masks: Masks<'scope, T>,
        strong: Option<Masks<'scope, T>>,
    ) -> Filtered<'scope, T> {
        let (Pass { filter, grid, .. }, octree) = (self, Octree::new(self.grid));
        let mut own = masks.clone().map(|(id, mask)| (id, Some(mask)));
        if filter.fills() {
            own = own.concat(self.enclosed(masks));
        }
        let joined = self
            .components(own.clone(), strong)
            .object_parts(octree, filter.connectivity(), false, &KnownLinks::default())
            .0
            .trace_parts(octree);
        let mut amounts = joined.wholes.clone().map(move |(_, object)| filter.amount(object.sums));
        let chosen = joined.wholes.filter(move |(_, object)| filter.chooses(object.sums));
        let chosen = match filter.limit() {
            None => chosen.map(|(place, _)| place),
            Some(count) => {
                let largest = chosen.map(|(place, object)| Ranked::new(&object, place)).largest(count);
                let kept = largest.clone().map(|ranked| Amounts::of(Kind::Largest, ranked.voxels()));
                amounts = amounts.concat(kept.negate());
                largest.map(|ranked| ranked.place)
            }
        };
        let chosen = chosen.map(|place: Place| (place, ())).descend(joined.members, octree);
        let chosen = chosen.map(move |(first, ())| (grid.chunk_at(first.position()), first));
        let filled = filter.fills().then(|| {
            let peers = chosen.inner.scope().peers();
            let filled = chosen.clone().map(|(id, _)| id).inner;
            filled.exchange(move |(id, _, _)| grid.owner(*id, peers) as u64).as_collection()
        });
        let shaped = own.map(|(id, mask)| (id, Shaped::Own(mask)));
        let shaped = shaped.concat(chosen.map(|(id, first)| (id, Shaped::Chosen(first))));
        let masks = shaped.reduce_at_owners(grid, "ApplyFilter", move |id, shaped, output| {
            let mut own = None;
            let mut chosen = Vec::new();
            for (shaped, _) in shaped {
                match shaped {
                    Shaped::Own(mask) => own = Some(mask),
                    Shaped::Chosen(first) => chosen.push(*first),
                }
            }
            let Some(mask) = own else { return };
            if chosen.is_empty() && filter.limit().is_none() {
                output.extend(mask.clone().map(|mask| (mask, 1)));
                return;
            }
            let of_background = || Shared::new(Mask::new(Layout::new(grid.region(*id))));
            let mask = mask.clone().unwrap_or_else(of_background);
            output.extend(applied(filter, &mask, &chosen).map(|mask| (Shared::new(mask), 1)));
        });
        Filtered { masks, filled, amounts: amounts.filter(|amounts| *amounts != Amounts::default()) }
    }

    /// Chunks without foreground that the others enclose.
    fn enclosed<'scope, T: Timestamp + Lattice>(
        self,
        masks: Masks<'scope, T>,
    ) -> VecCollection<'scope, T, (ChunkId, Option<Shared<Mask>>)> {
        let planar = self.planar;
        let enclosed = masks.map(|(id, _)| ((), id)).reduce_named("EncloseChunks", move |(), chunks, output| {
            let chunks: BTreeSet<ChunkId> = chunks.iter().map(|(id, _)| **id).collect();
            output.extend(enclosed(&chunks, planar).into_iter().map(|id| (id, 1)));
        });
        enclosed.map(|((), id)| (id, None))
    }

    /// The components of each chunk.
    fn components<'scope, T: Timestamp + Lattice>(
        self,
        own: VecCollection<'scope, T, (ChunkId, Option<Shared<Mask>>)>,
        strong: Option<Masks<'scope, T>>,
    ) -> VecCollection<'scope, T, (ChunkId, Shared<Local<Size>>)> {
        let Pass { filter, grid, planar } = self;
        let seen = own.flat_map(move |(id, mask)| {
            let near = faces(planar).filter(move |_| filter.fills());
            let near = near.map(move |step| (id.offset(step), Seen::Near(step.map(|d| -d))));
            near.chain([(id, Seen::Own(mask))])
        });
        let seen = match strong {
            Some(strong) => seen.concat(strong.map(|(id, mask)| (id, Seen::Strong(mask)))),
            None => seen,
        };
        seen.reduce_at_owners(grid, "FindComponents", move |id, seen, output| {
            let (mut own, mut strong, mut near) = (None, None, BTreeSet::new());
            for (seen, _) in seen {
                match seen {
                    Seen::Own(mask) => own = Some(mask),
                    Seen::Strong(mask) => strong = Some(mask),
                    Seen::Near(step) => {
                        near.insert(*step);
                    }
                }
            }
            let Some(mask) = own else { return };
            let is_open = |step: Step| !(near.contains(&step) || planar && step[0] != 0);
            let is_there = |step: Step| match filter.fills() {
                true => near.contains(&step),
                false => !grid.region(id.offset(step)).is_empty(),
            };
            let of_background = || Shared::new(Mask::new(Layout::new(grid.region(*id))));
            let mask = mask.clone().unwrap_or_else(of_background);
            let found = components(filter, &mask, strong.map(|mask| &**mask), is_there, is_open);
            output.push((Shared::new(found), 1));
        })
    }
}

/// The steps to the chunks at the faces of one.
fn faces(planar: bool) -> impl Iterator<Item = Step> {
    (usize::from(planar)..3).flat_map(|axis| {
        [-1, 1].map(|d| {
            let mut step = [0; 3];
            step[axis] = d;
            step
        })
    })
}

#[cfg(test)]
mod tests;
