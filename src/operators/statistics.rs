//! Statistics of the branch table, maintained while rows come and go: the last operator of an analysis.

use std::collections::BTreeMap;
use std::sync::Arc;

use timely::container::CapacityContainerBuilder;
use timely::dataflow::StreamVec;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::operator::Operator;
use timely::order::TotalOrder;
use timely::progress::Timestamp;

use crate::kernel::measure::channel::Measured;
use crate::kernel::shelf::Shelf;
use crate::table::branch_columns::Columns;
use crate::table::changes::{AddedUp, RowChanges};
use crate::table::statistics::{Snapshot, Statistics};

/// Extension trait on streams of records that stand for rows of the table.
pub trait MaintainStatistics<'scope, T: Timestamp + TotalOrder, D> {
    /// The statistics of the described columns of all rows up to a time, once for each time that changes rows, at the
    /// first worker. `rows` adds or removes the rows of a record.
    ///
    /// They depend on the rows only, to the last bit: sums are exact, also after removals, and quartiles come from
    /// counts. A time costs in proportion to its changed rows and the logarithm of all. Every worker adds up some thousands of its own
    /// changes of a time before it sends them. Holds a number for every distinct value of the described columns, or, with a
    /// shelf, for some thousands of them: for rows that are only added.
    fn statistics<M: Measured>(
        self,
        columns: &Columns<M>,
        shelf: Option<Arc<dyn Shelf>>,
        rows: impl FnMut(D, &mut RowChanges<M>) + 'static,
    ) -> StreamVec<'scope, T, Snapshot>;
}

impl<'scope, T: Timestamp + TotalOrder, D: 'static> MaintainStatistics<'scope, T, D> for StreamVec<'scope, T, D> {
    fn statistics<M: Measured>(
        self,
        columns: &Columns<M>,
        shelf: Option<Arc<dyn Shelf>>,
        mut rows: impl FnMut(D, &mut RowChanges<M>) + 'static,
    ) -> StreamVec<'scope, T, Snapshot> {
        let (none, mut statistics) = (RowChanges::new(columns), Statistics::new(columns));
        if let Some(shelf) = &shelf {
            statistics = statistics.with_shelf(shelf);
        }
        let added =
            self.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(Pipeline, "AddUpRows", move |_, _| {
                let mut waiting = BTreeMap::new();
                move |(input, frontier), output| {
                    input.for_each(|capability, records| {
                        if let Some(capability) = capability.retain_least(output.output_index()) {
                            let time = capability.time().clone();
                            let (held, changes) = waiting.entry(time).or_insert_with(|| (capability, none.clone()));
                            for record in records.drain(..) {
                                rows(record, changes);
                                if changes.are_many() {
                                    let many = std::mem::replace(changes, none.clone());
                                    output.session(held).give(many.add_up());
                                }
                            }
                        }
                    });
                    while let Some(entry) = waiting.first_entry() {
                        if frontier.less_equal(entry.key()) {
                            break;
                        }
                        let (capability, changes) = entry.remove();
                        output.session(&capability).give(changes.add_up());
                    }
                }
            });
        let to_first = Exchange::new(|_: &AddedUp| 0);
        added.unary_frontier::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
            to_first,
            "MaintainStatistics",
            move |_, _| {
                let mut waiting = BTreeMap::new();
                move |(input, frontier), output| {
                    input.for_each(|capability, changes| {
                        if let Some(capability) = capability.retain_least(output.output_index()) {
                            let time = capability.time().clone();
                            let (_, all) = waiting.entry(time).or_insert_with(|| (capability, Vec::new()));
                            all.append(changes);
                        }
                    });
                    while let Some(mut entry) = waiting.first_entry() {
                        // No earlier changes can come.
                        if !frontier.less_than(entry.key()) {
                            entry.get_mut().1.drain(..).for_each(|changes| statistics.apply(&changes));
                        }
                        if frontier.less_equal(entry.key()) {
                            break;
                        }
                        let (capability, _) = entry.remove();
                        output.session(&capability).give(statistics.snapshot());
                    }
                }
            },
        )
    }
}
