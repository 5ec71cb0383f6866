//! Filters between the threshold and what follows from masks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use differential_dataflow::VecCollection;
use differential_dataflow::lattice::Lattice;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Concat;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::vec::Map;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use super::{ChangedMasks, FilterMasks, FilterPlan, Filtered};
use crate::grid::ChunkId;
use crate::kernel::filter::amount::Amounts;
use crate::kernel::mask::Mask;
use crate::kernel::mask::binarise::Foreground;
use crate::kernel::thin::change::Change;
use crate::operators::binarise::Binaries;
use crate::operators::held::HoldLatest;

/// How much filters change, in amounts by part of the volume that are to be added up.
pub type FilteredAmounts<'scope, T> = VecCollection<'scope, T, Amounts>;

/// Extension trait on masks with what is known about the image's values.
pub trait FilterBinaries<'scope, T: Timestamp>: Sized {
    /// The masks after all filters of a plan, and how much these change. In chunks where voxels are filled, values vary:
    /// those of the filled voxels are the image's too. See [`FilterMasks`]. Without filters nothing is held, and nothing waits.
    fn filter(self, plan: &FilterPlan) -> (Self, Option<FilteredAmounts<'scope, T>>);
}

impl<'scope, T: Timestamp + Lattice + TotalOrder> FilterBinaries<'scope, T> for Binaries<'scope, T> {
    fn filter(self, plan: &FilterPlan) -> (Self, Option<FilteredAmounts<'scope, T>>) {
        if plan.filters.is_empty() {
            return (self, None);
        }
        let Binaries { masks, foregrounds, strong } = self;
        let masks = masks.map(|(id, change)| (id, change.mask()));
        let Filtered { masks, filled, amounts } = masks.held().filter_masks(Some(strong.clone().held()), plan);
        let changed = masks.changed();
        let mut statements = foregrounds.map(|(id, foreground)| (id, Statement::Values(foreground)));
        if let Some(filled) = filled {
            statements = statements.concat(filled.inner.map(|(id, _, diff)| (id, Statement::Filled(diff))));
        }
        let foregrounds = changed.clone().foregrounds(statements);
        let masks = changed.map(|(id, mask)| match mask {
            Some(mask) => (id, Change::Mask(mask)),
            None => (id, Change::Gone),
        });
        (Binaries { masks, foregrounds, strong }, Some(amounts))
    }
}

/// What is said about the values of a chunk.
#[derive(Clone, Debug)]
enum Statement {
    /// Those of the foreground before filters.
    Values(Foreground),
    /// So many more parts of holes are filled.
    Filled(isize),
}

/// Extension trait on masks that change.
trait StateForegrounds<'scope, T: Timestamp> {
    /// What is known about the values of each mask: one record for each that is not `None`, at its time. Holds what was said
    /// about each chunk.
    fn foregrounds(
        self,
        statements: StreamVec<'scope, T, (ChunkId, Statement)>,
    ) -> StreamVec<'scope, T, (ChunkId, Foreground)>;
}

impl<'scope, T: Timestamp + TotalOrder> StateForegrounds<'scope, T>
    for StreamVec<'scope, T, (ChunkId, Option<Arc<Mask>>)>
{
    fn foregrounds(
        self,
        statements: StreamVec<'scope, T, (ChunkId, Statement)>,
    ) -> StreamVec<'scope, T, (ChunkId, Foreground)> {
        self.binary_frontier::<_, CapacityContainerBuilder<Vec<_>>, _, _, _, _>(
            statements,
            Pipeline,
            Pipeline,
            "StateForegrounds",
            |_, _| {
                let mut values: BTreeMap<ChunkId, Foreground> = BTreeMap::new();
                let mut filled: BTreeMap<ChunkId, isize> = BTreeMap::new();
                let mut said: BTreeMap<T, Vec<(ChunkId, Statement)>> = BTreeMap::new();
                let mut changed = BTreeMap::new();
                move |(masks, masks_until), (statements, said_until), output| {
                    statements.for_each(|capability, records| {
                        if let Some(time) = capability.least() {
                            said.entry(time.clone()).or_default().append(records);
                        }
                    });
                    masks.for_each(|capability, records| {
                        let Some(held) = capability.retain_least(output.output_index()) else { return };
                        let time = held.time().clone();
                        let (_, chunks) = changed.entry(time).or_insert_with(|| (held, BTreeSet::new()));
                        chunks.extend(records.drain(..).filter_map(|(id, mask)| mask.map(|_| id)));
                    });
                    while let Some(entry) = changed.first_entry() {
                        if masks_until.less_equal(entry.key()) || said_until.less_equal(entry.key()) {
                            break;
                        }
                        let (time, (capability, chunks)) = entry.remove_entry();
                        let later = said.split_off(&time);
                        let mut now = std::mem::replace(&mut said, later);
                        now.extend(said.remove_entry(&time));
                        for (id, statement) in now.into_values().flatten() {
                            match statement {
                                Statement::Values(foreground) => _ = values.insert(id, foreground),
                                Statement::Filled(diff) => *filled.entry(id).or_default() += diff,
                            }
                        }
                        filled.retain(|_, count| *count != 0);
                        let mut session = output.session(&capability);
                        for id in chunks {
                            let known = match filled.contains_key(&id) {
                                true => Some(Foreground::Varying),
                                false => values.get(&id).cloned(),
                            };
                            session.give_iterator(known.into_iter().map(|foreground| (id, foreground)));
                        }
                    }
                }
            },
        )
    }
}
